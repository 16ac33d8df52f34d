#!yaml
include:
  - octavia.sync

# not octavia.preflight: this host may be in any state
octavia_upgrade_restored:
  octavia_upgrade.restored:
    - require:
      - id: octavia_sync
