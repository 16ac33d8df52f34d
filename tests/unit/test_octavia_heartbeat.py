"""Another heartbeat key: when it is due, in which order it is brought to amphorae, and what the gate says meanwhile."""

import time

import pytest
from formula import Host, changed, shared, with_certificates
from salt.exceptions import CommandExecutionError
from systemd import Systemd

KEY = "manager:health_manager:heartbeat_key"
ROTATE = {"manager:health_manager:rotate_heartbeat_key": True}
UNIT = "octavia-health-manager"
STOPPED = {thing: {"old": True, "new": False} for thing in ("running", "enabled")}
HIDDEN = {"heartbeat key of amphorae": {"old": "(hidden)", "new": "(hidden, changed)"}}


def _amphora(ident, status="ALLOCATED", serves="lb"):
    return {"id": ident, "status": status, "loadbalancer_id": serves}


class Cloud:
    """Amphorae behind the API and in the database; `refuse` are those that the API does not configure."""

    def __init__(self, host):
        self.host, self.calls, self.refuse, self.listed = host, [], {}, [_amphora("a1")]
        host.ask.side_effect = self.answer
        host.salt["octavia_db.refresh_heartbeats"] = lambda saltenv=None: self.calls.append("refresh")

    def answer(self, module, function, **kwargs):
        if module != "cloud":
            return self.host.ask.return_value
        if function == "amphorae":
            return self.listed
        self.calls.append(kwargs["amphora"])
        if kwargs["amphora"] in self.refuse:
            raise CommandExecutionError(f"CloudError: {self.refuse[kwargs['amphora']]}")
        return None


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path, with_certificates(changed(shared(), **ROTATE)))
    host.conf_file.write_text(host.conf.render(mask=False))
    host.systemd = Systemd(host)
    host.systemd.run(UNIT)
    host.systemd.units[UNIT]["UnitFileState"] = "enabled"
    host.cloud_side = Cloud(host)
    host.clock = 0

    def sleep(seconds):
        host.clock += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: host.clock)
    host.again()
    return host


def _say(host, key="fedcba9876543210fedcba9876543210", **answers):
    """The pillar with another key; nothing is done yet."""
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **{KEY: key}, **answers)["octavia"]
    host.again()


def _write(host):
    host.conf_file.write_text(host.conf.render(mask=False))


def _call(host, fun, test=False):
    host.opts["test"] = test
    return getattr(host.state("octavia_heartbeat"), fun)("any name")


def _note(host):
    return host.root / "lib" / "heartbeat.json"


def _faults(host):
    """What the gate says of octavia.conf in a run of its own."""
    host.again()
    new = host.conf.render(mask=False)
    return host.gate.check(new, host.diff.changes(host.conf_file.read_text(), new))["faults"]


def test_with_the_key_that_amphorae_have_nothing_is_done(host):
    for test in (True, False):
        for fun in ("paused", "spread", "finished"):
            ret = _call(host, fun, test)
            assert (ret["result"], ret["changes"]) == (True, {})
    assert not host.systemd.orders and not host.cloud_side.calls and not _note(host).exists()


def test_a_key_goes_from_pause_to_finish(host):
    _say(host)
    dry = [_call(host, fun, test=True) for fun in ("paused", "spread", "finished")]
    assert not host.systemd.orders and not host.cloud_side.calls and not _note(host).exists()
    host.again()
    real = [_call(host, "paused")]
    assert f"disable --now {UNIT}" in host.systemd.orders
    _write(host)
    real += [_call(host, "spread"), _call(host, "finished")]
    assert [each["changes"] for each in dry] == [each["changes"] for each in real] == [STOPPED, HIDDEN, {}]
    assert [each["result"] for each in dry] == [None, None, True]
    assert host.cloud_side.calls == ["a1", "refresh"]
    assert _note(host).stat().st_mode & 0o777 == 0o600 and "fedcba98" not in _note(host).read_text()
    host.again()
    assert not host.heartbeat.due() and _faults(host) == []


def test_a_dry_run_shows_the_service_as_stopped(host):
    _say(host)
    _call(host, "paused", test=True)
    now = host.service.status(UNIT)
    assert (now["running"], now["enabled"]) == (False, False)


@pytest.mark.parametrize("written", [False, True])
def test_what_was_killed_between_is_due_for_the_state_and_refused_by_the_gate(host, written):
    _say(host)
    _call(host, "paused")
    if written:
        _write(host)
    [line] = _faults(host)
    assert line.endswith("is not yet that of all amphorae: those without it would fail over; "
                         "apply octavia.manager.heartbeat_key")  # fmt: skip
    assert host.heartbeat.due()
    _call(host, "paused")
    _write(host)
    assert _call(host, "spread")["changes"] == HIDDEN
    _call(host, "finished")
    assert _faults(host) == [] and not host.heartbeat.due()


def test_the_old_key_put_back_half_way_is_brought_to_amphorae_too(host):
    old = host.tree["octavia"]["manager"]["health_manager"]["heartbeat_key"]
    _say(host)
    _call(host, "paused")
    _say(host, old)
    assert host.heartbeat.due() and _faults(host)


def test_a_rotation_that_the_pillar_does_not_allow_any_more_is_still_unfinished(host):
    _say(host)
    _call(host, "paused")
    _write(host)
    _say(host, **{"manager:health_manager:rotate_heartbeat_key": False})
    [line] = _faults(host)
    assert "octavia.manager.heartbeat_key, with octavia:manager:health_manager:rotate_heartbeat_key: true" in line


def test_without_permission_the_health_manager_is_not_touched(host):
    _say(host, **{"manager:health_manager:rotate_heartbeat_key": False})
    ret = _call(host, "paused")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "rotate_heartbeat_key: true" in ret["comment"]
    assert not host.systemd.orders and not _note(host).exists()


def test_an_octavia_conf_that_is_refused_stops_nothing(host):
    _say(host)
    host.finds({"option": "DEFAULT/debug", "level": "fault", "what": "is maybe", "allowed": ""})
    ret = _call(host, "paused")
    assert (ret["result"], ret["changes"]) == (False, {}) and "is maybe" in ret["comment"]
    assert not host.systemd.orders and not _note(host).exists()


def test_an_amphora_that_refuses_is_named_and_no_heartbeat_is_refreshed(host):
    _say(host)
    _call(host, "paused")
    _write(host)
    host.cloud_side.listed.append(_amphora("b2"))
    host.cloud_side.refuse["b2"] = "it is busy"
    ret = _call(host, "spread")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "Without the new heartbeat key: amphorae b2: it is busy; apply again"
    assert 180 <= host.clock < 190
    assert host.cloud_side.calls.count("a1") == 1 and "refresh" not in host.cloud_side.calls
    assert host.heartbeat.due()


def test_an_amphora_that_is_being_made_is_waited_for_and_a_lost_one_is_not(host, monkeypatch):
    booting = _amphora("b2", "BOOTING", None)
    lost = [_amphora("c3", "ERROR"), _amphora("d4", "READY", None), _amphora("e5", "DELETED")]
    host.cloud_side.listed += [booting, *lost, _amphora("f6", "FAILOVER_STOPPED")]
    monkeypatch.setattr(time, "sleep", lambda seconds: booting.update(_amphora("b2")))
    assert host.heartbeat.spread() == 3
    assert host.cloud_side.calls == ["a1", "f6", "b2", "refresh"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": null}', "\0"])
def test_a_note_that_somebody_spoilt_makes_it_due(host, text):
    _note(host).parent.mkdir()
    _note(host).write_text(text)
    assert host.heartbeat.due()


def test_a_host_without_octavia_conf_has_nothing_to_rotate(host):
    host.conf_file.unlink()
    assert not host.heartbeat.due()


def test_a_plain_run_is_sent_to_the_state(tmp_path):
    host = Host(tmp_path, with_certificates(changed(shared(), **ROTATE)))
    host.conf_file.write_text("[health_manager]\nheartbeat_key = old\n")
    [line] = _faults(host)
    assert "apply octavia.manager.heartbeat_key" in line
