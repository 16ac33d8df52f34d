"""
The way back from an upgrade: packages, configuration, and where it was migrated the database, as they were before.
"""

import os
import shutil

from salt.exceptions import CommandExecutionError


def save(saltenv=None):
    """
    Copy the files that an upgrade writes anew: octavia.conf, the policy, uWSGI's settings and our drop-ins. Root alone
    reads the copies.

    Raises CommandExecutionError when they cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_restore.save
    """
    directory = __salt__["octavia_hop.saved"]("files", saltenv)
    try:
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        os.mkdir(directory, mode=0o700)
        for path in _files(saltenv):
            if os.path.isfile(path):
                _copy(path, _copied(directory, path))
    except OSError as exc:
        raise CommandExecutionError(f"{exc.filename}: {exc.strerror}") from exc


def plan(saltenv=None):
    """
    Return what the way back would change, as a dict: ``packages`` and ``files``, ``{name: {old, new}}``; ``database``,
    ``{old, new}`` or None where no migration began; ``loses``, a sentence about what is lost; and ``faults``, lines
    about what stands in the way.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_restore.plan
    """
    known, faults, loses = __salt__["octavia_hop.note"](saltenv), [], ""
    if not known.get("packages"):
        return {
            "packages": {}, "files": {}, "database": None, "loses": "",
            "faults": ["Nothing is saved here: octavia.upgrade.pre was not applied, or octavia.upgrade.post was"],
        }  # fmt: skip
    packages = __salt__["octavia_hop.packages_of_before"](saltenv)
    missing = [name for name, each in packages.items() if each["new"] and not each["file"]]
    if missing and (__grains__["os_family"] == "Debian" or __salt__["octavia_pillar.has_venv"]()):
        names = ", ".join(f"{name} {packages[name]['new']}" for name in missing)
        faults.append(f"Not saved, and not to be had any more: {names}")
    directory, files = __salt__["octavia_hop.saved"]("files", saltenv), {}
    for path in _files(saltenv):
        before = _text(_copied(directory, path))
        if before is not None and before != _text(path):
            files[path] = {"old": "of the upgrade", "new": "of before"}
    database = None
    if __salt__["octavia_db.is_primary"](saltenv) and __salt__["octavia_backup.migrated"](saltenv=saltenv):
        dump = __salt__["octavia_backup.latest"](saltenv=saltenv)
        if dump:
            database = {"old": "migrated", "new": f"{dump['path']} of {dump['taken']}"}
            loses = f"what was changed in load balancers since {dump['taken']} is lost"
        else:
            faults.append("The database was migrated, and there is no dump of before")
    return {
        "packages": {name: {"old": each["old"], "new": each["new"]} for name, each in packages.items() if each["new"]},
        "files": files,
        "database": database,
        "loses": loses,
        "faults": faults,
    }


def packages(saltenv=None):
    """
    Install the packages of before from their saved files, in one go, while services are held back. Where Octavia is in
    a virtualenv, use the one of before.

    Raises CommandExecutionError with the package manager's words when that fails.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_restore.packages
    """
    found = {name: each for name, each in __salt__["octavia_hop.packages_of_before"](saltenv).items() if each["new"]}
    if not found:
        return
    if __salt__["octavia_pillar.has_venv"]():
        __salt__["octavia_venv.use"](found["octavia"]["new"], saltenv=saltenv)
        __salt__["octavia_pkg.forget"]()
        return
    settings = __salt__["octavia_pillar.settings"](saltenv)
    hold = list(settings["units"].values())
    try:
        __salt__["octavia_pkg.hold"](hold)
        __salt__["octavia_pkg.recover"]()
        if __grains__["os_family"] == "Debian":
            command = ["dpkg", "--install", "--force-confold", "--force-confdef"]
            command += [each["file"] for each in found.values()]
        else:
            command = ["dnf", "--assumeyes", "downgrade", *(f"{name}-{each['new']}" for name, each in found.items())]
        done = __salt__["cmd.run_all"](command, python_shell=False, env={"DEBIAN_FRONTEND": "noninteractive"})
        if done["retcode"]:
            raise CommandExecutionError(f"{command[0]}: {__salt__['octavia_pkg.words'](done)}")
    finally:
        __salt__["octavia_pkg.release"](hold)
        __salt__["octavia_pkg.forget"]()


def files(saltenv=None):
    """
    Put the saved files back.

    Raises CommandExecutionError when one cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_restore.files
    """
    directory = __salt__["octavia_hop.saved"]("files", saltenv)
    try:
        for path in _files(saltenv):
            copy = _copied(directory, path)
            if os.path.isfile(copy):
                _copy(copy, f"{path}.octavia-restore")
                os.replace(f"{path}.octavia-restore", path)
    except OSError as exc:
        raise CommandExecutionError(f"{exc.filename}: {exc.strerror}") from exc


def _files(saltenv):
    settings = __salt__["octavia_pillar.settings"](saltenv)
    units = [
        __salt__["octavia_service.drop_in"](settings["units"][role], saltenv)[0]
        for role in settings["roles"]
        if role != "api"
    ]
    policy = __salt__["octavia_policy.path"](saltenv)
    api = [settings[name] for name in ("api_uwsgi", "api_apache", "api_wsgi", "api_unit")]
    return [settings["conf_file"], policy, *api, *units]


def _copied(directory, path):
    return f"{directory}/{path.strip('/').replace('/', '%')}"


def _copy(source, target):
    """A copy with owner and mode, which nobody else can read at any moment."""
    stat = os.stat(source)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as copy, open(source, "rb") as stream:
        os.fchown(copy.fileno(), stat.st_uid, stat.st_gid)
        os.fchmod(copy.fileno(), stat.st_mode & 0o7777)
        shutil.copyfileobj(stream, copy)
        copy.flush()
        os.fsync(copy.fileno())


def _text(path):
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None
