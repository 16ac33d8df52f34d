cloud_databases:
  file.managed:
    - name: /etc/octavia-lab/cloud.sql
    - mode: '0600'
    - show_changes: false
    - contents: |
{%- for account in pillar.lab.cloud.accounts.values() %}
{%-   for name in account.databases %}
        CREATE DATABASE IF NOT EXISTS {{ name }} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
        GRANT ALL ON {{ name }}.* TO '{{ account.user }}'@'%' IDENTIFIED BY '{{ account.database_password }}';
{%-   endfor %}
{%- endfor %}
  cmd.run:
    - name: mariadb < /etc/octavia-lab/cloud.sql
    - onchanges:
      - file: cloud_databases
