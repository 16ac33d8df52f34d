include:
{%- if pillar | traverse("octavia:resources") %}
  # what the roles need in the cloud comes before them
  - octavia.resources
{%- endif %}
  - octavia.client
  - octavia.db.create
  - octavia.api
  - octavia.manager
  - octavia.driver_agent
{%- if pillar | traverse("octavia:monitoring:enabled") is not none %}
  - octavia.monitoring
{%- endif %}
{%- if pillar | traverse("octavia:dashboard") %}
  - octavia.dashboard
{%- endif %}
