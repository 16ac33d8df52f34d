{%- from 'cloud/options.jinja' import authtoken, database, login, transport_url with context %}
{%- set lab = pillar.lab %}
{%- set account = lab.cloud.accounts.nova %}

# heartbeat_timeout_threshold: as in Neutron. Images are used as they are: a copy without gaps would fill the memory.
nova_configuration:
  file.serialize:
    - name: /etc/nova/nova.conf
    - serializer: configparser
    - user: root
    - group: nova
    - mode: '0640'
    - show_changes: false
    - dataset:
        DEFAULT:
          my_ip: {{ lab.network.machines.services }}
          transport_url: {{ transport_url }}
          state_path: /var/lib/nova
          force_raw_images: false
          reserved_host_memory_mb: 0
        api: {auth_strategy: keystone}
        api_database: {connection: "{{ database('nova_api', account) }}"}
        database: {connection: "{{ database('nova', account) }}"}
        keystone_authtoken: {{ authtoken(account) }}
        glance: {api_servers: "{{ lab.cloud.services.image.url }}"}
        neutron: {{ login(lab.keystone.neutron) }}
        placement: {{ login(lab.cloud.accounts.placement) }}
        conductor: {workers: 1}
        scheduler: {workers: 1}
        vnc: {enabled: false}
        oslo_messaging_rabbit: {heartbeat_timeout_threshold: 0}
        oslo_concurrency: {lock_path: /var/lib/nova/tmp}
        libvirt: {cpu_mode: none, disk_cachemodes: "file=unsafe"}

# One process waits while the compute node asks Neutron, and Neutron tells another; threads do not go with eventlet.
{%- for name, number in {'processes': 3, 'threads': 1}.items() %}

nova_{{ name }}:
  file.replace:
    - name: /etc/nova/nova-api-uwsgi.ini
    - pattern: '^{{ name }}\s*=.*$'
    - repl: {{ name }} = {{ number }}
    - backup: false
    - watch_in:
      - service: nova_services
{%- endfor %}

nova_databases:
  cmd.run:
    - name: >-
        nova-manage api_db sync &&
        nova-manage cell_v2 map_cell0 --database_connection {{ database('nova_cell0', account) }} &&
        nova-manage db sync &&
        nova-manage cell_v2 create_cell --name=cell1
    - runas: nova
    - require:
      - file: nova_configuration
    - onchanges:
      - cmd: cloud_databases

# Control groups of the machine belong to its systemd alone; /dev/kvm, where the host has it, to the host's root.
nova_libvirt:
  file.managed:
    - name: /etc/libvirt/qemu.conf
    - contents: |
        cgroup_controllers = []
        user = "root"
        group = "root"
  service.running:
    - name: libvirtd
    - enable: true
    - watch:
      - file: nova_libvirt

nova_qemu_packaged:
  file.rename:
    - name: /usr/bin/qemu-system-x86_64.packaged
    - source: /usr/bin/qemu-system-x86_64

nova_qemu:
  file.managed:
    - name: /usr/bin/qemu-system-x86_64
    - source: salt://cloud/files/qemu
    - mode: '0755'
    - require:
      - file: nova_qemu_packaged
    - require_in:
      - service: nova_libvirt

nova_services:
  service.running:
    - names: [nova-api, nova-conductor, nova-scheduler, nova-compute]
    - enable: true
    - require:
      - cmd: nova_databases
      - cmd: cloud_identity
      - service: nova_libvirt
      - service: placement_service
    - watch:
      - file: nova_configuration

# The compute node is known to the scheduler from now on.
nova_compute_node:
  cmd.run:
    - name: >-
        for i in $(seq 120); do
        mariadb -N -e 'SELECT host FROM nova.compute_nodes' | grep -q . && break; sleep 0.5; done;
        nova-manage cell_v2 discover_hosts --verbose
    - require:
      - service: nova_services
