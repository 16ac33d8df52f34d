# A health manager alone on its host: no message queue is needed there.
octavia:
  manager:
    enabled: true
    components: [health_manager]
    database:
      host: 10.0.0.10
      password: PnpcIz7teu2Vo8ItilSrrYyJ9oDqmmiY
    identity:
      host: 10.0.0.10
      password: fLAgy7WkBIbnpBirp0gpVRt0Mh9UqLbf
    certificates:
      ca_private_key_passphrase: 5kT0m7eQvJx2bNwR8sLc
      server_certs_key_passphrase: Pm6as1c8Iq1X44eIE0qmPOT3vZUVqDtz
    health_manager:
      bind_ip: 172.16.0.12
      heartbeat_key: oOs5iETBl2hBZJzkJpeljFuoxFTYOLFFo5d7hiGY
      controller_ip_port_list: ["172.16.0.12:5555"]
    controller_worker:
      amp_flavor_id: 967972bb-ab54-4679-9f53-bf81d5e28154
      amp_image_owner_id: 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11
      amp_boot_network_list: [0d9c9d4e-6f0e-4f6c-9a07-3b8f3f0c9a55]
      amp_secgroup_list: [5b1f7a38-96d0-4f1c-8e0b-0a1f5e0f7c01]
