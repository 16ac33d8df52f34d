"""
Stop a run before it changes anything, when the pillar or the host cannot lead to a working Octavia; and fail one when
the Octavia that is there does not work.
"""

from salt.exceptions import CommandExecutionError

# States that make what octavia_ids looks for, and the SLS that has them.
_MAKERS = {"octavia_resources.managed": "octavia.resources", "octavia_interface.port": "octavia.manager.interface"}

_LEVELS = ("critical", "warning", "ok")


def preflight(name, source=None):
    """
    Ensure that the pillar is sound and that this host can serve it. Everything else that the formula does requires
    this state; it changes nothing itself.

    name
        Any text.

    source
        ``salt://octavia``: named so that salt-ssh carries the formula's files to the host.

    .. code-block:: yaml

        octavia_preflight:
          octavia_check.preflight:
            - source: salt://octavia
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The pillar is sound and this host can serve it"}
    # what this run makes need not be there yet
    run = {f"{chunk['state']}.{chunk['fun']}" for chunk in __lowstate__}
    __context__["octavia_ids.made"] = [sls for state, sls in _MAKERS.items() if state in run]
    try:
        found = __salt__["octavia_check.pillar"](saltenv=__env__)
        upgrades = any(chunk["state"] == "octavia_upgrade" for chunk in __lowstate__)
        faults = found["faults"] or __salt__["octavia_check.host"](
            saltenv=__env__, ids="octavia_conf.managed" in run, upgrades=upgrades
        )
        if not faults:
            __salt__["octavia_service.observe"]()
    except CommandExecutionError as exc:
        found, faults = {"warnings": []}, [str(exc)]
    if found["warnings"]:
        ret["warnings"] = found["warnings"]
    if faults:
        ret.update(result=False, comment="\n".join(faults))
    return ret


def healthy(name, timeout=60, source=None):
    """
    Ensure that amphorae and health managers hear of each other. It changes nothing: it fails with a line for each
    finding of ``octavia_check.health`` that is critical, and warns of the others.

    name
        Any text.

    timeout
        Seconds for all amphorae together to answer.

    source
        ``salt://octavia``: named so that salt-ssh carries the formula's files to the host.

    .. code-block:: yaml

        octavia_health:
          octavia_check.healthy:
            - source: salt://octavia
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        findings = __salt__["octavia_check.health"](timeout=timeout, saltenv=__env__)["findings"]
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    lines = {level: [each["line"] for each in findings if each["level"] == level] for level in _LEVELS}
    if lines["warning"]:
        ret["warnings"] = lines["warning"]
    if lines["critical"]:
        return {**ret, "result": False, "comment": "\n".join(lines["critical"])}
    return {**ret, "comment": "\n".join(lines["ok"])}


def probed(
    name, vip_subnet=None, vip_network=None, member=None, via=None, timeout=None, project=None, cloud_name=None,
    source=None,
):  # fmt: skip
    """
    Ensure that load balancers work: one is made, asked and removed, as ``octavia_check.probe`` does it. A dry run makes
    none.

    name
        Any text.

    vip_subnet, vip_network, member, via, timeout, project, cloud_name
        As for ``octavia_check.probe``; ``octavia:probe`` by default.

    source
        ``salt://octavia``: named so that salt-ssh carries the formula's files to the host.

    .. code-block:: yaml

        octavia_probe:
          octavia_check.probed:
            - vip_subnet: private-subnet
            - member: 10.0.0.5:8080
            - source: salt://octavia
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        found = __salt__["octavia_check.probe"](
            vip_subnet, vip_network, member, via, timeout, project, cloud_name, test=__opts__["test"], saltenv=__env__
        )
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return {**ret, "result": found["ok"], "comment": "\n".join([found["line"], *found["steps"]])}
