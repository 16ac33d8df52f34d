#!yaml
include:
  - octavia.conf
  - octavia.serve

octavia_upgrade_units:
  octavia_upgrade.units:
    - require:
      - octavia_conf: octavia_conf
