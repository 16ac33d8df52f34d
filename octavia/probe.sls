#!yaml
include:
  - octavia.preflight

octavia_probe:
  octavia_check.probed:
    - source: salt://octavia
    - require:
      - octavia_check: octavia_preflight
