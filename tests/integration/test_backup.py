"""
Dumps of a real MariaDB with Octavia's schema and load balancers in it, by the real tools, and the way back to them.
"""

import json
import subprocess
import time

import pytest
from control_plane import UNITS, Api, apply, changed, fault

SLS = "octavia.db.backup"
NAME, OLDER = "octavia_backup", "octavia_backup_older"
DIRECTORY = "/var/backups/octavia"
NOTE = "/var/lib/salt-formula-octavia/backup.json"
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
SMALL = "/srv/small"
#: Random bytes, of whose size the server's estimate knows nothing.
NOISE = """
CREATE TABLE noise (id INT PRIMARY KEY AUTO_INCREMENT, data LONGBLOB)
    ENGINE=InnoDB STATS_AUTO_RECALC=0 STATS_PERSISTENT=1;
ANALYZE TABLE noise;
INSERT INTO noise (data) SELECT RANDOM_BYTES(1024) FROM seq_1_to_4096;
"""
#: What a migration, and somebody with a keyboard, may do to it.
HAVOC = """
SET FOREIGN_KEY_CHECKS = 0;
DROP TABLE listener; DROP TABLE health_monitor;
ALTER TABLE load_balancer ADD COLUMN new_one INT;
UPDATE vip SET ip_address = '192.0.2.1';
CREATE TABLE extra (id INT PRIMARY KEY, data BLOB);
UPDATE alembic_version SET version_num = 'ffffffffffff';
"""
#: Bytes and quotes of every kind and in another character set; a view and a trigger, which are the administrator's.
HARD = """
CREATE TABLE hard (id INT PRIMARY KEY, data VARBINARY(600), words TEXT CHARACTER SET utf8mb4,
    old TEXT CHARACTER SET latin1) ENGINE=InnoDB;
INSERT INTO hard VALUES (1, UNHEX(REPEAT('000102270A0D1A225C25FFFE', 20)), 'a''b"c\\\\d\\n;-- \U0001f600', 'caf\u00e9'),
    (2, NULL, '', NULL);
CREATE VIEW looks AS SELECT id FROM hard;
CREATE TRIGGER counts BEFORE INSERT ON hard FOR EACH ROW SET NEW.id = NEW.id + 1;
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("12", "3008"), id="debian12-salt3008"),
        pytest.param(("12", "3006"), id="debian12-salt3006", marks=pytest.mark.slow),
        pytest.param(("13", "3008"), id="debian13-salt3008", marks=pytest.mark.slow),
    ],
)
def controller(lab, services, request, pillar):
    debian, salt = request.param
    machine = lab.machine("controller1", debian=debian, salt=salt, tree=f"libraries-{debian}")
    machine.put_formula()
    sql(services, f"DROP DATABASE IF EXISTS {NAME}; DROP DATABASE IF EXISTS {OLDER}", None)
    machine.put_pillar(pillar({"database": {"name": NAME}}))
    apply(machine)
    # as on most hosts: who makes the database need not be there
    machine.put_pillar(pillar({"database": {"name": NAME}, "db": {"create": False}}))
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def load_balancers(controller, services, lab):
    """Some, with listeners and pools. Their services are stopped then: what they write would differ."""
    api = Api(services, lab.facts)
    for number in range(3):
        lb = api.make("loadbalancer", {"name": f"lb{number}", "vip_subnet_id": SUBNET})
        listener = api.make("listener", {"protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": lb})
        api.make("pool", {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "listener_id": listener})
    sql(services, HARD)
    stop(controller)
    return controller


def stop(machine):
    """At once: what Octavia's services do when they are asked to stop is for other tests."""
    machine.run(["systemctl", "stop", "--no-block", *UNITS.values()])
    machine.run(["systemctl", "kill", "--signal=KILL", *UNITS.values()], check=False)
    machine.run(["systemctl", "stop", *UNITS.values()])


def sql(services, text, database=NAME):
    command = ["mariadb", "-N", "--default-character-set=utf8mb4", *([database] if database else [])]
    return services.run(command, input=text).stdout


def sums(services, database=NAME):
    """`{table: [checksum, definition]}` of all of them."""
    tables = [
        line.split()[0] for line in sql(services, "SHOW FULL TABLES", database).splitlines() if "VIEW" not in line
    ]
    checksums = sql(services, "".join(f"CHECKSUM TABLE `{table}`;" for table in tables), database).splitlines()
    made = sql(services, "".join(f"SHOW CREATE TABLE `{table}`;" for table in tables), database).splitlines()
    return {table: [line.split()[1], text] for table, line, text in zip(tables, checksums, made, strict=True)}


def call(machine, function, *args):
    """What a function returns, or the line of its error."""
    result = machine.salt_call(f"octavia_backup.{function}", *args, check=False)
    return result.data if result.rc == 0 else (result.stderr + result.stdout).strip()


def dumps(machine, directory=DIRECTORY):
    return machine.run(f"ls -A {directory} 2>/dev/null", check=False).stdout.split()


def note(machine):
    return json.loads(machine.read(NOTE))


def test_one_dump_a_day_whole_and_for_root_alone(load_balancers):
    machine = load_balancers
    plan = changed(apply(machine, SLS, test=True))
    assert set(plan) == {"octavia_db_backup_packages", "octavia_db_backup"} and dumps(machine) == []
    states = apply(machine, SLS)
    done = changed(states)
    assert states["octavia_db_backup"]["warnings"] == [
        "Not in the dump, since not Octavia's: view looks, trigger counts"
    ]
    assert done["octavia_db_backup"] == plan["octavia_db_backup"]
    assert changed(apply(machine, SLS)) == changed(apply(machine, SLS, test=True)) == {}
    [name] = dumps(machine)
    kept = note(machine)
    assert kept["path"] == f"{DIRECTORY}/{name}" and kept["revision"] in name
    assert machine.run(["sha256sum", kept["path"]]).stdout.split()[0] == kept["sha256"]
    modes = machine.run(["stat", "-c", "%U %a", DIRECTORY, kept["path"], NOTE]).stdout.splitlines()
    assert modes == ["root 700", "root 600", "root 600"]
    assert machine.run(f"zcat {kept['path']} | tail -1").stdout.startswith("-- Dump completed")


def test_what_was_changed_and_dropped_is_as_before_byte_for_byte(load_balancers, services):
    machine, before = load_balancers, sums(services)
    assert len(before) > 30 and call(machine, "dump")["noted"] is True
    sql(services, HAVOC)
    assert sums(services) != before and call(machine, "migrated") is True
    assert call(machine, "restore", "test=True")["path"] == note(machine)["path"]
    assert sums(services) != before
    call(machine, "restore")
    assert sums(services) == before and call(machine, "migrated") is False
    # the next run looks anew, and finds nothing to migrate; Octavia works on what is there
    assert machine.salt_call("octavia_db.due").data is True
    changes = changed(apply(machine))
    assert changes and "octavia_db_schema" not in changes
    assert changed(apply(machine)) == {}


def test_under_services_that_run_nothing_is_put_back(load_balancers, services, lab):
    machine = load_balancers
    assert Api(services, lab.facts).call("GET", "/v2/lbaas/loadbalancers")[1]["loadbalancers"]
    before = set(sums(services))
    assert "Services of Octavia run on this host: stop octavia-api, " in call(machine, "restore")
    stop(machine)
    # a controller elsewhere
    password = lab.facts["database"]["password"]
    other = services.popen(
        ["python3", "-c", CONNECTED, lab.facts["mariadb"]["host"], lab.facts["database"]["user"], password, NAME]
    )
    wait(lambda: "10.77.0.2" in str(machine.salt_call("octavia_db.contents").data["users"]))
    assert "10.77.0.2 has connections to database octavia_backup" in call(machine, "restore")
    services.run("pkill -KILL -f '[p]ymysql.connect'")
    other.wait()
    assert set(sums(services)) == before


CONNECTED = """
import sys, time, pymysql
host, user, password, database = sys.argv[1:]
connection = pymysql.connect(host=host, user=user, password=password, database=database)
time.sleep(600)
"""


def wait(condition, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def running(machine, name="mariadb-dump"):
    return machine.run(["pgrep", "-x", name], check=False).stdout.split()


class Lock:
    """A session that keeps others from what it has locked."""

    def __init__(self, services, database, statements):
        self.services = services
        self.client = services.popen(["mariadb", database, "-e", f"{statements}; SELECT SLEEP(600)"])
        wait(self._sessions)

    def _sessions(self):
        ask = "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT SLEEP(600)'"
        return sql(self.services, ask, None).split()

    def release(self):
        for session in self._sessions():
            sql(self.services, f"KILL {session}", None)
        self.client.kill()
        self.client.wait()


@pytest.fixture
def blocked(load_balancers, services):
    """A dump waits in the middle, for a table that nobody can read for the time being."""
    lock = Lock(services, NAME, "LOCK TABLES provisioning_status WRITE")
    yield load_balancers
    lock.release()


def test_a_dump_that_is_killed_is_not_there_and_shows_no_secret(blocked, lab):
    machine, before, kept = blocked, dumps(blocked), note(blocked)
    run = machine.popen("salt-call --local octavia_backup.dump >/dev/null 2>&1")
    wait(lambda: running(machine))
    time.sleep(1)
    processes = machine.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'").stdout
    assert "--defaults-file=/dev/fd/" in processes
    assert lab.facts["database"]["password"] not in processes
    assert [name for name in dumps(machine) if name.endswith(".partial")]
    machine.run("pkill -KILL -f '[s]alt-call'")
    run.wait()
    left = machine.run(f"stat -c %a {DIRECTORY}/.*.partial").stdout.split()
    assert left == ["600"] and note(machine) == kept
    assert set(before) <= set(dumps(machine))


def test_the_next_one_clears_away_what_a_killed_one_has_left(load_balancers):
    machine = load_balancers
    wait(lambda: not running(machine))
    assert isinstance(call(machine, "dump"), dict)
    assert [name for name in dumps(machine) if "partial" in name] == []


def test_a_full_disk_before_and_in_the_middle(load_balancers, services, pillar):
    machine, kept = load_balancers, note(load_balancers)
    machine.put_pillar(
        pillar({"database": {"name": NAME}, "db": {"create": False, "backup": {"directory": f"{SMALL}/dumps"}}})
    )
    machine.run(f"mkdir -p {SMALL} && mount -t tmpfs -o size=64k tmpfs {SMALL}")
    try:
        states = apply(machine, SLS, check=False)
        assert f"octavia:db:backup:directory: {SMALL}/dumps has 0.1 MiB free" in fault(states)
        sql(services, NOISE)
        machine.run(f"mount -o remount,size=3m {SMALL}")
        states = apply(machine, SLS, check=False)
        assert fault(states) == f"octavia:db:backup:directory: {SMALL}/dumps: No space left on device"
        assert dumps(machine, f"{SMALL}/dumps") == [] and note(machine) == kept
        machine.run(f"mount -o remount,size=30m {SMALL}")
        apply(machine, SLS)
        assert len(dumps(machine, f"{SMALL}/dumps")) == 1
    finally:
        machine.run(["umount", "-l", SMALL])
        sql(services, "DROP TABLE IF EXISTS noise")
        machine.put_pillar(pillar({"database": {"name": NAME}, "db": {"create": False}}))


def test_a_wrong_password_is_named(load_balancers, pillar):
    machine = load_balancers
    machine.put_pillar(pillar({"database": {"name": NAME, "password": "wrong"}, "db": {"create": False}}))
    line = call(machine, "dump")
    machine.put_pillar(pillar({"database": {"name": NAME}, "db": {"create": False}}))
    assert "1045" in line and line.endswith("see pillar octavia:database:password") and len(line.splitlines()) == 1


def test_a_damaged_dump_drops_nothing(load_balancers, services):
    machine, before = load_balancers, sums(services)
    path = call(machine, "dump")["path"]
    machine.run(f"truncate -s -1 {path}")
    assert f"{path} is damaged" in call(machine, "restore")
    assert sums(services) == before
    call(machine, "dump")


@pytest.fixture(scope="module")
def older(load_balancers, services, lab, pillar):
    machine = load_balancers
    machine.write("/etc/ssl/lab-ca.pem", lab.facts["ca"])
    tls = {"enabled": True, "ca": "/etc/ssl/lab-ca.pem"}
    change = {"database": {"name": OLDER, "user": "octavia_backup", "ssl": tls}}
    machine.put_pillar(pillar(change))
    apply(machine, "octavia.db.create")
    sql(services, "ALTER USER octavia_backup@'%' REQUIRE SSL", None)
    apply(machine, "octavia.conf")
    head = machine.salt_call("octavia_db.schema").data["head"]
    older = machine.run(["python3", "-c", PREVIOUS, head]).stdout.strip()
    machine.run(["octavia-db-manage", "--config-file", "/etc/octavia/octavia.conf", "upgrade", older])
    machine.put_pillar(pillar(change, {"db": {"create": False}}))
    stop(machine)
    machine.run(f"rm -rf {DIRECTORY}")
    return machine, older, head


class TestMigration:
    """From an older revision to that of the installed Octavia, by TLS and with a server that takes nothing else."""

    def test_there_is_a_dump_from_before(self, older, services):
        machine, before, head = older
        old = sums(services, OLDER)
        plan = changed(apply(machine, "octavia.db.offline_sync", test=True))
        done = changed(apply(machine, "octavia.db.offline_sync"))
        assert plan["octavia_db_schema"] == done["octavia_db_schema"]
        assert done["octavia_db_schema"]["database schema"] == {"old": before, "new": head}
        kept = note(machine)
        assert (kept["revision"], kept["target"], bool(kept["began"])) == (before, head, True)
        assert call(machine, "migrated") is True
        # one that is taken now is another one
        assert call(machine, "dump")["noted"] is False and note(machine) == kept and len(dumps(machine)) == 2
        call(machine, "restore")
        assert sums(services, OLDER) == old and call(machine, "migrated") is False

    def test_one_that_was_killed_in_the_middle_of_the_way_back_is_repeated(self, older, services):
        machine, before, _head = older
        apply(machine, "octavia.db.offline_sync")
        lock = Lock(services, OLDER, "BEGIN; SELECT * FROM vip")
        run = machine.popen("salt-call --local octavia_backup.restore >/dev/null 2>&1")
        wait(lambda: "restoring" in machine.read(NOTE))
        wait(lambda: len(sql(services, "SHOW TABLES", OLDER).split()) < 20)
        machine.run("pkill -KILL -f '[s]alt-call'")
        run.wait()
        states = apply(machine, "octavia.db.offline_sync", check=False)
        assert "is not whole" in fault(states) and "octavia_backup.restore" in fault(states)
        # the client of the killed run is in the middle of something still, and the next run waits for it
        assert running(machine, "mariadb")
        lock.release()
        call(machine, "restore")
        assert machine.salt_call("octavia_db.contents").data["current"] == before

    def test_when_the_database_goes_away_in_the_middle_the_way_back_leads_to_another_try(self, older, services):
        machine, before, head = older
        # tables are altered then, and what is written last, the revision, waits
        lock = Lock(services, OLDER, "LOCK TABLES alembic_version READ")
        command = "salt-call --local --out=json state.apply octavia.db.offline_sync"
        run = machine.popen(command, stdout=subprocess.PIPE, text=True)
        waits = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{OLDER}' AND STATE LIKE 'Waiting for%lock%'"
        wait(lambda: sql(services, waits, None), 120)
        sql(services, "".join(f"KILL {session};" for session in sql(services, waits, None).split()), None)
        lock.release()
        states = json.loads(run.communicate()[0])["local"]
        said = fault({state["__id__"]: state for state in states.values()})
        assert "octavia-db-manage" in said and "\n" not in said
        assert machine.salt_call("octavia_db.contents").data["current"] == before
        call(machine, "restore")
        apply(machine, "octavia.db.offline_sync")
        assert machine.salt_call("octavia_db.contents").data["current"] == head
        call(machine, "restore")

    def test_the_mark_ends_when_it_is_said(self, older):
        machine, _before, head = older
        apply(machine, "octavia.db.offline_sync")
        assert changed(apply(machine, "octavia.db.offline_sync")) == {}
        assert call(machine, "migrated") is True and call(machine, "done") is True
        assert call(machine, "migrated") is False
        made = changed(apply(machine, SLS))
        assert set(made) == {"octavia_db_backup"} and note(machine)["revision"] == head


PREVIOUS = """
import os, sys, octavia.db.migration
from alembic.script import ScriptDirectory
path = os.path.join(next(iter(octavia.db.migration.__path__)), "alembic_migrations")
print(ScriptDirectory(path).get_revision(sys.argv[1]).down_revision)
"""
