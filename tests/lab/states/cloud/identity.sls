# The accounts of the new services. What octavia.resources makes in a cloud is taken away again: here the formula is to
# find a cloud that never heard of Octavia.
{%- set keystone, cloud = pillar.lab.keystone, pillar.lab.cloud %}

cloud_identity_wanted:
  file.serialize:
    - name: /etc/octavia-lab/cloud-identity.json
    - serializer: json
    - mode: '0600'
    - show_changes: false
    - dataset:
        region: {{ keystone.region }}
        roles: [service]
        accounts: {{ cloud.accounts.values() | list | json }}
        services: {{ cloud.services | json }}
        absent:
          user: [{{ keystone.octavia.user }}]
          service: [{{ keystone.services['load-balancer'].name }}]
          role: {{ keystone.roles | select('match', 'load-balancer_') | list | json }}

cloud_identity:
  cmd.script:
    - source: salt://files/identity.py
    - env:
      - OS_CLOUD: admin
      - WANTED: /etc/octavia-lab/cloud-identity.json
    - stateful: true
    - require:
      - file: cloud_identity_wanted
