{%- set components = pillar | traverse("octavia:manager:components", ["worker"]) %}
{%- set key = pillar | traverse("octavia:manager:ssh:private_key") %}

include:
  - octavia.preflight

{#- an operator reaches amphorae from the worker's host -#}
{%- if key and pillar | traverse("octavia:manager:enabled") and components is sequence and "worker" in components %}
{%-   import_yaml "octavia/defaults.yaml" as defaults %}
{%-   set ssh = defaults.manager.ssh %}
{%-   do ssh.update(pillar.octavia.manager.ssh) %}

octavia_ssh_directory:
  file.directory:
    - name: {{ salt["file.dirname"](ssh.private_key_file | string) }}
    - user: {{ ssh.user }}
    - group: {{ ssh.group }}
    - mode: "0700"
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight

octavia_ssh_private_key:
  file.managed:
    - name: {{ ssh.private_key_file }}
    - contents_pillar: octavia:manager:ssh:private_key
    - user: {{ ssh.user }}
    - group: {{ ssh.group }}
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
