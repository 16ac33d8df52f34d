"""Horizon's web server is reloaded for the panel, once, and only where it runs since before that."""

import os
import threading

import pytest
from formula import Host, pillar
from systemd import Systemd

RELOADED = {"apache2": {"old": "without the panel", "new": "reloaded"}}


@pytest.fixture
def host(tmp_path):
    """Horizon runs since long, and the panel was put beside it just now."""
    tree = pillar("client")
    tree["octavia"]["host"] = {"dashboard_panel": str(tmp_path / "panel.py")}
    host = Host(tmp_path, tree)
    (tmp_path / "panel.py").write_text("")
    host.systemd = Systemd(host)
    host.systemd.add("apache2")
    host.systemd.run("apache2", seconds_ago=600)
    return host


def shown(host, test=False):
    host.again()
    host.opts["test"] = test
    return host.state("octavia_dashboard").shown("x")


def test_it_is_reloaded_once(host):
    plan = shown(host, test=True)
    assert host.systemd.orders == [] and plan["result"] is None
    done = shown(host)
    assert done["result"] is True and done["changes"] == plan["changes"] == RELOADED
    assert host.systemd.orders == ["reload apache2"]
    assert shown(host) == {"name": "x", "result": True, "changes": {}, "comment": "apache2 has the panel"}
    assert shown(host, test=True)["changes"] == {} and len(host.systemd.orders) == 1


def test_it_is_reloaded_for_another_panel(host, tmp_path):
    shown(host)
    threading.Event().wait(0.05)
    os.utime(tmp_path / "panel.py")
    assert shown(host)["changes"] == RELOADED


def test_one_that_was_started_since_has_read_it(host):
    host.systemd.run("apache2", seconds_ago=-1)
    assert shown(host)["changes"] == {} and host.systemd.orders == []


def test_one_that_does_not_run_will_read_it(host):
    host.systemd.units["apache2"] |= {"ActiveState": "inactive"}
    assert shown(host)["changes"] == {} and host.systemd.orders == []


def test_a_reload_that_fails_is_tried_again(host):
    host.systemd.refuses = {"reload"}
    failed = shown(host)
    assert (failed["result"], failed["changes"]) == (False, {}) and failed["comment"].startswith("systemctl reload apa")
    host.systemd.refuses = set()
    assert shown(host)["changes"] == RELOADED


@pytest.mark.parametrize(("test", "result"), [(True, None), (False, False)])
def test_before_the_panel_is_installed(host, tmp_path, test, result):
    os.unlink(tmp_path / "panel.py")
    ret = shown(host, test)
    assert ret["result"] is result and ret["changes"] == (RELOADED if test else {})
    assert test or ret["comment"] == f"octavia:host:dashboard_panel: there is no file {tmp_path}/panel.py"


def test_horizon_served_by_another_unit(host):
    host.tree["octavia"]["host"]["dashboard_unit"] = "horizon"
    assert shown(host)["comment"] == ("octavia:host:dashboard_unit: there is no unit horizon; where is Horizon served?")
    host.systemd.add("horizon")
    host.systemd.run("horizon", seconds_ago=600)
    assert list(shown(host)["changes"]) == ["horizon"]
