include:
  - octavia.sync

{#- not octavia.preflight: what else is wrong with the host hides no certificate -#}
{%- if pillar | traverse("octavia:api:enabled") or pillar | traverse("octavia:manager:enabled")
       or pillar | traverse("octavia:driver_agent:enabled") %}

octavia_certificates_check:
  octavia_pki.checked:
    - source: salt://octavia
    - require:
      - id: octavia_sync
{%- else %}

octavia_certificates_check_disabled:
  test.nop:
    - require:
      - id: octavia_sync
{%- endif %}
