"""
Ids that the pillar does not say: a controller has them from real Neutron, as the service user sees it, and from the
mine of a real master.
"""

import json
import time

import pytest
import yaml
from control_plane import apply, changed, fault, pids, snapshot
from harness import ROOT
from salt.utils.dictupdate import update

NETWORK = "ids-network"
ADDRESSES = {"controller1": "172.30.0.11", "controller2": "172.30.0.12", "controller3": "172.30.0.13"}
CONF = "/etc/octavia/octavia.conf"
TARGETS = "health_manager/controller_ip_port_list"
ROLES = ("worker", "health_manager", "housekeeping")

#: What an administrator does; `octavia` is the service project.
SDK = """
import openstack
cloud = openstack.connect(
    auth_url="{url}", username="{user}", password="{password}", project_name="{project}", user_domain_id="default",
    project_domain_id="default", region_name="{region}", interface="public")
octavia = cloud.identity.find_project("service").id
def port(name, address, network="ids-network", owner="Octavia:health-mgr"):
    network = cloud.network.find_network(network, project_id=octavia)
    return cloud.network.create_port(
        project_id=octavia, name=name, network_id=network.id, device_owner=owner, fixed_ips=[{{"ip_address": address}}])
"""
MAKE = """
import json
network = cloud.network.create_network(name="ids-network", project_id=octavia)
# of somebody else, under the same names
cloud.network.create_network(name="ids-network")
cloud.network.create_security_group(name="ids-group")
subnet = cloud.network.create_subnet(
    network_id=network.id, project_id=octavia, ip_version=4, cidr="172.30.0.0/24", enable_dhcp=False)
group = cloud.network.create_security_group(name="ids-group", project_id=octavia)
for name, address in {addresses}.items():
    port(f"octavia-health-manager-{{name}}", address)
port("something-else", "172.30.0.99", owner="lab:port")
print(json.dumps({{"network": network.id, "group": group.id}}))
"""
FORGET = """
for network in cloud.network.networks(name="ids-network"):
    for each in cloud.network.ports(network_id=network.id):
        cloud.network.delete_port(each)
    cloud.network.delete_network(network)
for group in cloud.network.security_groups(name="ids-group"):
    cloud.network.delete_security_group(group)
"""


@pytest.fixture(scope="module")
def by_hand(services, lab):
    keystone = lab.facts["keystone"]
    login = SDK.format(url=keystone["url"], region=keystone["region"], **keystone["admin"])
    return lambda text: services.run(["python3", "-"], input=login + text).stdout


@pytest.fixture(scope="module")
def made(by_hand):
    """Network, group and ports of two controllers, as octavia.resources and octavia.manager.interface leave them."""
    two = {name: ADDRESSES[name] for name in ("controller1", "controller2")}
    yield json.loads(by_hand(MAKE.format(addresses=two)))
    by_hand(FORGET)


@pytest.fixture(scope="module")
def wanted(pillar, real_amphorae):
    """A pillar that leaves network, group and addresses to others; there is neither Nova nor Glance in this lab."""
    silent = {
        "database": {"name": "octavia_ids"},
        "resources": {"network": {"name": NETWORK, "amphora_security_group": {"name": "ids-group"}}},
    }

    def make(*changes):
        tree = pillar(real_amphorae, silent)["octavia"]
        for name in ("amp_boot_network_list", "amp_secgroup_list"):
            del tree["manager"]["controller_worker"][name]
        for name in ("bind_ip", "controller_ip_port_list"):
            del tree["manager"]["health_manager"][name]
        for change in changes:
            update(tree, change)
        return {"octavia": tree}

    return make


@pytest.fixture(scope="module")
def converged(lab, made, wanted):
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    machine.put_pillar(wanted())
    apply(machine)
    return machine


def options(machine):
    """octavia.conf of a machine, as `{section/option: value}`."""
    found, section = {}, ""
    for line in machine.read(CONF).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif " = " in line:
            name, _, value = line.partition(" = ")
            found[f"{section}/{name}"] = value
    return found


# --- Neutron


def test_neutron_says_what_the_pillar_does_not(converged, made):
    found = options(converged)
    assert found["controller_worker/amp_boot_network_list"] == made["network"]
    assert found["controller_worker/amp_secgroup_list"] == made["group"]
    assert found["health_manager/bind_ip"] == ADDRESSES["controller1"]
    assert found[TARGETS] == f"{ADDRESSES['controller1']}:5555,{ADDRESSES['controller2']}:5555"


def test_the_second_run_changes_nothing(converged):
    before = pids(converged, ROLES)
    assert changed(apply(converged, test=True)) == {}
    assert changed(apply(converged)) == {}
    assert pids(converged, ROLES)["worker"] == before["worker"]


def test_another_health_manager_is_one_option_and_no_restart(converged, by_hand):
    before = pids(converged, ROLES)
    port = f'port("octavia-health-manager-controller3", "{ADDRESSES["controller3"]}")\n'
    by_hand(port)
    try:
        dry = changed(apply(converged, test=True))
        real = changed(apply(converged))
        assert dry == real
        old = f"{ADDRESSES['controller1']}:5555,{ADDRESSES['controller2']}:5555"
        assert real["octavia_conf"] == {TARGETS: {"old": old, "new": f"{old},{ADDRESSES['controller3']}:5555"}}
        assert real["octavia_worker_service"] == {"reloaded": {"old": False, "new": True}}
        assert pids(converged, ROLES)["worker"] == before["worker"]
        assert changed(apply(converged)) == {}
    finally:
        by_hand('cloud.network.delete_port(cloud.network.find_port("octavia-health-manager-controller3"))\n')
    apply(converged)


def untouched(machine):
    """What a refused run must leave alone, without the logs of services that run on."""
    return [line for line in snapshot(machine).splitlines() if "/var/log/octavia/" not in line]


def test_a_health_manager_that_is_missed_stops_the_run_before_anything_changes(converged, wanted):
    converged.put_pillar(wanted({"manager": {"health_manager": {"controllers": 3}}}))
    try:
        before = untouched(converged)
        assert fault(apply(converged, check=False)) == (
            "octavia:manager:health_manager:controller_ip_port_list: is not set, and octavia:manager:health_manager:"
            "controllers says 3, and there are 172.30.0.11, 172.30.0.12; say them, or apply octavia.manager.interface "
            "on all controllers"
        )
        assert untouched(converged) == before
    finally:
        converged.put_pillar(wanted())


def test_what_nobody_has_made_stops_the_run_before_anything_changes(converged, wanted):
    converged.put_pillar(wanted({"resources": {"network": {"amphora_security_group": {"name": "no-group"}}}}))
    try:
        before = untouched(converged)
        assert fault(apply(converged, check=False)) == (
            "octavia:manager:controller_worker:amp_secgroup_list: is not set, and Neutron has no security group "
            "no-group; say it, or apply octavia.resources"
        )
        assert untouched(converged) == before
    finally:
        converged.put_pillar(wanted())


def test_a_cloud_that_does_not_answer_is_one_line(converged, wanted):
    converged.put_pillar(wanted({"identity": {"port": 5999}}))
    try:
        line = fault(apply(converged, check=False))
        assert line.count("\n") == 0 and line.endswith("see pillar octavia:identity:host"), line
        assert line.startswith("octavia:manager:controller_worker:amp_boot_network_list, ")
    finally:
        converged.put_pillar(wanted())


# --- the mine


@pytest.fixture(scope="module", params=["3008", pytest.param("3006", marks=pytest.mark.slow)])
def minions(request, lab, made, wanted, by_hand):
    """A master on controller1, and minions on two machines; the second one cannot log in to the cloud."""
    salt_bin = f"/opt/salt/{request.param}/bin"
    # a test with the other Salt took it away
    name, address = "octavia-health-manager-controller2", ADDRESSES["controller2"]
    by_hand(f'cloud.network.find_port("{name}") or port("{name}", "{address}")\n')
    first, second = (lab.machine(name, tree="libraries-12") for name in ("controller1", "controller2"))
    first.put_formula()
    say = {
        "controller1": wanted({"resources": {"enabled": True, **_endpoints()}}),
        "controller2": wanted(
            {"identity": {"password": "wrong"}, "manager": {"health_manager": {"bind_ip": ADDRESSES["controller2"]}}}
        ),
    }
    first.write("/srv/pillar/top.sls", json.dumps({"base": {name: [name, "support"] for name in say}}), 0o600)
    for name, tree in say.items():
        first.write(f"/srv/pillar/{name}.sls", "#!json\n" + json.dumps(tree), 0o600)
    # what the class gives to reclass is a piece of pillar
    support = yaml.safe_load((ROOT / "metadata/service/support.yml").read_text())["parameters"]
    first.write("/srv/pillar/support.sls", "#!json\n" + json.dumps(support))
    first.write(
        "/etc/salt/master",
        f"interface: {first.address}\nauto_accept: True\nworker_threads: 3\n"
        "file_roots: {base: [/srv/salt]}\npillar_roots: {base: [/srv/pillar]}\n",
    )
    for machine in (first, second):
        machine.write("/etc/salt/minion", f"master: {first.address}\nid: {machine.name}\n")
    first.run(["systemd-run", "--unit=test-master", f"{salt_bin}/salt-master", "--log-level=warning"])
    for machine in (first, second):
        machine.run(["systemd-run", "--unit=test-minion", f"{salt_bin}/salt-minion", "--log-level=warning"])

    def salt(target, *command):
        done = first.run([f"{salt_bin}/salt", "--out=json", "--static", "--timeout=120", target, *command], check=False)
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    deadline = time.monotonic() + 180
    while salt("*", "test.ping") != {"controller1": True, "controller2": True}:
        assert time.monotonic() < deadline, "the minions do not come"
        time.sleep(1)
    salt("*", "saltutil.sync_modules")
    yield salt
    first.destroy()
    second.destroy()


def _endpoints():
    return {"identity": {"endpoints": dict.fromkeys(("public", "internal", "admin"), "http://10.77.0.11:9876")}}


def test_what_hosts_share_reaches_a_host_that_cannot_ask_the_cloud(minions, made):
    assert minions("*", "mine.update") == {"controller1": True, "controller2": True}
    shared = minions("controller2", "mine.get", "*", "octavia_ids")["controller2"]
    assert shared["controller1"]["manager:controller_worker:amp_boot_network_list"] == [made["network"]]
    assert not [text for text in ("password", "oct avia", "heartbeat_key") if text in json.dumps(shared)]

    found = minions("controller2", "octavia_ids.found")["controller2"]
    assert found == {
        "manager:controller_worker:amp_boot_network_list": [made["network"]],
        "manager:controller_worker:amp_secgroup_list": [made["group"]],
        "manager:health_manager:controller_ip_port_list": [
            {"host": ADDRESSES[name], "port": 5555} for name in ("controller1", "controller2")
        ],
    }


def test_a_health_manager_without_an_address_is_no_silent_gap(minions, wanted, by_hand, lab):
    interface = {"manager": {"interface": {"enabled": True, "name": "o-hm0"}}}
    lab.machines["controller1"].write("/srv/pillar/controller2.sls", "#!json\n" + json.dumps(wanted(interface)), 0o600)
    minions("controller2", "saltutil.refresh_pillar", "wait=True")
    assert minions("controller2", "octavia_ids.share")["controller2"] == {
        "cloud": "10.77.0.2 RegionOne",
        "port": "octavia-health-manager-controller2",
        "manager:health_manager:controller_ip_port_list": None,
    }
    minions("controller2", "mine.update")

    # its port is in Neutron
    found = minions("controller1", "octavia_conf.heartbeat_targets")["controller1"]
    assert found == [f"{ADDRESSES['controller1']}:5555", f"{ADDRESSES['controller2']}:5555"]
    by_hand('cloud.network.delete_port(cloud.network.find_port("octavia-health-manager-controller2"))\n')
    assert minions("controller1", "octavia_ids.missing")["controller1"] == [
        "octavia:manager:health_manager:controller_ip_port_list: is not set, and controller2, by the mine a health "
        "manager, has no address yet: apply octavia.manager.interface there, and run mine.update"
    ]
