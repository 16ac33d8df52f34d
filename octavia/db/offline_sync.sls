#!yaml
include:
  - octavia.conf

octavia_db_schema:
  octavia_db.migrated:
    - require:
      - octavia_conf: octavia_conf
