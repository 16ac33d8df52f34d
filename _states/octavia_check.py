"""
Stop a run before it changes anything, when the pillar or the host cannot lead to a working Octavia.
"""

from salt.exceptions import CommandExecutionError


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
    try:
        found = __salt__["octavia_check.pillar"](saltenv=__env__)
        faults = found["faults"] or __salt__["octavia_check.host"](saltenv=__env__)
        if not faults:
            __salt__["octavia_service.observe"]()
    except CommandExecutionError as exc:
        found, faults = {"warnings": []}, [str(exc)]
    if found["warnings"]:
        ret["warnings"] = found["warnings"]
    if faults:
        ret.update(result=False, comment="\n".join(faults))
    return ret
