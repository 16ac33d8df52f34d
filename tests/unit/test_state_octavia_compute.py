"""The states of flavors, key pairs and images: as they are written in an SLS, in a dry run and in a real one."""

import hashlib

import pytest
from fake_cloud import FakeCloud
from formula import GONE, Host, changed, shared

ONE = "ssh-ed25519 AAAA"
FLAVOR = {"ram": 1024, "vcpus": 1, "disk": 3, "project": "service"}


@pytest.fixture(params=[True, False], ids=["dry", "real"])
def host(tmp_path, request):
    tree = changed(shared(), **{"manager:controller_worker:amp_flavor_id": GONE})
    host = Host(tmp_path, tree, test=request.param)
    host.cloud_side = FakeCloud(host)
    host.dry = request.param
    return host


def state(host, name, *args, **kwargs):
    """A state twice: what it does, and that it then has nothing to do."""
    module, _, function = name.partition(".")
    run = getattr(host.state(module), function)
    ret = run(*args, **kwargs)
    assert ret["result"] is (None if host.dry else True), ret
    assert bool(host.cloud_side.calls) is not host.dry
    if not host.dry:
        again = run(*args, **kwargs)
        assert (again["result"], again["changes"]) == (True, {})
    return ret


def test_a_flavor_comes_and_goes(host):
    made = state(host, "octavia_compute.flavor_present", "amphora", **FLAVOR)
    assert made["changes"]["flavor amphora"]["old"] is None
    if not host.dry:
        gone = state(host, "octavia_compute.flavor_absent", "amphora")
        assert gone["changes"]["flavor amphora"]["new"] is None and host.cloud_side.of("flavor") == []


def test_a_key_pair_comes_and_goes(host):
    state(host, "octavia_compute.keypair_present", "ssh", ONE, "octavia")
    if not host.dry:
        state(host, "octavia_compute.keypair_absent", "ssh", "octavia")
        assert host.cloud_side.of("keypair") == []


def test_what_is_refused_is_a_failed_state_with_one_line(host):
    size = {"vcpus": 1, "disk": 3, "os-flavor-access:is_public": True}
    host.cloud_side.of("flavor").append({"id": "f", "name": "amphora", "ram": 512, **size})
    host.cloud_side.of("keypair").append({"id": "ssh", "name": "ssh", "public_key": "ssh-rsa B", "fingerprint": "f:f"})
    for pair in host.cloud_side.of("keypair"):
        pair["user_id"] = "u" * 32
    compute = host.state("octavia_compute")
    for ret in (compute.flavor_present("amphora", **FLAVOR), compute.keypair_present("ssh", ONE, "octavia")):
        assert (ret["result"], ret["changes"]) == (False, {}) and "\n" not in ret["comment"]
    assert host.cloud_side.calls == []


def test_an_image_comes_and_goes(host):
    path = host.root / "image"
    path.write_bytes(b"image")
    digest = hashlib.sha256(b"image").hexdigest()
    answers = {"file": str(path), "project": "service", "properties": {"os_distro": "debian"}}
    made = state(host, "octavia_image.image_present", "amphora", digest, **answers)
    assert set(made["changes"]) == {"image amphora", "tag amphora"}
    if not host.dry:
        state(host, "octavia_image.image_absent", "amphora", project="service")
        assert host.cloud_side.of("image") == []


def test_an_image_without_a_right_checksum_is_a_failed_state(host):
    ret = host.state("octavia_image").image_present("amphora", "abc", file="/nowhere", project="service")
    assert (ret["result"], ret["changes"]) == (False, {}) and "needs a checksum" in ret["comment"]
