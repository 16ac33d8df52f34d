{%- set service = "network" %}
{%- include "octavia/resources/part.jinja" %}
