# A host that makes what Octavia needs in the cloud, with credentials of its own; IPv6, and all that can be said of it.
octavia:
  identity:
    host: keystone.example.org
    password: qHv5zl7yUkbTn0s2gRM9DpXa
  manager:
    amphora_agent:
      admin_log_targets: ["[fd00:77::11]:10514"]
      log_protocol: TCP
  resources:
    enabled: true
    cloud:
      auth:
        auth_url: https://keystone.example.org:5000/v3
        username: admin
        password: Wn3uEo8cKfJr6yLxVt1iZbQm
        project_name: admin
        user_domain_id: default
        project_domain_id: default
      region_name: RegionOne
    ssh: true
    identity:
      roles: [admin]
      endpoints:
        public: https://lb.example.org:9876
        internal: http://172.16.10.254:9876
        admin: http://172.16.10.254:9876
    network:
      name: mgmt6
      provider: {network_type: vlan, physical_network: physnet1, segmentation_id: 77}
      mtu: 1450
      tags: [octavia]
      subnet:
        name: mgmt6-subnet
        cidr: fd00:77::/64
        pools:
          - {start: "fd00:77::100", end: "fd00:77::ffff"}
        dhcp: false
        gateway: fd00:77::1
        routes:
          - {destination: "fd00:78::/64", nexthop: "fd00:77::1"}
        ipv6_address_mode: dhcpv6-stateful
        ipv6_ra_mode: dhcpv6-stateful
      amphora_security_group:
        rules:
          - {protocol: tcp, port: 9100-9110, remote: 10.20.0.0/24}
        exact: true
      router: {name: mgmt6-router, external_network: public}
    load_balancers: 500
    quotas: {listeners: 2, networks: 1, spare: 30, exact: true}
    compute:
      flavor: {name: amphora-2, ram: 2048, vcpus: 2, disk: 4, extra_specs: {"hw:cpu_policy": dedicated}}
      keypair: {replace: true}
    image:
      properties: {os_distro: debian}
      keep: 3
      build:
        enabled: true
        elements: [octavia-agent, baremetal]
        max_age_days: 30
