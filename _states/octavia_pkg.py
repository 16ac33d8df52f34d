"""
Install packages whose services must not start yet.
"""

from salt.exceptions import CommandExecutionError


def installed(name, roles, **kwargs):
    """
    Ensure that the packages of roles are installed, and that their installation starts no service.

    The units of the roles are masked until the next boot while the package manager works, and unmasked whatever comes
    of it. Units that an interrupted run left masked are unmasked, and a package manager that it left half way is set
    right first.

    name
        Any text.

    roles
        List of api, worker, health_manager, housekeeping, driver_agent, client, db. Their packages are those of the
        distribution, or what the pillar says (``pkgs``).

    kwargs
        ``aggregate: true``, which Salt reads, lets one run of the package manager serve all states of this kind.

    .. code-block:: yaml

        octavia_worker_packages:
          octavia_pkg.installed:
            - roles: [worker]
            - aggregate: true
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        pkgs = __salt__["octavia_pillar.packages"](roles, saltenv=__env__)
        units = __salt__["octavia_pillar.settings"](saltenv=__env__)["units"]
        hold = [units[role] for role in roles if role in units]
        if __opts__["test"]:
            # the states after an aggregated one will find its packages there
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


def _install(name, pkgs, refresh):
    # what Debian recommends beside Octavia is a desktop's worth of packages that a controller has no use for
    lean = {"install_recommends": False} if __grains__["os_family"] == "Debian" else {}
    return {**__states__["pkg.installed"](name, pkgs=list(pkgs), refresh=refresh, **lean), "name": name}


def mod_aggregate(low, chunks, running):
    """
    Let one run of the package manager serve all roles: the first state of this kind takes the roles of those that
    follow. Called by Salt for states with ``aggregate: true``.

    .. code-block:: yaml

        octavia_api_packages:
          octavia_pkg.installed:
            - roles: [api]
            - aggregate: true
    """
    for chunk in chunks:
        if chunk["state"] == low["state"] and chunk["fun"] == low["fun"] and not chunk.get("__agg__"):
            chunk["__agg__"] = True
            low["roles"] = [*low["roles"], *(role for role in chunk["roles"] if role not in low["roles"])]
    return low
