"""Where a host's certificates come from, when they are issued again, and how authorities follow one another."""

import copy
import os

import pytest
import yaml
from formula import GONE, Host, certificates, changed, shared
from harness import Issued, Made
from salt.exceptions import CommandExecutionError

SERVER_CA, SERVER_KEY = "server_ca.cert.pem", "server_ca.key.pem"
CLIENT_CA, CLIENT_KEY = "client_ca.cert.pem", "client_ca.key.pem"
CLIENT = "client.cert-and-key.pem"
READ = (SERVER_CA, SERVER_KEY, CLIENT_CA, CLIENT)
PASSPHRASE = "passphrase-of-the-authorities"
ABRUPT = "octavia:certificates:rollover:abrupt: true"


@pytest.fixture
def make(tmp_path):
    """A host whose certificates lie below the test's directory; ec-256, since other kinds of key take longer."""

    def _make(answers, test=False):
        certs = tmp_path / "certs"
        tree = changed(
            shared(),
            **{
                "manager:certificates": {
                    "ca_certificate": f"{certs}/{SERVER_CA}",
                    "ca_private_key": f"{certs}/{SERVER_KEY}",
                    "ca_private_key_passphrase": PASSPHRASE,
                },
                "manager:controller_worker:client_ca": f"{certs}/{CLIENT_CA}",
                "manager:haproxy_amphora": {
                    "server_ca": f"{certs}/{SERVER_CA}",
                    "client_cert_all": f"{certs}/{CLIENT}",
                },
                "certificates:generate": {"key": "ec-256", "client_ca_private_key": f"{certs}/{CLIENT_KEY}"},
            },
        )
        host = Host(tmp_path, changed(tree, **answers), test=test)
        host.certs = certs
        host.salt["octavia_cloud.amphorae"] = lambda saltenv: []
        return host

    return _make


@pytest.fixture
def host(make):
    return make({"certificates:source": "generate"})


def apply(host, test=False, **answers):
    """The state on the next run, once the pillar is as said."""
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]
    host.again()
    host.opts["test"] = test
    return host.state("octavia_pki").managed("octavia_certificates")


def both(host, **answers):
    """A dry run and the real one, which do the same."""
    dry = apply(host, test=True, **copy.deepcopy(answers))
    real = apply(host)
    assert dry["changes"] == real["changes"]
    assert (dry["result"], real["result"]) == (None if dry["changes"] else True, True), real["comment"]
    return real


def texts(host):
    return {path.name: path.read_text() for path in host.certs.iterdir() if path.is_file()}


def roll(host, stage):
    return both(host, **{"certificates:rollover": {"stage": stage}})


def key_ids(host, text):
    return [fact["key_id"] for fact in host.x509.facts(text)]


def of_pillar(which=None):
    return {f"certificates:{name}": text for name, text in (which or certificates(PASSPHRASE)).items()}


# --- generate


def test_one_controller_makes_a_complete_set_once(host):
    ret = both(host)
    made = texts(host)
    assert sorted(made) == sorted([*READ, CLIENT_KEY])
    assert host.x509.faults(made, PASSPHRASE) == []
    assert ret["changes"][f"{host.certs}/{SERVER_CA}"]["new"].startswith("CN=Octavia server CA 1, ec-256, until 20")
    assert apply(host)["changes"] == apply(host, test=True)["changes"] == {}
    assert texts(host) == made


def test_keys_are_encrypted_and_never_readable_by_others(host):
    apply(host)
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in host.certs.iterdir()}
    assert modes == {SERVER_CA: "640", CLIENT_CA: "640", SERVER_KEY: "600", CLIENT_KEY: "600", CLIENT: "600"}
    assert all("ENCRYPTED" in texts(host)[name] for name in (SERVER_KEY, CLIENT_KEY))


@pytest.mark.parametrize("test", [True, False])
def test_no_key_and_no_passphrase_is_in_what_the_state_returns(host, test):
    shown = str(apply(host, test=test))
    assert "PRIVATE KEY" not in shown
    assert PASSPHRASE not in shown


@pytest.mark.parametrize(
    "answers",
    [
        {"certificates:generate:client_names": ["octavia.example.org", "192.0.2.1"]},
        {"certificates:generate:subject": {"organization": "Example"}},
        {"certificates:generate:key": "ec-384"},
        {"certificates:generate:renew_before_days": 365},
    ],
)
def test_the_client_certificate_alone_is_issued_again_when_it_should_be_another(host, answers):
    apply(host)
    before = texts(host)
    answers = {**answers, "certificates:check:warn_days": 0}
    ret = both(host, **answers)
    assert [*ret["changes"]] == [f"{host.certs}/{CLIENT}"]
    after = texts(host)
    assert {name for name in before if before[name] != after[name]} == {CLIENT}
    assert host.x509.faults(after, PASSPHRASE) == []
    if "renew_before_days" not in str(answers):
        assert apply(host)["changes"] == {}


def test_a_client_certificate_is_issued_again_before_its_end(make):
    host = make({"certificates:source": "generate", "certificates:generate:client_days": 31})
    apply(host)
    assert apply(host)["changes"] == {}
    # time goes by: what is valid for 29 days is due
    apply(host, **{"certificates:generate:client_days": 29, "certificates:generate:client_names": ["a.example.org"]})
    before = texts(host)[CLIENT]
    ret = apply(host, **{"certificates:generate:client_days": 365})
    assert [*ret["changes"]] == [f"{host.certs}/{CLIENT}"]
    assert texts(host)[CLIENT] != before


@pytest.mark.parametrize("lost", [SERVER_CA, SERVER_KEY, CLIENT_CA, CLIENT_KEY])
def test_an_authority_that_is_lost_is_never_made_anew(host, lost):
    apply(host)
    before = texts(host)
    (host.certs / lost).unlink()
    ret = apply(host)
    assert ret["result"] is False
    assert ret["comment"].endswith("is gone, and amphorae trust that authority: put it back from a backup")
    assert texts(host) == {name: text for name, text in before.items() if name != lost}


def test_a_lost_client_certificate_is_issued_again(host):
    apply(host)
    (host.certs / CLIENT).unlink()
    assert [*both(host)["changes"]] == [f"{host.certs}/{CLIENT}"]


def test_without_a_passphrase_nothing_is_made(host):
    ret = apply(host, **{"manager:certificates:ca_private_key_passphrase": GONE})
    assert ret["result"] is False
    assert ret["comment"].startswith("octavia:manager:certificates:ca_private_key_passphrase: is not set")
    assert not host.certs.exists()


def test_of_several_controllers_one_must_be_named(host):
    three = {"manager:health_manager:controller_ip_port_list": ["192.0.2.1:5555", "192.0.2.2:5555"]}
    ret = apply(host, **three)
    assert ret["result"] is False
    assert ret["comment"].startswith(
        "octavia:certificates:generate:minion: is not set, and there are 2 health managers"
    )
    host.opts["id"] = "ctl02"
    ret = apply(host, **{"certificates:generate:minion": "ctl01"})
    assert f"there is no file {host.certs}/{SERVER_CA}; hand on what ctl01 has made" in ret["comment"]
    host.opts["id"] = "ctl01"
    assert apply(host)["result"] is True


def test_what_one_controller_made_is_what_the_others_get_from_the_pillar(host, make):
    apply(host)
    fragment = yaml.safe_load(host.pki.export())["octavia"]["certificates"]
    assert fragment.pop("source") == "pillar"
    assert sorted(fragment) == sorted(READ)
    assert fragment == {name: text for name, text in texts(host).items() if name in READ}


# --- pillar


def test_texts_of_the_pillar_are_placed_and_replaced_together(make):
    host = make({"certificates:source": "pillar", **of_pillar()})
    both(host)
    assert texts(host) == certificates(PASSPHRASE)
    assert apply(host)["changes"] == {}


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (SERVER_CA, "nonsense", "holds no certificate in PEM format"),
        (SERVER_CA, certificates(PASSPHRASE)[SERVER_CA][:-100], "holds a broken certificate"),
        (SERVER_KEY, certificates(PASSPHRASE)[CLIENT], "holds a private key that is not encrypted, but there is a"),
        (SERVER_KEY, Issued("x", passphrase=PASSPHRASE).key, "is not the key of server_ca.cert.pem"),
        (SERVER_KEY, Issued("x", passphrase="another").key, "does not open with the passphrase (octavia:manager:"),
        (CLIENT_CA, Issued("old", days=-1).certificate, "holds a certificate that expired on 2"),
        (CLIENT, Issued("x").certificate + Issued("x").key, "is not the key of that certificate"),
        (CLIENT_CA, certificates(PASSPHRASE)[SERVER_CA], "is not signed by an authority of client_ca.cert.pem"),
    ],
)
def test_what_does_not_fit_is_named_and_never_placed(make, name, text, line):
    host = make({"certificates:source": "pillar", **of_pillar()})
    apply(host)
    ret = apply(host, **{f"certificates:{name}": text})
    assert ret["result"] is False
    assert ret["changes"] == {}
    assert any(each.startswith("octavia:certificates:") and line in each for each in ret["comment"].splitlines())
    assert texts(host) == certificates(PASSPHRASE)


def test_other_authorities_take_a_roll_over_or_a_word(make):
    host = make({"certificates:source": "pillar", **of_pillar()})
    apply(host)
    others = dict(yaml.safe_load(host.pki.generate())["octavia"]["certificates"])
    others = {f"certificates:{name}": others[name] for name in READ}
    ret = apply(host, **others)
    assert ret["result"] is False
    assert [line.split(": ")[0] for line in ret["comment"].splitlines()] == [
        f"octavia:certificates:{SERVER_CA}", f"octavia:certificates:{CLIENT_CA}",
    ]  # fmt: skip
    assert ABRUPT in ret["comment"]
    assert texts(host) == certificates(PASSPHRASE)
    assert both(host, **{"certificates:rollover": {"abrupt": True}})["changes"]


def test_a_disk_that_is_full_leaves_the_old_ones(make, monkeypatch):
    host = make({"certificates:source": "pillar", **of_pillar()})
    apply(host)
    monkeypatch.setattr(host.file.os, "fsync", _full)
    own = Issued("octavia 2", by=_issuer(), authority=False, days=300)
    ca = of_pillar({CLIENT_CA: _issuer().certificate + certificates(PASSPHRASE)[CLIENT_CA]})
    ret = apply(
        host, **ca, **{"certificates:rollover": {"abrupt": True}}, **of_pillar({CLIENT: own.certificate + own.key})
    )
    assert ret["result"] is False
    assert "No space left on device" in ret["comment"]
    assert texts(host) == certificates(PASSPHRASE)


def _issuer(made=[]):  # noqa: B006 one for the module
    if not made:
        made.append(Issued("another client authority", days=300))
    return made[0]


def _full(_handle):
    raise OSError(28, "No space left on device")


# --- files


def test_files_of_somebody_else_are_owned_and_otherwise_left(make):
    host = make({"certificates:source": "files"})
    host.certs.mkdir()
    for name, text in certificates(PASSPHRASE).items():
        (host.certs / name).write_text(text)
    (host.certs / SERVER_KEY).chmod(0o644)
    ret = both(host)
    assert ret["changes"][f"{host.certs}/{SERVER_KEY} mode"] == {"old": "0644", "new": "0600"}
    assert texts(host) == certificates(PASSPHRASE)
    assert apply(host)["changes"] == {}


def test_a_key_that_everybody_could_read_is_said_to_be_known(make):
    host = make({"certificates:source": "files"})
    host.certs.mkdir()
    for name, text in certificates(PASSPHRASE).items():
        (host.certs / name).write_text(text)
        (host.certs / name).chmod(0o600)
    (host.certs / CLIENT).chmod(0o604)
    [line] = apply(host)["warnings"]
    assert line == (
        f"octavia:manager:haproxy_amphora:client_cert_all: {host.certs}/{CLIENT} was readable by everybody; "
        "its key may be known"
    )


def test_what_amphorae_with_a_newer_python_refuse_is_said_of_the_file(make):
    host = make({"certificates:source": "files"})
    host.certs.mkdir()
    authority = Issued("client authority", days=300)
    own = Made("octavia", by=authority, ends=300)
    for name, text in {
        **certificates(PASSPHRASE), CLIENT_CA: authority.certificate, CLIENT: own.certificate + own.key,
    }.items():  # fmt: skip
        (host.certs / name).write_text(text)
        (host.certs / name).chmod(0o600)
    line = (
        f"octavia:manager:haproxy_amphora:client_cert_all: {host.certs}/{CLIENT} holds CN=octavia without "
        "authorityKeyIdentifier: TLS of Python 3.13 and newer refuses it"
    )
    # said again where nothing is looked at
    assert apply(host)["warnings"] == apply(host)["warnings"] == [line]


# --- the file server


@pytest.fixture
def served(make, tmp_path):
    """A host that takes its certificates from a directory of the file server, and that directory."""
    directory = tmp_path / "served"
    directory.mkdir()
    for name, text in certificates(PASSPHRASE).items():
        (directory / name).write_text(text)
    host = make({"certificates:source": "salt://octavia-certificates"})
    formula, host.directory, host.umasks = host.salt["cp.cache_file"], directory, []

    def cache_file(url, saltenv):
        name = url.removeprefix("salt://octavia-certificates/")
        if name == url:
            return formula(url, saltenv)
        host.umasks.append(os.umask(0o077))
        os.umask(host.umasks[-1])
        return str(directory / name) if (directory / name).exists() else ""

    host.salt["cp.cache_file"] = cache_file
    return host


def test_files_of_the_file_server_are_placed_and_their_copies_are_roots_alone(served):
    both(served)
    assert texts(served) == certificates(PASSPHRASE)
    assert {*served.umasks} == {0o077}
    assert apply(served)["changes"] == {}


def test_a_file_that_the_file_server_lacks_is_named(served):
    (served.directory / SERVER_KEY).unlink()
    ret = apply(served)
    assert ret["result"] is False
    assert ret["comment"] == f"octavia:certificates:source: salt://octavia-certificates/{SERVER_KEY}: is not there"


def test_what_the_file_server_has_is_judged_before_it_is_placed(served):
    apply(served)
    (served.directory / CLIENT_CA).write_text(Issued("stranger", days=300).certificate)
    ret = apply(served)
    assert ret["result"] is False
    assert f"salt://octavia-certificates/{CLIENT}: is not signed by an authority of {CLIENT_CA}" in ret["comment"]
    assert texts(served) == certificates(PASSPHRASE)


# --- a roll-over


@pytest.fixture(params=["generate", "pillar"])
def rolling(request, make):
    """A host with certificates, and where they come from the pillar, with the next ones there too."""
    host = make({"certificates:source": request.param, **(of_pillar() if request.param == "pillar" else {})})
    apply(host)
    if request.param == "pillar":
        host.tree["octavia"]["certificates"]["next"] = yaml.safe_load(host.pki.successor())["octavia"]["certificates"][
            "next"
        ]
    return host


def test_a_roll_over_goes_through_its_stages_and_ends_with_the_new_authorities(rolling):
    host = rolling
    old = texts(host)
    [old_server], [old_client] = (key_ids(host, old[name]) for name in (SERVER_CA, CLIENT_CA))
    for stage, server, client in (("trust", 0, 2), ("sign", 1, 2), ("client", 1, 2), ("drop", 1, 1)):
        assert roll(host, stage)["changes"], stage
        assert apply(host)["changes"] == {}, stage
        now = texts(host)
        assert host.x509.faults({name: now[name] for name in READ}, PASSPHRASE) == []
        ids = key_ids(host, now[SERVER_CA])
        assert (ids[0] == old_server) is (server == 0), stage
        assert len(key_ids(host, now[CLIENT_CA])) == client
        assert (now[CLIENT] == old[CLIENT]) is (stage in ("trust", "sign"))
    assert old_server not in key_ids(host, now[SERVER_CA])
    assert old_client not in key_ids(host, now[CLIENT_CA])
    assert not (host.certs / "rollover").exists()
    # and what it came to stays
    if host.tree["octavia"]["certificates"]["source"] == "pillar":
        new = host.tree["octavia"]["certificates"].pop("next")
        host.tree["octavia"]["certificates"].update(new)
    assert apply(host, **{"certificates:rollover": GONE})["changes"] == {}
    assert apply(host, **{"certificates:rollover": {"stage": "drop"}})["changes"] == {}


def test_a_stage_holds_when_the_pillar_does_not_say_it_any_more(rolling):
    roll(rolling, "trust")
    before = texts(rolling)
    assert apply(rolling, **{"certificates:rollover": GONE})["changes"] == {}
    assert texts(rolling) == before


@pytest.mark.parametrize(
    ("at", "said", "beside"), [(None, "sign", "trust"), ("trust", "client", "sign"), ("sign", "drop", "client")]
)
def test_a_stage_out_of_order_is_refused(rolling, at, said, beside):
    for stage in ("trust", "sign")[: ("trust", "sign").index(at) + 1] if at else ():
        roll(rolling, stage)
    before = texts(rolling)
    ret = apply(rolling, **{"certificates:rollover": {"stage": said}})
    assert ret["result"] is False
    assert ret["comment"].startswith(f"octavia:certificates:rollover:stage: is {said}, ")
    assert ret["comment"].endswith(beside)
    assert texts(rolling) == before


def test_a_stage_may_be_taken_back(rolling):
    old = texts(rolling)
    roll(rolling, "trust")
    trust = texts(rolling)
    roll(rolling, "sign")
    roll(rolling, "trust")
    assert texts(rolling) == trust != old


def test_the_state_says_what_comes_next(rolling):
    roll(rolling, "trust")
    ret = rolling.state("octavia_pki").rollover("octavia_certificates_rollover")
    assert ret == {
        "name": "octavia_certificates_rollover", "result": True, "changes": {},
        "comment": "this host is at stage trust: apply it on every controller, then say sign",
    }  # fmt: skip


def test_amphorae_that_are_not_ready_stop_a_stage(rolling):
    roll(rolling, "trust")
    roll(rolling, "sign")
    before = texts(rolling)
    there = [("a1", "ALLOCATED"), ("a2", "ALLOCATED"), ("a3", "DELETED")]
    rolling.salt["octavia_cloud.amphorae"] = lambda saltenv: [
        {"id": name, "status": status, "loadbalancer_id": f"l-{name}", "lb_network_ip": "192.0.2.9"}
        for name, status in there
    ]
    rolling.ask.return_value = {"a1": {"ok": False, "why": "refuses us"}, "a2": {"ok": True, "why": ""}}
    ret = apply(rolling, **{"certificates:rollover": {"stage": "client"}})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "amphora a1 is not ready: refuses us; fail over load balancer l-a1"
    assert texts(rolling) == before
    asked = rolling.ask.call_args.kwargs
    assert [each["id"] for each in asked["amphorae"]] == ["a1", "a2"]
    assert key_ids(rolling, asked["authorities"]) == key_ids(rolling, before[SERVER_CA])[:1]
    assert asked["client"] != before[CLIENT]


# --- fragments


def test_a_workstation_without_a_pillar_makes_a_complete_fragment(tmp_path):
    host = Host(tmp_path, {}, octavia=None)
    host.tree["octavia"] = {"certificates": {"generate": {"key": "ec-256"}}}
    made = yaml.safe_load(host.pki.generate())["octavia"]
    passphrase = made["manager"]["certificates"]["ca_private_key_passphrase"]
    assert len(passphrase) == len(made["certificates"]["server_certs_key_passphrase"]) == 32
    found = {name: made["certificates"][name] for name in (*READ, CLIENT_KEY)}
    assert host.x509.faults(found, passphrase) == []
    tree = changed(shared(), **{f"certificates:{name}": text for name, text in made["certificates"].items()})
    tree = changed(tree, **{"manager:certificates": made["manager"]["certificates"]})
    assert Host(tmp_path, tree).check.pillar()["faults"] == []


def test_a_client_certificate_is_renewed_from_the_pillar(make):
    host = make({"certificates:source": "pillar"})
    made = yaml.safe_load(host.pki.generate())["octavia"]["certificates"]
    host.tree["octavia"]["certificates"].update(made)
    apply(host)
    renewed = yaml.safe_load(host.pki.renew())["octavia"]["certificates"]
    assert [*renewed] == [CLIENT]
    assert renewed[CLIENT] != made[CLIENT]
    ret = both(host, **{f"certificates:{CLIENT}": renewed[CLIENT]})
    assert [*ret["changes"]] == [f"{host.certs}/{CLIENT}"]


def test_a_successor_has_names_of_its_own(make):
    host = make({"certificates:source": "pillar"})
    host.tree["octavia"]["certificates"].update(yaml.safe_load(host.pki.generate())["octavia"]["certificates"])
    new = yaml.safe_load(host.pki.successor())["octavia"]["certificates"]["next"]
    assert [fact["subject"] for fact in host.x509.facts(new[SERVER_CA])] == ["CN=Octavia server CA 2"]
    assert [fact["subject"] for fact in host.x509.facts(new[CLIENT_CA])] == ["CN=Octavia client CA 2"]


def test_a_fragment_goes_to_a_new_file_of_its_owner_alone(make, tmp_path):
    host, path = make({"certificates:source": "pillar"}), tmp_path / "certificates.sls"
    assert host.pki.generate(path=str(path)) == f"{path} written"
    assert f"{path.stat().st_mode & 0o777:o}" == "600"
    before = path.read_text()
    assert yaml.safe_load(before)["octavia"]["certificates"]["source"] == "pillar"
    with pytest.raises(CommandExecutionError, match=f"{path}: cannot be written: File exists"):
        host.pki.generate(path=str(path))
    assert path.read_text() == before
