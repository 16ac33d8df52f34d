"""octavia/meta, as formulas of monitoring read it: what is said for which pillar, and in the shape that they know."""

import itertools
import json
import re

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from harness import ROOT, pillar_files

PILLARS = ROOT / "tests" / "pillar"
NAMES = sorted(path.stem for path in (ROOT / "octavia" / "meta").glob("*.yml"))
ON = {"monitoring": {"enabled": True}}


@pytest.fixture(scope="session")
def watched(minion):
    """A controller whose metrics are taken; `say` are other keys of its pillar."""

    def _watched(**say):
        return minion({"octavia": {"api": {"enabled": True}, "manager": {"enabled": True}, **ON, **say}})

    return _watched


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pillar", pillar_files(), ids=lambda path: path.stem)
def test_a_file_renders_for_every_pillar(minion, pillar, name):
    minion(pillar).meta(name)


@pytest.mark.parametrize("wrong", [{"octavia": "yes"}, {"octavia": {"api": {"enabled": True}, "monitoring": "yes"}}])
@pytest.mark.parametrize("name", NAMES)
def test_a_pillar_of_the_wrong_shape_renders(minion, wrong, name):
    minion(wrong).meta(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_host_without_octavia_is_not_watched(minion, name):
    said = minion(PILLARS / "empty.sls").meta(name)
    assert name == "salt" or not said


# --- alerts


def alerts(one):
    return one.meta("prometheus").get("server", {}).get("alert", {})


def test_an_old_pillar_gets_the_alert_on_its_logs(minion):
    found = alerts(minion(PILLARS / "api_predecessor.sls"))
    assert list(found) == ["OctaviaErrorLogsTooHigh"]


def test_an_alert_has_what_the_formula_of_prometheus_takes(watched):
    found = alerts(watched())
    assert len(found) >= 12
    for name, alert in found.items():
        assert re.fullmatch("Octavia[A-Za-z]+", name)
        assert {*alert} - {"for"} == {"if", "labels", "annotations"}, name
        assert alert["labels"]["service"] == "octavia" and alert["labels"]["severity"] in ("warning", "critical"), name
        assert {*alert["annotations"]} == {"summary", "description"}, name
        # that formula puts them between double quotes, and the expression into a block of its own
        texts = [*alert["annotations"].values(), alert["if"]]
        assert all("\n" not in text for text in texts), name
        assert all('"' not in text and "\\" not in text for text in alert["annotations"].values()), name


def test_limits_are_those_of_the_pillar(watched):
    found = alerts(watched(
        monitoring={"enabled": True, "error_log_rate": 3.5, "failovers_per_hour": 17, "interval": 120},
        certificates={"check": {"warn_days": 44}},
    ))  # fmt: skip
    assert found["OctaviaErrorLogsTooHigh"]["if"].endswith("> 3.5")
    assert found["OctaviaFailoverRate"]["if"].endswith("> 17")
    assert found["OctaviaCertificateEndsSoon"]["if"].endswith("< 44 * 86400")
    assert found["OctaviaCertificateEnds"]["if"].endswith("< 7 * 86400")
    assert found["OctaviaMetricsStale"]["if"].endswith("> 300 + 3 * 120")


def test_alerts_ask_for_metrics_that_there_are(watched, metrics):
    named = {name for alert in alerts(watched()).values() for name in re.findall(r"\b(octavia_\w+)", alert["if"])}
    assert named and named - set(metrics.HELP) == set()


@pytest.fixture
def metrics(load):
    return load("octavia/host/metrics")


def test_the_class_of_reclass_switches_what_there_is():
    support = yaml.safe_load((ROOT / "metadata/service/support.yml").read_text())["parameters"]["octavia"]["_support"]
    assert {name for name, said in support.items() if said["enabled"]} == {*NAMES} - {"salt"}


# --- Telegraf


def asked(one):
    return one.meta("telegraf")["agent"]["input"]


@pytest.mark.parametrize(
    ("api", "url"),
    [
        ({}, "http://127.0.0.1:9876/healthcheck"),
        ({"bind": {"address": "::", "port": 80}}, "http://[::1]:80/healthcheck"),
        ({"bind": {"address": "10.0.0.1"}, "healthcheck": {"enabled": False}}, "http://10.0.0.1:9876/"),
    ],
)
def test_telegraf_asks_the_api_of_this_host(watched, api, url):
    found = asked(watched(api={"enabled": True, **api}))
    assert found["http_response"] == {"octavia-api": {"address": url, "expected_code": 200}}


def test_telegraf_looks_for_the_processes_of_the_roles_that_are_here(minion):
    found = asked(minion({"octavia": {"manager": {"enabled": True, "components": ["health_manager"]}}}))
    assert found == {"procstat": {"process": {"octavia-health-manager": {"pattern": "octavia-health-manager"}}}}


# --- Fluentd

#: As Octavia's own oslo.log writes them, on Debian 12 and by the newest release, and uWSGI in the log of the API.
LOG = """\
2026-11-26 07:15:34.070 7612 INFO octavia.controller.worker.v2.controller_worker [-] Starting
2026-11-26 07:15:34.070 7612 WARNING octavia.api.app [req-11111111-64ad-4a4d-a0b1-1f0f6ab35a3d req-5e0a4f80-64ad-4a4d-a0b1-1f0f6ab35a3d u1 p1 - - - -] with [brackets] context
2026-11-26 07:15:34.071 7612 INFO octavia.common [None req-5e0a4f80-64ad-4a4d-a0b1-1f0f6ab35a3d u1 p1 - - - -] two
lines
2026-11-26 07:15:34.072 7612 ERROR octavia.db [None req-5e0a4f80-64ad-4a4d-a0b1-1f0f6ab35a3d u1 p1 - - - -] it failed: ValueError: first
[SQL: SELECT 1]

last
2026-11-26 07:15:34.072 7612 ERROR octavia.db Traceback (most recent call last):
2026-11-26 07:15:34.072 7612 ERROR octavia.db   File "/tmp/gl.py", line 16, in <module>
2026-11-26 07:15:34.072 7612 ERROR octavia.db ValueError: first
2026-11-26 07:15:34.072 7612 ERROR octavia.db [SQL: SELECT 1]
2026-11-26 07:15:34.072 7612 ERROR octavia.db\x20
[pid: 820|app: 0|req: 3/1] 10.77.0.2 () {18 vars in 200 bytes} [Thu Nov 26 07:16:04 2026] GET /healthcheck => generated 0 bytes in 8 msecs (HTTP/1.0 200) 1 headers in 0 bytes (0 switches on core 0)
2026-11-26 07:15:35.000 7612 CRITICAL octavia [-] Unhandled error: SystemExit
"""  # noqa: E501


@pytest.fixture(scope="session")
def shipped(minion):
    return minion({
        "octavia": {"api": {"enabled": True}},
        "fluentd": {"agent": {"enabled": True, "dir": {"positiondb": "/var/lib/fluentd"}}},
    }).meta("fluentd")["agent"]["config"]["label"]  # fmt: skip


def python(expression):
    """Ruby's regular expression in Python's words; `tests/integration/test_monitoring.py` has Ruby itself try it."""
    assert expression[0] == expression[-1] == "/"
    return re.compile(expression[1:-1].replace("(?<", "(?P<"), re.DOTALL | re.MULTILINE)


def test_a_message_of_a_log_is_one_record(shipped):
    parser = shipped["openstack_octavia"]["input"]["tail_octavia"]["parser"]
    first, whole = python(parser["format_firstline"]), python(parser["format"])
    messages = []
    for line in LOG.splitlines():
        if first.match(line):
            messages.append(line)
        else:
            messages[-1] += f"\n{line}"
    records = [whole.fullmatch(message).groupdict() for message in messages]
    assert [each["level"] for each in records] == ["INFO", "WARNING", "INFO", "ERROR", None, "CRITICAL"]
    assert records[1]["message"] == "with [brackets] context" and records[2]["message"] == "two\nlines"
    assert records[3]["python_module"] == "octavia.db" and records[3]["message"].count("\n") == 8
    request = {name: text for name, text in records[4].items() if name.startswith("http")}
    assert request == {
        "http_client_ip_address": "10.77.0.2", "http_method": "GET", "http_url": "/healthcheck", "http_status": "200",
        "http_response_size": "0", "http_response_msecs": "8", "http_version": "HTTP/1.0",
    }  # fmt: skip


def test_fluentd_counts_what_the_alert_on_logs_reads(shipped, watched):
    counted = shipped["default_metric"]["filter"]["octavia_logs_per_severity"]
    (name,) = [metric["name"] for metric in counted["metric"]]
    labels = {label["name"]: label["value"] for label in counted["label"]}
    asks = alerts(watched())["OctaviaErrorLogsTooHigh"]["if"]
    assert f'{name}{{service="{labels["service"]}",level=~' in asks and {"level", "host"} < set(labels)


def test_a_host_without_fluentd_has_nothing_for_it(watched):
    assert watched().meta("fluentd") == {}


# --- Grafana


@pytest.fixture(scope="session")
def dashboard(watched):
    said = watched().meta("grafana")["dashboard"]["octavia_prometheus"]
    assert said["format"] == "json" and said["datasource"] == "prometheus"
    text = (ROOT / said["template"]).read_text()
    assert "{{" not in text and "{%" not in text, "the formula of Grafana reads it as Jinja"
    return json.loads(text)


def test_a_dashboard_has_what_grafana_wants(dashboard):
    assert dashboard["title"] and dashboard["schemaVersion"] >= 30 and len(dashboard["uid"]) <= 40
    assert {each["name"] for each in dashboard["templating"]["list"]} == {"datasource"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) > 10
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["type"] in ("stat", "timeseries", "state-timeline", "bargauge"), panel["id"]
        assert panel["datasource"]["uid"] == "${datasource}"
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters)) and all(target["legendFormat"] for target in panel["targets"])
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None and all(step["value"] is not None for step in steps[1:])


def lost(said, kept, path=""):
    """What of the one is not in the other, which may have more."""
    if isinstance(said, list) and isinstance(kept, list):
        said, kept = dict(enumerate(said)), dict(enumerate(kept))
    if isinstance(said, dict) and isinstance(kept, dict):
        return [each for key in said for each in lost(said[key], kept.get(key), f"{path}/{key}")]
    return [] if said == kept else [path]


def test_grafanas_own_schema_knows_every_field_of_a_dashboard(dashboard):
    """What the models of Grafana 11 do not know is lost on the way through them; their defaults are added."""
    register_default_plugins()
    assert lost(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))) == []


def test_panels_lie_side_by_side(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        assert (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        ), (one, other)  # fmt: skip


def test_panels_show_metrics_that_there_are_and_all_that_alerts_ask(dashboard, metrics):
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"\b(octavia_\w+|log_messages)", expression)}
    assert named - {"log_messages"} <= set(metrics.HELP)
    assert set(metrics.HELP) - named == {"octavia_certificate_readable"}
