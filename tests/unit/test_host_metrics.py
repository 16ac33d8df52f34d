"""What the metrics of a controller say of its database, certificates, services and API."""

import datetime
import http.server
import re
import sqlite3
import sys
import threading
import types

import pytest
from formula import closed_port
from harness import ROOT, Issued

NOW = datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)
DAY = 86400
SCHEMA = """
CREATE TABLE load_balancer (id, provisioning_status, operating_status, created_at, updated_at);
CREATE TABLE amphora (id, load_balancer_id, status, created_at, updated_at, cert_expiration, cert_busy);
CREATE TABLE amphora_health (amphora_id, last_update, busy);
"""


@pytest.fixture
def metrics(load):
    return load("octavia/host/metrics")


class Database:
    """Octavia's tables in SQLite, which has MariaDB's words for times here; ``age`` is always in seconds."""

    def __init__(self):
        # a database that is closed is gone
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(SCHEMA)
        self.connection.create_function("UNIX_TIMESTAMP", -1, self._seconds)

    @staticmethod
    def _seconds(*moment):
        when = datetime.datetime.fromisoformat(moment[0]) if moment and moment[0] else NOW
        return None if moment and moment[0] is None else int(when.timestamp())

    def _insert(self, table, *row):
        moments = [(NOW - datetime.timedelta(seconds=v[0])).isoformat() if isinstance(v, list) else v for v in row]
        self.connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", moments)

    def load_balancer(self, ident, status="ACTIVE", operating="ONLINE", made=30 * DAY, age=100):
        self._insert("load_balancer", ident, status, operating, [made], None if age is None else [age])

    def amphora(self, ident, of="lb1", status="ALLOCATED", made=30 * DAY, age=100, ends=20 * DAY, heard=3, busy=0):
        self._insert("amphora", ident, of, status, [made], [age], None if ends is None else [-ends], 0)
        if heard is not None:
            self._insert("amphora_health", ident, [heard], busy)


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def conf(tmp_path):
    """A file with these options, ``{section/name: value}``."""

    def _conf(**options):
        path = tmp_path / "octavia.conf"
        lines = (f"[{name.split('__')[0]}]\n{name.split('__')[1]} = {value}\n" for name, value in options.items())
        path.write_text("".join(lines))
        return str(path)

    return _conf


@pytest.fixture
def found(metrics, database, conf):
    """``{name: value}`` of the database; labels stand in the name as Prometheus writes them."""

    def _found(**options):
        samples = metrics.of_deployment(database.connection, metrics.settings(conf(**options)))
        return values(metrics.printed(samples))

    return _found


def values(text):
    assert text.endswith("\n")
    samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    assert len({name for name, _, _ in samples}) == len(samples), "a sample is there twice"
    return {name: float(value) for name, _, value in samples}


# --- load balancers and amphorae


def test_an_empty_database_has_zeros_for_what_alerts_ask(found):
    said = found()
    for name in (
        'octavia_load_balancers{provisioning_status="ERROR"}', 'octavia_amphorae{status="ERROR"}',
        'octavia_amphorae{status="FAILOVER_STOPPED"}', "octavia_amphorae_silent", "octavia_amphorae_replaced",
        "octavia_load_balancers_pending_seconds", 'octavia_housekeeping_overdue_seconds{task="certificates"}',
        'octavia_housekeeping_overdue_seconds{task="amphorae"}',
        'octavia_housekeeping_overdue_seconds{task="load_balancers"}',
    ):  # fmt: skip
        assert said[name] == 0, name
    assert "octavia_amphora_certificate_end_seconds" not in said


def test_load_balancers_are_counted_by_their_statuses(found, database):
    database.load_balancer("1")
    database.load_balancer("2", operating="OFFLINE")
    database.load_balancer("3", status="ERROR")
    database.load_balancer("4", status="DELETED", operating="OFFLINE")
    said = found()
    assert said['octavia_load_balancers{provisioning_status="ACTIVE"}'] == 2
    assert said['octavia_load_balancers{provisioning_status="ERROR"}'] == 1
    assert said['octavia_load_balancers_operating{operating_status="OFFLINE"}'] == 1
    assert said['octavia_load_balancers_operating{operating_status="ONLINE"}'] == 2
    assert not [name for name in said if "DELETED" in name]


def test_the_longest_pending_counts_from_the_last_change_or_the_beginning(found, database):
    database.load_balancer("1", status="PENDING_CREATE", made=700, age=None)
    database.load_balancer("2", status="PENDING_UPDATE", made=9000, age=50)
    database.load_balancer("3", status="ERROR", age=100000)
    assert found()["octavia_load_balancers_pending_seconds"] == 700


def test_amphorae_are_counted_by_status(found, database):
    for number, status in enumerate(("ALLOCATED", "ALLOCATED", "ERROR", "FAILOVER_STOPPED", "DELETED")):
        database.amphora(str(number), status=status)
    said = found()
    assert said['octavia_amphorae{status="ALLOCATED"}'] == 2
    assert said['octavia_amphorae{status="ERROR"}'] == said['octavia_amphorae{status="FAILOVER_STOPPED"}'] == 1
    assert said['octavia_amphorae{status="BOOTING"}'] == 0


# --- health managers


def test_who_is_silent_for_longer_than_the_timeout_counts(found, database):
    database.amphora("fresh", heard=9)
    database.amphora("late", heard=61)
    database.amphora("never", heard=None, made=4000)
    database.amphora("new", heard=None, made=20)
    database.amphora("booting", status="BOOTING", heard=None, made=4000)
    database.amphora("spare", of=None, heard=None, made=4000)
    database.amphora("gone", status="DELETED", heard=500000)
    said = found()
    assert said["octavia_amphorae_silent"] == 2 and said["octavia_amphora_heartbeat_age_seconds"] == 4000
    assert found(health_manager__heartbeat_timeout=5000)["octavia_amphorae_silent"] == 0


def test_a_heartbeat_of_a_clock_that_is_ahead_is_none_ago(found, database):
    database.amphora("early", heard=-30)
    assert found()["octavia_amphora_heartbeat_age_seconds"] == 0


def test_failovers_are_seen_in_hand_and_by_what_they_made(found, database):
    database.load_balancer("lb1", made=30 * DAY)
    database.load_balancer("new", made=400)
    database.amphora("old", heard=100, busy=1)
    database.amphora("replaced", made=600)
    database.amphora("of a new one", of="new", made=390)
    database.amphora("long ago", made=2 * 3600)
    said = found()
    assert said["octavia_amphorae_failing_over"] == 1 and said["octavia_amphorae_replaced"] == 1


# --- housekeeping


def test_housekeeping_that_works_is_not_overdue(found, database):
    database.amphora("1", status="DELETED", age=7 * DAY + 20, heard=7 * DAY + 20, ends=-50 * DAY)
    database.load_balancer("2", status="DELETED", age=7 * DAY - 5)
    # it has 14 days for it, and an hour between its looks
    database.amphora("3", ends=14 * DAY - 3000)
    said = found()
    assert [said[name] for name in said if "overdue" in name] == [0, 0, 0]


def test_what_housekeeping_left_undone_is_told_by_task(found, database):
    database.amphora("1", status="DELETED", age=8 * DAY, heard=None)
    database.load_balancer("2", status="DELETED", age=9 * DAY)
    database.amphora("3", ends=12 * DAY)
    said = found()
    assert said['octavia_housekeeping_overdue_seconds{task="amphorae"}'] == DAY - 30
    assert said['octavia_housekeeping_overdue_seconds{task="load_balancers"}'] == 2 * DAY - 30
    assert said['octavia_housekeeping_overdue_seconds{task="certificates"}'] == 2 * DAY - 3600
    assert said["octavia_amphora_certificate_end_seconds"] == NOW.timestamp() + 12 * DAY
    said = found(house_keeping__amphora_expiry_age=9 * DAY)
    assert said['octavia_housekeeping_overdue_seconds{task="amphorae"}'] == 0


def test_a_deleted_amphora_that_still_sends_is_not_purged_and_not_overdue(found, database):
    database.amphora("zombie", status="DELETED", age=30 * DAY, heard=5)
    assert found()['octavia_housekeeping_overdue_seconds{task="amphorae"}'] == 0


# --- the host


def test_the_first_certificate_of_a_file_counts_and_a_broken_file_is_said(metrics, conf, tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text(Issued("later", days=300).certificate + Issued("sooner", days=10).certificate)
    bad.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    many = tmp_path / "bundle.pem"
    many.write_text(Issued("of a system", days=1).certificate * 21)
    written = conf(
        haproxy_amphora__client_cert=good, haproxy_amphora__server_ca=good, controller_worker__client_ca=bad,
        certificates__ca_certificate=many,
    )  # fmt: skip
    said = values(metrics.printed(metrics.certificates(metrics.settings(written))))
    end = said.pop(f'octavia_certificate_end_seconds{{path="{good}"}}')
    wanted = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=10)).timestamp()
    assert abs(end - wanted) < 60
    assert said == {
        f'octavia_certificate_readable{{path="{good}"}}': 1,
        f'octavia_certificate_readable{{path="{bad}"}}': 0,
    }


def test_a_missing_certificate_cannot_be_read(metrics, conf, tmp_path):
    written = conf(haproxy_amphora__client_cert=tmp_path / "none.pem")
    text = metrics.printed(metrics.certificates(metrics.settings(written)))
    assert list(values(text).values()) == [0]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("active\nfailed\n", [1, 0]), ("reloading\ninactive\n", [1, 0]), ("", [])],
    ids=["one has failed", "reload", "no answer"],
)
def test_services_run_or_do_not(metrics, monkeypatch, printed, expected):
    done = types.SimpleNamespace(stdout=printed)
    monkeypatch.setattr(metrics.subprocess, "run", lambda *args, **kwargs: done)
    units = [["api", "octavia-api"], ["worker", "octavia-worker"]]
    assert [value for _name, _labels, value in metrics.services(units)] == expected


def test_an_api_that_answers_is_up_and_another_is_not(metrics):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/" else 500)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        good, broken = list(metrics.answers(f"{url}/")), list(metrics.answers(f"{url}/wrong"))
        server.shutdown()
        thread.join()
    assert good[0] == ("octavia_api_up", {}, 1) and good[1][2] < 5
    assert broken == [("octavia_api_up", {}, 0)]
    assert list(metrics.answers(f"http://127.0.0.1:{closed_port()}/")) == [("octavia_api_up", {}, 0)]


# --- the login


@pytest.fixture
def pymysql(monkeypatch, database):
    """The library, which notes how it is asked; SQLite knows no sessions."""
    asked = {"statements": []}

    class Connection:
        def cursor(self):
            return self

        def execute(self, statement):
            asked["statements"].append(statement)

        def fetchall(self):
            return ()

        def close(self):
            asked["closed"] = True

    library = types.SimpleNamespace(connect=lambda **options: asked.update(options) or Connection())
    monkeypatch.setitem(sys.modules, "pymysql", library)
    return asked


def test_it_logs_in_as_octavia_does_and_only_reads(metrics, pymysql, conf):
    url = "mysql+pymysql://octavia:a%2Fb%40%25%3A%5B\\$x@[fd00::2]:3307/oct%20avia?ssl_ca=/etc/ca.pem"
    connection = metrics.connect(metrics.settings(conf(database__connection=url)).database.connection)
    assert (pymysql["host"], pymysql["port"], pymysql["user"]) == ("fd00::2", 3307, "octavia")
    assert (pymysql["password"], pymysql["database"]) == ("a/b@%:[$x", "oct avia")
    assert pymysql["ssl"] == {"ca": "/etc/ca.pem"}
    assert {pymysql["connect_timeout"], pymysql["write_timeout"]} == {5} and pymysql["read_timeout"] == 15
    assert pymysql["statements"] == ["SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"]
    connection.close()
    del pymysql["ssl"]
    metrics.connect("mysql+pymysql://octavia:secret@db/octavia")
    assert "ssl" not in pymysql and pymysql["port"] == 3306


def test_a_database_that_does_not_answer_is_told_without_the_words_of_the_library(metrics, monkeypatch, conf, capsys):
    def refuse(**options):
        raise OSError(1045, f"Access denied using password {options['password']}")

    monkeypatch.setitem(sys.modules, "pymysql", types.SimpleNamespace(connect=refuse))
    written = metrics.settings(conf(database__connection="mysql+pymysql://octavia:topsecret@db/octavia"))
    assert list(metrics.in_database(written)) == [("octavia_database_up", {}, 0)]
    told = capsys.readouterr().err
    assert "1045" in told and "topsecret" not in told and "Access" not in told


def test_without_a_login_the_rest_is_still_told(metrics, monkeypatch, conf):
    monkeypatch.setitem(sys.modules, "pymysql", types.SimpleNamespace(connect=None))
    said = values(metrics.text(conf()))
    assert said["octavia_database_up"] == 0 and said["octavia_metrics_time_seconds"] > 1.7e9


# --- the text


def test_the_text_is_what_prometheus_reads(metrics):
    text = metrics.printed(
        [("octavia_amphorae", {"status": "ERROR"}, 1), ("octavia_api_up", {}, 1),
         ("octavia_amphorae", {"status": 'a"b\\c\nd'}, 2)]
    )  # fmt: skip
    assert text == (
        "# HELP octavia_amphorae Amphorae by status.\n"
        "# TYPE octavia_amphorae gauge\n"
        'octavia_amphorae{status="ERROR"} 1\n'
        'octavia_amphorae{status="a\\"b\\\\c\\nd"} 2\n'
        "# HELP octavia_api_up Whether the API of this host answers.\n"
        "# TYPE octavia_api_up gauge\n"
        "octavia_api_up 1\n"
    )


def test_every_metric_of_the_code_has_its_help(metrics):
    named = set(re.findall(r'"(octavia_[a-z_]+)", \{', (ROOT / "octavia/host/metrics.py").read_text()))
    assert named == set(metrics.HELP)


def test_the_file_is_written_whole_and_everybody_may_read_it(metrics, tmp_path):
    path = tmp_path / "octavia.prom"
    path.write_text("old")
    metrics.write(str(path), "new\n")
    assert path.read_text() == "new\n" and path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_line_is_that_of_the_unit(metrics, monkeypatch, tmp_path, conf):
    asked = {}
    monkeypatch.setattr(metrics, "text", lambda *args: asked.setdefault("args", args) and "x\n")
    path = tmp_path / "octavia.prom"
    line = f"metrics.py --config-file /c --output {path} --api http://[::1]:9876/ --unit api=a --unit worker=w"
    monkeypatch.setattr(sys, "argv", line.split())
    metrics.main()
    assert asked["args"] == ("/c", [["api", "a"], ["worker", "w"]], "http://[::1]:9876/")
    assert path.read_text() == "x\n"
