#!yaml
include:
  - octavia.preflight
  - octavia.alive

octavia_upgrade_started:
  octavia_upgrade.started:
    - require:
      - octavia_check: octavia_preflight
