"""
Another heartbeat key, by the real API and worker, with Octavia's noop amphorae: what happens when, and what is left
of it after a run that was killed.
"""

import json
import time

import pytest
from control_plane import UNITS, Api, apply, changed, fault, pids, unit_state

SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
STATE, NOTE = "octavia.manager.heartbeat_key", "/var/lib/salt-formula-octavia/heartbeat.json"
DATABASE = "octavia_heartbeat"
HEALTH = UNITS["health_manager"]
# Seconds without a heartbeat after which an amphora fails over: more than a run takes on a host with much to do.
PATIENCE = 300


@pytest.fixture(scope="module")
def make(pillar):
    """Two amphorae for each load balancer."""
    base = {
        "database": {"name": DATABASE},
        "controller_worker": {"loadbalancer_topology": "ACTIVE_STANDBY"},
        "manager": {"health_manager": {"heartbeat_timeout": PATIENCE}},
    }
    return lambda *changes: pillar(base, *changes)


@pytest.fixture(scope="module")
def machine(lab, make):
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    machine.put_pillar(make())
    apply(machine)
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def say(machine, make):
    def rekey(key):
        keys = {"heartbeat_key": key, "rotate_heartbeat_key": True}
        machine.put_pillar(make({"manager": {"health_manager": keys}}))

    return rekey


@pytest.fixture(scope="module")
def api(machine, services, lab):
    return Api(services, lab.facts)


@pytest.fixture(scope="module")
def load_balancer(api):
    return api.make("loadbalancer", {"name": "lb", "vip_subnet_id": SUBNET})


@pytest.fixture
def heard(services, load_balancer):
    """`heard(seconds)`: the last heartbeat of each amphora is so old; `heard()`: how old the oldest is."""

    def ask(age=None):
        if age is not None:
            now = f"UTC_TIMESTAMP() - INTERVAL {age} SECOND"
            services.run(["mysql", "-e", f"REPLACE INTO {DATABASE}.amphora_health (amphora_id, last_update, busy)"
                          f" SELECT id, {now}, 0 FROM {DATABASE}.amphora WHERE status = 'ALLOCATED'"])  # fmt: skip
        sql = f"SELECT MAX(TIMESTAMPDIFF(SECOND, last_update, UTC_TIMESTAMP())) FROM {DATABASE}.amphora_health"
        return int(services.run(["mysql", "-N", "-e", sql]).stdout)

    return ask


def moment(machine, unit, word):
    """When systemd last said something of a unit."""
    out = machine.run(f"journalctl -b -o short-unix -u {unit} | grep {word} | tail -1 | cut -d' ' -f1")
    return float(out.stdout)


def configured(machine):
    """What the worker was told to configure, a line of its log for each order of the API."""
    log = "/var/log/octavia/octavia-worker.log"
    return machine.run(f"grep -ih 'updat.*agent config' {log}", check=False).stdout.splitlines()


def orders_arrive(machine, number):
    """The API takes an order before the worker has it."""
    deadline = time.monotonic() + 60
    while len(configured(machine)) < number and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(configured(machine)) == number


def active(api, load_balancer):
    return api.call("GET", f"/v2/lbaas/loadbalancers/{load_balancer}")[1]["loadbalancer"]["provisioning_status"]


def test_all_amphorae_get_another_key_while_the_health_manager_is_stopped(machine, say, api, load_balancer, heard):
    say("the-second-heartbeat-key")
    heard(PATIENCE // 2)
    before, orders = pids(machine), configured(machine)
    plan = changed(apply(machine, STATE, test=True))
    assert pids(machine) == before and configured(machine) == orders and not machine.exists(NOTE)
    done = apply(machine, STATE)
    assert changed(done) == plan
    assert plan["octavia_heartbeat_key_paused"]["running"] == {"old": True, "new": False}
    assert "second-heartbeat" not in repr(done)
    assert heard() < PATIENCE // 3
    orders_arrive(machine, len(orders) + 2)
    stopped, started = moment(machine, HEALTH, "Stopped"), moment(machine, HEALTH, "Started")
    written = machine.path("/etc/octavia/octavia.conf").stat().st_mtime
    assert stopped < written < moment(machine, UNITS["worker"], "Started") < started
    assert unit_state(machine, HEALTH) == ("active", "enabled")
    assert machine.run(["stat", "-c", "%a", NOTE]).stdout.strip() == "600"
    assert len(json.loads(machine.read(NOTE))["key"]) == 64
    assert active(api, load_balancer) == "ACTIVE"


def test_the_next_run_changes_nothing(machine, load_balancer):
    before, orders = pids(machine), configured(machine)
    assert changed(apply(machine, STATE)) == {}
    assert changed(apply(machine, STATE, test=True)) == {}
    assert changed(apply(machine)) == {}
    assert pids(machine) == before and configured(machine) == orders


@pytest.mark.slow
def test_with_an_api_that_is_down_the_health_manager_stays_stopped(machine, say, load_balancer):
    say("the-third-heartbeat-key")
    machine.run("systemctl stop octavia-api")
    states = apply(machine, STATE, check=False)
    machine.run("systemctl start octavia-api")
    assert fault(states).startswith("The load-balancing API at http://10.77.0.11:9876 does not answer")
    assert "third-heartbeat" in machine.read("/etc/octavia/octavia.conf")
    assert unit_state(machine, HEALTH) == ("inactive", "disabled")


def test_a_killed_run_is_finished_by_the_next(machine, services, say, api, load_balancer, heard):
    """Killed with one amphora configured, and one that is waited for; then amphorae have been silent for long."""
    say("the-fourth-heartbeat-key")
    orders = configured(machine)
    status = f"UPDATE {DATABASE}.amphora SET status = '%s' WHERE role = 'BACKUP'"
    services.run(["mysql", "-e", status % "BOOTING"])
    run = machine.popen(f"salt-call --local state.apply {STATE} >/dev/null 2>&1")
    deadline = time.monotonic() + 180
    while len(configured(machine)) == len(orders):
        assert time.monotonic() < deadline and run.poll() is None, "the moment never came"
        time.sleep(0.1)
    machine.run("pkill -KILL -f '[s]alt-call'")
    run.wait()
    services.run(["mysql", "-e", status % "ALLOCATED"])
    assert unit_state(machine, HEALTH) == ("inactive", "disabled")
    heard(3600)

    plan = changed(apply(machine, STATE, test=True))
    services = ("octavia_health_manager_service", "octavia_housekeeping_service")
    assert set(plan) == {"octavia_heartbeat_key_spread", *services}
    assert changed(apply(machine, STATE)) == plan
    assert heard() < PATIENCE // 3
    orders_arrive(machine, len(orders) + 3)
    assert unit_state(machine, HEALTH) == ("active", "enabled")
    # past the first looks of the health manager
    time.sleep(7)
    assert active(api, load_balancer) == "ACTIVE"
    assert changed(apply(machine, STATE)) == {}
