#!yaml
include:
  - octavia.preflight

octavia_upgrade_returned:
  octavia_upgrade.returned:
    - require:
      - octavia_check: octavia_preflight
