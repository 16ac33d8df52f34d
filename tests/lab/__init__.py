"""Throw-away Debian machines with systemd, and the OpenStack services that Octavia needs in one of them."""

from lab.host import LabError
from lab.laboratory import Lab
from lab.machine import CommandError, Machine

__all__ = ["CommandError", "Lab", "LabError", "Machine"]
