include:
  - octavia.sync

{#- not octavia.preflight: what else is wrong with the host hides no amphora -#}
{%- if pillar | traverse("octavia:manager:enabled") %}

octavia_health:
  octavia_check.healthy:
    - source: salt://octavia
    - require:
      - id: octavia_sync
{%- else %}

octavia_health_disabled:
  test.nop:
    - require:
      - id: octavia_sync
{%- endif %}
