"""
The interface of two controllers on a real network: Neutron's linuxbridge agents plug their ports in, and they hear each
other through the tunnel.
"""

import json

import pytest
from control_plane import apply, changed, until

# Two controllers and their agents: for `make test-all`.
pytestmark = pytest.mark.slow
SLS = "octavia.manager.interface"
HOSTS = ("controller1", "controller2")
NETWORK = {
    "name": "interface-net",
    "subnet": {"name": "interface-subnet", "cidr": "172.31.0.0/24"},
    "amphora_security_group": {"name": "interface-amphorae"},
    "health_manager_security_group": {"name": "interface-health-managers"},
}
LISTEN = """
import socket, sys
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind((sys.argv[1], int(sys.argv[2])))
ear.settimeout(float(sys.argv[3]))
try:
    print(ear.recv(9).decode())
except OSError:
    print("nothing")
"""
SEND = """
import socket, sys, time
for _ in range(int(sys.argv[3])):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"beat", (sys.argv[1], int(sys.argv[2])))
    time.sleep(0.2)
"""


def wanted(cloud, **interface):
    facts = cloud.facts
    identity = {"host": facts["keystone"]["host"], "password": facts["keystone"]["octavia"]["password"]}
    noop = {"amphora_driver": "amphora_noop_driver", "compute_driver": "compute_noop_driver"}
    manager = {
        "enabled": True,
        "certificates": {"ca_private_key_passphrase": facts["amphora_ca_passphrase"]},
        "health_manager": {"bind_ip": "0.0.0.0", "heartbeat_key": "integration-test-heartbeat"},  # noqa: S104
        "interface": {"enabled": True, "type": "linuxbridge", **interface},
    }
    return {
        "octavia": {
            "database": {"host": facts["mariadb"]["host"], **facts["database"]},
            "identity": identity,
            "message_queue": {"host": facts["rabbitmq"]["host"], "password": "unused"},
            "certificates": {"source": "pillar", **facts["certificates"], "server_certs_key_passphrase": "x" * 32},
            "controller_worker": {**noop, "network_driver": "network_noop_driver"},
            "manager": manager,
            "resources": {
                "enabled": True,
                "cloud": facts["clouds"]["admin"],
                "network": NETWORK,
                "identity": {"endpoints": dict.fromkeys(("public", "internal", "admin"), "http://10.77.0.11:9876")},
            },
        }
    }


@pytest.fixture(scope="module")
def controllers(cloud):
    made = {name: cloud.network_node(cloud.machine(name, tree="controller")) for name in HOSTS}
    for machine in made.values():
        machine.put_formula()
        machine.put_pillar(wanted(cloud))
    first = made[HOSTS[0]]
    for sls in ("octavia.resources.identity", "octavia.resources.network"):
        apply(first, sls)
    for machine in made.values():
        apply(machine, SLS)
    yield made
    off = wanted(cloud, enabled=False)
    for name, machine in made.items():
        machine.put_pillar(off)
        apply(machine, SLS)
        cloud.machines.pop(name).destroy()


def ports(cloud):
    """Status of the ports of health managers, by name."""
    ask = ["openstack", "--os-cloud", "admin", "port", "list", "--device-owner", "Octavia:health-mgr", "-f", "json"]
    return {row["Name"]: row["Status"] for row in json.loads(cloud.machines["services"].run(ask).stdout)}


def address(machine):
    [link] = json.loads(machine.run("ip -j -4 address show dev o-hm0").stdout)
    return link["addr_info"][0]["local"]


def reaches(controllers, timeout=120):
    one, two = controllers.values()
    there = address(two)
    until(lambda: not one.run(["ping", "-c1", "-W1", there], check=False).returncode, "the other's o-hm0", timeout)


def heard(controllers, port):
    one, two = controllers.values()
    ear = two.popen(["python3", "-c", LISTEN, address(two), port, 6], stdout=-1, text=True)
    one.run(["python3", "-c", SEND, address(two), port, 15])
    return ear.communicate()[0].strip()


def test_agents_plug_the_ports_in_and_controllers_hear_each_other(cloud, controllers):
    reaches(controllers)
    names = {f"octavia-health-manager-{name}": "ACTIVE" for name in HOSTS}
    until(lambda: ports(cloud) == names, "both ports ACTIVE")
    for machine in controllers.values():
        [peer] = machine.run("ls -d /sys/class/net/tap*/brport || ip -br link show type bridge_slave").stdout.split(
            "\n"
        )[:1]
        assert "tap" in peer
        assert changed(apply(machine, SLS)) == {}
        status = machine.salt_call("octavia_interface.status").data
        assert [each["level"] for each in status["findings"]] == ["ok"], status


def test_heartbeats_reach_the_other_and_nothing_else_does(controllers):
    assert heard(controllers, 5555) == "beat"
    assert heard(controllers, 5556) == "nothing"


def test_an_agent_that_restarts_finds_the_interface_again(cloud, controllers):
    machine = controllers[HOSTS[0]]
    machine.run("systemctl restart neutron-linuxbridge-agent")
    reaches(controllers)
    assert changed(apply(machine, SLS)) == {}


def test_the_interface_is_back_after_a_reboot_without_a_run(cloud, controllers):
    machine = controllers[HOSTS[0]]
    before = address(machine)
    machine.power_cycle()
    assert address(machine) == before
    reaches(controllers, 240)
    until(lambda: set(ports(cloud).values()) == {"ACTIVE"}, "both ports ACTIVE")
    assert heard(controllers, 5555) == "beat"
    assert changed(apply(machine, SLS)) == {}


def test_a_controller_that_leaves_takes_its_port_along(cloud, controllers):
    machine = controllers[HOSTS[1]]
    machine.put_pillar(wanted(cloud, enabled=False))
    apply(machine, SLS)
    assert set(ports(cloud)) == {f"octavia-health-manager-{HOSTS[0]}"}
    machine.put_pillar(wanted(cloud))
    apply(machine, SLS)
    reaches(controllers)


def test_the_agent_of_open_vswitch_plugs_the_port_in_and_finds_it_again(cloud, controllers):
    machine = cloud.network_node(cloud.machine("controller3", tree="firewall-12"), "openvswitch")
    name = "octavia-health-manager-controller3"
    try:
        machine.put_formula()
        machine.put_pillar(wanted(cloud, type="openvswitch"))
        apply(machine, SLS)
        until(lambda: ports(cloud)[name] == "ACTIVE", "the port is ACTIVE")
        # the agent's own mark of a port in a network: its tag in the bridge, and its rules
        tag = machine.run("ovs-vsctl get Port o-hm0 tag").stdout.strip()
        assert 1 <= int(tag) <= 4094
        assert address(machine) and changed(apply(machine, SLS)) == {}
        status = machine.salt_call("octavia_interface.status").data
        assert [each["level"] for each in status["findings"]] == ["ok"], status
        for again in ("systemctl restart neutron-openvswitch-agent", "systemctl restart openvswitch-switch", None):
            before = address(machine)
            machine.run(again) if again else machine.power_cycle()
            until(lambda: machine.run("ovs-vsctl get Port o-hm0 tag", check=False).stdout.strip().isdigit(), again, 240)
            until(lambda: ports(cloud)[name] == "ACTIVE", again)
            assert address(machine) == before and changed(apply(machine, SLS)) == {}
    finally:
        machine.put_pillar(wanted(cloud, enabled=False))
        apply(machine, SLS)
        cloud.machines.pop("controller3").destroy()
    assert name not in ports(cloud)
