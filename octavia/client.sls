include:
  - octavia.preflight

{%- if pillar | traverse("octavia:client:enabled") %}

octavia_client_packages:
  octavia_pkg.installed:
    - roles: [client]
    - require:
      - octavia_check: octavia_preflight
{%- else %}

octavia_client_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
