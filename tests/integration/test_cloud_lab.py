"""
The lab's cloud itself: its services answer, its compute node runs instances, its networks reach from machine to
machine.
"""

import json
import time

import pytest

MANAGEMENT = "203.0.113.0/24"


def openstack(cloud, command, who="admin"):
    """What the ordinary client says, as data."""
    result = cloud.machines["services"].run(f"openstack {command} -f json", env={"OS_CLOUD": who})
    return json.loads(result.stdout or "null")


def delete(cloud, kind, *what):
    cloud.machines["services"].run(["openstack", kind, "delete", *what], env={"OS_CLOUD": "admin"}, check=False)


@pytest.fixture(scope="module")
def node(cloud):
    """A controller that carries Neutron's networks."""
    yield cloud.network_node(cloud.machine("controller1", tree="controller"))
    cloud.machines.pop("controller1").destroy()


@pytest.fixture(scope="module")
def tenant(cloud):
    tenant = cloud.tenant()
    yield tenant
    tenant.remove()


def test_compute_node_and_agents_are_up(cloud, node):
    services = openstack(cloud, "compute service list")
    assert {(row["Binary"], row["State"]) for row in services} == {
        ("nova-compute", "up"), ("nova-conductor", "up"), ("nova-scheduler", "up"),
    }  # fmt: skip
    agents = openstack(cloud, "network agent list")
    assert {(row["Host"], row["Binary"], row["Alive"]) for row in agents} == {
        ("services", "neutron-linuxbridge-agent", True),
        ("services", "neutron-dhcp-agent", True),
        ("controller1", "neutron-linuxbridge-agent", True),
    }


def test_tenant_reaches_its_member_until_that_stops(tenant):
    url = f"http://{tenant.facts['member']}:{tenant.facts['port']}/"
    assert tenant.curl(url) == (200, "member\n")
    tenant.member(False)
    assert tenant.curl(url)[0] == 0
    tenant.member()
    assert tenant.curl(url)[0] == 200


def test_network_reaches_a_controller_and_does_so_after_a_power_failure(cloud, node):
    """From a port on it, plugged by its own agent, the DHCP server on the other machine answers."""
    openstack(cloud, "network create lab-net")
    openstack(cloud, f"subnet create --network lab-net --subnet-range {MANAGEMENT} --gateway none lab-subnet")
    try:
        port = openstack(cloud, "port create --network lab-net --host controller1 --device-owner lab:port lab-port")
        dhcp = openstack(cloud, "port list --network lab-net --device-owner network:dhcp")
        address = port["fixed_ips"][0]["ip_address"]
        server = next(row for row in dhcp)["Fixed IP Addresses"][0]["ip_address"]
        for again in (False, True):
            if again:
                node.power_cycle()
            node.run(
                f"ip link add lab0 address {port['mac_address']} type veth peer name tap{port['id'][:11]};"
                f"ip address add {address}/24 dev lab0; ip link set lab0 up; ip link set tap{port['id'][:11]} up"
            )
            wait(lambda: node.run(["ping", "-c1", "-W1", server], check=False).returncode == 0, "ping through VXLAN")
        node.run("ip link delete lab0")
    finally:
        delete(cloud, "port", "lab-port")
        delete(cloud, "network", "lab-net")


def test_image_boots_in_a_server_of_nova(cloud, node, tenant):
    """It takes its address from the config drive, starts, and answers with the banner of its SSH server."""
    image = cloud.facts["amphora"]
    assert node.run(["sha256sum", image["file"]]).stdout.split()[0] == image["checksum"].removeprefix("sha256:")
    network = cloud.facts["subnet"]["network"]
    openstack(cloud, f"image create --disk-format qcow2 --file {image['file']} lab-image")
    openstack(cloud, "flavor create --ram 512 --disk 2 lab-flavor")
    try:
        port = openstack(cloud, f"port create --network {network} --no-security-group --disable-port-security lab-vm")
        openstack(
            cloud, f"server create --image lab-image --flavor lab-flavor --port {port['id']} --config-drive True lab-vm"
        )
        address = port["fixed_ips"][0]["ip_address"]
        ask = f"ip netns exec client timeout 5 bash -c 'head -c 7 < /dev/tcp/{address}/22'"
        services = cloud.machines["services"]
        wait(lambda: "SSH-2.0" in services.run(ask, check=False).stdout, "banner of the server's SSH", 400)
    finally:
        delete(cloud, "server", "--wait", "lab-vm")
        delete(cloud, "port", "lab-vm")
        delete(cloud, "image", "lab-image")
        delete(cloud, "flavor", "lab-flavor")


def wait(condition, what, timeout=180):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.5)
