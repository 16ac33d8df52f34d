include:
  - octavia.preflight

{%- if pillar | traverse("octavia:db:create") %}

octavia_db_packages:
  octavia_pkg.installed:
    - roles: [db]
    - require:
      - octavia_check: octavia_preflight

octavia_db_create:
  octavia_db.present:
    - require:
      - octavia_pkg: octavia_db_packages

{%- else %}

octavia_db_create_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
