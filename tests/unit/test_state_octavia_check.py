"""The preflight: it stops a run in one line a fault, and changes nothing."""

import pytest
from formula import GONE, Host, changed, pillar, shared, with_certificates
from systemd import Systemd

FAULT = "octavia:debug: is a text, must be a boolean"


@pytest.fixture
def make(tmp_path):
    def _make(tree, **kwargs):
        host = Host(tmp_path, tree, **kwargs)
        host.systemd = Systemd(host)
        return host

    return _make


def _preflight(host):
    return host.state("octavia_check").preflight("octavia_preflight", source="salt://octavia")


@pytest.mark.parametrize("test", [True, False])
def test_a_sound_pillar_passes_and_nothing_is_changed(make, test):
    host = make(with_certificates(pillar("all_in_one")), test=test)
    assert _preflight(host) == {
        "name": "octavia_preflight", "result": True, "changes": {},
        "comment": "The pillar is sound and this host can serve it",
    }  # fmt: skip
    assert host.systemd.orders == []


@pytest.mark.parametrize("test", [True, False])
def test_a_bad_pillar_fails_in_a_dry_run_too(make, test):
    ret = _preflight(make(changed(with_certificates(pillar("all_in_one")), debug="yes"), test=test))
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, FAULT)


def test_each_fault_is_a_line(make):
    ret = _preflight(make(changed(with_certificates(pillar("all_in_one")), **{"debug": "yes", "database:port": 0})))
    assert ret["comment"].splitlines() == [FAULT, "octavia:database:port: is 0, must be a port between 1 and 65535"]


def test_a_host_is_not_asked_about_a_bad_pillar(make):
    host = make(changed(shared(), **{"database:password": GONE}), octavia=None)
    assert _preflight(host)["comment"] == "octavia:database:password: is not set"
    host.due.assert_not_called()
    host.latest_version.assert_not_called()


def test_what_the_host_lacks_stops_the_run(make):
    tree = changed(pillar("api_single"), **{"api:version": "ocata"})
    ret = _preflight(make(tree))
    assert ret["result"] is False
    assert ret["comment"].startswith(
        "octavia:api:version: is ocata (Octavia 0), but this host has Octavia 11.0.0 (zed)"
    )


def test_warnings_are_shown_and_stop_nothing(make):
    tree = changed(with_certificates(pillar("all_in_one")), **{"api:api_v1_enabled": True})
    ret = _preflight(make(tree))
    assert ret["result"] is True
    assert ret["warnings"] == [
        "octavia:api:api_v1_enabled: has no effect, version 1 of the API was removed in Octavia 6"
    ]


def test_running_services_are_observed_before_anything_changes(make, tmp_path):
    host = make(with_certificates(pillar("all_in_one")))
    host.conf_file.write_text(host.conf.render(mask=False))
    host.systemd.run("octavia-worker", seconds_ago=-1)
    _preflight(host)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["octavia-worker.json"]


def test_systemd_that_does_not_answer_is_one_line(make):
    host = make(with_certificates(pillar("all_in_one")))
    host.run_all.side_effect = None
    host.run_all.return_value = {"retcode": 1, "stdout": "", "stderr": "Failed to connect to bus"}
    ret = _preflight(host)
    assert (ret["result"], ret["comment"]) == (False, "systemctl show: Failed to connect to bus")


def test_a_host_without_roles_passes_without_a_question(make):
    host = make(pillar("client"), octavia=None)
    host.run_all.reset_mock()
    assert _preflight(host)["result"] is True
    host.run_all.assert_not_called()


FLAVOR = "manager:controller_worker:amp_flavor_id"
CONF = {"state": "octavia_conf", "fun": "managed"}
RESOURCES = {"state": "octavia_resources", "fun": "managed"}


@pytest.mark.parametrize(
    ("run", "line"),
    [
        ([CONF], f"octavia:{FLAVOR}: is not set, and nobody shares it in the mine, and Nova has no flavor amphora; "
         "say it, or apply octavia.resources"),
        # it is made before it is needed
        ([RESOURCES, CONF], ""),
        # nobody needs it
        ([RESOURCES], ""),
    ],
)  # fmt: skip
def test_an_id_that_nobody_knows_stops_a_run_that_needs_it_and_does_not_make_it(make, run, line):
    host = make(changed(with_certificates(shared()), **{FLAVOR: GONE}))
    host.ask.return_value = None
    ret = host.state("octavia_check", run).preflight("octavia_preflight", source="salt://octavia")
    assert (ret["result"], ret["comment"]) == (not line, line or "The pillar is sound and this host can serve it")


@pytest.mark.parametrize(("states", "upgrades"), [(["octavia_upgrade"], True), (["octavia_conf"], False), ([], False)])
def test_a_phase_of_an_upgrade_may_lead_to_the_pillars_release(make, monkeypatch, states, upgrades):
    host, seen = make(with_certificates(pillar("all_in_one"))), []
    monkeypatch.setattr(host.check, "host", lambda saltenv, ids, upgrades: seen.append(upgrades) or [])
    run = [{"state": state, "fun": "any", "__id__": state, "name": state} for state in states]
    assert host.state("octavia_check", run).preflight("octavia_preflight", source="salt://octavia")["result"]
    assert seen == [upgrades]
