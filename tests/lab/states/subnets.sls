# A stand-in for Neutron until the lab has it: the client of `openstack loadbalancer create` looks a subnet up, by name
# or id, before it asks Octavia for anything. With the noop network driver nobody else asks.
subnets_program:
  file.managed:
    - name: /usr/local/lib/octavia-lab/subnets.py
    - source: salt://files/subnets.py
    - makedirs: true
    - mode: '0755'

subnets_data:
  file.serialize:
    - name: /etc/octavia-lab/subnet.json
    - serializer: json
    - makedirs: true
    - dataset: {{ pillar.lab.subnet | json }}

subnets_unit:
  file.managed:
    - name: /etc/systemd/system/octavia-lab-subnets.service
    - contents: |
        [Service]
        ExecStart=/usr/local/lib/octavia-lab/subnets.py
        DynamicUser=yes
        [Install]
        WantedBy=multi-user.target

subnets_service:
  service.running:
    - name: octavia-lab-subnets
    - enable: true
    - watch:
      - file: subnets_program
      - file: subnets_data
      - file: subnets_unit
