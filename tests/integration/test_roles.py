"""
Each role alone on a machine, with what a controller of real amphorae needs: certificates and keys where they are
used, and nowhere else. The schema is there before, except for the API, which brings it.
"""

import pytest
from control_plane import UNITS, apply, changed, fault, unit_state

OFF = {"manager": {"enabled": False}, "api": {"enabled": False}, "db": {"create": False}}
SECRET_FILES = {
    "/etc/octavia/certs/client.cert-and-key.pem": "octavia:octavia 600",
    "/etc/octavia/certs/client_ca.cert.pem": "octavia:octavia 640",
    "/etc/octavia/certs/server_ca.cert.pem": "octavia:octavia 640",
    "/etc/octavia/certs/server_ca.key.pem": "octavia:octavia 600",
}
SSH_KEY = {"/etc/octavia/.ssh/octavia_ssh_key": "octavia:octavia 600"}


@pytest.fixture(scope="module")
def wanted(pillar, real_amphorae):
    """A pillar with one role of controller2."""
    here = {"api": {"bind": {"address": "10.77.0.12"}}, "manager": {"health_manager": {"bind_ip": "10.77.0.12"}}}

    def make(role, *changes):
        on = {"api": {"enabled": True}} if role == "api" else {"manager": {"enabled": True, "components": [role]}}
        return pillar({"database": {"name": "octavia_roles"}}, real_amphorae, here, OFF, on, *changes)

    return make


@pytest.fixture
def machine(lab, wanted):
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def schema(lab, wanted):
    """A database at head, brought there by the API's machine."""
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    machine.put_pillar(wanted("api", {"db": {"create": True}}))
    states = apply(machine)
    found = placed(machine)
    machine.destroy()
    return states, found


def placed(machine):
    """Certificates and keys on the machine, with owner and mode."""
    out = machine.run("find /etc/octavia/certs /etc/octavia/.ssh -type f -exec stat -c '%n=%U:%G %a' {} +", check=False)
    return dict(line.split("=") for line in out.stdout.splitlines())


def test_the_api_alone_migrates_the_database_and_gets_no_key_of_the_amphorae(schema):
    states, found = schema
    assert states["octavia_db_schema"]["changes"] and states["octavia_api_service"]["changes"]
    assert found == {}


@pytest.mark.parametrize("role", ["worker", "health_manager", "housekeeping"])
def test_a_component_alone_runs_with_its_certificates(machine, schema, wanted, role):
    machine.put_pillar(wanted(role))
    states = apply(machine)
    assert not states["octavia_db_schema"]["changes"]
    running = {
        other for other, unit in UNITS.items() if machine.run(["systemctl", "cat", unit], check=False).returncode == 0
    }
    assert running == {role}
    assert unit_state(machine, UNITS[role]) == ("active", "enabled")
    assert placed(machine) == {**SECRET_FILES, **(SSH_KEY if role == "worker" else {})}
    assert machine.run(["find", "/etc/octavia", "-name", "octavia.conf", "-perm", "/004"]).stdout == ""
    assert changed(apply(machine)) == {}


def test_a_secondary_api_waits_for_the_primary_to_migrate(machine, wanted, schema):
    machine.put_pillar(
        wanted("api", {"api": {"role": "secondary"}, "database": {"name": "octavia_nobody"}, "db": {"create": True}})
    )
    states = apply(machine, check=False)
    assert "octavia.db.offline_sync" in fault(states) and "primary" in fault(states)
    assert unit_state(machine, UNITS["api"])[0] == "inactive"
    machine.put_pillar(wanted("api", {"api": {"role": "secondary"}}))
    apply(machine)
    assert unit_state(machine, UNITS["api"]) == ("active", "enabled")


def test_the_driver_agent_and_the_client_alone(machine, wanted, schema):
    machine.put_pillar(
        wanted("api", {"api": {"enabled": False}, "driver_agent": {"enabled": True}, "client": {"enabled": True}})
    )
    apply(machine)
    assert unit_state(machine, "octavia-driver-agent") == ("active", "enabled")
    assert "loadbalancer list" in machine.run("openstack loadbalancer list --help").stdout
    assert changed(apply(machine)) == {}
