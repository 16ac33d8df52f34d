include:
  - octavia.preflight

{%- if pillar | traverse("octavia:api:enabled") is true and pillar | traverse("octavia:api:role") != "secondary" %}

# this host dumps the database before it migrates it
octavia_upgrade_pre_packages:
  octavia_pkg.installed:
    - roles: [backup]
    - require:
      - octavia_check: octavia_preflight
    - require_in:
      - octavia_upgrade: octavia_upgrade_pre
{%- endif %}

octavia_upgrade_pre:
  octavia_upgrade.ready:
    - require:
      - octavia_check: octavia_preflight
