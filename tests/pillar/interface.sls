octavia:
  database:
    host: 127.0.0.1
    password: aOJBbKPB8kI0Kf3Thj04ngsIkwi0ZLzG
  identity:
    host: 127.0.0.1
    password: AyadSqypl0aL9M9mHHhvGCddYzWeZQiT
  message_queue:
    host: 127.0.0.1
    password: FJB7akBoT3Vu77aHLPB2a7GOjPn8480T
  manager:
    enabled: true
    components: [worker, health_manager]
    certificates:
      ca_private_key_passphrase: 2a7QQ365zNda13bNroiVYUBk
      server_certs_key_passphrase: vuIkdeGUzqLt45dUx3tAGnqKt0ILo1in
    health_manager:
      heartbeat_key: 8f6NqKLNqVZWqSSBbv0cLQxW
    interface:
      enabled: true
      type: ovn
      address: 172.16.0.11
