"""
Install packages whose services must not start yet.
"""

from salt.exceptions import CommandExecutionError


def installed(name, roles):
    """
    Ensure that the packages of roles are installed, and that their installation starts no service.

    The units of the roles are masked until the next boot while the package manager works, and unmasked whatever comes
    of it. Units that an interrupted run left masked are unmasked, and a package manager that it left half way is set
    right first.

    name
        Any text.

    roles
        List of api, worker, health_manager, housekeeping, driver_agent, client, db, backup. Their packages are those of
        the distribution, or what the pillar says (``pkgs``).

    One run of the package manager serves all states of this kind: the first one takes the roles of those that follow.

    .. code-block:: yaml

        octavia_worker_packages:
          octavia_pkg.installed:
            - roles: [worker]
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    roles = _together(roles)
    try:
        pkgs = __salt__["octavia_pillar.packages"](roles, saltenv=__env__)
        units = __salt__["octavia_pillar.settings"](saltenv=__env__)["units"]
        hold = [units[role] for role in roles if role in units]
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


def _together(roles):
    # Salt's own way, mod_aggregate, comes too late: Salt 3008 asks for it before the first run has brought this module
    same = [chunk for chunk in __lowstate__ if (chunk["state"], chunk["fun"]) == ("octavia_pkg", "installed")]
    return list(dict.fromkeys([*roles, *(role for chunk in same for role in chunk["roles"])]))


def _install(name, pkgs, refresh):
    # what Debian recommends beside Octavia is a desktop's worth of packages that a controller has no use for
    lean = {"install_recommends": False} if __grains__["os_family"] == "Debian" else {}
    return {**__states__["pkg.installed"](name, pkgs=list(pkgs), refresh=refresh, **lean), "name": name}
