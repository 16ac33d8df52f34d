#!yaml
include:
  - octavia.preflight

octavia_upgrade_pre:
  octavia_upgrade.ready:
    - require:
      - octavia_check: octavia_preflight
