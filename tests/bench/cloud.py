"""How much a converged `octavia.resources` asks the cloud."""

import proxy

STATES = ["state.apply", "octavia.resources"]


def measure(lab, table):
    """A row for a cloud with one unrelated network and port, and one for five hundred."""
    machine, asked = lab.machine("controller1"), proxy.Proxy(lab.machines["services"])
    keystone = lab.facts["keystone"]
    machine.put_formula()
    machine.put_pillar(
        {
            "octavia": {
                "identity": {"host": keystone["host"], "password": keystone["octavia"]["password"]},
                "api": {"bind": {"address": "10.77.0.11"}},
                "resources": {"enabled": True, "cloud": asked.entry(lab.facts["clouds"]["admin"])},
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
