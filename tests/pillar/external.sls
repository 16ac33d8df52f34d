# TLS to every service around Octavia, and passwords that hold every printable character.
octavia:
  database:
    engine: mysql
    host: db.example.org
    port: 3307
    name: octavia
    user: octavia@cloud
    password: |-
      jbwOUlMgGorb !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~ %(user)s $user
    ssl:
      enabled: true
      ca: /etc/ssl/certs/db-ca.pem
      cert: /etc/octavia/tls/db.cert.pem
      key: /etc/octavia/tls/db.key.pem
  identity:
    engine: keystone
    region: RegionTwo
    protocol: https
    host: keystone.example.org
    port: 443
    user: octavia
    password: '%LmG4LT7QVs9g$$%%{}@:/?#'
    tenant: service
    domain: Default
    endpoint_type: public
  message_queue:
    engine: rabbitmq
    user: octavia:mq
    password: '@P3redwqByCLw:%2F?#[]'
    virtual_host: /a b/c%d
    quorum: true
    ssl:
      enabled: true
      ca: /etc/ssl/certs/mq-ca.pem
    members:
      - host: mq1.example.org
        port: 5671
      - host: mq2.example.org
        port: 5671
  cache:
    members:
      - host: 10.0.0.11
        port: 11211
    security:
      enabled: true
      strategy: ENCRYPT
      secret_key: cwX0yXsJ4Yxyi5t0OYEEVtHuaGuhzqXI
  notification: true
  api:
    enabled: true
    bind:
      address: 10.0.0.11
      port: 9876
    audit:
      enabled: true
    cors:
      allowed_origin: ["https://horizon.example.org"]
  config:
    quotas:
      default_load_balancer_quota: 20
    nova:
      enable_anti_affinity: true
