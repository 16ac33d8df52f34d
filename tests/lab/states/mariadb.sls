# MariaDB on all addresses, with TLS for those who ask for it, and an administrator who may come over the network.
# Octavia's own database and user are the formula's work.
{%- set mariadb = pillar.lab.mariadb %}
{%- set network = pillar.lab.network.machines.services.rsplit('.', 1)[0] ~ '.%' %}

include:
  - ca

mariadb_packages:
  pkg.installed:
    - pkgs: [mariadb-server, python3-pymysql]

mariadb_key:
  file.managed:
    - name: /etc/mysql/services.key
    - source: /etc/octavia-lab/services.key
    - user: mysql
    - group: mysql
    - mode: '0400'
    - require:
      - pkg: mariadb_packages
      - cmd: lab_certificate

# Tests need no data that survives a power failure: commits do not wait for the disk.
mariadb_configuration:
  file.managed:
    - name: /etc/mysql/mariadb.conf.d/99-octavia-lab.cnf
    - contents: |
        [mysqld]
        bind-address = 0.0.0.0
        port = {{ mariadb.port }}
        skip-name-resolve
        max_connections = 1000
        innodb_flush_log_at_trx_commit = 0
        ssl_ca = /etc/octavia-lab/ca.crt
        ssl_cert = /etc/octavia-lab/services.crt
        ssl_key = /etc/mysql/services.key
    - require:
      - pkg: mariadb_packages

mariadb_service:
  service.running:
    - name: mariadb
    - enable: true
    - require:
      - sls: ca
    - watch:
      - file: mariadb_configuration
      - file: mariadb_key

mariadb_accounts:
  file.managed:
    - name: /etc/octavia-lab/accounts.sql
    - source: salt://files/accounts.sql.jinja
    - template: jinja
    - mode: '0600'
    - show_changes: false
    - context:
        network: {{ network }}
  cmd.run:
    - name: mariadb < /etc/octavia-lab/accounts.sql
    - require:
      - service: mariadb_service
    - onchanges:
      - file: mariadb_accounts
