{%- set on = pillar | traverse("octavia:api:enabled") %}

{%- if on %}
{%-   from "octavia/map.jinja" import host with context %}

include:
  - octavia.conf
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

octavia_api_uwsgi:
  file.managed:
    - name: {{ host.api_uwsgi }}
    - source: salt://octavia/files/octavia-api-uwsgi.ini.jinja
    - template: jinja
    - user: root
    - group: {{ host.group }}
    - mode: "0640"
    - require:
      - octavia_pkg: octavia_api_packages

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
      - octavia_pkg: octavia_api_packages

octavia_api_service:
  octavia_service.running:
    - role: api
    - require:
      - octavia_conf: octavia_conf
      - octavia_db: octavia_db_schema
    - watch:
      - file: octavia_api_uwsgi
      - file: octavia_api_unit
{%- else %}
{%-   set role = "api" %}
{%-   include "octavia/disabled.jinja" %}
{%- endif %}
