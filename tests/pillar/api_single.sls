octavia:
  api:
    enabled: true
    bind:
      address: 127.0.0.1
      port: 9876
    database:
      engine: mysql
      host: 127.0.0.1
      port: 3306
      name: octavia
      user: octavia
      password: DCZWb7McQFlkvmX2YA3jcDjJ2Gu3msdr
    identity:
      engine: keystone
      region: RegionOne
      host: 127.0.0.1
      port: 5000
      user: octavia
      password: 229zXBAtVZO1nWOhbjA6kLHqkgjKxrLC
      tenant: service
    message_queue:
      engine: rabbitmq
      host: 127.0.0.1
      port: 5672
      user: openstack
      password: k0iWn73bq5E82mTo5jSOrmlZVfDpzf08
      virtual_host: /openstack
