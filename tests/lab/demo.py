"""make demo: from an empty machine and a cloud without Octavia to an answer through a real amphora, step by step."""

import json
import pathlib
import shlex
import time

from lab import host, laboratory, trees
from lab.progress import step

CONTROLLER = "controller1"
PILLAR = host.HERE / "pillar" / "octavia.sls"
WORKER_LOG = "/var/log/octavia/octavia-worker.log"
SUBNET = host.DATA["subnet"]["name"]
TENANT = host.DATA["cloud"]["tenant"]
VIP = "10.88.0.100"
# What the formula does, in the order in which `state.apply octavia` does it; each may be applied alone.
STATES = (
    ("octavia.resources.identity", "user, roles, endpoints"),
    ("octavia.resources.network", "management network, security groups, quotas"),
    ("octavia.resources.compute", "flavor, quotas"),
    ("octavia.resources.image", "the amphora's image"),
    ("octavia.manager.interface", "o-hm0 in the management network"),
    ("octavia", "database, certificates, octavia.conf, services"),
)
# What the demo builds, in the words of the ordinary client; each is waited for.
BALANCER = (
    ("load balancer", "web", f"loadbalancer create --name web --vip-subnet-id {SUBNET} --vip-address {VIP}"),
    ("listener", "http", "loadbalancer listener create --name http --protocol HTTP --protocol-port 80 web"),
)
MEMBER = (
    (
        "pool",
        "servers",
        "loadbalancer pool create --name servers --listener http --protocol HTTP --lb-algorithm ROUND_ROBIN",
    ),
    (
        "member",
        "servers server1",
        f"loadbalancer member create --name server1 --address {TENANT['member']} "
        f"--protocol-port {TENANT['port']} servers",
    ),
    (
        "health monitor",
        "alive",
        "loadbalancer healthmonitor create --name alive --type HTTP --delay 5 --timeout 3 --max-retries 2 servers",
    ),
)
COMMANDS = {"load balancer": "loadbalancer", "health monitor": "loadbalancer healthmonitor"}
END = """
Built: {built}, all ACTIVE, served by a real amphora.
Traffic: http://{vip}/ answered 503 before there was a member, 200 with it.
The lab {name} stays up: {controller} (Debian 12, Salt {salt}, Octavia) and services (MariaDB, RabbitMQ, memcached,
Keystone, Placement, Glance, Neutron, Nova).

  python3 tests/lab shell {controller} --name {name}       log in where Octavia runs
      systemctl status 'octavia-*'
      salt-call --local state.apply octavia       again: nothing changes
      ip address show o-hm0                       where heartbeats of the amphora arrive
  python3 tests/lab shell services --name {name}          log in where the cloud is
      ip netns exec client curl -i http://{vip}/          the tenant asks the load balancer
      systemctl stop lab-member                   the member dies: 503 within seconds; start it again for 200
      export OS_CLOUD=demo
      openstack loadbalancer status show web
      OS_CLOUD=admin openstack server list --all-projects           the amphora is a server of Nova
      openstack loadbalancer delete --cascade web
  python3 tests/lab clean --name {name}                    remove all of it; --all: the prepared trees too
"""


def demo(options):
    """the formula on a fresh machine, traffic through a real amphora; the lab stays up"""
    started = time.monotonic()
    try:
        pillar = pathlib.Path(options.pillar).read_text()
    except OSError as error:
        raise host.LabError(f"no pillar: {error}") from None
    host.check(packages=False)
    with step("packages of the host"):
        host.install()
        host.check()
    with step("prepared trees"):
        trees.prepare(["cloud", "controller"])
    with laboratory.Lab(options.name).kept() as lab:
        with step("MariaDB, RabbitMQ, Keystone, Placement, Glance, Neutron, Nova answer"):
            services = lab.cloud()
        with step(f"{CONTROLLER}: a fresh Debian 12, a node of Neutron's networks"):
            controller = lab.network_node(lab.machine(CONTROLLER, tree="controller", salt=options.salt))
        with step(f"{CONTROLLER}: formula and pillar in place"):
            controller.put_formula()
            controller.put_pillar(pillar)
        for sls, what in STATES:
            with step(f"{CONTROLLER}: state.apply {sls}: {what}"):
                apply(controller, sls)
        with step("the tenant: a client, a web server"):
            tenant = lab.tenant()
        build(controller, services, BALANCER)
        with step(f"curl http://{VIP}/: 503, there is no member"):
            expect(tenant, 503)
        build(controller, services, MEMBER)
        with step(f"curl http://{VIP}/: 200, the member answers"):
            expect(tenant, 200)
    built = ", ".join(f"{kind} {name.split()[-1]}" for kind, name, _ in BALANCER + MEMBER)
    print(END.format(built=built, name=options.name, controller=CONTROLLER, salt=options.salt, vip=VIP))
    print(f"Time: {time.monotonic() - started:.0f} s")


def apply(machine, sls):
    """Apply the formula; what failed is said by the states themselves, without the ones that went well."""
    result = machine.salt_call("state.apply", sls, check=False)
    failed = failures(result.data)
    if failed:
        raise host.LabError(f"state.apply {sls} failed:\n" + "\n".join(failed))
    if result.rc or not isinstance(result.data, dict):
        raise host.LabError(f"salt-call: exit code {result.rc}\n{(result.stdout + result.stderr)[-3000:]}")


def failures(data):
    """One entry for each state that failed by itself, not because of another; or the errors of rendering."""
    if isinstance(data, list):
        return [str(line) for line in data]
    states = [each for each in (data or {}).values() if isinstance(each, dict)]
    states = [each for each in states if each.get("result") is False]
    own = [each for each in states if "requisite failed" not in str(each.get("comment"))]
    return [f"  {each['__id__']} ({each.get('__sls__')}): {each.get('comment')}" for each in own or states]


def build(controller, services, objects):
    """Make the objects one after the other, each when those before it are ACTIVE."""
    for kind, name, command in objects:
        with step(f"openstack {command.split(' --')[0]}: {name.split()[-1]} is ACTIVE"):
            openstack(services, command)
            wait_active(controller, services, kind, name)


def openstack(services, command):
    """The ordinary client, as the demo user."""
    argv = ["openstack", *shlex.split(command), "-f", "json"]
    result = services.run(argv, env={"OS_CLOUD": "demo"}, timeout=120)
    return json.loads(result.stdout or "{}")


def wait_active(controller, services, kind, name, timeout=900):
    """Wait until the object is ACTIVE, and the load balancer, which refuses the next change until then."""
    deadline = time.monotonic() + timeout
    command = COMMANDS.get(kind, f"loadbalancer {kind}")
    waiting = {f"{kind} {name}": f"{command} show {name}", "load balancer web": "loadbalancer show web"}
    for what, show in waiting.items():
        while True:
            status = openstack(services, show)["provisioning_status"]
            if status == "ACTIVE":
                break
            if status == "ERROR" or time.monotonic() > deadline:
                said = controller.run(f"grep -E ' (ERROR|CRITICAL) ' {WORKER_LOG} | tail -n 3", check=False).stdout
                raise host.LabError(f"{what} is {status}; {WORKER_LOG} on {CONTROLLER} says:\n{said or 'no error'}")
            time.sleep(3)  # the client itself is much work


def expect(tenant, wanted, timeout=120):
    """Ask the load balancer until it answers with this status."""
    deadline = time.monotonic() + timeout
    while True:
        status, body = tenant.curl(f"http://{VIP}/")
        if status == wanted:
            return
        if time.monotonic() > deadline:
            raise host.LabError(f"http://{VIP}/ answers {status}, not {wanted}: {body}")
        time.sleep(0.5)
