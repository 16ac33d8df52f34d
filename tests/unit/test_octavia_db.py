"""When a migration is due, what becomes of a killed one, and which line of an error the operator gets."""

import getpass
import hashlib
import json
import os
import stat
import sys
import types
from pathlib import Path
from unittest.mock import call, create_autospec

import pytest
from salt.exceptions import CommandExecutionError

PASSWORD = "p%w$'\"\\"
EMPTY = {"current": None, "head": "b2", "empty": True, "ahead": False}
HALF = {"current": "a1", "head": "b2", "empty": False, "ahead": False}
DONE = {"current": "b2", "head": "b2", "empty": False, "ahead": False}

LOG = """\
2026-11-22 17:36:56.768 76 CRITICAL octavia-db-manage [-] Unhandled error: sqlalchemy.exc.OperationalError: (x) (1, "")
2026-11-22 17:36:56.768 76 ERROR octavia-db-manage     raise exc
2026-11-22 17:36:56.768 76 ERROR octavia-db-manage sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) %s
2026-11-22 17:36:56.768 76 ERROR octavia-db-manage (Background on this error at: https://sqlalche.me/e/14/e3q8)
2026-11-22 17:36:56.768 76 ERROR octavia-db-manage \x1b[00m
"""


@pytest.fixture
def settings(tmp_path):
    return {
        "release": "11.0.0",
        "roles": ["api"],
        "state_dir": str(tmp_path / "state"),
        "conf_file": "/etc/octavia/octavia.conf",
        "user": getpass.getuser(),
        "db_manage": str(tmp_path / "octavia-db-manage"),
        "database": {
            "host": "db1", "port": 3306, "name": "octavia", "user": "octavia", "password": PASSWORD,
            "charset": "utf8mb4", "collation": "utf8mb4_general_ci", "grant_hosts": ["%", "DB1"],
        },
        "db": {"create": True, "admin": {"user": "root", "password": "root%"}},
    }  # fmt: skip


@pytest.fixture
def host(load):
    """octavia_host.call, autospecced; ``answers`` are what it returns or raises, in turn."""
    return create_autospec(load("_modules/octavia_host").call)


@pytest.fixture
def db(load, settings, host, monkeypatch):
    file = load("_modules/octavia_file")
    if os.getuid():
        # who is not root can give a file to nobody else
        monkeypatch.setattr(file, "_ids", lambda user, group: (os.getuid(), os.getgid()))
    salt = {
        "octavia_pillar.settings": lambda saltenv=None, mask=True: settings,
        "octavia_host.call": host,
        "octavia_file.note": file.note,
        "octavia_file.keep": file.keep,
        "octavia_log.error": load("_modules/octavia_log").error,
        "octavia_log.lines": load("_modules/octavia_log").lines,
        "octavia_backup.whole": create_autospec(load("_modules/octavia_backup").whole, return_value=None),
        "octavia_backup.begin": create_autospec(load("_modules/octavia_backup").begin),
    }
    module = load("_modules/octavia_db", __salt__=salt)
    monkeypatch.setattr(module, "_PATIENCE", 0)
    return module


@pytest.fixture
def manage(settings):
    """Write an octavia-db-manage that leaves its arguments beside itself; it is killed for a negative status."""

    def write(text="", status=0):
        script = f"#!{sys.executable}\nimport os, sys\nopen(sys.argv[0] + '.ran', 'w').write(' '.join(sys.argv[1:]))\n"
        program = Path(settings["db_manage"])
        end = f"sys.exit({status})" if status >= 0 else f"os.kill(os.getpid(), {-status})"
        program.write_text(f"{script}sys.stderr.write({text!r})\n{end}\n")
        program.chmod(0o755)

    return write


@pytest.fixture
def stamp(settings):
    """The note of the last migration."""
    return Path(settings["state_dir"], "db-sync.json")


def _noted(db, stamp, **more):
    """What a run that was killed has left."""
    db.confirm()
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), **more}))


def test_due_until_confirmed_and_again_for_another_release_or_database(db, settings, host, stamp):
    assert db.due()
    db.confirm()
    assert not db.due()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (stamp, stamp.parent)] == [0o600, 0o700]
    settings["release"] = "16.0.0"
    assert db.due()
    settings["release"] = "11.0.0"
    settings["database"]["host"] = "db2"
    assert db.due()
    host.assert_not_called()


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_damaged_stamp_means_due(db, stamp, text):
    db.confirm()
    stamp.write_text(text)
    assert db.due()


@pytest.mark.parametrize("database", [{}, None])
def test_a_pillar_without_a_database_is_due_and_no_error(db, settings, database):
    settings["database"] = database
    assert db.due()


@pytest.mark.parametrize(
    ("roles", "role", "primary"),
    [
        (["api"], None, True),
        (["api", "worker"], "primary", True),
        (["api"], "secondary", False),
        (["worker"], "primary", False),
    ],
)
def test_the_primary_is_an_api_host_that_is_not_secondary(db, settings, roles, role, primary):
    settings.update(roles=roles, api={"role": role})
    assert db.is_primary() is primary


def test_a_migration_runs_once_and_is_noted(db, settings, host, manage, stamp):
    manage()
    host.side_effect = [EMPTY, DONE]
    assert db.upgrade() == DONE
    arguments = Path(settings["db_manage"] + ".ran").read_text()
    assert arguments == "--config-file /etc/octavia/octavia.conf upgrade head"
    assert not db.due()
    assert json.loads(stamp.read_text()) == {"release": "11.0.0", "database": "db1:3306/octavia"}


def test_a_failed_migration_stays_due_and_gives_its_one_line(db, host, manage, stamp):
    manage(LOG % "(2003, \"Can't connect to MySQL server on 'db1'\")", 1)
    host.side_effect = [EMPTY]
    with pytest.raises(CommandExecutionError) as caught:
        db.upgrade()
    assert str(caught.value) == (
        "octavia-db-manage: sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError)"
        " (2003, \"Can't connect to MySQL server on 'db1'\"): see pillar octavia:database:host"
    )
    assert db.due() and json.loads(stamp.read_text())["from_empty"] is True


def test_a_migration_that_is_killed_stays_due_and_says_by_what(db, host, manage):
    manage(status=-9)
    host.side_effect = [EMPTY]
    with pytest.raises(CommandExecutionError, match="^octavia-db-manage was killed by signal 9: apply again$"):
        db.upgrade()
    assert db.due()


def test_a_first_migration_that_was_killed_starts_over(db, host, manage, stamp):
    manage()
    _noted(db, stamp, from_empty=True)
    host.side_effect = [HALF, None, DONE]
    db.upgrade()
    assert [call.args[1] for call in host.call_args_list] == ["schema", "clear", "schema"]


@pytest.mark.parametrize("earlier", [{}, {"from_empty": False}, {"from_empty": True, "database": "other:3306/octavia"}])
def test_no_other_schema_is_ever_cleared(db, host, manage, stamp, earlier):
    manage()
    if earlier:
        _noted(db, stamp, **earlier)
    host.side_effect = [HALF, DONE]
    db.upgrade()
    assert [call.args[1] for call in host.call_args_list] == ["schema", "schema"]


def test_a_migration_that_outlived_its_run_is_waited_for(db, settings):
    lock = db.alone()
    with pytest.raises(CommandExecutionError, match="still at work"):
        db.upgrade()
    os.close(lock)


@pytest.mark.parametrize("from_empty", [True, False])
def test_it_is_noted_that_a_migration_of_tables_begins(db, host, manage, stamp, from_empty):
    manage()
    _noted(db, stamp, from_empty=from_empty)
    host.side_effect = [HALF, None, DONE] if from_empty else [HALF, DONE]
    db.upgrade()
    begin = db.__salt__["octavia_backup.begin"]
    assert begin.call_args_list == ([] if from_empty else [call("a1", "b2", saltenv=None)])


def test_a_database_that_is_not_whole_is_not_looked_at(db, host):
    db.__salt__["octavia_backup.whole"].side_effect = CommandExecutionError("not whole")
    with pytest.raises(CommandExecutionError, match="not whole"):
        db.schema()
    host.assert_not_called()


def test_without_octavia_only_a_dry_run_has_an_answer(db, settings, host):
    settings["release"] = None
    assert db.schema(test=True) == {"current": None, "head": "head", "empty": True, "ahead": False}
    with pytest.raises(CommandExecutionError, match="not installed"):
        db.schema()
    host.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_a_database_that_this_run_would_make_counts_as_empty_in_a_dry_run(db, host, test):
    db.schema(test=test)
    assert host.call_args.kwargs["may_be_missing"] is test


@pytest.mark.parametrize("test", [True, False])
def test_a_new_database_makes_a_migration_due(db, settings, host, test):
    db.confirm()
    host.return_value = {"changes": {"database octavia": {"old": None, "new": "utf8mb4"}}, "notes": []}
    db.present(test=test)
    assert db.due() is not test
    assert host.call_args.kwargs["hosts"] == ["%", "db1"]


@pytest.mark.parametrize("key", ["user", "password"])
def test_a_missing_admin_key_is_named(db, settings, key):
    del settings["db"]["admin"][key]
    with pytest.raises(CommandExecutionError, match=f"octavia:db:admin:{key}$"):
        db.present()


def test_a_socket_needs_no_password(db, settings, host):
    settings["db"]["admin"] = {"socket": "/run/mysqld/mysqld.sock"}
    db.present(test=True)
    assert host.call_args.kwargs["admin"] == {"user": "root", "socket": "/run/mysqld/mysqld.sock"}


@pytest.mark.parametrize(
    ("line", "function", "key"),
    [
        ('OperationalError: (1045, "Access denied")', "ping", "octavia:database:password"),
        ('OperationalError: (1698, "Access denied")', "ping", "octavia:database:password"),
        ('OperationalError: (1049, "Unknown database")', "ping", "octavia:database:name"),
        ('OperationalError: (2003, "Can\'t connect")', "ping", "octavia:database:host"),
        ('OperationalError: (2003, "[SSL: CERTIFICATE_VERIFY_FAILED]")', "ping", "octavia:database:ssl"),
        ('OperationalError: (1045, "Access denied")', "present", "octavia:db:admin"),
    ],
)
def test_an_error_of_the_server_names_the_pillar_key(db, host, line, function, key):
    host.side_effect = CommandExecutionError(line)
    with pytest.raises(CommandExecutionError) as caught:
        getattr(db, function)()
    assert str(caught.value) == f"{line}: see pillar {key}"


@pytest.mark.parametrize("function", ["heartbeats", "unsettled", "refresh_heartbeats", "ping"])
def test_what_is_asked_of_the_server_is_asked_as_octavia(db, settings, host, function):
    host.return_value = [{"id": "a"}]
    getattr(db, function)()
    assert host.call_args.args == ("db", function)
    assert host.call_args.kwargs["server"] == settings["database"]


# --- octavia/host/db.py, as far as it needs no server


@pytest.fixture
def remote(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymysql", types.SimpleNamespace(MySQLError=OSError))
    return load("octavia/host/db")


def _never():
    raise AssertionError("the hash must tell")


@pytest.mark.parametrize("password", [PASSWORD, "", "x" * 80])
def test_a_native_hash_tells_whether_the_password_is_right(remote, password):
    stored = "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()  # noqa: S324
    assert remote._password_is(password, "mysql_native_password", stored, _never)
    assert not remote._password_is(password + "!", "mysql_native_password", stored, _never)


def test_a_caching_sha2_hash_of_mysql_8_tells_too(remote):
    salt = bytes.fromhex("F9CC98CE08892924F50A213B6BC571A2C11778C5")
    assert remote._sha256_crypt(b"hashcat", salt, 5000) == "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"
    stored = "$A$005$" + "s" * 20 + remote._sha256_crypt(PASSWORD.encode(), b"s" * 20, 5000)
    assert remote._password_is(PASSWORD, "caching_sha2_password", stored, _never)
    assert not remote._password_is("other", "caching_sha2_password", stored, _never)


def test_names_are_quoted_for_sql_and_for_grant(remote):
    assert remote._name("a`b") == "`a``b`"
    assert remote._pattern("my_octavia%\\") == "my\\_octavia\\%\\\\"


def test_load_balancers_that_are_in_hand_or_broken_are_asked_for_at_once(remote, monkeypatch):
    """The statement itself is for a real server."""
    rows = [{"id": "a", "name": "web", "status": "PENDING_UPDATE", "seconds": 9}]
    seen = []

    class Connection:
        closed = False

        def cursor(self, kind):
            seen.append(kind)
            return self

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def execute(self, sql):
            seen.append(sql)

        def fetchall(self):
            return tuple(rows)

        def close(self):
            Connection.closed = True

    monkeypatch.setattr(remote.pymysql, "connect", lambda **kwargs: Connection(), raising=False)
    monkeypatch.setattr(remote.pymysql, "cursors", types.SimpleNamespace(DictCursor="a dict for a row"), raising=False)
    server = {"host": "db1", "port": 3306, "name": "octavia", "user": "octavia", "password": PASSWORD}
    assert remote.unsettled(server) == rows
    assert Connection.closed
    kind, sql = seen
    assert kind == "a dict for a row"
    assert "provisioning_status LIKE 'PENDING%' OR provisioning_status = 'ERROR'" in sql
    assert "UTC_TIMESTAMP" in sql
