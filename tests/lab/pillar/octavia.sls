# The pillar of `make demo`: a whole control plane on controller1, with what it needs in the cloud, and real amphorae.
# The constants of the lab come from tests/lab/lab.json. What has a comment is there because the lab is slow or small.
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
      loadbalancer_topology: SINGLE
      amp_active_retries: 300           # an emulated processor boots in minutes
      amp_active_wait_sec: 3
    haproxy_amphora:
      connection_max_retries: 900       # likewise
      connection_retry_interval: 1
      rest_request_read_timeout: 180
    health_manager:
      heartbeat_key: lab-only-heartbeat-key
    interface:
      enabled: true
      type: linuxbridge
  certificates:
    source: pillar
{%- for name, content in lab.certificates.items() %}
    {{ name }}: {{ content | json }}
{%- endfor %}
  client:
    enabled: true
  resources:
    enabled: true
    cloud: {{ lab.clouds.admin | json }}
    network:
      subnet:
        gateway: none
    compute:
      flavor: {ram: 640, disk: 2}       # several of them fit into a small host
    image:
      file: {{ lab.amphora.file }}
      checksum: {{ lab.amphora.checksum }}
