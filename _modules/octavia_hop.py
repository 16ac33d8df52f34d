"""
The hop of an upgrade: from which Octavia to which, whether OpenStack supports it, and by which packages, or by which
virtualenv: that goes as a package ``octavia`` here, whose versions are the names of virtualenvs.

A note in ``octavia:host:state_dir`` tells what this host had before: it is written by ``octavia.upgrade.pre`` and taken
away by ``octavia.upgrade.post`` or ``octavia.upgrade.restore``.
"""

import glob
import logging
import os
import re
import shutil
import time

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

log = logging.getLogger(__name__)

# What Debian's package manager prints of a package that would be installed: name, version there is, version to come.
_INSTALL = re.compile(r"^Inst (\S+?)(?::\S+)? (?:\[(\S+)\] )?\((\S+) ", re.MULTILINE)
_REMOVE = re.compile(r"^Remv (\S+)", re.MULTILINE)
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def facts(saltenv=None):
    """
    Return the hop that an upgrade of this host makes now, as a dict:

    old, new
        Versions of Octavia. ``new`` is that of the newest package, or of ``octavia:upgrade:package_version``; it is
        ``old`` where there is nothing newer. In a virtualenv it is the one that the pillar wants.
    before, after
        What the formula knows of the two releases: ``octavia`` (the version's first number), ``name``, ``number``.
    packages
        What changes, as ``{name: {old, new}}``; ``old`` is None for one that comes new.

    The package manager is asked once in a run, and changes nothing.

    Raises CommandExecutionError when Octavia is not installed, or when the package manager sees no way.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.facts
    """
    if "octavia_hop.facts" not in __context__:
        old = __salt__["octavia_release.installed"](saltenv)
        if not old:
            raise CommandExecutionError("Octavia is not installed here: there is nothing to upgrade")
        venv = __salt__["octavia_pillar.has_venv"]()
        new, packages = (_of_virtualenvs if venv else _of_packages)(old, saltenv)
        __context__["octavia_hop.facts"] = {
            "old": old,
            "new": new,
            "before": __salt__["octavia_release.known"](old, saltenv),
            "after": __salt__["octavia_release.known"](new, saltenv),
            "packages": packages,
        }
    return __context__["octavia_hop.facts"]


def _of_virtualenvs(_old, saltenv):
    new, current = __salt__["octavia_venv.wanted"](saltenv=saltenv), __salt__["octavia_venv.current"](saltenv)
    name = os.path.basename(__salt__["octavia_venv.path"](new, saltenv))
    return new, {"octavia": {"old": current, "new": name}} if name != current else {}


def _of_packages(old, saltenv):
    distribution = __salt__["octavia_pillar.distribution"](saltenv)
    common, along = distribution["offered_by"], __salt__["octavia_pillar.values"](saltenv)["upgrade:packages"]
    names, now = applications(saltenv), versions(saltenv)
    if not names:
        raise CommandExecutionError(f"{common} is not installed: this Octavia is none of the distribution's packages")
    packages = _simulated(names, along, now, saltenv)
    new = _upstream(packages[common]["new"]) if common in packages else old
    needed = distribution["along"].get(new.split(".")[0])
    return new, _simulated(names, [*along, *needed], now, saltenv) if needed else packages


def refresh(saltenv=None):
    """
    Have the package manager ask its sources, and ask it anew for the hop. A source that does not answer counts with
    what it said before, and packages that were downloaded stay, which Salt's own refresh would throw away then.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.refresh
    """
    if __salt__["octavia_pillar.has_venv"]():
        pass
    elif __grains__["os_family"] == "Debian":
        try:
            _apt("update")
        except CommandExecutionError as exc:
            log.warning("%s", exc)
    else:
        __salt__["pkg.refresh_db"]()
    __context__.pop("octavia_hop.facts", None)


def supported(before, after, saltenv=None):
    """
    Tell whether OpenStack supports an upgrade: to the next release, or from one SLURP release to the next one.

    before, after
        First numbers of the versions of Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.supported 16 18
    """
    releases = __salt__["octavia_pillar.data"](saltenv)["releasemap"]["releases"]
    slurp = [entry["octavia"] for entry in releases if entry.get("slurp")]
    following = [number for number in slurp if number > before]
    return after - before in (0, 1) or before in slurp and after == min(following, default=None)


def proved(before, after, saltenv=None):
    """
    Tell whether controllers may be upgraded one at a time while the others serve: the hop stays in one release, or the
    formula's own tests have made it so.

    before, after
        First numbers of the versions of Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.proved 16 19
    """
    releases = __salt__["octavia_pillar.data"](saltenv)["releasemap"]["releases"]
    return before == after or any(
        entry["octavia"] == after and before in entry.get("rolling", ()) for entry in releases
    )


def note(saltenv=None):
    """
    Return what ``octavia.upgrade.pre`` has noted of this host before its upgrade, empty where no upgrade is on its way:
    ``old`` and ``new`` (versions of Octavia), ``packages`` and ``to`` (``{name: version}`` of before and afterwards),
    ``began`` (services were stopped for it).

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.note
    """
    return __salt__["octavia_file.note"](_path(saltenv))


def begin(saltenv=None):
    """
    Note that the upgrade begins: services stop. From now on the note of before is not written anew, and the way back
    leads to the configuration of this moment, not of the day on which ``octavia.upgrade.pre`` was applied.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.begin
    """
    if "began" not in note(saltenv):
        __salt__["octavia_restore.save"](saltenv)
        remember(saltenv, began=True)


def remember(saltenv=None, **facts):
    """
    Add facts to the note of this host's upgrade; ``None`` takes one out of it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.remember began=True
    """
    old = note(saltenv)
    new = {name: fact for name, fact in {**old, **clean_kwargs(**facts)}.items() if fact is not None}
    if new != old:
        __salt__["octavia_file.keep"](_path(saltenv), new)


def forget(saltenv=None):
    """
    Take away the note of this host's upgrade, and what was saved for the way back.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.forget
    """
    shutil.rmtree(_directory(saltenv), ignore_errors=True)


def upgraded(saltenv=None):
    """
    Return when this host got its release of Octavia by an upgrade, as Glance writes times (``2026-11-26T02:30:00Z``);
    None where it was installed with it, or has gone back to another one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.upgraded
    """
    last = __salt__["octavia_file.note"](_last(saltenv))
    return last.get("time") if last.get("release") == __salt__["octavia_release.installed"](saltenv) else None


def arrived(saltenv=None):
    """
    Note when this host has another release of Octavia than before; what was known of packages is asked anew. Called
    after packages may have changed.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.arrived
    """
    __salt__["octavia_pkg.forget"]()
    release = __salt__["octavia_release.installed"](saltenv)
    if release not in (None, note(saltenv).get("old"), __salt__["octavia_file.note"](_last(saltenv)).get("release")):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        __salt__["octavia_file.keep"](_last(saltenv), {"release": release, "time": now})


def saved(name=None, saltenv=None):
    """
    Return the directory that holds what was saved for the way back, or the path of a file in it.

    name
        Name of a file.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.saved packages
    """
    return os.path.join(_directory(saltenv), name) if name else _directory(saltenv)


def is_prepared(saltenv=None):
    """
    Tell whether ``prepare`` was here before, for the same hop.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.is_prepared
    """
    hop, known = facts(saltenv), note(saltenv)
    # without packages to come there is nothing to prepare, or they have come already
    if not hop["packages"]:
        return True
    if __salt__["octavia_pillar.has_venv"]() and not __salt__["octavia_venv.present"](hop["new"], saltenv):
        return False
    return known.get("to") == {name: each["new"] for name, each in hop["packages"].items()}


def prepare(saltenv=None):
    """
    Download the packages of the hop, and save those that are installed now and octavia.conf with what belongs to it, so
    that neither the upgrade nor the way back asks the network. What is needed for the way back is noted, but not twice:
    an upgrade that stopped half way has gone on from the same. Returns lines about packages that cannot be saved: no
    source has them any more. Where Octavia is in a virtualenv, the one to come is built.

    Raises CommandExecutionError when a package to come cannot be downloaded, or the virtualenv cannot be built.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.prepare
    """
    hop = facts(saltenv)
    packages, known = hop["packages"], note(saltenv)
    if not packages:
        return []
    if known.get("to") and _has_all(known["to"], saltenv):
        # the one before came to its end, and octavia.upgrade.post was forgotten
        forget(saltenv)
        known = {}
    if "began" not in known:
        # nobody goes back to before the last upgrade any more
        __salt__["octavia_backup.done"](saltenv=saltenv)
    # services may have been stopped without octavia.upgrade.pre before: nothing is saved then
    if "began" not in known or "packages" not in known:
        __salt__["octavia_restore.save"](saltenv)
        remember(saltenv, old=hop["old"], packages={name: each["old"] for name, each in packages.items()})
    lost = []
    if __salt__["octavia_pillar.has_venv"]():
        __salt__["octavia_venv.build"](hop["new"], saltenv=saltenv)
    elif __grains__["os_family"] == "Debian":
        lost = _fetch(packages, saltenv)
    remember(saltenv, new=hop["new"], to={name: each["new"] for name, each in packages.items()})
    return lost


def _has_all(packages, saltenv):
    now = versions(saltenv)
    return all(now.get(name) == version for name, version in packages.items())


def _fetch(packages, saltenv):
    wanted = [f"{name}={versions['new']}" for name, versions in packages.items()]
    _apt("install", "--download-only", "--yes", "--no-install-recommends", *wanted)
    directory = saved("packages", saltenv)
    lost = []
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        for name, versions in packages.items():
            if versions["old"] and not _deb(directory, name, versions["old"]):
                try:
                    # as root: apt's own user may not write here
                    _apt("download", "-o", "APT::Sandbox::User=root", f"{name}={versions['old']}", cwd=directory)
                except CommandExecutionError:
                    if not _cached(directory, name, versions["old"]):
                        line = f"{name} {versions['old']} cannot be downloaded any more, so no way leads back to it"
                        lost.append(line)
    except OSError as exc:
        raise CommandExecutionError(f"{exc.filename or directory}: {exc.strerror}") from exc
    return lost


def packages_of_before(saltenv=None):
    """
    Return the saved packages that differ from what is installed now, as ``{name: {old, new, file}}``: ``new`` is the
    version of before, None for one that came with the upgrade.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.packages_of_before
    """
    before, now = note(saltenv).get("packages", {}), versions(saltenv)
    directory = saved("packages", saltenv)
    return {
        name: {"old": now.get(name), "new": version, "file": version and _saved(directory, name, version, saltenv)}
        for name, version in before.items()
        if now.get(name) != version
    }


def _saved(directory, name, version, saltenv):
    if not __salt__["octavia_pillar.has_venv"]():
        return _deb(directory, name, version)
    kept = version in __salt__["octavia_venv.versions"](saltenv)
    return kept and f"{__salt__['octavia_pillar.venv_directory'](saltenv)}/{version}"


def versions(saltenv=None):
    """
    Return the installed packages, as ``{name: version}``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.versions
    """
    if __salt__["octavia_pillar.has_venv"]():
        name = __salt__["octavia_venv.current"](saltenv)
        return {"octavia": name} if name else {}
    if __grains__["os_family"] == "Debian":
        command = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]
    else:
        command = ["rpm", "-qa", "--qf", "installed %{NAME} %{EVR}\n"]
    # a package whose first installation was killed has no version
    lines = [line.split() for line in __salt__["cmd.run_stdout"](command, python_shell=False).splitlines()]
    return {line[1]: line[2] for line in lines if len(line) == 3 and line[0] == "installed"}


def applications(saltenv=None):
    """
    Return the installed packages that are built from Octavia's source, as a sorted list.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_hop.applications
    """
    common = __salt__["octavia_pillar.distribution"](saltenv)["offered_by"]
    if __grains__["os_family"] == "Debian":
        command = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${source:Package}\n"]
    else:
        command = ["rpm", "-qa", "--qf", "installed %{NAME} %{SOURCERPM}\n"]
    lines = [line.split() for line in __salt__["cmd.run_stdout"](command, python_shell=False).splitlines()]
    # one whose installation was killed counts
    sources = {
        line[1]: line[2] for line in lines if len(line) == 3 and line[0] not in ("config-files", "not-installed")
    }
    return sorted(name for name, source in sources.items() if source == sources.get(common))


def _simulated(names, along, now, saltenv):
    """
    What the package manager would change for the newest of Octavia's packages, ``names``, and others that go along, as
    ``{name: {old, new}}``; ``now`` is what is installed.
    """
    pinned = __salt__["octavia_pillar.values"](saltenv).get("upgrade:package_version")
    along = [name for name in along if name in now and name not in names]
    if __grains__["os_family"] != "Debian":
        new = {name: pinned or __salt__["pkg.latest_version"](name, refresh=False) for name in names}
        new.update((name, __salt__["pkg.latest_version"](name, refresh=False)) for name in along)
        return {
            name: {"old": now[name], "new": version} for name, version in new.items() if version not in ("", now[name])
        }
    said = _apt(
        "install", "--simulate", "--no-install-recommends",
        *(f"{name}={pinned}" if pinned else name for name in names), *along,
    )  # fmt: skip
    gone = _REMOVE.findall(said)
    if gone:
        raise CommandExecutionError(f"The newest packages of Octavia would take away {', '.join(sorted(gone))}")
    return {name: {"old": old or None, "new": new} for name, old, new in sorted(_INSTALL.findall(said))}


def _apt(verb, *args, cwd=None):
    done = __salt__["cmd.run_all"](
        ["apt-get", "--quiet", verb, *args], python_shell=False, env=_QUIET, **({"cwd": cwd} if cwd else {})
    )
    if done["retcode"]:
        words = [line.strip() for line in done["stderr"].splitlines() if line.startswith("E: ")]
        words = words or done["stderr"].strip().splitlines()[-1:] or [f"exit code {done['retcode']}"]
        raise CommandExecutionError(f"apt-get {verb}: {words[0].removeprefix('E: ')}")
    return done["stdout"]


def _deb(directory, name, version):
    """The saved file of a package; dpkg's file names leave the epoch out or quote its colon."""
    plain = version.split(":")[-1]
    for spelling in (version.replace(":", "%3a"), plain):
        for path in glob.glob(f"{glob.escape(directory)}/{glob.escape(f'{name}_{spelling}')}_*.deb"):
            return path
    return None


def _cached(directory, name, version):
    """Take a package from what was downloaded for its own installation."""
    path = _deb("/var/cache/apt/archives", name, version)
    return path and shutil.copy(path, directory)


def _upstream(version):
    """``1:11.0.0-2+deb12u1`` -> ``11.0.0``."""
    return version.split(":")[-1].split("-")[0]


def _last(saltenv):
    return f"{__salt__['octavia_pillar.settings'](saltenv)['state_dir']}/upgraded.json"


def _directory(saltenv):
    return f"{__salt__['octavia_pillar.settings'](saltenv)['state_dir']}/upgrade"


def _path(saltenv):
    return f"{_directory(saltenv)}/note.json"
