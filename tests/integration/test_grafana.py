"""
The dashboard of octavia/files/grafana_dashboards, by a Prometheus that watches a real controller: each of its panels is
asked as Grafana would ask it, after things have happened that it should show. No Grafana is in it; what it would make
of the answers, grafana_picture.py draws.
"""

import contextlib
import json
import threading
import time

import pytest
from control_plane import UNITS, Api, apply
from grafana_picture import draw
from harness import ROOT

pytestmark = pytest.mark.slow

NAME = "octavia_grafana"
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
BOARD = json.loads((ROOT / "octavia/files/grafana_dashboards/octavia_prometheus.json").read_text())
#: What a test has made for people to look at: git ignores it. That of the repository was one of them.
PICTURE = ROOT / "build" / "octavia_prometheus.png"
#: The one panel without data here: its metric is Fluentd's (octavia/meta/fluentd.yml), and there is none.
OF_FLUENTD = "Errors in logs, a second"
KEY = "/etc/octavia/certs/server_ca.key.pem"
SILENCE, WEEK = 15, 604800
CHANGES = (
    {"database": {"name": NAME}, "monitoring": {"enabled": True, "interval": 600}},
    {"manager": {"health_manager": {"heartbeat_timeout": SILENCE}}},
)
PROMETHEUS = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["controller1:9100"]
"""
#: Noop amphorae send no heartbeats: all but those that should be silent.
HEARTBEATS = """
REPLACE INTO amphora_health (amphora_id, last_update, busy)
    SELECT id, UTC_TIMESTAMP(), 0 FROM amphora WHERE status = 'ALLOCATED' AND load_balancer_id <> '{silent}'
"""
#: A load balancer that was deleted is kept for a week; housekeeping should have seen to it half a minute ago.
LONG_DELETED = f"""
UPDATE load_balancer SET updated_at = UTC_TIMESTAMP() - INTERVAL {WEEK + 60} SECOND
    WHERE provisioning_status = 'DELETED'
"""
#: As a health manager does when more were silent at once than its failover_threshold.
GIVEN_UP = "UPDATE amphora SET status = '{}' WHERE load_balancer_id = '{}' AND status <> 'DELETED'"
#: An amphora that is made so long after its load balancer takes the place of another one.
OLDER = """
UPDATE load_balancer l JOIN amphora a ON a.load_balancer_id = l.id
    SET l.created_at = l.created_at - INTERVAL 1 HOUR, a.created_at = a.created_at - INTERVAL 1 HOUR WHERE l.id = '{}'
"""

DAY, SOME = 86400, (0, 9)
DOWN, LATER = (0, 1, 1), (9.9 * 365 * DAY, 10.1 * 365 * DAY)
HOST = "controller1:9100"
#: By panel and legend, or of the only one: the lowest, the highest and the last value, or from where to where each may
#: be. What a status has for less than a second is seen or not.
SEEN = {
    "APIs up": DOWN,
    "Load balancers": (0, 3, 3),
    "Load balancers in ERROR": (0, 1, 1),
    "Amphorae in ERROR or FAILOVER_STOPPED": (0, 1, 0),
    "Silent amphorae": (0, 1, 0),
    "First certificate ends in": (LATER, LATER, LATER),
    "Load balancers by provisioning status": {
        "ACTIVE": (0, 3, 3), "ERROR": (0, 1, 1), "PENDING_CREATE": (0, 1, 0), "PENDING_DELETE": (0, SOME, 0),
        "PENDING_UPDATE": (0, SOME, 0),
    },
    "Amphorae by status": {
        "ALLOCATED": (0, (3, 4), 3), "BOOTING": (0, SOME, 0), "ERROR": (0, SOME, 0), "FAILOVER_STOPPED": (0, 1, 0),
        "PENDING_CREATE": (0, SOME, 0), "PENDING_DELETE": (0, SOME, 0),
    },
    "Load balancers by operating status": {
        "OFFLINE": (0, 4, 4), **dict.fromkeys(("DEGRADED", "DRAINING", "ERROR", "NO_MONITOR", "ONLINE"), (0, 0, 0)),
    },
    "Longest silence of an amphora, longest PENDING of a load balancer": {
        "silence": (0, (SILENCE, 600), (0, SILENCE)), "pending": (0, (8, 600), 0),
    },
    "Failovers": {"replaced within an hour": (0, 1, 1), "in hand": (0, (0, 1), 0)},
    "Housekeeping overdue": {
        "amphorae": (0, (0, 600), 0), "certificates": (0, 0, 0), "load_balancers": (0, (30, 600), 0),
    },
    "Services": {f"{HOST} database": (1, 1, 1), **{f"{HOST} {role}": DOWN for role in UNITS}},
    "The API answers in": {HOST: ((0, 1), (0, 6), (0, 6))},
    "Certificates end in": {
        "amphorae": ((29 * DAY, 30 * DAY),) * 3,
        **{f"{HOST} /etc/octavia/certs/{name}": (LATER, LATER, LATER)
           for name in ("client.cert-and-key.pem", "client_ca.cert.pem", "server_ca.cert.pem")},
    },
    "Age of the metrics": {HOST: ((0, 5), (0, 60), (0, 60))},
    "The metrics took": {HOST: ((0, 5), (0, 30), (0, 30))},
}  # fmt: skip


@pytest.fixture(scope="module")
def controller(lab, services, pillar):
    machine = lab.machine("controller1", tree="watched")
    machine.put_formula()
    services.run(["mysql", "-e", f"DROP DATABASE IF EXISTS {NAME}"])
    machine.put_pillar(pillar(*CHANGES))
    machine.run("systemctl start prometheus-node-exporter")
    apply(machine)
    machine.write("/srv/prometheus.yml", PROMETHEUS)
    machine.run(
        "systemd-run --quiet --unit=prometheus prometheus --config.file=/srv/prometheus.yml"
        " --storage.tsdb.path=/srv/prometheus --web.listen-address=127.0.0.1:9090"
    )
    machine.run("curl -sS --fail --retry 60 --retry-all-errors --retry-delay 1 http://127.0.0.1:9090/-/ready")
    yield machine
    machine.destroy()


def ask(machine, path, **asked):
    """The series that Prometheus answers with."""
    words = [word for name, value in asked.items() for word in ("--data-urlencode", f"{name}={value}")]
    answer = json.loads(machine.run(["curl", "-sS", "--get", *words, f"http://127.0.0.1:9090/api/v1/{path}"]).stdout)
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def until(machine, condition, timeout=120):
    """Wait until Prometheus has seen it."""
    deadline = time.monotonic() + timeout
    while not ask(machine, "query", query=condition):
        assert time.monotonic() < deadline, f"not within {timeout} s: {condition}"
        time.sleep(0.3)


@contextlib.contextmanager
def stopped(machine, role):
    """Without a service, for as long as it takes Prometheus to see that, or longer."""
    machine.run(["systemctl", "stop", UNITS[role]])
    until(machine, f'octavia_service_up{{role="{role}"}} == 0')
    yield
    machine.run(["systemctl", "start", UNITS[role]])
    until(machine, f'octavia_service_up{{role="{role}"}} == 1')


class Background:
    """What goes on all the time: heartbeats, and metrics, more often than systemd lets a unit start."""

    def __init__(self, machine, services):
        self.machine, self.services, self.silent, self.error = machine, services, "", None
        self._end, self._thread = threading.Event(), threading.Thread(target=self._run)

    def sql(self, statement):
        self.services.run(["mysql", NAME], input=statement)

    def _run(self):
        try:
            while not self._end.wait(1):
                self.sql(HEARTBEATS.format(silent=self.silent))
                self.machine.run("systemctl reset-failed octavia-metrics; systemctl start octavia-metrics")
        except Exception as error:  # noqa: BLE001 whatever it is, the test tells it below
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        if self.error:
            raise self.error


def happen(machine, api, background):
    """Things of which each panel shows something."""
    shop, blog, mail = (
        api.make("loadbalancer", {"name": n, "vip_subnet_id": SUBNET}) for n in ("shop", "blog", "mail")
    )
    until(machine, 'octavia_load_balancers{provisioning_status="ACTIVE"} == 3')
    with stopped(machine, "housekeeping"):
        path = f"/v2/lbaas/loadbalancers/{mail}"
        api.call("DELETE", path)
        api.wait(path, "loadbalancer", "DELETED")
        background.sql(LONG_DELETED)
        until(machine, 'octavia_housekeeping_overdue_seconds{task="load_balancers"} > 30')
    until(machine, 'octavia_housekeeping_overdue_seconds{task="load_balancers"} == 0')
    with stopped(machine, "worker"):
        api.call("POST", "/v2/lbaas/loadbalancers", {"loadbalancer": {"name": "late", "vip_subnet_id": SUBNET}})
        until(machine, "octavia_load_balancers_pending_seconds >= 8")
    until(machine, 'octavia_load_balancers{provisioning_status="ACTIVE"} == 3')
    machine.run(["mv", KEY, f"{KEY}.away"])
    api.call("POST", "/v2/lbaas/loadbalancers", {"loadbalancer": {"name": "broken", "vip_subnet_id": SUBNET}})
    until(machine, 'octavia_load_balancers{provisioning_status="ERROR"} == 1')
    machine.run(["mv", f"{KEY}.away", KEY])
    background.sql(OLDER.format(shop))
    with stopped(machine, "health_manager"):
        background.silent = shop
        until(machine, "octavia_amphorae_silent == 1")
        background.sql(GIVEN_UP.format("FAILOVER_STOPPED", blog))
        until(machine, 'octavia_amphorae{status="FAILOVER_STOPPED"} == 1')
        background.sql(GIVEN_UP.format("ALLOCATED", blog))
    until(machine, "octavia_amphorae_replaced == 1")
    background.silent = ""
    until(machine, "octavia_amphorae_silent == 0")
    with stopped(machine, "api"):
        until(machine, "octavia_api_up == 0")
    until(machine, "min_over_time(octavia_api_up[3s]) == 1 and max_over_time(octavia_amphorae_silent[3s]) == 0")


def legends(panel, found):
    """
    What Grafana calls the series of a panel: what ``legendFormat`` says; with ``__auto``, the value of the one label
    that there is, all labels where there are more, the query where there is none.
    """
    names = {label for target, series in found if target["legendFormat"] == "__auto" for label in series["metric"]}
    for target, series in found:
        labels = series["metric"]
        if target["legendFormat"] != "__auto":
            yield target["legendFormat"]
        elif len(names) == 1:
            yield labels[next(iter(names))]
        else:
            yield str(labels) if labels else target["expr"]


@pytest.fixture(scope="module")
def answers(controller, services, lab):
    """
    ``{title: {legend: [(second, value), ...]}}``. A query that does not ask for an instant is one of the whole range,
    of which stat and bargauge show the end.
    """
    api = Api(services, lab.facts)
    with Background(controller, services) as background:
        # the first answer of an API takes it seconds
        until(controller, "octavia_api_seconds < 1")
        start = time.time()
        happen(controller, api, background)
        end = time.time()
    answers = {}
    for panel in BOARD["panels"]:
        found = []
        for target in panel["targets"]:
            assert "instant" not in target
            series = ask(controller, "query_range", query=target["expr"], start=start, end=end, step=1)
            found += [(target, each) for each in series]
        points = [[(at - start, float(value)) for at, value in series["values"]] for _, series in found]
        answers[panel["title"]] = dict(zip(legends(panel, found), points, strict=True))
        assert len(answers[panel["title"]]) == len(found), f"{panel['title']}: two of one name"
    return answers


def test_what_has_no_data_is_not_ours(answers):
    assert [title for title, found in answers.items() if not found] == [OF_FLUENTD]


@pytest.mark.parametrize("title", SEEN)
def test_a_panel_shows_what_happened(answers, title):
    found = {legend: [value for _, value in points] for legend, points in answers[title].items()}
    spans = {legend: (min(values), max(values), values[-1]) for legend, values in found.items()}
    # a number has no legend: Grafana would take its query for one
    wanted = dict.fromkeys(spans, SEEN[title]) if isinstance(SEEN[title], tuple) else SEEN[title]
    assert spans and set(spans) >= set(wanted)
    for legend, bounds in wanted.items():
        for value, bound in zip(spans[legend], bounds, strict=True):
            least, most = bound if isinstance(bound, tuple) else (bound, bound)
            assert least <= value <= most, (legend, spans[legend])


def test_the_answers_can_be_drawn(answers):
    PICTURE.parent.mkdir(exist_ok=True)
    draw(BOARD, answers, PICTURE)


def test_every_panel_is_looked_at():
    assert set(SEEN) | {OF_FLUENTD} == {panel["title"] for panel in BOARD["panels"]}
