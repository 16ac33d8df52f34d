# Certificates for Octavia's talk with its amphorae, made once for all labs: the facts hold them, for pillars.
include:
  - ca

amphora_ca:
  cmd.script:
    - name: salt://files/amphora_ca.sh
    - cwd: /etc/octavia-lab
    - creates: /etc/octavia-lab/amphora/client.cert-and-key.pem
    - env:
      - PASSPHRASE: {{ pillar.lab.amphora_ca_passphrase | json }}
    - require:
      - sls: ca
