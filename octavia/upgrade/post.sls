#!yaml
include:
  - octavia.sync

octavia_upgrade_cleaned:
  octavia_upgrade.cleaned:
    - require:
      - id: octavia_sync
