"""
The phases of an upgrade. Each can be applied alone, again, and after one that was killed.
"""

from salt.exceptions import CommandExecutionError

# What still works is stopped last: housekeeping and health managers need nobody, the API feeds the worker.
_ORDER = ("housekeeping", "health_manager", "api", "driver_agent", "worker")


def ready(name):
    """
    Ensure that this host may be upgraded, and that neither the upgrade nor the way back will ask the network: packages
    to come are downloaded, those of now and octavia.conf are saved. The services are not touched.

    The comment is a table of findings; one of level ``stop`` fails the state.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_pre:
          octavia_upgrade.ready: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if not _roles():
            return {**ret, "comment": "No service of Octavia is enabled on this host"}
        if not __opts__["test"]:
            __salt__["octavia_hop.refresh"](saltenv=__env__)
        findings = __salt__["octavia_upgrade.before"](saltenv=__env__)
        ret["result"] = not any(each["level"] == "stop" for each in findings)
        if ret["result"] and not __salt__["octavia_hop.is_prepared"](saltenv=__env__):
            hop = __salt__["octavia_hop.facts"](saltenv=__env__)
            ret["changes"] = {
                f"{package} {each['new']}": {"old": None, "new": "downloaded"}
                for package, each in hop["packages"].items()
            }
            if __opts__["test"]:
                ret["result"] = None
            else:
                lost = __salt__["octavia_hop.prepare"](saltenv=__env__)
                findings += [{"what": "way back", "level": "warn", "line": line} for line in lost]
        ret["comment"] = __salt__["octavia_upgrade.table"](findings)
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def drained(name, only_due=False):
    """
    Ensure that no new request reaches this host's API: it is taken out of the load balancer before it.

    name
        Any text.

    only_due
        Leave a host alone that has the newest Octavia; as ``octavia:upgrade:only_due``.

    .. code-block:: yaml

        octavia_upgrade_drained:
          octavia_upgrade.drained: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
        if "api" not in settings["roles"]:
            return {**ret, "comment": "This host has no API"}
        if _stays(only_due):
            return {**ret, "comment": "This host has the newest Octavia and stays as it is"}
        if not __salt__["octavia_drain.way"](saltenv=__env__):
            keys = "octavia:api:healthcheck:disable_by_file_path nor octavia:upgrade:drain:haproxy"
            return {**ret, "comment": f"Neither {keys} is set: clients notice when the API stops"}
        if __salt__["octavia_drain.is_out"](saltenv=__env__):
            return {**ret, "comment": "The API is out already"}
        ret["changes"] = {"API": {"old": "serves", "new": "taken out"}}
        if __opts__["test"]:
            # for the phases that come later in this dry run
            __context__["octavia_upgrade.drained"] = True
            return {**ret, "result": None, "comment": "The API would be taken out of its load balancer"}
        # nobody is there to be waited for where it does not run
        runs = __salt__["octavia_service.status"](settings["units"]["api"])["running"]
        seconds = __salt__["octavia_pillar.values"](saltenv=__env__)["upgrade:drain:seconds"] if runs else 0
        left = __salt__["octavia_drain.out"](seconds, saltenv=__env__)
        ret["comment"] = "The API is out of its load balancer"
        if left:
            ret["comment"] += f"; HAProxy has {left} sessions with it after {seconds} s"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def stopped(name, only_due=False):
    """
    Ensure that no service of Octavia on this host runs or is started at boot, stopped in this order: housekeeping,
    health manager, API, driver agent, worker, which may finish what it does.

    name
        Any text.

    only_due
        Leave a host alone that has the newest Octavia; as ``octavia:upgrade:only_due``.

    .. code-block:: yaml

        octavia_upgrade_stopped:
          octavia_upgrade.stopped: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "No service of Octavia runs here"}
    try:
        status = [__salt__["octavia_service.status"](unit) for unit in _units()]
        if not any(now["running"] or now["enabled"] for now in status):
            return ret
        if _stays(only_due):
            return {**ret, "comment": "This host has the newest Octavia and stays as it is"}
        if not __opts__["test"]:
            __salt__["octavia_hop.begin"](saltenv=__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    ret = _merged(name, ret["comment"], _of_services("dead"))
    if __opts__["test"]:
        # for the phases that come later in this dry run
        for now in status:
            now.update(running=False, enabled=False)
    return ret


def latest(name):
    """
    Ensure that the packages of Octavia are the newest ones, or those of ``octavia:upgrade:package_version``, and that
    none of them starts a service. Packages of the data plane are left alone. Where Octavia is in a virtualenv, ensure
    that the one of the pillar's version is in use.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_packages:
          octavia_upgrade.latest: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if not _roles():
            return {**ret, "comment": "No service of Octavia is enabled on this host"}
        if not __opts__["test"]:
            __salt__["octavia_pkg.recover"]()
        hop = __salt__["octavia_hop.facts"](saltenv=__env__)
        if not hop["packages"]:
            _unmask()
            return {**ret, "comment": f"Octavia {hop['old']} is the newest there is"}
        ret["changes"] = dict(hop["packages"])
        if __opts__["test"]:
            return {
                **ret,
                "result": None,
                "comment": f"Octavia {hop['old']}: packages would be renewed, to {hop['new']}",
            }
        if not __salt__["octavia_hop.is_prepared"](saltenv=__env__):
            __salt__["octavia_hop.prepare"](saltenv=__env__)
        __salt__["octavia_hop.begin"](saltenv=__env__)
        before = __salt__["octavia_hop.versions"](saltenv=__env__)
        done = _install(name, hop["packages"])
        now = __salt__["octavia_hop.versions"](saltenv=__env__)
        ret["changes"] = {
            package: {"old": before.get(package), "new": now.get(package)}
            for package in sorted(before.keys() | now.keys())
            if before.get(package) != now.get(package)
        }
        if not done["result"]:
            return {**ret, "result": False, "comment": _useful(done["comment"])}
        ret["comment"] = f"Octavia {hop['old']} is {hop['new']} now" if hop["old"] != hop["new"] else "Packages renewed"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _install(name, packages):
    if __salt__["octavia_pillar.has_venv"]():
        __salt__["octavia_venv.use"](packages["octavia"]["new"], saltenv=__env__)
        __salt__["octavia_hop.arrived"](saltenv=__env__)
        return {"result": True}
    hold = _all_units()
    try:
        __salt__["octavia_pkg.hold"](hold)
        # what Debian recommends beside Octavia is a desktop's worth of packages that a controller has no use for
        lean = {"install_recommends": False} if __grains__["os_family"] == "Debian" else {}
        wanted = [{package: each["new"]} for package, each in packages.items()]
        return __states__["pkg.installed"](name, pkgs=wanted, refresh=False, **lean)
    finally:
        __salt__["octavia_pkg.release"](hold)
        __salt__["octavia_hop.arrived"](saltenv=__env__)


def _useful(comment):
    """What a package manager complains of, among all that Salt quotes of it; else that, in one line."""
    lines = [line.strip(" -") for line in comment.splitlines() if line.strip(" -")]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith(("E: ", "dpkg: error"))]
    return errors[0] if errors else " ".join(lines)


def _unmask():
    if not __opts__["test"]:
        __salt__["octavia_pkg.release"](_all_units())


def units(name):
    """
    Ensure that the units of all services of this host have our drop-in, as the roles' own states do.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_units:
          octavia_upgrade.units: []
    """
    return _merged(name, "The drop-ins are in place", _each("unit", [role for role in _roles() if role != "api"]))


def started(name):
    """
    Ensure that all services of Octavia on this host run, are started at boot, and have read what is on the disk,
    started in the reverse order. Amphorae that nobody listened to meanwhile get their time before a health manager
    fails them over. With ``octavia:upgrade:alone``, while no other controller serves, the API comes first and into its
    load balancer as soon as it answers.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_started:
          octavia_upgrade.started: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All services run and are up to date"}
    try:
        if not __opts__["test"] and _behind():
            if __salt__["octavia_db.due"](saltenv=__env__):
                found = __salt__["octavia_db.schema"](saltenv=__env__)
                if found["current"] != found["head"]:
                    raise CommandExecutionError(
                        f"The database schema is at {found['current'] or 'no revision'}, Octavia here wants "
                        f"{found['head']}: apply octavia.db.offline_sync first"
                    )
            if "health_manager" in _roles():
                __salt__["octavia_db.refresh_heartbeats"](saltenv=__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return _merged(name, ret["comment"], _starting())


def _starting():
    """``(unit, ret)`` of each service that is started."""
    value = __salt__["octavia_pillar.values"](saltenv=__env__)
    order = [role for role in _ORDER[::-1] if role in _roles()]
    first = [role for role in order if role == "api" and value["upgrade:alone"]]
    for unit, found in _each("running", first):
        try:
            if found["result"]:
                __salt__["octavia_drain.wait_for_api"](value["upgrade:patience"], saltenv=__env__)
                # told by the phase to which it belongs
                __context__["octavia_upgrade.back"] = _put_back()
        except CommandExecutionError as exc:
            found.update(result=False, comment=str(exc))
        yield unit, found
        if found["result"] is False:
            return
    yield from _each("running", [role for role in order if role not in first])


def returned(name):
    """
    Ensure that this host's API is in its load balancer again, once it answers, and that its health manager has heard
    of the amphorae.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_returned:
          octavia_upgrade.returned: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "This host serves"}
    patience = __salt__["octavia_pillar.values"](saltenv=__env__)["upgrade:patience"]
    try:
        if __opts__["test"]:
            ret["changes"] = _put_back()
            return {**ret, "result": None, "comment": "The API would be put back"} if ret["changes"] else ret
        __salt__["octavia_drain.wait_for_api"](patience, saltenv=__env__)
        ret["changes"] = _put_back()
        silent = __salt__["octavia_drain.wait_for_heartbeats"](patience, saltenv=__env__)
        if silent:
            ret.update(result=False, comment="\n".join(silent))
    except CommandExecutionError as exc:
        ret.update(result=False, comment=str(exc))
    return ret


def _put_back():
    """Have this host's API in its load balancer again; in a dry run, only tell. Returns the changes."""
    done = __context__.pop("octavia_upgrade.back", None)
    if done:
        return done
    would_be = __opts__["test"] and __context__.get("octavia_upgrade.drained")
    if not would_be and not __salt__["octavia_drain.is_out"](saltenv=__env__):
        return {}
    if not __opts__["test"]:
        __salt__["octavia_drain.back"](saltenv=__env__)
    return {"API": {"old": "taken out", "new": "serves"}}


def cleaned(name):
    """
    Ensure that nothing is left of an upgrade that came to its end: the packages and files that were saved for the way
    back go. The dump of the database stays.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_cleaned:
          octavia_upgrade.cleaned: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Nothing is left of an upgrade"}
    known = __salt__["octavia_hop.note"](saltenv=__env__)
    if not known:
        return ret
    here = __salt__["octavia_release.installed"](saltenv=__env__)
    if "began" in known:
        try:
            down = [unit for unit in _units() if not __salt__["octavia_service.status"](unit)["running"]]
        except CommandExecutionError as exc:
            return {**ret, "result": False, "comment": str(exc)}
        why = f"this host has {here}" if known.get("new", here) != here else ", ".join(down) + " does not run"
        if known.get("new", here) != here or down:
            line = f"The upgrade to {known.get('new', here)} did not come to its end, {why}: apply the phases again"
            return {**ret, "result": False, "comment": f"{line}, or octavia.upgrade.restore"}
    ret["changes"] = {__salt__["octavia_hop.saved"](saltenv=__env__): {"old": "saved for the way back", "new": None}}
    if __opts__["test"]:
        return {**ret, "result": None, "comment": "What was saved for the way back would go"}
    try:
        if not __salt__["octavia_backup.done"](saltenv=__env__):
            line = "The migration of the database is not complete: apply octavia.db.offline_sync, or"
            return {**ret, "result": False, "changes": {}, "comment": f"{line} octavia.upgrade.restore"}
        __salt__["octavia_hop.forget"](saltenv=__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    return {**ret, "comment": "What was saved for the way back is gone"}


def verified(name):
    """
    Ensure that this host works: services, versions, schema, heartbeats, and by the API a round of create, read, update
    and delete. The comment is a table of findings; one of level ``stop`` fails the state. A dry run makes nothing.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_verified:
          octavia_upgrade.verified: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if not _roles():
            return {**ret, "comment": "No service of Octavia is enabled on this host"}
        findings = __salt__["octavia_upgrade.after"](test=__opts__["test"], saltenv=__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    ret["result"] = not any(each["level"] == "stop" for each in findings)
    return {**ret, "comment": __salt__["octavia_upgrade.table"](findings)}


def restored(name):
    """
    Ensure that this host is as it was before the upgrade: packages, configuration, services, and where it was migrated
    the database, from the dump of before. What was changed since that dump is lost then, which the comment says.

    name
        Any text.

    .. code-block:: yaml

        octavia_upgrade_restored:
          octavia_upgrade.restored: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "This host is as it was before"}
    try:
        plan = __salt__["octavia_restore.plan"](saltenv=__env__)
        if plan["faults"]:
            return {**ret, "result": False, "comment": "\n".join(plan["faults"])}
        loses = f"; {plan['loses']}" if plan["loses"] else ""
        steps = (
            ({"database": plan["database"]} if plan["database"] else {}, "octavia_backup.restore"),
            (plan["packages"], "octavia_restore.packages"),
            (plan["files"], "octavia_restore.files"),
        )
        due = any(changes for changes, _step in steps)
        if not __opts__["test"]:
            # of a run that was killed
            _unmask()
            if due:
                down = _merged(name, "", _of_services("dead"))
                if not down["result"]:
                    return down
        for changes, step in steps:
            if changes and not __opts__["test"]:
                __salt__[step](saltenv=__env__)
            ret["changes"].update(changes)
        if not __opts__["test"] and "health_manager" in _roles() and _behind():
            __salt__["octavia_db.refresh_heartbeats"](saltenv=__env__)
        if not due or not __opts__["test"]:
            up = _merged(name, "", _of_services("running"))
            if up["result"] is False:
                return {**ret, "result": False, "comment": up["comment"]}
            # those of a run that stops them itself are no change
            ret["changes"].update({} if due else up["changes"])
        if not __opts__["test"]:
            patience = __salt__["octavia_pillar.values"](saltenv=__env__)["upgrade:patience"]
            __salt__["octavia_drain.wait_for_api"](patience, saltenv=__env__)
        ret["changes"].update(_put_back())
        if __opts__["test"]:
            comment = f"This host would be as it was before{loses}"
            return {**ret, "result": None, "comment": comment} if ret["changes"] else ret
        __salt__["octavia_hop.remember"](saltenv=__env__, began=None)
        if ret["changes"]:
            ret["comment"] = f"This host is as it was before again{loses}"
    except CommandExecutionError as exc:
        ret.update(result=False, comment=str(exc))
    return ret


# --- all services of the host


def _roles():
    return __salt__["octavia_pillar.roles"](saltenv=__env__)


def _stays(only_due):
    """Whether there is nothing to upgrade here, and such a host is left alone."""
    only_due = only_due or __salt__["octavia_pillar.values"](saltenv=__env__)["upgrade:only_due"]
    return only_due and not __salt__["octavia_hop.facts"](saltenv=__env__)["packages"]


def _units():
    settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
    return [settings["units"][role] for role in settings["roles"]]


def _all_units():
    """Those of other roles too: their packages may be here."""
    return list(__salt__["octavia_pillar.settings"](saltenv=__env__)["units"].values())


def _behind():
    """Whether a service does not run, or is older than what it reads."""
    settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
    return any(
        not __salt__["octavia_service.status"](settings["units"][role])["running"]
        or __salt__["octavia_service.outdated"](settings["units"][role], role)
        for role in settings["roles"]
    )


def _of_services(wanted):
    """Stop (``dead``) or start (``running``) those of the enabled roles, in order."""
    order = [role for role in _ORDER if role in _roles()]
    return _each(wanted, order if wanted == "dead" else order[::-1])


def _each(function, roles):
    """``(unit, ret)`` of each role's own state, until one fails."""
    settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
    for role in roles:
        unit = settings["units"][role]
        found = __states__[f"octavia_service.{function}"](unit, role)
        yield unit, found
        if found["result"] is False:
            return


def _merged(name, comment, each):
    ret = {"name": name, "result": True, "changes": {}, "comment": comment}
    lines = []
    for unit, found in each:
        if found["changes"]:
            ret["changes"][unit] = found["changes"]
            lines.append(found["comment"])
        if found["result"] is not True:
            ret["result"] = found["result"]
        if found["result"] is False:
            lines = [found["comment"]]
    if lines:
        ret["comment"] = "\n".join(lines)
    return ret
