# The pillar of `make demo`: a whole control plane on controller1, with Octavia's noop drivers, so that no compute,
# network or image service is asked for anything. The constants of the lab come from tests/lab/lab.json.
{%- import_json 'lab.json' as lab %}
octavia:
  database:
    engine: mysql
    host: {{ lab.mariadb.host }}
    port: {{ lab.mariadb.port }}
    name: {{ lab.database.name }}
    user: {{ lab.database.user }}
    password: {{ lab.database.password | json }}
  identity:
    engine: keystone
    protocol: http
    host: {{ lab.keystone.host }}
    port: {{ lab.keystone.port }}
    region: {{ lab.keystone.region }}
    user: {{ lab.keystone.octavia.user }}
    password: {{ lab.keystone.octavia.password | json }}
    tenant: {{ lab.keystone.octavia.project }}
    domain: default
    endpoint_type: internal
  message_queue:
    engine: rabbitmq
    host: {{ lab.rabbitmq.host }}
    port: {{ lab.rabbitmq.port }}
    user: {{ lab.rabbitmq.users.hard.user }}
    password: {{ lab.rabbitmq.users.hard.password | json }}
    virtual_host: {{ lab.rabbitmq.users.hard.vhost }}
  cache:
    members:
      - host: {{ lab.memcached.host }}
        port: {{ lab.memcached.port }}
  db:
    create: true
    admin:
      host: {{ lab.mariadb.host }}
      port: {{ lab.mariadb.port }}
      user: {{ lab.mariadb.admin.user }}
      password: {{ lab.mariadb.admin.password | json }}
  api:
    enabled: true
    role: primary
    bind:
      address: {{ lab.network.machines.controller1 }}
      port: 9876
    processes: 2
    threads: 4
  manager:
    enabled: true
    certificates:
      ca_private_key_passphrase: {{ lab.amphora_ca_passphrase }}
      server_certs_key_passphrase: lab-only-passphrase-32-character
    controller_worker:
      amphora_driver: amphora_noop_driver
      compute_driver: compute_noop_driver
      network_driver: network_noop_driver
      image_driver: image_noop_driver
      volume_driver: volume_noop_driver
      loadbalancer_topology: SINGLE
    health_manager:
      bind_ip: {{ lab.network.machines.controller1 }}
      heartbeat_key: lab-only-heartbeat-key
      controller_ip_port_list:
        - host: {{ lab.network.machines.controller1 }}
          port: 5555
  certificates:
    source: pillar
{%- for name, content in lab.certificates.items() %}
    {{ name }}: {{ content | json }}
{%- endfor %}
  client:
    enabled: true
