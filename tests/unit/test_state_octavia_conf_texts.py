"""Audit map and haproxy template: texts of the pillar, each in its file, and their readers restarted."""

import pytest
from formula import Host, changed, shared
from salt.exceptions import CommandExecutionError

TEMPLATE = "global\n    maxconn {{ limit }}\n{% if x %}\n    nbthread $CPU\n{% endif %}\n"
MAP = "[path_keywords]\nloadbalancers = loadbalancer"


@pytest.fixture
def host(tmp_path):
    answers = {"api:audit": {"enabled": True, "map": MAP}, "manager:haproxy_amphora": {"template": TEMPLATE}}
    host = Host(tmp_path, changed(shared(), **answers))
    host.ask.return_value = []
    return host


def texts(host, test=False):
    host.again()
    host.opts["test"] = test
    return host.state("octavia_conf").texts("octavia_conf_texts")


def files(host):
    return {name: host.root / "etc" / name for name in ("audit_map.conf", "haproxy_template.cfg.j2")}


def test_the_options_name_the_files_and_the_files_hold_the_texts_as_they_are(host):
    audit_map, template = files(host).values()
    options = host.options()
    assert options["audit/audit_map_file"] == str(audit_map)
    assert options["haproxy_amphora/haproxy_template"] == str(template)
    dry, real = texts(host, test=True), texts(host)
    assert (dry["result"], real["result"]) == (None, True)
    assert dry["changes"] == real["changes"]
    assert dry["changes"][f"{template} text"] == {"old": None, "new": TEMPLATE.rstrip("\n")}
    assert (audit_map.read_text(), template.read_text()) == (MAP + "\n", TEMPLATE)
    assert {f"{path.stat().st_mode & 0o7777:04o}" for path in (audit_map, template)} == {"0640"}
    assert texts(host)["changes"] == {}


def test_a_change_is_shown_by_its_lines(host):
    texts(host)
    host.tree["octavia"]["manager"]["haproxy_amphora"]["template"] = TEMPLATE.replace("limit", "other")
    [change] = texts(host, test=True)["changes"].values()
    assert change == {"old": "    maxconn {{ limit }}", "new": "    maxconn {{ other }}"}


def test_a_drift_of_the_mode_is_repaired(host):
    texts(host)
    template = files(host)["haproxy_template.cfg.j2"]
    template.chmod(0o644)
    assert texts(host)["changes"] == {f"{template} mode": {"old": "0644", "new": "0640"}}
    assert f"{template.stat().st_mode & 0o7777:04o}" == "0640"


def test_each_role_gets_its_own(host):
    host.tree["octavia"]["manager"]["enabled"] = False
    texts(host)
    assert [name for name, path in files(host).items() if path.exists()] == ["audit_map.conf"]
    assert "haproxy_amphora/haproxy_template" not in host.options()


def test_audit_that_is_off_needs_no_map(host):
    host.tree["octavia"]["api"]["audit"]["enabled"] = False
    texts(host)
    assert not files(host)["audit_map.conf"].exists()
    assert "audit/audit_map_file" not in host.options()


def test_without_a_text_the_option_may_name_any_file(tmp_path):
    config = {"audit": {"audit_map_file": "/etc/mine"}, "haproxy_amphora": {"haproxy_template": "/etc/template"}}
    host = Host(tmp_path, changed(shared(), config=config))
    assert host.faults() == []
    assert texts(host)["changes"] == {}
    assert host.options()["audit/audit_map_file"] == "/etc/mine"


@pytest.mark.parametrize("test", [True, False], ids=["about to be", "written"])
@pytest.mark.parametrize(
    ("key", "readers"),
    [("api:audit:map", {"api"}), ("manager:haproxy_amphora:template", {"worker", "health_manager", "housekeeping"})],
)
def test_another_text_is_news_for_its_readers_and_for_nobody_else(host, test, key, readers):
    def seen():
        return {role: host.conf.fingerprints(role) for role in host.pillar.roles()}

    texts(host)
    host.conf_file.write_text(host.conf.render(mask=False))
    before = seen()
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **{key: "other"})["octavia"]
    texts(host, test=test)
    assert {role for role, found in seen().items() if found != before[role]} == readers


def test_a_file_that_cannot_be_written_is_one_line(host):
    (host.root / "etc").rename(host.root / "gone")
    ret = texts(host)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"{files(host)['audit_map.conf']}: cannot be written: No such file or directory"


@pytest.mark.parametrize("test", [True, False])
def test_a_text_that_octavia_would_refuse_never_replaces_a_good_one(host, test):
    texts(host)
    before = {path: path.read_text() for path in files(host).values()}
    host.tree["octavia"]["api"]["audit"]["map"] = "nonsense"
    host.tree["octavia"]["manager"]["haproxy_amphora"]["template"] = "other"
    what = "has neither [section] nor name = value on line 1"
    host.ask.return_value = [{"option": "audit/audit_map_file", "level": "fault", "what": what, "allowed": ""}]
    ret = texts(host, test=test)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == f"octavia:api:audit:map (audit/audit_map_file): {what}"
    assert {path: path.read_text() for path in files(host).values()} == before


def test_only_texts_that_changed_are_judged(host):
    texts(host)
    assert host.ask.call_args.args == ("texts", "check")
    assert sorted(host.ask.call_args.kwargs["texts"]) == ["audit/audit_map_file", "haproxy_amphora/haproxy_template"]
    texts(host)
    files(host)["audit_map.conf"].chmod(0o600)
    texts(host)
    assert host.ask.call_count == 1
    host.tree["octavia"]["api"]["audit"]["map"] = "[path_keywords]"
    texts(host)
    path = str(files(host)["audit_map.conf"])
    assert host.ask.call_args.kwargs["texts"] == {"audit/audit_map_file": [path, "[path_keywords]\n"]}


def test_a_dry_run_on_an_empty_host_says_that_nothing_was_checked(host):
    error = CommandExecutionError("/usr/bin/python3 lacks the Python library jinja2")
    error.library = "jinja2"
    host.ask.side_effect = error
    ret = texts(host, test=True)
    assert ret["result"] is None
    assert ret["comment"].endswith(" would be written (not checked: /usr/bin/python3 lacks the Python library jinja2)")
    assert texts(host)["result"] is False


def test_a_file_of_ones_own_is_news_for_its_readers_too(tmp_path):
    own = tmp_path / "map.conf"
    own.write_text(MAP)
    answers = {"config": {"audit": {"audit_map_file": str(own)}}, "api:audit": {"enabled": True, "map": MAP}}
    host = Host(tmp_path, changed(shared(), **answers))
    text = host.conf.render(mask=False)
    host.conf_file.write_text(text)
    assert host.conf.files(text)[str(own)] is None
    before = host.conf.fingerprints("api")
    own.write_text(MAP + "\nlisteners = listener\n")
    assert host.conf.fingerprints("api") != before
    assert str(own) not in host.conf.fingerprints("worker")
