{%- from 'cloud/options.jinja' import authtoken, database, login with context %}
{%- set account = pillar.lab.cloud.accounts.placement %}

placement_configuration:
  file.serialize:
    - name: /etc/placement/placement.conf
    - serializer: configparser
    - user: root
    - group: placement
    - mode: '0640'
    - show_changes: false
    - dataset:
        api: {auth_strategy: keystone}
        placement_database: {connection: "{{ database('placement', account) }}"}
        keystone_authtoken: {{ authtoken(account) }}

{%- for name, number in {'processes': 1, 'threads': 4}.items() %}

placement_{{ name }}:
  file.replace:
    - name: /etc/placement/placement-api-uwsgi.ini
    - pattern: '^{{ name }}\s*=.*$'
    - repl: {{ name }} = {{ number }}
    - backup: false
    - watch_in:
      - service: placement_service
{%- endfor %}

placement_database:
  cmd.run:
    - name: placement-manage db sync
    - runas: placement
    - require:
      - file: placement_configuration
    - onchanges:
      - cmd: cloud_databases

placement_service:
  service.running:
    - name: placement-api
    - enable: true
    - require:
      - cmd: placement_database
    - watch:
      - file: placement_configuration
