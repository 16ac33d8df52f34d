"""The states of the database: what they report is what they do, and nothing is looked at while nothing is due."""

from unittest.mock import create_autospec

import pytest
from salt.exceptions import CommandExecutionError

BOTH = pytest.mark.parametrize("test", [True, False])
DUMPED = {"dump of db1:3306/octavia": {"old": None, "new": "revision a1 of Octavia 11.0.0"}}
CHANGES = {"database octavia": {"old": None, "new": "utf8mb4, utf8mb4_general_ci"}}


@pytest.fixture
def db(load):
    """The execution module, autospecced: a call that it would refuse fails here too."""
    module = create_autospec(load("_modules/octavia_db"))
    module.due.return_value = True
    module.is_primary.return_value = True
    module.schema.return_value = {"current": "a1", "head": "b2", "empty": False, "ahead": False}
    return module


@pytest.fixture
def taken(load):
    """The state that dumps."""
    taken = create_autospec(load("_states/octavia_backup").taken)
    taken.return_value = {"name": "x", "result": True, "changes": DUMPED, "comment": "The database was dumped: x"}
    return taken


@pytest.fixture
def state(load, db, taken):
    names = ("present", "due", "schema", "is_primary", "upgrade", "confirm")
    salt = {f"octavia_db.{name}": getattr(db, name) for name in names}
    return load("_states/octavia_db", __salt__=salt, __states__={"octavia_backup.taken": taken}, __env__="base")


@BOTH
def test_a_missing_database_is_reported_alike_and_made_in_the_real_run_only(state, db, test):
    db.present.return_value = {"changes": CHANGES, "notes": []}
    state.__opts__ = {"test": test}
    ret = state.present("db")
    assert (ret["result"], ret["changes"]) == (None if test else True, CHANGES)
    db.present.assert_called_once_with(test=test, saltenv="base")


@BOTH
def test_a_database_in_order_changes_nothing_and_its_notes_are_told(state, db, test):
    db.present.return_value = {"changes": {}, "notes": ["Database octavia has latin1, and keeps it"]}
    state.__opts__ = {"test": test}
    ret = state.present("db")
    assert (ret["result"], ret["changes"]) == (True, {}) and "latin1" in ret["comment"]


@BOTH
def test_a_refused_admin_is_a_failed_state(state, db, test):
    db.present.side_effect = CommandExecutionError("Access denied: see pillar octavia:db:admin")
    state.__opts__ = {"test": test}
    ret = state.present("db")
    assert (ret["result"], ret["changes"]) == (False, {}) and "octavia:db:admin" in ret["comment"]


@BOTH
def test_a_library_that_this_run_would_install_fails_the_real_run_only(state, db, test):
    db.present.side_effect = CommandExecutionError("lacks pymysql")
    db.present.side_effect.library = "pymysql"
    state.__opts__ = {"test": test}
    assert state.present("db")["result"] is (None if test else False)


@BOTH
def test_nothing_is_looked_at_while_no_migration_is_due(state, db, test):
    db.due.return_value = False
    state.__opts__ = {"test": test}
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert not (db.schema.called or db.upgrade.called or db.confirm.called)


@BOTH
def test_a_schema_behind_is_dumped_and_migrated_on_the_primary(state, db, taken, test):
    state.__opts__ = {"test": test}
    taken.return_value["result"] = None if test else True
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"]) == (
        None if test else True,
        {"database schema": {"old": "a1", "new": "b2"}, **DUMPED},
    )
    assert db.upgrade.called is not test and "The database was dumped" in ret["comment"]
    taken.assert_called_once_with("schema", before_migration=True)


@BOTH
def test_without_a_dump_nothing_is_migrated(state, db, taken, test):
    state.__opts__ = {"test": test}
    taken.return_value.update(result=False, changes={}, comment="octavia:db:backup:directory: no room")
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "octavia:db:backup:directory: no room")
    db.upgrade.assert_not_called()


@BOTH
def test_an_empty_database_is_migrated_without_a_dump(state, db, taken, test):
    db.schema.return_value = {"current": None, "head": "b2", "empty": True, "ahead": False}
    state.__opts__ = {"test": test}
    ret = state.migrated("schema")
    assert ret["changes"] == {"database schema": {"old": None, "new": "b2"}}
    taken.assert_not_called()


@BOTH
@pytest.mark.parametrize("primary", [True, False])
def test_a_schema_at_head_is_noted_and_no_change(state, db, test, primary):
    db.is_primary.return_value = primary
    db.schema.return_value = {"current": "b2", "head": "b2", "empty": False, "ahead": False}
    state.__opts__ = {"test": test}
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert db.confirm.called is not test and not db.upgrade.called


@BOTH
def test_a_secondary_never_migrates_and_says_who_must(state, db, test):
    db.is_primary.return_value = False
    state.__opts__ = {"test": test}
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert all(word in ret["comment"] for word in ("a1", "b2", "octavia.db.offline_sync", "role primary"))
    assert not (db.upgrade.called or db.confirm.called)


@pytest.mark.parametrize("primary", [True, False])
def test_a_dry_run_on_an_empty_host_does_not_fail(state, db, primary):
    db.is_primary.return_value = primary
    db.schema.return_value = {"current": None, "head": "head", "empty": True, "ahead": False}
    state.__opts__ = {"test": True}
    ret = state.migrated("schema")
    assert ret["result"] is None
    assert ret["changes"] == ({"database schema": {"old": None, "new": "head"}} if primary else {})


@pytest.mark.parametrize("function", ["due", "schema", "upgrade"])
def test_an_error_of_the_migration_is_a_failed_state_without_changes(state, db, function):
    getattr(db, function).side_effect = CommandExecutionError("octavia-db-manage: no")
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "octavia-db-manage: no")


@BOTH
@pytest.mark.parametrize("primary", [True, False])
def test_a_schema_of_a_newer_octavia_is_left_alone(state, db, taken, test, primary):
    db.is_primary.return_value = primary
    db.schema.return_value = {"current": "c3", "head": "b2", "empty": False, "ahead": True}
    state.__opts__ = {"test": test}
    ret = state.migrated("schema")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].endswith("at c3, that of a newer Octavia than the one here: upgrade this host")
    assert not (taken.called or db.upgrade.called or db.confirm.called)
