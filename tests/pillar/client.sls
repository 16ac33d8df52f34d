octavia:
  client:
    enabled: true
