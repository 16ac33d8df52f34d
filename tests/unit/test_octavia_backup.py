"""
Dumps and the way back, with tools that stand for MariaDB's: what is written, what is kept, what is refused. Whether
MariaDB's own understand it is shown in the lab.
"""

import getpass
import gzip
import hashlib
import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError

PASSWORD = " p%w$'\"\\n#`; "
TEXT = b"-- MariaDB dump\nCREATE TABLE a;\n" + b"INSERT INTO a VALUES (1);\n" * 20000 + b"-- Dump completed\n"
OLD, NEW, HALF = "a1", "c3", "b2"

TOOL = """\
#!{python}
import json, os, sys
home = {home!r}
name = os.path.basename(sys.argv[0])
if "--version" in sys.argv:
    print(open(home + "/version").read())
    sys.exit()
assert sys.argv[1].startswith("--defaults-file=")
path = sys.argv[1].partition("=")[2]
said = dict(argv=sys.argv, options=open(path).read(), mode=oct(os.stat(path).st_mode), environment=dict(os.environ))
with open(home + "/" + name + ".said", "w") as file:
    json.dump(said, file)
script = home + "/" + name + ".script"
if os.path.exists(script):
    exec(open(script).read())
elif name.endswith("dump"):
    sys.stdout.buffer.write(open(home + "/text", "rb").read())
else:
    loaded = sys.stdin.buffer.read()
    open(home + "/loaded", "wb").write(loaded)
"""


class Server:
    """What octavia/host/db.py finds, and what it was asked."""

    def __init__(self, home):
        self.current, self.head, self.empty, self.bytes, self.users = OLD, OLD, False, 1000, []
        self.asked, self.fault, self.loads, self.views = [], None, OLD, []
        self.loaded = home / "loaded"

    def call(self, module, function, timeout=300, saltenv=None, **kwargs):
        assert module == "db"
        self.asked.append(function)
        if self.fault:
            raise CommandExecutionError(self.fault)
        if function == "contents":
            tables = [] if self.empty else ["a", "b`c"]
            found = {"current": self.loads if self.dropped else self.current, "bytes": self.bytes, "tables": tables}
            return {**found, "users": self.users, "views": self.views, "triggers": []}
        assert function == "schema"
        return {"current": self.loads if self.dropped else self.current, "head": self.head, "empty": self.empty}

    @property
    def dropped(self):
        return self.loaded.exists()


@pytest.fixture
def server(home):
    return Server(home)


@pytest.fixture
def settings(tmp_path):
    return {
        "release": "11.0.0", "roles": ["api"], "user": getpass.getuser(), "conf_file": "/etc/octavia/octavia.conf",
        "state_dir": str(tmp_path / "state"), "db_manage": "/bin/true", "units": {"api": "octavia-api"},
        "database": {"host": "db1", "port": 3306, "name": "octavia", "user": "octavia", "password": PASSWORD},
        "db": {"backup": {"directory": str(tmp_path / "backups"), "keep": 3, "max_age": 86400}},
    }  # fmt: skip


@pytest.fixture
def running():
    """Units that run."""
    return set()


@pytest.fixture
def home(tmp_path):
    """Tools of the database; `home/<tool>.script` is Python that one of them runs instead."""
    home = tmp_path / "tools"
    home.mkdir()
    for name in ("mariadb-dump", "mariadb"):
        (home / name).write_text(TOOL.format(python=sys.executable, home=str(home)))
        (home / name).chmod(0o755)
    (home / "text").write_bytes(TEXT)
    (home / "version").write_text("mariadb-dump from 11.8.2-MariaDB, client 10.19")
    return home


@pytest.fixture
def salt():
    return {}


@pytest.fixture
def db(load, salt):
    return load("_modules/octavia_db", __salt__=salt)


@pytest.fixture
def backup(load, settings, server, running, home, salt, db, monkeypatch):
    file = load("_modules/octavia_file")
    if os.getuid():
        # who is not root can give a file to nobody else
        monkeypatch.setattr(file, "_ids", lambda user, group: (os.getuid(), os.getgid()))
    module = load("_modules/octavia_backup", __salt__=salt)
    salt.update(
        {
            "octavia_pillar.settings": lambda saltenv=None, mask=True: settings,
            "octavia_host.call": server.call,
            "octavia_file.note": file.note,
            "octavia_file.keep": file.keep,
            "octavia_service.status": lambda unit, fresh=False: {"running": unit in running},
        }
    )
    for name in ("is_primary", "due", "schema", "contents", "noted", "forget", "alone", "explained", "confirm"):
        salt[f"octavia_db.{name}"] = getattr(db, name)
    for name in ("plan", "dump", "latest", "migrated", "begin", "done", "whole", "restore"):
        salt[f"octavia_backup.{name}"] = getattr(module, name)
    monkeypatch.setattr(module, "_PATH", str(home))
    monkeypatch.setattr(module, "_LINGER", 0)
    monkeypatch.setattr(db, "_PATIENCE", 0)
    return module


def files(settings):
    directory = Path(settings["db"]["backup"]["directory"])
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def note(settings):
    path = Path(settings["state_dir"], "backup.json")
    return json.loads(path.read_text()) if path.exists() else None


def said(home, tool="mariadb-dump"):
    return json.loads((home / f"{tool}.said").read_text())


def older(settings, seconds, path=None):
    """Let a dump, or the noted one, be older: its time is in its name."""
    path = Path(path or note(settings)["path"])
    stem = path.name.removesuffix(".sql.gz").rpartition("-")[0]
    taken = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - seconds))
    new = path.rename(path.with_name(f"{stem}-{taken}.sql.gz"))
    kept = note(settings)
    if kept["path"] == str(path):
        Path(settings["state_dir"], "backup.json").write_text(json.dumps({**kept, "path": str(new)}))
    return new


# --- a dump


def test_a_dump_is_whole_private_and_noted(backup, settings):
    made = backup.dump()
    path = Path(made["path"])
    assert gzip.decompress(path.read_bytes()) == TEXT
    assert made["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name.startswith("octavia-11.0.0-a1-") and path.name.endswith("Z.sql.gz")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    assert made.pop("noted") is True
    assert note(settings) == made == backup.latest()
    assert {made["revision"], made["release"], made["database"]} == {OLD, "11.0.0", "db1:3306/octavia"}
    assert files(settings) == [path.name]


def test_no_secret_in_arguments_environment_or_note(backup, settings, home):
    backup.dump()
    found = said(home)
    assert "p%w" not in repr(found["argv"]) + repr(found["environment"]) + repr(note(settings))
    assert found["mode"] == "0o100600" and found["argv"][-2:] == ["--", "octavia"]
    assert set(found["environment"]) - {"LC_CTYPE"} == {"PATH", "LANG"}


def test_what_is_not_octavias_is_left_out(backup, server, home):
    server.views = ["looks"]
    backup.dump()
    assert {"--skip-triggers", "--ignore-table=octavia.looks"} <= set(said(home)["argv"])


def option_file(text):
    """An option file as mysys/my_default.c reads one: comments, blanks, quotes, escapes."""
    found = {}
    for line in text.splitlines():
        quote, escape, end = "", False, len(line)
        for place, char in enumerate(line):
            if char in "'\"" and not escape:
                quote = char if not quote else "" if quote == char else quote
            if not quote and char == "#":
                end = place
                break
            escape = bool(quote) and char == "\\" and not escape
        name, equals, value = line[:end].partition("=")
        value = value.strip()
        if not equals:
            continue
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        out, chars = "", iter(value)
        for char in chars:
            if char == "\\":
                nxt = next(chars, "")
                out += {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " "}.get(
                    nxt, nxt if nxt in "\"'\\" else f"\\{nxt}"
                )
            else:
                out += char
        found[name.strip()] = out
    return found


PRINTABLE = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize("password", [PASSWORD, PRINTABLE, PRINTABLE[::-1], "\\", '"', "'", "#", " ", "\\s\\\\", '"a"'])
def test_any_password_gets_through_an_option_file(backup, settings, password):
    settings["database"]["password"] = password
    found = option_file(backup._options(settings["database"], mariadb=True))
    assert found["password"] == password
    assert (found["host"], found["port"], found["protocol"]) == ("db1", "3306", "tcp")


@pytest.mark.parametrize(
    ("mariadb", "ssl", "wanted"),
    [
        (True, None, {"ssl": "0"}),
        (True, {"enabled": False, "ca": "/ca"}, {"ssl": "0"}),
        (True, {"enabled": True, "ca": "/ca"}, {"ssl": "1", "ssl-ca": "/ca", "ssl-verify-server-cert": "1"}),
        (True, {"enabled": True}, {"ssl": "1", "ssl-verify-server-cert": "0"}),
        (False, None, {}),
        (
            False,
            {"enabled": True, "ca": "/ca", "cert": "/c", "key": "/k"},
            {"ssl-mode": "VERIFY_IDENTITY", "ssl-ca": "/ca", "ssl-cert": "/c", "ssl-key": "/k"},
        ),
    ],
)
def test_tls_is_that_of_octavia(backup, settings, mariadb, ssl, wanted):
    settings["database"]["ssl"] = ssl
    found = option_file(backup._options(settings["database"], mariadb))
    assert {name: value for name, value in found.items() if name.startswith("ssl")} == wanted
    assert ("loose-set-gtid-purged" in found) is not mariadb


def test_both_pairs_of_tools_will_do_but_no_half(backup, home):
    assert backup.plan()["tool"] == str(home / "mariadb-dump")
    (home / "mariadb").rename(home / "mysql")
    found = backup.plan()
    assert found["tool"] is None and found["faults"] == []
    with pytest.raises(CommandExecutionError, match="octavia.db.backup installs one"):
        backup.dump()
    (home / "mariadb-dump").rename(home / "mysqldump")
    assert [Path(tool).name for tool in backup._tools()] == ["mysqldump", "mysql"]


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (
            "sys.stderr.write('Warning: x\\nmariadb-dump: Got error: 1045: \"Denied\" when trying\\n'); sys.exit(2)",
            'mariadb-dump: Got error: 1045: "Denied" when trying: see pillar octavia:database:password',
        ),
        (
            "sys.stderr.write('mariadb-dump: Got error: 2026: \"TLS/SSL error: no\" when\\n'); sys.exit(2)",
            'mariadb-dump: Got error: 2026: "TLS/SSL error: no" when: see pillar octavia:database:ssl',
        ),
        (
            "sys.stdout.write('x' * 99999); sys.stdout.flush(); sys.stderr.write('Lost connection'); sys.exit(3)",
            "mariadb-dump: Lost connection",
        ),
        ("sys.exit(3)", "mariadb-dump: exit status 3"),
        ("print('CREATE TABLE a;')", "mariadb-dump ended before the dump was complete"),
        ("os.kill(os.getpid(), 9)", "mariadb-dump was killed by signal 9"),
    ],
)
def test_a_dump_that_fails_leaves_nothing_and_says_why(backup, settings, home, script, line):
    kept = backup.dump()
    (home / "mariadb-dump.script").write_text(script)
    with pytest.raises(CommandExecutionError) as caught:
        backup.dump()
    assert str(caught.value) == line
    assert files(settings) == [Path(kept["path"]).name] and backup.latest()["path"] == kept["path"]


def test_a_tool_that_hangs_is_killed(backup, settings, home, monkeypatch):
    monkeypatch.setattr(backup, "_SILENCE", 0.1)
    (home / "mariadb-dump.script").write_text("import time; print('x', flush=True); time.sleep(60)")
    with pytest.raises(CommandExecutionError, match="^mariadb-dump: nothing moved for 0.1 s$"):
        backup.dump()
    assert files(settings) == []


def test_a_disk_that_is_full_in_the_middle(backup, settings, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup._Digesting, "write", full)
    with pytest.raises(CommandExecutionError) as caught:
        backup.dump()
    directory = settings["db"]["backup"]["directory"]
    assert str(caught.value) == f"octavia:db:backup:directory: {directory}: No space left on device"
    assert files(settings) == [] and backup.latest() is None


def test_an_interrupted_dump_leaves_nothing_and_a_killed_one_is_cleared_away(backup, settings, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_dump_into", interrupted)
        with pytest.raises(KeyboardInterrupt):
            backup.dump()
    assert files(settings) == []
    directory = Path(settings["db"]["backup"]["directory"])
    for name in (".octavia-11.0.0-a1-20261126T023000Z.sql.gz.x1.partial", ".somebody-else.partial"):
        (directory / name).write_text("")
    backup.dump()
    assert len(files(settings)) == 2 and ".somebody-else.partial" in files(settings)


def test_a_directory_that_is_none(backup, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings["db"]["backup"]["directory"] = str(tmp_path / "file" / "dumps")
    [fault] = backup.plan()["faults"]
    assert fault.startswith("octavia:db:backup:directory: ") and "Not a directory" in fault


def test_only_old_dumps_of_ours_are_removed(backup, settings):
    directory = Path(settings["db"]["backup"]["directory"])
    directory.mkdir()
    theirs = [
        "octavia-11.0.0-a1-20200101T000000Z.sql.gz.asc", "octavia-11.0.0-20200101T000000Z.sql.gz", "by-hand.sql.gz",
        "octavia_test-11.0.0-a1-20200101T000000Z.sql.gz", "octavia-11.0.0-a1-20209901T000000Z.sql.gz",
    ]  # fmt: skip
    ours = [f"octavia-11.0.0-a1-2020010{day}T000000Z.sql.gz" for day in range(1, 6)]
    for name in theirs + ours:
        (directory / name).write_text("")
    made = backup.dump()
    assert files(settings) == sorted([*theirs, *ours[-2:], Path(made["path"]).name])


def test_a_dump_waits_for_no_migration_that_goes_on_for_long(backup, db):
    lock = db.alone()
    with pytest.raises(CommandExecutionError, match="still at work"):
        backup.dump()
    os.close(lock)
    backup.dump()


# --- what would be dumped


def test_the_plan_tells_sizes_and_finds_no_fault(backup, settings):
    found = backup.plan()
    assert found["free"] > found["bytes"] == 1000 and found["faults"] == [] and found["due"]
    assert (found["database"], found["revision"], found["empty"]) == ("db1:3306/octavia", OLD, False)
    assert files(settings) == [] and not Path(settings["db"]["backup"]["directory"]).exists()


def test_too_little_room_is_a_fault_and_refuses_a_dump(backup, settings, server):
    server.bytes = 1 << 60
    [fault] = backup.plan()["faults"]
    assert fault.startswith(f"octavia:db:backup:directory: {settings['db']['backup']['directory']} has ")
    assert "the data of database octavia take 1099511627776.0 MiB" in fault
    with pytest.raises(CommandExecutionError, match="MiB free"):
        backup.dump()


@pytest.mark.parametrize("test", [True, False])
def test_a_database_that_refuses_is_a_fault_with_its_key(backup, server, test):
    server.fault = 'OperationalError: (1045, "Access denied")'
    found = backup.plan(test=test)
    assert found["faults"] == [f"{server.fault}: see pillar octavia:database:password"] and not found["due"]


def test_an_empty_database_needs_no_dump(backup, server):
    server.empty, server.current = True, None
    assert not backup.plan()["due"] and not backup.plan(before_migration=True)["due"]
    with pytest.raises(CommandExecutionError, match="nothing to dump"):
        backup.dump()


def test_a_young_dump_of_the_same_schema_is_enough(backup, settings, server):
    assert backup.plan()["due"]
    made = backup.dump()
    assert made["path"] in backup.plan()["why"]
    server.current = NEW
    assert backup.plan()["due"]
    server.current = OLD
    older(settings, 86401)
    assert backup.plan()["due"]


def test_a_young_dump_of_another_server_is_not(backup, settings):
    backup.dump()
    settings["database"]["host"] = "db2"
    assert backup.plan()["due"] and backup.latest() is None


def test_before_a_migration_a_dump_is_always_due(backup, server):
    backup.dump()
    assert "No migration is due" in backup.plan(before_migration=True)["why"]
    server.head = NEW
    assert backup.plan(before_migration=True)["due"]


def test_before_a_migration_only_the_primary_dumps_and_nobody_is_asked_otherwise(backup, settings, server, db):
    server.head = NEW
    settings["api"] = {"role": "secondary"}
    assert not backup.plan(before_migration=True)["due"]
    settings["api"] = {"role": "primary"}
    db.confirm()
    assert not backup.plan(before_migration=True)["due"]
    assert server.asked == []


def test_the_release_is_that_of_the_schema(backup, settings, db):
    db.confirm()
    settings["release"] = "16.0.0"
    assert backup.dump()["release"] == "11.0.0"


def test_a_first_migration_that_was_killed_needs_no_dump(backup, settings, server, db):
    db.confirm()
    stamp = Path(settings["state_dir"], "db-sync.json")
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "from_empty": True, "release": "10.0.0"}))
    server.current, server.head = HALF, NEW
    assert "starts over" in backup.plan(before_migration=True)["why"]


# --- once a migration began


def migrate(db, server, settings, ends=NEW, status=0):
    """octavia_db.upgrade, with an octavia-db-manage that gets so far."""

    def manage(*args):
        server.current = ends
        if status:
            raise CommandExecutionError("octavia-db-manage was killed")

    server.head = NEW
    db._db_manage = manage
    if status:
        with pytest.raises(CommandExecutionError, match="killed"):
            db.upgrade()
    else:
        db.upgrade()


def test_the_dump_from_before_is_kept_while_the_migration_goes_on(backup, settings, server, db):
    before = backup.dump()
    migrate(db, server, settings, HALF, status=1)
    kept = backup.latest()
    assert (kept["path"], kept["target"]) == (before["path"], NEW) and kept["began"] and backup.migrated()
    assert "is kept" in backup.plan(before_migration=True)["why"]
    before = older(settings, 99)
    settings["db"]["backup"]["keep"] = 1
    for _again in range(2):
        other = backup.dump()
        assert other["noted"] is False
    assert sorted(files(settings)) == sorted([before.name, Path(other["path"]).name])
    assert backup.latest()["path"] == str(before) and backup.done() is False


def test_a_migration_that_failed_before_its_first_step_counts_as_begun(backup, settings, server, db):
    backup.dump()
    migrate(db, server, settings, OLD, status=1)
    assert backup.migrated() and not backup.plan(before_migration=True)["due"]


def test_after_a_complete_migration_somebody_says_so(backup, settings, server, db):
    before = backup.dump()
    migrate(db, server, settings)
    assert backup.migrated() and backup.dump()["noted"] is False
    assert backup.done() is True and backup.done() is True
    assert not backup.migrated() and backup.latest()["done"] and "began" not in backup.latest()
    assert backup.latest()["path"] == before["path"]
    assert backup.plan()["due"]
    assert backup.dump()["noted"] is True and backup.latest()["revision"] == NEW


def test_the_next_migration_takes_a_dump_of_its_own_though_nobody_said_so(backup, settings, server, db):
    backup.dump()
    migrate(db, server, settings)
    server.head = "d4"
    settings["release"] = "16.0.0"
    assert backup.plan(before_migration=True)["due"]
    assert backup.dump()["noted"] is True
    assert backup.latest()["revision"] == NEW and "began" not in backup.latest()


def test_a_migration_without_a_dump_ends_the_mark_of_an_earlier_one(backup, settings, server, db):
    backup.dump()
    migrate(db, server, settings)
    settings["release"] = "16.0.0"
    backup.begin(NEW, "d4")
    assert not backup.migrated()


def test_a_migration_is_not_marked_for_a_dump_of_another_schema(backup, server, db, settings):
    backup.dump()
    server.current = HALF
    migrate(db, server, settings)
    assert "began" not in backup.latest()


def test_a_first_migration_is_not_marked(backup, server, db, settings):
    server.empty, server.current = True, None
    migrate(db, server, settings)
    assert backup.latest() is None and not backup.migrated() and backup.done()


def test_without_a_migration_nothing_is_done_nor_migrated(backup):
    backup.dump()
    assert not backup.migrated() and backup.done() and "done" not in backup.latest()


# --- the way back


def test_a_restoration_drops_loads_and_looks_anew(backup, settings, server, db, home):
    made = backup.dump()
    migrate(db, server, settings)
    assert not db.due()
    found = backup.restore()
    drops, _, rest = (home / "loaded").read_bytes().partition(b"-- MariaDB dump")
    assert b"DROP TABLE `a`;\nDROP TABLE `b``c`;\n" in drops and TEXT.endswith(rest) and len(rest) > 1000
    assert found["path"] == made["path"] and db.due()
    assert not backup.migrated() and set(backup.latest()) == set(made) - {"noted"}
    options = said(home, "mariadb")
    assert "--binary-mode" in options["argv"] and "p%w" not in repr(options["argv"])


@pytest.mark.parametrize("damage", ["gone", "cut", "other", "none"])
def test_nothing_is_dropped_for_a_dump_that_is_not_whole(backup, settings, server, damage):
    if damage != "none":
        path = Path(backup.dump()["path"])
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "other":
        path.write_bytes(gzip.compress(b"DROP DATABASE octavia;"))
    for test in (True, False):
        with pytest.raises(CommandExecutionError, match="There is no dump|No such file|is damaged") as caught:
            backup.restore(test=test)
        assert "\n" not in str(caught.value)
    assert not server.dropped


def test_nothing_is_dropped_under_services_that_run(backup, server, running):
    backup.dump()
    running.add("octavia-api")
    with pytest.raises(CommandExecutionError, match="on this host: stop octavia-api first"):
        backup.restore()
    running.clear()
    server.users = ["10.0.0.12", "10.0.0.13"]
    with pytest.raises(CommandExecutionError, match="^10.0.0.12, 10.0.0.13 has connections to database octavia"):
        backup.restore()
    assert not server.dropped


def test_a_dry_run_looks_and_changes_nothing(backup, settings, server, running):
    backup.dump()
    running.add("octavia-api")
    kept = note(settings)
    assert backup.restore(test=True) == kept == note(settings)
    assert not server.dropped


def test_a_restoration_that_fails_keeps_everybody_away_until_it_was_repeated(backup, settings, server, db, home):
    backup.dump()
    migrate(db, server, settings)
    script = home / "mariadb.script"
    script.write_text(
        "sys.stdin.buffer.read(9); sys.stderr.write('ERROR 2013 (HY000) at line 7: Lost\\n'); sys.exit(1)"
    )
    with pytest.raises(CommandExecutionError, match=r"^mariadb: ERROR 2013 \(HY000\) at line 7: Lost$"):
        backup.restore()
    assert db.due() and backup.migrated() and not backup.done()
    for function in (db.schema, db.upgrade, backup.dump):
        with pytest.raises(CommandExecutionError, match="was interrupted and the database is not whole"):
            function()
    script.unlink()
    backup.restore()
    assert db.schema()["current"] == OLD and not backup.migrated()


def test_a_restoration_that_leads_elsewhere_is_not_done(backup, server):
    backup.dump()
    server.loads = None
    with pytest.raises(CommandExecutionError, match="has led to revision None, not to a1"):
        backup.restore()
    with pytest.raises(CommandExecutionError, match="not whole"):
        backup.whole()


def test_a_note_of_another_database_is_not_put_back(backup, settings):
    backup.dump()
    settings["database"]["name"] = "other"
    with pytest.raises(CommandExecutionError, match="There is no dump of database db1:3306/other"):
        backup.restore()
