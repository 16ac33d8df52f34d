include:
  - octavia.preflight

{%- if pillar | traverse("octavia:dashboard:enabled") %}

octavia_dashboard_packages:
  octavia_pkg.installed:
    - roles: [dashboard]
    - require:
      - octavia_check: octavia_preflight

octavia_dashboard:
  octavia_dashboard.shown:
    - require:
      - octavia_pkg: octavia_dashboard_packages
{%- else %}

octavia_dashboard_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
