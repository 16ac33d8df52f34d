{#- What serves the API: the settings of uWSGI or Apache, how its unit starts that, and its certificate where the pillar
    has the text of it. -#}
{%- set on = pillar | traverse("octavia:api:enabled") %}

include:
  - octavia.preflight

{%- if on %}
{%-   from "octavia/map.jinja" import host with context %}
{%-   if pillar | traverse("octavia:api:server") == "apache" %}
{%-     set files = {"apache": "octavia-api-apache.conf", "wsgi": "octavia-api.wsgi"} %}
{%-   else %}
{%-     set files = {"uwsgi": "octavia-api-uwsgi.ini"} %}
{%-   endif %}

{%-   for name, template in files | dictsort %}

octavia_api_{{ name }}:
  file.managed:
    - name: {{ host["api_" ~ name] }}
    - source: salt://octavia/files/{{ template }}.jinja
    - template: jinja
    - user: root
    - group: {{ host.group }}
    - mode: "0640"
    - require:
      - octavia_check: octavia_preflight
{%-   endfor %}

octavia_api_unit:
  file.managed:
    - name: {{ host.api_unit }}
    - source: salt://octavia/files/octavia-api.service.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: "0644"
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight
{%-   for name, mode in (("key", "0600"), ("cert", "0640")) %}
{%-     if pillar | traverse("octavia:api:ssl:enabled") and pillar | traverse("octavia:api:ssl:" ~ name ~ "_text") %}
{%-       import_yaml "octavia/defaults.yaml" as defaults %}

octavia_api_{{ name }}:
  file.managed:
    - name: {{ pillar | traverse("octavia:api:ssl:" ~ name, defaults.api.ssl[name]) }}
    - contents_pillar: octavia:api:ssl:{{ name }}_text
    - user: {{ host.user }}
    - group: {{ host.group }}
    - mode: "{{ mode }}"
    - dir_mode: "0750"
    - makedirs: true
    - show_changes: false
    - require:
      - octavia_check: octavia_preflight
{%-     endif %}
{%-   endfor %}
{%- else %}

octavia_serve_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
