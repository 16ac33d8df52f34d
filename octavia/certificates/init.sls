include:
  - octavia.preflight

octavia_certificates:
  test.nop:
    - require:
      - octavia_check: octavia_preflight

{%- if pillar | traverse("octavia:manager:enabled") %}
{%-   from "octavia/map.jinja" import host with context %}
{%-   import_yaml "octavia/defaults.yaml" as defaults %}
{%-   set said = pillar | traverse("octavia:certificates") %}
{%-   set source = pillar | traverse("octavia:certificates:source", defaults.certificates.source) %}
{%-   set placed = [] %}

{#-   where each file of the pillar goes; the server CA's certificate has two readers, who may name two paths -#}
{%-   for section, key, content, mode in (
        ("certificates", "ca_certificate", "server_ca.cert.pem", "0640"),
        ("haproxy_amphora", "server_ca", "server_ca.cert.pem", "0640"),
        ("certificates", "ca_private_key", "server_ca.key.pem", "0600"),
        ("controller_worker", "client_ca", "client_ca.cert.pem", "0640"),
        ("haproxy_amphora", "client_cert_all", "client.cert-and-key.pem", "0600"),
      ) %}
{%-     set path = pillar | traverse(["octavia", "manager", section, key], defaults.manager[section][key]) %}
{%-     if path not in placed %}
{%-       do placed.append(path) %}

octavia_certificate_{{ key }}:
  file.managed:
    - name: {{ path | json }}
{%-       if source == "pillar" and content in said %}
    - contents_pillar: octavia:certificates:{{ content }}
{%-       else %}
    - replace: false
    - create: false
{%-       endif %}
    - user: {{ host.user }}
    - group: {{ host.group }}
    - mode: "{{ mode }}"
    - makedirs: true
    - dir_mode: "0750"
    - show_changes: false
    - require:
      - octavia_check: octavia_preflight
{%-     endif %}
{%-   endfor %}
{%- endif %}
