{%- set service = "image" %}
{%- if pillar | traverse("octavia:resources:image:build:enabled") %}
{%-   set roles = ["resources", "image_build"] %}
{%- endif %}
{%- include "octavia/resources/part.jinja" %}
