#!yaml
include:
  - octavia.preflight

octavia_upgrade_verified:
  octavia_upgrade.verified:
    - require:
      - octavia_check: octavia_preflight
