{#- What is said no more, and what never was said, is left alone; `enabled: false` takes it away. -#}
{%- set manager = pillar | traverse("octavia:manager:enabled") %}
{%- set on = pillar | traverse("octavia:manager:interface:enabled") %}

include:
  - octavia.preflight

{%- if manager and on %}

octavia_interface_packages:
  octavia_interface.installed:
    - require:
      - octavia_check: octavia_preflight

octavia_interface_port:
  octavia_interface.port:
    - require:
      - octavia_interface: octavia_interface_packages

# before there is anything to protect
octavia_interface_firewall:
  octavia_interface.firewall:
    - require:
      - octavia_interface: octavia_interface_port

octavia_interface_device:
  octavia_interface.device:
    - require:
      - octavia_interface: octavia_interface_firewall

octavia_interface_gate:
  octavia_interface.gate:
    - require:
      - octavia_interface: octavia_interface_device
{%- else %}

octavia_interface_disabled:
{%-   if manager is false or on is false %}
  octavia_interface.absent:
{%-   else %}
  test.nop:
{%-   endif %}
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
