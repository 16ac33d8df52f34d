include:
  - octavia.certificates
  - octavia.manager

octavia_certificates_rollover:
{%- if pillar | traverse("octavia:manager:enabled") %}
  octavia_pki.rollover:
    - require:
      - sls: octavia.certificates
      - sls: octavia.manager
{%- else %}
  test.nop: []
{%- endif %}
