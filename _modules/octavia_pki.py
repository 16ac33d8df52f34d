"""
What an operator asks of certificates: which of them end soon, new ones for the pillar, those of this host for others.

The states use ``octavia_certificates``.
"""

import datetime
import json
import os
import secrets

from salt.exceptions import CommandExecutionError

# The most urgent first.
_LEVELS = ("critical", "warning", "ok")

# A file with more is a bundle of the system, whose authorities come and go with its packages.
_BUNDLE = 20
_UTC = datetime.timezone.utc  # noqa: UP017 Salt 3006 brings Python 3.10
_DAY = datetime.timedelta(days=1)

_SERVER_CA, _CLIENT_CA, _CLIENT_KEY = "server_ca.cert.pem", "client_ca.cert.pem", "client_ca.key.pem"
_CLIENT = "client.cert-and-key.pem"
_ON_CONTROLLERS = (_SERVER_CA, "server_ca.key.pem", _CLIENT_CA, _CLIENT)


def status(warn_days=None, critical_days=None, saltenv=None):
    """
    Return when certificates end: those in files that this host's octavia.conf names, that of its API, and on a host
    with the manager role those of all amphorae, by the API.

    warn_days, critical_days
        What ends in fewer days has this level; ``octavia:certificates:check`` by default. Amphorae live by Octavia's
        own clock, housekeeping renews them: a warning is one that it should have renewed a day ago, and critical what
        of those has less than half of that time, and fewer than ``critical_days``.

    Returns ``level`` (``ok``, ``warning`` or ``critical``), the worst of all, and ``findings``, the most urgent first,
    as dicts: ``what`` (a pillar key, ``amphora`` or ``amphorae``), ``path`` or ``amphora``, ``expires`` (ISO 8601 in
    UTC), ``days`` until then, ``level`` and ``line``, which says it all in words. Of what cannot be read, and of an API
    that does not answer, ``expires`` and ``days`` are None.

    CLI Example:

    .. code-block:: bash

        salt-call --out=json octavia_pki.status warn_days=60
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    limits = {
        "warning": value["certificates:check:warn_days"] if warn_days is None else warn_days,
        "critical": value["certificates:check:critical_days"] if critical_days is None else critical_days,
    }
    conf_file = __salt__["octavia_pillar.settings"](saltenv)["conf_file"]
    text = __salt__["octavia_file.read"](conf_file)
    if text is None:
        line = f"{conf_file}: does not exist, so no certificate is in use: apply octavia"
        findings = [_finding("octavia.conf", "warning", line, path=conf_file)]
    else:
        written, now = __salt__["octavia_diff.parse"](text), datetime.datetime.now(_UTC)
        findings = _of_files(written, limits, now, saltenv)
        if "manager" in __salt__["octavia_pillar.sections"](saltenv):
            findings += _of_amphorae(written, limits["critical"], now, saltenv)
    findings.sort(key=_urgency)
    return {"level": findings[0]["level"] if findings else "ok", "findings": findings}


def _urgency(finding):
    days = finding["days"]
    return _LEVELS.index(finding["level"]), days is not None, days or 0, finding["line"]


def _finding(what, level, line, expires=None, days=None, **where):
    return {"what": what, **where, "expires": expires, "days": days, "level": level, "line": line}


def _dated(what, level, begin, when, ending="", **where):
    """A finding about a certificate that ends at the moment ``when[0]``, in so many days."""
    moment, days = when
    if days < 0:
        said = f"expired {moment:%Y-%m-%d}, {_count(-days)} ago"
    else:
        said = f"expires {moment:%Y-%m-%d}, in {_count(days) if days else 'less than a day'}"
    return _finding(what, level, f"{begin} {said}{ending}", f"{moment:%Y-%m-%dT%H:%M:%SZ}", days, **where)


def _count(days):
    return f"{days} day{'s' * (days != 1)}"


# --- files


def _of_files(written, limits, now, saltenv):
    findings = []
    for path, names in _files(written, saltenv).items():
        what = ", ".join(names)
        try:
            text = __salt__["octavia_file.read"](path)
            if text is None:
                raise CommandExecutionError("is not a file" if os.path.exists(path) else "does not exist")
            if text.count("-----BEGIN CERTIFICATE-----") > _BUNDLE:
                continue
            facts = __salt__["octavia_x509.facts"](text)
        except (CommandExecutionError, OSError) as exc:
            findings.append(_finding(what, "critical", f"{path}: {getattr(exc, 'strerror', None) or exc}", path=path))
            continue
        findings += [_of_certificate(what, path, each, limits, now) for each in facts]
    return findings


def _files(written, saltenv):
    """The files with certificates that octavia.conf or the server of the API names, as ``{path: [key, ...]}``."""
    value, found = __salt__["octavia_pillar.values"](saltenv), {}
    enabled = __salt__["octavia_pillar.roles"](saltenv)
    for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
        if spec.get("holds") != "certificates":
            continue
        options = [name for name in spec["options"] if name in written]
        named = [(written[name], __salt__["octavia_conf.origin"](name, saltenv)) for name in options]
        # part of a URL, or of what the server of the API reads
        if spec.get("feeds") in written or ("feeds" not in spec and not spec["options"] and "api" in enabled):
            named += [(value[key], f"octavia:{key}")] if key in value else []
        for path, name in named:
            if name not in found.setdefault(path, []):
                found[path].append(name)
    return found


def _of_certificate(what, path, certificate, limits, now):
    name, begin, end = (
        certificate["subject"],
        *(datetime.datetime.fromisoformat(certificate[each]) for each in ("begins", "ends")),
    )
    days = (end - now) // _DAY
    level = next((level for level in _LEVELS[:2] if days < limits[level]), "ok")
    if days < 0:
        level = "critical"
    early = ""
    if begin > now:
        level, early = "critical", f"; it is not valid before {begin:%Y-%m-%d %H:%M} UTC"
    return _dated(what, level, f"{path}: {name},", (end, days), early, path=path)


# --- amphorae


def _of_amphorae(written, critical_days, now, saltenv):
    try:
        amphorae = __salt__["octavia_cloud.amphorae"](saltenv)
    except CommandExecutionError as exc:
        return [_finding("amphorae", "warning", f"The certificates of amphorae cannot be looked at: {exc}")]
    buffer = _seconds(written, "house_keeping/cert_expiry_buffer", saltenv)
    # what lives shorter than that is renewed all the time
    lead = min(buffer, _seconds(written, "certificates/cert_validity_time", saltenv))
    late = lead - _seconds(written, "house_keeping/cert_interval", saltenv) - min(_DAY, lead / 2)
    findings = []
    for each in amphorae:
        # as housekeeping chooses; one that is being built has no certificate yet
        if not each["cert_expiration"] or each["status"] in ("DELETED", "PENDING_DELETE"):
            continue
        end = datetime.datetime.fromisoformat(each["cert_expiration"].removesuffix("Z")).replace(tzinfo=_UTC)
        left, level, why = end - now, "ok", ""
        days = left // _DAY
        if left < max(late, datetime.timedelta()):
            level = "critical" if left < lead / 2 and days < max(critical_days, 0) else "warning"
            why = f": {_why(each, buffer)}"
        begin = f"amphora {each['id']} ({each['lb_network_ip'] or 'no address'}): its certificate"
        findings.append(_dated("amphora", level, begin, (end, days), why, amphora=each["id"]))
    return findings


def _why(amphora, buffer):
    """Why housekeeping has not renewed the certificate of an amphora."""
    if amphora["status"] == "ERROR":
        return f"the amphora is in ERROR, fail load balancer {amphora['loadbalancer_id']} over"
    if amphora["cert_busy"]:
        return "housekeeping has stalled while it renewed it (cert_busy), and will not try again"
    return f"housekeeping has stalled, it renews {_count(buffer // _DAY)} before the end"


def _seconds(written, option, saltenv):
    """A time that octavia.conf sets in seconds, or Octavia by default."""
    default = __salt__["octavia_pillar.load"]("options", saltenv)[option]["default"]
    text = written.get(option, "")
    return datetime.timedelta(seconds=int(text) if text.isdigit() else default)


# --- for the pillar


def generate(path=None):
    """
    Return a pillar fragment with a complete set of new certificates and the passphrases that go with them.

    Run it where the pillar is kept, and encrypt it at once. Lifetimes, kinds of key and
    names are those of ``octavia:certificates:generate``; a passphrase that the pillar has is kept.

    path
        A new file for it, readable by its owner alone. Without, it is returned.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.generate path=/root/octavia-certificates.sls
    """
    settings = __salt__["octavia_issue.settings"](fresh=True)
    listed = __salt__["octavia_pillar.values"]().get("certificates:server_certs_key_passphrase")
    listed = listed or secrets.token_hex(16)
    made = __salt__["octavia_issue.new_set"](settings)
    certificates = {"source": "pillar", "server_certs_key_passphrase": listed, **made}
    return _fragment(path, certificates, {"ca_private_key_passphrase": settings["passphrase"]})


def renew(path=None):
    """
    Return a pillar fragment with a new client certificate, signed by the client authority that the pillar has:
    ``client_ca.cert.pem`` and ``client_ca.key.pem`` below ``octavia:certificates``.

    path
        A new file for it, readable by its owner alone. Without, it is returned.

    Raises CommandExecutionError when the pillar lacks one of them, or the key does not open.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.renew path=/root/octavia-certificates.sls
    """
    texts = _said(_CLIENT_CA, _CLIENT_KEY)
    return _fragment(path, {_CLIENT: __salt__["octavia_issue.client"](texts, __salt__["octavia_issue.settings"]())})


def successor(path=None):
    """
    Return a pillar fragment with the set of certificates that a roll-over leads to, ``octavia:certificates:next``.
    Its authorities have names of their own; the passphrase stays.

    path
        A new file for it, readable by its owner alone. Without, it is returned.

    Raises CommandExecutionError when the pillar has no authorities to follow.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.successor path=/root/octavia-certificates.sls
    """
    texts = _said(_SERVER_CA, _CLIENT_CA)
    return _fragment(path, {"next": __salt__["octavia_issue.successor"](texts, __salt__["octavia_issue.settings"]())})


def export(path=None, saltenv=None):
    """
    Return a pillar fragment with the certificates of this host, for the other controllers: with ``source: pillar``
    they get the same ones. Without the key of the client authority, which stays here.

    path
        A new file for it, readable by its owner alone. Without, it is returned.

    Raises CommandExecutionError when a file is missing.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.export path=/root/octavia-certificates.sls
    """
    have = __salt__["octavia_certificates.present"](saltenv)
    for name in _ON_CONTROLLERS:
        if name not in have:
            raise CommandExecutionError(f"this host has no {name}")
    return _fragment(path, {"source": "pillar", **{name: have[name] for name in _ON_CONTROLLERS}})


def _said(*names):
    """The certificates that the pillar has; those must be among them."""
    texts = (__pillar__.get("octavia") or {}).get("certificates") or {}
    for name in names:
        if not texts.get(name):
            raise CommandExecutionError(f"octavia:certificates:{name}: is not set")
    return texts


def _fragment(path, certificates, of_manager=None):
    """YAML with the texts as blocks, in a fixed order: returned, or written to a new file."""
    lines = ["octavia:", "  certificates:", *_block(certificates, 4)]
    if of_manager:
        lines += ["  manager:", "    certificates:", *_block(of_manager, 6)]
    text = "\n".join(lines) + "\n"
    if path is None:
        return text
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise CommandExecutionError(f"{path}: cannot be written: {exc.strerror}") from exc
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    return f"{path} written"


def _block(tree, indent):
    pad = " " * indent
    for name, value in tree.items():
        if isinstance(value, dict):
            yield f"{pad}{name}:"
            yield from _block(value, indent + 2)
        elif "\n" in str(value):
            yield f"{pad}{name}: |"
            yield from (f"{pad}  {line}" for line in value.splitlines())
        else:
            yield f"{pad}{name}: {json.dumps(value)}"
