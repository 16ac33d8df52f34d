"""
Octavia's database: made from the pillar, and migrated when, and only when, that is due.

What talks to the server is ``octavia/host/db.py``, in the host's own Python. Servers, names and passwords
come from the pillar by way of ``octavia_pillar.settings``, so none of these functions takes one.
"""

import fcntl
import logging
import os
import pwd
import re
import subprocess
import tempfile
import time
from pathlib import Path

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

# MySQL's error numbers, and the key of octavia:database that is to be looked at.
_KEYS = {"1044": "name", "1045": "password", "1049": "name", "1698": "password", "2002": "host", "2003": "host"}

# Seconds for which a migration waits for another one on this host to end.
_PATIENCE = 300


def present(test=False, saltenv=None):
    """
    Create database, user and rights where they are missing or differ from ``octavia:database``.

    test
        Only compare.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    Returns ``changes``, ``{thing: {old, new}}``, the same with ``test`` and without, and ``notes`` about what
    is left alone. Raises CommandExecutionError in one line, with the pillar key that it is about.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.present test=True
    """
    settings = _settings(saltenv)
    wanted, admin = _server(settings), _admin(settings)
    found = _ask(
        "present",
        "octavia:db:admin",
        saltenv,
        admin=admin,
        database=wanted["name"],
        charset=wanted["charset"],
        collation=wanted["collation"],
        user=wanted["user"],
        password=wanted["password"],
        hosts=[host.lower() for host in wanted["grant_hosts"]],
        test=test,
    )
    if not test and f"database {wanted['name']}" in found["changes"]:
        # An older database of that name may have been migrated; this one was not.
        forget(saltenv=saltenv)
    return found


def due(saltenv=None):
    """
    Say whether the schema may have to be migrated: it was not yet seen complete for this release and
    database.

    Reads one small file. Starts no process and opens no connection.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.due
    """
    settings = _settings(saltenv)
    return __salt__["octavia_file.note"](_stamp_path(settings)) != _stamp(settings)


def is_primary(saltenv=None):
    """
    Say whether this host is the one that migrates: it has the API, and ``octavia:api:role`` is not secondary.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.is_primary
    """
    settings = _settings(saltenv)
    return "api" in settings["roles"] and (settings.get("api") or {}).get("role") != "secondary"


def ping(saltenv=None):
    """
    Log in to the database as Octavia does, and return the server's version.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.ping
    """
    return _ask("ping", "octavia:database", saltenv, server=_server(_settings(saltenv)))


def refresh_heartbeats(saltenv=None):
    """
    Set the last heartbeat of all amphorae to now, so that a health manager that starts after a pause gives them their
    time before it fails them over.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.refresh_heartbeats
    """
    _ask("refresh_heartbeats", "octavia:database", saltenv, server=_server(_settings(saltenv)))


def heartbeats(saltenv=None):
    """
    Return the amphorae of load balancers with their last heartbeats, as a list of dicts: ``id``, ``loadbalancer_id``,
    ``lb_network_ip``, ``status``, ``made`` and ``heard``, seconds ago (``heard`` is None for one that was never heard
    of), and ``busy``, with which a health manager marks one that it fails over.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.heartbeats
    """
    return _ask("heartbeats", "octavia:database", saltenv, server=_server(_settings(saltenv)))


def unsettled(saltenv=None):
    """
    Return the load balancers that are in ``PENDING_...`` or in ``ERROR``, as a list of dicts: ``id``, ``name``,
    ``status``, and ``seconds`` since it changed last.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.unsettled
    """
    return _ask("unsettled", "octavia:database", saltenv, server=_server(_settings(saltenv)))


def contents(saltenv=None):
    """
    Return what is in the database, as a dict: ``current``, the revision of its schema or None; ``bytes``, the server's
    estimate of its data; ``users``, addresses of hosts that have connections of Octavia's account to it; and names:
    ``tables``, and ``views`` and ``triggers``, which somebody else has put there. Needs no Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.contents
    """
    return _ask("contents", "octavia:database", saltenv, server=_server(_settings(saltenv)))


def schema(test=False, saltenv=None):
    """
    Compare the schema with the one that the installed Octavia wants.

    test
        This is a dry run: when Octavia is not installed yet, ``head`` is the word ``head``; and where
        ``octavia:db:create`` is on, a database or user that does not exist yet counts as an empty database.

    Returns ``current`` and ``head``, revisions (``current`` is None when there is none), ``empty``, and ``ahead``: it
    was migrated by a newer Octavia than the installed one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.schema
    """
    settings = _settings(saltenv)
    __salt__["octavia_backup.whole"](saltenv=saltenv)
    if not settings["release"]:
        if test:
            return {"current": None, "head": "head", "empty": True, "ahead": False}
        raise CommandExecutionError("Octavia is not installed here: apply octavia.api or octavia.manager")
    lenient = test and (settings.get("db") or {}).get("create") is True
    return _ask("schema", "octavia:database", saltenv, server=_server(settings), may_be_missing=lenient)


def upgrade(saltenv=None):
    """
    Migrate the schema to the one that the installed Octavia wants, and note it when that is done.

    Waits for a migration that outlived its own, killed Salt run. A first migration that was killed half way
    starts over from an empty database; any other one goes on from its last complete revision. Of one for which a dump
    was made it is noted that it began, see ``octavia_backup.begin``.

    Returns the schema afterwards, as :py:func:`schema` does. Raises CommandExecutionError with the one useful
    line of octavia-db-manage.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.upgrade
    """
    settings = _settings(saltenv)
    lock = alone(saltenv=saltenv)
    try:
        found = schema(saltenv=saltenv)
        if found["current"] != found["head"]:
            path, stamp = _stamp_path(settings), _stamp(settings)
            earlier = __salt__["octavia_file.note"](path)
            restart = earlier.get("from_empty") is True and earlier.get("database") == stamp["database"]
            if restart and not found["empty"]:
                _ask("clear", "octavia:database", saltenv, server=_server(settings))
            __salt__["octavia_file.keep"](path, {**stamp, "from_empty": restart or found["empty"]})
            if not restart and not found["empty"]:
                __salt__["octavia_backup.begin"](found["current"], found["head"], saltenv=saltenv)
            _db_manage(settings, lock)
            found = schema(saltenv=saltenv)
    finally:
        os.close(lock)
    if found["current"] != found["head"]:
        raise CommandExecutionError(f"The migration ended at {found['current']}, not at {found['head']}")
    confirm(saltenv=saltenv)
    return found


def confirm(saltenv=None):
    """
    Note that the schema was seen to fit the installed Octavia, so that :py:func:`due` is False from now on.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.confirm
    """
    settings = _settings(saltenv)
    __salt__["octavia_file.keep"](_stamp_path(settings), _stamp(settings))


def noted(saltenv=None):
    """
    Return what is noted of the last migration of this database, as a dict, empty for nothing: ``release``, the Octavia
    that it was for, ``database``, and ``from_empty``, where it is not known to be complete and made the first tables.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.noted
    """
    settings = _settings(saltenv)
    found = __salt__["octavia_file.note"](_stamp_path(settings))
    return found if found.get("database") == _stamp(settings)["database"] else {}


def forget(saltenv=None):
    """
    Forget what is noted of the last migration, so that :py:func:`due` is True until the schema was looked at again.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.forget
    """
    Path(_stamp_path(_settings(saltenv))).unlink(missing_ok=True)


def alone(saltenv=None):
    """
    Wait until no migration, dump or restoration is at work on this host, and keep others from beginning one. Returns an
    open file, its number: they may begin when whoever has inherited it has closed it or ended, a migration included
    whose Salt run was killed.

    Raises CommandExecutionError when that takes more than some minutes.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.alone
    """
    state_dir = Path(_settings(saltenv)["state_dir"])
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(state_dir / "db-sync.lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                raise CommandExecutionError(
                    "octavia-db-manage, or a dump, of an earlier run is still at work: apply again when it has ended"
                ) from None
            time.sleep(0.2)
        except BaseException:
            os.close(handle)
            raise


def explained(line, section="octavia:database"):
    """
    Return an error of the database with the pillar key that it is about, where the error tells.

    line
        As PyMySQL has it, or a tool of the database.

    section
        Of the pillar: where the login comes from.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_db.explained 'ERROR 2003 (HY000): no way to the server'
    """
    code = re.search(r"\((\d{4}), |\b(?:error:?|ERROR) (\d{4})\b", line)
    code = code and (code[1] or code[2])
    if re.search(r"\b(ssl|tls)\b|certificate", line, re.IGNORECASE):
        return f"{line}: see pillar octavia:database:ssl"
    if code in _KEYS:
        key = f"{section}:{_KEYS[code]}" if section == "octavia:database" else section
        return f"{line}: see pillar {key}"
    return line


def _settings(saltenv):
    return __salt__["octavia_pillar.settings"](saltenv=saltenv, mask=False)


def _server(settings):
    needed = ("host", "port", "name", "user", "password")
    return _complete("octavia:database", settings.get("database") or {}, needed)


def _admin(settings):
    admin, database = (settings.get("db") or {}).get("admin") or {}, settings.get("database") or {}
    shared = {key: database.get(key) for key in ("host", "port", "ssl")}
    if admin.get("socket"):
        return {"user": "root", **admin}
    return _complete("octavia:db:admin", {**shared, **admin}, ("host", "port", "user", "password"))


def _complete(section, server, keys):
    missing = [f"{section}:{key}" for key in keys if not server.get(key)]
    if missing:
        raise CommandExecutionError(f"Not set in the pillar: {', '.join(missing)}")
    return server


def _ask(function, section, saltenv, **kwargs):
    try:
        return __salt__["octavia_host.call"]("db", function, saltenv=saltenv, **kwargs)
    except CommandExecutionError as exc:
        line = explained(str(exc), section)
        if line == str(exc):
            raise
        raise CommandExecutionError(line) from exc


# --- what is remembered of the last migration


def _stamp(settings):
    host, port, name = ((settings.get("database") or {}).get(key) for key in ("host", "port", "name"))
    return {"release": settings["release"], "database": f"{host}:{port}/{name}"}


def _stamp_path(settings):
    return f"{settings['state_dir']}/db-sync.json"


# --- octavia-db-manage


def _db_manage(settings, lock):
    command = [settings["db_manage"], "--config-file", settings["conf_file"], "upgrade", "head"]
    try:
        user = pwd.getpwnam(settings["user"])
    except KeyError:
        raise CommandExecutionError(f"No such user: {settings['user']} (pillar octavia:host:user)") from None
    # Not cmd.run: it cannot hand the lock on. A session of its own, and a file for the output, so that
    # neither a signal to Salt's process group nor Salt's death stops it between two statements: MySQL commits
    # each by itself.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            status = subprocess.run(
                command,
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": user.pw_dir},
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
                umask=0o027,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock,),
                check=False,
            ).returncode
        except OSError as exc:
            raise CommandExecutionError(f"Cannot run {settings['db_manage']}: {exc.strerror}") from exc
        output.seek(0)
        text = output.read()
    log.debug("%s: exit status %s\n%s", " ".join(command), status, text)
    if status < 0:
        raise CommandExecutionError(f"octavia-db-manage was killed by signal {-status}: apply again")
    if status:
        why = __salt__["octavia_log.error"](text) or next(reversed(__salt__["octavia_log.lines"](text)), None)
        raise CommandExecutionError(f"octavia-db-manage: {explained(why or 'failed without a word')}")
