include:
  - octavia.preflight

{%- if pillar | traverse("octavia:api:enabled") is true and pillar | traverse("octavia:api:role") != "secondary" %}

octavia_db_backup_packages:
  octavia_pkg.installed:
    - roles: [backup]
    - require:
      - octavia_check: octavia_preflight

octavia_db_backup:
  octavia_backup.taken:
    - require:
      - octavia_pkg: octavia_db_backup_packages

{%- else %}

octavia_db_backup_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
