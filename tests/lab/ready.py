"""Run in the services machine: wait until each service of a tree answers; name the one that does not.

In place of a tree: a machine, for Neutron's agent there.
"""

import json
import socket
import sys
import time
import urllib.request

HOST = "services"


def talk(port, send, expect):
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(send)
        return expect in connection.recv(512)


def http(port, path, token="", body=None):
    """The answer; without credentials only that there is a good one."""
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", body and json.dumps(body).encode())  # noqa: S310
    request.add_header("Content-Type", "application/json")
    request.add_header("X-Auth-Token", token)
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return answer.headers, json.load(answer)


def token():
    """One of the administrator, as clouds.yaml has it."""
    import yaml

    with open("/etc/openstack/clouds.yaml") as handle:
        auth = yaml.safe_load(handle)["clouds"]["admin"]["auth"]
    domain = {"id": "default"}
    user = {"name": auth["username"], "password": auth["password"], "domain": domain}
    scope = {"project": {"name": auth["project_name"], "domain": domain}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return http(5000, "/v3/auth/tokens", body={"auth": {"identity": identity, "scope": scope}})[0]["X-Subject-Token"]


def agents(host):
    """Those of a machine that report; what they reported before it was shut down is too old to count."""
    found = http(9696, f"/v2.0/agents?host={host}", token())[1]["agents"]
    return {agent["binary"] for agent in found if agent["alive"]}


def compute():
    found = http(8774, "/v2.1/os-services", token())[1]["services"]
    up = {service["binary"] for service in found if service["state"] == "up"}
    return up >= {"nova-compute", "nova-conductor", "nova-scheduler"}


CHECKS = {
    "memcached": lambda: talk(11211, b"version\r\n", b"VERSION"),
    # The server speaks first in MariaDB's protocol; in RabbitMQ's it answers with Connection.Start.
    "mariadb": lambda: talk(3306, b"", b"mysql_native_password"),
    "rabbitmq": lambda: talk(5672, b"AMQP\x00\x00\x09\x01", b"RabbitMQ"),
    "keystone": lambda: http(5000, "/v3"),
    "neutron": lambda: http(9696, "/"),
}
CLOUD = {
    "placement": lambda: http(8778, "/"),
    "glance": lambda: http(9292, "/versions"),
    "neutron agents": lambda: agents(HOST) >= {"neutron-linuxbridge-agent", "neutron-dhcp-agent"},
    "nova": compute,
}
what, timeout = sys.argv[1:]
trees = {"services": CHECKS, "cloud": CHECKS | CLOUD}
agent = {f"Neutron's agent of {what}": lambda: agents(what)}
deadline = time.monotonic() + float(timeout)
for name, answers in trees.get(what, agent).items():
    problem = "no answer"
    while True:
        try:
            if answers():
                break
        except OSError as error:
            problem = str(error)
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not answer: {problem}; look at: journalctl, /var/log/{name.split()[0]}*")
        time.sleep(0.1)
