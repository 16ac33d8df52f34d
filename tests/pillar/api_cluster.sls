# Behind a virtual address, with three RabbitMQ members of which two name no port.
octavia:
  api:
    enabled: true
    role: primary
    bind:
      address: 10.0.0.11
      port: 9876
    processes: 2
    threads: 4
    database:
      engine: mysql
      host: 10.0.0.10
      port: 3306
      name: octavia
      user: octavia
      password: 5oEWwnTueQtKf1eM1Po1zwQWGOphy7lW
    identity:
      engine: keystone
      region: RegionOne
      protocol: https
      host: keystone.example.org
      port: 5000
      user: octavia
      password: 5cC9VsxEeXyE5qj0zV0BYZx3rO8maOqh
      tenant: service
      domain: Default
      endpoint_type: internal
    message_queue:
      engine: rabbitmq
      port: 5672
      user: openstack
      password: tEWW7fNCRZzCB0RmFaIxbB5xC1j0AMUL
      virtual_host: /openstack
      members:
        - host: 10.0.0.11
          port: 5671
        - host: 10.0.0.12
        - host: 10.0.0.13
    cache:
      members:
        - host: 10.0.0.11
          port: 11211
        - host: 10.0.0.12
          port: 11211
