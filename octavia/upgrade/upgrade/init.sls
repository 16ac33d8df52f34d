#!yaml
include:
  - octavia.upgrade.upgrade.pre
  - octavia.upgrade.service_stopped
  - octavia.upgrade.pkg_latest
  - octavia.upgrade.render_config
  - octavia.db.offline_sync
  - octavia.upgrade.service_running
  - octavia.upgrade.upgrade.post

# Each phase waits for the one before it, and none begins after one that failed. A host that has the newest Octavia is
# not taken out for nothing.
extend:
  octavia_upgrade_drained:
    octavia_upgrade:
      - only_due: true
  octavia_upgrade_stopped:
    octavia_upgrade:
      - only_due: true
      - require:
        - octavia_upgrade: octavia_upgrade_drained
  octavia_upgrade_packages:
    octavia_upgrade:
      - require:
        - octavia_upgrade: octavia_upgrade_stopped
      - require_in:
        - octavia_policy: octavia_policy
  octavia_upgrade_started:
    octavia_upgrade:
      - require:
        - sls: octavia.upgrade.render_config
        - sls: octavia.serve
        - octavia_db: octavia_db_schema
  octavia_upgrade_returned:
    octavia_upgrade:
      - require:
        - octavia_upgrade: octavia_upgrade_started
