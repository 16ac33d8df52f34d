"""
State of Octavia's systemd units, and whether a running process is older than what it reads.

What a process has read is kept in a file in /run, written when the process was started or found to be newer than all
of it: a digest of each option and file, and systemd's invocation id of the process.
"""

import glob
import hashlib
import os
import re
import signal
import time
import urllib.parse

from salt.exceptions import CommandExecutionError

_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "InvocationID",
    "ExecMainStartTimestampMonotonic",
    "NeedDaemonReload",
    "Result",
    "ControlGroup",
    "NRestarts",
)


# Seconds that systemd leaves a worker beyond those that Octavia gives its jobs to end.
_SPARE = 30

# Seconds for which the log of a service tells of the start that has just failed.
_FRESH = 60

# What systemd writes into a unit's journal beside lines that begin with the unit's name.
_SYSTEMD = re.compile(r"(Start|Stopp|Restart|Reload)(ing|ed) |Failed to start |Dependency failed ")


def status(unit, fresh=False):
    """
    Return what systemd knows of a unit of Octavia: ``loaded``, ``running``, ``enabled``, ``invocation``, ``started``
    (seconds since the epoch), ``reload`` (its file has changed), ``result``,
    ``cgroup``.

    unit
        Name without ``.service``.

    fresh
        Ask again. One question answers for all units of Octavia and is remembered for the run.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.status octavia-api
    """
    known = __context__.setdefault("octavia_service.status", {})
    if fresh:
        known.clear()
    if unit not in known:
        units = {unit, *__salt__["octavia_pillar.settings"]()["units"].values()}
        known.update(_show(sorted(units)))
    return known[unit]


def _show(units):
    command = ["systemctl", "show", f"--property={','.join(_PROPERTIES)}", *(f"{unit}.service" for unit in units)]
    done = __salt__["cmd.run_all"](command, python_shell=False)
    if done["retcode"]:
        raise CommandExecutionError(f"systemctl show: {done['stderr'].strip()}")
    blocks = (dict(line.split("=", 1) for line in block.splitlines()) for block in done["stdout"].split("\n\n"))
    return {unit: _readable(block) for unit, block in zip(units, blocks, strict=False)}


def _readable(block):
    started = int(block.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    return {
        "loaded": block["LoadState"] == "loaded",
        "masked": block["LoadState"] == "masked",
        # one that has crashed and waits for its next try, or is at it, is "activating" too
        "running": block["ActiveState"] in ("active", "reloading")
        or block["ActiveState"] == "activating"
        and not block.get("SubState", "").startswith("auto-restart")
        and not int(block.get("NRestarts") or 0),
        # enabled-runtime ends at the next boot
        "enabled": block.get("UnitFileState") == "enabled",
        "invocation": block.get("InvocationID", ""),
        "started": time.time() - time.monotonic() + started if started else 0.0,
        "reload": block.get("NeedDaemonReload") == "yes",
        "result": block.get("Result", ""),
        "cgroup": block.get("ControlGroup", ""),
    }


def observe():
    """
    Note what the running processes of the enabled roles have read, where that is not known yet but certain: they are
    newer than all of it, since systemd started them at boot or an operator did. Called before a run changes anything.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.observe
    """
    settings = __salt__["octavia_pillar.settings"]()
    for role in settings["roles"]:
        unit = settings["units"][role]
        now = status(unit)
        if not now["running"] or _load(unit).get("invocation") == now["invocation"]:
            continue
        read = _reads(role, planned=False)
        paths = [settings["conf_file"], *(thing for thing in read if thing.startswith("/"))]
        paths += [path for base in settings["metadata_path"] for path in glob.glob(f"{base}/octavia-*")]
        times = [os.stat(path).st_ctime for path in paths if os.path.exists(path)]
        if all(when < now["started"] for when in [*times, *_chosen()]):
            _save(unit, now["invocation"], read)


def outdated(unit, role):
    """
    Return what has changed since the running process of a unit has read it, as a sorted list of options
    (``section/option``) and files; an empty list when the process is up to date.

    unit, role
        Name of the unit, and the role that it plays: api, worker, health_manager, housekeeping, driver_agent.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.outdated octavia-worker worker
    """
    stamp, wanted = _load(unit), _reads(role)
    if stamp.get("invocation") != status(unit)["invocation"]:
        return ["older than what it reads"]
    have = stamp["read"]
    return sorted(thing for thing in have.keys() | wanted.keys() if have.get(thing) != wanted.get(thing))


def takes_over(unit, role, changed):
    """
    Tell whether a running service can take over by a SIGHUP all that has changed.

    unit, role
        As for ``outdated``.

    changed
        What ``outdated`` says.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.takes_over octavia-worker worker '[health_manager/heartbeat_interval]'
    """
    mutable = __salt__["octavia_pillar.data"]()["conf"]["mutable"]
    return all(role in mutable.get(thing, ()) for thing in changed) and _catch_hangups(status(unit)["cgroup"])


def _catch_hangups(cgroup):
    """Whether all processes catch SIGHUP: one that is still starting would die of it."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
        try:
            with open(f"{root}{cgroup}/cgroup.procs", encoding="ascii") as stream:
                pids = stream.read().split()
            return bool(pids) and all(_catches_hangup(pid) for pid in pids)
        except OSError:
            continue
    return False


def _catches_hangup(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as stream:
        caught = next(line.split()[1] for line in stream if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << (signal.SIGHUP - 1))


def drop_in(unit, saltenv=None):
    """
    Return the drop-in of a unit: its path, the text that is there (None for none), the text that should be.

    unit
        Name without ``.service``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.drop_in octavia-worker
    """
    settings = __salt__["octavia_pillar.settings"]()
    path = f"{settings['unit_dir']}/{unit}.service.d/salt.conf"
    worker = unit == settings["units"]["worker"]
    name = "octavia-worker.conf" if worker else "octavia-service.conf"
    wanted = __salt__["cp.cache_file"](f"salt://octavia/files/{name}", saltenv)
    texts = []
    for name in (path, wanted):
        try:
            with open(name, encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read())
        except FileNotFoundError:
            texts.append(None)
    if worker and texts[1]:
        seconds = settings["manager"]["graceful_shutdown_timeout"] + _SPARE
        texts[1] = texts[1].replace("@seconds@", str(seconds))
    return path, *texts


def place(path, text):
    """
    Write a drop-in, and have systemd read it.

    path, text
        The file and what it will hold.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.place /etc/systemd/system/octavia-worker.service.d/note.conf "# a note"
    """
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    __salt__["octavia_file.write"](path, text, "root", "root", "0644")
    reread()


def reread():
    """
    Have systemd read the files of units again.

    Raises CommandExecutionError when it does not.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.reread
    """
    _systemctl("daemon-reload")


def reload(unit):
    """
    Have a running service read octavia.conf again.

    unit
        Name without ``.service``.

    Raises CommandExecutionError when systemd cannot.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.reload octavia-worker
    """
    _systemctl("reload", unit)


def _reads(role, planned=True):
    """Digests of all that a service reads: its part of octavia.conf, files of its own, the installed Octavia."""
    settings = __salt__["octavia_pillar.settings"]()
    read = __salt__["octavia_conf.fingerprints"](role, planned=planned)
    read["Octavia"] = settings["release"] or ""
    own = _api_files(settings) if role == "api" else []
    if __salt__["octavia_pillar.has_venv"]():
        read["Octavia"] += f" {__salt__['octavia_venv.recipe']()}"
        own.append(f"{settings['unit_dir']}/{settings['units'][role]}.service")
    read.update((path, _digest(path)) for path in own)
    return read


def _api_files(settings):
    """What the server of the API reads beside octavia.conf, and its unit."""
    api = settings["api"]
    names = {"uwsgi": ["api_uwsgi"], "apache": ["api_apache", "api_wsgi"]}[api["server"]]
    tls = [api["ssl"]["cert"], api["ssl"]["key"]] if api["ssl"]["enabled"] else []
    return [*(settings[name] for name in names), settings["api_unit"], *tls]


def _chosen():
    """When the virtualenv in use was chosen, as a list: it may be an old one, to which somebody has gone back."""
    if not __salt__["octavia_pillar.has_venv"]():
        return []
    try:
        return [os.lstat(f"{__salt__['octavia_pillar.venv_directory']()}/current").st_ctime]
    except OSError:
        return []


def _digest(path):
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return ""


def mark(unit, role):
    """
    Note that the running process of a unit has read all as it is now. Called right after it was started.

    unit, role
        As for ``outdated``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.mark octavia-worker worker
    """
    _save(unit, status(unit)["invocation"], _reads(role))


def _path(unit):
    return f"{__salt__['octavia_pillar.settings']()['run_dir']}/{unit}.json"


def _load(unit):
    stamp = __salt__["octavia_file.note"](_path(unit))
    # what anybody else has written there says nothing
    return stamp if isinstance(stamp.get("read"), dict) else {}


def _save(unit, invocation, read):
    __salt__["octavia_file.keep"](_path(unit), {"invocation": invocation, "read": read})


def start(unit):
    """
    Start a unit, or restart it when it runs. Whether it stays up is for ``fallen`` to tell.

    unit
        Name without ``.service``.

    Raises CommandExecutionError with the last words of the service when systemd cannot start it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.start octavia-worker
    """
    if status(unit, fresh=True)["reload"]:
        # in the way of the unit that has started it: uWSGI and Apache end what they do at different signals
        _systemctl("stop", unit)
        _systemctl("daemon-reload")
    # five failures in a row make systemd refuse a further start
    _systemctl("reset-failed", unit, check=False)
    _systemctl("restart", unit)
    born = __context__.setdefault("octavia_service.born", {})
    born[unit] = status(unit, fresh=True)["invocation"]
    __context__["octavia_service.last_start"] = time.monotonic()


def take_out(saltenv=None):
    """
    Take this host's API out of its load balancer for a restart, and note that, so that a run which comes after one that
    was killed puts it back. One that somebody has taken out already is left as it is.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.take_out
    """
    if __salt__["octavia_drain.way"](saltenv=saltenv) and not __salt__["octavia_drain.is_out"](saltenv=saltenv):
        seconds = __salt__["octavia_pillar.values"](saltenv=saltenv)["upgrade:drain:seconds"]
        __salt__["octavia_file.keep"](_out_path(), {"why": "restart"})
        __salt__["octavia_drain.out"](seconds, saltenv=saltenv)


def is_taken_out():
    """
    Tell whether ``take_out`` has taken this host's API out of its load balancer.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.is_taken_out
    """
    return os.path.exists(_out_path())


def put_back(saltenv=None):
    """
    Put this host's API back where ``take_out`` has taken it out, once it answers.

    Raises CommandExecutionError when it does not answer in time.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.put_back
    """
    if is_taken_out():
        patience = __salt__["octavia_pillar.values"](saltenv=saltenv)["upgrade:patience"]
        __salt__["octavia_drain.wait_for_api"](patience, saltenv=saltenv)
        __salt__["octavia_drain.back"](saltenv=saltenv)
        os.unlink(_out_path())


def _out_path():
    # not in /run: the file that makes /healthcheck say no outlives a boot, too
    return f"{__salt__['octavia_pillar.settings']()['state_dir']}/out.json"


def fallen(settle=5):
    """
    Return one line for each unit that this run has started and that is not up any more, with its last words.

    settle
        Seconds that must pass since the last start: a Python service needs some before it finds its configuration
        wrong. A run that has started nothing does not wait.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.fallen
    """
    born = __context__.get("octavia_service.born")
    if not born:
        return []
    time.sleep(max(0, __context__["octavia_service.last_start"] + settle - time.monotonic()))
    status(next(iter(born)), fresh=True)
    found = [
        f"{unit} does not stay up: {_last_words(unit)}"
        for unit, invocation in born.items()
        if not status(unit)["running"] or status(unit)["invocation"] != invocation
    ]
    return found or _mute(born)


def _mute(born):
    """Why an API that runs does not answer: Apache, unlike uWSGI, stays up when the application does not load."""
    settings = __salt__["octavia_pillar.settings"]()
    unit = settings["units"]["api"]
    if unit not in born or settings["api"]["server"] != "apache":
        return []
    try:
        __salt__["octavia_drain.wait_for_api"](settings["upgrade"]["patience"])
    except CommandExecutionError as exc:
        path = __salt__["octavia_log.path"](unit)
        logged = _logged(path)
        return [f"{exc}; {logged} ({path})" if logged else str(exc)]
    return []


def _systemctl(verb, *units, check=True):
    done = __salt__["cmd.run_all"](["systemctl", verb, *units], python_shell=False)
    if check and done["retcode"]:
        words = done["stderr"].strip().splitlines() or [f"exit code {done['retcode']}"]
        why = _last_words(units[-1]) if verb == "restart" else words[-1].strip()
        raise CommandExecutionError(f"systemctl {verb} {' '.join(units)} failed: {why}")


def _last_words(unit):
    done = __salt__["cmd.run_all"](
        ["journalctl", "--unit", unit, "--lines", "20", "--output", "cat", "--no-pager"], python_shell=False
    )
    lines = [line for line in done["stdout"].splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith(f"{unit}.service") and not _SYSTEMD.match(line)]
    path = __salt__["octavia_log.path"](unit)
    if not _telling(own) and (logged := _logged(path)):
        return f"{logged} ({path})"
    words = _telling(own) or own or _telling(lines) or ["it left no message"]
    return f"{words[-1].strip()} (journalctl -u {unit})"


def _logged(path):
    """The last error of a log that was written a moment ago, without what stands before each line."""
    try:
        if time.time() - os.stat(path).st_mtime > _FRESH:
            return ""
        with open(path, "rb") as stream:
            stream.seek(max(0, os.stat(path).st_size - 65536))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return _without_secrets(__salt__["octavia_log.error"](text) or "")


def _without_secrets(text):
    """What a service says of a URL that it cannot read may have a password in it."""
    keys, value = __salt__["octavia_pillar.data"]()["conf"]["keys"], __salt__["octavia_pillar.values"]()
    secrets = {str(said) for key, said in value.items() if keys[key].get("secret") and isinstance(said, str) and said}
    for secret in sorted(secrets, key=len, reverse=True):
        for spelling in (secret, urllib.parse.quote(secret, safe="")):
            text = text.replace(spelling, "(hidden)")
    return text


def _telling(lines):
    return [line for line in lines if "rror" in line or "annot" in line or "ailed" in line]


def enable(unit):
    """
    Have a unit started at boot.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.enable octavia-worker
    """
    _systemctl("enable", unit)


def stop(unit):
    """
    Stop a unit and have it not started at boot.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_service.stop octavia-worker
    """
    _systemctl("disable", "--now", unit)
    # one that had to be killed counts as failed, which it is not: it is off
    _systemctl("reset-failed", unit, check=False)
    __context__.get("octavia_service.born", {}).pop(unit, None)
    status(unit, fresh=True)
