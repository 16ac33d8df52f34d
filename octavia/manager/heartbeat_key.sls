{#- The roles as octavia/component.jinja switches them. -#}
{%- set components = pillar | traverse("octavia:manager:components") %}
{%- set services = pillar | traverse("octavia:manager:services") %}
{%- set roles = [] %}
{%- for role in ("worker", "health_manager") %}
{%-   if pillar | traverse("octavia:manager:enabled")
         and (components is none or components is sequence and role in components)
         and (services is none or services is sequence and "octavia-" ~ role | replace("_", "-") in services) %}
{%-     do roles.append(role) %}
{%-   endif %}
{%- endfor %}

{%- if roles %}

include:
  - octavia.manager

# before octavia.conf has the new key, and after all that octavia.conf names
octavia_heartbeat_key_paused:
  octavia_heartbeat.paused:
    - require:
      - octavia_conf: octavia_conf_texts
      - sls: octavia.certificates
{%-   if "worker" in roles %}
      - sls: octavia.ssh
{%-   endif %}
{%-   for role in roles %}
      - octavia_pkg: octavia_{{ role }}_packages
{%-   endfor %}
    - require_in:
      - octavia_conf: octavia_conf

octavia_heartbeat_key_spread:
  octavia_heartbeat.spread:
    - require:
      - octavia_conf: octavia_conf
{%-   if "worker" in roles %}
      - octavia_service: octavia_worker_service
{%-   endif %}
{%-   if "health_manager" in roles %}
    - require_in:
      - octavia_service: octavia_health_manager_service
{%-   endif %}

octavia_heartbeat_key_finished:
  octavia_heartbeat.finished:
    - require:
      - octavia_heartbeat: octavia_heartbeat_key_spread
{%-   if "health_manager" in roles %}
      - octavia_service: octavia_health_manager_service
{%-   endif %}

{%- else %}

include:
  - octavia.preflight

octavia_heartbeat_key_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
