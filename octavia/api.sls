{%- set on = pillar | traverse("octavia:api:enabled") %}

{%- if on %}

include:
  - octavia.conf
  - octavia.serve
  - octavia.db.offline_sync
  - octavia.alive

octavia_api_packages:
  octavia_pkg.installed:
    - roles: [api]
    - require:
      - octavia_check: octavia_preflight
    - require_in:
      - octavia_policy: octavia_policy
      - octavia_conf: octavia_conf
      - sls: octavia.serve

octavia_api_service:
  octavia_service.running:
    - role: api
    - require:
      - octavia_conf: octavia_conf
      - octavia_db: octavia_db_schema
    - watch:
      - sls: octavia.serve
{%- else %}
{%-   set role = "api" %}
{%-   include "octavia/disabled.jinja" %}
{%- endif %}
