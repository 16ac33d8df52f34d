{%- from "octavia/map.jinja" import octavia with context %}
{%- set from_pillar = octavia | traverse("certificates:source") == "pillar" %}

include:
  - octavia.preflight

octavia_certificates:
  test.nop:
    - require:
      - octavia_check: octavia_preflight

{#- where each file of the pillar goes; the server CA's certificate has two readers, who may name two paths -#}
{%- if octavia.manager.get("enabled") %}
{%-   set placed = [] %}
{%-   for key, content, mode in (
        ("certificates:ca_certificate", "server_ca.cert.pem", "0640"),
        ("haproxy_amphora:server_ca", "server_ca.cert.pem", "0640"),
        ("certificates:ca_private_key", "server_ca.key.pem", "0600"),
        ("controller_worker:client_ca", "client_ca.cert.pem", "0640"),
        ("haproxy_amphora:client_cert_all", "client.cert-and-key.pem", "0600"),
      ) %}
{%-     set path = octavia.manager | traverse(key) %}
{%-     if path not in placed %}
{%-       do placed.append(path) %}

octavia_certificate_{{ key.split(":")[1] }}:
  file.managed:
    - name: {{ path | json }}
{%-       if from_pillar and content in octavia.certificates %}
    - contents_pillar: octavia:certificates:{{ content }}
{%-       else %}
    - replace: false
    - create: false
{%-       endif %}
    - user: {{ octavia.host.user }}
    - group: {{ octavia.host.group }}
    - mode: "{{ mode }}"
    - makedirs: true
    - dir_mode: "0750"
    - show_changes: false
    - require:
      - octavia_check: octavia_preflight
{%-     endif %}
{%-   endfor %}
{%- endif %}
