"""
Controllers and amphorae with certificates of octavia_x509, on real sockets: signed by the certificate generator of
Octavia 11.0.0, 16.0.0 and the newest, served by its agent, asked by its REST client. What a file of a set is good for
is judged by whether they talk, before, during and after a roll-over of the authorities.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from harness import ROOT, Made
from lab import Lab, trees
from test_gate import PYTHONS

sys.path.insert(0, str(ROOT / "tests" / "unit"))
from formula import Host

SCRIPT = (Path(__file__).parent / "amphora_talk.py").read_text()
WORD = "correct horse battery staple"
SERVER_CA, SERVER_KEY, CLIENT_CA = "server_ca.cert.pem", "server_ca.key.pem", "client_ca.cert.pem"
CLIENT = "client.cert-and-key.pem"
# Who hangs up, and why: the controller, or the amphora.
NO_AMPHORA, NO_CLIENT = "CERTIFICATE_VERIFY_FAILED", "TLSV1_ALERT_UNKNOWN_CA"
EXPIRED_CLIENT, NOT_FOR_CLIENTS = "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"
UNCLEAR_CLIENT = "SSLV3_ALERT_CERTIFICATE_UNKNOWN"
SECOND = 1 / 86400


# --- sets of certificates


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return Host(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def ours(host):
    """octavia_x509 of a minion."""
    return host.x509


def made(ours, name, key="ec-256", days=30):
    """A set: two authorities and a client, with keys of one kind."""
    server, signer = (ours.authority(f"{name} {role} CA", WORD, key, days) for role in ("server", "client"))
    own = ours.client("octavia", signer["cert"], signer["key"], WORD, key, names=["controller1"])
    return {
        SERVER_CA: server["cert"],
        SERVER_KEY: server["key"],
        CLIENT_CA: signer["cert"],
        "client_ca.key.pem": signer["key"],
        CLIENT: own,
    }


def swapped(files):
    """The same with the roles of the authorities swapped."""
    names = {name: name.replace("server_ca", "_").replace("client_ca", "server_ca").replace("_.", "client_ca.")
             for name in files}  # fmt: skip
    return {names[name]: text for name, text in files.items()}


CA, LEAF = (x509.BasicConstraints(ca=ca, path_length=None) for ca in (True, False))
SIGNS = x509.KeyUsage(*(use == 5 for use in range(9)))
FOR_CLIENTS, FOR_SERVERS = (
    x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, each)]) for each in ("CLIENT_AUTH", "SERVER_AUTH")
)


def theirs(name, *extensions, by=None, passphrase=None):
    """A certificate of another maker with identifiers of its key and of its issuer's."""
    private = ec.generate_private_key(ec.SECP256R1())
    known, issuer = (x509.SubjectKeyIdentifier.from_public_key(key.public_key())
                     for key in (private, by.private if by else private))  # fmt: skip
    identifiers = (known, x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer))
    return Made(name, *extensions, *identifiers, by=by, private=private, passphrase=passphrase)


def of_others(old):
    """Sets with authorities and clients that octavia_x509 would not make."""
    root = theirs("root", CA, SIGNS)
    between = theirs("between", CA, SIGNS, by=root, passphrase=WORD)
    own, other = (theirs("octavia", LEAF, use, by=between) for use in (FOR_CLIENTS, FOR_SERVERS))
    simple = Made("simple", CA)
    plain = Made("octavia", by=simple)
    chain = own.certificate + own.key + between.certificate
    signing = {SERVER_CA: between.certificate, SERVER_KEY: between.key}
    return {
        # the authority between stands in the client's file, in that of authorities, in that without its root
        "chain": {**old, CLIENT_CA: root.certificate, CLIENT: chain},
        "chain at amphorae": {
            **old,
            CLIENT_CA: between.certificate + root.certificate,
            CLIENT: own.certificate + own.key,
        },
        "rootless": {**old, CLIENT_CA: between.certificate, CLIENT: own.certificate + own.key},
        "signed between": {**old, **signing, SERVER_CA: between.certificate + root.certificate},
        "signed rootless": {**old, **signing},
        "for servers": {
            **old,
            CLIENT_CA: root.certificate,
            CLIENT: other.certificate + other.key + between.certificate,
        },
        "without identifiers": {**old, CLIENT_CA: simple.certificate, CLIENT: plain.certificate + plain.key},
    }


# --- a roll-over

ORDER = ["none", "trust", "sign", "client", "drop"]
PAIRS = list(itertools.product(ORDER, ORDER))
#: Who is refused by whom, (stage of the controller, stage at which the amphora was made); all others talk.
REFUSED = {
    **{("none", made): NO_AMPHORA for made in ("sign", "client", "drop")},
    **{(controller, "drop"): NO_CLIENT for controller in ("trust", "sign")},
    ("client", "none"): NO_CLIENT,
    **{("drop", made): NO_AMPHORA for made in ("none", "trust")},
}


def may_meet(controller, amphora):
    """
    Whether a controller at a stage may find an amphora that was made at another: no controller is two stages ahead of
    this one, and none goes to `client` before all amphorae were made at `sign` or later.
    """
    at, made_at = ORDER.index(controller), ORDER.index(amphora)
    return made_at <= at + 1 and (at < ORDER.index("client") or made_at >= ORDER.index("sign"))


# --- what is tried

KINDS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-256", "ec-384", "ec-521")
#: Since Python 3.13 an authority need not be a root, and a certificate needs identifiers of keys. Agents of amphorae
#: follow their Python as soon as gunicorn does, REST clients as soon as urllib3 does.
OLD_AGENT, NEW_AGENT = ["Debian 12"], ["Debian 13", "newest"]
OLD_CLIENT = ["Debian 12", "Debian 13"]
#: Before Octavia 19 amphorae's certificates have no identifier of the authority's key.
UNIDENTIFIED = ["Debian 12", "Debian 13"]
#: Set of the controller, that which signed the amphora, that whose client_ca it has: why they do not talk, if so; and
#: where that is not so everywhere, in which Pythons.
OTHERS = {
    **{(kind, kind, kind): [None] for kind in KINDS},
    ("bundle", "bundle", "old"): [None],
    ("bundle", "old", "old"): [None],
    # the roles of authorities swapped: at the controller, at the amphora, at both
    ("swapped", "old", "old"): [NO_AMPHORA],
    ("old", "old", "swapped"): [NO_CLIENT],
    ("swapped", "swapped", "swapped"): [NO_CLIENT],
    # another's
    ("client of new", "old", "old"): [NO_CLIENT],
    ("old", "new", "old"): [NO_AMPHORA],
    ("old", "old", "new"): [NO_CLIENT],
    # of the other authority, and of one that is only called the same
    ("client of server", "old", "old"): [NO_CLIENT],
    ("namesakes", "namesakes", "old"): [NO_CLIENT],
    ("namesakes", "namesakes", "namesakes"): [None],
    ("namesakes", "old", "namesakes"): [NO_AMPHORA, UNIDENTIFIED],
    # what ended while nobody looked
    ("ended", "ended", "old"): [NO_AMPHORA],
    ("client ended", "old", "old"): [EXPIRED_CLIENT],
    # of other makers
    ("chain", "old", "chain"): [None],
    ("chain at amphorae", "old", "chain at amphorae"): [None],
    ("rootless", "old", "rootless"): [NO_CLIENT, OLD_AGENT],
    ("signed between", "signed between", "signed between"): [None],
    ("signed rootless", "signed rootless", "signed rootless"): [NO_AMPHORA, OLD_CLIENT],
    ("for servers", "old", "for servers"): [NOT_FOR_CLIENTS],
    ("without identifiers", "old", "without identifiers"): [UNCLEAR_CLIENT, NEW_AGENT],
}


@pytest.fixture(scope="module")
def sets(host, ours):
    """All sets by name; what is to have ended has."""
    old, new, twin = made(ours, "old"), made(ours, "new"), made(ours, "old")
    clients = old[CLIENT_CA], old["client_ca.key.pem"]
    ended = made(ours, "ended", days=2 * SECOND)
    brief = ours.client("octavia", *clients, WORD, "ec-256", 2 * SECOND)
    until = time.time() + 4
    server = ours.client("octavia", old[SERVER_CA], old[SERVER_KEY], WORD, "ec-256")
    found = {
        **{f"at {stage}": host.certificates.staged(old, new, stage) for stage in ORDER},
        **{kind: made(ours, kind, kind) for kind in KINDS},
        **of_others({name: text for name, text in old.items() if name != "client_ca.key.pem"}),
        "old": old,
        "new": new,
        "bundle": {**old, SERVER_CA: new[SERVER_CA] + old[SERVER_CA], SERVER_KEY: new[SERVER_KEY]},
        "swapped": swapped(old),
        "client of new": {**old, CLIENT: new[CLIENT]},
        "client of server": {**old, CLIENT: server},
        "namesakes": {**twin, SERVER_CA: twin[SERVER_CA] + old[SERVER_CA]},
        "ended": ended,
        "client ended": {**old, CLIENT: brief},
    }
    time.sleep(max(0, until - time.time()))
    return found


class Tried:
    """What happened with one Octavia: its ``version``, the ``certificates`` of amphorae, and ``why`` calls failed."""

    def __init__(self, where, machine, python, sets):
        pairs = [*((f"at {one}", f"at {two}", f"at {two}") for one, two in PAIRS), *OTHERS]
        amphorae = {f"{signed}, {trusts}": {"signed": signed, "trusts": trusts} for _, signed, trusts in pairs}
        calls = [[controller, f"{signed}, {trusts}"] for controller, signed, trusts in pairs]
        asked = {"sets": sets, "passphrase": WORD, "amphorae": amphorae, "calls": calls}
        machine.write("/srv/amphora_talk.py", SCRIPT)
        answer = json.loads(machine.run([python, "-IB", "/srv/amphora_talk.py"], input=json.dumps(asked)).stdout)
        self.where, self.version, self.certificates = where, answer["octavia"], answer["certificates"]
        self.why = dict(zip(pairs, answer["calls"], strict=True))


@pytest.fixture(scope="module")
def machines():
    with Lab(f"certificates{os.getpid()}") as lab:
        for name, tree in dict(each[:2] for each in PYTHONS.values()).items():
            lab.bare(name, trees.prepared(tree))
        yield lab.machines


@pytest.fixture(scope="module", params=PYTHONS)
def tried(request, machines, sets):
    name, _, python = PYTHONS[request.param]
    return Tried(request.param, machines[name], python, sets)


def _talk(why, expected):
    assert (why is None) is (expected is None), why
    assert expected is None or expected in why


@pytest.mark.parametrize("case", OTHERS, ids=", ".join)
def test_they_talk_when_each_is_of_the_authority_that_the_other_trusts(tried, case):
    expected, *pythons = OTHERS[case]
    _talk(tried.why[case], expected if not pythons or tried.where in pythons[0] else None)


@pytest.mark.parametrize("pair", PAIRS, ids=" to ".join)
def test_no_roll_over_parts_a_controller_from_an_amphora(tried, pair):
    controller, amphora = pair
    assert not (may_meet(*pair) and pair in REFUSED)
    _talk(tried.why[f"at {controller}", f"at {amphora}", f"at {amphora}"], REFUSED.get(pair))


def test_all_neighbours_may_meet_that_the_order_lets():
    """Or the test above would prove nothing of them."""
    kept = {pair for pair in PAIRS if not may_meet(*pair)}
    neighbours = {pair for pair in PAIRS if abs(ORDER.index(pair[0]) - ORDER.index(pair[1])) < 2}
    assert not neighbours & kept
    assert not kept & {("sign", "none"), ("drop", "sign")}
    assert {*REFUSED} < kept


def test_these_are_the_releases(tried):
    """By which the tables above tell what differs."""
    found = int(tried.version.split(".")[0])
    assert found >= 19 if tried.where == "newest" else found == {"Debian 12": 11, "Debian 13": 16}[tried.where]


def test_the_first_authority_of_a_file_signs(ours, tried, sets):
    for name, text in tried.certificates.items():
        signer = ours.facts(sets[name.split(", ")[0]][SERVER_CA])[0]
        assert ours.facts(text)[0]["issuer"] == signer["subject"]


def test_openssl_verifies_every_amphora(tried, sets, tmp_path):
    for name, text in tried.certificates.items():
        (tmp_path / "ca.pem").write_text(sets[name.split(", ")[0]][SERVER_CA])
        (tmp_path / "amphora.pem").write_text(text)
        command = ["openssl", "verify", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile",
                   tmp_path / "ca.pem", tmp_path / "amphora.pem"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        whole = not name.startswith(("ended", "signed rootless"))
        assert (done.returncode == 0) is whole, (name, done.stderr)


def test_what_does_not_talk_is_found_before(ours, sets):
    """Of the sets that are refused, those that are at fault themselves."""
    faulty = {name for name, files in sets.items() if ours.faults(files, WORD)}
    named = {"swapped", "client of new", "client of server", "namesakes", "ended", "client ended", "for servers"}
    assert faulty == named
    assert {name for name, files in sets.items() if ours.warnings(files)} == {"without identifiers"}
