"""Services are started, enabled, restarted or left alone; a dry run announces just that."""

import time

import pytest
from formula import Host, changed, shared
from systemd import Systemd

API, WORKER = "octavia-api", "octavia-worker"
ON, OFF = {"old": False, "new": True}, {"old": True, "new": False}


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path, shared())
    host.conf_file.write_text(host.conf.render(mask=False))
    host.systemd = Systemd(host)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return host


def _up(host, *units):
    """Running, enabled and up to date."""
    for unit in units:
        host.systemd.run(unit)
        host.systemd.units[unit]["UnitFileState"] = "enabled"
    host.again()
    for role, unit in host.pillar.settings()["units"].items():
        if unit in units:
            host.service.mark(unit, role)
    host.again()


def _call(host, fun="running", role="worker", test=False, **kwargs):
    host.again()
    host.opts["test"] = test
    return getattr(host.state("octavia_service"), fun)("any name", role=role, **kwargs)


def _both(host, result=True, **kwargs):
    """A dry run and a real one, which must agree."""
    dry = _call(host, test=True, **kwargs)
    assert not host.systemd.orders, "a dry run gives no orders"
    real = _call(host, **kwargs)
    assert (dry["result"], dry["changes"]) == (None if real["changes"] else True, real["changes"])
    assert real["result"] is result
    return real


def test_a_stopped_service_is_started_and_enabled(host):
    ret = _both(host)
    assert ret["changes"] == {"running": ON, "enabled": ON}
    assert ret["comment"] == f"{WORKER} started"
    assert f"enable {WORKER}" in host.systemd.orders
    assert _call(host) == {
        "name": "any name", "result": True, "changes": {}, "comment": f"{WORKER} runs and is up to date",
    }  # fmt: skip


def test_a_service_that_is_up_to_date_is_left_alone(host):
    _up(host, WORKER)
    assert _both(host)["changes"] == {}
    assert host.systemd.orders == []


def test_a_running_service_that_would_not_start_at_boot_is_enabled_and_not_restarted(host):
    _up(host, WORKER)
    host.systemd.units[WORKER]["UnitFileState"] = "disabled"
    ret = _both(host)
    assert (ret["changes"], ret["comment"]) == ({"enabled": ON}, f"{WORKER} enabled")
    assert host.systemd.orders == [f"enable {WORKER}"]


def test_a_service_that_takes_the_change_over_is_reloaded(host, monkeypatch):
    _up(host, WORKER)
    monkeypatch.setattr(host.service, "_catch_hangups", lambda cgroup: True)
    answers = {"manager:health_manager:controller_ip_port_list": ["172.16.0.12:5555", "172.16.0.13:5555"]}
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]
    host.conf_file.write_text(host.conf.render(mask=False))
    ret = _both(host)
    assert ret["changes"] == {"reloaded": ON}
    assert ret["comment"] == f"{WORKER} reloaded, changed: health_manager/controller_ip_port_list"
    assert host.systemd.orders == [f"reload {WORKER}"]
    assert _call(host)["changes"] == {}


def test_the_drop_in_is_announced_and_written(host):
    ret = _both(host, fun="unit")
    [(path, change)] = ret["changes"].items()
    assert path.endswith(f"/{WORKER}.service.d/salt.conf")
    assert change["old"] is None and "ExecReload" in change["new"]
    assert _call(host, fun="unit")["changes"] == {}


def test_a_service_that_reads_what_has_changed_is_restarted_alone(host):
    _up(host, API, WORKER)
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **{"api:bind:port": 9877})["octavia"]
    host.conf_file.write_text(host.conf.render(mask=False))
    assert _both(host, role="worker")["changes"] == {}
    ret = _both(host, role="api")
    assert ret["changes"] == {"restarted": ON}
    assert ret["comment"] == f"{API} restarted, changed: api_settings/bind_port"
    assert host.systemd.orders[-1] == f"restart {API}"
    assert _call(host, role="api")["changes"] == {}


def test_a_dry_run_announces_the_restart_for_an_octavia_conf_that_is_not_written_yet(host):
    _up(host, API, WORKER)
    host.opts["test"] = True
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **{"api:bind:port": 9877})["octavia"]
    host.state("octavia_conf").managed("octavia_conf")
    state = host.state("octavia_service")
    assert state.running("x", role="api")["changes"] == {"restarted": ON}
    assert state.running("x", role="worker")["changes"] == {}


def test_a_process_that_nobody_vouches_for_is_restarted(host):
    _up(host, WORKER)
    host.systemd.run(WORKER)
    assert _both(host)["comment"] == f"{WORKER} restarted, changed: older than what it reads"


def test_a_watched_state_restarts_a_service_that_runs(host):
    _up(host, WORKER)
    ret = _both(host, fun="mod_watch", sfun="running")
    assert ret["changes"] == {"restarted": ON}
    assert ret["comment"] == f"{WORKER} restarted, changed: a watched state"


def test_a_watched_state_starts_a_service_that_does_not_run(host):
    ret = _both(host, fun="mod_watch", sfun="running")
    assert (ret["changes"], ret["comment"]) == ({"running": ON, "enabled": ON}, f"{WORKER} started")


def test_a_watched_state_does_not_start_what_is_to_be_dead(host):
    _up(host, WORKER)
    assert _both(host, fun="mod_watch", sfun="dead")["changes"] == {"running": OFF, "enabled": OFF}


@pytest.mark.parametrize("test", [True, False])
def test_a_masked_unit_is_an_error_that_says_what_to_do(host, test):
    host.systemd.units[WORKER]["LoadState"] = "masked"
    ret = _call(host, test=test)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"{WORKER} is masked; unmask it with: systemctl unmask {WORKER}"
    assert host.systemd.orders == []


def test_a_unit_that_is_not_installed_yet_would_be_started(host):
    host.systemd.units[WORKER]["LoadState"] = "not-found"
    assert _call(host, test=True)["changes"] == {"running": ON, "enabled": ON}
    ret = _call(host)
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, f"{WORKER} is not installed")
    assert host.systemd.orders == []


def test_a_start_that_fails_is_one_line_and_the_next_run_tries_again(host):
    host.systemd.journal = "INFO starting\nERROR cannot bind to 0.0.0.0:9876\nStopped octavia.\n"
    host.systemd.refuses = {"restart"}
    ret = _call(host)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "\n" not in ret["comment"]
    assert ret["comment"].endswith(f": ERROR cannot bind to 0.0.0.0:9876 (journalctl -u {WORKER})")
    host.systemd.refuses = set()
    assert _call(host)["changes"]["running"] == ON


def test_systemd_that_does_not_answer_is_one_line(host):
    host.run_all.side_effect = None
    host.run_all.return_value = {"retcode": 1, "stdout": "", "stderr": "Failed to connect to bus"}
    for fun in ("running", "dead"):
        ret = _call(host, fun=fun)
        assert (ret["result"], ret["comment"]) == (False, "systemctl show: Failed to connect to bus")


# --- dead


def test_a_running_service_is_stopped_for_good(host):
    _up(host, WORKER)
    ret = _both(host, fun="dead")
    assert ret["changes"] == {"running": OFF, "enabled": OFF}
    assert host.systemd.orders == [f"disable --now {WORKER}", f"reset-failed {WORKER}"]
    assert _call(host, fun="dead")["changes"] == {}


def test_a_stopped_service_that_would_start_at_boot_is_disabled(host):
    host.systemd.units[WORKER]["UnitFileState"] = "enabled"
    assert _both(host, fun="dead")["changes"] == {"enabled": OFF}


def test_a_unit_that_is_not_installed_is_dead_enough(host):
    host.systemd.units[WORKER]["LoadState"] = "not-found"
    ret = _both(host, fun="dead")
    assert (ret["changes"], ret["comment"]) == ({}, f"{WORKER} is not installed")


def test_a_stop_that_fails_is_one_line(host):
    _up(host, WORKER)
    host.systemd.refuses = {"disable"}
    ret = _call(host, fun="dead")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"systemctl disable --now {WORKER} failed: Job failed."


@pytest.mark.parametrize("lines", [[], ["octavia-api does not stay up: no (journalctl -u octavia-api)"]])
def test_a_run_ends_well_if_what_it_started_is_up(host, monkeypatch, lines):
    host.salt["octavia_service.fallen"] = lambda: lines
    ret = host.state("octavia_service").alive("octavia_services_alive")
    assert (ret["result"], ret["changes"]) == (not lines, {})
    assert not lines or ret["comment"] == lines[0]


# --- an API before which a load balancer stands


@pytest.fixture
def served(host):
    """An API that runs, that a restart takes out of its load balancer, and what was done in which order."""
    path = host.root / "etc" / "out"
    host.tree["octavia"] = changed(
        {"octavia": host.tree["octavia"]},
        **{"api:drain": True, "api:healthcheck:disable_by_file_path": str(path), "upgrade:drain:seconds": 7},
    )["octavia"]
    (host.root / "etc" / "uwsgi.ini").write_text("[uwsgi]\n")
    host.conf_file.write_text(host.conf.render(mask=False))
    _up(host, API)
    host.steps, start = [], host.service.start
    host.drain.out = lambda seconds, saltenv=None: host.steps.append(f"out {seconds}") or path.touch()
    host.service.start = lambda unit: host.steps.append("restart") or start(unit)
    host.drain.wait_for_api = lambda seconds, saltenv=None: host.steps.append(f"answers, out: {path.exists()}")
    host.path = path
    return host


def _change_what_the_api_reads(host):
    (host.root / "etc" / "uwsgi.ini").write_text("[uwsgi]\nthreads = 3\n")


def test_an_api_is_out_of_its_load_balancer_while_it_is_restarted(served):
    _change_what_the_api_reads(served)
    assert _both(served, role="api")["changes"] == {"restarted": ON}
    assert served.steps == ["out 7", "restart", "answers, out: True"]
    assert not served.path.exists()
    assert _call(served, role="api")["changes"] == {}


def test_one_that_serves_alone_is_restarted_at_once(served):
    served.tree["octavia"]["api"]["drain"] = False
    _change_what_the_api_reads(served)
    assert _both(served, role="api")["changes"] == {"restarted": ON}
    assert served.steps == ["restart"]


def test_one_that_somebody_has_taken_out_stays_out(served):
    served.path.touch()
    _change_what_the_api_reads(served)
    assert _both(served, role="api")["changes"] == {"restarted": ON}
    assert served.steps == ["restart"] and served.path.exists()


def test_one_that_a_killed_run_has_left_out_is_put_back(served):
    class Killed(BaseException):
        pass

    def kill(unit):
        raise Killed

    start, served.service.start = served.service.start, kill
    _change_what_the_api_reads(served)
    with pytest.raises(Killed):
        _call(served, role="api")
    assert served.path.exists()
    served.service.start = start
    assert _both(served, role="api")["changes"] == {
        "restarted": ON, "load balancer": {"old": "without it", "new": "with it"},
    }  # fmt: skip
    assert not served.path.exists() and _call(served, role="api")["changes"] == {}
