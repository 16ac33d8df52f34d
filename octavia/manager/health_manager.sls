{%- set role, section, needs = "health_manager", "manager", ["octavia.certificates"] %}
{%- include "octavia/component.jinja" %}
