{#- Metrics for Prometheus. What is said no more, and what never was said, is left alone; `enabled: false` takes the
    metrics away. -#}
{%- set on = pillar | traverse("octavia:monitoring:enabled") %}
{%- set roles = pillar | traverse("octavia:api:enabled") or pillar | traverse("octavia:manager:enabled") %}
{%- set unit = "octavia-metrics" %}

include:
  - octavia.preflight

{%- if not roles or on is none %}

octavia_monitoring_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- else %}
{%-   from "octavia/map.jinja" import host with context %}
{%-   import_yaml "octavia/defaults.yaml" as defaults %}
{%-   set directory = pillar | traverse("octavia:monitoring:textfile_directory", defaults.monitoring.textfile_directory) %}
{%-   set interval = pillar | traverse("octavia:monitoring:interval", defaults.monitoring.interval) %}
{%-   set link = directory ~ "/octavia.prom" %}
{%-   if on %}

octavia_metrics_script:
  file.managed:
    - name: {{ host.metrics }}
    - source: salt://octavia/host/metrics.py
    - user: root
    - group: root
    - mode: "0644"
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight

{%-     for kind in ("service", "timer") %}

octavia_metrics_{{ kind }}:
  file.managed:
    - name: {{ host.unit_dir }}/{{ unit }}.{{ kind }}
    - source: salt://octavia/files/octavia-metrics.{{ kind }}.jinja
    - template: jinja
    - context: {{ {"unit": unit, "interval": interval} | json }}
    - user: root
    - group: root
    - mode: "0644"
    - require:
      - file: octavia_metrics_script
{%-     endfor %}

octavia_metrics_taken:
  service.running:
    - name: {{ unit }}.timer
    - enable: true
    - watch:
      - file: octavia_metrics_service
      - file: octavia_metrics_timer

# the exporter's directory is not Octavia's to write to
octavia_metrics_link:
  file.symlink:
    - name: {{ link }}
    - target: /var/lib/{{ unit }}/octavia.prom
    - makedirs: true
    - require:
      - octavia_check: octavia_preflight
{%-   else %}

octavia_metrics_taken:
  service.dead:
    - name: {{ unit }}.timer
    - enable: false
    - require:
      - octavia_check: octavia_preflight

octavia_metrics_link:
  file.absent:
    - name: {{ link }}
    - require:
      - octavia_check: octavia_preflight
{%-   endif %}
{%- endif %}
