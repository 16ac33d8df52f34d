# What both roles share is said once; noop drivers stand in for Nova and Neutron.
octavia:
  database:
    engine: mysql
    host: 127.0.0.1
    port: 3306
    name: octavia
    user: octavia
    password: q6JJYXMY9cErxeAtHID8IrwilU8UE4tq
  identity:
    engine: keystone
    region: RegionOne
    host: 127.0.0.1
    port: 5000
    user: octavia
    password: 6HImVhC5Ve4CTsfBRm6bEJYhnHfNWLje
    tenant: service
  message_queue:
    engine: rabbitmq
    host: 127.0.0.1
    port: 5672
    user: openstack
    password: YE6I7Dut5Vl8ifUrPkGPMwXtqxjLhcre
    virtual_host: /openstack
  cache:
    members:
      - host: 127.0.0.1
        port: 11211
  db:
    create: true
    admin:
      user: root
      socket: /run/mysqld/mysqld.sock
  api:
    enabled: true
    bind:
      address: 127.0.0.1
      port: 9876
  manager:
    enabled: true
    certificates:
      ca_private_key_passphrase: OKOPXYwBxRYfezFVyZpnhZz3
      server_certs_key_passphrase: tnWmhbKrNwHUG2l7YOISkIVlAspCDDNQ
    controller_worker:
      loadbalancer_topology: SINGLE
    health_manager:
      bind_ip: 127.0.0.1
      heartbeat_key: OnBIhfo9meybf1RQcaU8PAy2CJvtHv7xcn8lSonD
  driver_agent:
    enabled: true
  client:
    enabled: true
  config:
    controller_worker:
      amphora_driver: amphora_noop_driver
      compute_driver: compute_noop_driver
      network_driver: network_noop_driver
