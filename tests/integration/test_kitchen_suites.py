"""
The suites of kitchen.yml without kitchen: the pillar of each, with the services of the lab in it, is converged by the
states of the suite, and kitchen's verifier is content. One machine goes through all of them.
"""

import pytest
import yaml
from control_plane import apply, changed
from harness import ROOT
from kitchen_verifier import opened, verify
from salt.utils.dictupdate import update

KITCHEN = yaml.safe_load((ROOT / "kitchen.yml").read_text())
SUITES = {suite["name"]: suite for suite in KITCHEN["suites"]}
#: Nothing of it stays when another suite follows.
OFF = {role: {"enabled": False} for role in ("api", "manager", "driver_agent")}


@pytest.fixture(scope="module")
def machine(lab):
    # its address is that of the API in the catalog of Keystone
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def key(machine, tmp_path_factory):
    return opened(machine, tmp_path_factory.mktemp("ssh"))


@pytest.fixture
def suite_pillar(machine, pillar):
    """The pillar of a suite, in which hosts, passwords, certificates and drivers are those of the lab."""

    def make(suite):
        [source] = SUITES[suite]["provisioner"]["pillars_from_files"].values()
        wanted = yaml.safe_load((ROOT / source).read_text())["octavia"]
        here = pillar({"database": {"name": "octavia_kitchen"}})["octavia"]
        own = {name: here.pop(name) for name in ("api", "manager")}
        wanted.pop("db", None)
        wanted = update(OFF | wanted, here)
        if wanted["manager"]["enabled"]:
            # another heartbeat_key than the last suite's would be refused
            names = ("certificates", "controller_worker", "health_manager")
            update(wanted["manager"], {name: own["manager"][name] for name in names})
            wanted["manager"]["certificates"].pop("server_certs_key_passphrase", None)
        for role, (group, name) in (("api", ("bind", "address")), ("manager", ("health_manager", "bind_ip"))):
            if wanted[role]["enabled"]:
                update(wanted[role], {group: {name: machine.address}})
                for name in ("database", "identity", "message_queue", "cache"):
                    if name in wanted[role]:
                        update(wanted[role][name], here[name])
        for member in wanted["api"].get("message_queue", {}).get("members", ()):
            member.update(host=here["message_queue"]["host"], port=5672)
        return {"octavia": wanted}

    return make


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_converges_and_the_verifier_is_content(lab, machine, key, suite_pillar, suite):
    machine.put_pillar(suite_pillar(suite))
    apply(machine, ",".join(KITCHEN["provisioner"]["state_top"]["base"]["*"]))
    for hook in SUITES[suite].get("lifecycle", {}).get("post_converge", ()):
        machine.run(hook["remote"].replace("/tmp/kitchen/etc/salt", "/etc/salt"))  # noqa: S108
    verify(lab, machine, suite, key)
    assert changed(apply(machine)) == {}
