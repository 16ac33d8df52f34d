# Keystone with its first administrator, and whatever lab.json wants to exist in it.
{%- set keystone = pillar.lab.keystone %}
{%- set accounts = [keystone.octavia, keystone.neutron, keystone.demo, keystone.outsider] %}

include:
  - mariadb
  - memcached

keystone_packages:
  pkg.installed:
    - pkgs: [keystone, uwsgi-plugin-python3, python3-openstackclient, python3-octaviaclient]

keystone_configuration:
  file.managed:
    - name: /etc/keystone/keystone.conf
    - user: root
    - group: keystone
    - mode: '0640'
    - contents: |
        [DEFAULT]
        [database]
        connection = mysql+pymysql://keystone:{{ keystone.database_password }}@{{ pillar.lab.mariadb.host }}/keystone
        [token]
        provider = fernet
        [cache]
        enabled = true
        backend = dogpile.cache.pymemcache
        memcache_servers = {{ pillar.lab.memcached.host }}:{{ pillar.lab.memcached.port }}
    - require:
      - pkg: keystone_packages

# As packaged it has eight processes, each of which loads the whole of Keystone; the lab asks little and has few cores.
{%- for name, number in {'processes': 1, 'threads': 4}.items() %}

keystone_{{ name }}:
  file.replace:
    - name: /etc/keystone/keystone-uwsgi.ini
    - pattern: '^{{ name }}\s*=.*$'
    - repl: {{ name }} = {{ number }}
    - require:
      - pkg: keystone_packages
    - watch_in:
      - service: keystone_service
{%- endfor %}

keystone_database:
  cmd.run:
    - name: keystone-manage db_sync
    - runas: keystone
    - unless: mariadb -N -e 'SELECT COUNT(*) FROM keystone.project' | grep -q '[1-9]'
    - require:
      - file: keystone_configuration
      - cmd: mariadb_accounts

{%- for kind in ('fernet', 'credential') %}

keystone_{{ kind }}_keys:
  cmd.run:
    - name: keystone-manage {{ kind }}_setup --keystone-user keystone --keystone-group keystone
    - creates: /etc/keystone/{{ kind }}-keys/0
    - require:
      - cmd: keystone_database
    - require_in:
      - cmd: keystone_bootstrap
{%- endfor %}

keystone_bootstrap:
  cmd.run:
    - name: >-
        keystone-manage bootstrap --bootstrap-region-id {{ keystone.region }}
        --bootstrap-admin-url {{ keystone.url }} --bootstrap-internal-url {{ keystone.url }}
        --bootstrap-public-url {{ keystone.url }}
    - env:
      - OS_BOOTSTRAP_PASSWORD: {{ keystone.admin.password | json }}
    - runas: keystone
    - onchanges:
      - cmd: keystone_database

keystone_service:
  service.running:
    - name: keystone
    - enable: true
    - require:
      - cmd: keystone_bootstrap
    - watch:
      - file: keystone_configuration

keystone_clouds:
  file.serialize:
    - name: /etc/openstack/clouds.yaml
    - serializer: yaml
    - makedirs: true
    - mode: '0600'
    - show_changes: false
    - dataset:
        clouds:
{%- for cloud in ('admin', 'demo', 'outsider', 'octavia') %}
{%- set who = keystone[cloud] %}
          {{ cloud }}:
            region_name: {{ keystone.region }}
            auth:
              auth_url: {{ keystone.url }}
              username: {{ who.user }}
              password: {{ who.password | json }}
              project_name: {{ who.project }}
              user_domain_name: Default
              project_domain_name: Default
{%- endfor %}

keystone_openrc:
  file.managed:
    - name: /root/openrc
    - mode: '0600'
    - contents: |
        # The credentials are in /etc/openstack/clouds.yaml: admin, demo, outsider, octavia.
        export OS_CLOUD=${1:-admin}

keystone_identity_wanted:
  file.serialize:
    - name: /etc/octavia-lab/identity.json
    - serializer: json
    - mode: '0600'
    - show_changes: false
    - dataset:
        region: {{ keystone.region }}
        roles: {{ keystone.roles | json }}
        accounts: {{ accounts | json }}
        services: {{ keystone.services | json }}

keystone_identity:
  cmd.script:
    - source: salt://files/identity.py
    - env:
      - OS_CLOUD: admin
      - WANTED: /etc/octavia-lab/identity.json
    - stateful: true
    - require:
      - service: keystone_service
      - file: keystone_clouds
      - file: keystone_identity_wanted
