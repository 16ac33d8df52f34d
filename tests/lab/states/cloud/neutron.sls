# Neutron's API is there; now its networks get wires: one agent builds bridges and VXLAN tunnels, one serves DHCP.
{%- from 'cloud/options.jinja' import login with context %}
{%- set lab = pillar.lab %}

include:
  - cloud.linuxbridge

# global_physnet_mtu is that of the lab's own network, which carries the tunnels.
cloud_neutron_configuration:
  ini.options_present:
    - name: /etc/neutron/neutron.conf
    - sections:
        DEFAULT:
          notify_nova_on_port_status_changes: true
          notify_nova_on_port_data_changes: true
          global_physnet_mtu: {{ lab.mtu }}
          dhcp_agents_per_network: 1
        nova: {{ login(lab.cloud.accounts.nova) }}
        placement: {{ login(lab.cloud.accounts.placement) }}
    - watch_in:
      - service: neutron_linuxbridge_agent

cloud_neutron_ml2:
  ini.options_present:
    - name: /etc/neutron/plugins/ml2/ml2_conf.ini
    - sections:
        ml2: {mechanism_drivers: "linuxbridge,openvswitch"}

cloud_neutron_dhcp:
  ini.options_present:
    - name: /etc/neutron/dhcp_agent.ini
    - sections:
        DEFAULT:
          interface_driver: linuxbridge
          enable_isolated_metadata: false
          num_sync_threads: 1

cloud_neutron_services:
  service.running:
    - names: [neutron-api, neutron-rpc-server, neutron-dhcp-agent]
    - enable: true
    - require_in:
      - service: neutron_linuxbridge_agent
    - watch:
      - ini: cloud_neutron_configuration
      - ini: cloud_neutron_ml2
      - ini: cloud_neutron_dhcp
      - ini: neutron_agent_root

# Made when nothing carried it, it has the MTU of no tunnel.
cloud_neutron_subnet_mtu:
  cmd.run:
    - name: openstack network set --mtu {{ lab.mtu - 50 }} {{ lab.subnet.network }}
    - env:
      - OS_CLOUD: admin
    - retry:
        attempts: 60
        interval: 1
    - require:
      - service: cloud_neutron_services
