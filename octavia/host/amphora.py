"""
Amphora agents, asked as a controller asks them: by TLS with certificates on both sides.

``client`` is the controllers' certificate and its key, ``authorities`` those that sign the certificates of amphorae,
both as texts in PEM. They never lie in a file.
"""

import contextlib
import os
import re
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

# Where agents listen; seconds for an answer, all of it; how many are asked at a time.
PORT, PATIENCE, AT_ONCE = 9443, 10, 20

# Alerts by which a server says that it is the certificate of the client that it does not like.
REFUSAL = re.compile("ALERT.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)|ALERT_HANDSHAKE_FAILURE")
CLOSED = "our client certificate is refused, it seems: the amphora closed the connection without an answer"


class Silent(Exception):
    """Why there is no answer, as one line."""


def probe(address, port, client, authorities, name=None, patience=PATIENCE):
    """
    Say hello to one agent, and return ``{"ok": bool, "why": line}``.

    name
        The amphora's id, which Octavia expects in its certificate. Without it any name will do.

    patience
        Seconds for the answer.
    """
    try:
        return _probe(_context(client, authorities), address, port, name, patience)
    except Silent as exc:
        return {"ok": False, "why": str(exc)}


def probe_all(amphorae, client, authorities, port=PORT, patience=PATIENCE, within=None):
    """
    Say hello to many agents at once, and return ``{id: {"ok": bool, "why": line}}``.

    amphorae
        Dicts with ``id`` and ``lb_network_ip``, as ``cloud.amphorae`` returns them.

    within
        Seconds for all of them; ``ok`` of those that were not asked in time is None.
    """
    until = time.monotonic() + within if within is not None else None
    try:
        context = _context(client, authorities)
    except Silent as exc:
        return {each["id"]: {"ok": False, "why": str(exc)} for each in amphorae}

    def ask(each):
        if not each["lb_network_ip"]:
            return {"ok": False, "why": "it has no address in the management network"}
        left = patience if until is None else min(patience, until - time.monotonic())
        if left <= 0:
            return {"ok": None, "why": f"not asked within {within:g} s"}
        return _probe(context, each["lb_network_ip"], port, each["id"], left)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip([each["id"] for each in amphorae], pool.map(ask, amphorae), strict=True))


def _context(client, authorities):
    # Not ssl.create_default_context: from Python 3.13 on it wants extensions that amphorae's certificates lack.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        with _path(authorities) as path:
            context.load_verify_locations(path)
    except (ssl.SSLError, OSError):
        raise Silent("the authorities of amphorae hold no certificate that can be read") from None
    try:
        with _path(client) as path:
            # without a passphrase OpenSSL would ask the terminal for one
            context.load_cert_chain(path, password="")
    except (ssl.SSLError, OSError, ValueError):
        raise Silent("our client certificate or its key cannot be read, or they do not belong together") from None
    return context


@contextlib.contextmanager
def _path(text):
    """A path by which this process alone reads a text."""
    handle = os.memfd_create("pem")
    try:
        with open(handle, "w", encoding="utf-8", closefd=False) as stream:
            stream.write(text)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _probe(context, address, port, name, patience):
    until, shown = time.monotonic() + patience, False
    try:
        with socket.create_connection((address, port), timeout=patience) as plain:
            plain.settimeout(_left(until))
            with context.wrap_socket(plain, server_hostname=name) as agent:
                wrong = _wrong_name(agent, name)
                if wrong:
                    return {"ok": False, "why": wrong}
                # With TLS 1.3 an agent judges our certificate after the handshake, which is over for us.
                shown = True
                agent.settimeout(_left(until))
                agent.sendall(f"GET / HTTP/1.1\r\nHost: {name or 'amphora'}\r\nConnection: close\r\n\r\n".encode())
                answer = agent.recv(9)
    except ssl.SSLCertVerificationError as exc:
        return {"ok": False, "why": f"the certificate of the amphora is not trusted: {exc.verify_message}"}
    except TimeoutError:
        return {"ok": False, "why": f"no answer within {patience:g} s"}
    except ssl.SSLError as exc:
        return {"ok": False, "why": _tls_fault(exc, shown)}
    except OSError as exc:
        why = f"no connection to port {port}: {exc.strerror or exc}"
        return {"ok": False, "why": CLOSED if shown else why}
    if not answer:
        return {"ok": False, "why": CLOSED}
    return {"ok": True, "why": ""} if answer.startswith(b"HTTP/1.") else {"ok": False, "why": "it does not speak HTTP"}


def _tls_fault(exc, shown):
    reason = exc.reason or type(exc).__name__
    if REFUSAL.search(reason):
        return f"our client certificate is refused: {reason.partition('ALERT_')[2].replace('_', ' ').lower()}"
    if shown and isinstance(exc, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return CLOSED
    return f"no TLS: {reason.replace('_', ' ').lower()}"


def _wrong_name(agent, name):
    """What is wrong with the name in a certificate that is otherwise trusted."""
    named = [text for kind, text in agent.getpeercert().get("subjectAltName", ()) if kind == "DNS"]
    if not name or name in named:
        return None
    return f"the certificate of the amphora is not trusted: it is that of {', '.join(named) or 'nobody'}"


def _left(until):
    """Seconds until a moment, never none: that would mean without end."""
    return max(until - time.monotonic(), 0.001)
