"""
A controller of Debian 13 in the cloud, and its upgrade to the Octavia of the next Debian, while a tenant's requests go
through a real amphora.
"""

import ipaddress
import json
import shutil
import subprocess
import time

import pytest
from control_plane import DEMO, Api, answers, apply, changed, purging
from lab import host, trees

# Half an hour with emulated processors: for `make test-all`.
pytestmark = pytest.mark.slow
OLD, NEW = "16.0.0", "19.0.0"
#: That of the demo, whose controller carries Neutron's networks itself; Debian 13 has no linuxbridge agent.
PILLAR = DEMO.replace("      type: linuxbridge\n", "      type: existing\n")
PILLAR = PILLAR.replace("  client:\n", "  upgrade:\n    allow_hop: true\n  client:\n")
RESOURCES = tuple(f"octavia.resources.{part}" for part in ("identity", "network", "compute", "image"))
VIP = "10.88.0.120"
#: Asks again and again, one request after the other, until it is told to stop; prints what came of each.
ASKER = """
import json, os, sys, time, urllib.request
url, stop = sys.argv[1:]
asked, lost, slowest = 0, [], 0
while not os.path.exists(stop):
    begin, asked = time.time(), asked + 1
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            assert reply.read() == b"member\\n"
    except Exception as error:
        lost.append([round(begin), repr(error)])
    slowest = max(slowest, time.time() - begin)
    time.sleep(0.1)
print(json.dumps({"asked": asked, "lost": lost, "slowest": round(slowest, 2)}))
"""
STOP = "/srv/asker-stop"


@pytest.fixture(scope="module")
def controller(cloud):
    """Debian 13 with the amphora's image at hand; the cloud knows nothing of Octavia afterwards."""
    machine = cloud.machine("controller1", debian=13, tree="next-13")
    image = machine.path(trees.IMAGE)
    image.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(trees.LAYERS["amphora"].path / trees.IMAGE.relative_to("/"), image)
    machine.put_formula()
    # the interface is in a network that is made first
    machine.put_pillar(PILLAR.replace("      enabled: true\n      type: existing\n", "      enabled: false\n"))
    yield machine
    machine.run("systemctl stop 'octavia-*'", check=False)
    machine.put_pillar(purging(PILLAR))
    cable(cloud, None)
    apply(machine, "octavia.resources")
    cloud.machines.pop("controller1").destroy()


def cable(cloud, controller):
    """``o-hm0`` of the controller, in the management network of Neutron on the services machine; None: take it away."""
    services = cloud.machines["services"]
    openstack = ["openstack", "--os-cloud", "admin"]
    if controller is None:
        services.run([*openstack, "port", "delete", "cable"], check=False)
        return
    services.run([*openstack, "port", "create", "--network", "lb-mgmt-net", "--device-owner", "lab:port",
                  "--host", "services", "--disable-port-security", "--no-security-group", "cable"])  # fmt: skip
    [port] = json.loads(services.run([*openstack, "port", "list", "--name", "cable", "--long", "-f", "json"]).stdout)
    [fixed] = port["Fixed IP Addresses"]
    show = [*openstack, "subnet", "show", fixed["subnet_id"], "-f", "json"]
    prefix = ipaddress.ip_network(json.loads(services.run(show).stdout)["cidr"]).prefixlen
    mtu = json.loads(services.run([*openstack, "network", "show", "lb-mgmt-net", "-f", "json"]).stdout)["mtu"]
    there, here = namespace(cloud, "services"), namespace(cloud, "controller1")
    tap, mac = f"tap{port['ID'][:11]}", port["MAC Address"]
    for command in (
        f"-n {here} link add o-hm0 mtu {mtu} address {mac} type veth peer name {tap} mtu {mtu} netns {there}",
        f"-n {here} addr add {fixed['ip_address']}/{prefix} dev o-hm0",
        f"-n {here} link set o-hm0 up",
        f"-n {there} link set {tap} up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    deadline = time.monotonic() + 180
    while "ACTIVE" not in services.run([*openstack, "port", "show", "cable", "-f", "value", "-c", "status"]).stdout:
        assert time.monotonic() < deadline, "Neutron's agent does not plug the port in"
        time.sleep(1)


def namespace(cloud, machine):
    return f"{host.PREFIX}-{cloud.name}-{machine}"


@pytest.fixture(scope="module")
def deployed(cloud, controller):
    """All that the cloud has for Octavia, and all of Octavia."""
    for sls in RESOURCES:
        apply(controller, sls)
    cable(cloud, controller)
    controller.put_pillar(PILLAR)
    apply(controller)
    return controller


@pytest.fixture(scope="module")
def api(cloud, deployed):
    return Api(cloud.machines["services"], cloud.facts)


@pytest.fixture(scope="module")
def shop(cloud, deployed, api):
    """A load balancer of the older Octavia with a member: its id, and its pool's."""
    tenant = cloud.tenant()
    shop = api.shop(cloud.facts["subnet"]["id"], VIP, tenant)
    answers(tenant, VIP)
    yield shop
    api.close(shop)
    tenant.remove()


def amphorae(controller):
    return controller.salt_call("octavia_db.heartbeats").data


def test_on_debian_13_the_cloud_has_what_is_wanted(deployed):
    for sls in (*RESOURCES, "octavia"):
        assert changed(apply(deployed, sls)) == {}, sls


def test_no_request_is_lost_while_the_control_plane_is_upgraded(cloud, deployed, api, shop):
    balancer, pool = shop
    services = cloud.machines["services"]
    [amphora] = amphorae(deployed)
    deployed.write("/etc/apt/sources.list.d/next.list", trees.NEXT_SOURCE)
    services.run(["rm", "-f", STOP])
    services.write("/srv/asker.py", ASKER)
    ask = ["ip", "netns", "exec", "client", "python3", "/srv/asker.py", f"http://{VIP}/", STOP]
    asker = services.popen(ask, stdout=subprocess.PIPE, text=True)
    try:
        for phase in ("pre", "upgrade", "post", "verify"):
            begin = time.monotonic()
            states = apply(deployed, f"octavia.upgrade.{phase}")
            print(f"octavia.upgrade.{phase}: {time.monotonic() - begin:.0f} s")
        table = states["octavia_upgrade_verified"]["comment"]
        print(table)
        # the new worker and the amphora of before understand each other
        path = f"/v2/lbaas/pools/{pool}"
        assert api.call("PUT", path, {"pool": {"lb_algorithm": "SOURCE_IP"}})[0] == 200
        api.wait(path, "pool", "ACTIVE", timeout=300)
        api.wait(f"/v2/lbaas/loadbalancers/{balancer}", "loadbalancer", "ACTIVE", timeout=300)
        # as long as an amphora would have been failed over
        time.sleep(75)
    finally:
        services.write(STOP, "")
        out, _ = asker.communicate(timeout=120)
    found = json.loads(out)
    print(found)
    assert deployed.salt_call("octavia_release.installed").data == NEW
    assert found["lost"] == [] and found["asked"] > 100
    [after] = [each for each in amphorae(deployed) if each["loadbalancer_id"] == balancer]
    assert (after["id"], after["status"]) == (amphora["id"], "ALLOCATED")
    assert "older than these controllers" in table, table
