# Everything that Octavia's control plane talks to, on one machine.
include:
  - mariadb
  - rabbitmq
  - memcached
  - keystone
  - neutron
  - amphora_ca
  - haproxy
