"""
Octavia from PyPI, in virtualenvs below one directory: a virtualenv for each version, and ``current``, a link to the one
in use. To go to another version, or back, is to replace the link.

A virtualenv is complete when it holds a note of what it was made of, which is written last. One without is not there,
and is made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import pwd
import re
import shutil
import subprocess
import time

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

_NOTE = "salt-formula-octavia.json"
_LINK = "current"
# seconds for pip, which has limits of its own for each thing that it downloads
_PATIENCE = 3600
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?([=<>!~]=?=?[A-Za-z0-9.*]+)?")
_LOAD = (
    "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]];"
    "from importlib import metadata; print(metadata.version('octavia'))"
)
# what all services load, and the formula's own code
_LOADED = ("octavia.common.config", "octavia.db.api", "pymysql", "openstack")


def wanted(release=None, saltenv=None):
    """
    Return the version of Octavia that this host is to have in a virtualenv (``19.0.0``): the one that the pillar names
    (``octavia:venv:version``), else the one in use, else the one that the formula pins for the release of the pillar's
    ``version``, else the newest that it pins.

    release
        Name or number of a release (``2025.1``): the version for a host that goes there.

    Raises CommandExecutionError when nothing is pinned for the release.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.wanted 2025.1
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    here = release is None
    release = value.get("version") if here else release
    entry = __salt__["octavia_release.named"](release, saltenv) if release else None

    def is_of(version):
        return version and (not entry or _major(version) == entry["octavia"])

    said = value.get("venv:version")
    if said and (here or is_of(said)):
        return said
    if here and current(saltenv) and is_of(__salt__["octavia_release.installed"](saltenv)):
        return __salt__["octavia_release.installed"](saltenv)
    if not entry:
        releases = __salt__["octavia_pillar.data"](saltenv)["releasemap"]["releases"]
        entry = next(each for each in reversed(releases) if "pypi" in each)
    if "pypi" not in entry:
        raise CommandExecutionError(
            f"octavia:venv:version: is not set, and the formula pins no Octavia {entry['octavia']} ({entry['name']}); "
            "set it, and octavia:venv:constraints"
        )
    return entry["pypi"]


def _major(version):
    return int(version.split(".")[0])


def _directory(saltenv):
    return __salt__["octavia_pillar.venv_directory"](saltenv)


# --- what a virtualenv is made of -------------------------------------------------------------------------------------


def _recipe(version, saltenv):
    """What is installed, the file that pins everything else, and a digest of both."""
    value = __salt__["octavia_pillar.values"](saltenv)
    beside = [*_facts(saltenv)["pypi"], *value.get("venv:packages", [])]
    constraints = _constraints(version, value.get("venv:constraints"), saltenv)
    with open(constraints, "rb") as stream:
        told = json.dumps([version, beside]).encode() + stream.read()
    return {
        "packages": [f"octavia=={version}", *beside],
        "constraints": constraints,
        "digest": hashlib.sha256(told).hexdigest()[:12],
    }


def _facts(saltenv):
    facts = __salt__["octavia_pillar.distribution"](saltenv).get("venv")
    if not facts:
        family = __grains__.get("os_family")
        raise CommandExecutionError(f"octavia:install_method: is venv, which the formula cannot do on {family}")
    return facts


def _constraints(version, said, saltenv):
    if said and not said.startswith("salt://"):
        if not os.path.isfile(said):
            raise CommandExecutionError(f"octavia:venv:constraints: there is no file {said}")
        return said
    url = said or f"salt://octavia/pins/{_major(version)}.txt"
    # an environment of the file server that has no such file answers with an empty text or False
    path = __salt__["cp.cache_file"](url, saltenv or __opts__.get("saltenv") or "base")
    if not path or not os.path.isfile(path):
        raise CommandExecutionError(
            f"octavia:venv:constraints: there is no {url}"
            if said
            else f"octavia:venv:constraints: is not set, and the formula has no pins for Octavia {version}"
        )
    return path


def _read(place):
    return __salt__["octavia_file.note"](f"{place}/{_NOTE}")


# --- what is there ----------------------------------------------------------------------------------------------------


def path(version=None, saltenv=None):
    """
    Return the directory of the virtualenv that has a version, made as the pillar and the formula want it now. It need
    not be there. It is named after the version; where a virtualenv of that name has been made otherwise (of other
    packages or pins), which may be in use, the new one gets a longer name.

    version
        As ``wanted`` returns it; that one by default.

    Raises CommandExecutionError when there are no pins for the version.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.path 19.0.0
    """
    version = version or wanted(saltenv=saltenv)
    digest = _recipe(version, saltenv)["digest"]
    plain = f"{_directory(saltenv)}/{version}"
    return plain if _read(plain).get("recipe", digest) == digest else f"{plain}-{digest}"


def present(version=None, saltenv=None):
    """
    Tell whether there is a complete virtualenv of a version, made as the pillar and the formula want it now.

    version
        As ``wanted`` returns it; that one by default.

    Raises CommandExecutionError as ``path`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.present 19.0.0
    """
    return bool(_read(path(version, saltenv)))


def current(saltenv=None):
    """
    Return the name of the virtualenv in use, below the directory of all, or None.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.current
    """
    directory = _directory(saltenv)
    try:
        name = os.readlink(f"{directory}/{_LINK}")
    except OSError:
        return None
    return name if _read(os.path.join(directory, name)) else None


def recipe(saltenv=None):
    """
    Return a digest of what the virtualenv in use was made of, or None.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.recipe
    """
    name = current(saltenv)
    return name and _read(os.path.join(_directory(saltenv), name)).get("recipe")


def versions(saltenv=None):
    """
    Return the complete virtualenvs of this host, as ``{name: version}``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.versions
    """
    directory = _directory(saltenv)
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return {}
    found = {name: _read(f"{directory}/{name}").get("version") for name in names if name != _LINK}
    return {name: version for name, version in found.items() if version}


def faults(upgrades=False, saltenv=None):
    """
    Return what keeps this host from having its Octavia in a virtualenv, as lines for the preflight: no pins, or another
    version in use than the pillar names.

    upgrades
        This run is a phase of an upgrade: the pillar may name the version that it leads to.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.faults
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    said = value.get("venv:version")
    for name in value.get("venv:packages", []):
        # nothing that pip takes for an option, and no URL: both may hold a password, and stand in a command line
        if not _PACKAGE.fullmatch(str(name)):
            return ["octavia:venv:packages: must hold names of PyPI, with a version or without, and no options or URLs"]
    have = __salt__["octavia_release.installed"](saltenv) if current(saltenv) else None
    try:
        path(saltenv=saltenv)
    except CommandExecutionError as exc:
        return [str(exc)]
    if said and have and said != have and not upgrades:
        return [
            f"octavia:venv:version: is {said}, but this host uses Octavia {have}; go there by the phases of an "
            f"upgrade, or set it to {have}"
        ]
    return []


# --- build and use ----------------------------------------------------------------------------------------------------


def build(version=None, saltenv=None):
    """
    Make the virtualenv of a version, unless it is there. It takes a minute and some 300 MB, and touches nothing that
    runs. How pip reaches its index is up to pip's configuration on this host.

    version
        As ``wanted`` returns it; that one by default.

    Returns its directory. Raises CommandExecutionError with the last words of pip, and leaves nothing then.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.build 19.0.0
    """
    version = version or wanted(saltenv=saltenv)
    facts, recipe = _facts(saltenv), _recipe(version, saltenv)
    os.makedirs(_directory(saltenv), mode=0o755, exist_ok=True)
    with _lock(saltenv) as lock:
        place = path(version, saltenv)
        if _read(place):
            return place
        try:
            _clear(place)
            _run([facts["python"], "-I", "-m", "venv", place], place, version, lock)
            _install(place, version, recipe, lock)
            # all of it is on the disk before the note that says so
            os.sync()
            note = {"version": version, "recipe": recipe["digest"], "packages": recipe["packages"]}
            __salt__["octavia_file.write"](f"{place}/{_NOTE}", json.dumps(note), "root", "root", "0644")
        except BaseException:
            # also when the run is interrupted: it takes the room that a second try needs
            _clear(place)
            raise
    return place


def _install(place, version, recipe, lock):
    python = [f"{place}/bin/python", "-I"]
    pip = ["-m", "pip", "install", "--no-input", "--no-compile", "--progress-bar=off", "--disable-pip-version-check"]
    _run([*python, *pip, "--constraint", recipe["constraints"], *recipe["packages"]], place, version, lock)
    # services may not write there, so that each start would compile it again. A file for another Python may fail
    _run([*python, "-m", "compileall", "-q", "-j", "0", f"{place}/lib"], place, version, lock, check=False)
    found = _run([*python, "-W", "ignore", "-c", _LOAD, *_LOADED], place, version, lock).split()
    if found[-1:] != [version]:
        raise CommandExecutionError(f"octavia:venv:version: is {version}, but pip has installed {' '.join(found[-1:])}")


def _run(command, place, version, lock, check=True):
    """
    Run one step, return what it says. Not cmd.run: it cannot hand the lock on, and a pip whose Salt run was killed goes
    on writing. What it writes is readable by the services, whatever root's umask is.
    """
    try:
        done = subprocess.run(
            command,
            cwd="/",
            umask=0o022,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(lock,),
            timeout=_PATIENCE,
            check=False,
        )
        status, text = done.returncode, done.stdout
    except OSError as exc:
        status, text = 1, f"{command[0]}: {exc.strerror}"
    except subprocess.TimeoutExpired:
        status, text = 1, f"{command[0]} is not done after {_PATIENCE} s"
    log.debug("%s: exit status %s\n%s", " ".join(command), status, text)
    if status and check:
        why = _last_words(text) or f"exit status {status}"
        raise CommandExecutionError(f"octavia:venv:version: Octavia {version} cannot be put into {place}: {why}")
    return text


def _last_words(text):
    """The one useful line of pip, of venv or of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    broken = [line for line in lines if line.startswith("WARNING: Retrying")]
    if broken and any("from versions: none" in line for line in errors):
        return f"pip's index does not answer ({broken[-1].partition('connection broken by ')[2] or broken[-1]})"
    return (errors or lines or [""])[-1]


def _clear(place):
    """Take away a virtualenv, its note first."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{place}/{_NOTE}")
    shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _lock(saltenv):
    """One at a time, also where the Salt run of the first one was killed. A second one waits, and finds it done."""
    with open(f"{_directory(saltenv)}/.lock", "w", encoding="utf-8") as lock:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise CommandExecutionError(
                        f"octavia:venv:directory: pip of an earlier run is still at work in {_directory(saltenv)}"
                    ) from None
                time.sleep(1)
        yield lock.fileno()


def use(name, saltenv=None):
    """
    Have this host use another virtualenv, from now on. Services that run go on with the one that they were started
    with; to stop them before and start them after is up to the caller.

    name
        A version, or the name of a virtualenv as ``current`` and this function return it.

    Returns the names of the ``old`` one, None where there was none, and of the ``new`` one.

    Raises CommandExecutionError when it is not there or not complete.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.use 18.0.1
    """
    directory, known = _directory(saltenv), versions(saltenv)
    named = [each for each, version in known.items() if name in (each, version)]
    with contextlib.suppress(CommandExecutionError):
        # the way back must be open also where a version is not wanted any more, and has no pins
        named.sort(key=lambda each: (each != os.path.basename(path(name, saltenv)), each != name))
    if not named:
        raise CommandExecutionError(f"octavia:venv: there is no Octavia {name} in {directory}: build it first")
    change = {"old": current(saltenv), "new": named[0]}
    if change["old"] != change["new"]:
        draft = f"{directory}/.{_LINK}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        os.symlink(named[0], draft)
        os.replace(draft, f"{directory}/{_LINK}")
        __salt__["octavia_host.stop"]()
        __salt__["octavia_pkg.forget"]()
    return change


# --- what a package would bring besides -------------------------------------------------------------------------------

_SERVICES = {
    "api": "API",
    "worker": "Worker",
    "health_manager": "Health Manager",
    "housekeeping": "Housekeeping",
    "driver_agent": "Driver Agent",
}


def lacking(roles, saltenv=None):
    """
    Return what a virtualenv does not bring and this host lacks, as ``{thing: {old, new}}``: Octavia's user, its
    directories, the rotation of its logs, the units of some roles.

    roles
        List of api, worker, health_manager, housekeeping, driver_agent; others have no unit.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.lacking '[worker]'
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    changes = {}
    if not set(roles) & set(_SERVICES):
        return changes
    try:
        pwd.getpwnam(settings["user"])
    except KeyError:
        changes[f"user {settings['user']}"] = {"old": None, "new": settings["home"]}
    for place in _directories(settings):
        if not os.path.isdir(place):
            changes[place] = {"old": None, "new": "a directory"}
    for place, text in _files(settings, roles, saltenv).items():
        old = __salt__["octavia_file.read"](place)
        if old != text:
            changes[place] = {"old": old, "new": text}
    return changes


def supply(roles, saltenv=None):
    """
    Make what ``lacking`` finds, and return that.

    roles
        As for ``lacking``.

    Raises CommandExecutionError when the user or a file cannot be made, or systemd does not take the units.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.supply '[worker]'
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    changes = lacking(roles, saltenv)
    user, group = settings["user"], settings["group"]
    if f"user {user}" in changes:
        _add_user(user, group, settings["home"])
    for place, owner in _directories(settings).items():
        if place in changes:
            os.makedirs(place, mode=0o755, exist_ok=True)
            shutil.chown(place, owner, group)
            os.chmod(place, 0o750)  # noqa: S103 none for others
    files = [place for place in _files(settings, roles, saltenv) if place in changes]
    for place in files:
        __salt__["octavia_file.write"](place, changes[place]["new"], "root", "root", "0644")
    if any(place.endswith(".service") for place in files):
        __salt__["octavia_service.reread"]()
    return changes


def leftover(roles, saltenv=None):
    """
    Return the units of some roles that ``supply`` has made, where packages are to have theirs, as
    ``{path: {old, new}}``.

    roles
        As for ``lacking``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.leftover '[worker]'
    """
    settings, changes = __salt__["octavia_pillar.settings"](saltenv), {}
    for role in (role for role in _SERVICES if role in roles):
        place = f"{settings['unit_dir']}/{settings['units'][role]}.service"
        text = __salt__["octavia_file.read"](place)
        if text and text.startswith("# Managed by Salt"):
            changes[place] = {"old": text, "new": None}
    return changes


def withdraw(roles, saltenv=None):
    """
    Take away what ``leftover`` finds, and return that. Virtualenvs stay.

    roles
        As for ``lacking``.

    Raises CommandExecutionError when systemd does not read its units again.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_venv.withdraw '[worker]'
    """
    changes = leftover(roles, saltenv)
    for place in changes:
        os.unlink(place)
    if changes:
        __salt__["octavia_service.reread"]()
    return changes


def _directories(settings):
    """Directories and their owners; as packages of Debian make them, but that services do not write to /etc."""
    return {settings["conf_dir"]: "root", settings["log_dir"]: settings["user"], settings["home"]: settings["user"]}


def _add_user(user, group, home):
    for command in (
        ["groupadd", "--system", "--force", group],
        ["useradd", "--system", "--gid", group, "--home-dir", home, "--no-create-home", "--shell", "/bin/sh", user],
    ):
        done = __salt__["cmd.run_all"](command, python_shell=False)
        if done["retcode"]:
            words = (done["stderr"].strip().splitlines() or [f"exit code {done['retcode']}"])[-1]
            raise CommandExecutionError(f"octavia:host:user: {command[0]} {command[-1]}: {words}")


def _files(settings, roles, saltenv):
    files = {}
    for role in (role for role in _SERVICES if role in roles):
        unit = settings["units"][role]
        facts = {**settings, "role": role, "unit": unit, "what": _SERVICES[role]}
        place = f"{settings['unit_dir']}/{unit}.service"
        files[place] = __salt__["octavia_file.fill"]("octavia.service.jinja", facts, saltenv)
    # two rules for one file make logrotate leave it alone
    if not os.path.exists(settings["logrotate_packaged"]):
        files[settings["logrotate"]] = __salt__["octavia_file.fill"]("octavia.logrotate.jinja", settings, saltenv)
    return files
