octavia:
  manager:
    enabled: true
    database:
      engine: mysql
      host: 127.0.0.1
      port: 3306
      name: octavia
      user: octavia
      password: aOJBbKPB8kI0Kf3Thj04ngsIkwi0ZLzG
    identity:
      engine: keystone
      region: RegionOne
      host: 127.0.0.1
      port: 5000
      user: octavia
      password: AyadSqypl0aL9M9mHHhvGCddYzWeZQiT
      tenant: service
    message_queue:
      engine: rabbitmq
      host: 127.0.0.1
      port: 5672
      user: openstack
      password: FJB7akBoT3Vu77aHLPB2a7GOjPn8480T
      virtual_host: /openstack
    certificates:
      ca_private_key: /etc/octavia/certs/server_ca.key.pem
      ca_certificate: /etc/octavia/certs/server_ca.cert.pem
      ca_private_key_passphrase: 2a7QQ365zNda13bNroiVYUBk
      server_certs_key_passphrase: vuIkdeGUzqLt45dUx3tAGnqKt0ILo1in
    controller_worker:
      amp_flavor_id: 2f0b1f4e-6f0c-4b8e-9a55-0d6c3a4b7e11
      amp_image_tag: amphora
      amp_image_owner_id: 7d3e9c5ab1f84a7f9f0c2d1b6a8e4c30
      amp_ssh_key_name: octavia_ssh_key
      amp_boot_network_list: [5a1de6a8-1c3f-4b0a-9b77-2f3f1d6c8e90]
      amp_secgroup_list: [c9f7b2de-83a1-4c55-8d0e-64f1b7a2c913]
      loadbalancer_topology: ACTIVE_STANDBY
      client_ca: /etc/octavia/certs/client_ca.cert.pem
    haproxy_amphora:
      client_cert_all: /etc/octavia/certs/client.cert-and-key.pem
      server_ca: /etc/octavia/certs/server_ca.cert.pem
    health_manager:
      bind_ip: 192.168.0.12
      heartbeat_key: y2mRNTkd4fqVprc8Y50CGjCX80ygD7vlNpzfpEey
      controller_ip_port_list: ["192.168.0.12:5555", "192.168.0.13:5555"]
    components: [worker, health_manager, housekeeping]
