"""A proxy between a controller of the lab and the services of its cloud: it counts requests, and spoils some."""

import json
import pathlib
import urllib.parse

PATIENCE = 10
#: Ports of services: the proxy is at 10000 above, and what a path in their address is.
SERVICES = {"identity": (5000, "/v3"), "network": (9696, ""), "compute": (8774, "/v2.1"), "image": (9292, "")}
UNRELATED = """
import openstack
cloud = openstack.connect(cloud="admin")
network = cloud.network
network.update_quota(cloud.current_project_id, networks=-1, ports=-1)
for first in range(0, {number}, 50):
    names = [f"unrelated{{n}}" for n in range(first, min(first + 50, {number}))]
    body = {{"networks": [{{"name": name}} for name in names]}}
    made = network.post("/networks", json=body).json()["networks"]
    body = {{"ports": [{{"name": "unrelated", "network_id": each["id"]}} for each in made]}}
    assert network.post("/ports", json=body).status_code == 201
"""


class Proxy:
    """In the machine of the services. `orders` says what it spoils (see inside.py), `asked` what was asked since."""

    def __init__(self, machine, host="10.77.0.2"):
        self.machine, self.host = machine, host
        machine.write("/root/proxy.py", (pathlib.Path(__file__).parent / "inside.py").read_text())
        behind = {str(port + 10000): f"http://{host}:{port}" for port, _ in SERVICES.values()}
        # an older one of this lab has its ports
        machine.run("kill $(cat /root/proxy.pid)", check=False)
        start = f"setsid python3 /root/proxy.py '{json.dumps(behind)}' >/root/proxy.log 2>&1 & echo $! >/root/proxy.pid"
        machine.run(start)
        machine.run("for i in $(seq 300); do grep -q ready /root/proxy.log && exit 0; sleep 0.1; done; exit 1")

    def orders(self, *faults):
        self.machine.run(["curl", "-sf", "http://127.0.0.1:10999/", "-d", json.dumps(faults)])

    def asked(self):
        """Methods, ports with paths, and faults that were met."""
        return json.loads(self.machine.run(["curl", "-sf", "http://127.0.0.1:10999/"]).stdout)

    def entry(self, entry):
        """An entry of clouds.yaml, with all services behind the proxy."""
        where = {kind: f"http://{self.host}:{port + 10000}{path}" for kind, (port, path) in SERVICES.items()}
        return {
            **entry,
            "auth": {**entry["auth"], "auth_url": where["identity"]},
            "api_timeout": PATIENCE,
            **{f"{kind}_endpoint_override": url for kind, url in where.items()},
        }

    def unrelated(self, number):
        """So many networks with a port each that are nobody's business."""
        self.machine.run(["python3", "-"], input=UNRELATED.format(number=number))


def tokens(asked):
    return len([path for method, path, _ in asked if method == "POST" and path.endswith("/auth/tokens")])


def questions(asked):
    """Requests but for tokens, as method and path."""
    found = [(method, urllib.parse.urlsplit(f"//{path}").path) for method, path, _ in asked]
    return [(method, path) for method, path in found if not path.endswith("/auth/tokens")]
