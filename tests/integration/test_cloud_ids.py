"""Ids that the pillar does not say, of real Nova, Glance and Neutron: those of what octavia.resources has made."""

import json

import pytest
from control_plane import apply
from harness import Pem

NAME = "controller3"
KEYPAIR, TAG = "ids-key", "ids-amphora"
WORKER = "manager:controller_worker"

SDK = """
import json, openstack
cloud = openstack.connect(cloud="admin")
octavia = cloud.identity.find_project("service").id
def image(owner, visibility="private"):
    made = cloud.image.create_image(
        name="ids-image", container_format="bare", disk_format="raw", owner=owner, visibility=visibility,
        tags=["ids-amphora"], data=b"an image", validate_checksum=False)
    return made.id
"""
TRUTH = """
network = next(cloud.network.networks(name="ids-network", project_id=octavia)).id
group = next(cloud.network.security_groups(name="ids-group", project_id=octavia)).id
flavor = cloud.compute.find_flavor("ids-amphora").id
print(json.dumps({"project": octavia, "network": network, "group": group, "flavor": flavor}))
"""
SWEEP = """
for each in list(cloud.image.images(name="ids-image")):
    cloud.image.delete_image(each)
"""


@pytest.fixture(scope="module")
def by_hand(cloud):
    return lambda text: cloud.machines["services"].run(["python3", "-"], input=SDK + text).stdout


@pytest.fixture(scope="module")
def tree(cloud):
    """``tree(resources, controller)``: who makes resources, or takes them away, and who says no id of them."""
    keystone = cloud.facts["keystone"]

    def make(resources, controller=False):
        return {
            "database": {"host": "db.example.org", "password": "no-database-is-asked"},
            "identity": {"host": keystone["host"], "password": keystone["octavia"]["password"]},
            "message_queue": {"host": "mq.example.org", "password": "no-queue-is-asked"},
            "api": {"bind": {"address": "10.77.0.13"}},
            "manager": {
                "enabled": controller,
                "ssh": {"private_key": Pem.texts()["PRIVATE_KEY"]},
                "controller_worker": {"amp_image_tag": TAG},
                "health_manager": {
                    "heartbeat_key": "integration-test-heartbeat", "bind_ip": "172.16.0.13", "controllers": 1,
                },
            },
            "resources": {
                "enabled": resources,
                "purge": not resources,
                "cloud": cloud.facts["clouds"]["admin"],
                "network": {
                    "name": "ids-network", "subnet": {"name": "ids-subnet"},
                    "amphora_security_group": {"name": "ids-group"},
                    "health_manager_security_group": {"name": "ids-managers"},
                },
                "compute": {"flavor": {"name": "ids-amphora", "ram": 640, "disk": 2}, "keypair": {"name": KEYPAIR}},
            },
        }  # fmt: skip

    return make


@pytest.fixture(scope="module")
def machine(cloud, tree, by_hand):
    """A host that has made its resources, and an image of Octavia's project beside one of somebody else."""
    machine = cloud.machines.get(NAME) or cloud.machine(NAME)
    machine.put_formula()
    machine.put_pillar({"octavia": tree(True)})
    for part in ("identity", "network", "compute"):
        apply(machine, f"octavia.resources.{part}")
    machine.put_pillar({"octavia": tree(False, controller=True)})
    yield machine
    by_hand(SWEEP)
    machine.put_pillar({"octavia": tree(False)})
    for part in ("compute", "network"):
        apply(machine, f"octavia.resources.{part}")


def found(machine):
    return machine.salt_call("octavia_ids.found").data


def test_nova_glance_and_neutron_say_what_the_pillar_does_not(machine, by_hand):
    by_hand('image(octavia); image(cloud.identity.find_project("admin").id)')
    truth = json.loads(by_hand(TRUTH))
    assert found(machine) == {
        f"{WORKER}:amp_flavor_id": truth["flavor"],
        f"{WORKER}:amp_image_owner_id": truth["project"],
        f"{WORKER}:amp_boot_network_list": [truth["network"]],
        f"{WORKER}:amp_secgroup_list": [truth["group"]],
        f"{WORKER}:amp_ssh_key_name": KEYPAIR,
    }


def test_an_image_of_somebody_else_counts_if_it_is_public(machine, by_hand):
    by_hand(SWEEP)
    by_hand('image(cloud.identity.find_project("admin").id)')
    assert "amp_image_owner_id" in machine.salt_call("octavia_ids.found", check=False).stderr
    by_hand('image(cloud.identity.find_project("admin").id, visibility="public")')
    owner = by_hand('print(cloud.identity.find_project("admin").id)').strip()
    assert found(machine)[f"{WORKER}:amp_image_owner_id"] == owner
