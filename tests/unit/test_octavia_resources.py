"""What the pillar wants in the cloud: the plan, and what is no plan."""

import copy
from collections import OrderedDict

import pytest
from formula import Host, pillar
from salt.exceptions import CommandExecutionError

MARK = {"description": "made by salt-formula-octavia"}


@pytest.fixture
def make(tmp_path):
    """`make({...below resources...}, octavia={...})`: a host that makes resources."""

    def build(resources=None, **octavia):
        tree = {
            "identity": {"host": "keystone.example.org", "password": "a-secret-password"},
            "api": {"bind": {"address": "10.0.0.11"}},
            "resources": {"enabled": True, **(resources or {})},
            **octavia,
        }
        return Host(tmp_path, {"octavia": tree})

    return build


def entries(host, service):
    return {f"{each['kind']} {each['name']}": each for each in host.resources.plan(service)}


def test_an_empty_section_is_a_whole_plan(make):
    host = make()
    assert host.faults() == []
    assert list(entries(host, "identity")) == [
        "project service", "user octavia", "role service", "role load-balancer_observer",
        "role load-balancer_global_observer", "role load-balancer_member", "role load-balancer_quota_admin",
        "role load-balancer_admin", "role_assignment admin of octavia in service",
        "role_assignment service of octavia in service", "service load-balancer", "endpoint load-balancer public",
        "endpoint load-balancer internal", "endpoint load-balancer admin",
    ]  # fmt: skip
    network = entries(host, "network")
    assert list(network) == [
        "network lb-mgmt-net", "subnet lb-mgmt-subnet", "security_group lb-mgmt-sec-grp",
        "security_group lb-health-mgr-sec-grp", "network_quota service",
    ]  # fmt: skip
    assert network["subnet lb-mgmt-subnet"]["want"] == {
        "cidr": "172.16.0.0/22", "ip_version": 4, "enable_dhcp": True, "gateway_ip": None
    }  # fmt: skip
    assert {each["project"] for each in network.values() if each["kind"] != "network_quota"} == {"service"}


def test_no_secret_is_in_a_plan(make):
    assert "a-secret-password" not in str([make().resources.plan(service) for service in ("identity", "network")])


def said(host, group):
    rules = entries(host, "network")[f"security_group {group}"]["want"]["rules"]
    return [host.ensure._said(host.ensure._rule(each)) for each in rules]


def test_amphorae_are_reached_from_the_management_network_alone(make):
    assert said(make(), "lb-mgmt-sec-grp") == [
        "ingress IPv4 tcp 9443 from 172.16.0.0/22", "ingress IPv4 icmp from 172.16.0.0/22"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("resources", "manager"), [({"ssh": True}, {}), ({}, {"ssh": {"private_key": "a key"}})], ids=["said", "key"]
)
def test_port_22_is_open_only_where_ssh_is_wanted(make, resources, manager):
    assert "ingress IPv4 tcp 22 from 172.16.0.0/22" in said(make(resources, manager=manager), "lb-mgmt-sec-grp")
    assert "ingress IPv4 tcp 22 from 172.16.0.0/22" not in said(
        make({"ssh": False}, manager=manager), "lb-mgmt-sec-grp"
    )


def test_health_managers_hear_heartbeats_and_logs_where_these_are_sent(make):
    assert said(make(), "lb-health-mgr-sec-grp") == [
        "ingress IPv4 udp 5555 from 172.16.0.0/22", "ingress IPv4 icmp from 172.16.0.0/22"
    ]  # fmt: skip
    manager = {
        "health_manager": {"bind_port": 5556},
        "amphora_agent": {
            "admin_log_targets": ["10.0.0.1:10514", "10.0.0.2:10514"], "tenant_log_targets": ["10.0.0.1:10515"],
            "log_protocol": "TCP",
        },
    }  # fmt: skip
    assert said(make(manager=manager), "lb-health-mgr-sec-grp") == [
        "ingress IPv4 udp 5556 from 172.16.0.0/22", "ingress IPv4 icmp from 172.16.0.0/22",
        "ingress IPv4 tcp 10514 from 172.16.0.0/22", "ingress IPv4 tcp 10515 from 172.16.0.0/22",
    ]  # fmt: skip


def test_all_of_it_works_with_ipv6(tmp_path):
    host = Host(tmp_path, pillar("resources"))
    assert host.faults() == []
    network = entries(host, "network")
    assert network["subnet mgmt6-subnet"]["want"] == {
        "cidr": "fd00:77::/64", "ip_version": 6, "enable_dhcp": False, "gateway_ip": "fd00:77::1",
        "allocation_pools": [{"start": "fd00:77::100", "end": "fd00:77::ffff"}],
        "host_routes": [{"destination": "fd00:78::/64", "nexthop": "fd00:77::1"}],
        "ipv6_address_mode": "dhcpv6-stateful", "ipv6_ra_mode": "dhcpv6-stateful",
    }  # fmt: skip
    assert said(host, "lb-mgmt-sec-grp") == [
        "ingress IPv6 tcp 9443 from fd00:77::/64", "ingress IPv6 ipv6-icmp from fd00:77::/64",
        "ingress IPv6 tcp 22 from fd00:77::/64", "ingress IPv4 tcp 9100-9110 from 10.20.0.0/24",
    ]  # fmt: skip
    assert said(host, "lb-health-mgr-sec-grp")[-1] == "ingress IPv6 tcp 10514 from fd00:77::/64"
    assert network["router mgmt6-router"]["refs"] == {
        "interfaces": [["subnet", "mgmt6-subnet", "service"]], "external_network_id": ["network", "public"]
    }  # fmt: skip
    assert network["network mgmt6"]["want"]["provider:segmentation_id"] == 77


def test_an_endpoint_that_nobody_says_is_made_and_not_moved(make):
    found = entries(make({"identity": {"endpoints": {"public": "https://lb.example.org"}}}), "identity")
    public, admin = found["endpoint load-balancer public"], found["endpoint load-balancer admin"]
    assert public["want"]["url"] == "https://lb.example.org" and public["initial"] == MARK
    assert "url" not in admin["want"] and admin["initial"] == {**MARK, "url": "http://10.0.0.11:9876"}


def test_quotas_are_those_that_the_load_balancers_need(make):
    few, many = (entries(make({"load_balancers": n}), "network")["network_quota service"]["want"] for n in (10, 1000))
    assert few["port"]["at_least"] < many["port"]["at_least"]


@pytest.mark.parametrize(
    ("resources", "line"),
    [
        ({"network": {"subnet": {"cidr": "172.16.0.1/22"}}},
         "octavia:resources:network:subnet:cidr: is '172.16.0.1/22': 172.16.0.1/22 has host bits set"),
        ({"network": {"subnet": {"cidr": "lan"}}}, "octavia:resources:network:subnet:cidr: is 'lan': "),
        ({"network": {"subnet": {"gateway": "10.0.0.1"}}},
         "octavia:resources:network:subnet:gateway: is '10.0.0.1': 10.0.0.1 is not in 172.16.0.0/22"),
        ({"network": {"subnet": {"pools": [{"start": "172.16.0.9", "end": "172.16.0.5"}]}}},
         "octavia:resources:network:subnet:pools: entry 1 starts at 172.16.0.9, behind its end 172.16.0.5"),
        ({"network": {"subnet": {"pools": [{"start": "172.16.0.9"}]}}},
         "octavia:resources:network:subnet:pools: entry 1: is None: "),
        ({"network": {"subnet": {"pools": [{"from": "172.16.0.9"}]}}},
         "octavia:resources:network:subnet:pools: entry 1 has from, must have start, end only"),
        ({"network": {"subnet": {"pools": ["172.16.0.9"]}}},
         "octavia:resources:network:subnet:pools: entry 1 is a text, must be {start, end}"),
        ({"network": {"subnet": {"routes": [{"destination": "10.0.0.0/24", "nexthop": "10.0.0.1"}]}}},
         "octavia:resources:network:subnet:routes: entry 1: is '10.0.0.1': 10.0.0.1 is not in 172.16.0.0/22"),
        ({"network": {"subnet": {"ipv6_ra_mode": "slaac"}}},
         "octavia:resources:network:subnet:ipv6_ra_mode: is set, and the cidr beside it is one of IPv4"),
        ({"network": {"amphora_security_group": {"rules": [{"protocol": "tcp", "port": "99999"}]}}},
         "octavia:resources:network:amphora_security_group:rules: entry 1: has port 99999, must be one between"),
        ({"network": {"amphora_security_group": {"rules": [{"port": 5}]}}},
         "octavia:resources:network:amphora_security_group:rules: entry 1: has port 5 and no protocol that has ports"),
        ({"network": {"health_manager_security_group": {"rules": [{"remote": "all"}]}}},
         "octavia:resources:network:health_manager_security_group:rules: entry 1: 'all' does not appear"),
        ({"network": {"router": {"name": "r"}}}, "octavia:resources:network:router:name: is set, and "),
        ({"network": {"provider": {"network_type": "wlan"}}}, "octavia:resources:network:provider:network_type: is"),
        ({"identity": {"endpoints": {"public": "lb.example.org"}}},
         "octavia:resources:identity:endpoints:public: must be a URL"),
        ({"cloud": 5}, "octavia:resources:cloud: is a number, must be a text or a mapping"),
        ({"clowd": "x"}, "octavia:resources:clowd: is not a key; nearest known: octavia:resources:cloud"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_one_line_before_anything_changes(make, resources, line):
    [fault] = make(resources).faults()
    assert fault.startswith(line), fault


def test_an_entry_of_clouds_yaml_may_stand_in_a_pillar_of_yaml(make):
    assert make({"cloud": OrderedDict(auth=OrderedDict(auth_url="http://10.0.0.1:5000"))}).faults() == []


def test_an_address_that_nobody_reaches_makes_no_endpoint(make):
    [fault] = make(api={"bind": {"address": "0.0.0.0"}}).faults()  # noqa: S104
    assert fault.startswith("octavia:resources:identity:endpoints:public: is not set, nor internal and admin beside it")


def test_what_is_off_has_no_faults(make):
    assert make({"enabled": False, "network": {"subnet": {"cidr": "lan"}}}).faults() == []


def test_a_part_that_there_is_not(make):
    with pytest.raises(CommandExecutionError, match="^volumes is no part of octavia.resources; there is: identity, "):
        make().resources.plan("volumes")


# --- the state


@pytest.fixture
def run(make):
    """`run(function, test, answers)`: the state over what its functions answer, and the calls."""

    def apply(name, answers, test=False):
        host, calls = make(), []
        host.opts["test"] = test

        def answer(entry, test, saltenv):
            calls.append((entry["name"], test))
            found = answers[entry["name"]]
            if isinstance(found, Exception):
                raise found
            return found

        plan = [{"kind": "role", "name": each} for each in answers]
        host.salt["octavia_resources.plan"] = lambda service, saltenv: plan
        host.salt["octavia_resources.ensure"] = host.salt["octavia_resources.remove"] = answer
        return getattr(host.state("octavia_resources"), name)("x", "identity"), calls

    return apply


RIGHT = {"changes": {}, "comment": "role a is as it should be", "id": "1"}
DUE = {"changes": {"role b": {"old": None, "new": {}}}, "comment": "role b made", "id": "2"}


def test_all_is_looked_at_before_any_of_it_is_changed(run):
    found, calls = run("managed", {"a": RIGHT, "b": DUE})
    assert calls == [("a", True), ("b", True), ("b", False)]
    assert (found["result"], found["changes"], found["comment"]) == (True, DUE["changes"], "role b made")


def test_a_dry_run_has_the_same_changes(run):
    found, calls = run("managed", {"a": RIGHT, "b": DUE}, test=True)
    assert calls == [("a", True), ("b", True)]
    assert (found["result"], found["changes"]) == (None, DUE["changes"])


@pytest.mark.parametrize("test", [True, False])
def test_nothing_is_changed_where_something_is_refused(run, test):
    found, calls = run("managed", {"b": DUE, "c": CommandExecutionError("refused")}, test)
    assert calls == [("b", True), ("c", True)]
    assert (found["result"], found["changes"], found["comment"]) == (False, {}, "refused")


def test_what_is_right_is_said_to_be_so(run):
    found, _ = run("managed", {"a": RIGHT})
    assert (found["result"], found["changes"]) == (True, {})
    assert found["comment"] == "Everything is there, as it should be"


def test_what_was_made_last_goes_first(run):
    _, calls = run("purged", {"a": RIGHT, "b": DUE})
    assert calls == [("b", True), ("a", True), ("b", False)]


# --- the password


@pytest.fixture
def user(make):
    """`user(right)`: the function, on a host whose Keystone finds the password right or wrong; and what was asked."""

    def build(right, there=True, test=False):
        host, asked = make(), []
        host.opts["test"] = test
        change = {} if there else {"user octavia": {"old": None, "new": {}}}
        host.salt["octavia_ensure.present"] = lambda *args, test, **kwargs: {
            "changes": copy.deepcopy(change), "comment": "", "id": None if test and not there else "u1"
        }  # fmt: skip
        host.salt["octavia_cloud.authenticates"] = lambda *args, **kwargs: asked.append("login") or right
        host.salt["octavia_cloud.update"] = lambda kind, id, body, **kwargs: asked.append(body)
        return host, asked

    return build


def test_a_right_password_is_asked_for_once_and_noted(user):
    host, asked = user(right=True)
    for test in (True, True, True):
        assert host.identity.user_ensured("octavia", password="pw", test=test)["changes"] == {}
    assert asked == ["login"]
    note = host.root / "lib" / "passwords.json"
    assert "pw" not in note.read_text() and note.stat().st_mode & 0o077 == 0


def test_a_dry_run_notes_nothing(user):
    host, asked = user(right=True, test=True)
    for _ in range(2):
        host.identity.user_ensured("octavia", password="pw")
    assert asked == ["login", "login"] and not (host.root / "lib" / "passwords.json").exists()


def test_a_wrong_password_is_set_and_never_shown(user):
    host, asked = user(right=False)
    for test in (True, False):
        found = host.identity.user_ensured("octavia", password="pw", test=test)
        assert found["changes"] == {
            "user octavia": {"old": {"password": "(hidden)"}, "new": {"password": "(hidden, changed)"}}
        }
    assert asked == ["login", "login", {"password": "pw"}]
    assert host.identity.user_ensured("octavia", password="pw", test=True)["changes"] == {}


def test_a_new_user_needs_no_login(user):
    host, asked = user(right=False, there=False)
    host.identity.user_ensured("octavia", password="pw", test=True)
    host.identity.user_ensured("octavia", password="pw", test=False)
    assert asked == []


# --- the functions


def test_each_kind_has_its_functions_and_shows_their_call(make):
    host = make()
    for module, kinds in (
        (host.identity, ("project", "user", "role", "service")),
        (host.network, ("network", "subnet", "port", "router", "security_group")),
    ):
        for kind in kinds:
            for verb in ("get", "list", "create", "update", "delete"):
                function = getattr(module, f"{kind}_{verb}")
                assert function.__name__ == f"{kind}_{verb}"
                assert f".{kind}_{verb}" in function.__doc__.partition("CLI Example:")[2]
