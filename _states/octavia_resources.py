"""
Have in the cloud what Octavia needs there.
"""

from salt.exceptions import CommandExecutionError


def managed(name, service):
    """
    Ensure that everything is there that the pillar wants of one service: ``octavia:resources:<service>`` and the
    defaults. What is there already is found by its name, changed where it differs, and never deleted; where something
    differs that cannot be changed, nothing is changed at all.

    name
        Any text.

    service
        ``identity``, ``network``, ``compute`` or ``image``.

    .. code-block:: yaml

        octavia_resources_network:
          octavia_resources.managed:
            - service: network
    """
    return _each(name, service, "octavia_resources.ensure", reverse=False)


def purged(name, service):
    """
    Ensure that nothing is there any more that ``managed`` has made. What was there before it stays.

    name
        Any text.

    service
        As for ``managed``.

    .. code-block:: yaml

        octavia_resources_network:
          octavia_resources.purged:
            - service: network
    """
    return _each(name, service, "octavia_resources.remove", reverse=True)


def _each(name, service, function, reverse):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    lines = []
    try:
        plan = __salt__["octavia_resources.plan"](service, saltenv=__env__)
        plan = plan[::-1] if reverse else plan
        # all of it is looked at before any of it is changed: what is refused is refused as a whole
        found = [__salt__[function](entry, test=True, saltenv=__env__) for entry in plan]
        due = [entry for entry, each in zip(plan, found, strict=True) if each["changes"]]
        if __opts__["test"]:
            for each in found:
                ret["changes"].update(each["changes"])
        else:
            found = []
            for entry in due:
                found.append(__salt__[function](entry, test=False, saltenv=__env__))
                ret["changes"].update(found[-1]["changes"])
        lines = [each["comment"] for each in found if each["changes"]]
    except CommandExecutionError as exc:
        if __opts__["test"] and getattr(exc, "library", None):
            ret.update(result=None, comment=f"To be seen when the packages are there: {exc}")
        else:
            ret.update(result=False, comment=str(exc))
            ret["changes"] = {} if __opts__["test"] else ret["changes"]
        return ret
    if ret["changes"] and __opts__["test"]:
        ret["result"] = None
    nothing = "Nothing is there that was made here" if reverse else "Everything is there, as it should be"
    ret["comment"] = "\n".join(lines) or nothing
    return ret
