# Cinder's API, as far as quotas go. It is installed here: one test has it, and takes Cinder out of Keystone's catalogue
# again. It checks tokens by Glance's account.
{%- from 'cloud/options.jinja' import authtoken, transport_url with context %}
{%- set lab = pillar.lab %}

cinder_package:
  pkg.installed:
    - name: cinder-api
    - refresh: true

cinder_database:
  cmd.run:
    - name: >-
        mariadb -e "CREATE DATABASE IF NOT EXISTS cinder CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
        GRANT ALL ON cinder.* TO cinder@'%' IDENTIFIED BY 'cinder-database'"

cinder_configuration:
  file.serialize:
    - name: /etc/cinder/cinder.conf
    - serializer: configparser
    - user: root
    - group: cinder
    - mode: '0640'
    - show_changes: false
    - dataset:
        DEFAULT: {auth_strategy: keystone, transport_url: "{{ transport_url }}"}
        database: {connection: "mysql+pymysql://cinder:cinder-database@{{ lab.mariadb.host }}/cinder"}
        keystone_authtoken: {{ authtoken(lab.cloud.accounts.glance) }}
        oslo_concurrency: {lock_path: /var/lib/cinder/lock}
    - require:
      - pkg: cinder_package

cinder_schema:
  cmd.run:
    - name: cinder-manage db sync
    - runas: cinder
    - require:
      - file: cinder_configuration
      - cmd: cinder_database

cinder_service:
  service.running:
    - name: cinder-api
    - require:
      - cmd: cinder_schema
    - watch:
      - file: cinder_configuration

cinder_catalogue:
  cmd.run:
    - names:
      - openstack service create --name cinder volumev3
{%- for interface in ('public', 'internal', 'admin') %}
      - >-
        openstack endpoint create --region {{ lab.keystone.region }} cinder {{ interface }}
        'http://{{ lab.keystone.host }}:8776/v3/%(project_id)s'
{%- endfor %}
    - env:
      - OS_CLOUD: admin
    - require:
      - service: cinder_service
