# RabbitMQ, plain and with TLS. Users and virtual hosts come from a file that the server reads at each start:
# no rabbitmqctl, which takes seconds per call.
{%- set rabbitmq = pillar.lab.rabbitmq %}

include:
  - ca

rabbitmq_packages:
  pkg.installed:
    - pkgs: [rabbitmq-server]

rabbitmq_key:
  file.managed:
    - name: /etc/rabbitmq/services.key
    - source: /etc/octavia-lab/services.key
    - user: rabbitmq
    - group: rabbitmq
    - mode: '0400'
    - require:
      - pkg: rabbitmq_packages
      - cmd: lab_certificate

rabbitmq_definitions:
  file.managed:
    - name: /etc/rabbitmq/definitions.json
    - source: salt://files/definitions.json.jinja
    - template: jinja
    - user: root
    - group: rabbitmq
    - mode: '0640'
    - show_changes: false
    - require:
      - pkg: rabbitmq_packages

rabbitmq_configuration:
  file.managed:
    - name: /etc/rabbitmq/rabbitmq.conf
    - contents: |
        listeners.tcp.default = {{ rabbitmq.port }}
        listeners.ssl.default = {{ rabbitmq.tls_port }}
        ssl_options.cacertfile = /etc/octavia-lab/ca.crt
        ssl_options.certfile = /etc/octavia-lab/services.crt
        ssl_options.keyfile = /etc/rabbitmq/services.key
        ssl_options.verify = verify_none
        load_definitions = /etc/rabbitmq/definitions.json
    - require:
      - pkg: rabbitmq_packages

# Erlang's schedulers would spin while they wait, on cores that the tests need.
rabbitmq_environment:
  file.managed:
    - name: /etc/rabbitmq/rabbitmq-env.conf
    - contents: SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none"
    - require:
      - pkg: rabbitmq_packages

# It needs seconds to start, and systemd would hold back what is ordered after it, Keystone and Neutron among them:
# these come up at the same time. Who needs the server itself waits for its port.
rabbitmq_start:
  file.managed:
    - name: /etc/systemd/system/rabbitmq-server.service.d/octavia-lab.conf
    - makedirs: true
    - contents: |
        [Service]
        Type=exec

rabbitmq_service:
  service.running:
    - name: rabbitmq-server
    - enable: true
    - require:
      - sls: ca
    - watch:
      - file: rabbitmq_key
      - file: rabbitmq_definitions
      - file: rabbitmq_configuration
      - file: rabbitmq_environment
      - file: rabbitmq_start
