"""
Take this host's API out of the load balancer that stands before it, and put it back: by HAProxy's own socket where the
pillar names one, else by the file that makes /healthcheck say no.
"""

import contextlib
import csv
import http.client
import os
import socket
import ssl
import time
import urllib.request

from salt.exceptions import CommandExecutionError

_PATIENCE = 10  # seconds for HAProxy to answer
# What `set server ... state maint` and `drain` switch on and `ready` off, of HAProxy's srv_admin_state.
_FORCED = 0x01 | 0x08
# This host's own API is asked, whatever proxy the environment names, and told nothing: its certificate has the name by
# which others know it.
_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),  # noqa: S323
)


def way(saltenv=None):
    """
    Return how this host's API is taken out, as a dict: ``haproxy`` (``socket``, ``backend``, ``server``), or ``file``;
    empty where the pillar says no way, or this host has no API.

    Raises CommandExecutionError where the pillar says half of one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.way
    """
    if "api" not in __salt__["octavia_pillar.roles"](saltenv):
        return {}
    value = __salt__["octavia_pillar.values"](saltenv)
    haproxy = {name: value.get(f"upgrade:drain:haproxy:{name}") for name in ("socket", "backend", "server")}
    if any(haproxy.values()):
        for name, answer in haproxy.items():
            if not answer:
                raise CommandExecutionError(f"octavia:upgrade:drain:haproxy:{name}: is not set")
        return {"haproxy": haproxy}
    path = value.get("api:healthcheck:disable_by_file_path")
    if value["api:healthcheck:enabled"] and path and "disable_by_file" in value.get("api:healthcheck:backends", ()):
        return {"file": path}
    return {}


def is_out(saltenv=None):
    """
    Tell whether this host's API was taken out: new requests go to others.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.is_out
    """
    found = way(saltenv)
    if "haproxy" in found:
        return _server(found["haproxy"])["srv_admin_state"] & _FORCED != 0
    return bool(found) and os.path.exists(found["file"])


def out(seconds, saltenv=None):
    """
    Have new requests go to others, and wait until the load balancer has noticed. Returns how many sessions HAProxy
    still has with this host's API after that, 0 where that is not known.

    seconds
        For HAProxy's sessions to end; for any other load balancer to have asked /healthcheck, all of them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.out 10
    """
    found = way(saltenv)
    if "haproxy" in found:
        haproxy = found["haproxy"]
        _tell(haproxy, f"set server {haproxy['backend']}/{haproxy['server']} state drain")
        until = time.monotonic() + seconds
        while (sessions := _sessions(haproxy)) and time.monotonic() < until:
            time.sleep(0.5)
        return sessions
    if found:
        group = __salt__["octavia_pillar.settings"](saltenv)["group"]
        __salt__["octavia_file.write"](found["file"], "out for an upgrade\n", "root", group, "0640")
        time.sleep(seconds)
    return 0


def back(saltenv=None):
    """
    Have the load balancer send requests to this host's API again.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.back
    """
    found = way(saltenv)
    if "haproxy" in found:
        haproxy = found["haproxy"]
        _tell(haproxy, f"set server {haproxy['backend']}/{haproxy['server']} state ready")
    elif found:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(found["file"])
        except OSError as exc:
            raise CommandExecutionError(f"{found['file']}: {exc.strerror}") from exc


def wait_for_api(seconds, saltenv=None):
    """
    Wait until this host's API answers. Does nothing where it has none.

    seconds
        To wait.

    Raises CommandExecutionError when the time is over.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.wait_for_api 60
    """
    if "api" not in __salt__["octavia_pillar.roles"](saltenv):
        return
    url = __salt__["octavia_conf.url"](saltenv=saltenv)
    until = time.monotonic() + seconds
    while True:
        try:
            with _OPENER.open(url, timeout=10) as answer:
                answer.read()
                return
        except (OSError, http.client.HTTPException) as exc:
            if time.monotonic() >= until:
                why = str(getattr(exc, "reason", None) or exc).strip()
                raise CommandExecutionError(f"The API does not answer at {url} within {seconds} s: {why}") from exc
        time.sleep(0.2)


def wait_for_heartbeats(seconds, saltenv=None):
    """
    Wait until every amphora that was heard of before was heard of since the health manager of this host started.
    Returns a line for each that was not; none where there are no amphorae, or no health manager here.

    seconds
        To wait.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_drain.wait_for_heartbeats 60
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    if "health_manager" not in settings["roles"] or not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return []
    until = time.monotonic() + seconds
    while True:
        started = __salt__["octavia_service.status"](settings["units"]["health_manager"])["started"]
        running = time.time() - started
        silent = [
            f"amphora {each['id']} ({each['lb_network_ip']}) was not heard of for {each['heard']} s"
            for each in __salt__["octavia_db.heartbeats"](saltenv=saltenv)
            if each["heard"] is not None and each["status"] == "ALLOCATED" and each["heard"] > running
        ]
        if not silent or time.monotonic() >= until:
            return silent
        time.sleep(1)


def _tell(haproxy, command):
    """Send a command to HAProxy; it answers with nothing but a new line where all is well."""
    key = "octavia:upgrade:drain:haproxy"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(haproxy["socket"])
            connection.sendall(f"{command}\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace").strip()
    except OSError as exc:
        raise CommandExecutionError(f"{key}:socket: {haproxy['socket']}: {exc.strerror or exc}") from exc
    if command.startswith("set ") and answer:
        raise CommandExecutionError(f"{key}: HAProxy answers: {answer.splitlines()[0]}")
    return answer


def _server(haproxy):
    """What HAProxy knows of the server, numbers as such."""
    lines = _tell(haproxy, f"show servers state {haproxy['backend']}").splitlines()
    heads = [line.removeprefix("# ").split() for line in lines if line.startswith("# ")]
    for line in lines:
        fields = dict(zip(heads[0], line.split(), strict=False)) if heads else {}
        if fields.get("srv_name") == haproxy["server"]:
            return {name: int(field) if field.isdigit() else field for name, field in fields.items()}
    place = f"{haproxy['backend']}/{haproxy['server']}"
    raise CommandExecutionError(f"octavia:upgrade:drain:haproxy: HAProxy has no server {place}")


def _sessions(haproxy):
    for fields in csv.DictReader(_tell(haproxy, "show stat").removeprefix("# ").splitlines()):
        if (fields.get("pxname"), fields.get("svname")) == (haproxy["backend"], haproxy["server"]):
            return int(fields.get("scur") or 0)
    return 0
