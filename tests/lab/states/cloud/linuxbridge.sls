# A node of Neutron's networks: the linuxbridge agent, under the machine's own name.
{%- set machines = pillar.lab.network.machines %}

include:
  - cloud.agent

neutron_linuxbridge_configuration:
  ini.options_present:
    - name: /etc/neutron/plugins/ml2/linuxbridge_agent.ini
    - sections:
        vxlan:
          enable_vxlan: true
          local_ip: {{ machines[grains.host] }}
          l2_population: false
          vxlan_group: {{ pillar.lab.cloud.vxlan_group }}
        securitygroup:
          enable_security_group: true
          firewall_driver: iptables

# ebtables of iptables 1.8.9, on a kernel that knows nftables only, neither deletes a rule with --among-src nor prints
# a MAC address in full; the agent would try again for ever.
neutron_ebtables:
  file.managed:
    - name: /usr/local/sbin/ebtables-lab
    - source: salt://cloud/files/ebtables
    - mode: '0755'

neutron_ebtables_chosen:
  file.symlink:
    - name: /etc/alternatives/ebtables
    - target: /usr/local/sbin/ebtables-lab
    - force: true
    - require:
      - file: neutron_ebtables

neutron_linuxbridge_agent:
  service.running:
    - name: neutron-linuxbridge-agent
    - enable: true
    - require:
      - file: neutron_ebtables_chosen
    - watch:
      - ini: neutron_agent_root
      - ini: neutron_linuxbridge_configuration
