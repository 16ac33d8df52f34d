"""octavia/meta, as formulas of monitoring read it: what is said for which pillar, and in the shape that they know."""

import re

import pytest
import yaml
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


def test_alerts_ask_for_metrics_that_there_are(watched, load_metrics):
    named = {name for alert in alerts(watched()).values() for name in re.findall(r"\b(octavia_\w+)", alert["if"])}
    assert named and named - set(load_metrics.HELP) == set()


@pytest.fixture(scope="session")
def load_metrics():
    import importlib.util

    spec = importlib.util.spec_from_file_location("octavia_host_metrics", ROOT / "octavia" / "host" / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_class_of_reclass_switches_what_there_is():
    support = yaml.safe_load((ROOT / "metadata/service/support.yml").read_text())["parameters"]["octavia"]["_support"]
    assert {name for name, said in support.items() if said["enabled"]} == {*NAMES} - {"salt"}
