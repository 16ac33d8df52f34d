{%- set role, section, needs = "driver_agent", "driver_agent", [] %}
{%- include "octavia/component.jinja" %}
