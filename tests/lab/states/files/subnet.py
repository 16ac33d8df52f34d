#!/usr/bin/python3
"""Make the network and the subnet that /etc/octavia-lab/subnet.wanted.json names, in the project of OS_CLOUD."""

import json
import pathlib
import time

import openstack

LAB = pathlib.Path("/etc/octavia-lab")
wanted = json.loads((LAB / "subnet.wanted.json").read_text())
made = []


def answering(tries=120):
    """Neutron, as soon as it answers: its service has only just been started."""
    while True:
        try:
            neutron = openstack.connect().network
            list(neutron.networks())
            return neutron
        except Exception:
            tries -= 1
            if not tries:
                raise
            time.sleep(0.5)


neutron = answering()
network = neutron.find_network(wanted["network"])
if not network:
    network = neutron.create_network(name=wanted["network"])
    made.append(f"network {network.name}")
subnet = neutron.find_subnet(wanted["name"])
if not subnet:
    subnet = neutron.create_subnet(name=wanted["name"], network_id=network.id, ip_version=4, cidr=wanted["cidr"])
    made.append(f"subnet {subnet.name}")
facts = {**wanted, "id": subnet.id, "network_id": network.id, "project_id": subnet.project_id}
(LAB / "subnet.json").write_text(json.dumps(facts))

print()
print(json.dumps({"changed": bool(made), "comment": f"made: {', '.join(made) or 'nothing'}"}))
