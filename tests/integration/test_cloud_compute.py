"""
Flavor, key pair, quotas and image against real Nova and Glance: made, found again, named where they differ, refused
where they cannot be changed, and an upload that was killed.
"""

import hashlib
import json
import os
import re

import pytest
from control_plane import apply, changed, fault
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

#: A machine of its own: nothing of Octavia runs on it.
NAME = "controller3"
COMPUTE, IMAGE = "octavia_resources_compute", "octavia_resources_image"
SLOW = pytest.mark.slow
MIB = 1 << 20

SDK = """
import json, openstack
cloud = openstack.connect(cloud="admin")
project = cloud.identity.find_project("service").id
user = next(iter(cloud.identity.users(name="octavia")), None)
images = lambda: [each for each in cloud.image.images(owner=project) if each.name.startswith("test-")]
flavor = lambda: cloud.compute.find_flavor("test-amphora", ignore_missing=True, get_extra_specs=True)
nova = lambda method, path, **body: getattr(cloud.compute, method)(path, microversion="2.61", **body)
"""
SWEEP = """
for each in images(): cloud.image.delete_image(each)
if flavor(): cloud.compute.delete_flavor(flavor())
if user: nova("delete", f"/os-keypairs/test-key?user_id={user.id}")
nova("delete", f"/os-quota-sets/{project}")
"""
INVENTORY = """
keys = nova("get", f"/os-keypairs?user_id={user.id}").json()["keypairs"]
print(json.dumps({
    "flavor": flavor() and [flavor().ram, flavor().vcpus, flavor().disk, flavor().is_public, flavor().extra_specs],
    "access": flavor() and nova("get", f"/flavors/{flavor().id}/os-flavor-access").json()["flavor_access"],
    "keys": {each["keypair"]["name"]: each["keypair"]["public_key"].split()[0] for each in keys},
    "images": sorted([each.name, each.status, each.size, each.visibility, sorted(each.tags)] for each in images()),
    "instances": nova("get", f"/os-quota-sets/{project}").json()["quota_set"]["instances"],
}))
"""


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


KEY, OTHER = pem(ed25519.Ed25519PrivateKey.generate()), pem(ec.generate_private_key(ec.SECP256R1()))


class ByHand:
    """What an administrator does with the SDK, and what there is in the cloud."""

    def __init__(self, services):
        self.services = services

    def __call__(self, script):
        return self.services.run(["python3", "-"], input=SDK + script).stdout

    def inventory(self):
        return json.loads(self(INVENTORY))


@pytest.fixture(scope="module")
def by_hand(cloud):
    return ByHand(cloud.machines["services"])


@pytest.fixture(scope="module")
def machine(cloud):
    machine = cloud.machines.get(NAME) or cloud.machine(NAME)
    machine.put_formula()
    machine.salt_call("saltutil.sync_all")
    return machine


@pytest.fixture(scope="module")
def say(cloud, machine):
    """``say(content, key=value…)``: the pillar of a host that makes these resources; keys with dots."""
    facts = cloud.facts

    def make(content=b"one" * MIB, **answers):
        machine.path("/root/amphora.raw").write_bytes(content)
        tree = {
            "identity": {"host": facts["keystone"]["host"], "password": facts["keystone"]["octavia"]["password"]},
            "resources": {
                "enabled": True,
                "cloud": facts["clouds"]["admin"],
                "load_balancers": 7,
                "compute": {"flavor": {"name": "test-amphora", "ram": 640, "disk": 2, "extra_specs": {"a": "b"}}},
                "image": {
                    "name": "test-image",
                    "tag": "test-amphora",
                    "file": "/root/amphora.raw",
                    "checksum": hashlib.sha256(content).hexdigest(),
                    "disk_format": "raw",
                },
            },
            "api": {"bind": {"address": "10.77.0.11"}},
            "manager": {"ssh": {"private_key": KEY}, "controller_worker": {"amp_ssh_key_name": "test-key"}},
        }
        for key, value in answers.items():
            node = tree
            *parents, last = key.split(":")
            for part in parents:
                node = node.setdefault(part, {})
            node[last] = value
        machine.put_pillar({"octavia": tree})

    return make


@pytest.fixture(scope="module")
def user(by_hand, machine, say):
    """A cloud with the service user, and afterwards with nothing else of ours."""
    say()
    apply(machine, "octavia.resources.identity")
    yield
    by_hand(SWEEP)


@pytest.fixture
def empty(by_hand, user, say):
    by_hand(SWEEP)
    say()


@pytest.fixture
def made(empty, machine):
    both(machine)


def both(machine, test=False, check=True):
    """Compute and image; their changes."""
    found = {}
    for part in ("compute", "image"):
        states = apply(machine, f"octavia.resources.{part}", test=test, check=check)
        found.update(changed(states).get(f"octavia_resources_{part}", {}))
    return found


def refused(machine, part):
    states = apply(machine, f"octavia.resources.{part}", check=False)
    line = fault(states)
    assert "\n" not in line and not changed(states).get(f"octavia_resources_{part}")
    return line


def test_everything_is_made_once_and_a_dry_run_tells_it(empty, machine, by_hand):
    dry = both(machine, test=True)
    assert by_hand.inventory()["flavor"] is None and by_hand.inventory()["images"] == []
    assert both(machine) == dry
    assert set(dry) == {
        "flavor test-amphora", "compute quota service", "keypair test-key", "image test-image", "tag test-amphora",
    }  # fmt: skip
    there = by_hand.inventory()
    assert there["flavor"] == [640, 1, 2, False, {"a": "b"}] and len(there["access"]) == 1
    assert there["keys"]["test-key"] == "ssh-ed25519" and there["instances"] == 17
    assert there["images"] == [["test-image", "active", 3 * MIB, "private", ["test-amphora"]]]
    assert both(machine) == {} == both(machine, test=True)
    assert by_hand.inventory() == there
    assert "PRIVATE" not in json.dumps(dry)


DRIFT = {
    "extra spec": (
        'cloud.compute.update_flavor_extra_specs_property(flavor(), "a", "c")',
        {"flavor test-amphora": {"old": {"extra_specs": {"a": "c"}}, "new": {"extra_specs": {"a": "b"}}}},
    ),
    "access": (
        "cloud.compute.flavor_remove_tenant_access(flavor(), project)",
        {"flavor test-amphora": {"old": {"access": None}, "new": {"access": "service"}}},
    ),
    "quota": (
        'nova("put", f"/os-quota-sets/{project}", json={"quota_set": {"instances": 3}})',
        {"compute quota service": {"old": {"instances": 3}, "new": {"instances": 17}}},
    ),
    "property": (
        'cloud.image.update_image(images()[0], hw_rng_model="none")',
        {"image test-image": {"old": {"hw_rng_model": "none"}, "new": {"hw_rng_model": "virtio"}}},
    ),
    "visibility": (
        'cloud.image.update_image(images()[0], visibility="public")',
        {"image test-image": {"old": {"visibility": "public"}, "new": {"visibility": "private"}}},
    ),
}


def test_what_differs_is_named_and_mended(made, machine, by_hand):
    before = by_hand.inventory()
    for script, wanted in DRIFT.values():
        by_hand(script)
        assert both(machine, test=True) == wanted
        assert both(machine) == wanted
    assert both(machine) == {} and by_hand.inventory() == before


def test_the_tag_comes_back_to_the_one_image_that_should_have_it(made, machine, by_hand):
    by_hand("cloud.image.remove_tag(images()[0], 'test-amphora')")
    assert list(both(machine)) == ["tag test-amphora"]
    by_hand(
        'made = cloud.image.create_image("test-other", data=b"x", disk_format="raw", container_format="bare",'
        ' tags=["test-amphora"], owner=project, allow_duplicates=True)\n'
    )
    found = both(machine)
    assert list(found) == ["tag test-amphora"] and len(found["tag test-amphora"]["old"]) == 2
    assert [tags for _, _, _, _, tags in by_hand.inventory()["images"]] == [["test-amphora"], []]


def test_a_flavor_of_another_size_is_refused_and_nothing_is_touched(made, machine, say, by_hand):
    before = by_hand.inventory()
    say(**{"resources:compute:flavor:ram": 2048, "resources:load_balancers": 50})
    assert "ram 640 and not 2048, which cannot be changed" in refused(machine, "compute")
    assert by_hand.inventory() == before


def test_another_key_is_refused_until_the_pillar_says_replace(made, machine, say, by_hand):
    say(**{"manager:ssh:private_key": OTHER})
    line = refused(machine, "compute")
    assert re.match(r"octavia:manager:ssh:private_key: Nova has another key called test-key \((..:){15}..\)", line)
    assert by_hand.inventory()["keys"]["test-key"] == "ssh-ed25519"
    say(**{"manager:ssh:private_key": OTHER, "resources:compute:keypair:replace": True})
    dry = both(machine, test=True)
    assert both(machine) == dry and list(dry) == ["keypair test-key"]
    assert by_hand.inventory()["keys"]["test-key"] == "ecdsa-sha2-nistp256" and both(machine) == {}


def test_images_rotate_and_exactly_one_has_the_tag(made, machine, say, by_hand):
    for number, content in enumerate((b"two" * MIB, b"three" * MIB)):
        say(content)
        found = both(machine)
        assert {"image test-image", "tag test-amphora"} <= set(found) and len(found) == 2 + number
        there = by_hand.inventory()["images"]
        assert sorted(tags for *_, tags in there) == [[], ["test-amphora"]]
        assert [size for _, _, size, _, tags in there if tags] == [len(content)]
        assert both(machine) == {}


def test_kernel_and_ramdisk_come_with_an_image_that_needs_them(empty, machine, say, by_hand):
    answers = {}
    for part in ("kernel", "ramdisk"):
        machine.write(f"/root/{part}", part)
        answers[f"resources:image:{part}:file"] = f"/root/{part}"
        answers[f"resources:image:{part}:checksum"] = hashlib.sha512(part.encode()).hexdigest()
    say(**answers)
    both(machine)
    names = {name for name, *_ in by_hand.inventory()["images"]}
    assert names == {"test-image", "test-image-kernel", "test-image-ramdisk"} and both(machine) == {}


def test_a_file_with_another_checksum_is_never_sent(empty, machine, say, by_hand):
    say(**{"resources:image:checksum": "0" * 64})
    assert "has the checksum sha256:" in refused(machine, "image")
    assert by_hand.inventory()["images"] == []


def test_without_an_image_one_line_says_how_to_give_one(empty, machine, say):
    say(**{"resources:image": {"tag": "test-amphora"}})
    line = refused(machine, "image")
    assert line.startswith("octavia:resources:image: no image of project service has the tag test-amphora")


#: Kills Salt and its worker once so many bytes of the image have been read to be sent.
KILLER = """
import os, pathlib, signal, time
def line(process):
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
until = time.monotonic() + 300
while time.monotonic() < until:
    everybody = [each for each in pathlib.Path("/proc").iterdir() if each.name.isdigit()]
    for worker in (each for each in everybody if b"octavia/host/worker.py" in line(each)):
        for descriptor in os.listdir(worker / "fd"):
            try:
                if os.readlink(worker / "fd" / descriptor) != "/root/amphora.raw":
                    continue
                done = int((worker / "fdinfo" / descriptor).read_text().split()[1])
            except OSError:
                continue
            if done >= @bytes@:
                for victim in everybody:
                    if b"salt-call" in line(victim) or victim == worker:
                        os.kill(int(victim.name), signal.SIGKILL)
                raise SystemExit(0)
raise SystemExit("nobody sends the image")
"""


@pytest.mark.parametrize("mib", [30, *(pytest.param(each, marks=SLOW) for each in (0, 1, 80, 120, 159))])
def test_an_upload_that_is_killed_is_finished_by_the_next_run(empty, machine, say, by_hand, mib):
    content = os.urandom(16) * (10 * MIB)
    say(content)
    run = machine.popen(["salt-call", "--local", "state.apply", "octavia.resources.image"])
    machine.run(["python3", "-"], input=KILLER.replace("@bytes@", str(mib * MIB)))
    run.wait(60)
    assert [tags for *_, tags in by_hand.inventory()["images"]] == [[]]
    both(machine)
    assert by_hand.inventory()["images"] == [["test-image", "active", len(content), "private", ["test-amphora"]]]
    assert both(machine) == {}


def test_what_was_made_goes_and_what_was_found_stays(made, machine, say, by_hand):
    by_hand(
        'cloud.image.create_image("test-other", data=b"x", disk_format="raw", container_format="bare", owner=project)\n'
    )
    say(**{"resources:enabled": False, "resources:purge": True})
    dry = both(machine, test=True)
    assert both(machine) == dry
    there = by_hand.inventory()
    assert (there["flavor"], [name for name, *_ in there["images"]]) == (None, ["test-other"])
    assert "test-key" not in there["keys"]
    assert both(machine) == {}


@pytest.fixture
def cinder(cloud):
    """``cinder(quotas)``: what real Cinder has for the service project, after it was given what is said by hand."""
    services = cloud.machines["services"]
    services.configure("cloud.cinder")
    client = ["openstack", "--os-cloud", "admin"]

    def quotas(**said):
        for name, number in said.items():
            services.run([*client, "quota", "set", f"--{name}", number, "service"])
        found = json.loads(services.run([*client, "quota", "show", "service", "-f", "json"]).stdout)
        return {name: found[name] for name in ("volumes", "gigabytes")}

    yield quotas
    services.run([*client, "service", "delete", "cinder"])
    services.run("systemctl stop cinder-api")


@SLOW
def test_cinder_gets_a_quota_where_amphorae_boot_from_volumes(cinder, empty, machine, say):
    before = cinder()
    both(machine)
    assert cinder() == before == {"volumes": 10, "gigabytes": 1000}
    volumes = {"manager:controller_worker:volume_driver": "volume_cinder_driver", "cinder:volume_size": 100}
    say(**{"resources:load_balancers": 20}, **volumes)
    dry = both(machine, test=True)
    assert cinder() == before and both(machine) == dry
    wanted = dry["volume quota service"]["new"]
    assert dry["volume quota service"]["old"] == before and wanted["gigabytes"] == 100 * wanted["volumes"] > 1000
    assert cinder() == wanted and both(machine) == {}
    short = {**wanted, "volumes": 3}
    assert cinder(volumes=3) == short
    drift = {"volume quota service": {"old": {"volumes": 3}, "new": {"volumes": wanted["volumes"]}}}
    assert both(machine, test=True) == drift == both(machine)
    assert cinder() == wanted
