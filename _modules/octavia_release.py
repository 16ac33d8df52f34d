"""
Which Octavia this host has or can have, and what is known of that release.
"""

import importlib.metadata

from salt.exceptions import CommandExecutionError


def installed(saltenv=None):
    """
    Return the version of the Octavia that the host's Python has (``11.0.0``), or None.

    Read from the metadata of the Python package, without starting anything, and remembered until packages change.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.installed
    """
    if not __context__.get("octavia_release.installed"):
        path = __salt__["octavia_pillar.distribution"](saltenv)["host"]["metadata_path"]
        found = next(iter(importlib.metadata.distributions(name="octavia", path=path)), None)
        __context__["octavia_release.installed"] = found and found.version
    return __context__["octavia_release.installed"]


def offered(saltenv=None):
    """
    Return the version of Octavia that the package source offers (``11.0.0``), or None.

    Asks the package manager, and refreshes its lists once where they know nothing of Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.offered
    """
    if "octavia_release.offered" not in __context__:
        package = __salt__["octavia_pillar.distribution"](saltenv)["offered_by"]
        version = __salt__["pkg.latest_version"](package, refresh=False)
        if not version:
            __salt__["pkg.refresh_db"]()
            version = __salt__["pkg.latest_version"](package, refresh=False)
        # 1:11.0.0-2+deb12u1 -> 11.0.0
        __context__["octavia_release.offered"] = (version or "").split(":")[-1].split("-")[0] or None
    return __context__["octavia_release.offered"]


def facts(saltenv=None):
    """
    Return the facts of the release that this host runs or will run: ``version``, ``octavia`` (its first number),
    ``name``, ``number``, ``wsgi``. An Octavia that is newer than all known ones gets the facts of the newest.

    Raises CommandExecutionError when Octavia is neither installed nor offered.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.facts
    """
    version = installed(saltenv) or offered(saltenv)
    if not version:
        raise CommandExecutionError(
            "Octavia is not installed, and no package source of this host offers "
            f"{__salt__['octavia_pillar.distribution'](saltenv)['offered_by']}"
        )
    major = int(version.split(".")[0])
    table = __salt__["octavia_pillar.data"](saltenv)["releasemap"]
    known = [entry for entry in table["releases"] if entry["octavia"] <= major]
    return {**table["defaults"], **known[-1], "octavia": major, "version": version}
