{%- set service = "compute" %}
{%- include "octavia/resources/part.jinja" %}
