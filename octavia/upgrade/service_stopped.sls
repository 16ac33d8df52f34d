#!yaml
include:
  - octavia.sync

# not octavia.preflight: what is wrong with the host does not keep a service from being stopped
octavia_upgrade_stopped:
  octavia_upgrade.stopped:
    - require:
      - id: octavia_sync
