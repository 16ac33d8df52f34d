"""Amphora agents as a controller meets them: real TLS, with right and wrong certificates on both sides."""

import contextlib
import importlib.util
import os
import socket
import ssl
import threading
import time

import pytest
from formula import closed_port, server
from harness import ROOT, Issued

CA, OTHER_CA, CLIENT_CA = Issued("amphora CA"), Issued("other CA"), Issued("controller CA")
CLIENT = Issued("controller", by=CLIENT_CA, authority=False)
STRANGER = Issued("stranger", by=OTHER_CA, authority=False)


@pytest.fixture(scope="module")
def probe():
    """octavia/host/amphora.py; the host's Python needs nothing but itself for it."""
    spec = importlib.util.spec_from_file_location("octavia_host_amphora", ROOT / "octavia" / "host" / "amphora.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pem(issued):
    return issued.certificate + issued.key


@pytest.fixture
def agent(tmp_path):
    """``agent(...)``: the port of a server that behaves as an amphora's agent: it wants a client of CLIENT_CA."""
    with contextlib.ExitStack() as stack:

        def start(
            issued=None, version=ssl.TLSVersion.TLSv1_3, answer=b"HTTP/1.1 200 OK\r\n\r\n{}", address="127.0.0.1"
        ):
            issued = issued or Issued("amp1", by=CA, authority=False)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = context.maximum_version = version
            context.verify_mode = ssl.CERT_REQUIRED
            (tmp_path / "server.pem").write_text(pem(issued))
            (tmp_path / "client_ca.pem").write_text(CLIENT_CA.certificate)
            context.load_cert_chain(tmp_path / "server.pem")
            context.load_verify_locations(tmp_path / "client_ca.pem")
            listening = stack.enter_context(socket.create_server((address, 0)))
            threading.Thread(target=_serve, args=(listening, context, answer), daemon=True).start()
            return listening.getsockname()[1]

        yield start


def _serve(listening, context, answer):
    while True:
        try:
            plain = listening.accept()[0]
        except OSError:
            return
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(1000)
            if answer is None:
                connection.recv(1000)  # until the client gives up
            else:
                connection.sendall(answer)


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)


@VERSIONS
def test_an_agent_and_a_controller_that_trust_each_other(probe, agent, version):
    found = probe.probe("127.0.0.1", agent(version=version), pem(CLIENT), CA.certificate)
    assert found == {"ok": True, "why": ""}


def test_one_of_several_authorities_is_enough(probe, agent):
    both = f"# café\n{OTHER_CA.certificate}{CA.certificate}"
    assert probe.probe("127.0.0.1", agent(), pem(CLIENT), both)["ok"]


@VERSIONS
def test_an_agent_of_another_authority_is_not_trusted(probe, agent, version):
    found = probe.probe("127.0.0.1", agent(version=version), pem(CLIENT), OTHER_CA.certificate)
    assert not found["ok"] and found["why"].startswith("the certificate of the amphora is not trusted: ")


def test_an_agent_whose_certificate_has_ended_is_not_trusted(probe, agent):
    port = agent(Issued("amp1", by=CA, authority=False, days=-1))
    assert probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate) == {
        "ok": False, "why": "the certificate of the amphora is not trusted: certificate has expired"
    }  # fmt: skip


@VERSIONS
def test_a_controller_that_the_agent_does_not_trust_is_refused(probe, agent, version):
    """With TLS 1.3 after our handshake; several times, since it is a race between an alert and the end."""
    port = agent(version=version)
    for _ in range(10):
        found = probe.probe("127.0.0.1", port, pem(STRANGER), CA.certificate)
        assert not found["ok"] and found["why"].startswith("our client certificate is refused"), found


def test_an_ended_client_certificate_is_refused(probe, agent):
    old = Issued("controller", by=CLIENT_CA, authority=False, days=-1)
    found = probe.probe("127.0.0.1", agent(), pem(old), CA.certificate)
    assert found["why"].startswith("our client certificate is refused")


def test_the_certificate_is_that_of_the_amphora_whose_id_is_known(probe, agent):
    port = agent(Issued("amp1", by=CA, authority=False, names=["amp1"]))
    assert probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate, name="amp1")["ok"]
    assert probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate, name="amp2") == {
        "ok": False, "why": "the certificate of the amphora is not trusted: it is that of amp1"
    }  # fmt: skip


def test_an_agent_that_says_nothing_is_not_waited_for(probe):
    with server(hang=True) as port:
        begin = time.monotonic()
        found = probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate, patience=0.5)
    assert found == {"ok": False, "why": "no answer within 0.5 s"}
    assert time.monotonic() - begin < 3


def test_an_agent_that_hangs_after_the_handshake_is_not_waited_for(probe, agent):
    found = probe.probe("127.0.0.1", agent(answer=None), pem(CLIENT), CA.certificate, patience=1)
    assert found == {"ok": False, "why": "no answer within 1 s"}


@pytest.mark.parametrize("greeting", [None, b"SSH-2.0-OpenSSH\r\n"])
def test_somebody_else_who_listens_there(probe, greeting):
    with server(greeting) as port:
        found = probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate)
    assert not found["ok"] and found["why"].startswith(("no TLS: ", "no connection to port "))


def test_an_agent_that_speaks_no_http(probe, agent):
    found = probe.probe("127.0.0.1", agent(answer=b"220 smtp\r\n"), pem(CLIENT), CA.certificate)
    assert found == {"ok": False, "why": "it does not speak HTTP"}


def test_an_agent_that_leaves_without_an_answer(probe, agent):
    found = probe.probe("127.0.0.1", agent(answer=b""), pem(CLIENT), CA.certificate)
    assert not found["ok"] and found["why"].startswith("our client certificate is refused, it seems: ")


def test_nobody_listens(probe):
    port = closed_port()
    assert probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate) == {
        "ok": False, "why": f"no connection to port {port}: Connection refused"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("client", "authorities", "why"),
    [
        ("", CA.certificate, "our client certificate or its key"),
        (CLIENT.certificate, CA.certificate, "our client certificate or its key"),
        (CLIENT.certificate + STRANGER.key, CA.certificate, "our client certificate or its key"),
        (
            CLIENT.certificate + Issued("x", passphrase="secret").key,
            CA.certificate,
            "our client certificate or its key",
        ),
        (pem(CLIENT), "", "the authorities of amphorae hold no certificate"),
        (pem(CLIENT), CA.key, "the authorities of amphorae hold no certificate"),
    ],
)
def test_texts_that_are_no_certificates_are_said_before_anybody_is_asked(probe, client, authorities, why):
    found = probe.probe("192.0.2.1", 9443, client, authorities)
    assert not found["ok"] and found["why"].startswith(why)
    assert probe.probe_all([{"id": "a", "lb_network_ip": "192.0.2.1"}], client, authorities) == {"a": found}


def test_many_are_asked_at_once(probe, agent):
    good = Issued("amp1", by=CA, authority=False, names=[f"amp{number}" for number in range(30)])
    port = agent(good)
    amphorae = [{"id": f"amp{number}", "lb_network_ip": "127.0.0.1"} for number in range(30)]
    amphorae += [{"id": "lost", "lb_network_ip": None}, {"id": "other", "lb_network_ip": "127.0.0.1"}]
    found = probe.probe_all(amphorae, pem(CLIENT), CA.certificate, port=port)
    assert list(found) == [each["id"] for each in amphorae]
    assert {each for each in found if not found[each]["ok"]} == {"lost", "other"}
    assert found["lost"]["why"] == "it has no address in the management network"


def test_many_that_hang_take_no_longer_than_one(probe):
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        amphorae = [{"id": str(number), "lb_network_ip": "127.0.0.1"} for number in range(20)]
        begin = time.monotonic()
        found = probe.probe_all(amphorae, pem(CLIENT), CA.certificate, port=silent.getsockname()[1], patience=1)
    assert {each["why"] for each in found.values()} == {"no answer within 1 s"}
    assert time.monotonic() - begin < 5


def test_no_file_ever_holds_the_key_and_no_handle_stays(probe, agent, monkeypatch):
    port, read = agent(), []
    load = ssl.SSLContext.load_cert_chain

    def seen(context, path, **kwargs):
        read.append((path, os.readlink(path)))
        return load(context, path, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", seen)
    before = len(os.listdir("/proc/self/fd"))
    assert probe.probe("127.0.0.1", port, pem(CLIENT), CA.certificate)["ok"]
    [(path, target)] = read
    assert path.startswith("/proc/self/fd/") and target.startswith("/memfd:")
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the server's end may still be open
