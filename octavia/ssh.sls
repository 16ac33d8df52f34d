{%- from "octavia/map.jinja" import octavia with context %}
{%- set components = pillar | traverse("octavia:manager:components", ["worker"]) %}
{%- set path = octavia | traverse("manager:ssh:private_key_file", "") | string %}

include:
  - octavia.preflight

{#- an operator reaches amphorae from the worker's host -#}
{%- if octavia.manager.get("enabled") and components is sequence and "worker" in components
       and octavia | traverse("manager:ssh:private_key") %}

octavia_ssh_directory:
  file.directory:
    - name: {{ salt["file.dirname"](path) }}
    - user: {{ octavia.manager.ssh.user }}
    - group: {{ octavia.manager.ssh.group }}
    - mode: "0700"
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight

octavia_ssh_private_key:
  file.managed:
    - name: {{ path }}
    - contents_pillar: octavia:manager:ssh:private_key
    - user: {{ octavia.manager.ssh.user }}
    - group: {{ octavia.manager.ssh.group }}
    - mode: "0600"
    - show_changes: false
    - require:
      - file: octavia_ssh_directory
{%- else %}

octavia_ssh_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
