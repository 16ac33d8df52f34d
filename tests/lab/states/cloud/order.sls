# All services start at once when the machine boots; these let those go first without which they cannot work. Neutron's
# server for calls names its processes neutron-server.
{%- set first = {
  'neutron-rpc-server': '',
  'neutron-linuxbridge-agent': 'neutron-server:',
  'neutron-dhcp-agent': 'neutron-server:',
  'nova-conductor': '',
  'nova-scheduler': '',
  'nova-compute': 'nova-conductor',
} %}

order_wait:
  file.managed:
    - name: /usr/local/sbin/wait-for-queue
    - source: salt://cloud/files/wait-for-queue
    - mode: '0755'

{%- for service, other in first.items() %}

order_{{ service }}:
  file.managed:
    - name: /etc/systemd/system/{{ service }}.service.d/octavia-lab.conf
    - makedirs: true
    - contents: |
        [Service]
        ExecStartPre=+/usr/local/sbin/wait-for-queue {{ other }}
        TimeoutStartSec=300
    - require:
      - file: order_wait
{%- endfor %}
