"""
Hold services back while packages are installed, and recover from an installation that was killed.
"""

import fcntl
import os
import time

from salt.exceptions import CommandExecutionError

_RUNTIME_UNITS = "/run/systemd/system"
_DPKG_LOCK = "/var/lib/dpkg/lock-frontend"
_DPKG_UPDATES = "/var/lib/dpkg/updates"

# State and names of each package. pkg.list_pkgs asks the same, but sorting versions would be the dearest step of a
# converged run, and to find it Salt loads the package managers of other systems too.
_STATES = {
    "Debian": ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Package}:${Architecture}\n"],
    "RedHat": ["rpm", "-qa", "--qf", "installed %{NAME} %{NAME}.%{ARCH}\n"],
}


def missing(pkgs):
    """
    Return those packages that are not installed. What is installed is remembered until packages change.

    pkgs
        Names, or ``{name: version}``, as ``pkg.installed`` takes them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.missing '[octavia-api, octavia-worker]'
    """
    if "octavia_pkg.present" not in __context__:
        command = _STATES.get(__grains__["os_family"], _STATES["Debian"])
        lines = map(str.split, __salt__["cmd.run_stdout"](command, python_shell=False).splitlines())
        __context__["octavia_pkg.present"] = {name for state, *names in lines if state == "installed" for name in names}
    present = __context__["octavia_pkg.present"]
    names = [next(iter(item)) if isinstance(item, dict) else item for item in pkgs]
    return [name for name in names if name not in present]


def forget():
    """
    Forget what was known of packages, units, the installed Octavia and its upgrade. Called after packages have changed.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.forget
    """
    for known in ("octavia_pkg.present", "octavia_release.installed", "octavia_service.status", "octavia_hop.facts"):
        __context__.pop(known, None)
    # where a virtualenv has its libraries is known when there is one
    __context__.pop("octavia_pillar.settings", None)


def _masked(unit):
    """Masked until the next boot: so only a run of ours does it."""
    path = f"{_RUNTIME_UNITS}/{unit}.service"
    return os.path.islink(path) and os.readlink(path) == "/dev/null"


def hold(units):
    """
    Keep units from starting until the next boot or ``release``. Returns the units.

    units
        Names of systemd units, without ``.service``.

    Raises CommandExecutionError when systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.hold '[octavia-worker]'
    """
    _systemctl("mask", units)
    return units


def release(units):
    """
    Let units start again that ``hold`` has masked; others are left alone, also those that somebody masked for good.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.release '[octavia-worker]'
    """
    units = [unit for unit in units if _masked(unit)]
    if units:
        _systemctl("unmask", units)
        __context__.pop("octavia_service.status", None)


def _systemctl(verb, units):
    if units:
        command = ["systemctl", verb, "--runtime", *(f"{unit}.service" for unit in units)]
        done = __salt__["cmd.run_all"](command, python_shell=False)
        if done["retcode"]:
            raise CommandExecutionError(f"systemctl {verb} {' '.join(units)}: {done['stderr'].strip()}")


def recover(timeout=600):
    """
    Finish what a killed package manager left half way. Does nothing where there is no dpkg.

    timeout
        Seconds to wait for a package manager that is still at work; one that Salt started outlives a killed Salt.

    Raises CommandExecutionError when the time is over, or when dpkg cannot be set right.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.recover
    """
    if __grains__["os_family"] != "Debian":
        return
    _wait_for_dpkg(timeout)
    audit = __salt__["cmd.run_all"](["dpkg", "--audit"], python_shell=False)
    if audit["stdout"].strip() or os.listdir(_DPKG_UPDATES):
        done = __salt__["cmd.run_all"](
            ["dpkg", "--configure", "-a", "--force-confold"],
            python_shell=False,
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )
        if done["retcode"]:
            raise CommandExecutionError(f"dpkg --configure -a: {words(done)}")


def words(done):
    """
    Return what a package manager has to say of its failure, in one line: dpkg ends with no more than names.

    done
        Its answer, as ``cmd.run_all`` gives it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pkg.words '{retcode: 1, stderr: "dpkg: error: no such file"}'
    """
    lines = [line.strip() for line in done["stderr"].splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith(("dpkg: error:", "dpkg: error processing")):
            line = line.removeprefix("dpkg: ")
            return f"{line} {lines[number + 1]}" if line.endswith(":") and lines[number + 1 :] else line
    return lines[-1] if lines else f"exit code {done['retcode']}"


def _wait_for_dpkg(timeout):
    end = time.monotonic() + timeout
    with open(_DPKG_LOCK, "w", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as exc:
                if time.monotonic() > end:
                    raise CommandExecutionError(
                        f"another package manager holds {_DPKG_LOCK} for more than {timeout} s"
                    ) from exc
                time.sleep(1)
