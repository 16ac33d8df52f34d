"""
Whether amphorae and health managers hear of each other: the parts of ``octavia_check.health``.

Each function returns findings: dicts with ``what``, ``level`` (``ok``, ``warning`` or ``critical``) and ``line``.
"""

import ipaddress

from salt.exceptions import CommandExecutionError

# Amphorae in these are being made; what an amphora sends is late, and not lost, while its interval passes so often.
_MADE = ("PENDING_CREATE", "BOOTING")
_LATE = 3

# Octavia's own defaults, in seconds; of the second, what an amphora may take to boot.
_INTERVAL, _TIMEOUT = 10, 60

# Lines of one kind that are told one by one; monitoring and an operator want no thousand of them.
_SHOWN = 20


def interface(saltenv=None):
    """
    Compare the management interface of this host with its port in Neutron. Nothing where the pillar wants none.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_health.interface
    """
    try:
        found = __salt__["octavia_interface.status"](saltenv=saltenv)
    except CommandExecutionError as exc:
        return [_finding("interface", "critical", str(exc))]
    return [_finding("interface", each["level"], each["line"]) for each in (found or {"findings": []})["findings"]]


def targets(saltenv=None):
    """
    Compare ``controller_ip_port_list`` of this host's octavia.conf, by which amphorae know where to send heartbeats,
    with the health managers that there are: the ports that Neutron has for them.

    Where Neutron has none, as with a provider network, the address that this host's health manager listens at is
    looked for.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_health.targets
    """
    what, written = "controller_ip_port_list", _written(saltenv)
    listed = [each.strip() for each in written.get("health_manager/controller_ip_port_list", "").split(",")]
    listed = {_plain(each.rpartition(":")[0]): each for each in listed if each}
    place = __salt__["octavia_conf.origin"]("health_manager/controller_ip_port_list", saltenv)
    if not listed:
        return [
            _finding(what, "critical", f"{place}: octavia.conf has no health manager, so amphorae have none either")
        ]
    own = _plain(written.get("health_manager/bind_ip", ""))
    here = "health_manager" in __salt__["octavia_pillar.roles"](saltenv) and own and not _is_unspecified(own)
    try:
        ports = __salt__["octavia_port.of_health_managers"](saltenv=saltenv)
    except CommandExecutionError as exc:
        return [_finding(what, "warning", f"The ports of health managers cannot be looked at: {exc}")]
    findings = []
    for port in ports:
        addresses = [_plain(each["ip_address"]) for each in port["fixed_ips"]]
        who = f"health manager {', '.join(addresses) or 'without an address'} (port {port['name'] or port['id']})"
        if not set(addresses) & set(listed):
            findings.append(_finding(what, "critical", f"{who} is not in {place}: no amphora sends it heartbeats"))
        elif port["status"] != "ACTIVE":
            level = "critical" if own in addresses else "warning"
            findings.append(_finding(what, level, f"{who} is {port['status']}: heartbeats do not reach it"))
    live = {_plain(each["ip_address"]) for port in ports for each in port["fixed_ips"]}
    if ports:
        for address in sorted(set(listed) - live):
            # it may be one whose interface is none of Neutron's
            line = f"{place}: {listed[address]} has no port of a health manager in Neutron: is anybody there?"
            findings.append(_finding(what, "warning", line))
    if here and own not in listed:
        line = f"the health manager of this host listens at {own}, which is not in {place}: no amphora knows of it"
        findings.append(_finding(what, "critical", line))
    count = f"{len(listed)} health manager{'s' * (len(listed) != 1)}"
    good = f"{place} has {count}" + (
        ", as Neutron has" if ports else "; Neutron has no ports of theirs to compare with"
    )
    return findings or [_finding(what, "ok", good)]


def heartbeats(saltenv=None):
    """
    Tell when the health managers last heard of each amphora, by the database.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_health.heartbeats
    """
    amphorae = _amphorae(saltenv)
    if not isinstance(amphorae, list):
        return [amphorae]
    written = _written(saltenv)
    interval = int(written.get("health_manager/heartbeat_interval") or _INTERVAL)
    timeout = int(written.get("health_manager/heartbeat_timeout") or _TIMEOUT)
    findings, oldest = [], 0
    for each in amphorae:
        who, heard = _who(each), each["heard"]
        if each["status"] == "ERROR":
            level, line = "critical", f"{who} is in ERROR: fail load balancer {each['loadbalancer_id']} over"
        elif each["busy"]:
            level, line = "warning", f"{who}: a health manager fails it over"
        elif heard is None and (each["status"] in _MADE or each["made"] < timeout):
            level, line = "warning", f"{who} is new, and was not heard of yet"
        elif heard is None:
            level, line = "critical", f"{who} was never heard of since it was made, {each['made']} s ago"
        elif heard < -interval:
            level, line = "warning", f"{who} was heard of {-heard} s in the future: clocks of controllers differ"
        elif heard > timeout:
            level, line = "critical", f"{who} was last heard of {heard} s ago, and is failed over after {timeout} s"
        elif heard > _LATE * interval:
            level, line = "warning", f"{who} was last heard of {heard} s ago, and should be every {interval} s"
        else:
            oldest = max(oldest, heard)
            continue
        findings.append(_finding("heartbeat", level, line, amphora=each["id"]))
    fresh = len(amphorae) - len(findings)
    if fresh or not findings:
        said = f"{_count(fresh)} heard of, the longest silence is {oldest} s" if fresh else "there are no amphorae"
        findings.append(_finding("heartbeat", "ok", said))
    return _shortened(findings)


def agents(timeout=60, saltenv=None):
    """
    Say hello to the agent of each amphora at port 9443, as a worker does: by TLS, with the certificates that this
    host's octavia.conf names. Twenty are asked at a time.

    timeout
        Seconds for all of them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_health.agents timeout=20
    """
    amphorae = _amphorae(saltenv)
    if not isinstance(amphorae, list):
        return []
    amphorae = [each for each in amphorae if each["status"] not in (*_MADE, "ERROR")]
    if not amphorae:
        return []
    written, texts = _written(saltenv), {}
    for option in ("haproxy_amphora/client_cert", "haproxy_amphora/server_ca"):
        path = written.get(option, "")
        try:
            texts[option] = __salt__["octavia_file.read"](path) if path else None
        except (CommandExecutionError, OSError):
            texts[option] = None
        if not texts[option]:
            place = __salt__["octavia_conf.origin"](option, saltenv)
            return [_finding("agent", "critical", f"{place}: {path or 'no file'} cannot be read")]
    answers = __salt__["octavia_host.call"](
        "amphora",
        "probe_all",
        timeout=timeout + 30,
        saltenv=saltenv,
        amphorae=[{name: each[name] for name in ("id", "lb_network_ip")} for each in amphorae],
        client=texts["haproxy_amphora/client_cert"],
        authorities=texts["haproxy_amphora/server_ca"],
        within=timeout,
    )
    findings = []
    for each in amphorae:
        answer = answers[each["id"]]
        if not answer["ok"]:
            level = "warning" if answer["ok"] is None else "critical"
            line = f"the agent of {_who(each)} does not serve us: {answer['why']}"
            findings.append(_finding("agent", level, line, amphora=each["id"]))
    good = len(amphorae) - len(findings)
    if good:
        findings.append(_finding("agent", "ok", f"the agents of {_count(good)} answer"))
    return _shortened(findings)


def _amphorae(saltenv):
    """Those of this deployment, or the finding that there are none to look at."""
    if not __salt__["octavia_pillar.has_amphorae"](saltenv):
        return _finding("heartbeat", "ok", "the amphora driver is a noop: there are no amphorae to look at")
    try:
        return __salt__["octavia_db.heartbeats"](saltenv=saltenv)
    except CommandExecutionError as exc:
        return _finding("heartbeat", "critical", f"The database cannot be asked for heartbeats: {exc}")


def _written(saltenv):
    path = __salt__["octavia_pillar.settings"](saltenv)["conf_file"]
    text = __salt__["octavia_file.read"](path)
    if text is None:
        raise CommandExecutionError(f"{path}: does not exist: apply octavia")
    return __salt__["octavia_diff.parse"](text)


def _finding(what, level, line, **where):
    return {"what": what, **where, "level": level, "line": line}


def _shortened(findings):
    """Of each level, the first ones and how many more there are."""
    result = []
    for level in ("critical", "warning", "ok"):
        those = [each for each in findings if each["level"] == level]
        result += those[:_SHOWN]
        if len(those) > _SHOWN:
            line = f"and {len(those) - _SHOWN} more like these"
            result.append(_finding(those[0]["what"], level, line))
    return result


def _who(amphora):
    return f"amphora {amphora['id']} ({amphora['lb_network_ip'] or 'no address'})"


def _count(number):
    return f"{number} amphora{'e' * (number != 1)}"


def _plain(address):
    """An address in its one form, without brackets."""
    address = address.strip("[] ")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _is_unspecified(address):
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False
