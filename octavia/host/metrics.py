"""
Metrics of a controller for Prometheus: what its own octavia.conf, database, certificates, services and API say.

The timer of ``octavia.monitoring`` runs this file as Octavia's user, without Salt and without arguments that are
secret: ``python3 metrics.py --config-file /etc/octavia/octavia.conf --output /var/lib/octavia-metrics/octavia.prom``.
It only reads. What of it does not answer is left out, and a metric of its own says so. All controllers of a deployment
tell the same of the database, so that each of them may be down.
"""

import argparse
import calendar
import contextlib
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from oslo_config import cfg

# Seconds: for the API, to log in to the database, for its answer.
PATIENCE, LOGIN, ANSWER = 5, 5, 15

# What is read of octavia.conf, with Octavia's own defaults: to load Octavia would take longer than all the rest.
INTEGERS = {
    "health_manager": {"heartbeat_timeout": 60},
    "house_keeping": {
        "cleanup_interval": 30, "amphora_expiry_age": 604800, "load_balancer_expiry_age": 604800,
        "cert_interval": 3600, "cert_expiry_buffer": 1209600,
    },
}  # fmt: skip
CERTIFICATES = {
    "certificates": ["ca_certificate"],
    "haproxy_amphora": ["client_cert", "server_ca"],
    "controller_worker": ["client_ca"],
}
BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
BUNDLE = 20  # a file with more is the bundle of a system, and not ours to watch

# Those that are told even when there is none: an alert on nothing is no alert.
PROVISIONING = ("ACTIVE", "ERROR", "PENDING_CREATE", "PENDING_DELETE", "PENDING_UPDATE")
OPERATING = ("DEGRADED", "DRAINING", "ERROR", "NO_MONITOR", "OFFLINE", "ONLINE")
AMPHORA = ("ALLOCATED", "BOOTING", "ERROR", "FAILOVER_STOPPED", "PENDING_CREATE", "PENDING_DELETE")

# An amphora that is made so long after its load balancer takes the place of another one.
LATE, RECENTLY = 900, 3600

HELP = {
    "octavia_amphora_certificate_end_seconds": "When the first certificate of an amphora ends, as a Unix time.",
    "octavia_amphora_heartbeat_age_seconds": "The longest time for which an amphora in use was not heard of.",
    "octavia_amphorae": "Amphorae by status.",
    "octavia_amphorae_failing_over": "Amphorae that a health manager is failing over.",
    "octavia_amphorae_replaced": "Amphorae that were made within the last hour in place of others.",
    "octavia_amphorae_silent": "Amphorae in use that were not heard of for longer than heartbeat_timeout.",
    "octavia_api_seconds": "Seconds in which the API of this host answered.",
    "octavia_api_up": "Whether the API of this host answers.",
    "octavia_certificate_end_seconds": "When the first certificate of a file of octavia.conf ends, as a Unix time.",
    "octavia_certificate_readable": "Whether a file of octavia.conf holds certificates that Octavia can read.",
    "octavia_database_up": "Whether the database answers to the login of octavia.conf.",
    "octavia_housekeeping_overdue_seconds": "For how long housekeeping has left undone what it should have done.",
    "octavia_load_balancers": "Load balancers by provisioning status.",
    "octavia_load_balancers_operating": "Load balancers by operating status.",
    "octavia_load_balancers_pending_seconds": "The longest time for which a load balancer is in PENDING.",
    "octavia_metrics_seconds": "Seconds that these metrics took.",
    "octavia_metrics_time_seconds": "When these metrics were taken, as a Unix time.",
    "octavia_service_up": "Whether a service of Octavia runs on this host.",
}

LOAD_BALANCERS = """
SELECT provisioning_status, operating_status, COUNT(*),
    MAX(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(COALESCE(updated_at, created_at)))
FROM load_balancer WHERE provisioning_status <> 'DELETED' GROUP BY provisioning_status, operating_status
"""
AMPHORAE = "SELECT status, COUNT(*) FROM amphora WHERE status <> 'DELETED' GROUP BY status"
HEARTBEATS = """
SELECT MAX(silence), SUM(CASE WHEN silence > {timeout} THEN 1 ELSE 0 END), SUM(busy) FROM (
    SELECT UNIX_TIMESTAMP() - UNIX_TIMESTAMP(COALESCE(h.last_update, a.created_at)) AS silence,
        COALESCE(h.busy, 0) AS busy
    FROM amphora a LEFT JOIN amphora_health h ON h.amphora_id = a.id
    WHERE a.load_balancer_id IS NOT NULL AND a.status IN ('ALLOCATED', 'ERROR', 'FAILOVER_STOPPED')
) AS amphorae
"""
REPLACED = """
SELECT COUNT(*) FROM amphora a JOIN load_balancer l ON l.id = a.load_balancer_id
WHERE UNIX_TIMESTAMP() - UNIX_TIMESTAMP(a.created_at) < {recently}
    AND UNIX_TIMESTAMP(a.created_at) - UNIX_TIMESTAMP(l.created_at) > {late}
"""
CERTIFICATE_END = """
SELECT MIN(UNIX_TIMESTAMP(cert_expiration)), UNIX_TIMESTAMP() FROM amphora
WHERE status NOT IN ('DELETED', 'PENDING_DELETE')
"""
# What housekeeping purges, by the conditions of its own code: a deleted amphora that still sends is left alone.
DELETED_AMPHORA = """
SELECT MAX(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(a.updated_at))
FROM amphora a LEFT JOIN amphora_health h ON h.amphora_id = a.id
WHERE a.status = 'DELETED'
    AND (h.last_update IS NULL OR UNIX_TIMESTAMP() - UNIX_TIMESTAMP(h.last_update) > {age})
"""
DELETED_LOAD_BALANCER = """
SELECT MAX(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(updated_at)) FROM load_balancer WHERE provisioning_status = 'DELETED'
"""


def text(config_file, units=(), api=None):
    """
    Return all metrics in Prometheus's text format.

    config_file
        The octavia.conf.

    units
        systemd units of Octavia on this host, by role as ``[[role, unit], ...]``.

    api
        URL of this host's API, None where it has none.
    """
    begun = time.monotonic()
    conf = settings(config_file)
    samples = [*services(units), *certificates(conf)]
    if api:
        samples += answers(api)
    samples += in_database(conf)
    samples.append(("octavia_metrics_seconds", {}, round(time.monotonic() - begun, 3)))
    samples.append(("octavia_metrics_time_seconds", {}, int(time.time())))
    return printed(samples)


def printed(samples):
    """Samples, ``(name, labels, value)``, as text: all of one name together."""
    groups = {}
    for name, labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(said)}"' for label, said in sorted(labels.items()))
        groups.setdefault(name, []).append(f"{name}{'{' + inner + '}' if inner else ''} {value}")
    lines = []
    for name, group in sorted(groups.items()):
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", *group]
    return "\n".join(lines) + "\n"


def _escaped(said):
    return str(said).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def settings(path):
    """Return an octavia.conf as oslo.config reads it, of the options that are asked here."""
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("connection"), "database")
    for section, options in INTEGERS.items():
        conf.register_opts([cfg.IntOpt(name, default=value) for name, value in options.items()], section)
    for section, names in CERTIFICATES.items():
        conf.register_opts([cfg.StrOpt(name) for name in names], section)
    conf(["--config-file", path], project="octavia", default_config_files=[], default_config_dirs=[])
    return conf


def services(units):
    """Whether each unit runs."""
    if not units:
        return
    ask = ["systemctl", "is-active", *(unit for _role, unit in units)]
    states = []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        states = subprocess.run(ask, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout.split()
    if len(states) != len(units):
        _tell("systemctl does not answer")
        return
    for (role, _unit), state in zip(units, states, strict=True):
        yield "octavia_service_up", {"role": role}, int(state in ("active", "reloading"))


def answers(url):
    """Whether the API answers at its first page, which needs neither a token nor the database."""
    # it is this host's own, and gets no secret
    context = ssl._create_unverified_context() if url.startswith("https:") else None
    begun = time.monotonic()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            answer.read(1)
    except OSError as exc:
        _tell(f"{url}: {exc}")
        return [("octavia_api_up", {}, 0)]
    return [("octavia_api_up", {}, 1), ("octavia_api_seconds", {}, round(time.monotonic() - begun, 3))]


def certificates(conf):
    """When the files of octavia.conf end."""
    paths = {getattr(conf[section], name) for section, names in CERTIFICATES.items() for name in names}
    for path in sorted(path for path in paths if path):
        ends = None
        with contextlib.suppress(OSError, ValueError):
            blocks = BLOCK.findall(Path(path).read_bytes())
            if len(blocks) > BUNDLE:
                continue
            ends = min((_end(x509.load_pem_x509_certificate(block)) for block in blocks), default=None)
        yield "octavia_certificate_readable", {"path": path}, int(ends is not None)
        if ends is not None:
            yield "octavia_certificate_end_seconds", {"path": path}, ends


def _end(certificate):
    # cryptography 42 and newer warn of dates without zone, older ones have no others
    aware = "not_valid_after_utc"
    moment = getattr(certificate, aware if hasattr(certificate, aware) else "not_valid_after")
    return calendar.timegm(moment.utctimetuple())


def in_database(conf):
    """All that the database tells, or that it does not answer."""
    try:
        with contextlib.closing(connect(conf.database.connection)) as connection:
            found = list(of_deployment(connection, conf))
    except Exception as exc:  # noqa: BLE001 whatever it is, the other metrics count; its words may quote the login
        code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else ""
        _tell(f"database: {type(exc).__name__} {code}")
        return [("octavia_database_up", {}, 0)]
    return [("octavia_database_up", {}, 1), *found]


def connect(url):
    """Log in as Octavia does, to read; all times are UTC, by the clock of the server."""
    import pymysql

    parts = urlsplit(url or "")
    query = dict(parse_qsl(parts.query))
    files = {name: query[f"ssl_{name}"] for name in ("ca", "cert", "key") if f"ssl_{name}" in query}
    connection = pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), database=unquote(parts.path.lstrip("/")), charset="utf8mb4",
        autocommit=True, connect_timeout=LOGIN, read_timeout=ANSWER, write_timeout=LOGIN,
        **({"ssl": {"ca": None, **files}} if files else {}),
    )  # fmt: skip
    for statement in ("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00:00'"):
        _rows(connection, statement)
    return connection


def of_deployment(connection, conf):
    """What the database tells of load balancers, amphorae, and of the work of health managers and housekeeping."""
    keeping = conf.house_keeping
    provisioning, operating = dict.fromkeys(PROVISIONING, 0), dict.fromkeys(OPERATING, 0)
    pending = 0
    for status, works, number, age in _rows(connection, LOAD_BALANCERS):
        provisioning[status] = provisioning.get(status, 0) + number
        operating[works] = operating.get(works, 0) + number
        pending = max(pending, int(age)) if status.startswith("PENDING") else pending
    for status, number in provisioning.items():
        yield "octavia_load_balancers", {"provisioning_status": status}, number
    for status, number in operating.items():
        yield "octavia_load_balancers_operating", {"operating_status": status}, number
    yield "octavia_load_balancers_pending_seconds", {}, pending
    for status, number in {**dict.fromkeys(AMPHORA, 0), **dict(_rows(connection, AMPHORAE))}.items():
        yield "octavia_amphorae", {"status": status}, number
    ((oldest, silent, busy),) = _rows(connection, HEARTBEATS.format(timeout=conf.health_manager.heartbeat_timeout))
    yield "octavia_amphora_heartbeat_age_seconds", {}, max(0, int(oldest or 0))
    yield "octavia_amphorae_silent", {}, int(silent or 0)
    yield "octavia_amphorae_failing_over", {}, int(busy or 0)
    ((replaced,),) = _rows(connection, REPLACED.format(recently=RECENTLY, late=LATE))
    yield "octavia_amphorae_replaced", {}, replaced
    ((ends, now),) = _rows(connection, CERTIFICATE_END)
    if ends is not None:
        yield "octavia_amphora_certificate_end_seconds", {}, int(ends)
    ((amphora,),) = _rows(connection, DELETED_AMPHORA.format(age=keeping.amphora_expiry_age))
    ((load_balancer,),) = _rows(connection, DELETED_LOAD_BALANCER)
    overdue = {
        "amphorae": int(amphora or 0) - keeping.amphora_expiry_age - keeping.cleanup_interval,
        "load_balancers": int(load_balancer or 0) - keeping.load_balancer_expiry_age - keeping.cleanup_interval,
        "certificates": int(now - ends + keeping.cert_expiry_buffer - keeping.cert_interval) if ends else 0,
    }
    for task, seconds in overdue.items():
        yield "octavia_housekeeping_overdue_seconds", {"task": task}, max(0, seconds)


def _rows(connection, sql):
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def write(path, content):
    """Write a file whole or not at all; Prometheus's node exporter reads what is called ``*.prom``."""
    draft = f"{path}.new"
    with open(draft, "w", encoding="utf-8") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), 0o644)
    os.replace(draft, path)


def _tell(line):
    sys.stderr.write(f"{line}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--api")
    parser.add_argument("--unit", action="append", default=[], metavar="ROLE=UNIT")
    given = parser.parse_args()
    write(given.output, text(given.config_file, [each.split("=", 1) for each in given.unit], given.api))


if __name__ == "__main__":
    main()
