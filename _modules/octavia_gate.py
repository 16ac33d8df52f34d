"""
The gate in front of octavia.conf: the installed Octavia itself says whether it would take the file.

Octavia's code and its libraries are asked in the host's own Python (``octavia/host/gate.py``), which takes about a
second, and so only when something changed: the text, the installed packages, or a file that the text names.
"""

import hashlib
import json
import os

from salt.exceptions import CommandExecutionError

_HEARTBEAT_KEY = "health_manager/heartbeat_key"


def check(text, changes=None, saltenv=None):
    """
    Return what speaks against a text of octavia.conf, as ``{"faults": [...], "warnings": [...]}``: lines that name
    the pillar key, the option, what is wrong and what is allowed, without any secret. ``unchecked`` is added, with
    the reason, in a dry run on a host that has no Octavia yet.

    text
        All of octavia.conf.

    changes
        How it differs from the file that is there, as ``octavia_diff.changes`` says.

    Raises CommandExecutionError when the host's Python cannot answer.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_gate.check "[DEFAULT]
        debug = maybe"
    """
    fault = _heartbeat_fault((changes or {}).get(_HEARTBEAT_KEY), saltenv)
    if fault:
        return {"faults": [fault], "warnings": []}
    settings = __salt__["octavia_pillar.settings"](saltenv)
    stamp = f"{settings['state_dir']}/gate.json"
    seen = _seen(text, settings, saltenv)
    passed = _load(stamp)
    if passed.get("seen") == seen:
        return {"faults": [], "warnings": passed["warnings"]}
    try:
        findings = __salt__["octavia_host.call"](
            "gate",
            "check",
            saltenv=saltenv,
            text=text,
            user=settings["user"],
            gone=__salt__["octavia_release.gone"](__salt__["octavia_diff.parse"](text), saltenv),
            contents=_planned(text, saltenv) if __opts__.get("test") else {},
        )
    except CommandExecutionError as exc:
        if __opts__.get("test") and hasattr(exc, "library"):
            return {"faults": [], "warnings": [], "unchecked": str(exc)}
        raise
    found = {
        f"{level}s": [_line(finding, saltenv) for finding in findings if finding["level"] == level]
        for level in ("fault", "warning")
    }
    if not found["faults"] and not __opts__.get("test"):
        os.makedirs(settings["state_dir"], mode=0o755, exist_ok=True)
        note = json.dumps({"seen": seen, "warnings": found["warnings"]})
        __salt__["octavia_file.write"](stamp, note, "root", "root", "0600")
    return found


def _planned(text, saltenv):
    """What a dry run would put into the files that the text names."""
    files = __salt__["octavia_conf.files"](text, saltenv)
    return {path: content for path, content in files.items() if content is not None}


def _heartbeat_fault(change, saltenv):
    """Amphorae sign with the key that they were made with: with another one each of them looks dead."""
    if not change or None in change.values() or not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return None
    if __salt__["octavia_pillar.values"](saltenv).get("manager:health_manager:rotate_heartbeat_key"):
        return None
    what = "differs from the one on this host, which the amphorae have: every load balancer would fail over"
    mend = "put the old one back, or rotate it, with octavia:manager:health_manager:rotate_heartbeat_key: true"
    return _line({"option": _HEARTBEAT_KEY, "what": what, "allowed": mend}, saltenv)


def _seen(text, settings, saltenv):
    """A digest of all that the answer depends on. The time of a directory of packages moves with each of them."""
    paths = [*settings["metadata_path"], *sorted(__salt__["octavia_conf.files"](text, saltenv))]
    return hashlib.sha256(json.dumps([text, [(path, _time(path)) for path in paths]]).encode()).hexdigest()


def _time(path):
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return None


def _load(path):
    try:
        with open(path, encoding="utf-8") as stream:
            note = json.load(stream)
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("warnings"), list) else {}


def _line(finding, saltenv):
    allowed = f"; {finding['allowed']}" if finding.get("allowed") else ""
    return f"{__salt__['octavia_conf.origin'](finding['option'], saltenv)} ({finding['option']}): {finding['what']}{allowed}"
