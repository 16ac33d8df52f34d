"""The state that writes octavia.conf: a dry run tells the truth, secrets stay hidden, the file is whole or the old."""

import copy
import re

import pytest
from formula import Host, changed, pillar, shared
from test_octavia_file import full_disk


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, shared())


def _managed(host, test=False, **answers):
    """The state on the next run, once the pillar is as said."""
    if answers:
        host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]
    host.again()
    host.opts["test"] = test
    return host.state("octavia_conf").managed("octavia_conf")


def _mode(host):
    return f"{host.conf_file.stat().st_mode & 0o7777:04o}"


def test_a_missing_file_is_written_and_the_second_run_changes_nothing(host):
    ret = _managed(host)
    assert ret["result"] is True
    assert ret["comment"].startswith(f"{host.conf_file} written\n--- octavia.conf\n+++ octavia.conf\n [DEFAULT]\n")
    assert host.conf_file.read_text() == host.conf.render(mask=False)
    assert _mode(host) == "0640"
    assert all(change["old"] is None for change in ret["changes"].values())
    again = _managed(host)
    assert (again["result"], again["changes"]) == (True, {})
    assert again["comment"] == f"{host.conf_file} is as the pillar says"


@pytest.mark.parametrize(
    "answers",
    [
        {"api:bind:port": 9877},
        {"database:password": "another"},
        {"debug": True, "cache:members": [{"host": "mc"}]},
        {"manager:enabled": False},
        {"config": {"new_section": {"option": [1, 2]}}},
    ],
)
@pytest.mark.parametrize("fresh", [True, False], ids=["no file", "old file"])
def test_a_dry_run_announces_what_the_real_run_does_and_writes_nothing(host, answers, fresh):
    if not fresh:
        _managed(host)
    before = host.conf_file.read_text() if not fresh else None
    dry = _managed(host, test=True, **copy.deepcopy(answers))
    assert dry["result"] is None
    assert dry["comment"].startswith(f"{host.conf_file} would be written\n--- octavia.conf")
    assert (host.conf_file.read_text() if host.conf_file.exists() else None) == before
    real = _managed(host)
    assert real["result"] is True
    assert dry["changes"] == real["changes"] != {}


def test_a_change_is_shown_option_by_option(host):
    _managed(host)
    ret = _managed(host, **{"api:bind:port": 9877, "config": {"nova": {"enable_anti_affinity": True}}})
    assert ret["changes"] == {
        "api_settings/bind_port": {"old": "9876", "new": "9877"},
        "nova/enable_anti_affinity": {"old": None, "new": "true"},
    }


def test_the_comment_is_a_unified_diff_of_options(host):
    _managed(host)
    answers = {"api:bind:port": 9877, "debug": True, "config": {"nova": {"enable_anti_affinity": True}}}
    assert _managed(host, **answers)["comment"].splitlines()[1:] == [
        "--- octavia.conf",
        "+++ octavia.conf",
        " [DEFAULT]",
        "-debug = false",
        "+debug = true",
        " [api_settings]",
        "-bind_port = 9876",
        "+bind_port = 9877",
        " [nova]",
        "+enable_anti_affinity = true",
    ]


def test_of_a_secret_only_the_fact_of_its_change_is_shown(host):
    _managed(host)
    ret = _managed(host, **{"database:password": "another", "identity:password": "another"})
    assert ret["changes"]["keystone_authtoken/password"] == {"old": "(hidden)", "new": "(hidden, changed)"}
    url = "mysql+pymysql://octavia:{}@db.example.org:3306/octavia"
    assert ret["changes"]["database/connection"] == {
        "old": url.format("(hidden)"),
        "new": url.format("(hidden, changed)"),
    }
    answers = {"cache:members": ["mc"], "cache:security": {"enabled": True, "secret_key": "a-new-secret"}}
    ret = _managed(host, **answers)
    assert ret["changes"]["keystone_authtoken/memcache_secret_key"] == {"old": None, "new": "(hidden)"}
    assert "a-new-secret" not in str(ret)


def test_another_server_is_shown_though_its_password_is_not(host):
    _managed(host)
    answers = {"message_queue:members": [{"host": "mq1"}, {"host": "::1"}]}
    assert _managed(host, **answers)["changes"]["DEFAULT/transport_url"] == {
        "old": "rabbit://openstack:(hidden)@mq.example.org:5672/%2F",
        "new": "rabbit://openstack:(hidden)@mq1:5672,openstack:(hidden)@[::1]:5672/%2F",
    }


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize("name", ["external", "all_in_one", "manager_single"])
def test_no_secret_of_a_pillar_is_in_what_the_state_returns(tmp_path, name, test):
    host = Host(tmp_path, pillar(name), test=test)
    shown = str(host.state("octavia_conf").managed("octavia_conf"))
    keys = host.pillar.data()["conf"]["keys"]
    secrets = [value for key, value in host.pillar.values().items() if keys[key].get("secret")]
    assert secrets
    assert not [secret for secret in secrets if secret in shown]


def test_what_somebody_wrote_by_hand_is_replaced_and_his_secrets_are_not_shown(host):
    text = "[database]\nconnection: mysql://octavia:hunter2@h/d?a=b\n[neutron]\npassword=hunter2\n"
    host.conf_file.write_text(text + "stray hunter2\n")
    ret = _managed(host)
    shown = ret["changes"]["database/connection"]
    assert shown["old"] == "(hidden)" and shown["new"].startswith("mysql+pymysql://octavia:(hidden)@")
    assert ret["changes"]["neutron/password"] == {"old": "(hidden)", "new": None}
    assert "hunter2" not in str(ret)
    assert "hunter2" not in host.conf_file.read_text()


@pytest.mark.parametrize("test", [True, False])
def test_a_file_in_another_encoding_is_replaced_like_any_other(host, test):
    host.conf_file.write_bytes(b"# f\xfcr Octavia\n[DEFAULT]\ndebug = \xe4\n")
    ret = _managed(host, test=test)
    assert ret["result"] is (None if test else True)
    assert ret["changes"]["DEFAULT/debug"]["new"] == "false"


def test_other_comments_and_another_order_are_no_change(host):
    _managed(host)
    text = "# by hand\n\n" + host.conf_file.read_text().replace("debug = false", "# a remark\ndebug=false")
    sections = text.split("\n\n")
    text = "\n\n".join([sections[0], *reversed(sections[1:])])
    host.conf_file.write_text(text)
    host.conf_file.chmod(0o640)
    assert _managed(host)["changes"] == _managed(host, test=True)["changes"] == {}
    assert host.conf_file.read_text() == text


# --- the gate


def _finding(**changes):
    return {"option": "api_settings/bind_port", "level": "fault", "what": "is 0", "allowed": "1 to 65535"} | changes


@pytest.mark.parametrize("test", [True, False])
def test_a_file_with_a_fault_never_replaces_the_one_that_is_there(host, test):
    _managed(host)
    before = host.conf_file.read_text()
    host.finds(_finding(), _finding(level="warning"))
    ret = _managed(host, test=test, **{"api:bind:port": 9877})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "octavia:api:bind:port (api_settings/bind_port): is 0; 1 to 65535"
    assert host.conf_file.read_text() == before
    assert "octavia_conf.pending" not in host.context


def test_a_warning_stays_said_while_nothing_changes(host):
    host.finds(_finding(level="warning", what="is deprecated", allowed=""))
    line = ["octavia:api:bind:port (api_settings/bind_port): is deprecated"]
    assert _managed(host)["warnings"] == line
    assert _managed(host)["warnings"] == line
    assert host.ask.call_count == 1


def test_a_dry_run_on_an_empty_host_says_that_nothing_was_checked(host):
    from salt.exceptions import CommandExecutionError

    error = CommandExecutionError("/usr/bin/python3 lacks the Python library octavia")
    error.library = "octavia"
    host.ask.side_effect = error
    ret = _managed(host, test=True)
    assert ret["result"] is None
    assert ret["comment"].splitlines()[0].endswith("(not checked: /usr/bin/python3 lacks the Python library octavia)")
    assert _managed(host)["result"] is False


def test_a_drift_of_the_mode_is_repaired(host):
    _managed(host)
    host.conf_file.chmod(0o644)
    dry, real = _managed(host, test=True), _managed(host)
    assert dry["changes"] == real["changes"] == {"mode": {"old": "0644", "new": "0640"}}
    assert (dry["result"], real["result"]) == (None, True)
    assert _mode(host) == "0640"


def test_a_full_disk_is_one_line_and_the_old_file_stays(host):
    _managed(host)
    before = host.conf_file.read_text()
    with full_disk():
        ret = _managed(host, **{"debug": True})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert re.fullmatch(r"\S+: cannot be written: File too large", ret["comment"])
    assert host.conf_file.read_text() == before
    assert sorted(entry.name for entry in host.conf_file.parent.iterdir()) == ["octavia.conf"]


def test_a_group_that_the_packages_would_have_made_does_not_trouble_a_dry_run(host):
    host.opts["test"] = True
    host.tree["octavia"]["host"]["group"] = "no-such-group"
    ret = host.state("octavia_conf").managed("octavia_conf")
    assert ret["result"] is None
    assert not host.conf_file.exists()


def test_octavia_that_is_nowhere_is_one_line(tmp_path):
    host = Host(tmp_path, shared(), octavia=None)
    ret = _managed(host)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith("Octavia is not installed")


@pytest.mark.parametrize("test", [True, False])
def test_only_a_dry_run_leaves_word_of_what_is_about_to_be(host, test):
    _managed(host, test=test)
    pending = host.context.get("octavia_conf.pending", {})
    assert pending == ({str(host.conf_file): host.conf.render(mask=False)} if test else {})
