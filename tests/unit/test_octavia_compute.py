"""What amphorae need of Nova: how many there may be, of which size, and who may look into them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fake_cloud import PROJECT, USER, FakeCloud
from formula import GONE, Host, changed, shared
from salt.exceptions import CommandExecutionError

ED25519 = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ED25519,
}


@pytest.fixture
def compute(load):
    return load("_modules/octavia_compute")


def numbers(found):
    return {service: {name: entry["needed"] for name, entry in quotas.items()} for service, quotas in found.items()}


# --- quotas


def test_a_hundred_single_load_balancers(compute):
    assert numbers(compute.needed(100)) == {
        # a tenth to spare
        "compute": {"instances": 110, "cores": 110, "ram": 110 * 1024},
        # management, VIP and two networks of members; ten rules of listeners and two of Neutron
        "network": {"port": 110 * 4 + 16, "security_group": 103, "security_group_rule": 100 * 12 + 32},
    }


def test_a_pair_has_two_amphorae_rules_for_vrrp_and_with_anti_affinity_a_server_group(compute):
    found = numbers(compute.needed(100, "ACTIVE_STANDBY", anti_affinity=True))
    assert found["compute"] == {
        "instances": 220, "cores": 220, "ram": 220 * 1024, "server_groups": 100, "server_group_members": 3,
    }  # fmt: skip
    assert found["network"] == {"port": 220 * 4 + 16, "security_group": 103, "security_group_rule": 100 * 14 + 32}


def test_one_amphora_alone_has_no_server_group(compute):
    assert "server_groups" not in compute.needed(100, "SINGLE", anti_affinity=True)["compute"]


def test_the_size_of_an_amphora_counts(compute):
    found = numbers(compute.needed(10, flavor={"ram": 2048, "vcpus": 2, "disk": 3}, volume_size=16))
    assert found["compute"] == {"instances": 20, "cores": 40, "ram": 20 * 2048}
    assert found["volume"] == {"volumes": 20, "gigabytes": 320}


@pytest.mark.parametrize(("load_balancers", "spare"), [(1, 10), (100, 10), (101, 11), (1000, 100)])
def test_ten_at_least_can_fail_over_at_once(compute, load_balancers, spare):
    assert numbers(compute.needed(load_balancers))["compute"]["instances"] == load_balancers + spare


def test_who_knows_better_says_so(compute):
    found = numbers(compute.needed(100, listeners=1, networks=0, spare=0))
    assert found["compute"]["instances"] == 100
    assert found["network"] == {"port": 216, "security_group": 103, "security_group_rule": 432}


def test_the_arithmetic_is_said_in_words(compute):
    assert compute.needed(100)["compute"]["instances"]["why"] == "100 load balancers x 1, and 10 to fail over"


# --- the key pair


def text(key, form, lock=None):
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption()).decode()


FORMS = [PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KEYS)
def test_the_public_key_comes_from_the_private_one_in_every_format(compute, kind, form):
    key = KEYS[kind]
    if kind == "ed25519" and form is PrivateFormat.TraditionalOpenSSL:
        return
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert compute.public_key(text(key, form)) == public
    # as a pillar may have it
    assert compute.public_key(text(key, form).strip()) == public


def armoured(inner):
    """A key in OpenSSH's format; to lock one takes a library that Salt's Python may lack."""
    body = base64.b64encode(b"openssh-key-v1\0" + inner).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


LOCKED = armoured(b"\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt" + b"\0" * 60)


@pytest.mark.parametrize(
    "locked", [LOCKED, *(text(KEYS["rsa"], form, BestAvailableEncryption(b"secret")) for form in FORMS[1:])]
)
def test_a_key_with_a_passphrase_is_one_line(compute, locked):
    with pytest.raises(CommandExecutionError) as caught:
        compute.public_key(locked)
    assert str(caught.value) == "octavia:manager:ssh:private_key: needs a passphrase, which nobody could type in"


NONE = "is no private key in PEM or of OpenSSH"
PUBLIC = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("", "is not set"),
        ("nonsense", NONE),
        (PUBLIC, NONE),
        (armoured(b"\0\0\0\x04none\0\0\0\x04none"), NONE),
        (text(KEYS["rsa"], PrivateFormat.PKCS8)[:300], NONE),
        (text(dsa.generate_private_key(2048), PrivateFormat.PKCS8), "is neither RSA, ECDSA nor Ed25519"),
        (text(ec.generate_private_key(ec.SECP256K1()), PrivateFormat.PKCS8), "has a curve that OpenSSH does not know"),
    ],
)
def test_what_is_no_key_for_ssh_is_one_line_without_a_word_of_it(compute, what, line):
    with pytest.raises(CommandExecutionError) as caught:
        compute.public_key(what)
    assert str(caught.value) == f"octavia:manager:ssh:private_key: {line}"


def test_a_comment_does_not_make_another_key(compute):
    assert compute.same_key("ssh-ed25519 AAAA", "ssh-ed25519 AAAA octavia@ctl01\n")
    assert not compute.same_key("ssh-ed25519 AAAA", "ssh-ed25519 AAAB")


# --- in Nova, by the pillar


KEY = text(KEYS["ed25519"], PrivateFormat.OpenSSH)
OTHER = text(KEYS["ecdsa"], PrivateFormat.OpenSSH)
SIZE = {"ram": 1024, "vcpus": 1, "disk": 3, "os-flavor-access:is_public": False}


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path, changed(shared(), **{"manager:controller_worker:amp_flavor_id": GONE}))
    host.cloud_side = FakeCloud(host)
    return host


def say(host, **answers):
    host.tree.update(changed(host.tree, **answers))


def seen_to(host, test=False):
    """All that the pillar wants of Nova; returns changes by thing."""
    host.again()
    found = {}
    for entry in host.compute.wanted():
        given = [entry["name"], entry["want"], entry["project"]]
        if "function" in entry:
            function = getattr(host.compute, entry["function"].partition(".")[2])
            answer = function(*given, key=entry["key"], test=test)
        else:
            answer = host.ensure.present(entry["kind"], *given, key=entry["key"], test=test)
        found.update(answer["changes"])
    return found


def with_quotas(host, **numbers):
    quotas = {"instances": 10, "cores": 20, "ram": 51200, **numbers}
    host.cloud_side.of("compute_quota").append({"id": PROJECT, **quotas})


def test_an_empty_pillar_makes_a_private_flavor_and_quotas_and_no_key_pair(host):
    with_quotas(host)
    dry = seen_to(host, test=True)
    assert host.cloud_side.calls == []
    assert seen_to(host) == dry == {
        "flavor amphora": {"old": None, "new": {**SIZE, "access": "service"}},
        "compute quota service": {
            "old": {"instances": 10, "cores": 20, "ram": 51200},
            "new": {"instances": 110, "cores": 110, "ram": 112640},
        },
    }  # fmt: skip
    (flavor,) = host.cloud_side.of("flavor")
    assert flavor["description"] == host.ensure.mark() and host.cloud_side.access == {flavor["id"]: [PROJECT]}
    host.cloud_side.calls.clear()
    assert seen_to(host) == {} and host.cloud_side.calls == []


def test_quotas_are_raised_and_not_lowered_and_no_limit_stays(host):
    with_quotas(host, instances=50, cores=500, ram=-1)
    assert seen_to(host)["compute quota service"] == {"old": {"instances": 50}, "new": {"instances": 110}}


def test_quotas_are_lowered_when_the_pillar_says_exact(host):
    with_quotas(host, instances=110, cores=500, ram=112640)
    say(host, **{"resources:quotas:exact": True})
    assert seen_to(host)["compute quota service"] == {"old": {"cores": 500}, "new": {"cores": 110}}


def test_quotas_follow_the_topology_and_the_drivers_of_octavia_conf(host):
    say(host, config={"controller_worker": {"loadbalancer_topology": "ACTIVE_STANDBY"}})
    say(host, **{
        "nova:enable_anti_affinity": True, "resources:load_balancers": 500, "cinder:volume_size": 10,
        "manager:controller_worker:volume_driver": "volume_cinder_driver",
    })  # fmt: skip
    found = numbers(host.compute.quotas())
    assert found["compute"]["instances"] == 1100 and found["compute"]["server_groups"] == 500
    assert found["volume"] == {"volumes": 1100, "gigabytes": 11000}
    assert numbers(host.compute.quotas(10, "SINGLE"))["compute"]["instances"] == 20


def test_a_host_that_is_no_controller_makes_the_quotas_of_the_controllers(host):
    pair = {"manager:controller_worker:loadbalancer_topology": "ACTIVE_STANDBY"}
    say(host, **{"manager:controller_worker:volume_driver": "volume_cinder_driver", **pair})
    there = numbers(host.compute.quotas())
    say(host, **{"manager:enabled": False, "api:enabled": False})
    assert host.pillar.sections() == []
    assert numbers(host.compute.quotas()) == there
    assert there["compute"]["instances"] == 220 and there["volume"]["volumes"] == 220


def test_the_table_of_quotas_is_for_people(host):
    lines = host.resources.quotas(load_balancers=500).splitlines()
    assert lines[0].split() == ["quota", "needed", "why"]
    assert lines[1].split("  ")[-1] == "500 load balancers x 1, and 50 to fail over"
    assert len({line.index(each) for line, each in zip(lines, ("why", "500"), strict=False)}) == 1
    assert len(lines) == 7


def test_volumes_have_quotas_where_amphorae_boot_from_them(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    host.cloud_side.of("volume_quota").append({"id": PROJECT, "volumes": 10, "gigabytes": -1})
    say(host, **{"manager:controller_worker:volume_driver": "volume_cinder_driver"})
    seen = seen_to(host)
    assert seen["volume quota service"] == {"old": {"volumes": 10}, "new": {"volumes": 110}}
    assert seen_to(host) == {}


def test_a_flavor_of_another_size_is_refused_and_stays(host):
    with_quotas(host)
    seen_to(host)
    say(host, **{"resources:compute:flavor:ram": 2048})
    host.cloud_side.calls.clear()
    with pytest.raises(CommandExecutionError) as caught:
        seen_to(host)
    assert "flavor amphora has ram 1024 and not 2048, which cannot be changed" in str(caught.value)
    assert "octavia:resources:compute:flavor" in str(caught.value) and host.cloud_side.calls == []


def test_extra_specs_are_set_and_those_of_others_stay(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    seen_to(host)
    (flavor,) = host.cloud_side.of("flavor")
    flavor["extra_specs"] = {"theirs": "1"}
    say(host, **{"resources:compute:flavor:extra_specs": {"hw_rng:allowed": True, "quota:cpu_shares": 5}})
    assert seen_to(host)["flavor amphora"]["new"] == {
        "extra_specs": {"hw_rng:allowed": "true", "quota:cpu_shares": "5"},
    }  # fmt: skip
    assert flavor["extra_specs"] == {"theirs": "1", "hw_rng:allowed": "true", "quota:cpu_shares": "5"}
    assert seen_to(host) == {}


def test_access_that_was_taken_away_comes_back(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    seen_to(host)
    host.cloud_side.access.clear()
    wanted = {"flavor amphora": {"old": {"access": None}, "new": {"access": "service"}}}
    assert seen_to(host, test=True) == wanted
    assert seen_to(host) == wanted and seen_to(host) == {}


def test_a_flavor_that_the_pillar_has_by_id_is_taken_as_it_is(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    theirs = {"id": "65", "name": "m1.amphora", **SIZE, "ram": 4096, "os-flavor-access:is_public": True}
    host.cloud_side.of("flavor").append(theirs)
    say(host, **{"manager:controller_worker:amp_flavor_id": "65"})
    assert seen_to(host) == {} and len(host.cloud_side.of("flavor")) == 1
    say(host, **{"resources:compute:flavor:ram": 1024})
    with pytest.raises(CommandExecutionError, match="flavor m1.amphora has ram 4096 and not 1024"):
        seen_to(host)


def test_an_id_that_nova_does_not_have_is_one_line(host):
    say(host, **{"manager:controller_worker:amp_flavor_id": "66"})
    with pytest.raises(CommandExecutionError, match="^octavia:manager:controller_worker:amp_flavor_id: Nova has no"):
        seen_to(host)


def test_a_key_pair_is_made_of_the_private_key_for_the_service_user(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    say(host, **{"manager:ssh:private_key": KEY})
    public = ED25519.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    seen = seen_to(host)
    assert seen["keypair octavia_ssh_key"] == {"old": None, "new": {"public_key": public}}
    (pair,) = host.cloud_side.of("keypair")
    assert (pair["user_id"], pair["public_key"], pair["name"]) == (USER, public, "octavia_ssh_key")
    assert "PRIVATE" not in str(seen)
    assert seen_to(host) == {}


def test_a_key_pair_has_the_name_that_octavia_conf_has(host):
    say(host, **{"manager:ssh:private_key": KEY, "manager:controller_worker:amp_ssh_key_name": "mine"})
    assert host.compute.wanted()[-1]["name"] == "mine" == host.compute.key_name()


def test_a_key_is_not_loaded_where_ssh_is_off(host):
    say(host, **{"manager:ssh:private_key": KEY, "resources:ssh": False})
    assert "keypair" not in {entry["kind"] for entry in host.compute.wanted()}


def test_another_key_of_that_name_is_reported_and_replaced_only_when_told_to(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    say(host, **{"manager:ssh:private_key": KEY})
    seen_to(host)
    say(host, **{"manager:ssh:private_key": OTHER})
    with pytest.raises(CommandExecutionError) as caught:
        seen_to(host)
    assert str(caught.value) == (
        "octavia:manager:ssh:private_key: Nova has another key called octavia_ssh_key (fa:ke): set "
        "octavia:resources:compute:keypair:replace, or say another name at "
        "octavia:manager:controller_worker:amp_ssh_key_name"
    )
    say(host, **{"resources:compute:keypair:replace": True})
    dry = seen_to(host, test=True)
    assert seen_to(host) == dry and list(dry) == ["keypair octavia_ssh_key"]
    (pair,) = host.cloud_side.of("keypair")
    assert pair["public_key"].startswith("ecdsa-sha2-nistp256 ")
    assert seen_to(host) == {}


def test_a_key_pair_goes_when_it_has_our_key(host):
    with_quotas(host, instances=-1, cores=-1, ram=-1)
    say(host, **{"manager:ssh:private_key": KEY})
    seen_to(host)
    entry = host.compute.wanted()[-1]
    (pair,) = host.cloud_side.of("keypair")
    pair["public_key"], public = "ssh-rsa AAAA theirs", pair["public_key"]
    assert host.compute.keypair_absent(entry["name"], entry["want"], marked=True, test=False)["changes"] == {}
    pair["public_key"] = public
    for test in (True, False):
        found = host.compute.keypair_absent(entry["name"], entry["want"], marked=True, test=test)
        assert list(found["changes"]) == ["keypair octavia_ssh_key"]
    assert host.cloud_side.of("keypair") == []


def test_in_an_empty_cloud_a_dry_run_shows_all_of_it(host):
    host.cloud_side.there.clear()
    say(host, **{"manager:ssh:private_key": KEY})
    assert {name: change["old"] for name, change in seen_to(host, test=True).items()} == {
        "flavor amphora": None, "compute quota service": None, "keypair octavia_ssh_key": None,
    }  # fmt: skip
