# A minion whose pillar has no octavia key at all.
linux:
  system:
    enabled: true
