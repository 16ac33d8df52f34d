"""
Three controllers of one Salt master behind HAProxy: deployed, reconfigured and upgraded while a client calls the API
ten times a second.
"""

import json
import time

import pytest
from control_plane import UNITS, Api, unit_state
from lab import trees
from steady_client import SteadyClient

NAMES = ("controller1", "controller2", "controller3")
OLD, NEW = "16.0.0", "19.0.0"
SUBNET = "3f7e0a52-63a5-4a44-9d15-6d2d1f8b5a7e"
SALT_RUN = ("/opt/salt/3008/bin/salt-run", "--out=json", "--log-level=warning")


class Cluster:
    """The controllers, and the master in the machine that has the services."""

    def __init__(self, lab, pillar):
        self.services, self.pillar = lab.machines["services"], pillar
        self.machines = {name: lab.machine(name, debian=13, tree="next-13") for name in NAMES}
        self.services.put_formula()
        self.say()
        self.services.be_master()
        for machine in self.machines.values():
            machine.be_minion(self.services)
        deadline = time.monotonic() + 120
        while len(self.run("manage.up")) < len(NAMES):
            assert time.monotonic() < deadline, "the minions do not come"
            time.sleep(1)

    def say(self, change=None):
        """The pillars of all three, with a change; they differ in the address, and in who migrates."""
        top = {"base": {name: [name] for name in NAMES}}
        self.services.write("/srv/pillar/top.sls", json.dumps(top), 0o600)
        for number, name in enumerate(NAMES):
            address = f"10.77.0.{11 + number}"
            tree = self.pillar(
                {
                    "database": {"name": "octavia_cluster"},
                    "api": {
                        "bind": {"address": address},
                        "role": "secondary" if number else "primary",
                        "healthcheck": {"refresh_interval": 1},
                        "drain": True,
                    },
                    "manager": {"health_manager": {"bind_ip": address}},
                    "upgrade": {"allow_hop": True, "drain": {"seconds": 3}},
                },
                change or {},
            )
            tree["octavia"]["db"]["create"] = not number
            self.services.write(f"/srv/pillar/{name}.sls", "#!json\n" + json.dumps(tree), 0o600)

    def run(self, *args, check=True):
        """What a runner says."""
        done = self.services.run([*SALT_RUN, *args], check=False, timeout=1500)
        assert not (check and done.returncode), done.stdout[-4000:] + done.stderr[-2000:]
        return json.loads(done.stdout)

    def orchestrate(self, sls, check=True, **pillar):
        """The steps of an orchestration: ``{name: ret}`` in their order; with the time of each when it is shown."""
        found = self.run("state.orchestrate", f"octavia.orchestrate.{sls}", f"pillar={json.dumps(pillar)}", check=check)
        [steps] = found["data"].values()
        steps = sorted(steps.values(), key=lambda step: step["__run_num__"])
        for step in steps:
            print(f"{step['name']}: {float(step.get('duration', 0)) / 1000:.1f} s")
        failed = [f"{step['name']}: {step['comment']}" for step in steps if step["result"] is False]
        assert not (check and failed), "\n".join(failed) + json.dumps([s["changes"] for s in steps])[-3000:]
        return {step["name"]: step for step in steps}

    def versions(self):
        command = "dpkg-query -W -f '${Version}' python3-octavia"
        return {machine.run(command).stdout.split("-")[0] for machine in self.machines.values()}

    def all_run(self):
        states = [unit_state(machine, unit) for machine in self.machines.values() for unit in UNITS.values()]
        return set(states) == {("active", "enabled")}

    def destroy(self):
        self.services.run("systemctl disable --now salt-master")
        for machine in self.machines.values():
            machine.destroy()


@pytest.fixture(scope="module")
def cluster(lab, pillar):
    lab.services()
    found = Cluster(lab, pillar)
    yield found
    found.destroy()


@pytest.fixture(scope="module")
def deployed(cluster):
    """An empty Debian has become three controllers."""
    return cluster.orchestrate("deploy")


@pytest.fixture(scope="module")
def api(cluster, deployed, lab):
    """By way of HAProxy."""
    haproxy = lab.facts["haproxy"]
    return Api(cluster.services, lab.facts, f"http://{haproxy['host']}:{haproxy['port']}")


@pytest.fixture(scope="module")
def balancer(api):
    return api.make("loadbalancer", {"name": "before", "vip_subnet_id": SUBNET})


@pytest.fixture
def client(cluster, api, balancer):
    """A client of the whole cluster: ``with client() as steady``."""
    return lambda: SteadyClient(cluster.services, api.url, api.token, balancer)


def is_usable(api, balancer):
    """One from before can be read and changed."""
    path = f"/v2/lbaas/loadbalancers/{balancer}"
    api.wait(path, "loadbalancer", "ACTIVE")
    assert api.call("PUT", path, {"loadbalancer": {"name": "changed"}})[0] == 200
    api.wait(path, "loadbalancer", "ACTIVE")


def test_three_controllers_are_deployed_and_a_second_time_changes_nothing(cluster, deployed, api, balancer):
    assert list(deployed) == [f"octavia on {name}" for name in NAMES]
    assert cluster.all_run()
    assert {step["name"]: step["changes"] for step in cluster.orchestrate("deploy").values() if step["changes"]} == {}


def test_another_configuration_loses_no_request(cluster, client, api, balancer):
    # the one is read by the API, the other by all
    topology = {"loadbalancer_topology": "ACTIVE_STANDBY"}
    cluster.say({"api": {"quotas": {"load_balancer": 9}}, "controller_worker": topology})
    with client() as steady:
        steps = cluster.orchestrate("deploy")
    print(steady.found)
    assert all(step["changes"] for step in steps.values())
    assert steady.found["requests"] > 50 and steady.found["failed"] == 0, steady.found
    is_usable(api, balancer)


def test_a_controller_that_does_not_answer_stops_it_in_one_line(cluster, deployed):
    cluster.machines["controller3"].run("systemctl stop salt-minion")
    try:
        for sls in ("deploy", "upgrade"):
            [line] = cluster.orchestrate(sls, check=False)
            assert line == "no answer of controller3: nothing was done"
    finally:
        cluster.machines["controller3"].run("systemctl start salt-minion")
        while len(cluster.run("manage.up")) < len(NAMES):
            time.sleep(1)


def offer(cluster):
    for machine in cluster.machines.values():
        machine.write("/etc/apt/sources.list.d/next.list", trees.NEXT_SOURCE)


def test_a_hop_that_nobody_supports_stops_before_anything_is_touched(cluster, balancer):
    offer(cluster)
    cluster.say({"upgrade": {"allow_hop": False}})
    steps = cluster.orchestrate("upgrade", check=False)
    failed = [step for step in steps.values() if step["result"] is False]
    assert "OpenStack supports the next release" in json.dumps(failed)
    assert cluster.versions() == {OLD} and cluster.all_run()
    cluster.say()


def test_cold_without_an_api_for_seconds_only(cluster, client, api, balancer):
    offer(cluster)
    with client() as steady:
        cluster.orchestrate("upgrade")
    print(steady.found)
    assert cluster.versions() == {NEW} and cluster.all_run()
    assert steady.found["gap"] <= 15 and steady.found["unanswered"] == 0, steady.found
    is_usable(api, balancer)
    again = cluster.orchestrate("upgrade")
    assert {name: step["changes"] for name, step in again.items() if step["changes"]} == {}


def test_the_load_balancer_of_before_is_deleted(cluster, api, balancer):
    path = f"/v2/lbaas/loadbalancers/{balancer}"
    assert api.call("DELETE", path)[0] == 204
    api.wait(path, "loadbalancer", "DELETED")
