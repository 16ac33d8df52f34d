"""
Pillars that cannot lead to a working Octavia: one line that names the key, an exit code, and a host as it was.
"""

import pytest
from control_plane import UNITS, apply, changed, fault, snapshot, unit_state


@pytest.fixture(scope="module")
def machine(lab):
    machine = lab.machine("controller3", debian="12", salt="3008")
    machine.put_formula()
    yield machine
    machine.destroy()


def address(own):
    return {"api": {"bind": {"address": own}}, "manager": {"health_manager": {"bind_ip": own}}}


@pytest.fixture(scope="module")
def wanted(pillar):
    return lambda *changes: pillar({"database": {"name": "octavia_refusals"}}, address("10.77.0.13"), *changes)


BAD = {
    "missing password": ({"database": {"password": None}}, "octavia:database:password: is not set"),
    "wrong type": ({"api": {"bind": {"port": "9876"}}}, "octavia:api:bind:port: is a text, must be a port"),
    "unknown topology": (
        {"controller_worker": {"loadbalancer_topology": "TRIPLE"}},
        "octavia:controller_worker:loadbalancer_topology: is 'TRIPLE', must be one of SINGLE, ACTIVE_STANDBY",
    ),
    "unknown key": (
        {"api": {"bnid": {"port": 9876}}},
        "octavia:api:bnid: is not a key; nearest known: octavia:api:bind",
    ),
    "two roles that disagree": (
        {"api": {"message_queue": {"host": "10.77.0.2"}}, "manager": {"message_queue": {"host": "10.77.0.3"}}},
        "octavia:api:message_queue:host and octavia:manager:message_queue:host differ, and this host has one",
    ),
    "a published secret": (
        {"manager": {"health_manager": {"heartbeat_key": "insecure"}}},
        "octavia:manager:health_manager:heartbeat_key: is a published value",
    ),
    "another release": (
        {"version": "ocata"},
        "octavia:version: is ocata (Octavia 0), but this host is offered Octavia 11",
    ),
    "no database there": (
        {"database": {"host": "10.77.0.12", "port": 3399}},
        "octavia:database:host: no database answers at 10.77.0.12:3399",
    ),
    "shape": ({"database": ["10.77.0.2"]}, "octavia:database: is a list, must be a mapping"),
}


@pytest.mark.parametrize(("change", "line"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("sls", ["octavia"])
def test_a_wrong_pillar_is_one_line_and_leaves_the_host_alone(machine, wanted, change, line, sls):
    # an empty host gets its package lists and the formula's modules, and nothing else
    machine.put_pillar({"octavia": {}})
    apply(machine, "octavia.preflight")
    before = snapshot(machine)
    machine.put_pillar(wanted(change))
    result = machine.salt_call("state.apply", sls, check=False)
    assert result.rc != 0
    states = {state["__id__"]: state for state in result.data.values()}
    assert fault(states).startswith(line) and "\n" not in fault(states)
    assert changed(states) == {}
    assert snapshot(machine) == before


def test_the_first_dry_run_on_a_minion_says_what_to_run_before(lab, wanted):
    machine = lab.machine("controller2", debian="12", salt="3008")
    machine.put_formula()
    machine.put_pillar(wanted())
    states = apply(machine, test=True, check=False)
    assert states["octavia_sync"]["name"].startswith("run first: salt-call saltutil.sync_all")
    assert fault(states) == states["octavia_sync"]["comment"]
    machine.run("salt-call --local saltutil.sync_all")
    plan = apply(machine, test=True)
    assert {"octavia_conf", "octavia_db_schema", *(f"octavia_{role}_service" for role in UNITS)} <= changed(plan).keys()
    assert not machine.exists("/etc/octavia")
    machine.destroy()


def test_a_wrong_database_password_is_found_before_a_service_starts(lab, wanted):
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    here = address("10.77.0.12")
    # the database and its user are there; this controller has the password wrong
    machine.put_pillar(wanted(here))
    apply(machine, "octavia.db.create")
    machine.put_pillar(wanted(here, {"db": {"create": False}, "database": {"password": "not the password"}}))
    states = apply(machine, check=False)
    assert "octavia:database:password" in fault(states) and "\n" not in fault(states)
    assert {unit_state(machine, unit)[0] for unit in UNITS.values()} == {"inactive"}
    assert "not the password" not in repr(states)
    machine.put_pillar(wanted(here))
    apply(machine)
    assert {unit_state(machine, unit)[0] for unit in UNITS.values()} == {"active"}
    machine.destroy()
