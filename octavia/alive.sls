#!yaml
include:
  - octavia.preflight

octavia_services_alive:
  octavia_service.alive:
    - order: last
    - require:
      - octavia_check: octavia_preflight
