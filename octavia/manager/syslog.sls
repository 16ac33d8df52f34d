{#- The logs of amphorae, received by rsyslog. What is said no more, and what never was said, is left alone;
    `enabled: false` ends it. -#}
{%- set manager = pillar | traverse("octavia:manager:enabled") %}
{%- set on = pillar | traverse("octavia:manager:syslog:enabled") %}
{%- set files = {
      "conf": ["/etc/rsyslog.d/49-octavia-amphora.conf", "amphora-rsyslog.conf.jinja"],
      "order": ["/etc/systemd/system/rsyslog.service.d/octavia.conf", "amphora-rsyslog.service.conf.jinja"],
      "rotation": ["/etc/logrotate.d/octavia-amphora", "amphora-rsyslog.logrotate.jinja"],
      "end": ["/etc/tmpfiles.d/octavia-amphora.conf", "amphora-rsyslog.tmpfiles.jinja"],
    } %}

include:
  - octavia.preflight
{%- if manager and on %}
{%-   if pillar | traverse("octavia:manager:interface:enabled") %}
  # its address is the one that rsyslog listens at
  - octavia.manager.interface
{%-   endif %}

octavia_syslog_packages:
  octavia_pkg.installed:
    - roles: [syslog]
    - require:
      - octavia_check: octavia_preflight
{%-   if pillar | traverse("octavia:manager:interface:enabled") %}
      - sls: octavia.manager.interface
{%-   endif %}

{%-   for name, (path, template) in files | dictsort %}

octavia_syslog_{{ name }}:
  file.managed:
    - name: {{ path }}
    - source: salt://octavia/files/{{ template }}
    - template: jinja
    - user: root
    - group: root
    - mode: "0644"
    - makedirs: true
{%-     if name == "conf" %}
    - check_cmd: /usr/sbin/rsyslogd -N1 -f
{%-     endif %}
    - require:
      - octavia_pkg: octavia_syslog_packages
{%-   endfor %}

octavia_syslog_service:
  service.running:
    - name: rsyslog
    - enable: true
    - watch:
      - file: octavia_syslog_conf
      - file: octavia_syslog_order

{%- elif on is false or manager is false and on %}

{%-   for name, (path, template) in files | dictsort %}

octavia_syslog_{{ name }}:
  file.absent:
    - name: {{ path }}
    - require:
      - octavia_check: octavia_preflight
{%-   endfor %}

# who receives nothing else may well have none
octavia_syslog_service:
  cmd.run:
    - name: systemctl daemon-reload && systemctl try-restart rsyslog.service
    - onchanges:
      - file: octavia_syslog_conf
{%- else %}

octavia_syslog_disabled:
  test.nop:
    - require:
      - octavia_check: octavia_preflight
{%- endif %}
