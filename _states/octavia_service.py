"""
Keep Octavia's services running, each with what it reads as it is now, or stopped.
"""

from salt.exceptions import CommandExecutionError


def running(name, role):
    """
    Ensure that a service runs, is started at boot, and has read what is on the disk now: it is restarted when one of
    its options of octavia.conf, a file named there, its unit, what the server of the API reads, or the installed
    Octavia has changed since its process started, and only then. Where only options have changed that Octavia takes
    over while it runs, it is reloaded.

    name
        Any text.

    role
        api, worker, health_manager, housekeeping or driver_agent.

    .. code-block:: yaml

        octavia_worker_service:
          octavia_service.running:
            - role: worker
    """
    return _running(name, role)


def mod_watch(name, role, sfun=None, **kwargs):
    """
    Restart the service: a watched state has changed. Called by Salt.

    .. code-block:: yaml

        octavia_api_service:
          octavia_service.running:
            - role: api
            - watch:
              - sls: octavia.serve
    """
    return dead(name, role) if sfun == "dead" else _running(name, role, because=["a watched state"])


def _unit(role):
    return __salt__["octavia_pillar.settings"](saltenv=__env__)["units"][role]


def _running(name, role, because=()):
    unit = _unit(role)
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{unit} runs and is up to date"}
    try:
        now = __salt__["octavia_service.status"](unit)
        if now["masked"]:
            raise CommandExecutionError(f"{unit} is masked; unmask it with: systemctl unmask {unit}")
        old, verb = [], "started"
        if now["running"]:
            old, verb = because or __salt__["octavia_service.outdated"](unit, role), "enabled"
            if old:
                mutable = not because and __salt__["octavia_service.takes_over"](unit, role, old)
                verb = "reloaded" if mutable else "restarted"
                ret["changes"][verb] = {"old": False, "new": True}
        else:
            ret["changes"]["running"] = {"old": False, "new": True}
        if not now["enabled"]:
            ret["changes"]["enabled"] = {"old": False, "new": True}
        # by a run that was killed
        out = role == "api" and __salt__["octavia_service.is_taken_out"]()
        if out:
            ret["changes"]["load balancer"] = {"old": "without it", "new": "with it"}
            verb = verb if old or len(ret["changes"]) > 1 else "put back"
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            ret.update(result=None, comment=f"{unit} would be {verb}")
            return ret
        if not now["loaded"]:
            raise CommandExecutionError(f"{unit} is not installed")
        if "enabled" in ret["changes"]:
            __salt__["octavia_service.enable"](unit)
        if old or not now["running"]:
            if role == "api" and verb == "restarted" and _drains():
                __salt__["octavia_service.take_out"](saltenv=__env__)
                out = True
            __salt__["octavia_service.reload" if verb == "reloaded" else "octavia_service.start"](unit)
            __salt__["octavia_service.mark"](unit, role)
        if out:
            __salt__["octavia_service.put_back"](saltenv=__env__)
        ret["comment"] = f"{unit} {verb}" + (f", changed: {', '.join(old)}" if old else "")
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _drains():
    return __salt__["octavia_pillar.values"](saltenv=__env__)["api:drain"]


def unit(name, role):
    """
    Ensure that the unit of a service has our drop-in, which gives it a reload.

    name
        Any text.

    role
        worker, health_manager, housekeeping or driver_agent.

    .. code-block:: yaml

        octavia_worker_unit:
          octavia_service.unit:
            - role: worker
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The drop-in is in place"}
    try:
        path, old, new = __salt__["octavia_service.drop_in"](_unit(role), saltenv=__env__)
        if old == new:
            return ret
        ret["changes"][path] = {"old": old, "new": new}
        if __opts__["test"]:
            ret.update(result=None, comment=f"{path} would be written")
            return ret
        __salt__["octavia_service.place"](path, new)
        ret["comment"] = f"{path} written"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def dead(name, role):
    """
    Ensure that a service does not run and is not started at boot. Its files stay. One that is not installed is fine.

    name
        Any text.

    role
        api, worker, health_manager, housekeeping or driver_agent.

    .. code-block:: yaml

        octavia_api_disabled:
          octavia_service.dead:
            - role: api
    """
    unit = _unit(role)
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{unit} is stopped and disabled"}
    try:
        now = __salt__["octavia_service.status"](unit)
        if not now["loaded"] and not now["running"]:
            ret["comment"] = f"{unit} is not installed"
            return ret
        ret["changes"] = {thing: {"old": True, "new": False} for thing in ("running", "enabled") if now[thing]}
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            ret.update(result=None, comment=f"{unit} would be stopped and disabled")
            return ret
        __salt__["octavia_service.stop"](unit)
        ret["comment"] = f"{unit} stopped and disabled"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def alive(name):
    """
    Ensure that the services that this run has started are still up at its end.

    name
        Any text.

    .. code-block:: yaml

        octavia_services_alive:
          octavia_service.alive:
            - order: last
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Every service that was started stays up"}
    try:
        lines = __salt__["octavia_service.fallen"]()
    except CommandExecutionError as exc:
        lines = [str(exc)]
    if lines:
        ret.update(result=False, comment="\n".join(lines))
    return ret
