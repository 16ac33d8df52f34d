"""The machine that is measured: a converged controller, the floor beside the formula, and the same work by Ansible."""

import configparser
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lab import LabError, host

HERE = pathlib.Path(__file__).resolve().parent
BENCH = "/srv/bench"
ROLES = ("api", "worker", "health_manager", "housekeeping")
UNITS = ("octavia-api", "octavia-worker", "octavia-health-manager", "octavia-housekeeping")
SALT_CALL = ("--local", "--retcode-passthrough", "--log-level=warning", "--out=json")
FORMULA = (*SALT_CALL, "state.apply", "octavia")
FLOOR = (*SALT_CALL, "state.apply", "floor")
ANSIBLE = (f"{BENCH}/ansible/bin/ansible-playbook", f"{BENCH}/inside/playbook.yml")
# Tuning that README gives for a Salt; formula and floor run with the same.
OPTIONS = {"3006": "lazy_loader_strict_matching: True\n"}


def converge(lab, name="controller1", pillar=None):
    """A fresh Debian 12 that the formula has made a controller; its database is made on the way."""
    machine = lab.machine(name)
    machine.put_formula()
    machine.put_pillar(pillar or (host.HERE / "pillar" / "octavia.sls").read_text())
    machine.salt_call("state.apply", "octavia.db.create")
    bring_tools(machine)
    bring_pillar(machine)
    use_salt(machine, "3008")
    return machine


def bring_tools(machine):
    """What counting and timing need: our scripts, strace, and the floor beside the formula."""
    machine.write("/srv/salt/floor.sls", "floor:\n  test.nop: []\n")
    machine.put_tree(HERE / "inside", f"{BENCH}/inside")
    machine.run("apt-get -qq install --no-install-recommends strace")


def bring_pillar(machine):
    """The pillar of a controller of real amphorae over the present one."""
    machine.write("/srv/pillar/top.sls", "base: {'*': [octavia, bench, bench_key]}\n", 0o600)
    machine.write("/srv/pillar/bench.sls", (HERE / "pillar.sls").read_text(), 0o600)
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    ssh = {"octavia": {"manager": {"ssh": {"private_key": key}}}}
    machine.write("/srv/pillar/bench_key.sls", "#!json\n" + json.dumps(ssh), 0o600)


def use_salt(machine, version):
    """Go on with this Salt, converged."""
    machine.use_salt(version)
    minion = [line for line in machine.read("/etc/salt/minion").splitlines() if "strict_matching" not in line]
    machine.write("/etc/salt/minion", "\n".join(minion) + "\n" + OPTIONS.get(version, ""))
    machine.salt_call("state.apply", "octavia")
    again = machine.salt_call("state.apply", "octavia").data
    changes = [state["__id__"] for state in again.values() if state["changes"]]
    if changes:
        raise LabError(f"Salt {version} does not converge: {' '.join(changes)}")


def add_ansible(machine):
    """Ansible, and a playbook of the same work: the formula's own packages, options, files and services."""
    pip = f"{BENCH}/ansible/bin/pip -q --disable-pip-version-check install 'ansible-core~=2.19.0'"
    machine.run(f"python3 -m venv {BENCH}/ansible && {pip}", env=host.pip_environment())
    conf = configparser.RawConfigParser(strict=False, default_section="")
    conf.read_string(machine.read("/etc/octavia/octavia.conf"))
    machine.write(f"{BENCH}/octavia.json", json.dumps({name: dict(conf[name]) for name in conf.sections()}), 0o600)
    found = machine.run("find /etc/octavia/certs /etc/octavia/.ssh -type f -printf '%p 0%m\\n'").stdout
    files = [dict(zip(("path", "mode"), line.split(), strict=True)) for line in found.splitlines()]
    above = {str(pathlib.PurePosixPath(f"{BENCH}/made{each['path']}").parent) for each in files}
    packages = machine.salt_call("octavia_pillar.packages", json.dumps(ROLES)).data
    wanted = {"packages": packages, "files": files, "directories": sorted(above), "services": UNITS}
    machine.write(f"{BENCH}/inside/ansible.json", json.dumps(wanted))
