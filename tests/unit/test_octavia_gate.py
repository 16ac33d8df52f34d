"""When the installed Octavia is asked about octavia.conf, and what an operator reads of its answer."""

import os

import pytest
from formula import Host, changed, shared, with_certificates


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, with_certificates(shared()))


def _asked(host, text):
    """How often the host's Python was asked in one more run."""
    before = host.ask.call_count
    host.again()
    host.gate.check(text)
    return host.ask.call_count - before


def test_octavia_is_asked_again_only_when_something_changed(host, tmp_path):
    # of an option that no key of the pillar feeds: it can stand in octavia:config only
    authority = tmp_path / "ca.pem"
    authority.write_text("text")
    text = f"[barbican]\ncafile = {authority}\n"
    host.finds(files=[authority])
    assert [_asked(host, text), _asked(host, text)] == [1, 0]
    assert _asked(host, text + "insecure = false\n") == 1
    assert [_asked(host, text), _asked(host, text)] == [1, 0]
    authority.chmod(0o600)
    host.finds(files=[authority])
    assert [_asked(host, text), _asked(host, text)] == [1, 0]
    host.install("12.0.0")
    assert [_asked(host, text), _asked(host, text)] == [1, 0]
    authority.unlink()
    assert _asked(host, text) == 1


def test_a_file_that_changes_while_octavia_reads_it_is_read_again(host, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("text")
    host.finds(files=[authority])
    authority.write_text("other")
    assert _asked(host, "x") == 1
    host.finds(files=[authority])
    assert [_asked(host, "x"), _asked(host, "x")] == [1, 0]


def test_a_text_with_a_fault_is_asked_about_every_time(host):
    host.finds({"option": "DEFAULT/debug", "level": "fault", "what": "is maybe", "allowed": ""})
    assert [_asked(host, "x"), _asked(host, "x")] == [1, 1]


def test_a_dry_run_shows_octavia_what_the_certificates_are_about_to_be_and_notes_nothing(host):
    path = "/etc/octavia/certs/server_ca.cert.pem"
    text = f"[haproxy_amphora]\nserver_ca = {path}\n"
    host.opts["test"] = True
    host.again()
    host.context["octavia_certificates.planned"] = {path: "a text\n"}
    host.gate.check(text)
    host.gate.check(text)
    assert host.ask.call_count == 2
    assert host.ask.call_args.kwargs["contents"] == {path: "a text\n"}
    host.opts["test"] = False
    _asked(host, text)
    assert host.ask.call_args.kwargs["contents"] == {}


@pytest.mark.parametrize("note", ["", "[]", '{"seen": 1}', "\0"])
def test_a_note_that_somebody_spoilt_counts_as_none(host, note):
    _asked(host, "x")
    path = host.root / "lib" / "gate.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(note)
    assert _asked(host, "x") == 1


def test_no_secret_is_in_the_note(host):
    text = host.conf.render(mask=False)
    _asked(host, text)
    note = (host.root / "lib" / "gate.json").read_text()
    assert "pw-of" not in note and os.path.getsize(host.root / "lib" / "gate.json") < 300


def _rekeyed(host, **answers):
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]
    host.again()
    new, old = host.conf.render(mask=False), "[health_manager]\nheartbeat_key = old\n"
    host.conf_file.write_text(old)
    return host.gate.check(new, host.diff.changes(old, new))["faults"]


def test_another_heartbeat_key_is_refused_while_it_is_not_rotated(host):
    [line] = _rekeyed(host)
    assert line.startswith("octavia:manager:health_manager:heartbeat_key (health_manager/heartbeat_key): differs")
    assert "rotate_heartbeat_key: true" in line and "8a0b" not in line
    [line] = _rekeyed(host, **{"manager:health_manager:rotate_heartbeat_key": True})
    assert line.endswith("; apply octavia.manager.heartbeat_key")


def test_without_amphorae_another_heartbeat_key_does_no_harm(host):
    assert _rekeyed(host, **{"controller_worker": {"amphora_driver": "amphora_noop_driver"}}) == []


def test_octavia_is_told_what_older_releases_had(tmp_path):
    host = Host(tmp_path, shared(), octavia="16.0.0")
    host.gate.check("[haproxy_amphora]\nuse_upstart = true\nno_such = 1\n")
    assert host.ask.call_args.kwargs["gone"] == {"haproxy_amphora/use_upstart": "removed in 15.0.0"}


def test_a_warning_that_time_mends_is_not_remembered(host):
    finding = {"option": "haproxy_amphora/client_cert", "level": "warning", "what": "is early", "allowed": ""}
    host.finds(finding)
    assert [_asked(host, "x"), _asked(host, "x")] == [1, 0]
    host.finds(finding | {"passes": True})
    assert [_asked(host, "y"), _asked(host, "y")] == [1, 1]


# --- another passphrase of certificates

PHRASE = "certificates/server_certs_key_passphrase"
OLD, NEW, OTHER = ("0123456789abcdef" * 2, "fedcba9876543210" * 2, "0f1e2d3c4b5a6978" * 2)
PUBLISHED = "insecure-key-do-not-use-this-key"


def _rephrased(tmp_path, octavia, old, new, **answers):
    """What the gate says of another passphrase: the file on the host has the one, the pillar the other."""
    told = {"certificates:server_certs_key_passphrase": new} if new else {"certificates": {}}
    host = Host(tmp_path, changed(shared(), **told, **answers), octavia=octavia)
    was = f"[certificates]\nserver_certs_key_passphrase = {old}\n" if old else "[DEFAULT]\n"
    host.conf_file.write_text(was)
    text = host.conf.render(mask=False)
    found = host.gate.check(text, host.diff.changes(was, text))
    assert not [phrase for phrase in (OLD, NEW, OTHER, PUBLISHED) if phrase in str(found)]
    return found


@pytest.mark.parametrize("octavia", ["17.0.0", "19.0.0"])
@pytest.mark.parametrize(
    ("old", "new", "is_refused"),
    [
        (OLD, NEW, True),
        (OLD, [NEW, OTHER], True),
        (f"{OLD}, {OTHER}", NEW, True),
        (OLD, None, True),
        (OLD, [NEW, OLD], False),
        (f"{NEW},{OLD}", NEW, False),
        (f'"{OLD}"', OLD, False),
        (OLD, OLD, False),
        (None, NEW, False),
    ],
)
def test_a_passphrase_goes_only_after_the_next_one_has_come(tmp_path, octavia, old, new, is_refused):
    found = _rephrased(tmp_path, octavia, old, new)
    assert found["warnings"] == []
    assert [line.split("; ")[1] for line in found["faults"]] == [
        "put the new one before the old one, deploy to every controller, and take the old one out later"
    ] * is_refused
    name = "octavia:certificates:server_certs_key_passphrase (certificates/server_certs_key_passphrase): has none of"
    assert all(line.startswith(name) for line in found["faults"])


@pytest.mark.parametrize(("octavia", "old"), [("11.0.0", OLD), ("16.0.0", OLD), ("19.0.0", PUBLISHED)])
def test_where_two_cannot_stand_another_passphrase_is_a_warning(tmp_path, octavia, old):
    found = _rephrased(tmp_path, octavia, old, NEW)
    assert found["faults"] == []
    assert found["warnings"] == [
        "octavia:certificates:server_certs_key_passphrase (certificates/server_certs_key_passphrase): differs from the "
        "one on this host: jobs in flight whose certificates that one has encrypted fail; deploy when no job is in "
        "flight"
    ]


@pytest.mark.parametrize("octavia", ["16.0.0", "19.0.0"])
def test_without_amphorae_another_passphrase_does_no_harm(tmp_path, octavia):
    noop = {"controller_worker": {"amphora_driver": "amphora_noop_driver"}}
    assert _rephrased(tmp_path, octavia, OLD, NEW, **noop) == {"faults": [], "warnings": []}
