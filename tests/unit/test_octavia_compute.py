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


def test_quotas_are_raised_and_never_lowered(compute):
    have = {"instances": 10, "cores": 500, "ram": -1}
    want = {"instances": 110, "cores": 110, "ram": 110, "server_groups": 10}
    assert compute.raised(have, want) == {"instances": {"old": 10, "new": 110}}


def test_quotas_are_lowered_when_told_to_but_no_limit_stays_none(compute):
    have, want = {"instances": 110, "cores": 500, "ram": -1}, {"instances": 110, "cores": 110, "ram": 110}
    assert compute.raised(have, want, exact=True) == {"cores": {"old": 500, "new": 110}}


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
