"""The phases of an upgrade: alone, again, in a dry run, after a run that was killed, and the way back."""

import os

import pytest
from formula import changed, pillar, shared
from salt.exceptions import CommandExecutionError
from upgrading import NEW, OCTAVIA, OLD, WORKER, Controller, Killed

ON, OFF = {"old": False, "new": True}, {"old": True, "new": False}
UP, DOWN = {"running": ON, "enabled": ON}, {"running": OFF, "enabled": OFF}
API, HEALTH, HOUSE = "octavia-api", "octavia-health-manager", "octavia-housekeeping"
UNITS = sorted((API, WORKER, HEALTH, HOUSE))
AGENT = "octavia-driver-agent"
OUT, BACK = {"API": {"old": "serves", "new": "taken out"}}, {"API": {"old": "taken out", "new": "serves"}}
ALL = ("drained", "stopped", "latest", "render", "started", "returned")
PACKAGES = {
    **{name: {"old": OLD, "new": NEW} for name in (*OCTAVIA, "python3-octavia")},
    "python3-cotyledon": {"old": "1.7.3-5", "new": "2.1.0-3"},
    "python3-new": {"old": None, "new": "1.0-1"},
}
SECRET = "pw-of"


@pytest.fixture
def host(tmp_path, monkeypatch):
    # hundreds of notes, of which no power failure is to keep one
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    (tmp_path / "host").mkdir()
    host = Controller(tmp_path / "host", changed(shared(), **{"upgrade:allow_hop": True}))
    host.run_all_services()
    # the dearest looks, with tests of their own
    host.upgrade.checked = host.upgrade.configuration = lambda *args: []
    return host


def _both(host, name, result=True):
    """A dry run, which changes nothing, and a real one, which must agree; then a second one, which finds it done."""
    before = dict(host.apt.installed), host.running(), host.hop.note(), host.drain.is_out()
    dry = host.phase(name, test=True)
    assert (host.apt.installed, host.running(), host.hop.note(), host.drain.is_out()) == before
    assert host.systemd.orders == []
    assert host.masked() == []
    real = host.phase(name)
    assert real["result"] is result
    assert dry["changes"] == real["changes"]
    assert dry["result"] is (None if real["changes"] else True)
    again = host.phase(name)
    assert (again["result"], again["changes"]) == (True, {}), "the second run"
    assert host.masked() == []
    assert SECRET not in str((dry, real, again))
    return real


# --- pre


def test_a_host_is_prepared_and_its_services_are_not_touched(host):
    ret = _both(host, "ready")
    assert ret["changes"] == {
        f"{name} {each['new']}": {"old": None, "new": "downloaded"} for name, each in PACKAGES.items()
    }
    assert "warn  hop" in ret["comment"]
    assert host.hop.note()["packages"][WORKER] == OLD
    assert host.running() == UNITS
    assert host.systemd.orders == []


def test_a_dry_run_refreshes_nothing(host):
    host.phase("ready", test=True)
    host.refresh_db.assert_not_called()


def test_a_source_that_is_new_since_the_last_refresh_counts(host):
    offered, host.apt.offered = host.apt.offered, dict(host.apt.installed)
    host.hop.facts()
    host.refresh_db.side_effect = lambda: host.apt.offered.update(offered)
    state = host.state("octavia_upgrade")
    assert f"octavia-worker {NEW}" in state.ready("any name")["changes"]


def test_a_finding_that_stops_is_a_failure_and_nothing_is_prepared(host):
    host.database["unsettled"].return_value = [{"id": "a", "name": "b", "status": "PENDING_UPDATE", "seconds": 99}]
    for test in (True, False):
        ret = host.phase("ready", test=test)
        assert (ret["result"], ret["changes"]) == (False, {})
        assert ret["comment"].splitlines()[0].startswith("stop  load balancers  a (b) is PENDING_UPDATE for 99 s")
    assert host.hop.note() == {}


def test_a_warning_lets_it_pass(host):
    host.database["unsettled"].return_value = [{"id": "a", "name": "b", "status": "ERROR", "seconds": 9}]
    assert host.phase("ready")["result"] is True


def test_packages_that_cannot_be_saved_are_told(host):
    host.apt.lost.add(OLD)
    ret = host.phase("ready")
    assert ret["result"] is True
    assert "warn  way back" in ret["comment"]
    assert f"octavia-worker {OLD} cannot be downloaded any more" in ret["comment"]


def test_a_download_that_fails_is_one_line(host, monkeypatch):
    apt = host.apt.apt
    failed = {"retcode": 100, "stdout": "", "stderr": "E: Failed to fetch http://deb.example.org/x.deb  404\nE: more\n"}
    monkeypatch.setattr(
        host.apt, "apt", lambda verb, words, cwd: failed if "--download-only" in words else apt(verb, words, cwd)
    )
    ret = host.phase("ready")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "apt-get install: Failed to fetch http://deb.example.org/x.deb  404"


# --- the API out and back


def test_the_api_is_taken_out_and_put_back(host):
    assert _both(host, "drained")["changes"] == OUT
    assert host.drain.is_out()
    assert _both(host, "returned")["changes"] == BACK
    assert not host.drain.is_out()


def test_clients_of_an_api_without_a_way_out_are_told(host):
    host.tree["octavia"]["api"]["healthcheck"]["enabled"] = False
    ret = host.phase("drained")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"].endswith("is set: clients notice when the API stops")


def test_an_api_that_does_not_run_is_not_waited_for(host, monkeypatch):
    host.tree["octavia"]["upgrade"]["drain"]["seconds"] = 30
    seen = []
    host.salt["octavia_drain.out"] = lambda seconds, saltenv: seen.append(seconds) or 0
    host.phase("drained")
    host.systemd.units[API]["ActiveState"] = "inactive"
    host.phase("drained")
    assert seen == [30, 0]


def test_sessions_that_do_not_end_are_told(host):
    host.salt["octavia_drain.out"] = lambda seconds, saltenv: 3
    ret = host.phase("drained")
    assert ret["comment"] == "The API is out of its load balancer; HAProxy has 3 sessions with it after 0 s"


@pytest.mark.parametrize("name", ["drained", "returned"])
def test_a_load_balancer_that_does_not_answer_is_one_line(host, name):
    host.tree["octavia"]["upgrade"]["drain"]["haproxy"] = {"socket": "/none", "backend": "b", "server": "s"}
    ret = host.phase(name)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "octavia:upgrade:drain:haproxy:socket: /none: No such file or directory"


def test_an_api_that_does_not_answer_stays_out(host):
    host.phase("drained")
    host.drain.wait_for_api.side_effect = CommandExecutionError("The API does not answer")
    ret = host.phase("returned")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "The API does not answer")
    assert host.drain.is_out()


def test_amphorae_that_stay_silent_are_a_failure_but_the_api_serves(host):
    host.phase("drained")
    host.salt["octavia_drain.wait_for_heartbeats"] = lambda seconds, saltenv: ["amphora a was not heard of for 90 s"]
    ret = host.phase("returned")
    assert (ret["result"], ret["changes"]) == (False, BACK)
    assert ret["comment"] == "amphora a was not heard of for 90 s"
    assert not host.drain.is_out()


# --- services


def test_services_stop_in_order_and_start_in_the_reverse_one(host):
    assert _both(host, "stopped")["changes"] == dict.fromkeys(UNITS, DOWN)
    stopped = [order.split()[-1] for order in host.systemd.orders if order.startswith("disable")]
    assert stopped == [HOUSE, HEALTH, API, WORKER]
    assert host.running() == []
    host.systemd.orders.clear()
    assert _both(host, "started")["changes"] == dict.fromkeys(UNITS, UP)
    started = [order.split()[-1] for order in host.systemd.orders if order.startswith("restart")]
    assert started == [WORKER, API, HEALTH, HOUSE]
    assert host.running() == UNITS


def test_the_api_of_a_host_that_serves_alone_comes_first_and_is_back_before_the_others_start(host):
    host.tree["octavia"]["upgrade"]["alone"] = True
    for name in ("drained", "stopped"):
        host.phase(name)
    host.systemd.orders.clear()
    running, out = [], host.drain.is_out
    host.drain.wait_for_api.side_effect = lambda *args, **kwargs: running.append((host.running(), out()))
    planned = host.phases("started", "returned", test=True)
    assert running == [] and out()
    done = host.phases("started", "returned")
    assert {name: ret["changes"] for name, ret in planned.items()} == {
        name: ret["changes"] for name, ret in done.items()
    }
    assert done["returned"]["changes"] == {"API": {"old": "taken out", "new": "serves"}}
    assert running[0] == ([API], True) and not out()
    assert [order.split()[-1] for order in host.systemd.orders if order.startswith("restart")] == [
        API, WORKER, HEALTH, HOUSE,
    ]  # fmt: skip
    # where it does not answer nothing else starts
    host.phase("stopped")
    host.drain.wait_for_api.side_effect = CommandExecutionError("The API does not answer")
    ret = host.phase("started")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {API: UP}, "The API does not answer")
    assert host.running() == [API]


def test_a_service_that_does_not_stop_ends_the_phase(host):
    host.systemd.refuses.add("disable")
    ret = host.phase("stopped")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"systemctl disable --now {HOUSE} failed: Job failed."
    assert host.running() == UNITS
    host.systemd.refuses.clear()
    assert host.phase("stopped")["changes"] == dict.fromkeys(UNITS, DOWN)


def test_a_note_that_cannot_be_written_stops_nothing(host):
    (host.root / "lib").write_text("a file in its place")
    ret = host.phase("stopped")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "\n" not in ret["comment"]
    assert host.running() == UNITS


def test_amphorae_get_their_time_before_a_health_manager_starts(host):
    host.phase("stopped")
    host.database["refresh_heartbeats"].assert_not_called()
    host.database["refresh_heartbeats"].side_effect = lambda **kwargs: host.running() == [] or pytest.fail("too late")
    host.phase("started", test=True)
    host.database["refresh_heartbeats"].assert_not_called()
    host.phase("started")
    host.database["refresh_heartbeats"].assert_called_once_with(saltenv="base")
    host.phase("started")
    host.database["refresh_heartbeats"].assert_called_once()


def test_no_service_starts_on_a_schema_that_is_behind(host):
    host.phase("stopped")
    host.due.return_value = True
    host.database["schema"].return_value = {"current": None, "head": "b2", "empty": True}
    ret = host.phase("started")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == (
        "The database schema is at no revision, Octavia here wants b2: apply octavia.db.offline_sync first"
    )
    assert host.running() == []


def test_a_service_that_does_not_start_is_one_line_and_those_before_it_are_told(host, monkeypatch):
    host.phase("stopped")
    start = host.service.start

    def starts(unit):
        if unit == HEALTH:
            raise CommandExecutionError(f"systemctl restart {unit} failed: no such option")
        start(unit)

    monkeypatch.setattr(host.service, "start", starts)
    ret = host.phase("started")
    assert ret["result"] is False
    assert ret["comment"] == f"systemctl restart {HEALTH} failed: no such option"
    assert ret["changes"] == {WORKER: UP, API: UP}


def test_the_drop_ins_are_those_of_the_roles(host):
    for role in ("worker", "health_manager"):
        os.unlink(host.service.drop_in(host.pillar.settings()["units"][role])[0])
    changes = _both(host, "units")["changes"]
    assert sorted(changes) == [HEALTH, WORKER]


# --- packages


def test_packages_come_while_units_are_masked(host):
    seen, install = [], host.apt.install
    host.apt.install = lambda packages: seen.append(host.masked()) or install(packages)
    host.phase("stopped")
    host.systemd.orders.clear()
    ret = _both(host, "latest")
    assert ret["changes"] == dict(sorted(PACKAGES.items()))
    assert ret["comment"] == "Octavia 16.0.0 is 19.0.0 now"
    assert {tuple(units) for units in seen} == {tuple(sorted((*UNITS, AGENT)))}
    assert host.masked() == []
    assert host.running() == []
    assert host.hop.note()["packages"][WORKER] == OLD, "also without octavia.upgrade.pre"


def test_packages_are_the_ones_that_were_announced(host):
    seen = []
    install = host._install
    host.states["pkg.installed"] = lambda name, pkgs, **kwargs: seen.append((pkgs, kwargs)) or install(name, pkgs)
    host.phase("latest")
    [(pkgs, kwargs)] = seen
    assert {WORKER: NEW} in pkgs
    assert kwargs == {"refresh": False, "install_recommends": False}


def test_packages_that_pkg_installed_does_not_bring_are_a_failure(host):
    done = {"name": "x", "result": False, "changes": {}, "comment": "The following package(s) failed"}

    def half(name, pkgs, **kwargs):
        host.apt.install({"octavia-common": NEW})
        return done

    host.states["pkg.installed"] = half
    ret = host.phase("latest")
    assert (ret["result"], ret["comment"]) == (False, "The following package(s) failed")
    assert ret["changes"] == {"octavia-common": {"old": OLD, "new": NEW}}
    assert host.masked() == []


def test_a_package_manager_that_fails_is_one_line(host):
    comment = (
        "Problem encountered installing package(s). Additional info follows:\n\nchanges:\n    ----------\nerrors:\n"
        "    - Running scope as unit: run-r1.scope\n      E: Sub-process exit 1 returned an error code (1)"
    )
    host.states["pkg.installed"] = lambda name, **kwargs: {"result": False, "changes": {}, "comment": comment}
    assert host.phase("latest")["comment"] == "Sub-process exit 1 returned an error code (1)"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_units_are_unmasked_whatever_the_installation_raises(host, error):
    def raises(*args, **kwargs):
        assert host.masked() == sorted((*UNITS, AGENT))
        raise error

    host.states["pkg.installed"] = raises
    with pytest.raises(error):
        host.phase("latest")
    assert host.masked() == []


def test_an_error_of_salt_is_one_line_and_units_are_unmasked(host):
    def raises(*args, **kwargs):
        raise CommandExecutionError("no package source answers")

    host.states["pkg.installed"] = raises
    ret = host.phase("latest")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no package source answers")
    assert host.masked() == []


def test_a_systemd_that_does_not_mask_installs_nothing(host):
    answer = host._answer

    def refuses(command, **kwargs):
        if command[:2] == ["systemctl", "mask"]:
            return {"retcode": 1, "stdout": "", "stderr": "Access denied\n"}
        return answer(command, **kwargs)

    host.run_all.side_effect = refuses
    ret = host.phase("latest")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"systemctl mask {API} {WORKER} {HEALTH} {HOUSE} {AGENT}: Access denied"
    assert host.apt.installed[WORKER] == OLD


def test_where_nothing_is_newer_nothing_is_masked(host):
    host.apt.offered.update(host.apt.installed)
    ret = _both(host, "latest")
    assert (ret["changes"], ret["comment"]) == ({}, "Octavia 16.0.0 is the newest there is")
    assert host.hop.note() == {}


def test_masks_of_a_killed_run_go_also_where_nothing_is_newer(host):
    host.apt.offered.update(host.apt.installed)
    host.pkg.hold(UNITS)
    host.phase("latest", test=True)
    assert host.masked() == UNITS
    assert host.phase("latest")["changes"] == {}
    assert host.masked() == []


# --- the whole of it


def test_a_dry_run_of_all_phases_announces_what_they_do(host):
    dry = host.phases("ready", *ALL, test=True)
    assert host.running() == UNITS
    real = host.phases("ready", *ALL)
    assert {name: ret["changes"] for name, ret in dry.items()} == {name: ret["changes"] for name, ret in real.items()}
    assert all(ret["result"] is True for ret in real.values())
    assert [name for name, ret in real.items() if ret["changes"]] == [
        "ready", "drained", "stopped", "latest", "started", "returned",
    ]  # fmt: skip


def test_all_phases_are_repeated_without_a_service_older_than_its_octavia(host):
    host.phases("ready", *ALL)
    again = host.phases("ready", *ALL)
    assert again["latest"]["changes"] == {}
    assert host.running() == UNITS
    assert host.apt.installed[WORKER] == NEW


def _killed_at_each_step(host, names, before=lambda: None):
    """Have some phases killed at their first step, at their second one, and so on; the number of each."""
    rewind = host.snapshot()
    for step in range(400):
        rewind()
        before()
        host.kill_at(step)
        try:
            host.phases(*names)
        except Killed:
            host.kill_at(None)
            yield step
        else:
            host.kill_at(None)
            assert step > 20, "a run has many steps"
            return


def _is(host):
    """What must be the same however one got there."""
    return dict(host.apt.installed), host.running(), host.masked(), host.drain.is_out()


def test_a_run_that_was_killed_anywhere_is_finished_by_the_next_one(host):
    wanted = None
    for step in _killed_at_each_step(host, ("ready", *ALL)):
        found = host.phases("ready", *ALL)
        assert all(ret["result"] is True for ret in found.values()), (step, found)
        wanted = wanted or _is(host)
        assert _is(host) == wanted, step
        assert wanted[0][WORKER] == NEW
        assert wanted[1:] == (UNITS, [], False)
        assert host.hop.note()["packages"][WORKER] == OLD, step
        assert host.phase("cleaned")["result"] is True, step
        assert host.hop.note() == {}, step


def test_a_run_that_was_killed_anywhere_is_taken_back(host):
    before = _is(host)
    for step in _killed_at_each_step(host, ("ready", *ALL)):
        if not host.hop.note().get("packages"):
            assert _is(host) == before, "nothing has happened yet"
            continue
        ret = host.phase("restored")
        assert ret["result"] is True, (step, ret)
        host.apt.installed.pop("python3-new", None)
        assert _is(host) == before, step
        assert host.phase("restored")["changes"] == {}, step


def test_a_way_back_that_was_killed_anywhere_is_finished_by_the_next_one(host):
    before = _is(host)
    host.phases("ready", *ALL)
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    for step in _killed_at_each_step(host, ("restored",), host.migrates):
        ret = host.phase("restored")
        assert ret["result"] is True, (step, ret)
        host.apt.installed.pop("python3-new", None)
        assert _is(host) == before, step
        assert not host.backup["migrated"](), step
        assert "of the upgrade" not in host.conf_file.read_text(), step
        assert host.phase("restored")["changes"] == {}, step


# --- the end


def test_after_the_end_nothing_is_left(host):
    host.phases("ready", *ALL)
    host.systemd.orders.clear()
    host.backup["done"].reset_mock()
    ret = _both(host, "cleaned")
    assert ret["changes"] == {str(host.root / "lib/upgrade"): {"old": "saved for the way back", "new": None}}
    assert not (host.root / "lib/upgrade").exists()
    host.backup["done"].assert_called_once_with(saltenv="base")


def test_where_no_upgrade_was_nothing_is_cleaned(host):
    ret = _both(host, "cleaned")
    assert (ret["changes"], ret["comment"]) == ({}, "Nothing is left of an upgrade")
    host.backup["done"].assert_not_called()


def test_what_was_only_prepared_may_go(host):
    host.phase("ready")
    assert host.phase("cleaned")["result"] is True
    assert host.hop.note() == {}


@pytest.mark.parametrize("test", [True, False])
def test_the_way_back_stays_while_the_upgrade_is_not_at_its_end(host, test):
    host.phases("ready", "drained", "stopped")
    ret = host.phase("cleaned", test=test)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == (
        "The upgrade to 19.0.0 did not come to its end, this host has 16.0.0: "
        "apply the phases again, or octavia.upgrade.restore"
    )
    assert host.hop.note()


def test_the_way_back_stays_while_services_are_down(host):
    host.phases("ready", "stopped", "latest")
    ret = host.phase("cleaned")
    assert ret["result"] is False
    assert f"{API}, {WORKER}" in ret["comment"]
    assert host.hop.note()


def test_the_way_back_stays_while_the_migration_is_not_complete(host):
    host.phases("ready", *ALL)
    host.backup["done"].return_value = False
    ret = host.phase("cleaned")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == (
        "The migration of the database is not complete: apply octavia.db.offline_sync, or octavia.upgrade.restore"
    )
    assert host.hop.note()


def test_a_database_that_does_not_answer_at_the_end_is_one_line(host):
    host.phases("ready", *ALL)
    host.backup["done"].side_effect = CommandExecutionError("Can't connect (2003)")
    ret = host.phase("cleaned")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "Can't connect (2003)")


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("level", ["ok", "warn", "stop"])
def test_verify_fails_where_something_stops(host, monkeypatch, level, test):
    seen = []
    found = [{"what": "API", "level": level, "line": "create"}]
    monkeypatch.setattr(host.upgrade, "after", lambda test, saltenv: seen.append(test) or found)
    ret = host.phase("verified", test=test)
    assert ret == {
        "name": "any name", "result": level != "stop", "changes": {}, "comment": f"{level:4}  API  create",
    }  # fmt: skip
    assert seen == [test]


# --- the way back


def test_before_the_migration_all_is_as_it_was(host):
    host.phases("ready", *ALL)
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    host.systemd.orders.clear()
    ret = _both(host, "restored")
    assert ret["changes"] == {
        **{name: {"old": each["new"], "new": each["old"]} for name, each in PACKAGES.items() if each["old"]},
        str(host.conf_file): {"old": "of the upgrade", "new": "of before"},
    }
    assert ret["comment"] == "This host is as it was before again"
    assert host.running() == UNITS
    assert host.release.installed() == "16.0.0"
    assert "began" not in host.hop.note()
    host.backup["restore"].assert_not_called()


def test_after_the_migration_the_dump_comes_back_which_loses_something(host):
    host.phases("ready", *ALL)
    host.migrates("/dumps/before.sql.gz")
    seen, restore = [], host.backup["restore"].side_effect
    host.backup["restore"].side_effect = lambda **kwargs: seen.append(host.running()) or restore(**kwargs)
    host.systemd.orders.clear()
    dry = host.phase("restored", test=True)
    assert dry["comment"].endswith("; what was changed in load balancers since 2026-11-26T02:30:00Z is lost")
    ret = _both(host, "restored")
    assert ret["changes"]["database"] == {"old": "migrated", "new": "/dumps/before.sql.gz of 2026-11-26T02:30:00Z"}
    assert ret["comment"].endswith("; what was changed in load balancers since 2026-11-26T02:30:00Z is lost")
    assert seen == [[]], "no service runs meanwhile"


def test_an_api_that_was_taken_out_serves_again_after_the_way_back(host):
    host.phases("ready", "drained", "stopped")
    host.systemd.orders.clear()
    ret = _both(host, "restored")
    assert ret["changes"] == {**dict.fromkeys(UNITS, UP), **BACK}
    host.drain.wait_for_api.assert_called()


def test_without_a_way_back_it_says_so_and_stops_nothing(host):
    for test in (True, False):
        ret = host.phase("restored", test=test)
        assert (ret["result"], ret["changes"]) == (False, {})
        assert ret["comment"].startswith("Nothing is saved here: ")
    assert host.running() == UNITS


@pytest.mark.parametrize(
    ("fails", "left"),
    [("octavia_backup.restore", set()), ("octavia_restore.packages", {"database"}),
     ("octavia_restore.files", {"database", "packages"})],
)  # fmt: skip
def test_a_way_back_that_fails_is_one_line_tells_what_it_did_and_may_be_repeated(host, fails, left):
    host.phases("ready", *ALL)
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    host.migrates()
    step = host.salt[fails]

    def refuses(**kwargs):
        raise CommandExecutionError("No space left on device")

    host.salt[fails] = refuses
    ret = host.phase("restored")
    assert (ret["result"], ret["comment"]) == (False, "No space left on device")
    assert ("database" in ret["changes"], WORKER in ret["changes"], str(host.conf_file) in ret["changes"]) == (
        "database" in left, "packages" in left, False,
    )  # fmt: skip
    assert host.masked() == []
    host.salt[fails] = step
    assert host.phase("restored")["result"] is True
    assert host.running() == UNITS


def test_a_service_that_does_not_stop_keeps_all_as_it_is(host):
    host.phases("ready", *ALL)
    host.systemd.refuses.add("disable")
    ret = host.phase("restored")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert host.apt.installed[WORKER] == NEW


# --- a host without Octavia


@pytest.mark.parametrize(
    "name", ["ready", "drained", "stopped", "latest", "units", "started", "returned", "cleaned", "verified"]
)
@pytest.mark.parametrize("test", [True, False])
def test_a_host_without_roles_has_nothing_to_do(tmp_path, name, test):
    ret = Controller(tmp_path, pillar("disabled")).phase(name, test=test)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert "\n" not in ret["comment"]
