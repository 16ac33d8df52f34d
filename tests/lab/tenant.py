"""Run in the services machine: a tenant's two hosts, or nothing of them.

Each is a network namespace with a port that Neutron made and its agent plugs, as for an instance: `client` asks,
`member` is a web server behind load balancers. The demo user may have load balancers from now on, if Octavia's roles
are there.
"""

import json
import pathlib
import subprocess
import sys
import time

import openstack

ROLE = "load-balancer_member"
WWW = pathlib.Path("/srv/member")
UNIT = pathlib.Path("/run/systemd/system/lab-member.service")
wanted = json.loads(sys.argv[2])


def run(*argv, check=True):
    return subprocess.run([str(arg) for arg in argv], check=check, capture_output=True, text=True)


def make(cloud):
    """Ports first, so that Neutron works on both at once."""
    neutron = cloud.network
    subnet = neutron.find_subnet(wanted["subnet"], ignore_missing=False)
    network = neutron.get_network(subnet.network_id)
    hosts = {}
    for name in ("client", "member"):
        port = next(neutron.ports(name=name, network_id=network.id), None) or neutron.create_port(
            name=name,
            network_id=network.id,
            project_id=network.project_id,
            fixed_ips=[{"subnet_id": subnet.id, "ip_address": wanted[name]}],
            device_owner="lab:port",  # of compute:* the agent keeps its hands
            binding_host_id="services",
            port_security_enabled=False,
        )
        plug(name, port, network.mtu, subnet.cidr.rpartition("/")[2])
        hosts[name] = port.id
    # more than one of the agent's calls to Neutron takes to be given up and repeated (60 s)
    deadline = time.monotonic() + 180
    for name, port in hosts.items():
        while neutron.get_port(port).status != "ACTIVE":
            if time.monotonic() > deadline:
                sys.exit(f"Neutron's agents do not plug the port of {name}: see /var/log/neutron/neutron-*-agent.log")
            time.sleep(0.3)
    serve()
    role, demo = cloud.identity.find_role(ROLE), cloud.identity.find_user("demo")
    if role:
        cloud.identity.assign_project_role_to_user(network.project_id, demo, role)


def plug(name, port, mtu, prefix):
    tap = f"tap{port.id[:11]}"
    if not pathlib.Path("/run/netns", name).exists():
        run("ip", "netns", "add", name)
        run("ip", "link", "add", tap, "mtu", mtu, "type", "veth", "peer", "name", "eth0", "netns", name, "mtu", mtu)
        run("ip", "-n", name, "link", "set", "eth0", "address", port.mac_address, "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "addr", "add", f"{port.fixed_ips[0]['ip_address']}/{prefix}", "dev", "eth0")
    run("ip", "link", "set", tap, "up")


def serve():
    """The unit of the web server, which anybody can stop and start."""
    WWW.mkdir(exist_ok=True)
    (WWW / "index.html").write_text("member\n")
    UNIT.parent.mkdir(exist_ok=True)
    UNIT.write_text(
        "[Service]\n"
        "NetworkNamespacePath=/run/netns/member\n"
        f"ExecStart=python3 -m http.server --directory={WWW} {wanted['port']}\n"
    )
    run("systemctl", "daemon-reload")


def remove(cloud):
    run("systemctl", "stop", UNIT.name, check=False)
    UNIT.unlink(missing_ok=True)
    for name in ("client", "member"):
        run("ip", "netns", "delete", name, check=False)
        for port in cloud.network.ports(name=name):
            run("ip", "link", "delete", f"tap{port.id[:11]}", check=False)
            cloud.network.delete_port(port)


{"make": make, "remove": remove}[sys.argv[1]](openstack.connect(cloud="admin"))
