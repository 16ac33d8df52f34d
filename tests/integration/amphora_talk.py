"""
Controllers and amphorae that talk, by Octavia's own code: amphorae get their certificates from the generator of
Octavia, run its agent, and are asked by its REST client. Runs in the Python that has Octavia, as a script.

Reads JSON: ``sets``, texts by file name, by the name of the set; ``passphrase`` of the keys of authorities;
``amphorae``, by name ``{"signed": set, "trusts": set}``; ``calls``, ``[set of the controller, name of the amphora]``.
Answers with ``{"octavia": version, "certificates": {amphora: text}, "calls": [null or why not, ...]}``.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path
from types import SimpleNamespace

# What only the agent needs, pyroute2, no Octavia of PyPI brings.
sys.path.append("/usr/lib/python3/dist-packages")

from octavia.amphorae.backends.health_daemon import health_daemon
from octavia.amphorae.drivers.haproxy import rest_api_driver
from octavia.certificates.generator.local import LocalCertGenerator
from octavia.cmd import agent
from octavia.common import config
from octavia.version import version_info

PORT = 9443
#: A controller tries for many minutes.
ONCE = {"req_conn_timeout": 5, "req_read_timeout": 5, "conn_max_retries": 1, "conn_retry_interval": 0}


def certificate(where, passphrase, name):
    """What a controller with these files makes for an amphora: its certificate and its key."""
    for option, value in {
        "ca_certificate": str(where / "server_ca.cert.pem"),
        "ca_private_key": str(where / "server_ca.key.pem"),
        "ca_private_key_passphrase": passphrase,
    }.items():
        config.cfg.CONF.set_override(option, value, "certificates")
    made = LocalCertGenerator.generate_cert_key_pair(cn=name, validity=30 * 24 * 60 * 60)
    return (made.certificate + made.private_key).decode()


def serve(where, address):
    """Be the agent of an amphora with the files of a directory, but without its logs and its heartbeats."""
    (where / "agent.conf").write_text(
        f"[haproxy_amphora]\nbind_host = {address}\nbind_port = {PORT}\n"
        f"[amphora_agent]\nagent_server_cert = {where}/server.pem\nagent_server_ca = {where}/client_ca.pem\n"
    )
    sys.argv = ["amphora-agent", "--config-file", str(where / "agent.conf")]
    whole = agent.AmphoraAgent
    logs = ("accesslog", "errorlog", "loglevel", "syslog", "syslog_facility", "syslog_addr")
    agent.AmphoraAgent = lambda app, options: whole(app, {name: options[name] for name in options if name not in logs})
    health_daemon.run_sender = lambda *_args: None
    config.cfg.CONF.clear()  # of what the controller around it has set
    agent.main()


def start(where, address):
    """Fork an amphora, give its process, which leads a group."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        log = os.open(where / "agent.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        serve(where, address)
    except BaseException:  # noqa: BLE001 nothing of what is around the fork may run here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def wait(child, address, log):
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection((address, PORT), 1).close()
        except OSError:
            if time.monotonic() > deadline or os.waitpid(child, os.WNOHANG)[0]:
                raise RuntimeError(log.read_text()[-3000:]) from None
            time.sleep(0.05)


def call(where, name, address):
    """Ask an amphora for its version, with what a controller has in its files; give why it did not answer."""
    for option, file in (("client_cert", "client.cert-and-key.pem"), ("server_ca", "server_ca.cert.pem")):
        config.cfg.CONF.set_override(option, str(where / file), "haproxy_amphora")
    client = rest_api_driver.AmphoraAPIClientBase()
    amphora = SimpleNamespace(id=name, lb_network_ip=address, api_version=None)
    try:
        answer = client.get_api_version(amphora, timeout_dict=ONCE, raise_retry_exception=True)
    except Exception as exc:  # noqa: BLE001 the test looks at what it is
        return f"{type(exc).__name__}: {exc}"
    finally:
        client.session.close()
    return None if "api_version" in answer else str(answer)


def main():
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    children, running, made = [], {}, {}
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        config.init(["--config-file", "/dev/null"])
        config.cfg.CONF.set_override("bind_port", PORT, "haproxy_amphora")
        for name, texts in asked["sets"].items():
            (root / name).mkdir()
            for file, text in texts.items():
                (root / name / file).write_text(text)
        try:
            for number, (name, files) in enumerate(asked["amphorae"].items(), 2):
                where, address, known = root / f"amphora-{number}", f"127.0.0.{number}", str(uuid.uuid4())
                where.mkdir()
                made[name] = certificate(root / files["signed"], asked["passphrase"], known)
                (where / "server.pem").write_text(made[name])
                (where / "client_ca.pem").write_text((root / files["trusts"] / "client_ca.cert.pem").read_text())
                running[name] = known, address, where / "agent.log"
                children.append(start(where, address))
            for child, (_, address, log) in zip(children, running.values(), strict=True):
                wait(child, address, log)
            calls = [call(root / which, *running[name][:2]) for which, name in asked["calls"]]
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
    json.dump({"octavia": version_info.version_string(), "certificates": made, "calls": calls}, sys.stdout)


if __name__ == "__main__":
    main()
