#!yaml
include:
  - octavia.manager.worker
  - octavia.manager.health_manager
  - octavia.manager.housekeeping
  - octavia.manager.interface
  - octavia.manager.syslog
