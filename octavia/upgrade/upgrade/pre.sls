#!yaml
include:
  - octavia.preflight

octavia_upgrade_drained:
  octavia_upgrade.drained:
    - require:
      - octavia_check: octavia_preflight
