"""
Three controllers of one Salt master behind HAProxy: deployed, reconfigured and upgraded while a client calls the API
ten times a second.
"""

import concurrent.futures
import json
import os
import time

import pytest
from control_plane import UNITS, Api, pids, unit_state
from lab import trees
from steady_client import SteadyClient

NAMES = ("controller1", "controller2", "controller3")
OLD, NEW = "16.0.0", "19.0.0"
SUBNET = "3f7e0a52-63a5-4a44-9d15-6d2d1f8b5a7e"
DATABASE = "octavia_cluster"
SALT_RUN = ("/opt/salt/3008/bin/salt-run", "--out=json", "--log-level=warning")


class Cluster:
    """The controllers, and the master in the machine that has the services."""

    def __init__(self, lab, pillar):
        self.services, self.facts, self.pillar = lab.machines["services"], lab.facts, pillar
        with concurrent.futures.ThreadPoolExecutor() as pool:
            machines = pool.map(lambda name: lab.machine(name, debian=13, tree="next-13"), NAMES)
            self.machines = dict(zip(NAMES, machines, strict=True))
        self.services.put_formula()
        self.say()
        self.services.be_master()
        for machine in self.machines.values():
            machine.be_minion(self.services)
        self.wait()

    def wait(self, apis=False):
        """Until the master has all minions, and the load balancer all APIs."""
        deadline = time.monotonic() + 120
        while len(self.run("manage.up")) < len(NAMES):
            assert time.monotonic() < deadline, "the minions do not come"
            time.sleep(1)
        for machine in self.machines.values() if apis else ():
            url = f"http://{machine.address}:9876/healthcheck"
            self.services.run(["curl", "-sf", "--retry", "60", "--retry-all-errors", "--retry-delay", "1", url])

    def say(self, change=None, **changes):
        """The pillars of all three, which differ in the address, and in who migrates; with a change, and with another
        one for who is named."""
        top = {"base": {name: [name] for name in NAMES}}
        self.services.write("/srv/pillar/top.sls", json.dumps(top), 0o600)
        for name, machine in self.machines.items():
            first, address = name == NAMES[0], machine.address
            tree = self.pillar(
                {
                    "database": {"name": DATABASE},
                    "db": {"create": first},
                    "api": {
                        "bind": {"address": address},
                        "role": "primary" if first else "secondary",
                        "healthcheck": {"refresh_interval": 1},
                    },
                    "manager": {"health_manager": {"bind_ip": address}},
                    "upgrade": {"allow_hop": True, "drain": {"seconds": 3}},
                },
                change or {},
                changes.get(name, {}),
            )
            self.services.write(f"/srv/pillar/{name}.sls", "#!json\n" + json.dumps(tree), 0o600)

    def run(self, *args, check=True):
        """What a runner says."""
        done = self.services.run([*SALT_RUN, *args], check=False, timeout=1500)
        assert not (check and done.returncode), done.stdout[-4000:] + done.stderr[-2000:]
        return json.loads(done.stdout)

    def orchestrate(self, sls, check=True, test=False, **pillar):
        """The steps of an orchestration, ``{name: ret}`` in their order; with the time of each when it is shown."""
        words = ["test=True"] if test else []
        begin = time.monotonic()
        found = self.run(
            "state.orchestrate", f"octavia.orchestrate.{sls}", f"pillar={json.dumps(pillar)}", *words, check=False
        )
        [steps] = found["data"].values()
        assert isinstance(steps, dict), steps
        steps = sorted(steps.values(), key=lambda step: step["__run_num__"])
        for step in steps:
            print(f"{float(step.get('duration', 0)) / 1000:6.1f} s  {step['name']}")
        print(f"{time.monotonic() - begin:6.1f} s  octavia.orchestrate.{sls}")
        failed = [f"{step['name']}: {step['comment']}\n{why(step)}" for step in steps if step["result"] is False]
        assert not (check and failed), "\n".join(failed)
        return {step["name"]: step for step in steps}

    def versions(self):
        command = "dpkg-query -W -f '${Version}' python3-octavia"
        return {machine.run(command).stdout.split("-")[0] for machine in self.machines.values()}

    def all_run(self):
        states = [unit_state(machine, unit) for machine in self.machines.values() for unit in UNITS.values()]
        return set(states) == {("active", "enabled")}

    def pids(self):
        return {name: pids(machine) for name, machine in self.machines.items()}

    def save(self):
        """Keep machines and database as they are now."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: machine.save(), self.machines.values()))
        self.services.run(f"mariadb-dump {DATABASE} > /root/{DATABASE}.sql")
        self.wait(apis=True)

    def revert(self):
        """Back to what was saved."""
        for machine in self.machines.values():
            machine.kill()
        self.services.run(
            f"mariadb -e 'DROP DATABASE {DATABASE}; CREATE DATABASE {DATABASE}';"
            f"mariadb {DATABASE} < /root/{DATABASE}.sql"
        )
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: machine.revert(), self.machines.values()))
        self.say()
        self.wait(apis=True)

    def destroy(self):
        self.services.run("systemctl disable --now salt-master")
        for machine in self.machines.values():
            machine.destroy()


def why(step):
    """What failed by itself on the minions of a step, a line for each."""
    found = (step["changes"] or {}).get("ret", {})
    return "\n".join(
        f"{minion}: {state['__id__']}: {state['comment']}"
        for minion, states in found.items()
        for state in (states.values() if isinstance(states, dict) else ())
        if state["result"] is False and "requisite" not in state["comment"]
    )


def changed(steps):
    return [name for name, step in steps.items() if step["changes"]]


@pytest.fixture(scope="module")
def cluster(lab, pillar):
    lab.services()
    found = Cluster(lab, pillar)
    yield found
    found.destroy()


@pytest.fixture(scope="module")
def deployed(cluster):
    """Of Octavia nothing was there; now there are three controllers."""
    return cluster.orchestrate("deploy")


@pytest.fixture(scope="module")
def api(cluster, deployed):
    """By way of HAProxy."""
    haproxy = cluster.facts["haproxy"]
    return Api(cluster.services, cluster.facts, f"http://{haproxy['host']}:{haproxy['port']}")


@pytest.fixture(scope="module")
def balancer(api):
    """A load balancer that is there before anything happens."""
    return api.make("loadbalancer", {"name": "before", "vip_subnet_id": SUBNET})


@pytest.fixture(scope="module")
def client(cluster, api, balancer):
    """A client of the whole cluster: ``with client() as steady``."""
    return lambda: SteadyClient(cluster.services, api.url, api.token, balancer, SUBNET)


@pytest.fixture(scope="module")
def offered(cluster, balancer):
    """From now on there is a newer Octavia. What an upgrade leads to is undone by ``revert``."""
    for machine in cluster.machines.values():
        machine.write("/etc/apt/sources.list.d/next.list", trees.NEXT_SOURCE)
    cluster.say()
    cluster.save()


@pytest.fixture
def on_the_old_one(cluster, offered):
    if cluster.versions() != {OLD}:
        cluster.revert()


def is_usable(api, balancer):
    """One from before can be read, changed, and given a listener that is deleted again."""
    path = f"/v2/lbaas/loadbalancers/{balancer}"
    api.wait(path, "loadbalancer", "ACTIVE")
    assert api.call("PUT", path, {"loadbalancer": {"name": f"changed {time.time()}"}})[0] == 200
    api.wait(path, "loadbalancer", "ACTIVE")
    listener = {"name": "l", "protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": balancer}
    made = api.make("listener", listener)
    assert api.call("DELETE", f"/v2/lbaas/listeners/{made}")[0] == 204
    api.wait(path, "loadbalancer", "ACTIVE")


def is_deleted(api, balancer):
    path = f"/v2/lbaas/loadbalancers/{balancer}"
    assert api.call("DELETE", path)[0] == 204
    api.wait(path, "loadbalancer", "DELETED")


# --- deploy


def test_three_controllers_are_deployed_and_a_second_time_changes_nothing(cluster, deployed, api, balancer):
    assert list(deployed) == [f"octavia on {name}" for name in NAMES]
    assert cluster.all_run()
    before = cluster.pids()
    assert changed(cluster.orchestrate("deploy")) == []
    assert cluster.pids() == before


def test_another_configuration_loses_no_request(cluster, client, api, balancer):
    # the one is read by the API, the other by all
    before = cluster.pids()
    cluster.say({"api": {"quotas": {"load_balancer": 90}}, "config": {"DEFAULT": {"rpc_response_timeout": 61}}})
    with client() as steady:
        steps = cluster.orchestrate("deploy")
    print(steady.found)
    assert changed(steps) == list(steps)
    after = cluster.pids()
    assert all(before[name][role] != after[name][role] for name in NAMES for role in ("api", "worker"))
    assert steady.found["requests"] > 100 and steady.found["failed"] == 0, steady.found
    assert steady.found["changed"] > 1
    is_usable(api, balancer)


@pytest.mark.slow
def test_a_fault_on_one_controller_stops_it_there_and_it_goes_on_when_that_is_mended(cluster, deployed):
    change = {"config": {"DEFAULT": {"rpc_response_timeout": 62}}}
    cluster.say(change, controller2={"api": {"processses": 2}})
    before = cluster.pids()
    steps = cluster.orchestrate("deploy", check=False)
    assert list(steps) == [f"octavia on {name}" for name in NAMES[:2]]
    failed = steps["octavia on controller2"]
    assert failed["comment"] == "Run failed on minions: controller2"
    [line] = why(failed).splitlines()
    assert line.startswith("controller2: octavia_preflight: octavia:api:processses: ")
    assert {name: cluster.pids()[name] for name in NAMES[1:]} == {name: before[name] for name in NAMES[1:]}

    cluster.say(change)
    assert changed(cluster.orchestrate("deploy")) == [f"octavia on {name}" for name in NAMES[1:]]


def test_a_controller_that_does_not_answer_stops_it_in_one_line(cluster, deployed):
    cluster.machines["controller3"].run("systemctl stop salt-minion")
    try:
        [line] = cluster.orchestrate("upgrade", check=False)
        assert line == "no answer of controller3: nothing was done"
    finally:
        cluster.machines["controller3"].run("systemctl start salt-minion")
        cluster.wait()


# --- upgrade


def test_a_hop_that_nobody_supports_stops_before_anything_is_touched(cluster, on_the_old_one):
    cluster.say({"upgrade": {"allow_hop": False}})
    before = cluster.pids()
    [step] = cluster.orchestrate("upgrade", check=False).values()
    assert "OpenStack supports the next release" in why(step)
    assert cluster.versions() == {OLD} and cluster.pids() == before


def test_cold_the_api_is_away_for_seconds(cluster, on_the_old_one, client, api, balancer):
    cluster.say()
    with client() as steady:
        cluster.orchestrate("upgrade")
    print("cold:", steady.found)
    assert cluster.versions() == {NEW} and cluster.all_run()
    # another process of the tests has its half of the machine
    assert steady.found["gap"] <= 15 * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)), steady.found
    is_usable(api, balancer)
    assert changed(cluster.orchestrate("upgrade")) == []
    assert changed(cluster.orchestrate("deploy")) == []
    is_deleted(api, balancer)  # until the cluster is reverted


@pytest.mark.parametrize(
    "stops", [pytest.param(False, id="at once"), pytest.param(True, id="in two runs", marks=pytest.mark.slow)]
)
def test_rolling_loses_no_request(cluster, on_the_old_one, client, api, balancer, stops):
    rolling = {"upgrade": {"mode": "rolling"}}
    second, hook = cluster.machines["controller2"], "/etc/apt/apt.conf.d/99-fault"
    with client() as steady:
        if stops:
            second.write(hook, 'DPkg::Pre-Invoke { "exit 1"; };\n')
            steps = cluster.orchestrate("upgrade", check=False, octavia=rolling)
            assert list(steps)[-1] == "upgrade of controller2"
            [line] = why(steps["upgrade of controller2"]).splitlines()
            assert line.startswith("controller2: octavia_upgrade_packages: ")
            assert cluster.versions() == {OLD, NEW}
            second.run(["rm", hook])
        steps = cluster.orchestrate("upgrade", octavia=rolling)
    print("rolling:", steady.found)
    assert not stops or "upgrade of controller1" not in changed(steps)
    assert cluster.versions() == {NEW} and cluster.all_run()
    assert steady.found["failed"] == 0 and steady.found["changed"] > 1, steady.found
    is_usable(api, balancer)
    assert changed(cluster.orchestrate("upgrade", octavia=rolling)) == []


# --- what the master keeps


def test_no_secret_is_in_the_jobs_of_the_master(cluster, deployed):
    facts = cluster.facts
    secrets = [
        facts["database"]["password"], facts["keystone"]["octavia"]["password"], facts["amphora_ca_passphrase"],
        facts["rabbitmq"]["users"]["hard"]["password"], "integration-test-heartbeat",
        "integration-test-passphrase-0001",
    ]  # fmt: skip
    jobs = cluster.services.path("/var/cache/salt/master/jobs")
    kept = [path for path in jobs.rglob("*") if path.is_file()]
    assert len(kept) > 20
    for path in kept:
        text = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in text], path
