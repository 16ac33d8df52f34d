include:
  - octavia.preflight

octavia_certificates:
{%- if pillar | traverse("octavia:manager:enabled") %}
  octavia_pki.managed:
{%- else %}
  test.nop:
{%- endif %}
    - require:
      - octavia_check: octavia_preflight
