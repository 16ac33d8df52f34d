"""
Install packages whose services must not start yet.
"""

import os

from salt.exceptions import CommandExecutionError


def installed(name, roles):
    """
    Ensure that the packages of roles are installed, and that their installation starts no service. Where the pillar
    says ``install_method: venv``, ensure that the virtualenv of this host's Octavia is there, with what a package would
    bring besides (user, directories, units), and in use, unless another version is: that is left to an upgrade.

    The units of the roles are masked until the next boot while the package manager works, and unmasked whatever comes
    of it. Units that an interrupted run left masked are unmasked, and a package manager that it left half way is set
    right first.

    name
        Any text.

    roles
        List of api, worker, health_manager, housekeeping, driver_agent, client, dashboard, db, backup. Their packages
        are those of the distribution, or what the pillar says (``pkgs``).

    One run of the package manager serves all states of this kind: the first one takes the roles of those that follow.

    .. code-block:: yaml

        octavia_worker_packages:
          octavia_pkg.installed:
            - roles: [worker]
    """
    roles = _together(roles)
    ret = _packages(name, roles)
    if ret["result"] is False:
        return ret
    try:
        return _virtualenv(ret, roles) if __salt__["octavia_pillar.has_venv"]() else _without(ret, roles)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}


def _packages(name, roles):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        pkgs = __salt__["octavia_pillar.packages"](roles, saltenv=__env__)
        units = __salt__["octavia_pillar.settings"](saltenv=__env__)["units"]
        # the units of a virtualenv are ours, and start when we start them
        venv = __salt__["octavia_pillar.has_venv"]()
        hold = [units[role] for role in roles if role in units and not venv]
        if __opts__["test"]:
            # the states after the first one will find its packages there
            planned = __context__.setdefault("octavia_pkg.planned", set())
            if planned.issuperset(__salt__["octavia_pkg.missing"](pkgs)):
                ret["comment"] = "All packages are installed"
                return ret
            planned.update(pkgs)
            return _install(name, pkgs, refresh=False)
        if __salt__["octavia_pkg.missing"](pkgs):
            try:
                __salt__["octavia_pkg.hold"](hold)
                __salt__["octavia_pkg.recover"]()
                return _install(name, pkgs, refresh=True)
            finally:
                __salt__["octavia_pkg.release"](hold)
                __salt__["octavia_pkg.forget"]()
        __salt__["octavia_pkg.release"](hold)
        ret["comment"] = "All packages are installed"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _virtualenv(ret, roles):
    """The state of the packages, with that of the virtualenv, its units and all that."""
    served = __salt__["octavia_pillar.distribution"](saltenv=__env__)["venv"]["packages"]
    if not set(roles) & set(served):
        return ret
    changes = _missing(roles)
    if __opts__["test"]:
        # as with packages
        planned = __context__.setdefault("octavia_venv.planned", set())
        changes = {thing: change for thing, change in changes.items() if thing not in planned}
        planned.update(changes)
        if changes:
            ret.update(result=None, changes={**ret["changes"], **changes}, comment=f"{_names(changes)} would be made")
        return ret
    if changes:
        if any(thing.endswith("/current") for thing in changes):
            place = __salt__["octavia_venv.build"](saltenv=__env__)
            __salt__["octavia_venv.use"](os.path.basename(place), saltenv=__env__)
        __salt__["octavia_venv.supply"](roles, saltenv=__env__)
        __salt__["octavia_pkg.forget"]()
        ret.update(changes={**ret["changes"], **changes}, comment=f"{_names(changes)} made")
    return ret


def _without(ret, roles):
    """The state of the packages, without units of a virtualenv, which would go before those of the packages."""
    settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
    units = [settings["units"][role] for role in roles if role in settings["units"]]
    # a host that never had one does not even load the module
    if not any(os.path.exists(f"{settings['unit_dir']}/{unit}.service") for unit in units):
        return ret
    changes = __salt__["octavia_venv.leftover"](roles, saltenv=__env__)
    if changes and __opts__["test"]:
        ret.update(result=None, changes={**ret["changes"], **changes}, comment=f"{_names(changes)} would be removed")
    elif changes:
        __salt__["octavia_venv.withdraw"](roles, saltenv=__env__)
        __salt__["octavia_pkg.forget"]()
        ret.update(changes={**ret["changes"], **changes}, comment=f"{_names(changes)} removed")
    return ret


def _missing(roles):
    """What there will be for these roles and is not there yet, as ``{thing: {old, new}}``."""
    changes, version = {}, __salt__["octavia_venv.wanted"](saltenv=__env__)
    current = __salt__["octavia_venv.current"](saltenv=__env__)
    # what another version is made of is not known here: its pins were those of another pillar
    if not current or __salt__["octavia_release.installed"](saltenv=__env__) == version:
        place = __salt__["octavia_venv.path"](version, saltenv=__env__)
        if not __salt__["octavia_venv.present"](version, saltenv=__env__):
            changes[place] = {"old": None, "new": f"Octavia {version}"}
        if current != os.path.basename(place):
            changes[f"{os.path.dirname(place)}/current"] = {"old": current, "new": os.path.basename(place)}
    changes.update(__salt__["octavia_venv.lacking"](roles, saltenv=__env__))
    return changes


def _names(changes):
    return ", ".join(changes)


def _together(roles):
    # Salt's own way, mod_aggregate, comes too late: Salt 3008 asks for it before the first run has brought this module
    same = [chunk for chunk in __lowstate__ if (chunk["state"], chunk["fun"]) == ("octavia_pkg", "installed")]
    return list(dict.fromkeys([*roles, *(role for chunk in same for role in chunk["roles"])]))


def _install(name, pkgs, refresh):
    # what Debian recommends beside Octavia is a desktop's worth of packages that a controller has no use for
    lean = {"install_recommends": False} if __grains__["os_family"] == "Debian" else {}
    return {**__states__["pkg.installed"](name, pkgs=list(pkgs), refresh=refresh, **lean), "name": name}
