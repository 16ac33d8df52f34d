#!yaml
include:
  - octavia.preflight

octavia_upgrade_packages:
  octavia_upgrade.latest:
    - require:
      - octavia_check: octavia_preflight
