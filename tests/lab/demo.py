"""make demo: from an empty machine to a load balancer that is ACTIVE, step by step."""

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
# What the demo builds, in the words of the ordinary client; each is waited for.
OBJECTS = (
    ("load balancer", "web", f"loadbalancer create --name web --vip-subnet-id {SUBNET} --vip-address 10.88.0.100"),
    ("listener", "http", "loadbalancer listener create --name http --protocol HTTP --protocol-port 80 web"),
    (
        "pool",
        "servers",
        "loadbalancer pool create --name servers --listener http --protocol HTTP --lb-algorithm ROUND_ROBIN",
    ),
    (
        "member",
        "servers server1",
        "loadbalancer member create --name server1 --address 10.88.0.10 --protocol-port 8080 servers",
    ),
    (
        "health monitor",
        "alive",
        "loadbalancer healthmonitor create --name alive --type HTTP --delay 5 --timeout 3 --max-retries 2 servers",
    ),
)
COMMANDS = {"load balancer": "loadbalancer", "health monitor": "loadbalancer healthmonitor"}
END = """
Built: {built}, all ACTIVE.
The lab {name} stays up: {controller} (Debian 12, Salt {salt}, Octavia) and services (MariaDB, RabbitMQ,
memcached, Keystone, Neutron).

  python3 tests/lab shell {controller} --name {name}       log in where Octavia runs
      systemctl status 'octavia-*'
      salt-call --local state.apply octavia       again: nothing changes
  python3 tests/lab shell services --name {name}          log in where the client is
      export OS_CLOUD=demo
      openstack loadbalancer status show web      operating_status is OFFLINE: no amphora serves it here
      openstack loadbalancer delete --cascade web
  python3 tests/lab clean --name {name}                    remove all of it; --all: the prepared trees too
"""


def demo(options):
    """the formula on a fresh machine, a load balancer through the API; the lab stays up"""
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
        trees.prepare(["services", "debian-12"])
    with laboratory.Lab(options.name).kept() as lab:
        with step("MariaDB, RabbitMQ, memcached, Keystone, Neutron answer"):
            services = lab.services()
        with step(f"{CONTROLLER}: a fresh Debian 12"):
            controller = lab.machine(CONTROLLER, 12, options.salt)
        with step(f"{CONTROLLER}: formula and pillar in place"):
            controller.put_formula()
            controller.put_pillar(pillar)
        with step(f"{CONTROLLER}: salt-call --local state.apply octavia"):
            apply(controller)
        for kind, name, command in OBJECTS:
            with step(f"openstack {command.split(' --')[0]}: {name.split()[-1]} is ACTIVE"):
                openstack(services, command)
                wait_active(controller, services, kind, name)
    built = ", ".join(f"{kind} {name.split()[-1]}" for kind, name, _ in OBJECTS)
    print(END.format(built=built, name=options.name, controller=CONTROLLER, salt=options.salt))
    print(f"Time: {time.monotonic() - started:.0f} s")


def apply(machine):
    """Apply the formula; what failed is said by the states themselves, without the ones that went well."""
    result = machine.salt_call("state.apply", "octavia", check=False)
    failed = failures(result.data)
    if failed:
        raise host.LabError("state.apply octavia failed:\n" + "\n".join(failed))
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


def openstack(services, command):
    """The ordinary client, as the demo user."""
    argv = ["openstack", *shlex.split(command), "-f", "json"]
    result = services.run(argv, env={"OS_CLOUD": "demo"}, timeout=120)
    return json.loads(result.stdout or "{}")


def wait_active(controller, services, kind, name, timeout=120):
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
            time.sleep(0.3)
