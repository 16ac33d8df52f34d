#!yaml
# the name that an older formula had for it
include:
  - octavia.upgrade.pkg_latest
