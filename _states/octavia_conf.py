"""
Keep octavia.conf as the pillar says, and only what the installed Octavia takes.
"""

import difflib

from salt.exceptions import CommandExecutionError


def managed(name):
    """
    Ensure that octavia.conf holds what the pillar says for the installed release, root:octavia 0640.

    What is about to be written is checked by the installed Octavia first; a file with a fault never replaces the one
    that is there. It is replaced as a whole and at once, and is never readable by others. ``changes`` and the diff
    show the options that differ; of a secret they show only that it differs. Another order or other comments are no
    difference.

    name
        Any text.

    .. code-block:: yaml

        octavia_conf:
          octavia_conf.managed: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
        path, owner = settings["conf_file"], ("root", settings["group"], "0640")
        ret["comment"] = f"{path} is as the pillar says"
        new = __salt__["octavia_conf.render"](saltenv=__env__, mask=False)
        old = __salt__["octavia_file.read"](path)
        options = __salt__["octavia_diff.changes"](old or "", new, saltenv=__env__)
        known, warnings = new, []
        if __salt__["octavia_pillar.unsaid"](saltenv=__env__):
            # a remark on an id that only the run makes is no value to be judged
            known = __salt__["octavia_conf.render"](saltenv=__env__, mask=False, awaited=False)
            warnings = __salt__["octavia_ids.warnings"](saltenv=__env__)
        checked = __salt__["octavia_gate.check"](known, options, saltenv=__env__)
        warnings += checked["warnings"]
        if warnings:
            ret["warnings"] = warnings
        if checked["faults"]:
            ret.update(result=False, comment="\n".join(checked["faults"]))
            return ret
        ret["changes"] = dict(options)
        if old is not None:
            ret["changes"].update(__salt__["octavia_file.ownership"](path, *owner))
        if not ret["changes"]:
            return ret
        ret["comment"] = f"{path} would be written" if __opts__["test"] else f"{path} written"
        if "unchecked" in checked:
            ret["comment"] += f" (not checked: {checked['unchecked']})"
        if options:
            ret["comment"] += "\n" + __salt__["octavia_diff.unified"](options)
        if __opts__["test"]:
            # the service states compare with what the file is about to be
            __context__.setdefault("octavia_conf.pending", {})[path] = new
            ret["result"] = None
        else:
            __salt__["octavia_file.write"](path, new, *owner)
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def texts(name):
    """
    Ensure that the files whose text stands in the pillar hold it, root:octavia 0640: the audit map and the template of
    haproxy's configuration. Nothing in them is rendered. They are read as Octavia will read them first: one that it
    would refuse never replaces a good one. ``changes`` shows the lines that differ.

    name
        Any text.

    .. code-block:: yaml

        octavia_conf_texts:
          octavia_conf.texts: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Every text of the pillar is in its file"}
    try:
        owner = ("root", __salt__["octavia_pillar.settings"](saltenv=__env__)["group"], "0640")
        due, planned = [], {}
        for option, (path, new) in __salt__["octavia_conf.texts"](saltenv=__env__).items():
            old = __salt__["octavia_file.read"](path)
            changes = {} if old is None else __salt__["octavia_file.ownership"](path, *owner)
            if old != new:
                changes["text"] = _lines(old, new)
                planned[option] = [path, new]
            if changes:
                due.append((path, new))
                ret["changes"].update({f"{path} {thing}": change for thing, change in changes.items()})
        checked = __salt__["octavia_gate.texts"](planned, saltenv=__env__) if planned else {}
        if checked.get("faults"):
            ret.update(result=False, changes={}, comment="\n".join(checked["faults"]))
            return ret
        paths = ", ".join(path for path, _new in due)
        if due and __opts__["test"]:
            ret.update(result=None, comment=f"{paths} would be written")
            if "unchecked" in checked:
                ret["comment"] += f" (not checked: {checked['unchecked']})"
        elif due:
            for path, new in due:
                __salt__["octavia_file.write"](path, new, *owner)
            ret["comment"] = f"{paths} written"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _lines(old, new):
    """Those of the old text and those of the new one that the other does not have."""
    found = list(difflib.unified_diff((old or "").splitlines(), new.splitlines(), n=0, lineterm=""))[2:]
    gone, come = ("\n".join(line[1:] for line in found if line.startswith(sign)) for sign in "-+")
    return {"old": None if old is None else gone, "new": come}
