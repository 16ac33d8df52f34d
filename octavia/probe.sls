#!yaml
include:
  - octavia.sync

octavia_probe:
  octavia_check.probed:
    - source: salt://octavia
    - require:
      - id: octavia_sync
