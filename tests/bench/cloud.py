"""How much a converged `octavia.resources` asks the cloud."""

import hashlib

import proxy

IMAGE = "no amphora"
STATES = ["state.apply", "octavia.resources"]


def measure(lab, table):
    """A row for a cloud with one unrelated network and port, and one for five hundred."""
    machine, asked = lab.machine("controller1"), proxy.Proxy(lab.machines["services"])
    keystone = lab.facts["keystone"]
    machine.put_formula()
    machine.write("/root/amphora.raw", IMAGE)
    image = {
        "file": "/root/amphora.raw",
        "checksum": f"sha256:{hashlib.sha256(IMAGE.encode()).hexdigest()}",
        "disk_format": "raw",
    }
    machine.put_pillar(
        {
            "octavia": {
                "identity": {"host": keystone["host"], "password": keystone["octavia"]["password"]},
                "api": {"bind": {"address": "10.77.0.11"}},
                "resources": {"enabled": True, "cloud": asked.entry(lab.facts["clouds"]["admin"]), "image": image},
            }
        }
    )
    machine.salt_call(*STATES)
    for before, number in ((0, 1), (1, 500)):
        asked.unrelated(number - before)
        machine.salt_call(*STATES)
        asked.orders()
        machine.salt_call(*STATES)
        found = asked.asked()
        kinds = len(set(proxy.questions(found)))
        table.add(f"requests, {number} unrelated networks and ports", len(found), 4 + kinds, counter=True)
        table.add("  of them tokens", proxy.tokens(found), 1, counter=True)
        table.add("  of them asked twice", len(proxy.questions(found)) - kinds, 0, counter=True)
