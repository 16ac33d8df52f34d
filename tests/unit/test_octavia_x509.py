"""
Certificates between controllers and amphorae: real ones, made by octavia_x509 and read by OpenSSL. That Octavia signs
with them, and that its client and the agent of amphorae talk, is tests/integration/test_certificates.py.
"""

import base64
import datetime
import ipaddress
import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from formula import Host
from harness import Made
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError

KEYS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-256", "ec-384", "ec-521")
SECOND = 1 / 86400
WORD = "correct horse battery staple"
FUZZ = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """octavia_x509 of a minion."""
    return Host(tmp_path_factory.mktemp("host")).x509


def openssl(*words, text=None, ok=True):
    done = subprocess.run(["openssl", *map(str, words)], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def verify(tmp_path):
    """``verify(authorities, certificate, *options)``: what `openssl verify` says, as strict as newer Pythons ask it."""

    def run(authorities, certificate, *options, ok=True, strict=True):
        (tmp_path / "ca.pem").write_text(authorities)
        (tmp_path / "own.pem").write_text(certificate)
        options += ("-x509_strict", "-check_ss_sig") if strict else ()
        files = ("-no-CApath", "-no-CAstore", "-CAfile", tmp_path / "ca.pem", "-untrusted", tmp_path / "own.pem")
        return openssl("verify", *options, *files, tmp_path / "own.pem", ok=ok)

    return run


def read(text):
    return x509.load_pem_x509_certificate(text.encode())


def extension(certificate, kind):
    found = certificate.extensions.get_extension_for_class(kind)
    return found.value, found.critical


def used(certificate):
    usage, critical = extension(certificate, x509.KeyUsage)
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign")  # fmt: skip
    return {name for name in names if getattr(usage, name)}, critical


def day(certificate, end="after"):
    return getattr(certificate, f"not_valid_{end}_utc")


# --- made


@pytest.fixture(scope="module", params=KEYS)
def pair(request, ours):
    """An authority of each kind of key, and a client of the same kind that it signed."""
    authority = ours.authority(f"CA {request.param}", WORD, request.param)
    own = ours.client("octavia", authority["cert"], authority["key"], WORD, request.param, names=["ctl1", "10.0.0.1"])
    return request.param, authority, own


def test_openssl_accepts_the_chain(pair, verify):
    _, authority, own = pair
    verify(authority["cert"], authority["cert"])
    verify(authority["cert"], own, "-purpose", "sslclient")
    assert "purpose" in verify(authority["cert"], own, "-purpose", "sslserver", ok=False)


def test_the_key_is_of_its_kind(pair, ours):
    kind, authority, own = pair
    assert [each["key"] for text in (authority["cert"], own) for each in ours.facts(text)] == [kind, kind]
    assert openssl("pkey", "-noout", "-text", text=own).startswith(f"Private-Key: ({kind.partition('-')[2]} bit")
    assert ("SHA384" if kind in ("ec-384", "ec-521") else "SHA256") == read(own).signature_hash_algorithm.name.upper()


def test_the_key_of_an_authority_opens_with_its_passphrase_only(pair):
    _, authority, own = pair
    assert authority["key"].startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    public = openssl("pkey", "-pubout", "-passin", f"pass:{WORD}", text=authority["key"])
    assert public == openssl("x509", "-pubkey", "-noout", text=authority["cert"])
    for other in ("another", ""):
        openssl("pkey", "-pubout", "-passin", f"pass:{other}", text=authority["key"], ok=False)
    assert openssl("pkey", "-pubout", "-passin", "pass:", text=own) == openssl("x509", "-pubkey", "-noout", text=own)


def test_the_extensions_are_those_of_an_authority_and_of_a_client(pair):
    kind, authority, own = pair
    ca, leaf = read(authority["cert"]), read(own)
    assert extension(ca, x509.BasicConstraints) == (x509.BasicConstraints(ca=True, path_length=0), True)
    assert used(ca) == ({"key_cert_sign", "crl_sign"}, True)
    assert len(ca.extensions) == 4
    assert extension(leaf, x509.BasicConstraints) == (x509.BasicConstraints(ca=False, path_length=None), True)
    assert used(leaf) == ({"digital_signature", *(["key_encipherment"] if kind.startswith("rsa") else [])}, True)
    assert extension(leaf, x509.ExtendedKeyUsage) == (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    names = x509.SubjectAlternativeName([x509.DNSName("ctl1"), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))])
    assert extension(leaf, x509.SubjectAlternativeName) == (names, False)
    assert len(leaf.extensions) == 6
    for certificate in (ca, leaf):
        known, critical = extension(certificate, x509.SubjectKeyIdentifier)
        assert not critical
        assert known == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
        named, critical = extension(certificate, x509.AuthorityKeyIdentifier)
        assert not critical
        assert named.key_identifier == extension(ca, x509.SubjectKeyIdentifier)[0].digest


def test_what_is_made_has_no_faults(pair, ours):
    _, authority, own = pair
    made = {"cert.pem": authority["cert"], "key.pem": authority["key"]}
    sets = {f"{role}_ca.{name}": text for role in ("server", "client") for name, text in made.items()}
    assert ours.faults(sets | {ours.CLIENT: own}, WORD) == []


@pytest.fixture(scope="module")
def ca(ours):
    return ours.authority("client CA", key="ec-256")


def client(ours, ca, **options):
    return ours.client("octavia", ca["cert"], ca["key"], **{"key": "ec-256"} | options)


def test_the_key_is_open_without_a_passphrase(ca):
    for nothing in (None, ""):
        assert "ENCRYPTED" not in ca["key"], nothing
    openssl("pkey", "-noout", text=ca["key"])


def test_each_has_a_number_and_a_key_of_its_own(ours, ca):
    again = ours.authority("client CA", key="ec-256")
    texts = (ca["cert"], again["cert"], client(ours, ca), client(ours, ca))
    assert len({read(text).serial_number for text in texts}) == 4
    assert len({ours.facts(text)[0]["key_id"] for text in texts}) == 4


def test_the_subject_is_as_said_and_the_issuer_that_of_the_authority(ours):
    rest = {"organization": "Example, Inc.", "country": "SE", "unit": "Cloud", "state": "Skåne", "locality": "Lund"}
    made = ours.authority("CA å", key="ec-256", subject=rest)
    expected = "CN=CA å,OU=Cloud,O=Example\\, Inc.,L=Lund,ST=Skåne,C=SE"
    assert [each[part] for each in ours.facts(made["cert"]) for part in ("subject", "issuer")] == [expected] * 2
    (own,) = ours.facts(client(ours, made, subject={"organization": "Example"}))
    assert (own["subject"], own["issuer"]) == ("CN=octavia,O=Example", expected)
    assert read(made["cert"]).subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "SE"


def test_names_are_host_names_and_addresses(ours, ca):
    assert ours.facts(client(ours, ca))[0]["names"] == []
    assert ours.facts(client(ours, ca, names="ctl1.example.org"))[0]["names"] == ["ctl1.example.org"]
    names = ["ctl1.example.org", "10.0.0.1", "fd00::1"]
    own = client(ours, ca, names=names)
    assert ours.facts(own)[0]["names"] == names
    shown = openssl("x509", "-noout", "-ext", "subjectAltName", text=own)
    assert "DNS:ctl1.example.org, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1" in shown


# --- time


def test_it_begins_an_hour_ago_and_ends_in_so_many_days(ours, verify):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    made = ours.authority("CA", key="ec-256", days=10)
    own = client(ours, made, days=3)
    for text, days in ((made["cert"], 10), (own, 3)):
        certificate, late = read(text), datetime.timedelta(seconds=5)
        assert datetime.timedelta() <= day(certificate, "before") - (before - datetime.timedelta(hours=1)) <= late
        assert datetime.timedelta() <= day(certificate) - (before + datetime.timedelta(days=days)) <= late
    now = int(before.timestamp())
    for hours, ok in ((-2, False), (-0.9, True), (71.9, True), (72.1, False)):
        verify(made["cert"], own, "-attime", int(now + hours * 3600), ok=ok)


@pytest.mark.parametrize("days", [3650, 2, 0.5, 20000])
def test_a_client_ends_no_later_than_its_authority(ours, verify, days):
    made = ours.authority("CA", key="ec-256", days=2)
    own = client(ours, made, days=days)
    assert (day(read(own)) == day(read(made["cert"]))) is (days > 1)
    assert day(read(own)) <= day(read(made["cert"]))
    last = int(day(read(own)).timestamp())
    verify(made["cert"], own, "-attime", last - 1)
    assert "expired" in verify(made["cert"], own, "-attime", last + 1, ok=False)


def test_the_days_that_are_left_are_counted_from_now(ours, ca):
    assert 3649.9 < ours.facts(ca["cert"])[0]["days"] <= 3650
    begins = [ours.facts(text)[0]["begins"] for text in (ca["cert"], Made("early", begins=2).certificate)]
    assert begins == sorted(begins)
    assert all(text.endswith("+00:00") for text in begins)
    assert -1.01 < ours.facts(Made("ended", begins=-2, ends=-1).certificate)[0]["days"] < -0.99


def test_what_expires_is_found_out_by_waiting(ours, verify):
    made = ours.authority("CA", key="ec-256", days=3 * SECOND)
    own = client(ours, made)
    files = {ours.CLIENT_CA: made["cert"], ours.CLIENT_KEY: made["key"], ours.CLIENT: own}
    assert ours.faults(files) == []
    verify(made["cert"], own)
    end = day(read(own))
    while datetime.datetime.now(datetime.UTC) <= end + datetime.timedelta(seconds=1):
        time.sleep(0.1)
    verify(made["cert"], own, ok=False)
    ended = f"holds a certificate that expired on {end.date()}"
    assert ours.faults(files) == [[ours.CLIENT_CA, ended], [ours.CLIENT, ended]]
    with pytest.raises(CommandExecutionError, match=f"the authority that is to sign {ended}"):
        client(ours, made)


# --- what cannot be made


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"key": "rsa-1024"}, f"'rsa-1024' is no kind of key: one of {', '.join(KEYS)}"),
        ({"key": None}, "None is no kind of key: one of .*"),
        ({"days": 0}, "0 is no number of days for which a certificate is valid"),
        ({"days": -1}, "-1 is no number of days .*"),
        ({"days": float("nan")}, "nan is no number of days .*"),
        ({"days": "ten"}, "'ten' is no number of days .*"),
        ({"days": 10**7}, "10000000 is no number of days .*"),
        ({"name": ""}, "the subject of a certificate: .*"),
        ({"name": "x" * 65}, "the subject of a certificate: .*"),
        ({"subject": {"country": "Sweden"}}, "the subject of a certificate: .*"),
        ({"subject": {"city": "Lund"}},
         "the subject of a certificate: city is none of country, state, locality, organization, unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_line(ours, ca, asked, line):
    name, asked = asked.get("name", "some"), {each: asked[each] for each in asked if each != "name"}
    asked = {"key": "ec-256"} | asked
    for make in (
        lambda: ours.authority(name, **asked),
        lambda: ours.client(name, ca["cert"], ca["key"], **asked),
    ):
        with pytest.raises(CommandExecutionError, match=f"^{line}$"):
            make()


@pytest.mark.parametrize("word", ["x" * 1024, 1234, "\ud800"])
def test_a_passphrase_that_locks_nothing_is_refused(ours, word):
    with pytest.raises(CommandExecutionError, match="^the passphrase of a key must be a text of 1023 bytes or less$"):
        ours.authority("CA", word, "ec-256")


def test_a_name_that_is_none_is_refused(ours, ca):
    with pytest.raises(CommandExecutionError, match="^'ctl1.å' is neither a host name nor an address$"):
        client(ours, ca, names=["ctl1.å"])


def test_a_number_may_be_a_name(ours, ca):
    assert ours.facts(ours.authority(2026, key="ec-256")["cert"])[0]["subject"] == "CN=2026"


# --- certificates of other makers


def purpose(*purposes):
    return x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, each) for each in purposes])


CA = x509.BasicConstraints(ca=True, path_length=None)
LEAF = x509.BasicConstraints(ca=False, path_length=None)
SIGNS = x509.KeyUsage(*(use == 5 for use in range(9)))
NO_SIGNER = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # noqa: FBT003


@pytest.mark.parametrize(
    ("cert", "key", "word", "line"),
    [
        ("server", "client", None, "has a key that is not its own"),
        ("server", "locked", "wrong", "does not open with the passphrase"),
        ("server", "locked", None, "holds an encrypted private key, and there is no passphrase for it"),
        ("server", "server", WORD, "holds a private key that is not encrypted, but there is a passphrase for it"),
        ("nothing", "server", None, "holds no certificate in PEM format"),
        ("server", "nothing", None, "holds no private key in PEM format"),
        ("half", "server", None, "holds a broken certificate"),
        ("leaf", "leaf", None, "holds CN=leaf, which is no authority"),
        ("unsigning", "unsigning", None, "holds CN=unsigning, which may not sign certificates"),
        ("early", "early", None, r"holds a certificate that is not valid before \d{4}-\d\d-\d\d \d\d:\d\d UTC"),
    ],
)
def test_what_may_not_sign_signs_nothing(ours, cert, key, word, line):
    server, other = Made("CA", CA), Made("other", CA)
    all_of_them = {
        "server": server, "client": other, "leaf": Made("leaf", LEAF), "early": Made("early", CA, begins=2),
        "unsigning": Made("unsigning", CA, NO_SIGNER),
    }  # fmt: skip
    certs = {name: each.certificate for name, each in all_of_them.items()}
    keys = {name: each.key for name, each in all_of_them.items()}
    certs |= {"nothing": "", "half": server.certificate[:300]}
    keys |= {"nothing": "", "locked": ours.authority("CA", WORD, "ec-256")["key"]}
    with pytest.raises(CommandExecutionError, match=f"^the authority that is to sign {line}$"):
        ours.client("octavia", certs[cert], keys[key], word, "ec-256")


@pytest.mark.parametrize("kind", ["ec-256", "ed25519"])
def test_a_client_of_an_authority_of_another_maker(ours, verify, kind):
    """It may have no identifier of its key, and a kind of key that we make none of."""
    other = Made("theirs", CA, private=ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else None)
    own = client(ours, {"cert": other.certificate, "key": other.key})
    assert ours.facts(other.certificate)[0]["key"] == kind
    assert ours.faults({ours.CLIENT_CA: other.certificate, ours.CLIENT_KEY: other.key, ours.CLIENT: own}) == []
    verify(other.certificate, own, "-purpose", "sslclient", strict=False)
    named = extension(read(own), x509.AuthorityKeyIdentifier)[0].key_identifier
    assert named == x509.SubjectKeyIdentifier.from_public_key(other.private.public_key()).digest


def test_the_identifier_of_an_authority_is_the_one_that_it_says(ours, verify):
    """It need not be a digest of the key; one of ours would not be found by it."""
    said = x509.SubjectKeyIdentifier(b"said by an operator")
    other = Made("theirs", CA, said)
    own = client(ours, {"cert": other.certificate, "key": other.key})
    verify(other.certificate, own, "-purpose", "sslclient", strict=False)
    assert extension(read(own), x509.AuthorityKeyIdentifier)[0].key_identifier == said.digest


def test_several_certificates_are_described_in_their_order(ours, ca):
    texts = (Made("first", CA).certificate, ca["cert"], Made("last", LEAF).certificate)
    assert [each["subject"] for each in ours.facts("text\n".join(texts))] == ["CN=first", "CN=client CA", "CN=last"]
    assert [each["subject"] for each in ours.facts(ca["key"] + ca["cert"])] == ["CN=client CA"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "holds no certificate in PEM format"),
        ("\ud800", "holds no certificate in PEM format"),
        ("-----BEGIN CERTIFICATE-----\n", "holds a broken certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds a broken certificate"),
    ],
)
def test_what_cannot_be_described_is_one_line(ours, text, line):
    with pytest.raises(CommandExecutionError, match=f"^{line}$"):
        ours.facts(text)


# --- judged

SERVER_CA, SERVER_KEY = "server_ca.cert.pem", "server_ca.key.pem"
CLIENT_CA, CLIENT_KEY, CLIENT = "client_ca.cert.pem", "client_ca.key.pem", "client.cert-and-key.pem"


@pytest.fixture(scope="module")
def good(ours):
    """A set without faults, with its passphrase."""
    server, signer = (ours.authority(f"{role} CA", WORD, "ec-256") for role in ("server", "client"))
    own = ours.client("octavia", signer["cert"], signer["key"], WORD, "ec-256")
    return {
        SERVER_CA: server["cert"], SERVER_KEY: server["key"], CLIENT_CA: signer["cert"], CLIENT_KEY: signer["key"],
        CLIENT: own,
    }  # fmt: skip


class Cases:
    """What each broken set has in place of the good texts."""

    def __init__(self, ours, good):
        self.ours, self.good = ours, good

    def half(self, name):
        text = self.good[name]
        return {name: text[: len(text) // 2]}

    def new(self, role, **options):
        """Another authority for a role, its key, and a client of it."""
        made = self.ours.authority(f"new {role} CA", WORD, "ec-256", **options)
        files = {f"{role}_ca.cert.pem": made["cert"], f"{role}_ca.key.pem": made["key"]}
        return files | ({CLIENT: self.client(made)} if role == "client" else {})

    def client(self, made):
        return self.ours.client("octavia", made["cert"], made["key"], WORD, "ec-256")

    def theirs(self, *extensions, **options):
        """A client certificate of another maker, below an authority of theirs."""
        signer = Made("theirs", CA)
        own = Made("octavia", *extensions, by=signer, **options)
        return {CLIENT_CA: signer.certificate, CLIENT: own.certificate + own.key, CLIENT_KEY: None}

    def chained(self, *, complete=True, stranger=False):
        """A client certificate below an authority between."""
        root = Made("root", CA)
        between = Made("between", CA, by=Made("stranger", CA) if stranger else root)
        own = Made("octavia", LEAF, purpose("CLIENT_AUTH"), by=between)
        chain = own.certificate + own.key + (between.certificate if complete else "")
        return {CLIENT_CA: root.certificate, CLIENT: chain, CLIENT_KEY: None}

    def namesakes(self, role):
        old, new = (self.ours.authority("same name", WORD, "ec-256") for _ in range(2))
        files = {f"{role}_ca.cert.pem": new["cert"] + old["cert"], f"{role}_ca.key.pem": new["key"]}
        return files | ({CLIENT: self.client(new)} if role == "client" else {})


def _locked(case):
    key = serialization.load_pem_private_key(case.good[CLIENT].encode(), None)
    lock = serialization.BestAvailableEncryption(WORD.encode())
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()
    return {CLIENT: case.good[CLIENT].partition("-----BEGIN PRIVATE KEY")[0] + text}


def _bundle(case, role, *more, first=True):
    """The good authority and others in one file."""
    name = f"{role}_ca.cert.pem"
    return {name: "".join((case.good[name], *more) if first else (*more, case.good[name]))}


def _key_first(case):
    certificate, start, key = case.good[CLIENT].partition("-----BEGIN PRIVATE")
    return {CLIENT: start + key + certificate}


def _rolled(case):
    new = case.new("client")
    return new | {CLIENT_CA: new[CLIENT_CA] + case.good[CLIENT_CA]}


# No library makes these any more.
VERSION_1 = """\
-----BEGIN CERTIFICATE-----
MIIBGDCBvwIUKi9UWcLZsgLS7ky5pk5dqwTmXWEwCgYIKoZIzj0EAwIwDjEMMAoG
A1UEAwwDb2xkMCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMDAwMDAwWjAOMQww
CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATqzF6ZydHj/Neo
GH/fE9jGMDzhgzkDfQXaB6dzUKztglHgCC0wTkaLBvHYa+3g7kOlT54i0rWM2XN5
VrTblTFjMAoGCCqGSM49BAMCA0gAMEUCIGAJ8f+p3HViohPXM7uONbHWXm5+xJwy
2YlqF/WOdI/sAiEA5vJkQslcU+MraB0Aj1k2zh9LEIGq2CfD2R8PDYuV5PM=
-----END CERTIFICATE-----
"""
EXPIRED = "holds a certificate that expired on {yesterday}"
EARLY = "holds a certificate that is not valid before .*"
NAMESAKES = "holds authorities of one name with different keys, which certificates without key identifiers mix up"
# what stands in place of what, the lines
SETS = {
    "good": (lambda case: {}, []),
    "nothing": (lambda case: dict.fromkeys(case.good), []),
    "only the client": (lambda case: {name: None for name in case.good if name != CLIENT}, []),
    "key of another certificate":
        (lambda case: {SERVER_KEY: case.good[CLIENT_KEY]}, [[SERVER_KEY, "is not the key of server_ca.cert.pem"]]),
    "keys swapped": (
        lambda case: {SERVER_KEY: case.good[CLIENT_KEY], CLIENT_KEY: case.good[SERVER_KEY]},
        [[SERVER_KEY, "is not the key of server_ca.cert.pem"], [CLIENT_KEY, "is not the key of client_ca.cert.pem"]],
    ),
    "client's key of another": (
        lambda case: {CLIENT: re.sub("(?s)-----BEGIN PRIVATE.*", Made("x").key, case.good[CLIENT])},
        [[CLIENT, "is not the key of that certificate"]],
    ),
    "the key first": (_key_first, []),
    "CRLF": (lambda case: {name: text.replace("\n", "\r\n") for name, text in case.good.items()}, []),
    "a name with an escape sequence": (
        lambda case: {SERVER_CA: Made("a\033[1mb", LEAF).certificate, SERVER_KEY: None},
        [[SERVER_CA, r"holds CN=a\?\[1mb, which is no authority"]],
    ),
    "words around": (lambda case: {name: f"Bag Attributes\n{text}\nend" for name, text in case.good.items()}, []),
    "roles swapped": (
        lambda case: {SERVER_CA: case.good[CLIENT_CA], SERVER_KEY: case.good[CLIENT_KEY],
                      CLIENT_CA: case.good[SERVER_CA], CLIENT_KEY: case.good[SERVER_KEY]},
        [[CLIENT, "is not signed by an authority of client_ca.cert.pem, but by that of server_ca.cert.pem"]],
    ),
    "client of the server CA": (
        lambda case: {CLIENT: case.client({"cert": case.good[SERVER_CA], "key": case.good[SERVER_KEY]})},
        [[CLIENT, "is not signed by an authority of client_ca.cert.pem, but by that of server_ca.cert.pem"]],
    ),
    "client of another CA": (
        lambda case: {CLIENT: case.new("client")[CLIENT]},
        [[CLIENT, "is not signed by an authority of client_ca.cert.pem"]],
    ),
    "client of a CA of the same name": (
        lambda case: {CLIENT: case.client(case.ours.authority("client CA", WORD, "ec-256"))},
        [[CLIENT, "is not signed by an authority of client_ca.cert.pem"]],
    ),
    "the old one behind": (lambda case: _rolled(case), []),
    "the new one behind": (lambda case: _bundle(case, "server", Made("new", CA).certificate), []),
    "an expired one behind": (lambda case: _bundle(case, "server", Made("old", CA, ends=-0.5).certificate), []),
    "the signing one behind": (
        lambda case: _bundle(case, "server", Made("new", CA).certificate, first=False),
        [[SERVER_KEY, "is not the key of server_ca.cert.pem"]],
    ),
    "no authority behind": (
        lambda case: _bundle(case, "server", Made("leaf", LEAF).certificate),
        [[SERVER_CA, "holds CN=leaf, which is no authority"]],
    ),
    "two on one line": (
        lambda case: {SERVER_CA: case.good[SERVER_CA].rstrip() + Made("new", CA).certificate},
        [[SERVER_CA, "holds a -----BEGIN that does not begin a line"]],
    ),
    "a client's key on the line of its certificate": (
        lambda case: {CLIENT: case.good[CLIENT].replace("-----\n-----", "----------")},
        [[CLIENT, "holds a -----BEGIN that does not begin a line"]],
    ),
    "half an authority behind": (
        lambda case: _bundle(case, "server", Made("new", CA).certificate[:200]),
        [[SERVER_CA, "holds a broken certificate"]],
    ),
    "namesakes": (lambda case: case.namesakes("server"), [[SERVER_CA, NAMESAKES]]),
    "namesakes of clients": (lambda case: case.namesakes("client"), [[CLIENT_CA, NAMESAKES]]),
    "one authority twice": (lambda case: _bundle(case, "server", case.good[SERVER_CA]), []),
    "a chain": (lambda case: case.chained(), []),
    "a chain with a gap": (
        lambda case: case.chained(complete=False), [[CLIENT, "is not signed by an authority of client_ca.cert.pem"]]),
    "a chain to another": (
        lambda case: case.chained(stranger=True), [[CLIENT, "is not signed by an authority of client_ca.cert.pem"]]),
    "for servers only": (
        lambda case: case.theirs(LEAF, purpose("SERVER_AUTH")),
        [[CLIENT, r"holds a certificate that is not for TLS clients \(extendedKeyUsage\)"]],
    ),
    "for both": (lambda case: case.theirs(LEAF, purpose("SERVER_AUTH", "CLIENT_AUTH")), []),
    "for nothing that is said": (lambda case: case.theirs(), []),
    "not an authority": (
        lambda case: {SERVER_CA: Made("leaf", LEAF).certificate, SERVER_KEY: None},
        [[SERVER_CA, "holds CN=leaf, which is no authority"]],
    ),
    "not a signer": (
        lambda case: {SERVER_CA: Made("some", CA, NO_SIGNER).certificate, SERVER_KEY: None},
        [[SERVER_CA, "holds CN=some, which may not sign certificates"]],
    ),
    "an authority of the time before extensions": (lambda case: {SERVER_CA: VERSION_1, SERVER_KEY: None}, []),
    "no word of an authority": (
        lambda case: {SERVER_CA: Made("some").certificate, SERVER_KEY: None},
        [[SERVER_CA, "holds CN=some, which is no authority"]],
    ),
    "an authority by its usage alone":
        (lambda case: {SERVER_CA: Made("some", SIGNS).certificate, SERVER_KEY: None}, []),
    "expired server CA": (
        lambda case: {SERVER_CA: Made("some", CA, begins=-2, ends=-1).certificate, SERVER_KEY: None},
        [[SERVER_CA, EXPIRED]],
    ),
    "expired client": (lambda case: case.theirs(begins=-2, ends=-1), [[CLIENT, EXPIRED]]),
    "early server CA": (
        lambda case: {SERVER_CA: Made("some", CA, begins=1).certificate, SERVER_KEY: None}, [[SERVER_CA, EARLY]]),
    "early client": (lambda case: case.theirs(begins=1), [[CLIENT, EARLY]]),
    "a key that is not locked": (
        lambda case: {SERVER_CA: (made := Made("some", CA)).certificate, SERVER_KEY: made.key},
        [[SERVER_KEY, "holds a private key that is not encrypted, but there is a passphrase for it"]],
    ),
    "a client's key that is locked":
        (_locked, [[CLIENT, "holds an encrypted private key, and there is no passphrase for it"]]),
    "a client without key":
        (lambda case: {CLIENT: case.good[CLIENT].partition("-----BEGIN PRIVATE")[0]},
         [[CLIENT, "holds no private key in PEM format"]]),
    "a client without certificate":
        (lambda case: {CLIENT: Made("x").key}, [[CLIENT, "holds no certificate in PEM format"]]),
    "half a certificate": (lambda case: case.half(SERVER_CA), [[SERVER_CA, "holds a broken certificate"]]),
    "half a key": (lambda case: case.half(CLIENT_KEY), [[CLIENT_KEY, "holds a broken private key"]]),
    "half a client": (
        lambda case: case.half(CLIENT),
        [[CLIENT, "holds a broken certificate"], [CLIENT, "holds no private key in PEM format"]],
    ),
    "certificate for key": (
        lambda case: {SERVER_KEY: case.good[SERVER_CA]}, [[SERVER_KEY, "holds no private key in PEM format"]]),
    "empty": (
        lambda case: dict.fromkeys(case.good, ""),
        [[SERVER_CA, "holds no certificate in PEM format"], [CLIENT_CA, "holds no certificate in PEM format"],
         [CLIENT, "holds no certificate in PEM format"], [SERVER_KEY, "holds no private key in PEM format"],
         [CLIENT_KEY, "holds no private key in PEM format"], [CLIENT, "holds no private key in PEM format"]],
    ),
    "garbage": (
        lambda case: {SERVER_CA: bytes(range(256)).decode("latin-1"), SERVER_KEY: "\ud800\0\udfff"},
        [[SERVER_CA, "holds no certificate in PEM format"], [SERVER_KEY, "holds no private key in PEM format"]],
    ),
    "binary within": (
        lambda case: {SERVER_CA: "-----BEGIN CERTIFICATE-----\n\0\xff\n-----END CERTIFICATE-----",
                      SERVER_KEY: "-----BEGIN PRIVATE KEY-----\n\0\xff\n-----END PRIVATE KEY-----"},
        [[SERVER_CA, "holds a broken certificate"],
         [SERVER_KEY, "holds a private key that is not encrypted, but there is a passphrase for it"]],
    ),
}  # fmt: skip


def judged(ours, good, name, word=WORD):
    change, expected = SETS[name]
    files = {**good, **change(Cases(ours, good))}
    return ours.faults({each: text for each, text in files.items() if text is not None}, word), expected


@pytest.mark.parametrize("name", SETS)
def test_a_fault_is_one_line(ours, good, name):
    found, expected = judged(ours, good, name)
    yesterday = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)).date().isoformat()
    assert len(found) == len(expected), found
    for (where, what), (file, line) in zip(found, expected, strict=True):
        assert where == file
        assert re.fullmatch(line.replace("{yesterday}", yesterday), what), what
        assert what.isprintable()


def identified(name, *extensions, by=None):
    """A certificate with identifiers of its key and of its issuer's."""
    private = ed25519.Ed25519PrivateKey.generate()
    issuer = by.private if by else private
    known = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    issued = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    return Made(name, *extensions, known, issued, by=by, private=private)


# makers of root, between (or None) and client; where a line is about, and what is missing there
LAX = {
    "as RFC 5280 says": (lambda: identified("root", CA, SIGNS), None, identified, []),
    "a chain": (lambda: identified("root", CA, SIGNS), identified, identified, []),
    "no keyUsage": (lambda: identified("root", CA), None, identified, [[CLIENT_CA, "root", "keyUsage"]]),
    "no identifiers": (
        lambda: Made("root", CA, SIGNS), None, Made,
        [[CLIENT_CA, "root", "subjectKeyIdentifier"], [CLIENT, "client", "authorityKeyIdentifier"]],
    ),
    "the least of an authority": (
        lambda: Made("root", SIGNS), None, identified,
        [[CLIENT_CA, "root", "critical basicConstraints, subjectKeyIdentifier"]],
    ),
    "one between without identifiers": (
        lambda: identified("root", CA, SIGNS), Made, identified,
        [[CLIENT, "between", "subjectKeyIdentifier, authorityKeyIdentifier"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAX)
def test_what_newer_tls_refuses_is_a_warning(ours, verify, name):
    root, between, client, expected = LAX[name]
    root = root()
    between = between and between("between", CA, SIGNS, by=root)
    own = client("client", LEAF, by=between or root)
    files = {CLIENT_CA: root.certificate, CLIENT: own.certificate + own.key + (between.certificate if between else "")}
    assert ours.faults(files) == []
    assert ours.warnings(files) == [
        [file, f"holds CN={who} without {missing}: TLS of Python 3.13 and newer refuses it"]
        for file, who, missing in expected
    ]
    verify(files[CLIENT_CA], files[CLIENT], strict=False)
    verify(files[CLIENT_CA], files[CLIENT], ok=not expected)


def test_what_we_make_newer_tls_takes(ours, good):
    assert ours.warnings(good) == []


@pytest.mark.parametrize("name", ["two on one line", "half an authority behind"])
def test_openssl_refuses_such_a_file_too(ours, good, verify, name):
    files = SETS[name][0](Cases(ours, good))
    assert "Error loading file" in verify(files[SERVER_CA], good[SERVER_CA], ok=False)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("wrong", "does not open with the passphrase"),
        (None, "holds an encrypted private key, and there is no passphrase for it"),
        ("", "holds an encrypted private key, and there is no passphrase for it"),
        (f"{WORD} ", "does not open with the passphrase"),
    ],
)
def test_a_wrong_passphrase_is_a_fault_of_each_key_and_not_shown(ours, good, word, line):
    assert ours.faults(good, word) == [[SERVER_KEY, line], [CLIENT_KEY, line]]


def test_no_line_shows_a_key_or_a_passphrase(ours, good):
    bodies = [line for text in good.values() for line in text.splitlines()[1:-1]]
    for name in SETS:
        for word in (WORD, "another-secret"):
            shown = str(judged(ours, good, name, word)[0])
            assert not [secret for secret in (WORD, "another-secret", *bodies) if secret in shown]


# --- whatever a file holds

MARKS = st.sampled_from(
    [f"-----{edge} {what}-----\n" for edge in ("BEGIN", "END")
     for what in ("CERTIFICATE", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")]
)  # fmt: skip
ENCODED = st.binary(max_size=200).map(lambda data: base64.encodebytes(data).decode())
LONELY = st.text(st.characters(categories=["Cs"]), max_size=2)
TEXTS = st.lists(st.one_of(MARKS, ENCODED, st.text(), LONELY), max_size=6).map("".join)


@st.composite
def mutants(draw):
    """The bytes of a real certificate, with some of them changed, added or taken away."""
    data = bytearray(draw(st.sampled_from(DERS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        action = draw(st.sampled_from(["change", "change", "change", "add", "remove"]))
        data[at : at + (action != "add")] = b"" if action == "remove" else bytes([draw(st.integers(0, 255))])
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(bytes(data)).decode()}-----END CERTIFICATE-----\n"


def _ders():
    own = Made("octavia", LEAF, purpose("CLIENT_AUTH"), x509.SubjectAlternativeName([x509.DNSName("a")]), NO_SIGNER)
    texts = (Made("CA", CA, x509.SubjectKeyIdentifier(b"1")).certificate, own.certificate)
    return [read(text).public_bytes(serialization.Encoding.DER) for text in texts]


DERS = _ders()


def _lines(ours, files, word):
    for where, what in [*ours.faults(files, word), *ours.warnings(files)]:
        assert where in files
        assert what.isprintable(), what
        assert "\n" not in what


@FUZZ
@given(text=TEXTS, word=st.one_of(st.none(), st.text(max_size=4), LONELY))
@example(text="-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", word="")
def test_no_text_is_too_much(ours, good, text, word):
    _lines(ours, dict.fromkeys(good, text), word)
    for call in (
        lambda: ours.facts(text),
        lambda: ours.client("octavia", text, good[CLIENT_KEY], WORD, "ec-256"),
        lambda: ours.client("octavia", good[CLIENT_CA], text, word, "ec-256"),
    ):
        with pytest.raises(CommandExecutionError):
            call()


@FUZZ
@given(text=mutants())
def test_no_certificate_is_too_much(ours, good, text):
    beside = {SERVER_CA: text + good[SERVER_CA], CLIENT_CA: good[CLIENT_CA] + text, CLIENT: text + good[CLIENT]}
    _lines(ours, beside, WORD)
    try:
        found = ours.facts(text)
    except CommandExecutionError as exc:
        assert str(exc) == "holds a broken certificate"
        assume(False)
    assert len(found) == 1
