{%- set service = "identity" %}
{%- include "octavia/resources/part.jinja" %}
