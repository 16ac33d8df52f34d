"""
The interface of a controller in the management network: its port in Neutron, the device on this host, and what keeps
it there.

systemd-networkd gives the device its addresses, MTU and MAC as Neutron has them, and one unit makes the device, since
Open vSwitch and a bridge's agent want it their way. All files have names of our own. What this host has been given is
noted, so that it can be taken away again when the pillar wants another interface, or none.
"""

import ipaddress
import json
import os
import re
import shutil

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

UNIT = "octavia-interface"
# Seconds until the device has its addresses.
PATIENCE = 30
_NETWORKD = "systemd-networkd"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_OVS = ("openvswitch", "ovn")
# Of a port that is still to be made, in a dry run.
_UNKNOWN = "(of the new port)"


# --- what the pillar wants


def wanted(saltenv=None):
    """
    Return what the pillar wants: ``name``, ``type``, ``bridge``, ``address``, ``routes`` and ``firewall`` of the
    interface; None for none on this host.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if "manager" not in __salt__["octavia_pillar.sections"](saltenv) or not value.get("manager:interface:enabled"):
        return None
    found = {name: value.get(f"manager:interface:{name}") for name in ("name", "type", "bridge", "address")}
    found["address"] = found["address"] and str(ipaddress.ip_address(found["address"]))
    found["routes"] = value.get("manager:interface:routes", [])
    found["firewall"] = value.get("manager:interface:firewall:enabled", True)
    return found


def faults(saltenv=None):
    """
    Return what keeps this host from having the interface that the pillar wants, as a list of lines.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.faults
    """
    want = wanted(saltenv)
    return [f"octavia:manager:interface:{line}" for line in _faults(want, saltenv)] if want else []


def _faults(want, saltenv):
    name, there = want["name"], device(want["name"])
    if want["type"] == "existing":
        if not there:
            yield f"name: there is no interface {name}, and octavia:manager:interface:type is existing"
        elif lacking := _lacking(want, there["addresses"]):
            yield lacking
        elif want["firewall"] and name in _default_interfaces():
            yield (
                f"firewall:enabled: would close {name}, by which this host is reached; set it to false, or give the "
                "management network an interface of its own"
            )
        return
    # an earlier run has noted ours before it made it; the other end of a veth of ours is Neutron's
    if there and name != note(saltenv).get("name") and not str(there["peer"]).startswith("tap"):
        yield f"name: {name} is there already, and no interface of Octavia's; take another name"
    if not any(os.path.exists(f"{path}/{_NETWORKD}") for path in ("/usr/lib/systemd", "/lib/systemd")):
        yield f"type: is {want['type']}, which needs {_NETWORKD} on this host"
    if want["type"] in _OVS:
        if not shutil.which("ovs-vsctl", path=_PATH):
            yield f"type: is {want['type']}, but this host has no Open vSwitch (ovs-vsctl)"
        elif (not there or note(saltenv).get("type") not in _OVS) and (lacking := _bridgeless(want["bridge"])):
            yield lacking


def _lacking(want, addresses):
    """What an interface that is the operator's lacks, as the end of a line that begins with the pillar key."""
    have = [*map(_plain, addresses)]
    if want["address"] and want["address"] not in have:
        return f"address: {want['name']} does not have {want['address']}; it has {', '.join(have) or 'none'}"
    return None if have else f"name: {want['name']} has no address"


def _bridgeless(bridge):
    """Why Open vSwitch cannot have a port in a bridge, as `_lacking` says it."""
    done = _run(["ovs-vsctl", "--timeout=10", "br-exists", bridge], check=False)
    if done["retcode"] == 2:
        return f"bridge: Open vSwitch has no bridge {bridge}; Neutron's agent or ovn-controller makes it"
    if done["retcode"]:
        return f"bridge: Open vSwitch does not tell whether it has {bridge}: {' '.join(done['stderr'].split())}"
    return None


def _default_interfaces():
    shown = [_run(["ip", "-j", version, "route", "show", "default"], check=False)["stdout"] for version in ("-4", "-6")]
    return {route.get("dev") for text in shown for route in json.loads(text or "[]")}


# --- this host


def device(name):
    """
    Return an interface as this host has it: ``mac``, ``mtu``, ``up``, ``addresses`` (with their prefix, those of the
    link left out) and ``peer``, the other end of a veth pair; None for none.

    name
        Of the interface.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.device o-hm0
    """
    done = _run(["ip", "-j", "-d", "address", "show", "dev", name], check=False)
    if done["retcode"]:
        return None
    [found] = [entry for entry in json.loads(done["stdout"]) if entry.get("ifname") == name]
    return {
        "mac": found.get("address"),
        "mtu": found.get("mtu"),
        "up": "UP" in found.get("flags", []),
        "addresses": sorted(
            f"{each['local']}/{each['prefixlen']}" for each in found.get("addr_info", []) if each["scope"] == "global"
        ),
        "peer": found.get("link"),
    }


def routes(name):
    """
    Return the routes that systemd-networkd has set on an interface, as a sorted list of ``destination via gateway``.

    name
        Of the interface.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.routes o-hm0
    """
    found = []
    for version in ("-4", "-6"):
        done = _run(["ip", "-j", version, "route", "show", "dev", name, "proto", "static"], check=False)
        found += [(route["dst"], route.get("gateway")) for route in json.loads(done["stdout"] or "[]")]
    # a destination of one address has no prefix
    found = [(ipaddress.ip_network(dst), gateway) for dst, gateway in found if dst != "default"]
    return sorted(f"{network} via {gateway}" for network, gateway in found)


def plugged(name):
    """
    Return how Open vSwitch has an interface: ``bridge``, and what Neutron's agent or ovn-controller knows its port by;
    None for not at all.

    name
        Of the interface.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.plugged o-hm0
    """
    bridge = _run(["ovs-vsctl", "--timeout=10", "iface-to-br", name], check=False)
    if bridge["retcode"]:
        return None
    columns = ["--format=json", "--columns=type,mac,mtu_request,external_ids"]
    done = _run(["ovs-vsctl", "--timeout=10", *columns, "find", "Interface", f"name={name}"])
    [[kind, mac, mtu, (_map, ids)]] = json.loads(done["stdout"])["data"]
    return {"bridge": bridge["stdout"].strip(), "type": kind, "mac": mac, "mtu_request": mtu, **dict(ids)}


def note(saltenv=None):
    """
    Return what earlier runs have given this host, as a dict: ``name`` and ``type`` of the interface, ``port``, the id
    of its port, and its ``addresses``; ``networkd``, whether systemd-networkd runs for it alone; ``firewall``, what
    its rules are for.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.note
    """
    return __salt__["octavia_file.note"](_note_path(saltenv))


def remember(saltenv=None, **facts):
    """
    Add to the note. Called before anything is made, so that what a killed run leaves is found.

    facts
        See ``note``. None takes one away.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.remember name=o-hm0
    """
    old = note(saltenv)
    new = {name: fact for name, fact in {**old, **clean_kwargs(**facts)}.items() if fact is not None}
    if new != old:
        __salt__["octavia_file.keep"](_note_path(saltenv), new)


def _note_path(saltenv):
    return f"{__salt__['octavia_pillar.settings'](saltenv)['state_dir']}/interface.json"


def address(saltenv=None):
    """
    Return this host's address in the management network: what the pillar says, else what its port has been given,
    else what the interface has; None where there is no interface, or no address yet.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.address
    """
    want = wanted(saltenv)
    if not want:
        return None
    if want["address"]:
        return want["address"]
    known = note(saltenv).get("addresses") if want["type"] != "existing" else None
    known = known or (device(want["name"]) or {}).get("addresses") or [None]
    return known[0] and _plain(known[0])


def status(saltenv=None):
    """
    Return the interface as this host has it and as Neutron has it: ``name``, ``type``, at ``host`` and at ``neutron``
    each ``port``, ``mac``, ``addresses``, ``mtu`` and ``up``, None where there is none; and ``findings``, how they
    differ, as a list of ``{level, line}``. None where the pillar wants no interface. One of type ``existing`` is no
    port of Neutron's.

    Raises CommandExecutionError when Neutron cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.status
    """
    want = wanted(saltenv)
    if not want:
        return None
    there = device(want["name"])
    host = there and {"port": _port_of(want, there), **{key: there[key] for key in ("mac", "addresses", "mtu", "up")}}
    found = {"name": want["name"], "type": want["type"], "host": host, "neutron": None}
    if want["type"] != "existing":
        port = __salt__["octavia_port.find"](saltenv)
        if port:
            shape = __salt__["octavia_port.interface"](want, port, saltenv)
            found["neutron"] = {key: shape[key] for key in ("port", "mac", "mtu")}
            found["neutron"]["addresses"] = sorted(shape["addresses"])
            found["neutron"]["up"] = port["status"] == "ACTIVE"
    same = _finding(
        f"{want['name']} is as {'it should be' if want['type'] == 'existing' else 'Neutron has its port'}", "ok"
    )
    return {**found, "findings": list(_findings(want, found)) or [same]}


def _findings(want, found):
    name, host, neutron = want["name"], found["host"], found["neutron"]
    if not host:
        yield _finding(f"{name} is not there: apply octavia.manager.interface")
        return
    if not host["up"]:
        yield _finding(f"{name} is down")
    if want["type"] == "existing":
        if lacking := _lacking(want, host["addresses"]):
            yield _finding(f"octavia:manager:interface:{lacking}")
    elif not neutron:
        yield _finding(f"{name} has no port in Neutron: apply octavia.manager.interface")
    else:
        for key in ("port", "mac", "mtu", "addresses"):
            ours, theirs = host[key], neutron[key]
            # the name of a veth's end has room for the beginning of an id
            same = theirs.startswith(ours or "-") if key == "port" else ours == theirs
            if not same:
                yield _finding(f"{name} has {key} {_shown(ours)}, and Neutron {_shown(theirs)}")
        if not neutron["up"]:
            yield _finding(f"port {neutron['port']} of {name} is not ACTIVE: Neutron does not carry it")


def _finding(line, level="critical"):
    return {"level": level, "line": line}


def _shown(value):
    return ", ".join(value) if isinstance(value, list) else value


def _port_of(want, there):
    """The port as whose this host has the interface plugged in: of a veth no more than its beginning is known."""
    if want["type"] in _OVS:
        return (plugged(want["name"]) or {}).get("iface-id")
    peer = there["peer"] or ""
    return peer.removeprefix("tap") if peer.startswith("tap") else None


def _plain(address):
    return address.partition("/")[0]


# --- files


def files(shape, alone, saltenv=None):
    """
    Return the files that make an interface and bring it back at boot, as ``{path: text}``.

    shape
        What ``octavia_port.interface`` returns.

    alone
        Whether systemd-networkd runs for this interface alone.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.files '{name: o-hm0, type: linuxbridge, port: "", mac: "", mtu: 1450, addresses: [],
        routes: []}' true
    """
    paths, fill = file_paths(saltenv), __salt__["octavia_file.fill"]
    facts = {**shape, "tap": _tap(shape["port"]), "wait": _wait(shape["name"], map(_plain, shape["addresses"]))}
    facts["systemd"] = int(re.match(r"\d*", str(__grains__.get("systemd", {}).get("version", "")))[0] or 0)
    templates = {"network": "interface.network.jinja", "unit": f"{UNIT}.service.jinja"}
    if alone:
        templates |= {"others": "interface-others.network.jinja", "networkd": "interface-networkd.conf.jinja"}
    return {paths[name]: fill(template, facts, saltenv) for name, template in templates.items()}


def file_paths(saltenv=None):
    """
    Return where our files are, by what they are for.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.file_paths
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    networkd = settings["networkd_dir"]
    return {
        # before all others: the first one that matches an interface counts
        "network": f"{networkd}/network/00-octavia-interface.network",
        "others": f"{networkd}/network/00-octavia-other-interfaces.network",
        "networkd": f"{networkd}/networkd.conf.d/00-octavia-interface.conf",
        "unit": f"{settings['unit_dir']}/{UNIT}.service",
    }


def gates(saltenv=None):
    """
    Return the drop-ins that let services wait for their address, as ``{path: text}``; None for one that should not be
    there.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.gates
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    want = wanted(saltenv)
    text = None
    if want:
        known = address(saltenv)
        unit = "network-online.target" if want["type"] == "existing" else f"{UNIT}.service"
        hosts = [known or _UNKNOWN] if known or want["type"] != "existing" else []
        facts = {"name": want["name"], "unit": unit, "wait": _wait(want["name"], hosts)}
        text = __salt__["octavia_file.fill"](f"{UNIT}-gate.conf.jinja", facts, saltenv)
    return {
        f"{settings['unit_dir']}/{settings['units'][role]}.service.d/{UNIT}.conf": (
            text if role in settings["roles"] else None
        )
        for role in ("worker", "health_manager", "housekeeping")
    }


def _tap(port):
    return f"tap{port if port == _UNKNOWN else port[:11]}"


def _wait(name, hosts):
    """A command that ends when an interface has addresses, or fails in time."""
    hosts = list(hosts)
    # what has not been proved unique yet cannot be bound
    looks = [f"ip -o address show dev {name} to {host} -tentative 2>/dev/null | grep -q ." for host in hosts]
    looks = looks or [f"ip -o address show dev {name} scope global -tentative 2>/dev/null | grep -q ."]
    lack = f"{name} does not have {' and '.join(hosts)}" if hosts else f"{name} has no address"
    # a dollar is systemd's until it is doubled
    return (
        f"/bin/sh -c 'for second in $$(seq {PATIENCE}); do {' && '.join(looks)} && exit 0; sleep 1; done; "
        f'echo "error: {lack}: see octavia_interface.status" >&2; exit 1\''
    )


# --- acting


def units():
    """
    Return what systemd knows of our units and of systemd-networkd, as ``{unit: {running, starts, reload}}``:
    ``starts`` is whether it does at boot, ``reload`` whether its file has changed.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.units
    """
    names = [UNIT, __salt__["octavia_firewall.unit"](), _NETWORKD]
    ask = ["systemctl", "show", "--property=ActiveState,UnitFileState,NeedDaemonReload"]
    done = _run([*ask, *(f"{name}.service" for name in names)])
    blocks = (dict(line.split("=", 1) for line in block.splitlines()) for block in done["stdout"].split("\n\n"))
    return {
        name: {
            "running": block["ActiveState"] == "active",
            # netplan's has it enabled until the next boot, at each boot
            "starts": block["UnitFileState"].startswith("enabled"),
            "reload": block["NeedDaemonReload"] == "yes",
        }
        for name, block in zip(names, blocks, strict=True)
    }


def networkd_alone(saltenv=None):
    """
    Tell whether systemd-networkd runs, or would run, for our interface alone: this host does not start it at boot by
    itself.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.networkd_alone
    """
    now = units()[_NETWORKD]
    return not now["starts"] and (not now["running"] or note(saltenv).get("networkd") == "alone")


def difference(shape, saltenv=None):
    """
    Return how the interface differs from what its port makes of it, as ``{field: {old, new}}``; an empty dict for not
    at all.

    shape
        What ``octavia_port.interface`` returns.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.difference '{name: o-hm0, type: linuxbridge, port: "", mac: "", mtu: 1450,
        addresses: [], routes: []}'
    """
    there = device(shape["name"])
    want = {"mac": shape["mac"], "mtu": shape["mtu"], "up": True, "addresses": sorted(shape["addresses"])}
    have = {key: there[key] for key in want} if there else {}
    want["routes"] = shape["routes"]
    have["routes"] = routes(shape["name"]) if there else []
    if shape["type"] in _OVS:
        keys = ("bridge", "type", "mtu_request", "iface-id", "iface-status", "attached-mac", "skip_cleanup")
        ports = plugged(shape["name"]) or {}
        have["plugged"] = {key: ports.get(key) for key in keys}
        values = (shape["bridge"], "internal", shape["mtu"], shape["port"], "active", shape["mac"], "true")
        want["plugged"] = dict(zip(keys, values, strict=True))
    else:
        have["peer"] = there["peer"] if there else None
        want["peer"] = _tap(shape["port"])
    return {key: {"old": have.get(key), "new": new} for key, new in want.items() if have.get(key) != new}


def bring_up(shape, found, alone, changed, saltenv=None):
    """
    Have the interface as its files say, now.

    shape
        What ``octavia_port.interface`` returns.

    found
        What ``difference`` returns.

    alone, changed
        Whether systemd-networkd runs for it alone; paths of the files that have changed.

    Raises CommandExecutionError when it does not come up in time.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.bring_up '{name: o-hm0, type: existing}' '{}' false '[]'
    """
    name = shape["name"]
    if "peer" in found or (found.get("plugged") and found["plugged"]["old"].get("bridge") != shape["bridge"]):
        unplug(name, shape["type"])
    _run(["systemctl", "restart" if alone and file_paths(saltenv)["networkd"] in changed else "start", _NETWORKD])
    _run(["networkctl", "reload"])
    if os.path.exists(f"/sys/class/net/{name}"):
        _run(["networkctl", "reconfigure", name])
    start(UNIT)


def start(unit):
    """
    Have a unit of ours run, with its file as it is now, and start at boot.

    unit
        Its name.

    Raises CommandExecutionError, with the last words of the unit, when it does not start.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.start octavia-interface
    """
    reload_units()
    # its file may say otherwise now by what it is started
    _run(["systemctl", "reenable", unit])
    _run(["systemctl", "reset-failed", unit], check=False)
    if _run(["systemctl", "restart", unit], check=False)["retcode"]:
        said = _run(["journalctl", "--unit", unit, "--lines", "20", "--output", "cat", "--no-pager"])["stdout"]
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith(f"{unit}.service")]
        words = [line for line in lines if "rror" in line or "ovs-vsctl" in line] or lines or ["it left no message"]
        raise CommandExecutionError(f"{unit} does not start: {words[-1].strip()} (journalctl -u {unit})")


def stop(unit):
    """
    Stop a unit of ours, and have it not started at boot. One that is not there is fine.

    unit
        Its name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.stop octavia-interface
    """
    _run(["systemctl", "disable", "--now", unit], check=False)
    _run(["systemctl", "reset-failed", unit], check=False)


def reload_units():
    """
    Have systemd read the files of units again.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.reload_units
    """
    _run(["systemctl", "daemon-reload"])


def forget(saltenv=None):
    """
    Take the note away: nothing of ours is left.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.forget
    """
    if os.path.exists(_note_path(saltenv)):
        os.unlink(_note_path(saltenv))


def moved(known, want):
    """
    Tell whether this host has another interface of ours than the pillar wants.

    known, want
        What ``note`` and ``wanted`` return.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.moved '{name: o-hm0, type: ovn}' '{name: o-hm0, type: linuxbridge}'
    """
    if not known.get("name") or known["type"] == "existing":
        return False
    # Open vSwitch plugs it in alike for both
    same = known["type"] == want["type"] or {known["type"], want["type"]} == set(_OVS)
    return not same or known["name"] != want["name"]


def unplug(name, kind):
    """
    Take an interface of ours away from this host.

    name, kind
        Of the interface.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.unplug o-hm0 linuxbridge
    """
    if kind in _OVS:
        _run(["ovs-vsctl", "--timeout=30", "--if-exists", "del-port", name])
    elif kind == "linuxbridge" and os.path.exists(f"/sys/class/net/{name}"):
        _run(["ip", "link", "delete", "dev", name])


def settle_networkd(saltenv=None):
    """
    Have systemd-networkd forget files that are gone: it ends where it ran for our interface alone.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_interface.settle_networkd
    """
    if networkd_alone(saltenv):
        _run(["systemctl", "stop", _NETWORKD, f"{_NETWORKD}.socket"], check=False)
    elif units()[_NETWORKD]["running"]:
        _run(["networkctl", "reload"])


def _run(command, check=True):
    done = __salt__["cmd.run_all"](command, python_shell=False, ignore_retcode=True)
    if check and done["retcode"]:
        words = done["stderr"].strip().splitlines() or [f"exit code {done['retcode']}"]
        raise CommandExecutionError(f"{' '.join(command[:3])} failed: {words[-1].strip()}")
    return done
