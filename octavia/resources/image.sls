{%- set service = "image" %}
{%- include "octavia/resources/part.jinja" %}
