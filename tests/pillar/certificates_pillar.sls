# Certificates and keys from the pillar, by file name. Tests put a fresh key in the place of the marker.
octavia:
  manager:
    enabled: true
    components: [worker]
    database:
      host: 10.0.0.10
      password: gaFhZMOj5JfpwHr2FoYmhPVZ4w1L6bt7
    identity:
      host: 10.0.0.10
      password: Jy3EUdMbuRddxdXe9QeZMoySjAdrMcD1
    message_queue:
      host: 10.0.0.10
      password: fqfoKTUwdU71FTZTNRNmHgQTsAAt66BT
    certificates:
      ca_private_key_passphrase: 2hM01SzsbWzP6luGhIV9FxdC
      server_certs_key_passphrase: s5Oge8gmCwawD4UVx5yIS8uojcdxHiMu
    controller_worker:
      amp_flavor_id: 2f0b1f4e-6f0c-4b8e-9a55-0d6c3a4b7e11
      amp_image_owner_id: 7d3e9c5ab1f84a7f9f0c2d1b6a8e4c30
      amp_boot_network_list: [5a1de6a8-1c3f-4b0a-9b77-2f3f1d6c8e90]
      amp_secgroup_list: [c9f7b2de-83a1-4c55-8d0e-64f1b7a2c913]
      amp_ssh_key_name: octavia_ssh_key
    health_manager:
      heartbeat_key: qq8qRkjNkUbloKd8fYv2ey3dRy8mgE6ibFfaIEOf
      controller_ip_port_list: ["172.16.0.12:5555"]
    ssh:
      private_key: |
        @PRIVATE_KEY@
      user: octavia
      group: octavia
  certificates:
    source: pillar
    server_ca.cert.pem: |
      @CERTIFICATE@
    server_ca.key.pem: |
      @PRIVATE_KEY@
    client_ca.cert.pem: |
      @CERTIFICATE@
    client.cert-and-key.pem: |
      @CERTIFICATE@
      @PRIVATE_KEY@
