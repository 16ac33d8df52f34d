"""What is wanted in the cloud beside what is there: the difference, what is done about it, what is refused."""

import itertools

import pytest
from formula import Host, changed, shared
from salt.exceptions import CommandExecutionError

NETWORK = "172.16.0.0/22"


class Cloud:
    """Stands in for the worker: resources by kind; `done` is what was written."""

    def __init__(self, **there):
        self.there, self.done, self.numbers = there, [], itertools.count(1)

    def __call__(self, module, function, timeout, saltenv, login, **kwargs):
        return getattr(self, f"_{function}")(**kwargs)

    def _resources(self, kind, **scope):
        found = self.there.get(kind, [])
        return [each for each in found if all(each.get(name) == value for name, value in scope.items())]

    def _find(self, kind, name, project=None, domain=None, scope=None):
        return next((dict(each) for each in self.there.get(kind, []) if name in (each.get("name"), each["id"])), None)

    def _project(self, name, domain):
        return (self._find("project", name) or {}).get("id")

    def _create(self, kind, body, project=None, domain=None):
        made = {"id": f"new{next(self.numbers)}", **body}
        self.there.setdefault(kind, []).append(made)
        self.done.append(("create", kind, body))
        return made

    def _update(self, kind, id, body):
        self.done.append(("update", kind, id, body))
        next(each for each in self.there[kind] if each["id"] == id).update(body)

    def _delete(self, kind, id):
        self.done.append(("delete", kind, id))

    def _request(self, service, method, path, body, microversion):
        self.done.append((method, path, body))


@pytest.fixture
def make(tmp_path):
    """`make(network=[...])`: the module, and the cloud that it asks."""

    def build(**there):
        host, cloud = Host(tmp_path, changed(shared())), Cloud(**there)
        host.salt["octavia_host.call"] = cloud
        return host.ensure, cloud

    return build


# --- the difference


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        ({"mtu": 1450}, {"mtu": 1450}, {}),
        ({"mtu": 1500, "name": "x"}, {"mtu": 1450}, {"mtu": {"old": 1500, "new": 1450}}),
        ({}, {"mtu": 1450}, {"mtu": {"old": None, "new": 1450}}),
        ({"gateway_ip": None}, {"gateway_ip": None}, {}),
        ({"gateway_ip": "10.0.0.1"}, {"gateway_ip": None}, {"gateway_ip": {"old": "10.0.0.1", "new": None}}),
        ({"cidr": "fd00::/64"}, {"cidr": "fd00:0:0::/64"}, {}),
        ({"enabled": True}, {"enabled": False}, {"enabled": {"old": True, "new": False}}),
        ({"enabled": 1}, {"enabled": True}, {}),
        ({"port": 500}, {"port": {"at_least": 400}}, {}),
        ({"port": -1}, {"port": {"at_least": 400}}, {}),
        ({"port": 300}, {"port": {"at_least": 400}}, {"port": {"old": 300, "new": 400}}),
        ({"tags": ["b", "a"]}, {"tags": ["a", "b"]}, {}),
        ({"tags": ["a", "b"]}, {"tags": ["a"]}, {"tags": {"old": ["a", "b"], "new": ["a"]}}),
        ({"tags": ["a"]}, {"tags": ["a", "a"]}, {"tags": {"old": ["a"], "new": ["a", "a"]}}),
        ({"fixed_ips": [{"subnet_id": "s", "ip_address": "fd::5"}]}, {"fixed_ips": [{"ip_address": "fd:0::5"}]}, {}),
        ({"interfaces": ["a", "b"]}, {"interfaces": ["a"]}, {}),
        ({"interfaces": ["a"]}, {"interfaces": ["b"]}, {"interfaces": {"old": ["a"], "new": ["a", "b"]}}),
        ({"extra_specs": {"a": "1", "b": "2"}}, {"extra_specs": {"a": 1}}, {}),
        ({"extra_specs": {"a": "1"}}, {"extra_specs": {"a": None, "b": "2"}},
         {"extra_specs": {"old": {"a": "1", "b": None}, "new": {"a": None, "b": "2"}}}),
        ({}, {"password": "a-secret"}, {}),
    ],
)  # fmt: skip
def test_fields_that_differ_and_those_that_are_only_written_otherwise(make, have, want, expected):
    assert make()[0].difference(have, want) == expected


def _group(*rules):
    given = [{"direction": "egress", "ethertype": kind, "id": kind} for kind in ("IPv4", "IPv6")]
    return {"security_group_rules": [*given, *({"id": str(number), **rule} for number, rule in enumerate(rules))]}


TCP = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 9443, "port_range_max": 9443,
       "remote_ip_prefix": NETWORK}  # fmt: skip
LINE = "ingress IPv4 tcp 9443 from 172.16.0.0/22"


@pytest.mark.parametrize(
    ("have", "want", "exact", "expected"),
    [
        (_group(TCP), [TCP], True, {}),
        (_group({**TCP, "protocol": "6"}), [TCP], True, {}),
        (_group({"protocol": "icmp", "remote_ip_prefix": "0.0.0.0/0"}), [{"protocol": "1"}], True, {}),
        (_group({"protocol": "icmp", "ethertype": "IPv6"}), [{"protocol": "icmpv6", "ethertype": "IPv6"}], True, {}),
        (_group(), [TCP, TCP], False, {"rules": {"old": [], "new": [LINE]}}),
        (_group(TCP), [], False, {}),
        (_group(TCP), [], True, {"rules": {"old": [LINE], "new": []}}),
        (_group({**TCP, "port_range_max": 9444}), [TCP], True,
         {"rules": {"old": ["ingress IPv4 tcp 9443-9444 from 172.16.0.0/22"], "new": [LINE]}}),
        (_group({"direction": "egress", "ethertype": "IPv4", "protocol": "udp"}), [], True,
         {"rules": {"old": ["egress IPv4 udp to anywhere"], "new": []}}),
        (_group({"remote_group_id": "g"}), [], True,
         {"rules": {"old": ["ingress IPv4 any from group g"], "new": []}}),
    ],
)  # fmt: skip
def test_rules_are_compared_by_what_they_mean(make, have, want, exact, expected):
    assert make()[0].difference(have, {"rules": want}, exact) == expected


# --- what is done


@pytest.mark.parametrize("test", [True, False])
def test_what_is_not_there_is_made(make, test):
    cloud, there = make(project=[{"id": "p", "name": "service"}])
    found = cloud.present(
        "network", "net", {"mtu": 1450}, project="service", initial={"description": cloud.mark()}, test=test
    )
    assert found["changes"] == {"network net": {"old": None, "new": {"mtu": 1450}}}
    made = [("create", "network", {"description": cloud.mark(), "mtu": 1450, "name": "net"})]
    assert there.done == ([] if test else made)


@pytest.mark.parametrize("test", [True, False])
def test_what_differs_is_changed_and_nothing_else_is_sent(make, test):
    cloud, there = make(network=[{"id": "1", "name": "net", "mtu": 1500, "tags": ["a"]}])
    found = cloud.present("network", "net", {"mtu": 1450, "tags": ["a"]}, test=test)
    assert found["changes"] == {"network net": {"old": {"mtu": 1500}, "new": {"mtu": 1450}}}
    assert there.done == ([] if test else [("update", "network", "1", {"mtu": 1450})])


def test_what_is_right_is_left_alone(make):
    cloud, there = make(network=[{"id": "1", "name": "net", "mtu": 1450}])
    assert cloud.present("network", "net", {"mtu": 1450}, test=False) == {
        "changes": {}, "comment": "network net is as it should be", "id": "1"
    }  # fmt: skip
    assert there.done == []


@pytest.mark.parametrize("test", [True, False])
def test_what_no_api_changes_is_refused_and_the_rest_is_left_alone_too(make, test):
    cloud, there = make(subnet=[{"id": "1", "name": "sub", "cidr": "10.0.0.0/24", "enable_dhcp": True}])
    with pytest.raises(CommandExecutionError) as caught:
        cloud.present("subnet", "sub", {"cidr": NETWORK, "enable_dhcp": False}, key="octavia:x", test=test)
    assert str(caught.value) == (
        "subnet sub has cidr 10.0.0.0/24 and not 172.16.0.0/22, which cannot be changed: "
        "see pillar octavia:x, or choose another name"
    )
    assert there.done == []


def test_references_are_shown_by_name_and_sent_by_id(make):
    cloud, there = make(network=[{"id": "n1", "name": "net"}], security_group=[{"id": "g1", "name": "grp"}])
    refs = {"network_id": ["network", "net"], "security_groups": [["security_group", "grp"]]}
    found = cloud.present("port", "port", {}, refs=refs, test=False)
    assert found["changes"] == {"port port": {"old": None, "new": {"network_id": "net", "security_groups": ["grp"]}}}
    assert there.done == [("create", "port", {"network_id": "n1", "security_groups": ["g1"], "name": "port"})]


def test_a_reference_to_nothing_is_a_plan_in_a_dry_run_and_an_error_in_a_real_one(make):
    cloud, there = make()
    asked = ("subnet", "sub", {"cidr": NETWORK})
    assert cloud.present(*asked, refs={"network_id": ["network", "net"]}, test=True)["changes"] == {
        "subnet sub": {"old": None, "new": {"cidr": NETWORK, "network_id": "net"}}
    }
    with pytest.raises(CommandExecutionError, match="^subnet sub needs network net, which is not there$"):
        cloud.present(*asked, refs={"network_id": ["network", "net"]}, test=False)
    assert there.done == []


def test_rules_are_added_and_taken_away_one_by_one(make):
    cloud, there = make(security_group=[{"id": "g", "name": "grp", **_group({**TCP, "port_range_max": 9444})}])
    cloud.present("security_group", "grp", {"rules": [TCP]}, exact=True, test=False)
    assert there.done == [
        ("create", "security_group_rule", {**TCP, "security_group_id": "g"}),
        ("delete", "security_group_rule", "0"),
    ]


def test_a_quota_belongs_to_a_project(make):
    cloud, there = make(project=[{"id": "p", "name": "service"}], network_quota=[{"id": "p", "port": 5, "network": -1}])
    want = {"port": {"at_least": 50}, "network": {"at_least": 50}}
    found = cloud.present("network_quota", "service", want, test=False)
    assert found["changes"] == {"network quota service": {"old": {"port": 5}, "new": {"port": 50}}}
    assert there.done == [("update", "network_quota", "p", {"port": 50})]
    with pytest.raises(CommandExecutionError, match="no project nowhere"):
        cloud.present("network_quota", "nowhere", want, test=False)


def test_a_service_is_known_by_its_type_and_two_are_an_error(make):
    service = {"id": "1", "name": "other", "type": "load-balancer"}
    cloud, there = make(service=[service])
    cloud.present("service", "load-balancer", {"type": "load-balancer", "name": "octavia"}, test=False)
    assert there.done == [("update", "service", "1", {"name": "octavia"})]
    there.there["service"].append({**service, "id": "2"})
    with pytest.raises(CommandExecutionError, match="^There are 2 of service load-balancer: 1, 2: delete what is not"):
        cloud.present("service", "load-balancer", {"type": "load-balancer"}, test=False)


def test_a_router_gets_into_the_subnets_that_it_lacks(make):
    ports = [
        {"device_id": "r", "id": "p", "device_owner": "network:router_interface", "fixed_ips": [{"subnet_id": "a"}]}
    ]
    subnets = [{"id": "a", "name": "one"}, {"id": "b", "name": "two"}]
    cloud, there = make(router=[{"id": "r", "name": "router"}], port=ports, subnet=subnets)
    cloud.present("router", "router", {}, refs={"interfaces": [["subnet", "one"], ["subnet", "two"]]}, test=False)
    assert there.done == [("PUT", "/routers/r/add_router_interface", {"subnet_id": "b"})]


# --- what goes


@pytest.mark.parametrize("test", [True, False])
def test_only_what_is_marked_goes_where_that_is_asked(make, test):
    cloud, there = make()
    there.there["role"] = [{"id": "1", "name": "ours", "description": cloud.mark()}, {"id": "2", "name": "theirs"}]
    found = cloud.absent("role", "ours", marked=True, test=test)
    assert found["changes"] == {"role ours": {"old": {"id": "1"}, "new": None}}
    assert cloud.absent("role", "theirs", marked=True, test=test)["changes"] == {}
    assert there.done == ([] if test else [("delete", "role", "1")])


def test_what_is_not_there_is_gone_already(make):
    cloud, there = make()
    assert cloud.absent("role", "none", test=False)["changes"] == {}
    assert there.done == []


def test_a_router_leaves_its_subnets_before_it_goes(make):
    ports = [
        {"device_id": "r", "id": "p", "device_owner": "network:router_interface", "fixed_ips": [{"subnet_id": "a"}]}
    ]
    cloud, there = make(router=[{"id": "r", "name": "router"}], port=ports)
    cloud.absent("router", "router", test=False)
    assert there.done == [
        ("PUT", "/routers/r/remove_router_interface", {"subnet_id": "a"}), ("delete", "router", "r")
    ]  # fmt: skip
