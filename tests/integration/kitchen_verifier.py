"""
What kitchen does after it has converged a machine: its verifier runs from outside, by ssh.
"""

import os
import shlex
import subprocess
import sys

import yaml
from harness import ROOT

_python, *COMMAND = shlex.split(yaml.safe_load((ROOT / "kitchen.yml").read_text())["verifier"]["command"])


def inside(lab):
    """Runs a command of this host in the network of the lab."""
    return ["ip", "netns", "exec", f"octavia-lab-{lab.name}"]


def opened(machine, directory):
    """A new key, in a directory, that opens the machine by ssh."""
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    machine.write("/root/.ssh/authorized_keys", key.with_suffix(".pub").read_text(), 0o600)
    machine.run("chmod 700 /root/.ssh; systemctl start ssh")
    return key


def verify(lab, machine, suite, key):
    """Have kitchen's verifier look at the machine as at one of this suite; gives what it says, or fails with it."""
    environment = {"KITCHEN_SUITE": suite, "KITCHEN_HOSTNAME": machine.address, "KITCHEN_SSH_KEY": str(key)}
    done = subprocess.run(
        [*inside(lab), sys.executable, *COMMAND, "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout
    return done.stdout
