"""Whether a process is older than what it reads; how a service is started, and what is said when it does not."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
from formula import Host, changed, pillar, shared
from salt.exceptions import CommandExecutionError
from systemd import Systemd

API, WORKER = "octavia-api", "octavia-worker"
OLD = ["older than what it reads"]


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A converged host: octavia.conf is written, each process was started after that and has its stamp."""
    host = Host(tmp_path, shared())
    host.conf_file.write_text(host.conf.render(mask=False))
    (tmp_path / "etc" / "uwsgi.ini").write_text("[uwsgi]\n")
    host.systemd = Systemd(host)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    units = {role: host.pillar.settings()["units"][role] for role in host.pillar.roles()}
    for unit in units.values():
        host.systemd.run(unit)
    for role, unit in units.items():
        host.service.mark(unit, role)
    host.again()
    host.run_all.reset_mock()
    return host


def _pause():
    """So long that a file has another time afterwards; time.sleep is the module's, and does not wait."""
    threading.Event().wait(0.05)


def _write(host, **answers):
    """Write octavia.conf anew, once the pillar is as said: as the state does in a real run."""
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]
    host.again()
    host.conf_file.write_text(host.conf.render(mask=False))


# --- what systemd knows


def test_one_question_answers_for_all_units(host):
    for unit in host.pillar.settings()["units"].values():
        host.service.status(unit)
    host.run_all.assert_called_once()


def test_a_unit_that_is_there_no_more_is_asked_again(host):
    assert host.service.status(API)["running"]
    host.systemd.units[API]["ActiveState"] = "failed"
    assert host.service.status(API)["running"]
    assert not host.service.status(API, fresh=True)["running"]


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({}, {"loaded": True, "masked": False, "running": True}),
        ({"LoadState": "masked"}, {"loaded": False, "masked": True}),
        ({"LoadState": "not-found"}, {"loaded": False, "masked": False}),
        ({"ActiveState": "reloading"}, {"running": True}),
        ({"ActiveState": "activating", "SubState": "start"}, {"running": True}),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, {"running": False}),
        ({"ActiveState": "activating", "SubState": "start", "NRestarts": "0"}, {"running": True}),
        ({"ActiveState": "activating", "SubState": "start-pre", "NRestarts": "3"}, {"running": False}),
        ({"ActiveState": "active", "NRestarts": "3"}, {"running": True}),
        ({"ActiveState": "failed"}, {"running": False}),
        ({"ActiveState": "deactivating"}, {"running": False}),
        ({"UnitFileState": "enabled"}, {"enabled": True}),
        ({"UnitFileState": "enabled-runtime"}, {"enabled": False}),
        ({"UnitFileState": ""}, {"enabled": False}),
        ({"NeedDaemonReload": "yes"}, {"reload": True}),
        ({"ExecMainStartTimestampMonotonic": "0"}, {"started": 0.0}),
    ],
)
def test_what_systemd_says_is_understood(host, properties, found):
    host.systemd.units[API] |= properties
    status = host.service.status(API)
    assert {name: status[name] for name in found} == found


def test_the_start_of_a_process_is_in_the_hosts_time(host):
    host.systemd.run(API, seconds_ago=100)
    assert host.service.status(API)["started"] == pytest.approx(time.time() - 100, abs=5)


def test_a_unit_that_is_not_installed_is_not_loaded(host):
    assert host.service.status("no-such-unit")["loaded"] is False


def test_systemd_that_does_not_answer_is_one_line(host):
    host.run_all.side_effect = None
    host.run_all.return_value = {"retcode": 1, "stdout": "", "stderr": "Failed to connect to bus: no such file\n"}
    with pytest.raises(CommandExecutionError, match="^systemctl show: Failed to connect to bus: no such file$"):
        host.service.status(API)


# --- is it up to date


def test_a_process_that_has_read_all_is_up_to_date(host):
    assert [host.service.outdated(unit, role) for unit, role in ((API, "api"), (WORKER, "worker"))] == [[], []]


@pytest.mark.parametrize(
    ("answers", "api", "worker"),
    [
        ({"api:bind:port": 9877}, ["api_settings/bind_port"], []),
        ({"manager:controller_worker:workers": 3}, [], ["controller_worker/workers"]),
        ({"database:password": "x", "debug": True}, *[["DEFAULT/debug", "database/connection"]] * 2),
        ({"config": {"nova": {"enable_anti_affinity": True}}}, *[["nova/enable_anti_affinity"]] * 2),
    ],
)
def test_what_has_changed_since_is_named(host, answers, api, worker):
    _write(host, **answers)
    assert (host.service.outdated(API, "api"), host.service.outdated(WORKER, "worker")) == (api, worker)


def test_an_option_that_went_away_is_a_change(host):
    _write(host, **{"debug": None, "config": {"nova": {"a": 1}}})
    host.service.mark(API, "api")
    _write(host, **{"config": {}})
    assert host.service.outdated(API, "api") == ["nova/a"]


@pytest.mark.parametrize("name", ["uwsgi.ini", "unit.conf"])
def test_the_apis_own_files_concern_the_api_alone(host, name, tmp_path):
    (tmp_path / "etc" / name).write_text("other")
    host.again()
    assert host.service.outdated(API, "api") == [f"{tmp_path}/etc/{name}"]
    assert host.service.outdated(WORKER, "worker") == []


def test_another_octavia_is_a_change_for_all(host):
    host.install("16.0.0")
    host.again()
    assert host.service.outdated(WORKER, "worker") == ["Octavia"]


def test_a_process_that_nobody_has_marked_is_too_old(host):
    host.systemd.run(API)
    assert host.service.outdated(API, "api") == OLD


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", "{}", '{"invocation": "invocation1"}'])
def test_a_stamp_that_says_nothing_counts_as_none(host, tmp_path, text):
    stamp = tmp_path / "run" / f"{API}.json"
    stamp.unlink() if text is None else stamp.write_text(text)
    assert host.service.outdated(API, "api") == OLD


def test_a_stamp_holds_digests_and_is_roots_alone(host, tmp_path):
    stamp = tmp_path / "run" / f"{API}.json"
    assert stamp.stat().st_mode & 0o777 == 0o600
    assert stamp.parent.stat().st_mode & 0o777 == 0o700
    assert set(json.loads(stamp.read_text())) == {"invocation", "read"}
    assert "pw-of" not in stamp.read_text()


# --- processes that somebody else has started


def _reboot(host, tmp_path):
    """systemd has started all; /run is empty."""
    for stamp in (tmp_path / "run").iterdir():
        stamp.unlink()
    for role in host.pillar.roles():
        host.systemd.run(host.pillar.settings()["units"][role], seconds_ago=-1)
    host.again()


def test_after_a_reboot_nothing_is_too_old(host, tmp_path):
    _reboot(host, tmp_path)
    host.service.observe()
    assert host.service.outdated(API, "api") == []
    _write(host, **{"api:bind:port": 9877})
    assert host.service.outdated(API, "api") == ["api_settings/bind_port"]


@pytest.mark.parametrize("name", ["octavia.conf", "uwsgi.ini"])
def test_a_process_older_than_a_file_that_it_reads_is_too_old(host, tmp_path, name):
    _pause()
    host.systemd.run(API)
    _pause()
    # only its inode is newer than the process: rsync and tar set the time of the content back
    os.utime(tmp_path / "etc" / name, (0, 0))
    host.again()
    host.service.observe()
    assert host.service.outdated(API, "api") == OLD


def test_a_process_older_than_the_installed_octavia_is_too_old(host):
    _pause()
    host.systemd.run(API)
    _pause()
    host.install("11.0.1")
    host.again()
    host.service.observe()
    assert host.service.outdated(API, "api") == OLD


def test_what_stops_is_not_observed(host, tmp_path):
    _reboot(host, tmp_path)
    host.systemd.units[API]["ActiveState"] = "inactive"
    host.service.observe()
    assert not (tmp_path / "run" / f"{API}.json").exists()
    assert (tmp_path / "run" / f"{WORKER}.json").exists()


def test_a_stamp_of_the_running_process_is_kept(host):
    """It is outdated on purpose: a killed run has written octavia.conf and not restarted."""
    _write(host, **{"api:bind:port": 9877})
    host.systemd.units[API]["ExecMainStartTimestampMonotonic"] = str(int((time.monotonic() + 9) * 1e6))
    host.service.observe()
    assert host.service.outdated(API, "api") == ["api_settings/bind_port"]


def test_a_dry_run_does_not_take_a_certificate_for_read_that_is_still_to_be_written(tmp_path):
    path = tmp_path / "client_ca.pem"
    tree = changed(pillar("certificates_pillar"), **{"manager:controller_worker:client_ca": str(path)})
    host = Host(tmp_path, tree, test=True)
    host.systemd = Systemd(host)
    path.write_text("the old one\n")
    host.conf_file.write_text(host.conf.render(mask=False))
    host.systemd.run(WORKER, seconds_ago=-1)
    host.service.observe()
    host.context["octavia_certificates.planned"] = {str(path): tree["octavia"]["certificates"]["client_ca.cert.pem"]}
    assert str(path) in host.service.outdated(WORKER, "worker")
    host.again()
    host.opts["test"] = False
    path.write_text(tree["octavia"]["certificates"]["client_ca.cert.pem"])
    assert str(path) in host.service.outdated(WORKER, "worker")


# --- start, stop


def test_a_start_that_lasts(host):
    host.service.start(WORKER)
    assert host.systemd.orders == [f"reset-failed {WORKER}", f"restart {WORKER}"]
    host.service.mark(WORKER, "worker")
    assert host.service.outdated(WORKER, "worker") == []


def test_changed_unit_files_are_loaded_while_nothing_runs(host):
    """The old process is stopped by the signal that it knows, and not by that of the server that follows it."""
    host.systemd.units[WORKER]["NeedDaemonReload"] = "yes"
    host.service.start(WORKER)
    assert host.systemd.orders[:2] == [f"stop {WORKER}", "daemon-reload"]


JOURNAL = """Started octavia-worker.service - OpenStack Octavia Worker (octavia-worker).
2026-11-22 10:00:00 INFO octavia.cmd starting
Traceback (most recent call last):
oslo_config.cfg.ConfigFileValueError: Value for option bind_port is not valid
octavia-worker.service: Main process exited, code=exited, status=1/FAILURE
octavia-worker.service: Failed with result 'exit-code'.
octavia-worker.service: Scheduled restart job, restart counter is at 5.
Failed to start octavia-worker.service - OpenStack Octavia Worker (octavia-worker).
"""


@pytest.mark.parametrize(
    "dies",
    [
        {"ActiveState": "failed", "SubState": "failed"},
        {"ActiveState": "activating", "SubState": "auto-restart"},
        {"ActiveState": "activating", "SubState": "auto-restart-queued"},
    ],
)
def test_a_service_that_does_not_stay_up_says_why_in_one_line(host, dies):
    host.systemd.dies, host.systemd.journal = dies, JOURNAL
    host.service.start(WORKER)
    assert host.service.fallen(settle=0) == [
        "octavia-worker does not stay up: oslo_config.cfg.ConfigFileValueError: Value for option bind_port is not valid"
        " (journalctl -u octavia-worker)"
    ]


def test_a_service_that_was_restarted_meanwhile_does_not_stay_up(host, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: host.systemd.units[WORKER].update(InvocationID="another"))
    host.service.start(WORKER)
    assert host.service.fallen(settle=2) == [
        "octavia-worker does not stay up: it left no message (journalctl -u octavia-worker)"
    ]


def test_a_run_that_started_nothing_does_not_wait(host, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
    assert host.service.fallen() == []


def test_services_that_stay_up_have_not_fallen(host, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    host.service.start(WORKER)
    host.service.start(API)
    assert host.service.fallen(settle=5) == []
    assert len(waits) == 1 and 4 < waits[0] <= 5


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ("octavia-worker.service: Failed at step EXEC spawning /usr/bin/x: No such file\n", "Failed at step EXEC"),
        ("Starting octavia-worker\none\ntwo\n", "two"),
        ("cannot bind\nStopped octavia-worker.\n", "cannot bind"),
        ("", "it left no message"),
    ],
)
def test_the_last_words_of_a_service_are_its_own_if_there_are_any(host, journal, words):
    host.systemd.refuses, host.systemd.journal = {"restart"}, journal
    with pytest.raises(CommandExecutionError, match=f"^systemctl restart octavia-worker failed: (.*: )?{words}"):
        host.service.start(WORKER)


# As Octavia 19's worker writes its end.
LOG = """\
2026-11-26 01:00:00.101 4711 INFO octavia.cmd.octavia_worker [-] Starting
2026-11-26 01:00:01.202 4711 ERROR octavia.common.config [req-1 - - - - -] Unable to start the service
2026-11-26 01:00:01.203 4711 ERROR oslo_service Traceback (most recent call last):
2026-11-26 01:00:01.203 4711 ERROR oslo_service   File "/usr/bin/octavia-worker", line 10, in <module>
2026-11-26 01:00:01.203 4711 ERROR oslo_service ImportError: cannot import name 'backend' from 'cotyledon'
2026-11-26 01:00:01.203 4711 ERROR oslo_service
2026-11-26 01:00:01.300 4711 INFO octavia.cmd.octavia_worker [-] Exiting
"""
LOGGED = "ImportError: cannot import name 'backend' from 'cotyledon'"


@pytest.fixture
def logs(host, tmp_path):
    host.tree["octavia"]["host"]["log_dir"] = str(tmp_path)
    host.again()
    host.systemd.refuses = {"restart"}
    return tmp_path / f"{WORKER}.log"


def _complaint(host):
    with pytest.raises(CommandExecutionError) as caught:
        host.service.start(WORKER)
    return str(caught.value)


def test_a_service_that_tells_the_journal_nothing_has_told_its_log(host, logs):
    logs.write_text(LOG)
    host.systemd.journal = "Starting octavia-worker\noctavia-worker.service: Main process exited, code=exited\n"
    assert _complaint(host) == f"systemctl restart octavia-worker failed: {LOGGED} ({logs})"


def test_the_journals_own_error_goes_first(host, logs):
    logs.write_text(LOG)
    host.systemd.journal = "Starting octavia-worker\ncannot bind\n"
    assert _complaint(host) == "systemctl restart octavia-worker failed: cannot bind (journalctl -u octavia-worker)"


def test_a_password_in_the_log_is_not_told(host, logs):
    host.tree["octavia"]["database"]["password"] = password = "se/cret%one"
    host.again()
    url = f"mysql+pymysql://octavia:{urllib.parse.quote(password, safe='')}@db"
    logs.write_text(
        f"{LOG}2026-11-26 01:00:02.1 4711 ERROR x [-] sqlalchemy.exc.ArgumentError: no URL: {url} {password}\n"
    )
    host.systemd.journal = "Starting octavia-worker\n"
    said = _complaint(host)
    assert "ArgumentError: no URL: mysql+pymysql://octavia:(hidden)@db (hidden)" in said


@pytest.mark.parametrize("case", ["old", "none", "no error", "empty"])
def test_a_log_that_tells_nothing_of_this_start_is_left_alone(host, logs, case):
    if case != "none":
        logs.write_text({"old": LOG, "no error": LOG.splitlines()[0], "empty": ""}[case])
    if case == "old":
        os.utime(logs, (time.time() - 3600,) * 2)
    assert (
        _complaint(host) == "systemctl restart octavia-worker failed: it left no message (journalctl -u octavia-worker)"
    )


def test_of_a_long_log_the_end_is_read(host, logs):
    lines = "2026-11-25 01:00:00.101 1 ERROR octavia [-] OldError: of yesterday\n" * 40000
    logs.write_bytes(lines.encode() + b"\xff\xfe\n" + LOG.encode())
    assert LOGGED in _complaint(host)


def test_stop_and_enable_are_for_good(host):
    host.service.stop(API)
    host.service.enable(WORKER)
    assert host.systemd.orders == [f"disable --now {API}", f"reset-failed {API}", f"enable {WORKER}"]
    assert not host.service.status(API)["running"]


# --- what a service takes over while it runs


@pytest.mark.parametrize(
    ("role", "things", "answer"),
    [
        ("health_manager", ["health_manager/heartbeat_interval"], True),
        ("worker", ["controller_worker/loadbalancer_topology", "health_manager/controller_ip_port_list"], True),
        ("api", ["controller_worker/loadbalancer_topology"], False),
        ("health_manager", ["health_manager/heartbeat_key"], False),
        ("worker", ["health_manager/heartbeat_interval", "DEFAULT/debug"], False),
        ("worker", OLD, False),
    ],
)
def test_only_what_octavia_takes_over_is_worth_a_hangup(host, monkeypatch, role, things, answer):
    monkeypatch.setattr(host.service, "_catch_hangups", lambda cgroup: True)
    assert host.service.takes_over(host.pillar.settings()["units"][role], role, things) is answer


@pytest.mark.parametrize("catches", [True, False])
def test_a_process_that_does_not_catch_the_signal_yet_gets_none(host, catches):
    code = "import signal; signal.signal(signal.SIGHUP, lambda *_: None); " if catches else ""
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert host.service._catches_hangup(process.pid) is catches
        process.communicate(b"\n")


def test_a_service_whose_processes_cannot_be_found_is_not_reloaded(host):
    assert host.service._catch_hangups("/no/such/group") is False


def test_the_drop_in_is_written_once_and_systemd_reads_it(host):
    path, old, new = host.service.drop_in(WORKER)
    assert old is None and "ExecReload=/bin/kill -HUP $MAINPID" in new
    host.service.place(path, new)
    assert host.systemd.orders == ["daemon-reload"]
    assert host.service.drop_in(WORKER) == (path, new, new)
    assert oct(os.stat(path).st_mode)[-3:] == "644"


def test_only_a_worker_may_take_its_time_to_stop(host):
    """A health manager that is stopped right after its start never ends by itself."""
    assert "TimeoutStopSec=330\n" in host.service.drop_in(WORKER)[2]
    host.tree["octavia"]["manager"]["graceful_shutdown_timeout"] = 600
    assert "TimeoutStopSec=630\n" in host.service.drop_in(WORKER)[2]
    assert "TimeoutStopSec" not in host.service.drop_in("octavia-health-manager")[2]
