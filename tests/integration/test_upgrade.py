"""
The phases of an upgrade on one controller: Debian 13 with Octavia 16.0.0, and the packages of the next Debian.
"""

import json
import re
import time

import pytest
from control_plane import UNITS, Api, apply, changed, fault, pids, unit_state
from lab import trees

OLD, NEW = "16.0.0", "19.0.0"
PHASES = (
    "octavia.upgrade.upgrade.pre",
    "octavia.upgrade.service_stopped",
    "octavia.upgrade.pkg_latest",
    "octavia.upgrade.render_config",
    "octavia.db.offline_sync",
    "octavia.upgrade.service_running",
    "octavia.upgrade.upgrade.post",
)
SUBNET = "3f7e0a52-63a5-4a44-9d15-6d2d1f8b5a7e"


@pytest.fixture(scope="module")
def controller(lab, pillar):
    """All roles on Debian 13, before the next Debian's archive is known to it."""
    machine = lab.machine("controller1", debian=13, tree="next-13")
    machine.put_formula()
    machine.put_pillar(pillar(CHANGE))
    apply(machine)
    yield machine
    machine.destroy()


#: A database of its own, and a hop that OpenStack does not support.
CHANGE = {
    "database": {"name": "octavia_upgrade"},
    "api": {"healthcheck": {"refresh_interval": 1}},
    "upgrade": {"allow_hop": True, "drain": {"seconds": 2}},
}


@pytest.fixture
def say(controller, pillar):
    """``say(change)``: the pillar with a change for the time of a test."""
    yield lambda change: controller.put_pillar(pillar(CHANGE, change))
    controller.put_pillar(pillar(CHANGE))


@pytest.fixture(scope="module")
def api(controller, services, lab):
    return Api(services, lab.facts)


@pytest.fixture(scope="module")
def load_balancer(api):
    """One that was made by the older Octavia."""
    return api.make("loadbalancer", {"name": "before", "vip_subnet_id": SUBNET})


@pytest.fixture(scope="module")
def offered(controller, load_balancer):
    """From now on the archive has a newer Octavia."""
    controller.write("/etc/apt/sources.list.d/next.list", trees.NEXT_SOURCE)


@pytest.fixture
def on_the_old_one(controller, offered):
    """The older Octavia is there, by the way back where another test has upgraded it, and `pre` was applied."""
    if installed(controller) != OLD:
        apply(controller, "octavia.upgrade.restore")
    assert installed(controller) == OLD
    apply(controller, "octavia.upgrade.pre")


def state(machine):
    """Packages, and what is in /etc: the services go on writing their logs."""
    return machine.run("dpkg-query -W; find /etc -xdev -type f -exec md5sum {} +").stdout


def installed(machine):
    return machine.salt_call("octavia_release.installed").data


def sql(services, statement):
    return services.run(["mariadb", "octavia_upgrade", "-BNe", statement]).stdout


def is_usable(api, balancer):
    """One from before can be read and changed."""
    path = f"/v2/lbaas/loadbalancers/{balancer}"
    assert api.call("GET", path)[1]["loadbalancer"]["provisioning_status"] == "ACTIVE"
    assert api.call("PUT", path, {"loadbalancer": {"description": f"{time.time()}"}})[0] == 200
    api.wait(path, "loadbalancer", "ACTIVE")


def all_run(machine):
    return {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}


def no_unit_is_masked(machine):
    return "masked" not in machine.run("systemctl list-unit-files 'octavia-*' --no-legend").stdout


# --- pre


def test_without_a_newer_one_nothing_is_to_be_done(controller, load_balancer):
    # the tool that dumps the database comes along
    assert set(changed(apply(controller, "octavia.upgrade.pre"))) == {"octavia_upgrade_pre_packages"}
    states = apply(controller, "octavia.upgrade.pre")
    assert changed(states) == {} and f"{OLD} is the newest there is" in states["octavia_upgrade_pre"]["comment"]
    assert changed(apply(controller, "octavia.upgrade.post")) == {}


STOPS = {
    "a hop that OpenStack does not support": (
        {"upgrade": {"allow_hop": False}},
        f"stop  hop{{}}{OLD} to {NEW}: OpenStack supports the next release, or SLURP to SLURP",
    ),
    "another release than the pillar means": (
        {"version": "2026.1"},
        "octavia:version: is 2026.1 (Octavia 18), but this host has Octavia 16.0.0 (2025.1)",
    ),
    "an option that the new one refuses": (
        {"config": {"DEFAULT": {"octavia_plugins": "hot_plug_plugin"}}},
        "octavia:config:DEFAULT:octavia_plugins: DEFAULT/octavia_plugins is gone since Octavia 19",
    ),
}


@pytest.mark.parametrize(("change", "line"), STOPS.values(), ids=STOPS)
def test_what_must_not_be_upgraded_is_said_and_nothing_is_touched(controller, offered, say, change, line):
    apply(controller, "octavia.upgrade.post")
    before, running = state(controller), pids(controller)
    say(change)
    said = fault(apply(controller, "octavia.upgrade.pre", check=False))
    words = line.split("{}")
    assert all(word in said for word in words), said
    assert (state(controller), pids(controller)) == (before, running)


def test_rolling_is_refused_where_nobody_has_proved_it(controller, offered, say):
    path = "/srv/salt/octavia/releasemap.yaml"
    releases = controller.read(path)
    controller.write(path, re.sub(r" rolling: \[[^]]*\],", "", releases))
    try:
        say({"upgrade": {"mode": "rolling"}})
        said = fault(apply(controller, "octavia.upgrade.pre", check=False))
        assert "octavia:upgrade:mode: rolling is not proved from Octavia 16 to 19" in said
    finally:
        controller.write(path, releases)


def test_a_load_balancer_in_hand_stops_it(controller, services, offered, load_balancer):
    since = "updated_at = UTC_TIMESTAMP() - INTERVAL 1 HOUR"
    stuck = f"UPDATE load_balancer SET provisioning_status = '{{}}', {since} WHERE id = '{load_balancer}'"
    sql(services, stuck.format("PENDING_UPDATE"))
    try:
        said = fault(apply(controller, "octavia.upgrade.pre", check=False))
        [line] = [line for line in said.splitlines() if line.startswith("stop")]
        assert f"{load_balancer} (before) is PENDING_UPDATE" in line
    finally:
        sql(services, stuck.format("ACTIVE"))


def test_a_package_that_cannot_be_had_is_said_in_one_line(controller, offered):
    apply(controller, "octavia.upgrade.post")
    archive = trees.NEXT_DIRECTORY
    controller.run(f"mv {archive} {archive}.away && mkdir {archive} && cp {archive}.away/Packages {archive}")
    controller.run("rm -f /var/cache/apt/archives/*19.0.0*.deb")
    try:
        said = fault(apply(controller, "octavia.upgrade.pre", check=False))
        assert said.startswith("apt-get install: ") and "\n" not in said
    finally:
        controller.run(f"rm -r {archive} && mv {archive}.away {archive}")


def test_pre_saves_what_the_way_back_needs_and_touches_nothing(controller, offered):
    apply(controller, "octavia.upgrade.post")
    running = pids(controller)
    planned = apply(controller, "octavia.upgrade.pre", test=True)
    assert planned["octavia_upgrade_pre"]["result"] is None
    done = apply(controller, "octavia.upgrade.pre")
    assert changed(done) == changed(planned)
    table = done["octavia_upgrade_pre"]["comment"]
    assert "warn  hop" in table and f"octavia-worker {NEW}-" in json.dumps(changed(done))
    assert pids(controller) == running
    assert changed(apply(controller, "octavia.upgrade.pre")) == {}
    saved = controller.run("find /var/lib/salt-formula-octavia/upgrade -type f -printf '%m %f\\n'").stdout.split("\n")
    assert sum(name.endswith(".deb") for name in saved) == 9
    assert controller.run("stat -c %a /var/lib/salt-formula-octavia/upgrade").stdout.strip() == "700"


# --- the phases, and the way back


def test_each_phase_does_its_part_and_the_way_back_undoes_it(controller, on_the_old_one, api, load_balancer):
    assert api.call("GET", "/healthcheck", token=False)[0] == 200
    for phase in PHASES:
        planned, begin = apply(controller, phase, test=True), time.monotonic()
        done = apply(controller, phase)
        print(f"{phase}: {time.monotonic() - begin:.1f} s")
        assert changed(done) == changed(planned), phase
        assert changed(apply(controller, phase)) == {}, phase
        if phase.endswith("upgrade.pre"):
            time.sleep(1.5)
            assert api.call("GET", "/healthcheck", token=False)[0] == 503
        if phase.endswith("pkg_latest"):
            assert installed(controller) == NEW
            assert {unit_state(controller, unit)[0] for unit in UNITS.values()} == {"inactive"}
    assert all_run(controller) and no_unit_is_masked(controller)
    assert api.call("GET", "/healthcheck", token=False)[0] == 200
    is_usable(api, load_balancer)
    verified = apply(controller, "octavia.upgrade.verify")
    assert "create, read, update, delete" in verified["octavia_upgrade_verified"]["comment"]
    # what the phases have done is what the formula wants
    assert changed(apply(controller)) == {}

    planned = apply(controller, "octavia.upgrade.restore", test=True)
    back = apply(controller, "octavia.upgrade.restore")
    assert changed(back) == changed(planned)
    assert installed(controller) == OLD and all_run(controller)
    is_usable(api, load_balancer)
    assert changed(apply(controller, "octavia.upgrade.restore")) == {}
    assert changed(apply(controller)) == {}


#: When to kill: as soon as this is true on the machine.
MOMENTS = {
    "draining": "test -e /etc/octavia/healthcheck_disable",
    "stopping": "! systemctl is-active --quiet octavia-housekeeping",
    "unpacking": "dpkg-query -W -f '${Version}' python3-octavia | grep -q ^19",
    "rendering": "grep -q octavia.wsgi.api /etc/octavia/octavia-api-uwsgi-salt.ini",
    "starting": "systemctl is-active --quiet octavia-worker && test -e /usr/share/doc/octavia-common && "
    "dpkg-query -W -f '${Version}' octavia-worker | grep -q ^19",
}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=name, marks=() if name == "unpacking" else pytest.mark.slow)
        for name, moment in MOMENTS.items()
    ],
)
def test_a_killed_upgrade_is_finished_by_the_next(controller, on_the_old_one, api, load_balancer, moment):
    run = controller.popen("salt-call --local state.apply octavia.upgrade.upgrade >/dev/null 2>&1")
    deadline = time.monotonic() + 300
    while controller.run(moment, check=False).returncode:
        assert time.monotonic() < deadline and run.poll() is None, "the moment never came"
        time.sleep(0.05)
    controller.run("pkill -KILL -f '[s]alt-call'", check=False)
    run.wait()
    apply(controller, "octavia.upgrade.upgrade")
    assert installed(controller) == NEW and all_run(controller) and no_unit_is_masked(controller)
    assert controller.run("dpkg --audit").stdout == ""
    assert changed(apply(controller, "octavia.upgrade.upgrade")) == {}
    apply(controller, "octavia.upgrade.verify")
    is_usable(api, load_balancer)


def test_in_the_end_nothing_is_left_of_it(controller, on_the_old_one, api, load_balancer):
    # verify of a host that still has to be upgraded, and one whose service is off
    apply(controller, "octavia.upgrade.upgrade")
    controller.run("systemctl stop octavia-housekeeping")
    said = fault(apply(controller, "octavia.upgrade.verify", check=False))
    assert "octavia-housekeeping is not running" in said
    apply(controller, "octavia.upgrade.service_running")
    planned = apply(controller, "octavia.upgrade.post", test=True)
    assert changed(apply(controller, "octavia.upgrade.post")) == changed(planned) != {}
    assert not controller.exists("/var/lib/salt-formula-octavia/upgrade")
    apply(controller, "octavia.upgrade.verify")
    # all of it in one run, as kitchen.yml has it
    everything = ("octavia", *(f"octavia.upgrade.{phase}" for phase in ("pre", "upgrade", "post", "verify")))
    assert changed(apply(controller, ",".join(everything))) == {}
    assert "Nothing is saved here" in fault(apply(controller, "octavia.upgrade.restore", check=False))
    path = f"/v2/lbaas/loadbalancers/{load_balancer}"
    assert api.call("DELETE", path)[0] == 204
    api.wait(path, "loadbalancer", "DELETED")
