# Roles that were on and are switched off: nothing but `enabled` has to stay in the pillar.
octavia:
  api:
    enabled: false
  manager:
    enabled: false
  client:
    enabled: false
  driver_agent:
    enabled: false
