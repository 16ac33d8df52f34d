{#- What uWSGI reads to serve the API, and how its unit starts it. -#}
{%- set on = pillar | traverse("octavia:api:enabled") %}

include:
  - octavia.preflight

{%- if on %}
{%-   from "octavia/map.jinja" import host with context %}

octavia_api_uwsgi:
  file.managed:
    - name: {{ host.api_uwsgi }}
    - source: salt://octavia/files/octavia-api-uwsgi.ini.jinja
    - template: jinja
    - user: root
    - group: {{ host.group }}
    - mode: "0640"
    - require:
      - octavia_check: octavia_preflight

octavia_api_unit:
  file.managed:
    - name: {{ host.api_unit }}
    - source: salt://octavia/files/octavia-api.service.jinja
    - template: jinja
    - context: {{ {"uwsgi": host.uwsgi, "ini": host.api_uwsgi} | json }}
    - user: root
    - group: root
    - mode: "0644"
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight
{%- else %}

octavia_uwsgi_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
