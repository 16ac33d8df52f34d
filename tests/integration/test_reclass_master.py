"""
A Salt master with the reclass of Debian, whose pillars and top file come from a model, drives a minion to an API that
answers.
"""

import json
import time

import pytest
import yaml
from control_plane import UNITS, Api, unit_state
from harness import ROOT

MODEL, INVENTORY = ROOT / "tests" / "reclass", "/srv/reclass"
#: Debian's reclass is for Debian's Python; Salt has another one.
MASTER = f"""\
ext_pillar:
  - reclass: &reclass
      reclass_source_path: /usr/lib/python3/dist-packages
      inventory_base_uri: {INVENTORY}
master_tops:
  reclass: *reclass
"""
NAME, ADDRESS = "controller2", "10.77.0.12"
SALT = ("/opt/salt/3008/bin/salt", "--out=json", "--static", "--log-level=warning", "--timeout=30", NAME)


class Cloud:
    """A master, and a minion that reclass has a node for."""

    def __init__(self, lab):
        self.facts = lab.facts
        self.master = lab.machine("controller1", debian=13, tree="tools-13")
        self.minion = lab.machine(NAME, tree="libraries-12")
        self.master.put_formula()
        self.master.put_tree(MODEL, INVENTORY)
        self.master.write("/etc/salt/master.d/reclass.conf", MASTER)
        self.params = {
            "octavia_version": "zed",
            "cluster_vip_address": self.facts["mariadb"]["host"],
            "cluster_local_address": ADDRESS,
            "mysql_octavia_password": self.facts["database"]["password"],
            "keystone_octavia_password": self.facts["keystone"]["octavia"]["password"],
            "rabbitmq_openstack_password": self.facts["rabbitmq"]["users"]["hard"]["password"],
        }
        self.say()
        self.master.be_master()
        self.minion.be_minion(self.master)
        deadline = time.monotonic() + 60
        while not self.master.run([*SALT, "test.ping"], check=False).stdout.strip().startswith("{"):
            assert time.monotonic() < deadline, "the minion does not come"
            time.sleep(1)

    def say(self, params=None, **api):
        """The node in the model; what is None is not said."""
        params = {name: value for name, value in {**self.params, **(params or {})}.items() if value is not None}
        octavia = {
            "database": {"name": "octavia_reclass", "user": self.facts["database"]["user"]},
            "db": {"create": True, "admin": {"host": self.facts["mariadb"]["host"], **self.facts["mariadb"]["admin"]}},
            "certificates": {"server_certs_key_passphrase": "integration-test-passphrase-0001"},
            "controller_worker": {
                "amphora_driver": "amphora_noop_driver",
                "compute_driver": "compute_noop_driver",
                "network_driver": "network_noop_driver",
            },
            "api": {"processes": 2, **api},
        }
        node = {"classes": ["service.octavia.api.cluster"], "parameters": {"_param": params, "octavia": octavia}}
        self.master.write(f"{INVENTORY}/nodes/{NAME}.yml", json.dumps(node), 0o600)

    def salt(self, *args, check=True):
        """What the minion answers."""
        done = self.master.run([*SALT, *args], check=False, timeout=600)
        found = json.loads(done.stdout)[NAME]
        assert not (check and done.returncode), f"{done.stdout[-4000:]}{done.stderr[-2000:]}"
        return found

    def highstate(self):
        """What a run of all states that reclass assigns has changed, by ID."""
        return {state["__id__"]: state["changes"] for state in self.salt("state.apply").values() if state["changes"]}

    def destroy(self):
        for machine in (self.master, self.minion):
            machine.destroy()


@pytest.fixture(scope="module")
def cloud(lab):
    lab.services()
    found = Cloud(lab)
    yield found
    found.destroy()


def test_the_reclass_of_debian_makes_the_pillars_of_the_model(cloud):
    for path in sorted((MODEL / "expected").iterdir()):
        said = cloud.master.run(["reclass", "-b", INVENTORY, "-n", path.stem, "-o", "json"]).stdout
        found, expected = json.loads(said), yaml.safe_load(path.read_text())
        assert found["applications"] == ["octavia"]
        assert {name: found["parameters"].get(name) for name in expected} == expected


def test_a_highstate_brings_up_the_api_and_a_change_of_the_model_reaches_it(cloud, lab):
    assert {"octavia_db_schema", "octavia_conf", "octavia_api_service"} <= set(cloud.highstate())
    assert unit_state(cloud.minion, UNITS["api"]) == ("active", "enabled")
    api = Api(lab.services(), cloud.facts, f"http://{ADDRESS}:9876")
    assert api.call("GET", "/v2/lbaas/loadbalancers")[0] == 200
    assert cloud.highstate() == {}
    cloud.say({"octavia_api_bind_port": 9877})
    assert {"octavia_conf", "octavia_api_service"} <= set(cloud.highstate())
    assert Api(lab.services(), cloud.facts, f"http://{ADDRESS}:9877").call("GET", "/")[0] == 200


def test_a_param_that_is_missing_is_named_and_nothing_changes(cloud):
    cloud.say({"mysql_octavia_password": None})
    said = json.dumps(cloud.salt("state.apply", check=False))
    assert "_param:mysql_octavia_password" in said
    assert unit_state(cloud.minion, UNITS["api"]) == ("active", "enabled")
