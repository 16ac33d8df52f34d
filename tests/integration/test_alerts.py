"""
The alerts of octavia/meta/prometheus.yml by promtool: each is silent when all is well, fires when it is not, and says
what it should.
"""

import json
import subprocess

import pytest
import yaml
from harness import ROOT, Minion
from lab import trees

DAY = 86400
HOST = 'instance="ctl01:9100"'
PILLAR = {"octavia": {"api": {"enabled": True}, "manager": {"enabled": True}, "monitoring": {"enabled": True}}}

#: Of each alert: what is well, what is not, when that is told, and with which labels and words. Series are as promtool
#: writes them, a value each minute. Time begins with 0.
CASES = {
    "OctaviaApiDown": (
        {f"octavia_api_up{{{HOST}}}": "0x10", 'octavia_api_up{instance="ctl02:9100"}': "1x10"},
        {f"octavia_api_up{{{HOST}}}": "0x10", 'octavia_api_up{instance="ctl02:9100"}': "1 1 0x8"},
        "5m", {}, "No controller has an API that answers, for 2 minutes.",
    ),
    "OctaviaApiEndpointDown": (
        {f"octavia_api_up{{{HOST}}}": "1 0x4 1x10"},
        {f"octavia_api_up{{{HOST}}}": "1 0x14"},
        "6m", {"instance": "ctl01:9100"}, "The API of ctl01:9100 does not answer, for 5 minutes.",
    ),
    "OctaviaServiceDown": (
        {f'octavia_service_up{{{HOST},role="worker"}}': "1x4 0 1x10"},
        {f'octavia_service_up{{{HOST},role="worker"}}': "0x15"},
        "5m", {"instance": "ctl01:9100", "role": "worker"},
        "The worker of ctl01:9100 does not run, for 5 minutes.",
    ),
    "OctaviaDatabaseUnreachable": (
        {f"octavia_database_up{{{HOST}}}": "0x3 1x10"},
        {f"octavia_database_up{{{HOST}}}": "0x15"},
        "5m", {"instance": "ctl01:9100"},
        "The database does not answer to the login of octavia.conf on ctl01:9100, for 5 minutes.",
    ),
    "OctaviaErrorLogsTooHigh": (
        {'log_messages{service="octavia",level="ERROR",host="ctl01"}': "0+6x10",
         'log_messages{service="octavia",level="INFO",host="ctl01"}': "0+600x10"},
        {'log_messages{service="octavia",level="ERROR",host="ctl01"}': "0+12x10",
         'log_messages{service="octavia",level="CRITICAL",host="ctl01"}': "0+6x10"},
        "10m", {"host": "ctl01"}, "Octavia logs 0.30 errors a second on the ctl01 node, over the last 5 minutes.",
    ),
    "OctaviaLoadBalancerError": (
        {f'octavia_load_balancers{{{HOST},provisioning_status="ERROR"}}': "2 0x10",
         f'octavia_load_balancers{{{HOST},provisioning_status="ACTIVE"}}': "7x10"},
        {f'octavia_load_balancers{{{HOST},provisioning_status="ERROR"}}': "2x10",
         'octavia_load_balancers{instance="ctl02:9100",provisioning_status="ERROR"}': "2x10"},
        "5m", {}, "2 load balancers are in provisioning status ERROR: fail them over, or delete them.",
    ),
    "OctaviaLoadBalancerPending": (
        {f"octavia_load_balancers_pending_seconds{{{HOST}}}": "1800x10"},
        {f"octavia_load_balancers_pending_seconds{{{HOST}}}": "1500+60x10"},
        "6m", {},
        "A load balancer is in a PENDING status for 1860 seconds: the worker that had it is gone, or waits for Nova.",
    ),
    "OctaviaAmphoraError": (
        {f'octavia_amphorae{{{HOST},status="ALLOCATED"}}': "9x10",
         f'octavia_amphorae{{{HOST},status="ERROR"}}': "0x10"},
        {f'octavia_amphorae{{{HOST},status="ERROR"}}': "1x10"},
        "5m", {}, "1 amphorae are in status ERROR: fail their load balancers over.",
    ),
    "OctaviaAmphoraFailoverStopped": (
        {f'octavia_amphorae{{{HOST},status="FAILOVER_STOPPED"}}': "0x10"},
        {f'octavia_amphorae{{{HOST},status="FAILOVER_STOPPED"}}': "0 12x10"},
        "2m", {},
        "12 amphorae are in status FAILOVER_STOPPED: more than failover_threshold were silent at once; look at the "
        "management network.",
    ),
    "OctaviaHeartbeatsStale": (
        {f"octavia_amphorae_silent{{{HOST}}}": "0 3x3 0x10"},
        {f"octavia_amphorae_silent{{{HOST}}}": "3x10"},
        "6m", {},
        "3 amphorae were not heard of for longer than heartbeat_timeout, and no health manager has failed them over "
        "for 5 minutes.",
    ),
    "OctaviaFailoverRate": (
        {f"octavia_amphorae_replaced{{{HOST}}}": "5x10"},
        {f"octavia_amphorae_replaced{{{HOST}}}": "6x10"},
        "1m", {}, "6 amphorae were replaced within the last hour.",
    ),
    "OctaviaCertificateEndsSoon": (
        {f'octavia_certificate_end_seconds{{{HOST},path="/ca.pem"}}': f"{31 * DAY}x10"},
        {f'octavia_certificate_end_seconds{{{HOST},path="/ca.pem"}}': f"{29 * DAY + 600}x10"},
        "10m", {"instance": "ctl01:9100", "path": "/ca.pem"},
        "A certificate in /ca.pem of ctl01:9100 ends in 29d 0h 0m 0s.",
    ),
    "OctaviaCertificateEnds": (
        {f'octavia_certificate_end_seconds{{{HOST},path="/ca.pem"}}': f"{8 * DAY}x10"},
        {f'octavia_certificate_end_seconds{{{HOST},path="/ca.pem"}}': f"{5 * DAY + 600}x10"},
        "10m", {"instance": "ctl01:9100", "path": "/ca.pem"},
        "A certificate in /ca.pem of ctl01:9100 ends in 5d 0h 0m 0s: no amphora can be reached then.",
    ),
    "OctaviaCertificateUnreadable": (
        {f'octavia_certificate_readable{{{HOST},path="/ca.pem"}}': "1x10"},
        {f'octavia_certificate_readable{{{HOST},path="/ca.pem"}}': "0x10"},
        "5m", {"instance": "ctl01:9100", "path": "/ca.pem"},
        "Octavia cannot read a certificate in /ca.pem of ctl01:9100.",
    ),
    "OctaviaAmphoraCertificateEnds": (
        {f"octavia_amphora_certificate_end_seconds{{{HOST}}}": f"{8 * DAY}x10"},
        {f"octavia_amphora_certificate_end_seconds{{{HOST}}}": f"{6 * DAY + 600}x10"},
        "10m", {}, "The certificate of an amphora ends in 6d 0h 0m 0s, and housekeeping did not renew it.",
    ),
    "OctaviaHousekeepingStalled": (
        {f'octavia_housekeeping_overdue_seconds{{{HOST},task="amphorae"}}': "0 1000x3 0x30"},
        {f'octavia_housekeeping_overdue_seconds{{{HOST},task="amphorae"}}': "3600x30",
         f'octavia_housekeeping_overdue_seconds{{{HOST},task="certificates"}}': "0x30"},
        "15m", {"task": "amphorae"},
        "Housekeeping should have seen to amphorae 1h 0m 0s ago, on all controllers.",
    ),
    "OctaviaMetricsStale": (
        {f"octavia_metrics_time_seconds{{{HOST}}}": "0+60x30"},
        {f"octavia_metrics_time_seconds{{{HOST}}}": "60x30"},
        "11m", {"instance": "ctl01:9100"},
        "The metrics of ctl01:9100 are 10m 0s old: see octavia-metrics.service there.",
    ),
    "OctaviaMetricsAbsent": (
        {f"octavia_metrics_time_seconds{{{HOST}}}": "0+60x30"},
        {"up": "1x30"},
        "20m", {}, "No controller tells metrics of Octavia, for 15 minutes: no other alert on Octavia can fire.",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def alerts(tmp_path_factory):
    found = Minion(tmp_path_factory.mktemp("minion") / "root", PILLAR).meta("prometheus")["server"]["alert"]
    return json.loads(json.dumps(found))


@pytest.fixture(scope="module")
def promtool():
    """That of Debian's prometheus, out of the lab's trees; it needs no machine."""
    trees.prepared("prometheus")
    return trees.LAYERS["prometheus"].path / "usr/bin/promtool"


def rules(alerts):
    """The file of rules that the formula of Prometheus makes of them."""
    named = [{"alert": name, "expr": alert.pop("if"), **alert} for name, alert in alerts.items()]
    return {"groups": [{"name": "alert.rules", "rules": named}]}


def cases(alerts):
    """promtool's own tests of the cases: two for each alert."""
    found = []
    for name, (well, wrong, when, labels, says) in CASES.items():
        alert = alerts[name]
        summary = alert["annotations"]["summary"].replace("{{ $labels.role }}", labels.get("role", ""))
        expected = {
            "exp_labels": {**alert["labels"], **labels},
            "exp_annotations": {"summary": summary, "description": says},
        }
        for series, fires in ((well, []), (wrong, [expected])):
            found.append({
                "interval": "1m",
                "input_series": [{"series": each, "values": values} for each, values in series.items()],
                "alert_rule_test": [{"eval_time": when, "alertname": name, "exp_alerts": fires}],
            })  # fmt: skip
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": found}


def test_every_alert_has_a_case(alerts):
    assert set(CASES) == set(alerts)


def test_promtool_takes_the_rules_and_finds_each_alert_as_it_should_be(promtool, alerts, tmp_path):
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(cases(alerts)))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules(alerts), sort_keys=False))
    for verb in (["check", "rules", "rules.yml"], ["test", "rules", "tests.yml"]):
        done = subprocess.run([promtool, *verb], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_queries_of_the_dashboard(promtool, tmp_path):
    board = json.loads((ROOT / "octavia/files/grafana_dashboards/octavia_prometheus.json").read_text())
    asked = {target["expr"] for panel in board["panels"] for target in panel["targets"]}
    named = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(sorted(asked))]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": named}]}))
    ask = [promtool, "check", "rules", tmp_path / "rules.yml"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(named)} rules found" in done.stdout, done.stdout + done.stderr
