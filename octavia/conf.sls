include:
  - octavia.preflight

octavia_conf:
  octavia_conf.managed:
    - require:
      - octavia_check: octavia_preflight
