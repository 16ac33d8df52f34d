"""
A controller of Debian 12 whose Octavia comes from PyPI: an empty machine gets a release of which Debian 12 has no
packages, and goes from release to release by a link.
"""

import time

import pytest
from control_plane import UNITS, Api, apply, changed, fault, listening, pids, unit_state
from lab import host

# PyPI is asked from within a machine, which needs a network that CI need not have: for `make test-all`.
pytestmark = pytest.mark.slow

NEWEST = "19.0.0"
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
#: The supported way for who stays on Debian 12: next release, or from one SLURP release to the next.
SEQUENCE = ("zed", "2023.1", "2024.1", "2025.1", "2026.1", "2026.2")


class Controller:
    """A machine, its pillar, and the way to PyPI that the host of the lab has."""

    def __init__(self, lab, make, name, *changes):
        self.machine, self.make, self.changes = lab.machine("controller1", debian="12", salt="3008"), make, [*changes]
        self.machine.put_formula()
        self.say({"install_method": "venv", "database": {"name": name}})

    def say(self, change):
        self.changes.append(change)
        self.machine.put_pillar(self.make(*self.changes))

    def apply(self, sls="octavia", test=False, check=True):
        return apply(self.machine, sls, test=test, check=check, env=host.pip_environment())

    def call(self, function, *args):
        return self.machine.salt_call(function, *args, env=host.pip_environment()).data


@pytest.fixture(scope="class")
def controller(lab, pillar):
    controller = Controller(lab, pillar, "octavia_venv")
    yield controller
    controller.machine.destroy()


@pytest.fixture(scope="class")
def plan(controller):
    controller.call("saltutil.sync_all")
    return controller.apply(test=True)


@pytest.fixture(scope="class")
def first_run(controller, plan):
    return controller.apply()


@pytest.fixture(scope="class")
def sequence(lab, pillar):
    """A controller with the first release of the sequence."""
    controller = Controller(lab, pillar, "octavia_sequence", {"version": SEQUENCE[0]})
    controller.apply()
    yield controller
    controller.machine.destroy()


@pytest.fixture(scope="class")
def kept(sequence, services, lab):
    """A load balancer from the first release on."""
    return Api(services, lab.facts).make("loadbalancer", {"name": "kept", "vip_subnet_id": SUBNET})


@pytest.fixture(scope="class")
def switching(lab, pillar):
    """A controller with Debian's packages."""
    controller = Controller(lab, pillar, "octavia_switch", {"version": "zed"})
    controller.say({"install_method": "packages"})
    controller.apply()
    yield controller
    controller.machine.destroy()


def make_and_delete(api, name):
    """A load balancer and what belongs to it, made, ACTIVE, and taken away."""
    lb = api.make("loadbalancer", {"name": name, "vip_subnet_id": SUBNET})
    listener = api.make("listener", {"protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": lb})
    pool = api.make("pool", {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "listener_id": listener})
    api.make(f"pools/{pool}/members", {"address": "10.88.0.10", "protocol_port": 8080})
    api.wait(f"/v2/lbaas/loadbalancers/{lb}", "loadbalancer", "ACTIVE")
    assert api.call("DELETE", f"/v2/lbaas/loadbalancers/{lb}?cascade=true")[0] == 204
    api.wait(f"/v2/lbaas/loadbalancers/{lb}", "loadbalancer", "DELETED")


class TestNewest:
    def test_an_empty_machine_gets_a_release_that_debian_12_does_not_have(self, controller, plan, first_run):
        states = [name for name in first_run if name.endswith("_packages") and first_run[name]["changes"]]
        made = {thing: change for name in states for thing, change in first_run[name]["changes"].items()}
        assert made[f"/opt/octavia/{NEWEST}"] == {"old": None, "new": f"Octavia {NEWEST}"}
        assert made["/opt/octavia/current"] == {"old": None, "new": NEWEST}
        assert controller.call("octavia_release.installed") == NEWEST
        # a dry run on the empty machine had said the same
        planned = {thing for name in states for thing in plan[name]["changes"]}
        assert {thing for thing in made if thing.startswith("/")} <= planned

    def test_services_run_from_it(self, controller, first_run):
        machine = controller.machine
        assert {unit: unit_state(machine, unit) for unit in UNITS.values()} == {
            unit: ("active", "enabled") for unit in UNITS.values()
        }
        # on a loaded host it takes a health manager some seconds to come so far
        deadline = time.monotonic() + 60
        while len(listening(machine)) < 2 and time.monotonic() < deadline:
            time.sleep(1)
        assert listening(machine) == {("tcp", "10.77.0.11:9876"), ("udp", "10.77.0.11:5555")}
        for role, (pid, _restarts) in pids(machine).items():
            where = machine.run(f"tr '\\0' ' ' < /proc/{pid}/cmdline").stdout
            assert "/opt/octavia/" in where or role == "api", where
            assert machine.run(["stat", "-c", "%U", f"/proc/{pid}"]).stdout.strip() == "octavia"
        assert machine.run("dpkg-query -W python3-octavia octavia-common", check=False).returncode

    def test_a_second_run_changes_nothing_and_starts_no_pip(self, controller, first_run):
        before = pids(controller.machine)
        # a way to PyPI that leads nowhere: nobody goes there
        assert changed(apply(controller.machine)) == {}
        assert changed(apply(controller.machine, test=True)) == {}
        assert pids(controller.machine) == before

    def test_a_load_balancer_goes_from_post_to_active_and_away(self, controller, first_run, services, lab):
        make_and_delete(Api(services, lab.facts), "venv")

    def test_a_version_that_pypi_does_not_have_is_one_line(self, controller, first_run):
        line = controller.machine.salt_call("octavia_venv.build", "19.0.99", check=False, env=host.pip_environment())
        assert "octavia:venv:version: Octavia 19.0.99 cannot be put into /opt/octavia/19.0.99: No matching" in (
            line.stdout + line.stderr
        )
        assert controller.call("octavia_venv.versions") == {NEWEST: NEWEST}
        assert not controller.machine.exists("/opt/octavia/19.0.99")

    def test_another_version_than_the_one_in_use_is_refused(self, controller, first_run):
        controller.say({"venv": {"version": "18.0.1"}})
        before = pids(controller.machine)
        assert "octavia:venv:version: is 18.0.1, but this host uses Octavia 19.0.0" in fault(
            controller.apply(check=False)
        )
        assert pids(controller.machine) == before

    def test_everything_is_back_after_a_reboot(self, controller, first_run):
        controller.say({"venv": {"version": NEWEST}})
        controller.machine.reboot()
        assert {unit_state(controller.machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
        assert changed(apply(controller.machine)) == {}


class TestSequence:
    """Each release in its turn, by the phases of an upgrade, and the way back from the last one."""

    def test_the_first_release_serves(self, sequence, kept, services, lab):
        assert sequence.call("octavia_release.installed").startswith("11.")
        make_and_delete(Api(services, lab.facts), "first")
        assert changed(sequence.apply()) == {}

    @pytest.mark.parametrize("release", SEQUENCE[1:])
    def test_the_next_release_takes_over(self, sequence, kept, services, lab, release):
        machine, before = sequence.machine, sequence.call("octavia_venv.current")
        sequence.say({"version": release})
        # any other run waits for the upgrade
        assert f"octavia:version: is {release}" in fault(sequence.apply(check=False))
        running = pids(machine)
        sequence.apply("octavia.upgrade.pre")
        wanted = sequence.call("octavia_venv.wanted")
        assert pids(machine) == running and sequence.call("octavia_venv.current") == before
        assert wanted in sequence.call("octavia_venv.versions").values()
        done = sequence.apply("octavia.upgrade.upgrade")
        assert done["octavia_upgrade_packages"]["changes"] == {"octavia": {"old": before, "new": wanted}}
        assert sequence.call("octavia_release.installed") == wanted
        assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
        assert changed(sequence.apply()) == {}
        api = Api(services, lab.facts)
        path = f"/v2/lbaas/loadbalancers/{kept}"
        assert api.call("PUT", path, {"loadbalancer": {"name": f"kept by {release}"}})[0] == 200
        api.wait(path, "loadbalancer", "ACTIVE")
        make_and_delete(api, release)
        if release != SEQUENCE[-1]:
            sequence.apply("octavia.upgrade.post")

    def test_the_way_back_is_the_old_one(self, sequence, kept, services, lab):
        """From the last one to the one before it, with the database of before."""
        sequence.apply("octavia.upgrade.restore")
        assert sequence.call("octavia_venv.current") == sequence.call("octavia_release.installed") == "18.0.1"
        assert set(sequence.call("octavia_venv.versions")) >= {NEWEST, "18.0.1", "11.0.3"}
        sequence.say({"version": SEQUENCE[-2]})
        sequence.apply()
        path = f"/v2/lbaas/loadbalancers/{kept}"
        assert Api(services, lab.facts).call("GET", path)[1]["loadbalancer"]["provisioning_status"] == "ACTIVE"


class TestSwitch:
    """A host with packages, which goes on with a virtualenv of the same release, and back."""

    @pytest.mark.parametrize(("method", "version"), [("venv", "11.0.3"), ("packages", "11.0.0")])
    def test_the_services_change_over_in_one_run(self, switching, services, lab, method, version):
        machine, before = switching.machine, pids(switching.machine)
        switching.say({"install_method": method})
        plan = changed(switching.apply(test=True))
        done = changed(switching.apply())
        assert {f"octavia_{role}_service" for role in UNITS} <= set(plan) & set(done)
        assert switching.call("octavia_release.installed") == version
        after = pids(machine)
        assert all(after[role][0] != before[role][0] for role in UNITS)
        worker = machine.run(f"tr '\\0' ' ' < /proc/{after['worker'][0]}/cmdline").stdout
        assert ("/opt/octavia/" in worker) is (method == "venv")
        assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
        assert changed(switching.apply()) == {}
        make_and_delete(Api(services, lab.facts), method)
