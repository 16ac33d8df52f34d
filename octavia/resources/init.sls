{#- What is made last is taken away first. -#}
{%- set parts = ["identity", "network", "compute", "image"] %}
include:
{%- for part in parts if pillar | traverse("octavia:resources:enabled") %}
  - octavia.resources.{{ part }}
{%- else %}
{%-   for part in parts | reverse %}
  - octavia.resources.{{ part }}
{%-   endfor %}
{%- endfor %}
