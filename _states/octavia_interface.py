"""
Keep a controller's interface in the management network, its port in Neutron and its firewall, or take them away.
"""

import contextlib
import os
import time

from salt.exceptions import CommandExecutionError


def installed(name):
    """
    Ensure that this host has what the interface needs: openstacksdk, and a firewall's tool where it has none yet.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_packages:
          octavia_interface.installed: []
    """
    roles = ["interface"]
    try:
        if __salt__["octavia_interface.wanted"](__env__)["firewall"]:
            roles.append(__salt__["octavia_firewall.backend"](__env__) or "nftables")
    except CommandExecutionError as exc:
        return _failed(name, exc)
    return {**__states__["octavia_pkg.installed"](name, roles=roles), "name": name}


def port(name):
    """
    Ensure that this host has its port in the management network, and Neutron has it as this host needs it: bound to
    this host, owned by the health manager, in its security group, with the address of the pillar. A port that an
    earlier run made and that is not wanted any more is deleted.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_port:
          octavia_interface.port: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        want, old = (
            __salt__["octavia_interface.wanted"](__env__),
            __salt__["octavia_interface.note"](__env__).get("port"),
        )
        have = None
        if want["type"] == "existing":
            ret["comment"] = f"{want['name']} is no port of Neutron's"
        else:
            done = __salt__["octavia_port.present"](want["address"], __env__)
            ret.update(changes=done["changes"], comment=done["comment"])
            have = __salt__["octavia_port.find"](__env__)
        if old and (not have or have["id"] != old) and __salt__["octavia_cloud.find"]("port", old, saltenv=__env__):
            ret["changes"][f"port {old}"] = {"old": "there", "new": None}
        if __opts__["test"]:
            return _would(ret)
        if f"port {old}" in ret["changes"]:
            __salt__["octavia_cloud.delete"]("port", old, saltenv=__env__)
        addresses = [each["ip_address"] for each in have["fixed_ips"]] if have else None
        __salt__["octavia_interface.remember"](__env__, port=have and have["id"], addresses=addresses)
        if have and have.get("binding:vif_type") == "binding_failed":
            ret["warnings"] = [
                f"Neutron cannot bind port {have['name']} to {have['binding:host_id']}: no agent there serves its "
                "network; see pillar octavia:manager:interface:host"
            ]
    except CommandExecutionError as exc:
        return _failed(name, exc, ret)
    return _done(ret)


def firewall(name):
    """
    Ensure that nothing comes in by the interface but what amphorae send: heartbeats, and their logs where they send
    these to this host. Rules that somebody has flushed or changed are put back, in one transaction.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_firewall:
          octavia_interface.firewall: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The firewall is as it should be"}
    try:
        want = __salt__["octavia_interface.wanted"](__env__)
        if not want["firewall"]:
            ret["comment"] = "The pillar wants no firewall on the interface"
            return _no_firewall(ret)
        tool = __salt__["octavia_firewall.backend"](__env__) or "nftables"
        addresses = [__salt__["octavia_interface.address"](__env__)]
        opened = __salt__["octavia_firewall.ports"](addresses, __env__)
        names = __salt__["octavia_port.inlets"](want, __env__)
        made = __salt__["octavia_firewall.files"](names, opened, tool, __env__)
        _compare_files(ret["changes"], made, __salt__["octavia_firewall.paths"](__env__).values())
        old, new = __salt__["octavia_firewall.compare"](names, made, tool, __env__)
        if old != new:
            ret["changes"][f"rules of {want['name']}"] = {"old": old, "new": new}
        unit = __salt__["octavia_firewall.unit"]()
        stale = _compare_unit(ret["changes"], unit)
        other = __salt__["octavia_interface.note"](__env__).get("firewall", tool)
        if other != tool:
            ret["changes"][f"rules of {other}"] = {"old": "there", "new": None}
        if __opts__["test"]:
            return _would(ret)
        if ret["changes"] or stale:
            __salt__["octavia_interface.remember"](__env__, firewall=tool)
            if other != tool:
                __salt__["octavia_firewall.flush"](other)
            _write_files(made, __salt__["octavia_firewall.paths"](__env__).values())
            __salt__["octavia_interface.start"](unit)
            if __salt__["octavia_firewall.compare"](names, made, tool, __env__)[0] != new:
                raise CommandExecutionError(f"the rules of {want['name']} are not what {unit}.service has loaded")
    except CommandExecutionError as exc:
        return _failed(name, exc, ret)
    return _done(ret)


def _no_firewall(ret):
    tool = __salt__["octavia_interface.note"](__env__).get("firewall")
    paths = __salt__["octavia_firewall.paths"](__env__).values()
    _compare_files(ret["changes"], {}, paths)
    if tool:
        ret["changes"][f"rules of {tool}"] = {"old": "there", "new": None}
    if __opts__["test"]:
        return _would(ret)
    if ret["changes"]:
        __salt__["octavia_interface.stop"](__salt__["octavia_firewall.unit"]())
        if tool:
            __salt__["octavia_firewall.flush"](tool)
        _write_files({}, paths)
        __salt__["octavia_interface.reload_units"]()
        __salt__["octavia_interface.remember"](__env__, firewall=None)
    return _done(ret)


def device(name):
    """
    Ensure that this host has the interface of its port, with its MAC, MTU and addresses, plugged in where Neutron's
    agent or OVN looks for it, now and after a reboot. Of an interface of type ``existing`` nothing is changed; whether
    it has its address ``octavia_check.preflight`` tells.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_device:
          octavia_interface.device: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        want = __salt__["octavia_interface.wanted"](__env__)
        ret["comment"] = f"{want['name']} is as it should be"
        known = __salt__["octavia_interface.note"](__env__)
        paths = __salt__["octavia_interface.file_paths"](__env__).values()
        moved = __salt__["octavia_interface.moved"](known, want)
        if moved:
            ret["changes"][f"{known['name']} ({known['type']})"] = {"old": "there", "new": None}
        if want["type"] == "existing":
            _compare_files(ret["changes"], {}, paths)
            if __opts__["test"]:
                return _would(ret)
            if ret["changes"]:
                _take_away(known, paths)
            __salt__["octavia_interface.remember"](__env__, name=want["name"], type=want["type"], networkd=None)
            return _done(ret)
        have = __salt__["octavia_port.find"](__env__)
        if not have and not __opts__["test"]:
            raise CommandExecutionError("this host has no port in Neutron: apply octavia.manager.interface")
        shape = __salt__["octavia_port.interface"](want, have, __env__)
        alone = __salt__["octavia_interface.networkd_alone"](__env__)
        made = __salt__["octavia_interface.files"](shape, alone, __env__)
        _compare_files(ret["changes"], made, paths)
        found = __salt__["octavia_interface.difference"](shape, __env__)
        if found:
            sides = {side: {field: both[side] for field, both in found.items()} for side in ("old", "new")}
            ret["changes"][want["name"]] = sides
        stale = _compare_unit(ret["changes"], "octavia-interface")
        if __opts__["test"]:
            return _would(ret)
        if not ret["changes"] and not stale:
            return ret
        if moved:
            __salt__["octavia_interface.unplug"](known["name"], known["type"])
        facts = {"name": want["name"], "type": want["type"], "networkd": "alone" if alone else None}
        __salt__["octavia_interface.remember"](__env__, **facts)
        written = _write_files(made, paths)
        __salt__["octavia_interface.bring_up"](shape, found, alone, written, __env__)
        # systemd-networkd sets routes a moment after addresses
        for _attempt in range(50):
            left = __salt__["octavia_interface.difference"](shape, __env__)
            if not left:
                break
            time.sleep(0.1)
        else:
            field, both = next(iter(left.items()))
            raise CommandExecutionError(f"{want['name']} has {field} {both['old']}, not {both['new']}")
    except CommandExecutionError as exc:
        return _failed(name, exc, ret)
    return _done(ret)


def _take_away(known, paths):
    """The device and its files; what systemd-networkd was given is settled while the note still says how."""
    __salt__["octavia_interface.stop"]("octavia-interface")
    if known.get("name"):
        __salt__["octavia_interface.unplug"](known["name"], known.get("type"))
    _write_files({}, paths)
    __salt__["octavia_interface.settle_networkd"](__env__)


def gate(name):
    """
    Ensure that services that need the interface start only when it has its address, at boot too. A running service is
    not restarted for it.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_gate:
          octavia_interface.gate: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Services wait for their address"}
    try:
        gates = __salt__["octavia_interface.gates"](__env__)
        made = {path: text for path, text in gates.items() if text is not None}
        _compare_files(ret["changes"], made, gates)
        if __opts__["test"]:
            return _would(ret)
        if ret["changes"]:
            _write_files(made, gates)
            __salt__["octavia_interface.reload_units"]()
    except CommandExecutionError as exc:
        return _failed(name, exc, ret)
    return _done(ret)


def absent(name):
    """
    Ensure that nothing is left of what earlier runs have given this host: the interface, its files, its firewall, what
    services wait for, its port in Neutron. What somebody else has made stays. Where there is nothing, nobody is asked.

    name
        Any text.

    .. code-block:: yaml

        octavia_interface_removed:
          octavia_interface.absent: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "Nothing is left of the interface"}
    try:
        known = __salt__["octavia_interface.note"](__env__)
        gates = __salt__["octavia_interface.gates"](__env__)
        devices = __salt__["octavia_interface.file_paths"](__env__).values()
        walls = __salt__["octavia_firewall.paths"](__env__).values()
        _compare_files(ret["changes"], {}, [*gates, *devices, *walls])
        if known.get("name") and known.get("type") != "existing":
            ret["changes"][known["name"]] = {"old": "there", "new": None}
        if known.get("firewall"):
            ret["changes"][f"rules of {known['firewall']}"] = {"old": "there", "new": None}
        if known.get("port"):
            ret["changes"][f"port {known['port']}"] = {"old": "there", "new": None}
        if __opts__["test"]:
            return _would(ret)
        if ret["changes"]:
            _write_files({}, gates)
            __salt__["octavia_interface.reload_units"]()
            _take_away(known, devices)
            # last, so that the interface is never there without it
            __salt__["octavia_interface.stop"](__salt__["octavia_firewall.unit"]())
            if known.get("firewall"):
                __salt__["octavia_firewall.flush"](known["firewall"])
            _write_files({}, walls)
            __salt__["octavia_interface.reload_units"]()
            if known.get("port"):
                __salt__["octavia_cloud.delete"]("port", known["port"], saltenv=__env__)
            __salt__["octavia_interface.forget"](__env__)
    except CommandExecutionError as exc:
        return _failed(name, exc, ret)
    return _done(ret)


# --- what they share


def _compare_files(changes, made, paths):
    """``changes`` gets each file that differs; those of ``paths`` that nobody made any more should be gone."""
    for path in dict.fromkeys([*made, *paths]):
        old, new = __salt__["octavia_file.read"](path), made.get(path)
        if old != new:
            changes[path] = {"old": old, "new": new}


def _compare_unit(changes, unit):
    """``changes`` gets what is wrong with a unit; tells whether systemd knows an older file of it."""
    now = __salt__["octavia_interface.units"]()[unit]
    for thing, is_so in (("running", now["running"]), ("enabled", now["starts"])):
        if not is_so:
            changes[f"{unit} {thing}"] = {"old": False, "new": True}
    return now["reload"]


def _write_files(made, paths):
    """Write what differs and take away what should not be there; the paths of both."""
    changes = {}
    _compare_files(changes, made, paths)
    try:
        for path, change in changes.items():
            if change["new"] is None:
                os.unlink(path)
                # ours alone: that of a drop-in, or of systemd-networkd's settings
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.dirname(path)) if path.endswith(".conf") else None
                continue
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            __salt__["octavia_file.write"](path, change["new"], "root", "root", "0644")
    except OSError as exc:
        raise CommandExecutionError(f"{exc.filename}: {exc.strerror}") from exc
    return list(changes)


def _would(ret):
    if ret["changes"]:
        ret.update(result=None, comment=f"{', '.join(ret['changes'])} would be changed")
    return ret


def _done(ret):
    if ret["changes"]:
        ret["comment"] = f"{', '.join(ret['changes'])} changed"
    return ret


def _failed(name, exc, ret=None):
    if __opts__["test"] and hasattr(exc, "library"):
        # what is missing is what this run would install
        return {"name": name, "result": None, "changes": (ret or {}).get("changes", {}), "comment": str(exc)}
    return {"name": name, "result": False, "changes": {}, "comment": str(exc)}
