#!yaml
include:
  - octavia.sync

octavia_preflight:
  octavia_check.preflight:
    - source: salt://octavia
    - require:
      - id: octavia_sync
