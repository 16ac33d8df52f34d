# A load balancer before the APIs of all controllers, as an operator has one: it asks /healthcheck, and what was not sent
# yet goes to another one.
haproxy_packages:
  pkg.installed:
    - name: haproxy

haproxy_configuration:
  file.managed:
    - name: /etc/haproxy/haproxy.cfg
    - contents: |
        global
            user haproxy
            group haproxy
            stats socket /run/haproxy/admin.sock mode 660 level admin
        defaults
            mode http
            timeout connect 2s
            timeout check 5s
            timeout client 120s
            timeout server 120s
            retries 3
            option redispatch 1
        frontend octavia
            bind {{ pillar.lab.haproxy.host }}:{{ pillar.lab.haproxy.port }}
            default_backend octavia_api
        backend octavia_api
            balance roundrobin
            option httpchk GET /healthcheck
            http-check expect status 200
            default-server check inter 500ms fastinter 500ms downinter 500ms fall 2 rise 1
{%- for name in pillar.lab.haproxy.controllers %}
            server {{ name }} {{ pillar.lab.network.machines[name] }}:9876
{%- endfor %}
    - require:
      - pkg: haproxy_packages

haproxy_service:
  service.running:
    - name: haproxy
    - enable: true
    - watch:
      - file: haproxy_configuration
