# The API by Apache, with TLS, its certificate in the pillar.
octavia:
  database:
    host: db.example.org
    password: fake-database-fake-database
  identity:
    host: keystone.example.org
    password: fake-identity-fake-identity
  message_queue:
    host: rabbit.example.org
    password: fake-rabbit-fake-rabbit
  api:
    enabled: true
    server: apache
    bind:
      address: 10.0.0.11
    ssl:
      enabled: true
      cert_text: |
        @CERTIFICATE@
      key_text: |
        @PRIVATE_KEY@
