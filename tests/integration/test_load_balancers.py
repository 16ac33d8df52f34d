"""
Load balancers by the calls of the older formula and by states, and the probe and the self-test where no amphora is:
against the real API, with Octavia's noop drivers.
"""

import json
import time

import pytest
from control_plane import Api, apply, fault

PLATFORMS = (("12", "3006"), pytest.param(("13", "3008"), marks=pytest.mark.slow))
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"


@pytest.fixture(scope="module", params=PLATFORMS, ids=lambda p: f"debian{p[0]}-salt{p[1]}")
def platform(request):
    return request.param


@pytest.fixture(scope="module")
def database(platform):
    return f"octavia_v2_{'_'.join(platform)}"


@pytest.fixture(scope="module")
def make(pillar, database):
    """Pages of one load balancer each; and a probe that does not wait for long."""
    base = {
        "database": {"name": database},
        "api": {"pagination_max_limit": "1"},
        "probe": {"vip_subnet": SUBNET, "patience": 3, "timeout": 240},
    }
    return lambda *changes: pillar(base, *changes)


@pytest.fixture(scope="module")
def machine(lab, platform, make):
    debian, salt = platform
    # what is installed from nothing is for other tests
    machine = lab.machine("controller1", debian=debian, salt=salt, tree=f"libraries-{debian}")
    machine.put_formula()
    machine.put_pillar(make())
    apply(machine)
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def api(machine, services, lab):
    """As a user of another project than that of the service user."""
    return Api(services, lab.facts)


@pytest.fixture
def call(machine):
    def _call(function, *args, check=True, **kwargs):
        named = [
            f"{name}={json.dumps(value) if not isinstance(value, str) else value}" for name, value in kwargs.items()
        ]
        result = machine.salt_call(f"octaviav2.{function}", *args, *named, check=check)
        return result.data if result.rc == 0 else f"{result.data}{result.stderr}"

    return _call


@pytest.fixture
def state(machine):
    """A state of `octaviav2` or `octavia_check`, as `state.single` runs it."""

    def _state(function, name, test=False, **kwargs):
        named = [f"{key}={json.dumps(value) if not isinstance(value, str) else value}" for key, value in kwargs.items()]
        result = machine.salt_call("state.single", function, name, f"test={test}", *named, check=False)
        assert isinstance(result.data, dict), f"{result.data}\n{result.stderr[-3000:]}"
        [found] = result.data.values()
        assert (result.rc == 0) == (found["result"] is not False)
        return found

    return _state


@pytest.fixture(autouse=True)
def nothing_stays(call):
    yield
    for each in call("loadbalancer_list")["loadbalancers"]:
        call("settled", "loadbalancer", each["id"])
        call("loadbalancer_delete", each["id"], cascade=True)
        call("settled", "loadbalancer", each["id"])


def log_of_api(machine, method):
    """How many requests of a method for load balancers the API has had."""
    return int(
        machine.run(
            f"grep -c '{method} /v2.0/lbaas/loadbalancers' /var/log/octavia/octavia-api.log", check=False
        ).stdout
    )


def names(call):
    return sorted(each["name"] for each in call("loadbalancer_list")["loadbalancers"])


def test_the_calls_of_the_older_formula_work(call):
    made = call("loadbalancer_create", name="lb", vip_subnet_id=SUBNET, description="made")["loadbalancer"]
    assert (made["name"], made["vip_subnet_id"], made["provisioning_status"]) == ("lb", SUBNET, "PENDING_CREATE")
    assert call("settled", "loadbalancer", made["id"])["provisioning_status"] == "ACTIVE"
    for by in (["lb"], [made["id"]], ["name=lb"]):
        assert call("loadbalancer_get_details", *by)["loadbalancer"]["id"] == made["id"]
    assert call("loadbalancer_update", "lb", description="changed")["loadbalancer"]["id"] == made["id"]
    assert call("settled", "loadbalancer", made["id"])["description"] == "changed"
    second = call("loadbalancer_create", name="lb2", vip_subnet_id=SUBNET)["loadbalancer"]["id"]
    # two pages
    assert names(call) == ["lb", "lb2"]
    assert [each["id"] for each in call("loadbalancer_list", name="lb2")["loadbalancers"]] == [second]
    call("settled", "loadbalancer", second)
    assert call("loadbalancer_delete", "lb2") == {}
    assert call("settled", "loadbalancer", second) is None
    assert "lb2: there is none" in call("loadbalancer_delete", "lb2", check=False)


def test_a_load_balancer_is_made_changed_and_removed_and_nothing_twice(call, state, machine):
    want = {"vip_subnet_id": SUBNET, "description": "shop", "tags": ["b", "a"]}
    dry = state("octaviav2.loadbalancer_present", "shop", test=True, **want)
    assert dry["result"] is None and names(call) == []
    made = state("octaviav2.loadbalancer_present", "shop", **want)
    assert made["changes"] == dry["changes"] and "ACTIVE" in made["comment"]
    requests = log_of_api(machine, "PUT")
    for test in (True, False):
        again = state("octaviav2.loadbalancer_present", "shop", test=test, **want)
        assert (again["result"], again["changes"]) == (True, {})
    assert log_of_api(machine, "PUT") == requests

    want["description"] = "shop of today"
    dry = state("octaviav2.loadbalancer_present", "shop", test=True, **want)
    real = state("octaviav2.loadbalancer_present", "shop", **want)
    assert real["changes"] == dry["changes"]
    assert real["changes"]["loadbalancer shop"]["old"] == {"description": "shop"}
    assert log_of_api(machine, "PUT") == requests + 1

    for test in (True, False):
        refused = state("octaviav2.loadbalancer_present", "shop", test=test, vip_address="10.99.0.99", **want)
        assert (refused["result"], refused["changes"]) == (False, {}) and "vip_address: is " in refused["comment"]

    dry = state("octaviav2.loadbalancer_absent", "shop", test=True)
    assert names(call) == ["shop"]
    real = state("octaviav2.loadbalancer_absent", "shop")
    assert real["changes"] == dry["changes"] and names(call) == []
    again = state("octaviav2.loadbalancer_absent", "shop")
    assert (again["result"], again["changes"]) == (True, {})


def test_one_with_a_listener_goes_with_the_word_cascade_only(call, state, machine):
    state("octaviav2.loadbalancer_present", "shop", vip_subnet_id=SUBNET)
    ident = call("loadbalancer_get_details", "shop")["loadbalancer"]["id"]
    body = {"listener": {"name": "web", "protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": ident}}
    machine.salt_call("octavia_cloud.request", "load-balancer", "POST", "/lbaas/listeners", json.dumps(body))
    # it is being changed: the state waits
    for test in (True, False):
        refused = state("octaviav2.loadbalancer_absent", "shop", test=test)
        assert refused["result"] is False and "is not empty (listeners: 1)" in refused["comment"]
    assert state("octaviav2.loadbalancer_absent", "shop", cascade=True)["result"] is True
    assert names(call) == []


def test_a_name_that_two_have_is_an_error_and_one_of_another_project_is_another_one(call, state, api):
    theirs = api.make("loadbalancer", {"name": "shop", "vip_subnet_id": SUBNET})
    made = state("octaviav2.loadbalancer_present", "shop", vip_subnet_id=SUBNET)
    assert made["changes"] and theirs not in made["comment"]
    assert "2 have that name" in call("loadbalancer_get_details", "shop", check=False)
    again = call("loadbalancer_create", name="shop", vip_subnet_id=SUBNET)["loadbalancer"]["id"]
    call("settled", "loadbalancer", again)
    for function in ("present", "absent"):
        ret = state(f"octaviav2.loadbalancer_{function}", "shop")
        assert (ret["result"], ret["changes"]) == (False, {})
        assert again in ret["comment"] and theirs not in ret["comment"]
    assert names(call) == ["shop"] * 3
    for name in (again, theirs):
        assert state("octaviav2.loadbalancer_absent", name)["result"] is True


def test_an_error_of_the_worker_is_said_with_its_reason(call, state, machine, make):
    """There is no Nova in this lab."""
    machine.put_pillar(make({"controller_worker": {"compute_driver": "compute_nova_driver"}}))
    apply(machine)
    try:
        ret = state("octaviav2.loadbalancer_present", "shop", vip_subnet_id=SUBNET)
        assert ret["result"] is False and ret["changes"]
        assert "is in ERROR: /var/log/octavia/octavia-worker.log has: " in ret["comment"]
        again = state("octaviav2.loadbalancer_present", "shop", vip_subnet_id=SUBNET)
        assert (again["result"], again["changes"]) == (False, {})
        assert "octavia-worker.log, here or on the controller" in again["comment"]
        found = machine.salt_call("octavia_check.probe").data
        assert not found["ok"] and "is ERROR: /var/log/octavia/octavia-worker.log has: " in found["line"]
    finally:
        machine.put_pillar(make())
        apply(machine)


# --- the probe: of a noop amphora nobody answers


def test_a_probe_that_nobody_answers_fails_and_leaves_nothing(call, machine):
    found = machine.salt_call("octavia_check.probe").data
    assert (found["ok"], found["left"]) == (False, [])
    assert found["line"].startswith("503 from http://") and "after 3 s it " in found["line"], found
    assert names(call) == [] and found["seconds"] < 120
    states = apply(machine, "octavia.probe", check=False)
    assert fault(states).startswith("503 from http://") and names(call) == []
    assert apply(machine, "octavia.probe", test=True)["octavia_probe"]["result"] is None


def test_a_probe_that_was_killed_is_cleaned_up_by_the_next(call, machine, make):
    machine.put_pillar(make({"probe": {"patience": 100}}))
    run = machine.popen("salt-call --local octavia_check.probe >/dev/null 2>&1")
    deadline = time.monotonic() + 90
    while not names(call):
        assert time.monotonic() < deadline and run.poll() is None, "the moment never came"
    machine.run("pkill -KILL -f '[o]ctavia_check.probe'")
    run.wait()
    assert len(names(call)) == 1
    machine.put_pillar(make())
    found = machine.salt_call("octavia_check.probe").data
    assert found["left"] == [] and names(call) == []


# --- the self-test


def test_a_controller_without_amphorae_is_looked_at_as_far_as_that_goes(machine):
    found = machine.salt_call("--out=json", "octavia_check.health").data
    assert {each["what"] for each in found["findings"]} >= {"controller_ip_port_list", "heartbeat"}


def test_heartbeats_are_those_of_the_database(state, machine, services, database):
    """A noop amphora sends none: one is written as a health manager would."""
    state("octaviav2.loadbalancer_present", "shop", vip_subnet_id=SUBNET)
    [found] = machine.salt_call("octavia_db.heartbeats").data
    assert (found["status"], found["heard"], found["busy"]) == ("ALLOCATED", None, 0)
    assert found["lb_network_ip"] and 0 <= found["made"] < 300
    row = f"('{found['id']}', UTC_TIMESTAMP() - INTERVAL 100 SECOND, 1)"
    services.run(["mysql", "-e", f"INSERT INTO {database}.amphora_health (amphora_id, last_update, busy) VALUES {row}"])
    [found] = machine.salt_call("octavia_db.heartbeats").data
    assert 100 <= found["heard"] < 200 and found["busy"] == 1
