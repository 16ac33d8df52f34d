"""
What the integration tests ask of a controller: runs of the formula, its services, its API.
"""

import json
import time

from harness import ROOT, Pem

#: Debian, and the Salt that applies the formula there.
PLATFORMS = (("12", "3008"), ("12", "3006"), ("13", "3008"))
#: The pillar of the demo: all of Octavia, with real amphorae; and the same with SSH switched on as the README says.
DEMO = (ROOT / "tests" / "lab" / "pillar" / "octavia.sls").read_text()
_KEY = "".join(f"        {line}\n" for line in Pem.texts()["PRIVATE_KEY"].splitlines())
DEMO_WITH_SSH = DEMO.replace("    interface:\n", f"    ssh:\n      private_key: |\n{_KEY}    interface:\n", 1)
UNITS = {
    "api": "octavia-api",
    "worker": "octavia-worker",
    "health_manager": "octavia-health-manager",
    "housekeeping": "octavia-housekeeping",
}


def apply(machine, sls="octavia", test=False, check=True, env=None):
    """Apply an SLS; the states that ran, by ID. ``check``: a failed state fails the test, with its words."""
    result = machine.salt_call("state.apply", sls, *(["test=True"] if test else []), check=False, env=env)
    assert isinstance(result.data, dict), f"{result.data}\n{result.stderr[-3000:]}"
    states = {state["__id__"]: state for state in result.data.values()}
    if check:
        failed = [f"{name}: {state['comment']}" for name, state in states.items() if state["result"] is False]
        assert not failed, "\n".join(failed)
        assert result.rc == 0
    return states


def changed(states):
    """``{id: changes}`` of the states that changed something, or would."""
    return {name: state["changes"] for name, state in states.items() if state["changes"]}


def fault(states):
    """The comment of the one state that failed by itself."""
    failed = [s["comment"] for s in states.values() if s["result"] is False and "requisite" not in s["comment"]]
    assert len(failed) == 1, failed
    return failed[0]


def until(true, what, timeout=120):
    """Wait until something is so."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(1)


def demo_controller(cloud, pillar):
    """controller1 with all of Octavia, by a pillar like that of the demo; it carries Neutron's networks itself."""
    machine = cloud.network_node(cloud.machine("controller1", tree="controller"))
    machine.put_formula()
    machine.put_pillar(pillar)
    apply(machine)
    return machine


def purging(pillar):
    """A pillar like that of the demo, which now takes away what it has had made in the cloud."""
    return pillar.replace("  resources:\n    enabled: true", "  resources:\n    enabled: false\n    purge: true")


def leave(machine, pillar):
    """Take out of the cloud what the formula has made there, with a pillar like that of the demo."""
    machine.put_pillar(purging(pillar.replace("  manager:\n    enabled: true", "  manager:\n    enabled: false")))
    # a network with the port of a health manager would stay
    apply(machine, "octavia.manager.interface")
    # the worker is done with an amphora before Nova is
    until(lambda: not machine.salt_call("octavia_cloud.resources", "server", "all_tenants=1").data, "no amphora")
    apply(machine, "octavia.resources")


def unit_state(machine, unit):
    """(active, enabled) of a unit, in systemd's words."""
    ask = ["systemctl", "show", "--property=ActiveState,UnitFileState", "--value", unit]
    return tuple(machine.run(ask).stdout.split())


def pids(machine, roles=UNITS):
    """Main process of each service; with its restarts, so that a crash loop never looks like a steady service."""
    ask = ["systemctl", "show", "--property=MainPID,NRestarts", "--value"]
    return {role: machine.run([*ask, UNITS[role]]).stdout.split() for role in roles}


def listening(machine):
    """``{(protocol, address:port)}`` of Octavia's processes."""
    lines = machine.run("ss -Hlntup").stdout.splitlines()
    wanted = [line.split() for line in lines if "uwsgi" in line or "octavia" in line]
    return {(fields[0], fields[4]) for fields in wanted}


def snapshot(machine):
    """What a run that was refused must leave alone: packages, users, files in /etc and of Octavia, units."""
    return machine.run(
        "dpkg-query -W; cat /etc/passwd /etc/group; find /etc /var/lib/octavia /var/log/octavia -xdev -type f"
        " -not -path '/etc/salt/*' -exec md5sum {} + 2>/dev/null; systemctl list-unit-files --no-legend;"
        " ls -la /run/systemd/system",
        check=False,
    ).stdout


class Api:
    """Octavia's API as a client sees it, with a token from Keystone, from the machine that has the services."""

    def __init__(self, services, facts, url="http://10.77.0.11:9876"):
        self.services, self.url = services, url
        user = facts["keystone"]["demo"]
        scope = {"project": {"name": user["project"], "domain": {"id": "default"}}}
        login = {"name": user["user"], "password": user["password"], "domain": {"id": "default"}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": login}}, "scope": scope}}
        answer = self._curl("-D", "-", "-o", "/dev/null", f"{facts['keystone']['url']}/auth/tokens", body=body)
        tokens = [line.split(":", 1)[1].strip() for line in answer.splitlines() if "x-subject-token" in line.lower()]
        assert tokens, answer
        self.token = tokens[0]

    def _curl(self, *args, body=None):
        data = ["-H", "Content-Type: application/json", "-d", "@-"] if body is not None else []
        command = ["curl", "-sS", "--max-time", "60", *data, *args]
        return self.services.run(command, input=json.dumps(body) if body is not None else None).stdout

    def call(self, method, path, body=None, token=True):
        """(status, answer) of one request; the first ones after a start may find nobody there yet."""
        auth = ["-H", f"X-Auth-Token: {self.token}"] if token else []
        out = self._curl(
            "-X", method, *auth, "-w", "\n%{http_code}", "--retry", "8", "--retry-connrefused", "--retry-delay", "1",
            f"{self.url}{path}", body=body,
        )  # fmt: skip
        text, _, status = out.rpartition("\n")
        return int(status), json.loads(text) if text.strip().startswith(("{", "[")) else text

    def make(self, kind, body, timeout=90):
        """Create an object and wait until it is ACTIVE; its id."""
        paths = {"loadbalancer": "loadbalancers", "listener": "listeners", "pool": "pools"}
        name = "member" if "/members" in kind else kind
        path = f"/v2/lbaas/{paths.get(kind, kind)}"
        status, answer = self.call("POST", path, {name: body})
        assert status in (201, 202), (status, answer)
        made = answer[name]["id"]
        self.wait(f"{path}/{made}", name, "ACTIVE", timeout)
        return made

    def wait(self, path, name, wanted, timeout=90):
        deadline = time.monotonic() + timeout
        while True:
            code, answer = self.call("GET", path)
            state = answer[name]["provisioning_status"] if code == 200 else code
            if state == wanted or (wanted == "DELETED" and state == 404):
                return
            assert state != "ERROR" and time.monotonic() < deadline, f"{path} is {state}, not {wanted}"
            time.sleep(0.5)

    def shop(self, subnet, vip, tenant):
        """A load balancer that gives the tenant's web server through a real amphora: its id, and that of its pool."""
        # one after the other: of a load balancer that is made as a whole Octavia 11 forgets the listeners
        balancer = self.make("loadbalancer", {"name": "shop", "vip_subnet_id": subnet, "vip_address": vip}, 1200)

        def ready():
            self.wait(f"/v2/lbaas/loadbalancers/{balancer}", "loadbalancer", "ACTIVE", 300)

        http = {"name": "shop", "protocol": "HTTP"}
        listener = self.make("listener", {**http, "protocol_port": 80, "loadbalancer_id": balancer}, 300)
        ready()
        pool = self.make("pool", {**http, "lb_algorithm": "ROUND_ROBIN", "listener_id": listener}, 300)
        ready()
        member = {"address": tenant.facts["member"], "protocol_port": tenant.facts["port"]}
        self.make(f"pools/{pool}/members", member, 300)
        ready()
        return balancer, pool

    def close(self, shop):
        """Remove the load balancer of ``shop`` with all that it has."""
        path = f"/v2/lbaas/loadbalancers/{shop[0]}"
        assert self.call("DELETE", f"{path}?cascade=true")[0] == 204
        self.wait(path, "loadbalancer", "DELETED", timeout=300)


def answers(tenant, vip, within=120):
    """The tenant gets its web server's answer from the VIP."""
    deadline = time.monotonic() + within
    while (found := tenant.curl(f"http://{vip}/")) != (200, "member\n"):
        assert time.monotonic() < deadline, found
        time.sleep(1)
