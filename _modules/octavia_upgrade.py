"""
What speaks for and against an upgrade of this host, and whether it works afterwards: the tables of
``octavia.upgrade.pre`` and ``octavia.upgrade.verify``.

Each function that looks at something returns findings: dicts with ``what``, ``level`` (``ok``, ``warn`` or ``stop``)
and ``line``.
"""

import contextlib
import re
import time
import uuid

from salt.exceptions import CommandExecutionError

LEVELS = ("stop", "warn", "ok")

# Lines of one kind that are told one by one.
_SHOWN = 10

# octavia-status asks for a database of the jobboard also where there is no jobboard, and takes that for a fault.
_JOBBOARD = re.compile(r"sqlite|persistence|jobboard", re.IGNORECASE)
# The crash of a check that reads what is not read yet.
_TOO_EARLY = re.compile(r"NotInitializedError|no such option oslo_policy")
_LEVEL_OF = {"ok": "ok", "warning": "warn", "critical": "stop"}


def before(saltenv=None):
    """
    Return the findings that decide whether this host may be upgraded, the most urgent first. Nothing is changed.

    ``octavia:upgrade:stop_on`` names those of which a warning stops, too.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.before
    """
    try:
        hop = __salt__["octavia_hop.facts"](saltenv)
    except CommandExecutionError as exc:
        return [_finding("release", "stop", str(exc))]
    looks = {
        "release": lambda: release(hop, saltenv),
        "configuration": lambda: configuration(hop, saltenv),
        "services": lambda: converged(saltenv),
        "octavia-status": lambda: checked(saltenv),
        "load balancers": lambda: load_balancers(saltenv),
        "database": lambda: database(saltenv),
        "certificates": lambda: certificates(saltenv),
        "image": lambda: image(saltenv),
    }
    return _judged(looks, saltenv)


def after(test=False, saltenv=None):
    """
    Return the findings that tell whether this host works, the most urgent first. What is made for it is removed again.

    test
        Make nothing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.after test=True
    """
    looks = {
        "services": lambda: services(saltenv),
        "nodes": lambda: nodes(saltenv),
        "database": lambda: migrated(saltenv),
        "amphorae": lambda: amphorae(saltenv),
        "image": lambda: image(saltenv),
    }
    if not test:
        looks.update(API=lambda: api(saltenv), probe=lambda: traffic(saltenv))
    return _judged(looks, saltenv)


def table(findings):
    """
    Return findings as a text of columns, a line for each.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.table '[{what: hop, level: ok, line: 16.0.0 to 18.0.0}]'
    """
    width = max((len(each["what"]) for each in findings), default=0)
    return "\n".join(f"{each['level']:4}  {each['what']:{width}}  {each['line']}" for each in findings)


def _judged(looks, saltenv):
    value = __salt__["octavia_pillar.values"](saltenv)
    strict = set(value["upgrade:stop_on"])
    findings = []
    for what, look in looks.items():
        try:
            findings += look()
        except CommandExecutionError as exc:
            # the others are told all the same
            findings.append(_finding(what, "stop", str(exc)))
    for finding in findings:
        if finding["level"] == "warn" and finding["what"] in strict:
            finding.update(level="stop", line=f"{finding['line']} (octavia:upgrade:stop_on)")
    return sorted(findings, key=lambda each: LEVELS.index(each["level"]))


# --- before ---------------------------------------------------------------------------------------------------------


def release(hop, saltenv=None):
    """
    Judge the hop: whether the pillar means it, whether OpenStack supports it, whether ``rolling`` is proved for it.

    hop
        What ``octavia_hop.facts`` says.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.release '{old: x, new: x, packages: {}, before: {octavia: 16}, after: {octavia: 16}}'
    """
    value, said = __salt__["octavia_pillar.values"](saltenv), __salt__["octavia_pillar.said"](saltenv)
    start, end = hop["before"]["octavia"], hop["after"]["octavia"]
    findings = []
    for place, version in said.get("version", ()):
        meant = __salt__["octavia_release.named"](version, saltenv)["octavia"]
        if meant != end:
            line = f"{place}: is {version} (Octavia {meant}), but the upgrade leads to Octavia {hop['new']}"
            findings.append(_finding("release", "stop", line))
    if end < start:
        line = f"{hop['old']} to {hop['new']}: Octavia's database cannot go back"
        findings.append(_finding("hop", "stop", line))
    elif not __salt__["octavia_hop.supported"](start, end, saltenv):
        line = f"{hop['old']} to {hop['new']}: OpenStack supports the next release, or SLURP to SLURP"
        allowed = value["upgrade:allow_hop"]
        line += (
            "; octavia:upgrade:allow_hop lets it pass"
            if allowed
            else " (octavia:upgrade:allow_hop: true would let it pass)"
        )
        findings.append(_finding("hop", "warn" if allowed else "stop", line))
    if value["upgrade:mode"] == "rolling" and not __salt__["octavia_hop.proved"](start, end, saltenv):
        line = f"octavia:upgrade:mode: rolling is not proved from Octavia {start} to {end}; set it to cold"
        findings.append(_finding("mode", "stop", line))
    if not findings:
        line = f"{hop['old']} to {hop['new']}"
        if hop["old"] == hop["new"]:
            line = f"{hop['old']} stays" if hop["packages"] else f"{hop['old']} is the newest there is"
        findings.append(_finding("release", "ok", line))
    if hop["packages"]:
        line = ", ".join(f"{name} {each['new']}" for name, each in hop["packages"].items())
        findings.append(_finding("packages", "ok", f"{len(hop['packages'])} to come: {line}"))
    return findings


def configuration(hop, saltenv=None):
    """
    Judge the pillar by the release that the hop leads to: options that it would refuse stop, what else changes is told.

    hop
        What ``octavia_hop.facts`` says.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.configuration '{before: {octavia: 16}, after: {octavia: 18, name: gazpacho}}'
    """
    if hop["before"]["octavia"] == hop["after"]["octavia"]:
        return [_finding("configuration", "ok", "options stay as they are")]
    found = __salt__["octavia_conf.check_release"](hop["after"]["name"], saltenv)
    findings = [
        # the formula leaves out by itself what it knows; what octavia:config says it writes as it is
        _finding(
            "configuration", "stop" if line.startswith("octavia:config:") and "nothing," not in line else "warn", line
        )
        for line in (*found["removed"], *found["renamed"])
        if "nothing, the formula" not in line
    ]
    findings += [_finding("configuration", "warn", line) for line in found["changed"]]
    findings += [_finding("notes", "warn", line) for line in found["notes"]]
    good = f"all options are those of Octavia {hop['after']['octavia']}"
    return findings or [_finding("configuration", "ok", good)]


def converged(saltenv=None):
    """
    Tell whether the services run and have read what is on the disk, and octavia.conf is as the pillar says: what an
    upgrade would mix up with its own changes.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.converged
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    begun = "began" in __salt__["octavia_hop.note"](saltenv)
    findings = []
    for role in settings["roles"]:
        unit = settings["units"][role]
        if not __salt__["octavia_service.status"](unit)["running"]:
            line = f"{unit} does not run" + (": an earlier upgrade has stopped it, this one goes on" if begun else "")
            findings.append(_finding("services", "warn" if begun else "stop", line))
        elif __salt__["octavia_service.outdated"](unit, role):
            findings.append(_finding("services", "warn", f"{unit} is older than what it reads: apply octavia"))
    try:
        there = __salt__["octavia_file.read"](settings["conf_file"]) or ""
        wanted = __salt__["octavia_conf.render"](saltenv, mask=False)
        differ = sorted(__salt__["octavia_diff.changes"](there, wanted, saltenv))
        if differ:
            line = f"octavia.conf is not as the pillar says: {_listed(differ)}; the upgrade will write it"
            findings.append(_finding("services", "warn", line))
    except CommandExecutionError as exc:
        findings.append(_finding("services", "warn", f"octavia.conf cannot be compared with the pillar: {exc}"))
    units = ", ".join(settings["units"][role] for role in settings["roles"])
    return findings or [_finding("services", "ok", f"{units} run and are up to date")]


def checked(saltenv=None):
    """
    Run ``octavia-status upgrade check``, and say what its answer means: in some releases it cannot run, in others it
    takes a deployment without a jobboard for a fault.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.checked
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    command = [f"{settings['bin_dir']}/octavia-status", "--config-file", settings["conf_file"], "upgrade", "check"]
    done = __salt__["cmd.run_all"](command, python_shell=False, runas=settings["user"], ignore_retcode=True)
    jobboard = __salt__["octavia_pillar.values"](saltenv).get("manager:jobboard:enabled")
    return understood(done["retcode"], done["stdout"], done["stderr"], settings["release"], jobboard)


def understood(retcode, output, errors, version, jobboard=False):
    """
    Say what an answer of ``octavia-status upgrade check`` means. Looks at nothing but its arguments.

    retcode, output, errors
        Its exit code, and what it has printed.

    version
        Of the Octavia that it belongs to.

    jobboard
        Whether this deployment has one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.understood 0 "" "" 19.0.0
    """
    what, findings = "octavia-status", []
    for name, result, details in _checks(output):
        line = f"{name}: {details}" if details not in ("", "None") else name
        if result == "Success" or (not jobboard and _JOBBOARD.search(f"{name} {details}")):
            continue
        findings.append(_finding(what, "stop" if result == "Failure" else "warn", line))
    if not _checks(output):
        if retcode == 0:
            return [_finding(what, "ok", "nothing to say")]
        words = [line.strip() for line in f"{output}\n{errors}".splitlines() if line.strip()]
        why = words[-1] if words else f"exit code {retcode}"
        if _TOO_EARLY.search(why):
            # its policy check reads the configuration before there is one, until Octavia 16
            return [_finding(what, "ok", f"of {version} cannot run, which says nothing of this deployment")]
        return [_finding(what, "warn", f"cannot run: {why}")]
    return findings or [_finding(what, "ok", f"{len(_checks(output))} checks, no fault")]


def _checks(output):
    """The rows of octavia-status' table: name, result, details; long details run over several lines."""
    found = []
    for line in output.splitlines():
        text = line.strip("|+- \t")
        key, _, rest = text.partition(":")
        if key == "Check":
            found.append([rest.strip(), "", ""])
        elif key == "Result" and found:
            found[-1][1] = rest.strip()
        elif key == "Details" and found:
            found[-1][2] = rest.strip()
        elif text and found and found[-1][2]:
            found[-1][2] += f" {text}"
    return [tuple(row) for row in found]


def load_balancers(saltenv=None):
    """
    Tell which load balancers a worker has in hand for ``octavia:upgrade:patience`` seconds or more: an upgrade would
    leave them there for good. What users change meanwhile is waited for. Broken ones are told.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.load_balancers
    """
    patience = __salt__["octavia_pillar.values"](saltenv)["upgrade:patience"]
    rows, until = __salt__["octavia_db.unsettled"](saltenv), time.monotonic() + patience
    seen = {each["id"] for each in rows}
    while any(each["id"] in seen and _is_in_hand(each, patience) for each in rows) and time.monotonic() < until:
        time.sleep(1)
        rows = __salt__["octavia_db.unsettled"](saltenv)
    rows = [each for each in rows if not _is_in_hand(each, patience)]
    findings = []
    for each in rows[:_SHOWN]:
        pending = each["status"] != "ERROR"
        line = f"{each['id']} ({each['name']}) is {each['status']} for {each['seconds']} s"
        line += ": wait for it, or set it right" if pending else ""
        findings.append(_finding("load balancers", "stop" if pending else "warn", line))
    if len(rows) > _SHOWN:
        worst = "stop" if any(each["status"] != "ERROR" for each in rows[_SHOWN:]) else "warn"
        findings.append(_finding("load balancers", worst, f"and {len(rows) - _SHOWN} more like these"))
    return findings or [_finding("load balancers", "ok", "none is in ERROR or PENDING for long")]


def _is_in_hand(row, patience):
    """Whether a worker has it, and not for long."""
    return row["status"] != "ERROR" and row["seconds"] < patience


def database(saltenv=None):
    """
    Tell whether the database answers with the schema of the installed Octavia, and whether there is room for its dump.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.database
    """
    found = __salt__["octavia_db.schema"](saltenv=saltenv)
    findings = []
    if found["ahead"]:
        line = f"the schema is at {found['current']}: another controller has migrated it for a newer Octavia"
        findings.append(_finding("database", "warn", line))
    elif found["current"] != found["head"]:
        begun = "began" in __salt__["octavia_hop.note"](saltenv)
        line = f"the schema is at {found['current']}, the installed Octavia wants {found['head']}"
        line += ": the migration is still to come" if begun else ": apply octavia.db.offline_sync"
        findings.append(_finding("database", "warn" if begun else "stop", line))
    if __salt__["octavia_db.is_primary"](saltenv):
        plan = __salt__["octavia_backup.plan"](saltenv=saltenv)
        findings += [_finding("dump", "stop", fault) for fault in plan["faults"]]
    return findings or [_finding("database", "ok", f"answers, and its schema is {found['head']}")]


def certificates(saltenv=None):
    """
    Tell which certificates end soon: those that are critical stop an upgrade.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.certificates
    """
    found = [each for each in __salt__["octavia_pki.status"](saltenv=saltenv)["findings"] if each["level"] != "ok"]
    findings = [_finding("certificates", _LEVEL_OF[each["level"]], each["line"]) for each in found[:_SHOWN]]
    return findings or [_finding("certificates", "ok", "none ends soon")]


# --- after ----------------------------------------------------------------------------------------------------------


def services(saltenv=None):
    """
    Tell whether all services of this host run, are started at boot, and have read what is on the disk.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.services
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    findings = []
    for role in settings["roles"]:
        unit = settings["units"][role]
        now = __salt__["octavia_service.status"](unit)
        if not now["running"] or not now["enabled"]:
            missing = " and ".join(word for word in ("running", "enabled") if not now[word])
            findings.append(_finding("services", "stop", f"{unit} is not {missing}"))
        elif __salt__["octavia_service.outdated"](unit, role):
            findings.append(_finding("services", "stop", f"{unit} is older than what it reads"))
    good = f"{', '.join(settings['units'][role] for role in settings['roles'])} run {settings['release']}"
    return findings or [_finding("services", "ok", good)]


def nodes(saltenv=None):
    """
    Compare the version of Octavia with that of the other controllers, as the mine knows it from ``mine_functions`` of
    ``octavia_release.installed``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.nodes
    """
    here = __salt__["octavia_release.installed"](saltenv)
    minions = __salt__["octavia_pillar.values"](saltenv)["mine:minions"]
    known = __salt__["mine.get"](minions, "octavia_release.installed", "compound") or {}
    others = {name: version for name, version in known.items() if version and name != __opts__["id"]}
    findings = [
        _finding("nodes", "stop", f"{name} has Octavia {version}, and this host {here}")
        for name, version in sorted(others.items())
        if version != here
    ]
    return findings or ([_finding("nodes", "ok", f"{len(others) + 1} hosts have Octavia {here}")] if others else [])


def migrated(saltenv=None):
    """
    Tell whether the schema of the database is that of the installed Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.migrated
    """
    found = __salt__["octavia_db.schema"](saltenv=saltenv)
    if found["current"] != found["head"]:
        return [_finding("database", "stop", f"the schema is at {found['current']}, not at {found['head']}")]
    return [_finding("database", "ok", f"the schema is {found['head']}")]


def api(saltenv=None):
    """
    Create, read, update and delete something by the API, as the service user: a flavor profile, which costs no amphora.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.api
    """
    if "api" not in __salt__["octavia_pillar.roles"](saltenv):
        return []
    started, path = time.monotonic(), "/lbaas/flavorprofiles"
    value = __salt__["octavia_pillar.values"](saltenv)
    provider = value.get("api:default_provider_driver", "amphora")
    body = {"name": f"salt-verify-{uuid.uuid4()}", "provider_name": provider, "flavor_data": "{}"}
    made, step = None, "create"
    try:
        made = _request("POST", path, {"flavorprofile": body}, saltenv)["flavorprofile"]["id"]
        step = "read"
        _request("GET", f"{path}/{made}", None, saltenv)
        step = "update"
        _request("PUT", f"{path}/{made}", {"flavorprofile": {"name": f"{body['name']}-changed"}}, saltenv)
        step = "delete"
        _request("DELETE", f"{path}/{made}", None, saltenv)
    except CommandExecutionError as exc:
        if made:
            with contextlib.suppress(CommandExecutionError):
                _request("DELETE", f"{path}/{made}", None, saltenv)
        return [_finding("API", "stop", f"{step}: {exc}")]
    return [_finding("API", "ok", f"create, read, update, delete in {time.monotonic() - started:.1f} s")]


def _request(method, path, body, saltenv):
    return __salt__["octavia_cloud.request"]("load-balancer", method, path, body, saltenv=saltenv)


def amphorae(saltenv=None):
    """
    Tell whether amphorae and health managers hear of each other, as ``octavia_check.health`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.amphorae
    """
    if "manager" not in __salt__["octavia_pillar.sections"](saltenv):
        return []
    if not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return [_finding("amphorae", "ok", "the amphora driver is a noop: there are none")]
    found = __salt__["octavia_check.health"](saltenv=saltenv)["findings"]
    return [_finding("amphorae", _LEVEL_OF[each["level"]], each["line"]) for each in found]


def image(saltenv=None):
    """
    Tell how old the image of new amphorae is: one from before the controllers' upgrade has the older agent.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.image
    """
    if not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return []
    tag = __salt__["octavia_pillar.values"](saltenv)["manager:controller_worker:amp_image_tag"]
    try:
        images = [each for each in __salt__["octavia_cloud.resources"]("image", saltenv=saltenv) if tag in each["tags"]]
    except CommandExecutionError as exc:
        return [_finding("image", "warn", f"the amphora image cannot be looked at: {exc}")]
    if not images:
        return [_finding("image", "warn", f"no image has the tag {tag}: no amphora can be made")]
    newest = max(images, key=lambda each: each.get("created_at") or "")
    made, upgraded = newest.get("created_at") or "", __salt__["octavia_hop.upgraded"](saltenv)
    line = f"{newest['name']} ({newest['id']}) is of {made or 'an unknown day'}"
    if upgraded and made < upgraded:
        line += ", older than these controllers: give octavia:resources:image a new one, and fail over"
        return [_finding("image", "warn", line)]
    return [_finding("image", "ok", line)]


def traffic(saltenv=None):
    """
    Make a load balancer, ask it and remove it, as ``octavia_check.probe`` does, where ``octavia:probe`` says where.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_upgrade.traffic
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if not value.get("probe:vip_subnet") and not value.get("probe:vip_network"):
        return []
    found = __salt__["octavia_check.probe"](saltenv=saltenv)
    return [_finding("probe", "ok" if found["ok"] else "stop", found["line"])]


def _finding(what, level, line):
    return {"what": what, "level": level, "line": line}


def _listed(names):
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
