"""
Another heartbeat key: whether it is due, and how amphorae get it.

A note in ``octavia:host:state_dir`` tells which key the amphorae have, by a digest, and that is nobody's while they
get another one. Without a note they have the one in octavia.conf.
"""

import hashlib
import logging
import os
import time

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

OPTION = "health_manager/heartbeat_key"

# Amphorae in these were made with a key, and are not there yet to take another one; in those there is no agent to take
# one, or none for long.
_MADE = ("PENDING_CREATE", "BOOTING")
_GONE = ("DELETED", "PENDING_DELETE", "ERROR")


def due(text=None, saltenv=None):
    """
    Tell whether amphorae may have another heartbeat key than the pillar says: octavia.conf has another one, or the
    run that gave them this one did not come to its end. Neither a process nor a connection is needed.

    text
        octavia.conf as it should be; as the pillar says by default.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_heartbeat.due
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    wanted = _key(__salt__["octavia_conf.render"](saltenv, mask=False, look_up=False) if text is None else text)
    there = _key(__salt__["octavia_file.read"](settings["conf_file"]) or "")
    if None not in (there, wanted) and there != wanted:
        return True
    note = _note(settings)
    return note is not None and note != _digest(wanted)


def begin(saltenv=None):
    """
    Note that amphorae may have any key from now on, until ``finish``. Called before octavia.conf gets another one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_heartbeat.begin
    """
    _write(__salt__["octavia_pillar.settings"](saltenv), "")


def finish(saltenv=None):
    """
    Note that amphorae have the key that octavia.conf has.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_heartbeat.finish
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    _write(settings, _digest(_key(__salt__["octavia_file.read"](settings["conf_file"]) or "")))


def spread(patience=180, saltenv=None):
    """
    Have a worker send all amphorae its agent configuration, which holds the heartbeat key, and count their last
    heartbeats from now on, so that a health manager that starts now gives them their time. Those in ``ERROR`` are left
    out, as they have to fail over anyway, and those without a load balancer. Returns how many amphorae were configured.

    The API answers before the worker has been at the amphora, and does not say what became of it: the worker's log
    does.

    patience
        Seconds for which amphorae that are still being made, or that the API refuses, are asked again.

    Raises CommandExecutionError, in one line that names the amphorae, when the API has not taken all of them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_heartbeat.spread
    """
    until, done = time.monotonic() + patience, set()
    while True:
        refused = _ask_for(done, saltenv)
        if not refused:
            break
        if time.monotonic() >= until:
            names, why = ", ".join(sorted(refused)), "; ".join(sorted(set(refused.values())))
            raise CommandExecutionError(f"Without the new heartbeat key: amphorae {names}: {why}; apply again")
        time.sleep(2)
    __salt__["octavia_db.refresh_heartbeats"](saltenv=saltenv)
    return len(done)


def _ask_for(done, saltenv):
    """Have those configured that are not ``done``; returns why not, by id."""
    refused = {}
    for each in __salt__["octavia_cloud.amphorae"](saltenv):
        if each["status"] in _MADE:
            refused[each["id"]] = f"still {each['status']}"
            continue
        # neither the API nor a worker configures one that has no load balancer
        if each["id"] in done or each["status"] in _GONE or not each["loadbalancer_id"]:
            continue
        try:
            __salt__["octavia_cloud.configure_amphora"](each["id"], saltenv)
            done.add(each["id"])
        except CommandExecutionError as exc:
            log.debug("Amphora %s: %s", each["id"], exc)
            refused[each["id"]] = str(exc)
    return refused


def _key(text):
    return __salt__["octavia_diff.parse"](text).get(OPTION)


def _digest(key):
    return hashlib.sha256(f"heartbeat_key {key}".encode()).hexdigest()


def _path(settings):
    return f"{settings['state_dir']}/heartbeat.json"


def _note(settings):
    """The digest in the note, None without one; what cannot be read is nobody's."""
    path = _path(settings)
    return str(__salt__["octavia_file.note"](path).get("key", "")) if os.path.exists(path) else None


def _write(settings, digest):
    __salt__["octavia_file.keep"](_path(settings), {"key": digest})
