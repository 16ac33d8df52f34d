# A node of Neutron's networks: the agent of Open vSwitch, under the machine's own name. It is installed here: one test
# has it.
{%- set machines = pillar.lab.network.machines %}

include:
  - cloud.agent

neutron_openvswitch_packages:
  pkg.installed:
    - name: neutron-openvswitch-agent
    - refresh: true
    - require_in:
      - ini: neutron_agent_root

# No kernel module on the machines of tests: the datapath is a process.
neutron_openvswitch_configuration:
  ini.options_present:
    - name: /etc/neutron/plugins/ml2/openvswitch_agent.ini
    - sections:
        ovs:
          datapath_type: netdev
          local_ip: {{ machines[grains.host] }}
          bridge_mappings: ''
        agent: {tunnel_types: vxlan}
        securitygroup:
          enable_security_group: true
          firewall_driver: openvswitch
    - require:
      - pkg: neutron_openvswitch_packages

neutron_openvswitch_agent:
  service.running:
    - names: [openvswitch-switch, neutron-openvswitch-agent]
    - enable: true
    - watch:
      - ini: neutron_agent_root
      - ini: neutron_openvswitch_configuration
