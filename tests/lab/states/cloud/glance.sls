{%- from 'cloud/options.jinja' import authtoken, database with context %}
{%- set account = pillar.lab.cloud.accounts.glance %}

glance_configuration:
  file.serialize:
    - name: /etc/glance/glance-api.conf
    - serializer: configparser
    - user: root
    - group: glance
    - mode: '0640'
    - show_changes: false
    - dataset:
        DEFAULT: {enabled_backends: "file:file", workers: 1}
        database: {connection: "{{ database('glance', account) }}"}
        keystone_authtoken: {{ authtoken(account) }}
        paste_deploy: {flavor: keystone}
        glance_store: {default_backend: file}
        file: {filesystem_store_datadir: /var/lib/glance/images}

glance_database:
  cmd.run:
    - name: glance-manage db_sync
    - runas: glance
    - require:
      - file: glance_configuration
    - onchanges:
      - cmd: cloud_databases

glance_service:
  service.running:
    - name: glance-api
    - enable: true
    - require:
      - cmd: glance_database
      - cmd: cloud_identity
    - watch:
      - file: glance_configuration
