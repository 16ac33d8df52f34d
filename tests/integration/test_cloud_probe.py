"""
The probe, the self-test and a shell in an amphora, where all of it is real: the VIP answers 503 and 200 through an
amphora that Nova runs.
"""

import ipaddress
import json
import time

import pytest
from control_plane import DEMO_WITH_SSH, apply, demo_controller, fault, leave
from harness import ROOT

# A quarter of an hour with emulated processors: for `make test-all`.
pytestmark = pytest.mark.slow
#: Who asks: a network namespace of the controller, in the tenant's network.
VIA, ADDRESS = "ip netns exec asker", "10.88.0.30"


@pytest.fixture(scope="module")
def controller(cloud):
    """All of Octavia in the cloud; the cloud knows nothing of it afterwards."""
    machine = demo_controller(cloud, DEMO_WITH_SSH)
    yield machine
    leave(machine, DEMO_WITH_SSH)
    cloud.machines.pop("controller1").destroy()


@pytest.fixture(scope="module")
def subnet(cloud, controller):
    """Id of the tenant's subnet, in which the controller has `asker`, and a web server is."""
    tenant = cloud.tenant()
    subnet = controller.salt_call("octavia_cloud.find", "subnet", tenant.facts["subnet"]).data
    body = {
        "name": "asker", "network_id": subnet["network_id"], "project_id": subnet["project_id"],
        "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": ADDRESS}], "device_owner": "lab:port",
        "binding:host_id": "controller1", "port_security_enabled": False,
    }  # fmt: skip
    port = controller.salt_call("octavia_cloud.create", "port", json.dumps(body)).data
    mtu = controller.salt_call("octavia_cloud.find", "network", subnet["network_id"]).data["mtu"]
    tap, prefix = f"tap{port['id'][:11]}", ipaddress.ip_network(subnet["cidr"]).prefixlen
    controller.run(
        f"ip netns add asker; ip link add {tap} mtu {mtu} type veth peer name eth0 netns asker mtu {mtu};"
        f"ip -n asker link set eth0 address {port['mac_address']} up; ip -n asker addr add {ADDRESS}/{prefix} dev eth0;"
        f"ip link set {tap} up"
    )
    yield subnet["id"]
    controller.run(f"ip netns delete asker; ip link delete {tap}", check=False)
    controller.salt_call("octavia_cloud.delete", "port", port["id"])
    tenant.remove()


@pytest.fixture
def probe(controller, subnet):
    """``probe(...)``: arguments of `octavia_check.probe` besides subnet and asker; its report."""

    def _probe(*args):
        named = [f"vip_subnet={subnet}", f"via={VIA}", "timeout=1200", *args]
        found = controller.salt_call("octavia_check.probe", *named, timeout=1500).data
        assert isinstance(found, dict), found
        return found

    return _probe


def load_balancers(controller):
    return controller.salt_call("octaviav2.loadbalancer_list").data["loadbalancers"]


def servers(controller):
    return [each["name"] for each in controller.salt_call("octavia_cloud.resources", "server", "all_tenants=1").data]


def findings(controller, what):
    found = controller.salt_call("octavia_check.health").data
    return [(each["level"], each["line"]) for each in found["findings"] if each["what"] == what]


@pytest.fixture(scope="module")
def standing(controller, subnet):
    """A load balancer that stays for some tests; its amphora."""
    present = ["octaviav2.loadbalancer_present", "standing", f"vip_subnet_id={subnet}"]
    [ret] = controller.salt_call("state.single", *present).data.values()
    assert ret["result"] is True, ret
    [amphora] = controller.salt_call("octavia_db.heartbeats").data
    yield amphora
    [ret] = controller.salt_call(
        "state.single", "octaviav2.loadbalancer_absent", "standing", "cascade=True"
    ).data.values()
    assert ret["result"] is True, ret


def test_the_vip_answers_503_and_200_and_nothing_stays(controller, probe, cloud):
    member = f"{cloud.tenant().facts['member']}:{cloud.tenant().facts['port']}"
    found = probe(f"member={member}")
    assert found["ok"], found
    assert "answered 503, and 200 with member" in found["line"] and found["left"] == []
    assert load_balancers(controller) == [] and servers(controller) == []


def test_a_member_that_is_not_there_is_said(controller, probe):
    found = probe("member=10.88.0.99:8080")
    assert not found["ok"] and found["left"] == []
    assert "200 from http://" in found["line"] and "answers 503" in found["line"]
    assert load_balancers(controller) == []


def test_what_a_killed_probe_leaves_is_gone_after_the_next(controller, subnet, probe):
    run = controller.popen(f"salt-call --local octavia_check.probe vip_subnet={subnet} via='{VIA}' >/dev/null 2>&1")
    deadline = time.monotonic() + 120
    while not load_balancers(controller):
        assert time.monotonic() < deadline and run.poll() is None, "the moment never came"
        time.sleep(1)
    controller.run("pkill -KILL -f '[o]ctavia_check.probe'")
    run.wait()
    assert len(load_balancers(controller)) == 1
    found = probe()
    assert found["ok"] and load_balancers(controller) == [] and servers(controller) == []


def test_a_deployment_that_is_well_is_found_so(controller, standing):
    deadline = time.monotonic() + 60
    while (found := controller.salt_call("octavia_check.health").data)["level"] != "ok":
        # the first heartbeat takes its interval
        assert time.monotonic() < deadline, found
        time.sleep(5)
    lines = " ".join(each["line"] for each in found["findings"])
    assert "the agents of 1 amphora answer" in lines and "as Neutron has" in lines
    assert apply(controller, "octavia.health")["octavia_health"]["changes"] == {}


def test_what_fails_silently_is_found(controller, standing):
    address = standing["lb_network_ip"]
    controller.run(f"ip route add blackhole {address}/32")
    try:
        [(level, line)] = findings(controller, "agent")
        assert level == "critical" and f"({address}) does not serve us" in line
        assert f"({address}) does not serve us" in fault(apply(controller, "octavia.health", check=False))
    finally:
        controller.run(f"ip route del blackhole {address}/32")
    controller.run("systemctl stop octavia-health-manager")
    try:
        time.sleep(35)
        [(level, line)] = findings(controller, "heartbeat")
        assert level in ("warning", "critical") and "was last heard of" in line
    finally:
        # or it would fail the amphora over
        controller.salt_call("octavia_db.refresh_heartbeats")
        controller.run("systemctl start octavia-health-manager")
    controller.run("ip link set o-hm0 down")
    try:
        assert any(level == "critical" for level, _ in findings(controller, "interface"))
    finally:
        controller.run("ip link set o-hm0 up")


def test_an_operator_looks_into_an_amphora_as_the_readme_says(controller, standing):
    controller.salt_call("state.single", "pkg.installed", "openssh-client")
    readme = (ROOT / "README.rst").read_text()
    [command] = [line.strip() for line in readme.splitlines() if line.strip().startswith("ssh -i ")]
    command = command.replace("172.16.0.123", standing["lb_network_ip"])
    assert controller.run(f"{command} systemctl is-active octavia-agent", timeout=60).stdout.strip() == "active"
    namespaces = controller.run(f"{command} sudo ip netns exec amphora-haproxy ip -brief address", timeout=60).stdout
    assert "10.88.0." in namespaces


def heard_of(controller, within):
    """The one amphora, as soon as a heartbeat of it has come; not one that was made up for it."""
    deadline = time.monotonic() + within
    while True:
        time.sleep(12)
        found = controller.salt_call("octavia_db.heartbeats").data
        if len(found) == 1 and found[0]["heard"] is not None and found[0]["heard"] <= 11 and not found[0]["busy"]:
            return found[0]
        assert time.monotonic() < deadline, found


def test_a_failover_gives_another_amphora_that_is_heard_of(controller, standing):
    balancer = standing["loadbalancer_id"]
    path = f"/lbaas/loadbalancers/{balancer}/failover"
    controller.salt_call("octavia_cloud.request", "load-balancer", "PUT", path)
    settled = controller.salt_call("octaviav2.settled", "loadbalancer", balancer, "timeout=1200", timeout=1500).data
    assert settled["provisioning_status"] == "ACTIVE"
    found = heard_of(controller, 120)
    assert found["id"] != standing["id"] and found["status"] == "ALLOCATED"
    assert len(servers(controller)) == 1


def test_after_a_power_cut_of_the_controller_heartbeats_return_and_no_amphora_is_failed_over(controller, standing):
    before = heard_of(controller, 120)
    controller.power_cycle()
    after = heard_of(controller, 240)
    assert (after["id"], after["status"]) == (before["id"], "ALLOCATED")
    # also when the time is over in which it would have been
    time.sleep(70)
    assert heard_of(controller, 60)["id"] == before["id"] and len(servers(controller)) == 1
