"""The states of dumps: what they report is what they do."""

from unittest.mock import create_autospec

import pytest
from salt.exceptions import CommandExecutionError

BOTH = pytest.mark.parametrize("test", [True, False])
PLAN = {
    "database": "db1:3306/octavia", "directory": "/var/backups/octavia", "revision": "a1", "release": "11.0.0",
    "tool": "x", "views": [], "triggers": [], "empty": False,
    "bytes": 1, "free": 2, "faults": [], "due": True, "why": "",
}  # fmt: skip


@pytest.fixture
def backup(load):
    """The execution module, autospecced: a call that it would refuse fails here too."""
    module = create_autospec(load("_modules/octavia_backup"))
    module.plan.return_value = dict(PLAN)
    module.dump.return_value = {"path": "/var/backups/octavia/x.sql.gz"}
    return module


@pytest.fixture
def install(load):
    return create_autospec(load("_states/octavia_pkg").installed)


@pytest.fixture
def state(load, backup, install):
    salt = {"octavia_backup.plan": backup.plan, "octavia_backup.dump": backup.dump}
    return load("_states/octavia_backup", __salt__=salt, __states__={"octavia_pkg.installed": install}, __env__="base")


@BOTH
@pytest.mark.parametrize("before", [True, False])
def test_a_dump_that_is_due_is_reported_alike_and_made_in_the_real_run_only(state, backup, test, before):
    state.__opts__ = {"test": test}
    ret = state.taken("dump", before_migration=before)
    assert ret["result"] is (None if test else True)
    assert ret["changes"] == {"dump of db1:3306/octavia": {"old": None, "new": "revision a1 of Octavia 11.0.0"}}
    assert backup.dump.called is not test
    backup.plan.assert_called_once_with(before_migration=before, test=test, saltenv="base")


@BOTH
def test_what_is_left_out_is_told(state, backup, test):
    backup.plan.return_value.update(views=["v"], triggers=["t1", "t2"])
    state.__opts__ = {"test": test}
    assert state.taken("dump")["warnings"] == ["Not in the dump, since not Octavia's: view v, trigger t1, trigger t2"]


@BOTH
def test_no_dump_where_none_is_due(state, backup, test):
    backup.plan.return_value.update(due=False, why="The last dump is 5 seconds old: x")
    state.__opts__ = {"test": test}
    ret = state.taken("dump")
    assert (ret["result"], ret["changes"], ret["comment"]) == (True, {}, "The last dump is 5 seconds old: x")
    backup.dump.assert_not_called()


@BOTH
@pytest.mark.parametrize("works", [True, False])
def test_a_tool_that_is_missing_is_installed_first(state, backup, install, test, works):
    backup.plan.return_value["tool"] = None
    result = False if not works else None if test else True
    changes = {"default-mysql-client": {"old": "", "new": "1.1.0"}}
    install.return_value = {"name": "dump", "result": result, "changes": changes, "comment": "no network"}
    state.__opts__ = {"test": test}
    ret = state.taken("dump")
    install.assert_called_once_with("dump", roles=["backup"])
    assert ret["result"] is result and backup.dump.called is (result is True)
    assert set(ret["changes"]) == ({"default-mysql-client", "dump of db1:3306/octavia"} if works else set())


def test_what_this_run_would_install_leaves_a_dry_run_open(state, backup):
    backup.plan.return_value.update(due=False, why="To be seen when the packages are there: lacks pymysql")
    state.__opts__ = {"test": True}
    assert state.taken("dump")["result"] is None


@BOTH
def test_faults_fail_a_dry_run_too(state, backup, test):
    backup.plan.return_value.update(faults=["octavia:db:backup:directory: no room", "another"])
    state.__opts__ = {"test": test}
    ret = state.taken("dump")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "octavia:db:backup:directory: no room\nanother"
    backup.dump.assert_not_called()


def test_faults_of_a_dump_that_is_not_due_are_none(state, backup):
    backup.plan.return_value.update(due=False, why="kept", faults=["octavia:db:backup:directory: no room"])
    assert state.taken("dump", before_migration=True)["result"] is True


def test_a_dump_that_fails_is_a_failed_state_without_changes(state, backup):
    backup.dump.side_effect = CommandExecutionError("no")
    ret = state.taken("dump")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no")
