{%- set role, section, needs = "housekeeping", "manager", ["octavia.certificates"] %}
{%- include "octavia/component.jinja" %}
