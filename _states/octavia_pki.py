"""
Keep the certificates between Octavia's controllers and its amphorae in place.
"""

import os
import pwd
import shutil

from salt.exceptions import CommandExecutionError


def managed(name):
    """
    Ensure that the certificates and keys that this host's octavia.conf names are there, from where
    ``octavia:certificates:source`` says, whole, belonging together, and readable by Octavia's user alone.

    Nothing is written that is expired, does not fit together, or would cut amphorae off. What is generated is issued
    again only when it is due. ``changes`` show names and dates, of keys that they differ.

    name
        Any text.

    .. code-block:: yaml

        octavia_certificates:
          octavia_pki.managed: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Certificates are as the pillar says"}
    try:
        todo = __salt__["octavia_certificates.plan"](__env__)
        if todo["warnings"]:
            ret["warnings"] = todo["warnings"]
        lines = todo["faults"] or (__salt__["octavia_certificates.unready"](__env__) if todo["ask"] else [])
        if lines:
            return {**ret, "result": False, "comment": "\n".join(lines)}
        due = _due(todo["files"], ret["changes"])
        ret["changes"].update({path: {"old": "there", "new": None} for path in todo["remove"] if os.path.isdir(path)})
        if __opts__["test"] and ret["changes"]:
            ret.update(result=None, comment=f"{', '.join(ret['changes'])} would be changed")
            # what octavia.conf and the services are compared with in a dry run
            __context__["octavia_certificates.planned"] = {path: file["text"] for path, file in due.items()}
        elif not __opts__["test"]:
            if ret["changes"]:
                _write(due, todo["remove"])
                ret["comment"] = f"{', '.join(ret['changes'])} changed"
            if todo["files"]:
                __salt__["octavia_certificates.remember"](__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    return ret


def rollover(name):
    """
    Say where the roll-over of the authorities stands on this host, and what comes next. The certificates of a stage
    are put in place by ``managed``.

    name
        Any text.

    .. code-block:: yaml

        octavia_certificates_rollover:
          octavia_pki.rollover: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        stage = __salt__["octavia_certificates.plan"](__env__)["stage"]
        ret["comment"] = f"this host is at stage {stage}: {__salt__['octavia_certificates.next_step'](stage)}"
    except CommandExecutionError as exc:
        ret.update(result=False, comment=str(exc))
    return ret


def _due(files, changes):
    """The files that are to be written; ``changes`` gets what differs."""
    due = {}
    for path, file in files.items():
        owner = [file[each] for each in ("user", "group", "mode")]
        old = __salt__["octavia_file.read"](path)
        if old is None and file["text"] is None:
            continue
        if old is not None:
            for thing, change in _ownership(path, owner).items():
                changes[f"{path} {thing}"] = change
                due[path] = {**file, "text": old}
        if file["text"] not in (None, old):
            was, now = (__salt__["octavia_certificates.describe"](file["name"], text) for text in (old, file["text"]))
            changes[path] = {"old": was, "new": f"{now}, changed" if was == now else now}
            due[path] = file
    return due


def _ownership(path, owner):
    try:
        return __salt__["octavia_file.ownership"](path, *owner)
    except CommandExecutionError:
        # in a dry run before the packages there is no such user
        if __opts__["test"]:
            return {}
        raise


def _write(files, remove):
    try:
        # where root's files lie beside those of Octavia's user, the directory is that user's
        for path, file in sorted(files.items(), key=lambda each: each[1]["user"] == "root"):
            _make_directory(os.path.dirname(path), file)
        __salt__["octavia_file.write_all"](files)
        for path in remove:
            shutil.rmtree(path)
    except (OSError, KeyError) as exc:
        raise CommandExecutionError(f"certificates cannot be written: {exc}") from exc


def _make_directory(path, file):
    """Like the files in it: of root alone, or of Octavia's user."""
    if os.path.isdir(path):
        return
    os.makedirs(path, mode=0o700 if file["user"] == "root" else 0o750)
    entry = pwd.getpwnam(file["user"])
    os.chown(path, entry.pw_uid, entry.pw_gid)


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
