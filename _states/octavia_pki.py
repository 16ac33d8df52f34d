"""
The certificates that Octavia's services read, and those of amphorae.
"""

from salt.exceptions import CommandExecutionError


def checked(name, warn_days=None, critical_days=None, source=None):
    """
    Ensure that no certificate that this host's octavia.conf names, and none of an amphora, ends soon. It changes
    nothing: it fails with a line for each that does, and warns of those that are next.

    name
        Any text.

    warn_days, critical_days
        As for ``octavia_pki.status``; ``octavia:certificates:check`` by default.

    source
        ``salt://octavia``: named so that salt-ssh carries the formula's files to the host.

    .. code-block:: yaml

        octavia_certificates_check:
          octavia_pki.checked:
            - critical_days: 14
            - source: salt://octavia
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "No certificate ends soon"}
    try:
        findings = __salt__["octavia_pki.status"](warn_days, critical_days, saltenv=__env__)["findings"]
    except CommandExecutionError as exc:
        ret.update(result=False, comment=str(exc))
        return ret
    lines = {level: [each["line"] for each in findings if each["level"] == level] for level in ("critical", "warning")}
    if lines["warning"]:
        ret["warnings"] = lines["warning"]
    if lines["critical"]:
        ret.update(result=False, comment="\n".join(lines["critical"]))
    elif findings and not lines["warning"]:
        ret["comment"] += f"; the first: {findings[0]['line']}"
    return ret
