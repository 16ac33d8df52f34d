#!yaml
include:
  - octavia.client
  - octavia.db.create
  - octavia.api
  - octavia.manager
  - octavia.driver_agent
