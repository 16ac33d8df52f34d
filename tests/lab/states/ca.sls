# A certificate authority of the lab's own and one server certificate, for all services of this machine.
{%- set address = pillar.lab.network.machines.services %}

lab_openssl:
  pkg.installed:
    - name: openssl

lab_ca_directory:
  file.directory:
    - name: /etc/octavia-lab
    - mode: '0755'

lab_ca:
  cmd.run:
    - name: >-
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=octavia-lab CA'
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
        -keyout ca.key -out ca.crt
    - cwd: /etc/octavia-lab
    - umask: '077'
    - unless: test -s ca.crt
    - require:
      - pkg: lab_openssl
      - file: lab_ca_directory

lab_certificate_request:
  file.managed:
    - name: /etc/octavia-lab/services.ext
    - contents: |
        subjectAltName = DNS:services, DNS:localhost, IP:{{ address }}, IP:127.0.0.1
        extendedKeyUsage = serverAuth

lab_certificate:
  cmd.run:
    - name: |
        openssl req -new -newkey rsa:2048 -nodes -subj /CN=services -keyout services.key -out services.csr &&
        openssl x509 -req -in services.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
          -extfile services.ext -out services.crt
    - cwd: /etc/octavia-lab
    - umask: '077'
    - unless: test -s services.crt
    - require:
      - cmd: lab_ca
      - file: lab_certificate_request

{%- for name in ('ca.crt', 'services.crt') %}

lab_public_{{ name }}:
  file.managed:
    - name: /etc/octavia-lab/{{ name }}
    - mode: '0644'
    - replace: false
    - require:
      - cmd: lab_certificate
{%- endfor %}
