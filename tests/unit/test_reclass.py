"""
The reclass classes, through reclass itself and Salt's adapter to it: the inventory of a cloud with three controllers
and of a host that stands alone becomes pillars that the formula takes.
"""

import copy
import json
import re
import shutil

import pytest
import yaml
from formula import Host
from harness import ROOT, Minion, states
from reclass.adapters.salt import ext_pillar
from reclass.errors import ReclassException
from test_pillar_example import leaves, registered, tables  # noqa: F401 a fixture

INVENTORY = ROOT / "tests" / "reclass"
NODES = sorted(path.stem for path in (INVENTORY / "nodes").iterdir())
SERVICE = ROOT / "metadata" / "service"
CLASSES = sorted(
    ".".join(["service.octavia", *path.relative_to(SERVICE).with_suffix("").parts]).removesuffix(".init")
    for path in SERVICE.rglob("*.yml")
)
#: The names that models of the older formula say.
PARAMS = {
    "octavia_version": "zed",
    "single_address": "10.0.0.1",
    "cluster_local_address": "10.0.0.11",
    "cluster_vip_address": "10.0.0.10",
    "mysql_octavia_password": "fake-database",
    "keystone_octavia_password": "fake-identity",
    "rabbitmq_openstack_password": "fake-rabbit",
    "octavia_hm_bind_ip": "172.16.0.11",
    "amp_flavor_id": "11111111-2222-3333-4444-000000000001",
}
#: Where an address goes, below octavia:.
ADDRESSES = {"api:bind:address", "database:host", "identity:host", "message_queue:host"}
#: What no default may stand for.
SECRETS = ("mysql_octavia_password", "keystone_octavia_password", "rabbitmq_openstack_password")
EACH_NODE = pytest.mark.parametrize("node", NODES)
SLS = states()


def pillar_of(inventory, node):
    """What reclass makes of a node, in plain types."""
    return json.loads(json.dumps(ext_pillar(node, {}, inventory_base_uri=str(inventory))))


@pytest.fixture(scope="module")
def minion(tmp_path_factory):
    """A minion whose pillar and top file are those that Salt has from reclass, and not from files."""
    made = {}

    def _minion(node):
        if node not in made:
            reclass = {"inventory_base_uri": str(INVENTORY)}
            config = {"id": node, "ext_pillar": [{"reclass": reclass}], "master_tops": {"reclass": reclass}}
            made[node] = Minion(tmp_path_factory.mktemp("minion") / "root", {}, config=config)
        return made[node]

    return _minion


@pytest.fixture
def nodeinfo(tmp_path):
    """``nodeinfo(["service.octavia.client"], {"_param": ...})``: the pillar of a node of these classes."""

    def _nodeinfo(classes, parameters=None):
        inventory = tmp_path / "inventory"
        shutil.rmtree(inventory, ignore_errors=True)
        (inventory / "nodes").mkdir(parents=True)
        (inventory / "classes").symlink_to(INVENTORY / "classes")
        node = {"classes": list(classes), "parameters": parameters or {"_param": PARAMS}}
        (inventory / "nodes" / "node.yml").write_text(yaml.safe_dump(node))
        return pillar_of(inventory, "node")

    return _nodeinfo


# --- the inventory


@EACH_NODE
def test_the_pillar_of_a_node_is_the_expected_one(minion, node):
    expected = yaml.safe_load((INVENTORY / "expected" / f"{node}.yml").read_text())
    pillar = minion(node).pillar
    assert {name: pillar.get(name) for name in expected} == expected
    assert minion(node).call("state.show_top") == {"base": ["octavia"]}


@EACH_NODE
def test_the_formula_takes_it(tmp_path, minion, node, tables):  # noqa: F811
    host = Host(tmp_path, {"octavia": minion(node).pillar["octavia"]})
    assert host.check.pillar() == {"faults": [], "warnings": []}
    options = host.options()
    assert len(options) > 30 and [name for name in options if not registered(tables, name, 11)] == []


@EACH_NODE
def test_every_state_renders(minion, node):
    assert [sls for sls in SLS if not minion(node).show_low_sls(sls)] == []
    assert minion(node).show_highstate()


def test_a_class_of_the_cluster_goes_before_those_of_the_service(minion):
    octavia = minion("ctl01.example.org").pillar["octavia"]
    assert octavia["api"]["bind"] == {"address": "10.0.0.11", "port": 9877}
    assert octavia["identity"]["host"] == "keystone.example.org" and octavia["database"]["host"] == "10.0.0.10"


# --- the classes


def test_the_classes_are_those_of_the_contract():
    named = "api.single api.cluster manager.single manager.cluster client resources support"
    assert {f"service.octavia.{name}" for name in named.split()} <= set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_can_be_used_alone(nodeinfo, name):
    params = PARAMS | {"octavia_api_bind_address": "10.0.0.11"}
    assert "octavia_ids" in nodeinfo([name, "service.octavia.support"], {"_param": params})["mine_functions"]


def test_no_class_has_a_password_or_debugs():
    for path in SERVICE.rglob("*.yml"):
        for key, value in leaves(yaml.safe_load(path.read_text())):
            assert not key.endswith("debug"), path
            if re.search(r"pass(word|phrase)|secret|_key$", key):
                assert re.fullmatch(r"\$\{_param:\w+\}", value), f"{path}: {key}"


@pytest.mark.parametrize("role", ["api", "manager"])
def test_single_and_cluster_differ_in_addresses_only(nodeinfo, role):
    params = {"_param": {name: value for name, value in PARAMS.items() if name != "cluster_vip_address"}}
    single = dict(leaves(nodeinfo([f"service.octavia.{role}.single"], params)["octavia"]))
    cluster = dict(leaves(nodeinfo([f"service.octavia.{role}.cluster"])["octavia"]))
    differ = {key for key in {**single, **cluster} if single.get(key) != cluster.get(key)}
    assert differ == {key for key in ADDRESSES if key in single}
    assert {single[key] for key in differ} == {"10.0.0.1"}
    assert {cluster[key] for key in differ} <= {"10.0.0.10", "10.0.0.11"}


def test_a_model_of_the_older_formula_works_with_a_manager_that_is_single(nodeinfo):
    """It had no other, and gave it the virtual address."""
    octavia = nodeinfo(["service.octavia.api.cluster", "service.octavia.manager.single"])["octavia"]
    assert {octavia[name]["host"] for name in ("database", "identity", "message_queue")} == {"10.0.0.10"}


@pytest.mark.parametrize(
    "param, value, key",
    [
        ("octavia_version", "2025.1", "version"),
        ("octavia_loadbalancer_topology", "ACTIVE_STANDBY", "controller_worker:loadbalancer_topology"),
        ("octavia_api_bind_address", "10.0.0.10", "api:bind:address"),
        ("octavia_api_bind_port", 9875, "api:bind:port"),
        ("keystone_octavia_endpoint_type", "public", "identity:endpoint_type"),
        ("octavia_hm_bind_ip", "172.16.0.12", "manager:health_manager:bind_ip"),
        ("amp_flavor_id", "another", "manager:controller_worker:amp_flavor_id"),
        ("mysql_octavia_password", "it's $another{one}", "database:password"),
    ],
)
def test_a_param_reaches_its_key_and_no_other(nodeinfo, param, value, key):
    classes = ["service.octavia.api.cluster", "service.octavia.manager.cluster"]
    before = dict(leaves(nodeinfo(classes)["octavia"]))
    after = dict(leaves(nodeinfo(classes, {"_param": PARAMS | {param: value}})["octavia"]))
    assert {name: after[name] for name in after if after[name] != before[name]} == {key: value}


@pytest.mark.parametrize("param", sorted(PARAMS))
def test_reclass_names_a_param_that_is_missing(nodeinfo, param):
    kind = "single" if param == "single_address" else "cluster"
    classes = [f"service.octavia.api.{kind}", f"service.octavia.manager.{kind}"]
    params = copy.deepcopy(PARAMS)
    params.pop(param)
    if param == "single_address":
        params.pop("cluster_vip_address")
    with pytest.raises(ReclassException, match=f"_param:{param}") as error:
        nodeinfo(classes, {"_param": params})
    assert not any(PARAMS[name] in str(error.value) for name in SECRETS)


def test_what_is_null_is_looked_up(tmp_path, nodeinfo):
    params = {"_param": PARAMS | {"amp_flavor_id": None, "octavia_hm_bind_ip": None}}
    host = Host(tmp_path, {"octavia": nodeinfo(["service.octavia.manager.cluster"], params)["octavia"]})
    unsaid = host.pillar.unsaid()
    assert {"manager:controller_worker:amp_flavor_id", "manager:health_manager:bind_ip"} <= set(unsaid)
