"""
Keep Octavia's policy as the pillar says.
"""

import os

from salt.exceptions import CommandExecutionError


def managed(name):
    """
    Ensure that policy.yaml holds what ``octavia:policy`` says, root:octavia 0640.

    The rules are checked by oslo.policy with those of the installed Octavia before the file is replaced: one that
    fails never takes the place of a good one. ``changes`` shows each rule that lets in others than before. The API
    reads the file again by itself, so nothing is restarted. Without ``octavia:policy`` a file that somebody else wrote
    is left alone, and one that this state wrote goes; on a host whose API is off every file stays.

    name
        Any text.

    .. code-block:: yaml

        octavia_policy:
          octavia_policy.managed: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        path = __salt__["octavia_policy.path"](saltenv=__env__)
        settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
        owner = ("root", settings["group"], "0640")
        wanted = __salt__["octavia_policy.is_wanted"](saltenv=__env__)
        old = __salt__["octavia_file.read"](path)
        new = __salt__["octavia_policy.render"](saltenv=__env__) if wanted else None
        if "api" not in settings["roles"]:
            ret["comment"] = "There is no API here, and nobody else reads a policy"
            return ret
        if not wanted and not __salt__["octavia_policy.is_ours"](old):
            ret["comment"] = "The pillar says nothing of policy: Octavia's own counts, or what somebody else wrote"
            return ret
        ret["comment"] = f"{path} is as the pillar says"
        follow = ""
        if new != old:
            ret["changes"], follow = _difference(settings["release"])
        if new is not None and old is not None:
            ret["changes"].update(__salt__["octavia_file.ownership"](path, *owner))
        if not ret["changes"]:
            return ret
        verb = "removed" if new is None else "written"
        if __opts__["test"]:
            ret.update(result=None, comment=f"{path} would be {verb}{follow}")
            return ret
        if new is None:
            os.unlink(path)
        else:
            __salt__["octavia_file.write"](path, new, *owner)
        ret["comment"] = f"{path} {verb}{follow}"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    except OSError as exc:
        ret.update(result=False, changes={}, comment=f"{path}: {exc.strerror}")
    return ret


def _difference(release):
    """``changes`` of the rules, and what the comment says besides."""
    if not release:
        if not __opts__["test"]:
            raise CommandExecutionError("Octavia is not installed here: apply octavia.api")
        rules = __salt__["octavia_policy.rules"](saltenv=__env__)
        return {rule: {"old": None, "new": text} for rule, text in sorted(rules.items())}, (
            ", once Octavia is installed and has accepted the rules"
        )
    found = __salt__["octavia_policy.compare"](saltenv=__env__)
    if found["faults"]:
        raise CommandExecutionError("\n".join(found["faults"]))
    changes = found["changes"] or {"text": {"old": "other rules that decide the same", "new": "as the pillar says"}}
    return changes, f"; {found['followers']} rules that refer to these follow" if found["followers"] else ""
