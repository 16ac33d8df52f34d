"""
Metrics of a real controller, by its timer and Prometheus's node exporter; the receiver of what amphorae log; and the
logs that there are by then, read in the language of Fluentd.
"""

import json

import pytest
from control_plane import Api, apply, changed, unit_state
from harness import Minion

pytestmark = pytest.mark.slow

NAME = "octavia_monitoring"
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
PROJECT = "0123456789abcdef0123456789abcdef"
LINK, DIRECTORY = "/var/lib/prometheus/node-exporter/octavia.prom", "/var/log/octavia-amphora"
ON = {"database": {"name": NAME}, "monitoring": {"enabled": True, "interval": 600}}
RECEIVER = {"manager": {"syslog": {"enabled": True}}}
#: A deployment of many: twelve thousand amphorae, each heard of, for as many load balancers.
MANY = """
INSERT INTO load_balancer (id, project_id, name, provisioning_status, operating_status, enabled, created_at)
    SELECT CONCAT('many-', seq), 'p', 'many', 'ACTIVE', 'ONLINE', 1, UTC_TIMESTAMP() - INTERVAL 9 DAY
    FROM seq_1_to_12000;
INSERT INTO amphora (id, load_balancer_id, status, cert_busy, created_at, updated_at, cert_expiration)
    SELECT CONCAT('many-', seq), CONCAT('many-', seq), 'ALLOCATED', 0, UTC_TIMESTAMP() - INTERVAL 9 DAY,
        UTC_TIMESTAMP(), UTC_TIMESTAMP() + INTERVAL 21 DAY FROM seq_1_to_12000;
INSERT INTO amphora_health (amphora_id, last_update, busy)
    SELECT CONCAT('many-', seq), UTC_TIMESTAMP() - INTERVAL 3 SECOND, 0 FROM seq_1_to_12000;
ANALYZE TABLE load_balancer, amphora, amphora_health;
"""
FEW = """
DELETE FROM amphora_health WHERE amphora_id LIKE 'many-%'; DELETE FROM amphora WHERE id LIKE 'many-%';
DELETE FROM load_balancer WHERE id LIKE 'many-%';
"""


@pytest.fixture(scope="module")
def make(pillar):
    return lambda *changes: pillar(ON, RECEIVER, *changes)


@pytest.fixture(scope="module", params=["12", "13"], ids=lambda number: f"debian{number}")
def machine(request, lab, services, make):
    machine = lab.machine("controller1", debian=request.param, salt="3008", tree=f"monitoring-{request.param}")
    machine.put_formula()
    sql(services, f"DROP DATABASE IF EXISTS {NAME}", None)
    machine.put_pillar(make())
    machine.run("systemctl start prometheus-node-exporter")
    apply(machine)
    yield machine
    machine.destroy()


def sql(services, statements, database=NAME):
    services.run(["mysql", *([database] if database else [])], input=statements)


def told(machine):
    """The metrics, taken now, by the timer's own unit."""
    machine.run("systemctl start octavia-metrics.service")
    return values(machine.read(LINK))


def values(text):
    samples = (line.rpartition(" ") for line in text.splitlines() if line.startswith("octavia_"))
    return {name: float(value) for name, _, value in samples}


# --- metrics


def test_a_healthy_controller_tells_so(machine, services, lab):
    Api(services, lab.facts).make("loadbalancer", {"name": "lb", "vip_subnet_id": SUBNET})
    found = told(machine)
    roles = ("api", "worker", "health_manager", "housekeeping")
    assert [found[f'octavia_service_up{{role="{role}"}}'] for role in roles] == [1, 1, 1, 1]
    assert found["octavia_api_up"] == found["octavia_database_up"] == 1
    assert found['octavia_load_balancers{provisioning_status="ACTIVE"}'] == 1
    assert found['octavia_amphorae{status="ALLOCATED"}'] == 1
    readable = {name: value for name, value in found.items() if name.startswith("octavia_certificate_readable")}
    assert len(readable) == 3 and set(readable.values()) == {1}
    assert found["octavia_amphora_certificate_end_seconds"] > found["octavia_metrics_time_seconds"] + 29 * 86400
    # a noop sends no heartbeat, but it is new
    assert found["octavia_amphorae_silent"] == 0 and found["octavia_amphorae_replaced"] == 0
    assert [value for name, value in found.items() if "overdue" in name] == [0, 0, 0]


def test_the_node_exporter_tells_prometheus_the_same(machine):
    found = told(machine)
    seen = machine.run("curl -sS --fail http://localhost:9100/metrics").stdout
    assert values(seen) == found
    assert "node_textfile_scrape_error 0" in seen.splitlines()


def test_an_operator_is_told_what_the_timer_writes(machine):
    text = machine.salt_call("octavia_metrics.text").data
    moving = ("octavia_metrics_", "octavia_api_seconds", "octavia_amphora_heartbeat")

    def still(found):
        return {name: value for name, value in found.items() if not name.startswith(moving)}

    assert still(values(text)) == still(told(machine))


def test_what_is_wrong_is_told(machine, services):
    sql(services, "UPDATE load_balancer SET provisioning_status = 'ERROR', updated_at = UTC_TIMESTAMP();"
        "UPDATE amphora SET status = 'FAILOVER_STOPPED', created_at = UTC_TIMESTAMP() - INTERVAL 2 HOUR;"
        # beyond what housekeeping looks at while it is stopped
        "UPDATE amphora SET cert_expiration = UTC_TIMESTAMP() + INTERVAL 3 DAY")  # fmt: skip
    machine.run("systemctl stop octavia-housekeeping octavia-api")
    try:
        found = told(machine)
    finally:
        machine.run("systemctl start octavia-housekeeping octavia-api")
        machine.run("curl -sS --retry 60 --retry-connrefused --retry-delay 1 http://10.77.0.11:9876/")
        sql(services, "UPDATE load_balancer SET provisioning_status = 'ACTIVE';"
            "UPDATE amphora SET status = 'ALLOCATED', cert_expiration = UTC_TIMESTAMP() + INTERVAL 30 DAY")  # fmt: skip
    assert found['octavia_load_balancers{provisioning_status="ERROR"}'] == 1
    assert found['octavia_amphorae{status="FAILOVER_STOPPED"}'] == 1
    assert found["octavia_amphorae_silent"] == 1 and 7200 <= found["octavia_amphora_heartbeat_age_seconds"] < 7300
    assert found["octavia_api_up"] == found['octavia_service_up{role="housekeeping"}'] == 0
    overdue = found['octavia_housekeeping_overdue_seconds{task="certificates"}']
    assert abs(overdue - (11 * 86400 - 3600)) < 60


def test_a_database_that_refuses_takes_nothing_else_along_and_no_secret_to_the_journal(machine):
    conf = machine.read("/etc/octavia/octavia.conf").replace("@10.77.0.2:3306/", "x@10.77.0.2:3306/")
    machine.write("/etc/octavia/wrong.conf", conf)
    machine.run("chown root:octavia /etc/octavia/wrong.conf; chmod 640 /etc/octavia/wrong.conf")
    command = machine.salt_call("octavia_metrics.command").data.replace("octavia.conf", "wrong.conf")
    done = machine.run(f"su -s /bin/sh octavia -c '{command} --output /var/lib/octavia/wrong.prom'")
    found = values(machine.read("/var/lib/octavia/wrong.prom"))
    assert found["octavia_database_up"] == 0 and found["octavia_api_up"] == 1
    assert done.stderr.splitlines() == ["database: OperationalError 1045"]
    machine.run("rm /etc/octavia/wrong.conf /var/lib/octavia/wrong.prom")


def test_a_large_deployment_takes_no_longer(machine, services):
    sql(services, MANY)
    try:
        found = told(machine)
    finally:
        sql(services, FEW)
    assert found['octavia_amphorae{status="ALLOCATED"}'] == 12001
    assert found["octavia_api_up"] == 1 and found["octavia_metrics_seconds"] < 2
    spent = machine.run("systemctl show --property=ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic"
                        " --value octavia-metrics.service").stdout.split()  # fmt: skip
    assert (int(spent[1]) - int(spent[0])) / 1e6 < 5, spent


def test_the_unit_is_octavias_and_can_write_nothing_else(machine):
    unit = machine.read("/etc/systemd/system/octavia-metrics.service")
    assert "User=octavia" in unit and "ProtectSystem=strict" in unit
    owner = machine.run("stat -Lc '%U %a' /var/lib/prometheus/node-exporter/octavia.prom /var/lib/octavia-metrics")
    assert owner.stdout.split("\n")[:2] == ["octavia 644", "octavia 755"]
    exposed = machine.run("systemd-analyze security octavia-metrics.service --no-pager | tail -1").stdout
    assert float(exposed.split(":")[1].split()[0]) < 3, exposed


def test_the_timer_is_steady(machine, make):
    assert unit_state(machine, "octavia-metrics.timer") == ("active", "enabled")
    assert changed(apply(machine, "octavia.monitoring")) == {}
    assert changed(apply(machine, "octavia.manager.syslog")) == {}


# --- the receiver


SEND = """
import socket, sys
kind, lines = sys.argv[1], sys.stdin.read().splitlines()
if kind == "UDP":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for line in lines:
            udp.sendto(line.encode(), ("10.77.0.11", 10514))
else:
    with socket.create_connection(("10.77.0.11", 10514), 5) as tcp:
        tcp.sendall("".join(f"{line}\\n" for line in lines).encode())
"""


def send(services, kind, mark):
    """As the rsyslog of an amphora does: a line of its agent, and one of a user's connection."""
    lines = (
        f"<142>Nov 26 07:00:00 amphora-1b2c amphora-agent[1]: {mark} of the agent",
        f"<134>Nov 26 07:00:00 amphora-1b2c haproxy[9]: {PROJECT} 9d0c-lb listener 10.88.0.20 80 {mark}",
        f"<142>Nov 26 07:00:00 ../../../tmp/evil x[1]: {mark} of nobody",
    )
    services.run(["python3", "-c", SEND, kind], input="\n".join(lines))


def received(machine, mark):
    """Which files hold a mark; there is a queue before them."""
    command = f"for _ in $(seq 50); do grep -rl '{mark}' {DIRECTORY} | sort > /tmp/found; [ $(wc -l < /tmp/found) = 3 ] && break; sleep 0.1; done; cat /tmp/found"  # noqa: E501
    return machine.run(command).stdout.split()


@pytest.mark.parametrize("kind", ["UDP", "TCP"])
def test_lines_of_amphorae_are_kept_by_amphora_and_project(machine, services, make, kind):
    if kind == "TCP":
        machine.put_pillar(make({"manager": {"amphora_agent": {"log_protocol": "TCP"}}}))
        done = changed(apply(machine, "octavia.manager.syslog"))
        assert set(done) == {"octavia_syslog_conf", "octavia_syslog_service"}
    listening = machine.run("ss -Hlntu 'sport = :10514'").stdout.split()
    assert listening[0] == kind.lower() and listening[4] == "10.77.0.11:10514" and len(listening) == 6
    send(services, kind, f"first-{kind}")
    files = [f"{DIRECTORY}/admin/amphora-1b2c.log", f"{DIRECTORY}/tenant/{PROJECT}.log"]
    found = received(machine, f"first-{kind}")
    assert set(files) < set(found) and len(found) == 3 and all(path.startswith(DIRECTORY) for path in found)
    assert machine.run(f"grep -rl first-{kind} /var/log --include=syslog --include=messages", check=False).stdout == ""
    machine.run("logrotate --force /etc/logrotate.d/octavia-amphora")
    send(services, kind, f"second-{kind}")
    assert set(files) < set(received(machine, f"second-{kind}"))
    assert f"first-{kind}" not in machine.read(files[0])


def test_files_of_the_receiver_are_for_administrators(machine):
    modes = machine.run(f"find {DIRECTORY} -printf '%u %g %m %y\\n' | sort -u").stdout.split("\n")
    assert modes[:-1] == ["root adm 640 f", "root adm 750 d"]
    machine.run("systemd-tmpfiles --clean --create octavia-amphora.conf")


def test_amphorae_are_told_of_the_receiver(machine):
    conf = machine.read("/etc/octavia/octavia.conf")
    assert "admin_log_targets = 10.77.0.11:10514\n" in conf and "tenant_log_targets = 10.77.0.11:10514\n" in conf


# --- logs


#: What Octavia's services write when something fails; by their own libraries, as the rest of the log.
FAIL = """
import logging, sys
from oslo_config import cfg
from oslo_log import log
log.register_options(cfg.CONF)
cfg.CONF(["--log-file", "/var/log/octavia/octavia-worker.log"], project="octavia", default_config_files=[])
log.setup(cfg.CONF, "octavia")
try:
    raise ValueError("first\\n[SQL: SELECT 1]\\n\\nlast")
except ValueError:
    logging.getLogger("octavia.worker").exception("it failed")
logging.getLogger("octavia.worker").info("after it")
"""
RUBY = r"""
require "json"
given = JSON.parse(STDIN.read)
def expression(text) Regexp.new(text[1..-2], Regexp::MULTILINE) end
first, whole = expression(given["format_firstline"]), expression(given["format"])
puts JSON.generate(given["paths"].to_h { |path|
  messages = []
  File.foreach(path, chomp: true) { |line|
    if first.match?(line) then messages << line elsif messages.any? then messages[-1] << "\n" << line end
  }
  [path, messages.map { |each| (found = whole.match(each)) ? found.named_captures.compact : { "missed" => each } }]
})
"""


def test_fluentds_own_language_reads_the_logs_that_there_are(machine, tmp_path):
    machine.run(["python3", "-c", FAIL])
    pillar = {"octavia": {"api": {"enabled": True}}, "fluentd": {"agent": {"enabled": True}}}
    label = Minion(tmp_path / "root", pillar).meta("fluentd")["agent"]["config"]["label"]["openstack_octavia"]
    tail = label["input"]["tail_octavia"]
    paths = machine.run(f"ls {tail['path']}").stdout.split()
    assert len(paths) == 4
    asked = {name: tail["parser"][name] for name in ("format", "format_firstline")} | {"paths": paths}
    records = json.loads(machine.run(["ruby", "-e", RUBY], input=json.dumps(asked)).stdout)
    assert [each for found in records.values() for each in found if "missed" in each] == []
    assert all(len(found) > 3 for found in records.values())
    worker, api = (records[f"/var/log/octavia/octavia-{name}.log"] for name in ("worker", "api"))
    failed = next(each for each in worker if each["message"].startswith("it failed: ValueError"))
    assert failed["level"] == "ERROR" and failed["message"].count("\n") >= 8
    assert worker[worker.index(failed) + 1]["message"] == "after it"
    requests = [each for each in api if "http_status" in each]
    assert {"POST", "GET"} <= {each["http_method"] for each in requests}
    assert {"200", "201"} & {each["http_status"] for each in requests}


# --- and off again


def test_what_is_switched_off_is_taken_away_and_logs_stay(machine, make):
    machine.put_pillar(make({"monitoring": {"enabled": False}, "manager": {"syslog": {"enabled": False}}}))
    for sls in ("octavia.monitoring", "octavia.manager.syslog"):
        plan, done = changed(apply(machine, sls, test=True)), changed(apply(machine, sls))
        # a dry run of Salt's own states of services tells no changes
        assert set(done) - set(plan) <= {"octavia_metrics_taken", "octavia_syslog_service"} and plan
        assert changed(apply(machine, sls)) == {}
    assert unit_state(machine, "octavia-metrics.timer")[0] == "inactive"
    assert machine.run(f"ls {LINK} /etc/rsyslog.d/49-octavia-amphora.conf", check=False).stdout == ""
    assert machine.run("ss -Hlntu 'sport = :10514'").stdout == ""
    assert machine.run(f"ls {DIRECTORY}/admin").stdout
