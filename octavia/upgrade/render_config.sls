#!yaml
include:
  - octavia.conf
  - octavia.uwsgi

octavia_upgrade_units:
  octavia_upgrade.units:
    - require:
      - octavia_conf: octavia_conf
