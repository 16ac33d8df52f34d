"""The state that writes policy.yaml; what Octavia and oslo.policy would say stands in for them."""

from unittest import mock

import pytest
from formula import GONE, Host, changed, shared
from salt.exceptions import CommandExecutionError

READ = "load-balancer:read"
CHANGE = {READ: {"old": "rule:a or rule:b", "new": "role:a"}}
ANSWER = {"faults": [], "changes": CHANGE, "followers": 22}


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path, changed(shared(), policy={"rules": {READ: "role:a"}}))
    host.answer = host.salt["octavia_host.call"] = mock.Mock(return_value=ANSWER)
    host.policy_file = host.root / "etc" / "policy.yaml"
    return host


def managed(host, test=False, policy=None):
    """The state on the next run, once the pillar is as said."""
    if policy is not None:
        host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, policy=policy)["octavia"]
    host.answer.return_value = {**ANSWER, "changes": dict(CHANGE)}
    host.again()
    host.opts["test"] = test
    return host.state("octavia_policy").managed("octavia_policy")


def test_a_dry_run_shows_what_the_real_run_does_and_writes_nothing(host):
    dry = managed(host, test=True)
    assert (dry["result"], dry["changes"]) == (None, CHANGE)
    assert dry["comment"] == f"{host.policy_file} would be written; 22 rules that refer to these follow"
    assert not host.policy_file.exists()
    real = managed(host)
    assert (real["result"], real["changes"]) == (True, dry["changes"])
    assert host.policy_file.read_text() == host.policy.render()
    assert f"{host.policy_file.stat().st_mode & 0o7777:04o}" == "0640"


def test_a_converged_run_asks_nobody(host):
    managed(host)
    host.answer.reset_mock()
    ret = managed(host)
    assert (ret["result"], ret["changes"]) == (True, {})
    host.answer.assert_not_called()


def test_another_release_has_the_rules_checked_again(host):
    managed(host)
    host.answer.reset_mock()
    host.install("16.0.0")
    assert managed(host)["result"] is True
    host.answer.assert_called_once()


def test_octavia_is_asked_about_the_policy_that_counts_now_and_told_no_secret(host):
    host.conf_file.write_text("[oslo_policy]\npolicy_file = old.yaml\n[database]\nconnection = mysql://o:s3cret@h/d\n")
    managed(host)
    [call] = host.answer.call_args_list
    assert call.args == ("policy", "compare")
    assert call.kwargs["old"] == {"policy_file": "old.yaml"}
    assert call.kwargs["new"] == {"policy_file": str(host.policy_file)}
    assert call.kwargs["text"] == host.policy.render()
    assert "s3cret" not in str(call) and "pw-of" not in str(call)


@pytest.mark.parametrize("test", [True, False])
def test_faults_are_one_line_each_with_their_key_and_the_good_file_stays(host, test):
    managed(host)
    good = host.policy_file.read_text()
    host.answer.return_value = None
    host.opts["test"] = test
    host.tree["octavia"]["policy"] = {"profile": "advanced", "rules": {"load-balancer:wrte": "role:a"}}
    host.again()
    faults = [["load-balancer:wrte", "is no rule"], ["load-balancer:owner", "has no effect"]]
    host.answer.return_value = {"faults": faults, "changes": {}, "followers": 0}
    ret = host.state("octavia_policy").managed("octavia_policy")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].splitlines() == [
        "octavia:policy:rules:load-balancer:wrte: is no rule",
        "octavia:policy:profile: rule load-balancer:owner has no effect",
    ]
    assert host.policy_file.read_text() == good


def test_an_octavia_that_cannot_be_asked_leaves_the_file(host):
    managed(host)
    good = host.policy_file.read_text()
    host.answer.side_effect = CommandExecutionError("python3 lacks the Python library oslo_policy")
    ret = managed(host, policy={"rules": {READ: "role:b"}})
    assert (ret["result"], ret["comment"]) == (False, "python3 lacks the Python library oslo_policy")
    assert host.policy_file.read_text() == good


def test_before_the_packages_are_there_a_dry_run_says_what_would_be(host):
    host.install(None)
    host.salt["pkg.latest_version"].return_value = "11.0.0-2"
    ret = managed(host, test=True)
    assert (ret["result"], ret["changes"]) == (None, {READ: {"old": None, "new": "role:a"}})
    assert ret["comment"].endswith("would be written, once Octavia is installed and has accepted the rules")
    host.answer.assert_not_called()
    assert managed(host)["comment"] == "Octavia is not installed here: apply octavia.api"


def test_a_text_that_decides_the_same_is_a_change_of_the_text(host):
    host.policy_file.write_text("# by hand\n")
    host.policy_file.chmod(0o640)
    host.opts["test"] = True
    host.answer.return_value = {"faults": [], "changes": {}, "followers": 0}
    ret = host.state("octavia_policy").managed("octavia_policy")
    assert ret["changes"] == {"text": {"old": "other rules that decide the same", "new": "as the pillar says"}}


def test_a_drift_of_the_mode_is_repaired(host):
    managed(host)
    host.policy_file.chmod(0o644)
    dry, real = managed(host, test=True), managed(host)
    assert dry["changes"] == real["changes"] == {"mode": {"old": "0644", "new": "0640"}}
    assert f"{host.policy_file.stat().st_mode & 0o7777:04o}" == "0640"


# --- the pillar falls silent


def test_what_somebody_else_wrote_is_left_alone_while_the_pillar_says_nothing(host):
    theirs = '# Managed by Salt. Local changes will be lost.\n"load-balancer:read": "role:mine"\n'
    host.policy_file.write_text(theirs)
    ret = managed(host, policy=GONE)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert host.policy_file.read_text() == theirs
    host.answer.assert_not_called()


def test_what_the_formula_wrote_goes_when_the_pillar_wants_it_no_more(host):
    managed(host)
    dry = managed(host, test=True, policy=GONE)
    assert (dry["result"], dry["changes"]) == (None, CHANGE)
    assert host.policy_file.exists()
    assert host.answer.call_args.kwargs["text"] == ""
    real = managed(host)
    assert (real["result"], real["changes"]) == (True, dry["changes"])
    assert real["comment"].startswith(f"{host.policy_file} removed")
    assert not host.policy_file.exists()


def test_a_host_without_the_api_gets_no_file_and_keeps_the_one_it_has(host):
    on = host.tree["octavia"]["api"]
    host.tree["octavia"]["api"] = {"enabled": False}
    assert managed(host)["changes"] == {}
    assert not host.policy_file.exists()
    host.tree["octavia"]["api"] = on
    managed(host)
    host.tree["octavia"]["api"] = {"enabled": False}
    assert managed(host)["changes"] == {}
    assert host.policy_file.exists()
