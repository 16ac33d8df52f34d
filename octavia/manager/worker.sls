{%- set role, section, needs = "worker", "manager", ["octavia.certificates", "octavia.ssh"] %}
{%- include "octavia/component.jinja" %}
