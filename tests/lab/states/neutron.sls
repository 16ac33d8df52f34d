# Neutron as far as its API goes: networks, subnets and ports in the database. Agents, which would put them on a wire,
# come with states of their own; so does the server for their calls, which is installed here and not started.
{%- set neutron, keystone, rabbitmq = pillar.lab.neutron, pillar.lab.keystone, pillar.lab.rabbitmq %}
{%- set account, queue = keystone.neutron, rabbitmq.users.services %}

include:
  - mariadb
  - rabbitmq
  - memcached
  - keystone

neutron_packages:
  pkg.installed:
    - pkgs: [neutron-server, uwsgi-plugin-python3]

# heartbeat_timeout_threshold: under uWSGI nothing of Neutron runs between two requests, so nobody would answer
# RabbitMQ's heartbeats, and it would close the connection.
neutron_configuration:
  file.managed:
    - name: /etc/neutron/neutron.conf
    - user: root
    - group: neutron
    - mode: '0640'
    - show_changes: false
    - contents: |
        [DEFAULT]
        core_plugin = ml2
        service_plugins = router
        transport_url = rabbit://{{ queue.user }}:{{ queue.password }}@{{ rabbitmq.host }}:{{ rabbitmq.port }}/{{ queue.vhost }}
        rpc_workers = 1
        notify_nova_on_port_status_changes = false
        notify_nova_on_port_data_changes = false
        [database]
        connection = mysql+pymysql://neutron:{{ neutron.database_password }}@{{ pillar.lab.mariadb.host }}/neutron
        [keystone_authtoken]
        www_authenticate_uri = {{ keystone.url }}
        auth_url = {{ keystone.url }}
        memcached_servers = {{ pillar.lab.memcached.host }}:{{ pillar.lab.memcached.port }}
        auth_type = password
        project_domain_name = Default
        user_domain_name = Default
        project_name = {{ account.project }}
        username = {{ account.user }}
        password = {{ account.password }}
        service_token_roles_required = true
        [oslo_messaging_rabbit]
        heartbeat_timeout_threshold = 0
        [oslo_concurrency]
        lock_path = /var/lib/neutron/lock
    - require:
      - pkg: neutron_packages

neutron_ml2:
  file.managed:
    - name: /etc/neutron/plugins/ml2/ml2_conf.ini
    - user: root
    - group: neutron
    - mode: '0640'
    - contents: |
        [ml2]
        type_drivers = local,vxlan
        tenant_network_types = vxlan
        mechanism_drivers =
        extension_drivers = port_security
        [ml2_type_vxlan]
        vni_ranges = 1:1000
    - require:
      - pkg: neutron_packages

# Threads of uWSGI do not go with eventlet, which Neutron's API uses: requests would hang.
{%- for name, number in {'processes': 2, 'threads': 1}.items() %}

neutron_{{ name }}:
  file.replace:
    - name: /etc/neutron/neutron-api-uwsgi.ini
    - pattern: '^{{ name }}\s*=.*$'
    - repl: {{ name }} = {{ number }}
    - require:
      - pkg: neutron_packages
    - watch_in:
      - service: neutron_service
{%- endfor %}

neutron_database:
  cmd.run:
    - name: >-
        neutron-db-manage --config-file /etc/neutron/neutron.conf
        --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade head
    - runas: neutron
    - unless: mariadb -N -e 'SELECT COUNT(*) FROM neutron.alembic_version' | grep -q '[1-9]'
    - require:
      - file: neutron_configuration
      - file: neutron_ml2
      - cmd: mariadb_accounts

neutron_service:
  service.running:
    - name: neutron-api
    - enable: true
    - require:
      - cmd: neutron_database
      - service: rabbitmq_service
    - watch:
      - file: neutron_configuration
      - file: neutron_ml2

neutron_rpc_server:
  service.dead:
    - name: neutron-rpc-server
    - enable: false
    - require:
      - pkg: neutron_packages

demo_subnet_wanted:
  file.serialize:
    - name: /etc/octavia-lab/subnet.wanted.json
    - serializer: json
    - dataset: {{ pillar.lab.subnet | json }}

# Its id is Neutron's choice: the script leaves it in /etc/octavia-lab/subnet.json, for the facts.
demo_subnet:
  cmd.script:
    - source: salt://files/subnet.py
    - env:
      - OS_CLOUD: demo
    - stateful: true
    - require:
      - service: neutron_service
      - cmd: keystone_identity
      - file: demo_subnet_wanted
