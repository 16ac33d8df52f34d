"""
Give all amphorae another heartbeat key while no health manager waits for their heartbeats.
"""

from salt.exceptions import CommandExecutionError


def paused(name):
    """
    Ensure that this host's health manager does not run, nor starts at boot, while amphorae may have another heartbeat
    key than the pillar says. While they have that one nothing is touched. An octavia.conf that the installed Octavia
    would refuse is refused first.

    name
        Any text.

    .. code-block:: yaml

        octavia_heartbeat_key_paused:
          octavia_heartbeat.paused:
            - require_in:
              - octavia_conf: octavia_conf
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All amphorae have the heartbeat key of the pillar"}
    # octavia_gate lets another key pass where these states are at work
    __context__["octavia_heartbeat.rotates"] = True
    try:
        new = __salt__["octavia_conf.render"](saltenv=__env__, mask=False, awaited=False)
        if not __salt__["octavia_heartbeat.due"](new, saltenv=__env__):
            return ret
        settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
        old = __salt__["octavia_file.read"](settings["conf_file"]) or ""
        options = __salt__["octavia_diff.changes"](old, new, saltenv=__env__)
        faults = __salt__["octavia_gate.check"](new, options, saltenv=__env__)["faults"]
        if faults:
            return {**ret, "result": False, "comment": "\n".join(faults)}
        unit = settings["units"]["health_manager"]
        now = __salt__["octavia_service.status"](unit)
        ret["changes"] = {thing: {"old": True, "new": False} for thing in ("running", "enabled") if now[thing]}
        verb = "would be" if __opts__["test"] else "is"
        ret["comment"] = f"{unit} {verb} stopped until all amphorae have the new heartbeat key"
        if __opts__["test"]:
            ret["result"] = None if ret["changes"] else True
            # what the state of the service will find
            now.update(running=False, enabled=False)
        else:
            if ret["changes"]:
                __salt__["octavia_service.stop"](unit)
            __salt__["octavia_heartbeat.begin"](saltenv=__env__)
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def spread(name):
    """
    Ensure that all amphorae have the heartbeat key that the pillar says: a worker sends it to them, and their last
    heartbeats count from now on.

    name
        Any text.

    .. code-block:: yaml

        octavia_heartbeat_key_spread:
          octavia_heartbeat.spread:
            - require:
              - octavia_service: octavia_worker_service
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "All amphorae have the heartbeat key of the pillar"}
    try:
        if not __salt__["octavia_heartbeat.due"](saltenv=__env__):
            return ret
        ret["changes"] = {"heartbeat key of amphorae": {"old": "(hidden)", "new": "(hidden, changed)"}}
        if __opts__["test"]:
            ret.update(result=None, comment="Amphorae would be configured with the new heartbeat key")
            return ret
        number = __salt__["octavia_heartbeat.spread"](saltenv=__env__)
        ret["comment"] = f"The new heartbeat key went to all amphorae ({number})"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def finished(name):
    """
    Note that all amphorae have the heartbeat key that the pillar says and that the health manager waits for them
    again. Until then the next run does all of it anew.

    name
        Any text.

    .. code-block:: yaml

        octavia_heartbeat_key_finished:
          octavia_heartbeat.finished:
            - require:
              - octavia_heartbeat: octavia_heartbeat_key_spread
              - octavia_service: octavia_health_manager_service
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "No other heartbeat key is on its way"}
    try:
        if not __opts__["test"] and __salt__["octavia_heartbeat.due"](saltenv=__env__):
            __salt__["octavia_heartbeat.finish"](saltenv=__env__)
    except CommandExecutionError as exc:
        ret.update(result=False, comment=str(exc))
    return ret
