"""
octavia.resources against real Keystone and Neutron, through a proxy that counts requests and spoils some of them.

What Nova and Glance are asked for is in tests of their own.
"""

import json
import random
import time

import pytest
from proxy import PATIENCE, Proxy, questions, tokens

HOST = "10.77.0.2"
PARTS = ("octavia.resources.identity", "octavia.resources.network")
SLOW = pytest.mark.slow

SDK = """
import json, openstack
cloud = openstack.connect(cloud="admin")
network, identity = cloud.network, cloud.identity
project = identity.find_project("service").id
group = lambda name: network.find_security_group(name, project_id=project, ignore_missing=False)
net = lambda: network.find_network("lb-mgmt-net", ignore_missing=False)
subnet = lambda: network.find_subnet("lb-mgmt-subnet", ignore_missing=False)
"""
#: All that these tests and those beside them may leave behind, and nothing that the cloud had before.
SWEEP = """
for server in list(cloud.compute.servers(all_projects=True)):
    cloud.compute.delete_server(server)
    cloud.compute.wait_for_delete(server)
mine = {each.id for each in network.networks() if each.name.startswith(("lb-mgmt-net", "unrelated"))}
for port in list(network.ports()):
    if port.network_id in mine and not port.device_owner.startswith("network:"): network.delete_port(port)
for each in list(network.networks()):
    if each.name.startswith(("lb-mgmt-net", "unrelated")): network.delete_network(each)
for each in list(network.security_groups()):
    if each.name.startswith("lb-"): network.delete_security_group(each)
for each in list(identity.users(name="octavia")): identity.delete_user(each)
for each in list(identity.roles()):
    if each.name.startswith("load-balancer"): identity.delete_role(each)
for each in list(identity.services(type="load-balancer")): identity.delete_service(each)
network.delete_quota(project)
"""
INVENTORY = """
print(json.dumps({
    "network": [each.name for each in network.networks() if each.name.startswith("lb-")],
    "subnet": [each.name for each in network.subnets() if each.name.startswith("lb-")],
    "group": sorted(each.name for each in network.security_groups() if each.name.startswith("lb-")),
    "rules": sorted(
        len([rule for rule in each.security_group_rules if rule["direction"] == "ingress"])
        for each in network.security_groups() if each.name.startswith("lb-")
    ),
    "user": [each.name for each in identity.users() if each.name == "octavia"],
    "role": sorted(each.name for each in identity.roles() if each.name.startswith("load-balancer")),
    "service": [each.name for each in identity.services(type="load-balancer")],
    "endpoint": sorted(
        each.interface for service in identity.services(type="load-balancer")
        for each in identity.endpoints(service_id=service.id)
    ),
    "roles": len([
        each for user in identity.users(name="octavia") for each in identity.role_assignments(user_id=user.id)
    ]),
}))
"""
WHOLE = {
    "network": ["lb-mgmt-net"],
    "subnet": ["lb-mgmt-subnet"],
    "group": ["lb-health-mgr-sec-grp", "lb-mgmt-sec-grp"],
    "rules": [2, 2],
    "user": ["octavia"],
    "role": [
        f"load-balancer_{name}" for name in ("admin", "global_observer", "member", "observer", "quota_admin")
    ],
    "service": ["octavia"],
    "endpoint": ["admin", "internal", "public"],
    "roles": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def by_hand(cloud):
    """`by_hand(text)`: what an administrator does with the SDK; gives what it prints."""

    def do(text):
        return cloud.machines["services"].run(["python3", "-"], input=SDK + text).stdout

    return do


@pytest.fixture(scope="module")
def proxy(cloud):
    return Proxy(cloud.machines["services"])


@pytest.fixture(scope="module")
def controller(cloud, by_hand):
    """A host that makes resources."""
    machine = cloud.machine("controller1")
    machine.put_formula()
    machine.salt_call("saltutil.sync_all")
    yield machine
    by_hand(SWEEP)
    machine.destroy()


@pytest.fixture
def say(controller, cloud, proxy):
    """`say(resources)`: the pillar, with more below octavia:resources; requests go through the proxy."""
    facts = cloud.facts

    def put(resources=None, **octavia):
        entry = proxy.entry(facts["clouds"]["admin"])
        controller.put_pillar(
            {
                "octavia": {
                    "identity": {
                        "host": facts["keystone"]["host"],
                        "password": facts["keystone"]["octavia"]["password"],
                    },
                    "api": {"bind": {"address": "10.77.0.11"}},
                    "resources": {"enabled": True, "cloud": entry, **(resources or {})},
                    **octavia,
                }
            }
        )

    proxy.orders()
    put()
    return put


@pytest.fixture
def apply(controller):
    """`apply(test=..., parts=...)`: the states of a run, by id."""

    def run(test=False, parts=PARTS, check=True):
        result = controller.salt_call("state.apply", ",".join(parts), f"test={test}", check=False)
        assert isinstance(result.data, dict), result.stdout + result.stderr
        bad = [each["comment"] for each in result.data.values() if each["result"] is False]
        assert not (check and bad), bad
        return {each["__id__"]: each for each in result.data.values()}

    return run


@pytest.fixture
def there(say, apply, by_hand):
    """Everything is there before the test, and as it should be."""
    if inventory(by_hand) != WHOLE:
        apply()


def changes(states):
    return {thing: change for each in states.values() for thing, change in each["changes"].items()}


def comments(states):
    return "\n".join(each["comment"] for each in states.values())


def inventory(by_hand):
    return json.loads(by_hand(INVENTORY))


# --- from nothing


@pytest.fixture
def nothing(by_hand, say):
    by_hand(SWEEP)


def test_an_empty_pillar_makes_everything_and_a_second_run_changes_nothing(nothing, apply, by_hand):
    # packages first, so that a dry run can look at the cloud
    apply(parts=("octavia.resources.network",))
    by_hand(SWEEP)
    planned = apply(test=True)
    assert {each["result"] for each in planned.values()} == {True, None}
    assert inventory(by_hand) == {name: 0 if name == "roles" else [] for name in WHOLE}
    made = apply()
    assert changes(made) == changes(planned)
    assert len(changes(made)) == 17
    assert inventory(by_hand) == WHOLE
    assert changes(apply()) == {}
    assert changes(apply(test=True)) == {}


def test_no_secret_is_in_what_a_run_says(nothing, apply, cloud):
    said = json.dumps(apply(test=True)) + json.dumps(apply())
    keystone = cloud.facts["keystone"]
    assert keystone["admin"]["password"] not in said
    assert json.dumps(keystone["octavia"]["password"])[1:-1] not in said


# --- drift

DRIFT = {
    "network off": (
        "network.update_network(net(), is_admin_state_up=False)",
        {"network lb-mgmt-net": {"old": {"admin_state_up": False}, "new": {"admin_state_up": True}}},
    ),
    "subnet's DHCP": (
        "network.update_subnet(subnet(), is_dhcp_enabled=False)",
        {"subnet lb-mgmt-subnet": {"old": {"enable_dhcp": False}, "new": {"enable_dhcp": True}}},
    ),
    "rule gone": (
        "rule = next(r for r in group('lb-mgmt-sec-grp').security_group_rules if r['port_range_min'] == 9443)\n"
        "network.delete_security_group_rule(rule['id'])",
        {"security group lb-mgmt-sec-grp": {
            "old": {"rules": []}, "new": {"rules": ["ingress IPv4 tcp 9443 from 172.16.0.0/22"]}
        }},
    ),
    "group gone": (
        "network.delete_security_group(group('lb-health-mgr-sec-grp'))",
        {"security group lb-health-mgr-sec-grp": {
            "old": None,
            "new": {"rules": ["ingress IPv4 udp 5555 from 172.16.0.0/22", "ingress IPv4 icmp from 172.16.0.0/22"]},
        }},
    ),
    "quota": (
        "network.update_quota(project, security_groups=5)",
        {"network quota service": {"old": {"security_group": 5}, "new": {"security_group": 103}}},
    ),
    "user off": (
        "identity.update_user(identity.find_user('octavia'), is_enabled=False)",
        {"user octavia": {"old": {"enabled": False}, "new": {"enabled": True}}},
    ),
    "role gone": (
        "identity.delete_role(identity.find_role('load-balancer_quota_admin'))",
        {"role load-balancer_quota_admin": {"old": None, "new": {}}},
    ),
    "role taken": (
        "identity.unassign_project_role_from_user(project, identity.find_user('octavia'), identity.find_role('admin'))",
        {"role assignment admin of octavia in service": {
            "old": None, "new": {"role_id": "admin", "user_id": "octavia", "project_id": "service"}
        }},
    ),
    "service renamed": (
        "identity.update_service(next(identity.services(type='load-balancer')), name='lbaas')",
        {"service load-balancer": {"old": {"name": "lbaas"}, "new": {"name": "octavia"}}},
    ),
    "endpoint gone": (
        "service = next(identity.services(type='load-balancer'))\n"
        "identity.delete_endpoint(next(identity.endpoints(service_id=service.id, interface='internal')))",
        {"endpoint load-balancer internal": {
            "old": None,
            "new": {"interface": "internal", "region_id": "RegionOne", "service_id": "load-balancer",
                    "url": "http://10.77.0.11:9876"},
        }},
    ),
}  # fmt: skip


@pytest.mark.parametrize("drift", DRIFT.values(), ids=DRIFT)
def test_what_somebody_has_changed_is_named_by_a_dry_run_and_put_right_by_a_real_one(there, apply, by_hand, drift):
    text, expected = drift
    by_hand(text)
    assert changes(apply(test=True)) == expected
    # the inventory and the next test see whether it is right now
    assert changes(apply()) == expected
    assert inventory(by_hand) == WHOLE


def test_nothing_is_left_to_do_after_all_that(there, apply):
    assert changes(apply()) == {}


def test_rules_that_nobody_wants_stay_until_they_are_to_go(there, say, apply, by_hand):
    by_hand(
        "network.create_security_group_rule(security_group_id=group('lb-mgmt-sec-grp').id, direction='ingress',"
        "ethertype='IPv4', protocol='udp', port_range_min=53, port_range_max=53)"
    )
    assert changes(apply()) == {}
    say({"network": {"amphora_security_group": {"exact": True}}})
    expected = {
        "security group lb-mgmt-sec-grp": {
            "old": {"rules": ["ingress IPv4 udp 53 from anywhere"]}, "new": {"rules": []}
        }
    }  # fmt: skip
    assert changes(apply(test=True)) == expected
    assert changes(apply()) == expected
    assert changes(apply()) == {}
    assert inventory(by_hand) == WHOLE


def test_an_endpoint_that_the_pillar_says_is_kept_there_and_another_is_left_alone(there, say, apply, by_hand):
    by_hand(
        "service = next(identity.services(type='load-balancer'))\n"
        "for each in list(identity.endpoints(service_id=service.id)): identity.update_endpoint(each, url='http://vip:9876')"
    )
    assert changes(apply(parts=PARTS[:1])) == {}
    say({"identity": {"endpoints": {"public": "http://10.77.0.11:9876"}}})
    expected = {
        "endpoint load-balancer public": {
            "old": {"url": "http://vip:9876"}, "new": {"url": "http://10.77.0.11:9876"}
        }
    }  # fmt: skip
    assert changes(apply(test=True, parts=PARTS[:1])) == expected
    assert changes(apply(parts=PARTS[:1])) == expected
    assert changes(apply(parts=PARTS[:1])) == {}


def test_another_password_is_seen_by_a_login_and_set(there, say, apply, proxy, cloud):
    identity = {"host": HOST, "password": "another-password-of-octavia"}
    say(identity=identity)
    expected = {
        "user octavia": {"old": {"password": "(hidden)"}, "new": {"password": "(hidden, changed)"}}
    }  # fmt: skip
    assert changes(apply(test=True, parts=PARTS[:1])) == expected
    assert changes(apply(parts=PARTS[:1])) == expected
    proxy.orders()
    assert changes(apply(parts=PARTS[:1])) == {}
    assert tokens(proxy.asked()) == 1
    say()
    assert list(changes(apply(parts=PARTS[:1]))) == ["user octavia"]


def test_an_entry_that_the_host_has_in_its_clouds_yaml_serves_as_well(there, say, apply, controller, cloud, proxy):
    entry = proxy.entry(cloud.facts["clouds"]["admin"])
    controller.write("/etc/openstack/clouds.yaml", json.dumps({"clouds": {"ours": entry}}), 0o600)
    say({"cloud": "ours"})
    proxy.orders()
    assert changes(apply()) == {}
    assert tokens(proxy.asked()) == 1
    say({"cloud": "theirs"})
    states = apply(parts=PARTS[1:], check=False)
    assert "clouds.yaml has no usable entry theirs" in comments(states)
    assert "see pillar octavia:resources:cloud" in comments(states) and changes(states) == {}


# --- what is refused

REFUSED = {
    "another network type": (
        {"network": {"provider": {"network_type": "local"}}},
        "network lb-mgmt-net has provider:network_type vxlan and not local, which cannot be changed: "
        "see pillar octavia:resources:network, or choose another name",
    ),
    "another cidr": (
        {"network": {"subnet": {"cidr": "172.18.0.0/22"}}},
        "subnet lb-mgmt-subnet has cidr 172.16.0.0/22 and not 172.18.0.0/22, which cannot be changed: "
        "see pillar octavia:resources:network:subnet, or choose another name",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("test", [True, False])
def test_what_cannot_be_changed_is_refused_and_nothing_else_is_changed(there, say, apply, by_hand, proxy, case, test):
    resources, line = case
    # something that could be put right, behind what cannot
    by_hand("network.update_network(net(), is_admin_state_up=False)")
    say(resources)
    states = apply(test=test, parts=PARTS[1:], check=False)
    assert states["octavia_resources_network"]["comment"] == line
    assert changes(states) == {}
    assert {method for method, path, _ in proxy.asked() if "19696" in path or "9696" in path} == {"GET"}
    say()
    assert len(changes(apply())) == 1


def test_two_of_one_name_are_an_error_that_names_both(there, apply, by_hand):
    other = by_hand("print(network.create_network(name='lb-mgmt-net', project_id=project).id)").strip()
    try:
        states = apply(parts=PARTS[1:], check=False)
        line = states["octavia_resources_network"]["comment"]
        assert line.startswith("Neutron at http://10.77.0.2:19696 has 2 of kind network called lb-mgmt-net in project")
        assert other in line and changes(states) == {}
    finally:
        by_hand(f"network.delete_network('{other}')")


# --- how much is asked


def counted(apply, proxy):
    """What one converged run asks: one token, no discovery, and each list once."""
    proxy.orders()
    assert changes(apply()) == {}
    asked = proxy.asked()
    found = questions(asked)
    assert tokens(asked) == 1
    assert {method for method, _ in found} == {"GET"}
    assert len(found) == len(set(found)), found
    return len(asked)


def test_a_converged_run_asks_for_one_token_and_one_list_of_each_kind_however_much_there_is(
    there, apply, proxy, by_hand
):
    few = counted(apply, proxy)
    # a token; project, user, roles, assignments, service, endpoints; network, subnet, groups, quota
    assert few == 11
    proxy.unrelated(50)
    assert counted(apply, proxy) == few


@SLOW
def test_the_same_with_five_hundred_networks_and_ports(there, apply, proxy, by_hand):
    proxy.unrelated(500)
    assert counted(apply, proxy) == 11
    by_hand(SWEEP)


# --- faults

GET, POST = {"method": "GET"}, {"method": "POST", "path": "/(networks|security-groups|subnets|roles)$"}
PASSING = {
    "500": {**GET, "path": "/networks", "fault": "status", "status": 500, "times": 1},
    "503": {**GET, "path": "/users", "fault": "status", "status": 503, "times": 2, "headers": {"Retry-After": "1"}},
    "timeout": {**GET, "path": "/subnets", "fault": "timeout", "times": 1},
    "reset": {**GET, "path": "/security-groups", "fault": "reset", "times": 2},
    "slow": {"path": "19696|/networks", "fault": "slow", "seconds": 2, "times": 2},
    "401 in the middle": {**GET, "path": "/v2.0/subnets", "fault": "status", "status": 401, "times": 1},
    "pages": {**GET, "path": "/v2.0/(networks|ports|subnets|security-groups)", "fault": "page", "size": 2},
    "made, and the answer lost": {**POST, "fault": "lost", "times": 1},
    "made, and a 502": {**POST, "fault": "broken", "times": 1},
    "made, and no answer": {**POST, "fault": "late", "times": 1},
    "not made, and reset": {**POST, "fault": "reset", "times": 1},
    "token lost": {"method": "POST", "path": "/auth/tokens", "fault": "reset", "times": 1},
}  # fmt: skip
#: Each fault at other places, and more of them at once.
MANY = {
    "every list fails once": {**GET, "path": "/v2.0/|/v3/(users|roles|services|endpoints|projects)", "fault": "status",
                              "status": 502, "times": 3},
    "429": {"fault": "status", "status": 429, "times": 3, "path": "/v2.0/"},
    "rules lost": {"method": "POST", "path": "security-group-rules", "fault": "lost", "times": 3},
    "users lost": {"method": "POST", "path": "/users$", "fault": "lost", "times": 1},
    "projects broken": {"method": "POST", "path": "/(services|endpoints)$", "fault": "broken", "times": 4},
    "assignments lost": {"method": "PUT", "path": "/roles/", "fault": "lost", "times": 2},
    "quotas lost": {"method": "PUT", "path": "/quotas/", "fault": "broken", "times": 1},
    "tokens fail": {"method": "POST", "path": "/auth/tokens", "fault": "status", "status": 503, "times": 2},
}  # fmt: skip


#: One of each in one run: on questions, and on what makes something.
TOGETHER = {
    "questions": [fault for name, fault in PASSING.items() if "made" not in name],
    "answers": [
        {"method": "POST", "path": path, "fault": fault, "times": 1}
        for path, fault in (
            ("/networks$", "lost"), ("/subnets$", "broken"), ("/security-groups$", "late"), ("/roles$", "reset"),
            ("/users$", "lost"), ("/services$", "broken"), ("/security-group-rules$", "lost"),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "faults",
    [*(pytest.param(faults, id=name) for name, faults in TOGETHER.items()),
     *(pytest.param([fault], id=name, marks=SLOW) for name, fault in {**PASSING, **MANY}.items())],
)  # fmt: skip
def test_a_fault_that_passes_is_borne_and_nothing_is_made_twice(nothing, apply, by_hand, proxy, faults):
    proxy.orders(*faults)
    states = apply()
    met = {each for _, _, each in proxy.asked() if each}
    assert met == {fault["fault"] for fault in faults}, "some fault never came"
    assert len(changes(states)) == 17
    assert inventory(by_hand) == WHOLE
    proxy.orders()
    assert changes(apply()) == {}


NEUTRON = "Neutron at http://10.77.0.2:19696"
LASTING = {
    "500": ({**GET, "path": "/v2.0/networks", "fault": "status", "status": 500, "body": {"NeutronError": "no luck"}},
            f"{NEUTRON} answers with an error (500: no luck): see pillar octavia:resources:cloud"),
    "timeout": ({**GET, "path": "/v2.0/networks", "fault": "timeout"},
                f"{NEUTRON} does not answer within {PATIENCE} s: see pillar octavia:resources:"),
    "403": ({**GET, "path": "/v2.0/networks", "fault": "status", "status": 403},
            f"{NEUTRON} refuses the user admin (403): see pillar octavia:resources:cloud"),
    "409": ({"method": "POST", "path": "/v2.0/networks", "fault": "status", "status": 409,
             "body": {"NeutronError": {"type": "Conflict", "message": "There is a\nconflict"}}},
            f"{NEUTRON} refuses POST /networks (409): There is a conflict"),
    "quota": ({"method": "POST", "path": "/v2.0/networks", "fault": "status", "status": 409,
               "body": {"NeutronError": {"message": "Quota exceeded for resources: ['network']."}}},
              f"{NEUTRON} refuses POST /networks (409): a quota of the project is used up: "),
    "not made, and no answer": (
        {"method": "POST", "path": "/v2.0/networks", "fault": "timeout"},
        f"{NEUTRON} does not answer within {PATIENCE} s: see pillar octavia:resources:cloud; "
        "whether the network was made is not known: run this again"),
}  # fmt: skip


@pytest.mark.parametrize("case", LASTING.values(), ids=LASTING)
def test_a_fault_that_lasts_is_one_line(there, apply, by_hand, proxy, case):
    fault, line = case
    by_hand("network.delete_network(net())")
    proxy.orders(fault)
    states = apply(parts=PARTS[1:], check=False)
    found = states["octavia_resources_network"]
    assert found["result"] is False and found["comment"].startswith(line), found["comment"]
    assert "\n" not in found["comment"]
    proxy.orders()
    apply(parts=PARTS[1:])
    assert inventory(by_hand) == WHOLE


# --- killed


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=SLOW) for seed in range(3, 20))])
def test_a_run_that_is_killed_is_finished_by_the_next(nothing, apply, controller, by_hand, proxy, seed):
    # each answer takes its time, so that there is one to wait for at any moment
    proxy.orders({"fault": "slow", "seconds": 0.05})
    run = controller.popen(f"salt-call --local state.apply {','.join(PARTS)} >/dev/null 2>&1")
    moment = random.Random(seed).randrange(4, 45)  # noqa: S311 no secret
    asked, deadline = 0, time.monotonic() + 60
    while asked < moment and time.monotonic() < deadline and run.poll() is None:
        asked += len(proxy.asked())
        time.sleep(0.02)
    controller.run("pkill -KILL -f '[s]alt-call'; pkill -KILL -f '[o]ctavia/host/worker.py'", check=False)
    run.wait()
    proxy.orders()
    apply()
    assert inventory(by_hand) == WHOLE
    assert changes(apply()) == {}


# --- taken away


def test_a_purge_takes_away_what_was_made_and_nothing_else(nothing, say, apply, by_hand):
    # two that were there before: found, and not ours
    by_hand(
        "identity.create_role(name='load-balancer_member')\n"
        "network.create_security_group(name='lb-mgmt-sec-grp', project_id=project)"
    )
    before = inventory(by_hand)
    apply()
    say({"enabled": False})
    assert changes(apply()) == {}
    assert inventory(by_hand) == WHOLE
    say({"enabled": False, "purge": True})
    planned = apply(test=True, parts=PARTS[::-1])
    assert inventory(by_hand) == WHOLE
    done = apply(parts=PARTS[::-1])
    assert changes(done) == changes(planned)
    assert {"network lb-mgmt-net", "subnet lb-mgmt-subnet", "user octavia", "service load-balancer"} <= set(
        changes(done)
    )
    assert not {"project service", "role load-balancer_member", "security group lb-mgmt-sec-grp"} & set(changes(done))
    # rules that were added to a group of others are not ours to know
    assert inventory(by_hand) == {**before, "rules": [2]}
    assert changes(apply(parts=PARTS[::-1])) == {}
    by_hand(SWEEP)


# --- a router

ROUTED = {"subnet": {"gateway": "172.16.0.1"}, "router": {"name": "lb-mgmt-router", "external_network": "lb-outside"}}
WAY_OUT = """
router = network.find_router("lb-mgmt-router")
if router:
    ports = network.ports(device_id=router.id, device_owner="network:router_interface")
    outside = router.external_gateway_info and network.get_network(router.external_gateway_info["network_id"]).name
    print(json.dumps([outside, [ip["ip_address"] for port in ports for ip in port.fixed_ips]]))
"""


@pytest.fixture
def outside(there, by_hand):
    """A network that leads out of the cloud, in which there is nothing else: a later gateway's address may be taken."""
    by_hand(SWEEP)
    made = "network.create_network(name='lb-outside', is_router_external=True).id"
    by_hand(f"network.create_subnet(network_id={made}, cidr='203.0.113.0/24', ip_version=4, is_dhcp_enabled=False)")
    yield "lb-outside"
    by_hand(
        "for each in list(network.routers(name='lb-mgmt-router')):\n"
        "    network.update_router(each, external_gateway_info={})\n"
        "    for port in list(network.ports(device_id=each.id)):\n"
        "        network.remove_interface_from_router(each, port_id=port.id)\n"
        "    network.delete_router(each)\n"
        "network.delete_network(network.find_network('lb-outside'))"
    )


def test_a_router_leads_out_of_the_management_network_and_goes_with_it(outside, say, apply, by_hand):
    say({"network": ROUTED})
    planned = changes(apply(test=True))
    assert "router lb-mgmt-router" in planned
    assert changes(apply()) == planned
    assert json.loads(by_hand(WAY_OUT)) == [outside, ["172.16.0.1"]]
    assert changes(apply()) == {}
    by_hand("network.remove_interface_from_router(network.find_router('lb-mgmt-router'), subnet_id=subnet().id)")
    planned = changes(apply(test=True, parts=PARTS[1:]))
    assert list(planned) == ["router lb-mgmt-router"]
    assert changes(apply(parts=PARTS[1:])) == planned
    assert json.loads(by_hand(WAY_OUT)) == [outside, ["172.16.0.1"]]
    say({"network": ROUTED, "enabled": False, "purge": True})
    gone = changes(apply(parts=PARTS[::-1]))
    assert {"router lb-mgmt-router", "subnet lb-mgmt-subnet", "network lb-mgmt-net"} <= set(gone)
    assert by_hand(WAY_OUT) == ""
    assert changes(apply(parts=PARTS[::-1])) == {}
