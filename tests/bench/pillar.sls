# Over the pillar of the demo: a controller of real amphorae. All ids are here, so that nobody need be asked for them,
# and the database and what Octavia needs in the cloud are there already.
octavia:
  resources: null
  db:
    create: false
  api:
    processes: null
    threads: null
  controller_worker:
    amphora_driver: amphora_haproxy_rest_driver
    compute_driver: compute_nova_driver
    network_driver: allowed_address_pairs_driver
  manager:
    interface: null
    controller_worker:
      amphora_driver: amphora_haproxy_rest_driver
      compute_driver: compute_nova_driver
      network_driver: allowed_address_pairs_driver
      image_driver: image_glance_driver
      amp_flavor_id: 967972bb-ab54-4679-9f53-bf81d5e28154
      amp_image_owner_id: 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11
      amp_boot_network_list: [0d9c9d4e-6f0e-4f6c-9a07-3b8f3f0c9a55]
      amp_secgroup_list: [5b1f7a38-96d0-4f1c-8e0b-0a1f5e0f7c01]
      amp_ssh_key_name: octavia_ssh_key
    health_manager:
      bind_ip: 10.77.0.11
      controller_ip_port_list: ["10.77.0.11:5555"]
