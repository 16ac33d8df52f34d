"""
Keep octavia.conf as the pillar says.
"""

import os

from salt.exceptions import CommandExecutionError


def managed(name):
    """
    Ensure that octavia.conf holds what the pillar says for the installed release, root:octavia 0640.

    The file is replaced as a whole and at once, and is never readable by others. ``changes`` shows the options that
    differ; of a secret it shows only that it differs.

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
        old = _read(path)
        ret["changes"] = _difference(old, new)
        if old is not None:
            ret["changes"].update(__salt__["octavia_file.ownership"](path, *owner))
        if old == new and not ret["changes"]:
            return ret
        if __opts__["test"]:
            # the service states compare with what the file is about to be
            __context__.setdefault("octavia_conf.pending", {})[path] = new
            ret.update(result=None, comment=f"{path} would be written")
            return ret
        __salt__["octavia_file.write"](path, new, *owner)
        ret["comment"] = f"{path} written"
    except CommandExecutionError as exc:
        ret.update(result=False, changes={}, comment=str(exc))
    return ret


def _read(path):
    """The text of the file, None where there is none. Somebody may have written it in another encoding."""
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def _difference(old, new):
    """``changes`` of the file: options that differ, secrets hidden; the file itself when only its text differs."""
    if old == new:
        return {}
    before = __salt__["octavia_conf.parse"](old or "")
    after = __salt__["octavia_conf.parse"](new)
    changes = {}
    for option in sorted(before.keys() | after.keys()):
        if before.get(option) != after.get(option):
            hidden = __salt__["octavia_conf.is_secret"](option, saltenv=__env__)
            changes[option] = {
                side: "(hidden)" if hidden and option in values else values.get(option)
                for side, values in (("old", before), ("new", after))
            }
    return changes or {"text": {"old": "other comments or order", "new": "as rendered"}}
