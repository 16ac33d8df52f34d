"""
The gate in front of octavia.conf: the installed Octavia itself says whether it would take the file.

Octavia's code and its libraries are asked in the host's own Python (``octavia/host/gate.py``), which takes about a
second, and so only when something changed: the text, the installed packages, or a file that was read for the answer.
"""

import hashlib
import json
import os

from salt.exceptions import CommandExecutionError

_HEARTBEAT_KEY = "health_manager/heartbeat_key"
_PASSPHRASE = "certificates/server_certs_key_passphrase"
# The first Octavia that takes several: the first encrypts, all decrypt.
_PASSPHRASES_SINCE = 17


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
    guarded = [_heartbeat_key(text, changes or {}, saltenv), _passphrases(text, changes or {}, saltenv)]
    guarded = _lines([finding for finding in guarded if finding], saltenv)
    if guarded["faults"]:
        return guarded
    found = _judged(text, saltenv)
    return {**found, "warnings": guarded["warnings"] + found["warnings"]}


def texts(planned, saltenv=None):
    """
    Return what speaks against texts of the pillar before they are written to the files that octavia.conf names, as
    ``check`` does.

    planned
        ``{section/option: [path, text]}``, as ``octavia_conf.texts`` says.

    Raises CommandExecutionError when the host's Python cannot answer.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_gate.texts '{haproxy_amphora/haproxy_template: [/etc/octavia/template.j2, "{% if %}"]}'
    """
    user = __salt__["octavia_pillar.settings"](saltenv)["user"]
    findings, unchecked = _ask("texts", saltenv, texts=planned, user=user)
    return {**_lines(findings or [], saltenv), **unchecked}


def _judged(text, saltenv):
    """What the installed Octavia says, or has said of the same."""
    settings = __salt__["octavia_pillar.settings"](saltenv)
    stamp = f"{settings['state_dir']}/gate.json"
    seen = _seen(text, settings)
    passed = __salt__["octavia_file.note"](stamp)
    if passed.get("seen") == seen and all(_time(path) == time for path, time in passed["files"].items()):
        return {"faults": [], "warnings": passed["warnings"]}
    answer, unchecked = _ask(
        "gate",
        saltenv,
        text=text,
        user=settings["user"],
        gone=__salt__["octavia_release.gone"](__salt__["octavia_diff.parse"](text), saltenv),
        contents=_planned(text, saltenv) if __opts__.get("test") else {},
    )
    findings = answer["findings"] if answer else []
    found = {**_lines(findings, saltenv), **unchecked}
    lasting = not any(finding.get("passes") for finding in findings)
    if lasting and not found["faults"] and not __opts__.get("test"):
        note = {"seen": seen, "files": answer["files"], "warnings": found["warnings"]}
        __salt__["octavia_file.keep"](stamp, note)
    return found


def _ask(module, saltenv, **kwargs):
    """The answer, and why there is none in a dry run on a host that has no Octavia yet."""
    try:
        return __salt__["octavia_host.call"](module, "check", saltenv=saltenv, **kwargs), {}
    except CommandExecutionError as exc:
        if __opts__.get("test") and hasattr(exc, "library"):
            return None, {"unchecked": str(exc)}
        raise


def _planned(text, saltenv):
    """What a dry run would put into the files that the text names."""
    files = __salt__["octavia_conf.files"](text, saltenv)
    return {path: content for path, content in files.items() if content is not None}


def _heartbeat_key(text, changes, saltenv):
    """Amphorae sign with the key that they have: with another one here each of them looks dead."""
    change = changes.get(_HEARTBEAT_KEY)
    settings = __salt__["octavia_pillar.settings"](saltenv)
    other = change and None not in change.values()
    if not other and not os.path.exists(f"{settings['state_dir']}/heartbeat.json"):
        return None
    if not __salt__["octavia_pillar.has_amphorae"](saltenv) or not __salt__["octavia_heartbeat.due"](text, saltenv):
        return None
    rotate = __salt__["octavia_pillar.values"](saltenv).get("manager:health_manager:rotate_heartbeat_key")
    if rotate and __context__.get("octavia_heartbeat.rotates"):
        return None
    what = "differs from the one on this host, which the amphorae have: every load balancer would fail over"
    mend = "put the old one back, or rotate it, with octavia:manager:health_manager:rotate_heartbeat_key: true"
    if rotate or not other:
        what = "is not yet that of all amphorae: those without it would fail over"
        mend = "apply octavia.manager.heartbeat_key"
        if not rotate:
            mend += ", with octavia:manager:health_manager:rotate_heartbeat_key: true"
    return {"option": _HEARTBEAT_KEY, "level": "fault", "what": what, "allowed": mend}


def _passphrases(text, changes, saltenv):
    """Jobs hold certificates that one service has encrypted and another decrypts, maybe after the change."""
    if _PASSPHRASE not in changes or not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return None
    there = __salt__["octavia_file.read"](__salt__["octavia_pillar.settings"](saltenv)["conf_file"])
    old, new = _phrases(there or "", saltenv), _phrases(text, saltenv)
    if not old or old & new:
        return None
    found = {"option": _PASSPHRASE, "level": "warning", "allowed": "deploy when no job is in flight"}
    published = __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"][_PASSPHRASE.replace("/", ":")]["published"]
    # a published one must not stay, in second place neither
    if __salt__["octavia_release.facts"](saltenv)["octavia"] < _PASSPHRASES_SINCE or old <= set(published):
        what = "differs from the one on this host: jobs in flight whose certificates that one has encrypted fail"
    else:
        found["level"] = "fault"
        what = "has none of those on this host: jobs in flight could not decrypt their certificates"
        found["allowed"] = (
            "put the new one before the old one, deploy to every controller, and take the old one out later"
        )
    return {**found, "what": what}


def _phrases(text, saltenv):
    written = __salt__["octavia_diff.parse"](text).get(_PASSPHRASE, "")
    return {phrase.strip().strip("'\"") for phrase in written.split(",")} - {""}


def _seen(text, settings):
    """A digest of what is asked, and of whom. The time of a directory of packages moves with each of them."""
    packages = [(path, _time(path)) for path in settings["metadata_path"]]
    return hashlib.sha256(json.dumps([text, *packages]).encode()).hexdigest()


def _time(path):
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return None


def _lines(findings, saltenv):
    return {
        f"{level}s": [_line(finding, saltenv) for finding in findings if finding["level"] == level]
        for level in ("fault", "warning")
    }


def _line(finding, saltenv):
    allowed = f"; {finding['allowed']}" if finding.get("allowed") else ""
    key = __salt__["octavia_conf.origin"](finding["option"], saltenv)
    return f"{key} ({finding['option']}): {finding['what']}{allowed}"
