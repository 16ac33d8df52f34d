"""
Dumps of Octavia's database, and the way back to the one from before a migration.

The database's own tools make and load them, ``mariadb-dump`` and ``mariadb`` or ``mysqldump`` and ``mysql``: what is
there. Server, name and password come from ``octavia:database`` of the pillar and reach a tool by a file that has no
name and ends with it. A note, ``backup.json``, says which dump a restoration would put back.
"""

import calendar
import contextlib
import gzip
import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

# What dumps, and what loads what that has dumped.
_TOOLS = (("mariadb-dump", "mariadb"), ("mysqldump", "mysql"))
_PATH = "/usr/local/bin:/usr/bin:/bin"
_MEMORY = "/dev/shm"
# Tables, and nothing else. Routines, events, views and triggers are not Octavia's: its account may read few of them and
# make fewer, and a restoration must not stop in the middle. It leaves them alone; triggers go with their tables.
_DUMP = (
    *("--single-transaction", "--quick", "--skip-triggers", "--hex-blob", "--no-tablespaces", "--skip-add-locks"),
    # the time is in the name, so that dumps of the same are the same
    *("--max-allowed-packet=1G", "--skip-dump-date"),
)
_LOAD = ("--binary-mode", "--connect-timeout=10", "--max-allowed-packet=1G")
_END = b"-- Dump completed"
_CHUNK = 1 << 20
# Seconds in which a tool must read or write something.
_SILENCE = 300
# Seconds in which the server notices that a client has gone.
_LINGER = 5
_TIME = "%Y%m%dT%H%M%SZ"


def plan(before_migration=False, test=False, saltenv=None):
    """
    Return what a dump would be, as a dict:

    database, directory
        ``host:port/name`` and where the dump goes.
    revision, release
        Of the schema, and the Octavia that it belongs to.
    empty
        There is no table.
    bytes, free
        Of the data, by the server's estimate, and in the file system of the directory. A dump is compressed; that the
        data would fit as they are is asked for.
    faults
        List of lines: why it would fail, with the pillar key.
    views, triggers
        Names of those that it would leave out, since they are not Octavia's.
    tool
        What would dump, None for nothing: ``octavia_backup.taken`` installs it.
    due, why
        Whether ``octavia_backup.taken`` would make it, and a line that says why not.

    before_migration
        Look for a dump from before a migration: due on the primary, while the schema is older than the installed
        Octavia and not empty, and until that migration has begun. Otherwise one is due when the last one of this schema
        is older than ``octavia:db:backup:max_age``.

    test
        This is a dry run: what this run would install may be missing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.plan
    """
    settings = _settings(saltenv)
    directory = settings["db"]["backup"]["directory"]
    found = {"database": _database(settings), "directory": directory, "revision": None, "release": None}
    found.update(tool=_tools()[0], empty=None, bytes=None, free=None, views=[], triggers=[])
    found.update(faults=[], due=False, why="")
    try:
        if before_migration and not __salt__["octavia_db.is_primary"](saltenv=saltenv):
            return {**found, "why": "The host with octavia:api:role primary migrates, and dumps before it"}
        if before_migration and not __salt__["octavia_db.due"](saltenv=saltenv):
            return {**found, "why": "No migration is due, so no dump is needed"}
        schema = __salt__["octavia_db.schema"](test=test, saltenv=saltenv) if before_migration else {}
        if schema and (schema["empty"] or schema["current"] == schema["head"]):
            return {**found, "why": "No migration is due, or one that begins with nothing, so no dump is needed"}
        whole(saltenv=saltenv)
        there = __salt__["octavia_db.contents"](saltenv=saltenv)
        found.update({name: there[name] for name in ("bytes", "views", "triggers")}, revision=there["current"])
        found["empty"] = not there["tables"]
        found["release"] = _release(settings, saltenv)
        if found["empty"]:
            return {**found, "why": "The database is empty: there is nothing to dump"}
        found["why"] = (_reason_before if before_migration else _reason_now)(settings, there, schema, saltenv)
        found["due"] = not found["why"]
        found["free"] = _free(directory)
        if found["free"] < found["bytes"]:
            found["faults"].append(
                f"octavia:db:backup:directory: {directory} has {_mib(found['free'])} MiB free, and the data of database"
                f" {settings['database']['name']} take {_mib(found['bytes'])} MiB"
            )
    except CommandExecutionError as exc:
        if test and getattr(exc, "library", None):
            found["why"] = f"To be seen when the packages are there: {exc}"
        else:
            found["faults"].append(str(exc))
    return found


def dump(saltenv=None):
    """
    Dump the database, note the dump as the one that a restoration would put back, and remove older ones but the newest
    ``octavia:db:backup:keep``. Once a migration began, the dump from before it stays the noted one, and stays there,
    until :py:func:`done`.

    Returns ``path``, ``sha256``, ``revision``, ``release``, ``database``, ``taken`` and ``noted``: whether it is the
    one that a restoration would put back. The dump is complete or not there.

    Raises CommandExecutionError in one line when it cannot be made.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.dump
    """
    settings = _settings(saltenv)
    with _alone(saltenv):
        found = plan(saltenv=saltenv)
        if found["faults"]:
            raise CommandExecutionError(found["faults"][0])
        if found["empty"]:
            raise CommandExecutionError(found["why"])
        directory = found["directory"]
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
        except OSError as exc:
            raise CommandExecutionError(f"octavia:db:backup:directory: {directory}: {exc.strerror}") from exc
        _tidy(settings, directory)
        taken, path = _new_name(settings, found)
        record = {"path": path, "sha256": _write(settings, path, found["views"])}
        record.update({name: found[name] for name in ("revision", "release", "database")}, taken=taken)
        held = _is_held(settings, found["revision"], saltenv)
        if not held:
            _keep(settings, record)
        _prune(settings, directory)
    return {**record, "noted": not held}


def latest(saltenv=None):
    """
    Return the dump that a restoration would put back, as a dict: ``path``, ``sha256``, ``revision``, ``release``,
    ``database``, ``taken``; ``began`` and ``target``, when a migration for which it was made began, and the revision
    that this leads to; ``done``, since when nobody needs it for that any more. None where there is none.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.latest
    """
    return _note(_settings(saltenv)) or None


def migrated(saltenv=None):
    """
    Tell whether the database is no longer as the dump from before an upgrade has it: a migration began, or the schema
    has another revision. False where there is no dump, and after :py:func:`done`.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.migrated
    """
    note = _note(_settings(saltenv))
    if not note or "done" in note:
        return False
    if "began" in note or "restoring" in note:
        return True
    return __salt__["octavia_db.contents"](saltenv=saltenv)["current"] != note["revision"]


def begin(current, head, saltenv=None):
    """
    Note that a migration begins, if the noted dump has the schema that it begins with: from now on that dump is kept.
    Called by ``octavia_db.upgrade``.

    current, head
        Revisions of the schema: what it is, and what it will be.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.begin ab12 cd34
    """
    settings = _settings(saltenv)
    note = _note(settings)
    if "began" in note and current != note["target"]:
        return  # goes on
    if note and note["revision"] == current:
        _keep(settings, {**_plain(note), "began": _now(), "target": head})
    elif "began" in note:
        # that one is complete, and there is no dump from before this one
        _keep(settings, {**_plain(note), "done": _now()})


def done(saltenv=None):
    """
    Say that nobody will go back to before the last migration: the next dump takes the place of the one that was made
    for it. An upgrade that begins says so of an earlier one, and one that has ended well of itself.

    Returns False, and changes nothing, while that migration is not complete, else True.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.done
    """
    settings = _settings(saltenv)
    note = _note(settings)
    if not note or "done" in note:
        return True
    if "restoring" in note:
        return False
    current = __salt__["octavia_db.contents"](saltenv=saltenv)["current"]
    if "began" not in note and current == note["revision"]:
        return True
    if "began" in note and current != note["target"]:
        return False
    _keep(settings, {**_plain(note), "done": _now()})
    return True


def whole(saltenv=None):
    """
    Raise CommandExecutionError when a restoration of the database was interrupted: tables are missing then, and nothing
    may use it before the restoration was repeated.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.whole
    """
    note = _note(_settings(saltenv))
    if "restoring" in note:
        raise CommandExecutionError(
            f"The restoration of {note['path']} was interrupted and the database is not whole: run it again, with"
            " salt-call octavia_backup.restore"
        )


def restore(test=False, saltenv=None):
    """
    Put the noted dump back: drop all tables of the database, load it, and have the next run look at the schema anew.
    What was changed since the dump was taken is lost. Repeat it when it was interrupted.

    test
        Look whether that could be done, and change nothing. That services run is no fault then.

    Returns the dump as :py:func:`latest` does.

    Raises CommandExecutionError in one line when there is no dump, it is damaged, or services of Octavia run on this
    host or are connected to the database from others; nothing is dropped then.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_backup.restore
    """
    settings = _settings(saltenv)
    note = _note(settings)
    if not note:
        raise CommandExecutionError(
            f"There is no dump of database {_database(settings)} on this host: octavia.db.backup makes one"
        )
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_open_whole(note))
        if test:
            return note
        _tool(1)
        lock = stack.enter_context(_alone(saltenv))
        _nobody_works(settings, saltenv)
        _keep(settings, {**note, "restoring": _now()})
        # first: whoever looks at a half restored database must not take it for a migrated one
        __salt__["octavia_db.forget"](saltenv=saltenv)
        _load(settings, __salt__["octavia_db.contents"](saltenv=saltenv)["tables"], source, lock)
        current = __salt__["octavia_db.contents"](saltenv=saltenv)["current"]
        if current != note["revision"]:
            raise CommandExecutionError(f"{note['path']} has led to revision {current}, not to {note['revision']}")
        note = _plain(note)
        _keep(settings, note)
    return note


# --- what is due


def _reason_before(settings, there, schema, saltenv):
    """Why no dump is due before a migration; nothing where one is."""
    if __salt__["octavia_db.noted"](saltenv=saltenv).get("from_empty"):
        return "The first migration starts over from an empty database, so no dump is needed"
    note = _note(settings)
    if _began(note, there["current"], schema["head"]):
        return f"The migration began at {note['began']}: the dump from before it is kept, {note['path']}"
    return ""


def _reason_now(settings, there, _schema, saltenv):
    """Why no dump is due just so; nothing where one is."""
    max_age = settings["db"]["backup"]["max_age"]
    newest = next(iter(_dumps(settings, settings["db"]["backup"]["directory"])), None)
    note = _note(settings)
    if not newest or newest["revision"] != (there["current"] or "none"):
        return ""
    if newest["path"] != note.get("path") and "began" not in note:
        return ""  # of another server, or one of which nothing is known
    age = time.time() - newest["time"]
    return f"The last dump is {int(age)} seconds old: {newest['path']}" if 0 <= age < max_age else ""


def _began(note, current, head):
    """Whether a migration that began is what is going on: it is not complete, or nothing was due since."""
    return "began" in note and (current != note["target"] or head == current)


def _is_held(settings, current, saltenv):
    """Whether the noted dump keeps its place, since a migration has begun for which it was made."""
    note = _note(settings)
    if "began" not in note:
        return False
    if current != note["target"]:
        return True
    return _began(note, current, __salt__["octavia_db.schema"](saltenv=saltenv)["head"])


def _release(settings, saltenv):
    """
    The Octavia to which the schema belongs. Before a migration the new one is installed already: the last migration was
    that of the old one.
    """
    return __salt__["octavia_db.noted"](saltenv=saltenv).get("release") or settings["release"] or "unknown"


def _free(directory):
    """Bytes for a new file; the directory may still have to be made."""
    while True:
        try:
            stat = os.statvfs(directory)
            break
        except FileNotFoundError:
            directory = os.path.dirname(directory)
        except OSError as exc:
            raise CommandExecutionError(f"octavia:db:backup:directory: {directory}: {exc.strerror}") from exc
    return stat.f_bavail * stat.f_frsize


def _mib(number):
    return f"{number / 2**20:.1f}"


# --- the files


def _settings(saltenv):
    return __salt__["octavia_pillar.settings"](saltenv=saltenv, mask=False)


def _database(settings):
    database = settings.get("database") or {}
    return f"{database.get('host')}:{database.get('port')}/{database.get('name')}"


def _note_path(settings):
    return f"{settings['state_dir']}/backup.json"


def _note(settings):
    """The noted dump, if it is one of this database."""
    found = __salt__["octavia_file.note"](_note_path(settings))
    return found if found.get("database") == _database(settings) else {}


def _keep(settings, record):
    __salt__["octavia_file.keep"](_note_path(settings), record)


def _plain(note):
    """A note without what became of its dump."""
    return {name: value for name, value in note.items() if name not in ("began", "target", "done", "restoring")}


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _new_name(settings, found):
    """When, and the path that says so; it is not there yet."""
    while True:
        now = time.gmtime()
        words = (found["release"], found["revision"] or "none", time.strftime(_TIME, now))
        name = "-".join((settings["database"]["name"], *(re.sub("[-/]", "_", word) for word in words)))
        path = f"{found['directory']}/{name}.sql.gz"
        if not os.path.lexists(path):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", now), path
        time.sleep(0.2)


def _dumps(settings, directory):
    """The dumps of a database of this name, the newest first, as dicts of ``path``, ``revision`` and ``time``."""
    start = re.escape(settings["database"]["name"])
    ours = re.compile(rf"{start}-[^-/]+-(?P<revision>[0-9A-Za-z_]+)-(?P<time>[0-9]{{8}}T[0-9]{{6}}Z)\.sql\.gz")
    found = []
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        match = ours.fullmatch(name)
        if match:
            try:
                taken = calendar.timegm(time.strptime(match["time"], _TIME))
            except ValueError:
                continue
            entry = {"path": f"{directory}/{name}", "revision": match["revision"], "time": taken}
            found.append(entry)
    return sorted(found, key=lambda entry: entry["time"], reverse=True)


def _prune(settings, directory):
    """Remove old dumps; never the noted one."""
    noted = _note(settings).get("path")
    for entry in _dumps(settings, directory)[settings["db"]["backup"]["keep"] :]:
        if entry["path"] != noted:
            log.info("%s is removed: there are newer ones", entry["path"])
            _unlink(entry["path"])


def _tidy(settings, directory):
    """Remove what runs that were killed have left; nobody else dumps now."""
    start, end = f".{settings['database']['name']}-", ".partial"
    for name in os.listdir(directory):
        if name.startswith(start) and name.endswith(end):
            _unlink(f"{directory}/{name}")


def _unlink(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def _alone(saltenv):
    handle = __salt__["octavia_db.alone"](saltenv=saltenv)
    try:
        yield handle
    finally:
        os.close(handle)


# --- dumping and loading


class _Digesting:
    """A file that is written, and the digest of what was."""

    def __init__(self, stream):
        self.stream, self.digest = stream, hashlib.sha256()

    def write(self, data):
        self.digest.update(data)
        return self.stream.write(data)

    def flush(self):
        self.stream.flush()


def _write(settings, path, views):
    """Dump into a file that is complete or not there. Returns its SHA-256."""
    tool = _tool(0)
    directory, name = os.path.split(path)
    draft = None
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{name}.", suffix=".partial", dir=directory)
        with os.fdopen(handle, "wb") as stream:
            target = _Digesting(stream)
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=target) as packed:
                _dump_into(packed, settings, tool, views)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(draft, path)
        draft = None
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as exc:
        raise CommandExecutionError(f"octavia:db:backup:directory: {directory}: {exc.strerror}") from exc
    finally:
        if draft:
            _unlink(draft)
    return target.digest.hexdigest()


def _dump_into(stream, settings, tool, views):
    without = [f"--ignore-table={settings['database']['name']}.{view}" for view in views]
    with _run(settings, tool, [*_DUMP, *without], stdout=subprocess.PIPE) as run:
        end = b""
        for chunk in iter(lambda: run.process.stdout.read1(_CHUNK), b""):
            run.moved()
            stream.write(chunk)
            end = (end + chunk)[-200:]
        run.finish()
    if _END not in end:
        raise CommandExecutionError(f"{os.path.basename(tool)} ended before the dump was complete")


def _load(settings, tables, source, lock):
    """
    Drop all tables and load others. The client does both, and inherits the lock: if this run is killed, it may be in
    the middle of something, which must have come to an end before the next one begins.
    """
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with _run(settings, _tool(1), _LOAD, inherits=(lock,), **streams) as run:
        try:
            # by default a statement waits for a day, for the transaction of somebody who has gone
            run.process.stdin.write(b"SET SESSION lock_wait_timeout = 30; SET FOREIGN_KEY_CHECKS = 0;\n")
            for table in tables:
                run.process.stdin.write(f"DROP TABLE {_name(table)};\n".encode())
            with gzip.GzipFile(fileobj=source, mode="rb") as packed:
                for chunk in iter(lambda: packed.read(_CHUNK), b""):
                    run.process.stdin.write(chunk)
                    run.moved()
            run.process.stdin.close()
        except BrokenPipeError:
            log.debug("the client has ended, and says why")
        except (OSError, EOFError) as exc:
            # what it has read so far ends within a statement, which it must not run
            run.process.kill()
            raise CommandExecutionError(f"{source.name}: {exc}") from exc
        run.finish()


@contextlib.contextmanager
def _open_whole(note):
    """The noted dump, open, after a look that it is what was written."""
    try:
        with open(note["path"], "rb") as stream:
            digest = hashlib.sha256()
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(chunk)
            if digest.hexdigest() != note["sha256"]:
                raise CommandExecutionError(f"{note['path']} is damaged: it is not what was dumped at {note['taken']}")
            stream.seek(0)
            yield stream
    except OSError as exc:
        raise CommandExecutionError(f"{note['path']}: {exc.strerror}") from exc


def _nobody_works(settings, saltenv):
    """Octavia would write into tables that come and go."""
    known = list(settings["units"].values())
    units = [unit for unit in known if __salt__["octavia_service.status"](unit, fresh=unit == known[0])["running"]]
    if units:
        raise CommandExecutionError(f"Services of Octavia run on this host: stop {', '.join(units)} first")
    until = time.monotonic() + _LINGER
    while True:
        users = __salt__["octavia_db.contents"](saltenv=saltenv)["users"]
        if not users or time.monotonic() > until:
            break
        time.sleep(0.5)
    if users:
        raise CommandExecutionError(
            f"{', '.join(users)} has connections to database {settings['database']['name']}: stop Octavia's services"
            " there first"
        )


def _tools():
    """What dumps and what loads; twice None where there is no such pair."""
    for names in _TOOLS:
        found = [shutil.which(name, path=_PATH) for name in names]
        if all(found):
            return found
    return [None, None]


def _tool(which):
    """What dumps, 0, or what loads, 1."""
    found = _tools()[which]
    if not found:
        raise CommandExecutionError(
            "There is neither mariadb-dump nor mysqldump: state.apply octavia.db.backup installs one (pillar"
            " octavia:packages:backup)"
        )
    return found


def _name(name):
    return "`" + name.replace("`", "``") + "`"


class _Run:
    """A tool of the database at work. It is killed when nothing moves for some minutes."""

    def __init__(self, command, options, inherits=(), **streams):
        self.name = os.path.basename(command[0])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        self._moved, self._silent, self._ended = time.monotonic(), False, threading.Event()
        try:
            # in memory, and without a name: it is gone with the process, whatever ends this one
            with tempfile.TemporaryFile(dir=_MEMORY) as file:
                file.write(options.encode())
                file.flush()
                self.process = subprocess.Popen(
                    [command[0], f"--defaults-file=/dev/fd/{file.fileno()}", *command[1:]],
                    cwd="/",
                    env={"PATH": _PATH, "LANG": "C.UTF-8"},
                    pass_fds=(file.fileno(), *inherits),
                    stderr=self._errors,
                    **{"stdin": subprocess.DEVNULL, **streams},
                )
        except OSError as exc:
            raise CommandExecutionError(f"Cannot run {command[0]}: {exc.strerror}") from exc
        threading.Thread(target=self._watch, daemon=True).start()

    def moved(self):
        self._moved = time.monotonic()

    def _watch(self):
        while not self._ended.wait(1):
            if time.monotonic() - self._moved > _SILENCE:
                self._silent = True
                self.process.kill()
                return

    def finish(self):
        """Wait for its end, and raise what went wrong."""
        self.moved()
        status = self.process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        log.debug("%s: exit status %s\n%s", self.name, status, "\n".join(lines))
        if self._silent:
            raise CommandExecutionError(f"{self.name}: nothing moved for {_SILENCE} s")
        if status < 0:
            raise CommandExecutionError(f"{self.name} was killed by signal {-status}")
        if status:
            telling = [line for line in lines if re.search(r"error", line, re.IGNORECASE)] or lines
            line = telling[-1].strip() if telling else f"exit status {status}"
            line = line if line.startswith(self.name) else f"{self.name}: {line}"
            raise CommandExecutionError(__salt__["octavia_db.explained"](line))

    def end(self):
        self._ended.set()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            if stream:
                # what a dead process no longer reads
                with contextlib.suppress(OSError):
                    stream.close()


@contextlib.contextmanager
def _run(settings, tool, arguments, **streams):
    server = settings["database"]
    run = _Run([tool, *arguments, "--", server["name"]], _options(server, _is_mariadb(tool)), **streams)
    try:
        yield run
    finally:
        run.end()


def _is_mariadb(tool):
    """Both have a mysqldump, and they say different things of TLS."""
    try:
        return (
            b"MariaDB"
            in subprocess.run(
                [tool, "--no-defaults", "--version"], env={"PATH": _PATH}, capture_output=True, check=False
            ).stdout
        )
    except OSError as exc:
        raise CommandExecutionError(f"Cannot run {tool}: {exc.strerror}") from exc


def _options(server, mariadb):
    """The text of an option file that says where to log in, as Octavia does."""
    said = {name: server[name] for name in ("host", "port", "user", "password")}
    said.update({"protocol": "tcp", "default-character-set": "utf8mb4"})
    ssl = server.get("ssl") or {}
    files = {f"ssl-{name}": ssl[name] for name in ("ca", "cert", "key") if ssl.get(name)}
    if ssl.get("enabled"):
        said.update(files)
        if mariadb:
            said.update({"ssl": 1, "ssl-verify-server-cert": int("ssl-ca" in files)})
        else:
            said["ssl-mode"] = "VERIFY_IDENTITY" if "ssl-ca" in files else "REQUIRED"
    elif mariadb:
        # since 11.4 it would take no server without a certificate that it can verify
        said["ssl"] = 0
    if not mariadb:
        # the first wants a right that Octavia has not, the second a table that older servers have not
        said.update({"loose-set-gtid-purged": "OFF", "loose-column-statistics": 0})
    return "[client]\n" + "".join(f"{name}={_quoted(value)}\n" for name, value in said.items())


def _quoted(value):
    r"""A value for an option file: within quotes, # and blanks stand for themselves, a backslash and a quote do not."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
