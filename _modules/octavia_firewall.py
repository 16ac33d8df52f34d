"""
The firewall on the interface in the management network: what amphorae send to this host comes in, nothing else does.

Rules of our own, in a table of nftables or a chain of iptables, loaded by a unit of our own. Those of the host stay as
they are. What the host has is compared with what its own tool makes of our rules, in a network namespace that is gone a
moment later: tools of different versions print the same rules in different words.
"""

import os
import shutil

from salt.exceptions import CommandExecutionError

BACKENDS = {"nftables": "nft", "iptables": "iptables"}
UNIT = "octavia-interface-firewall"
TABLE = "octavia_o_hm0"
CHAIN = "octavia-o-hm0"

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Who else loads rules, and may flush ours on the way.
_OTHERS = {"nftables": ("nftables",), "iptables": ("netfilter-persistent", "iptables", "ip6tables")}

# The first time there is no jump that could be deleted, and iptables-restore does all or nothing.
_RESTORE = "{restore} -w -n {path} 2>/dev/null || grep -v ^-D {path} | {restore} -w -n"


def unit():
    """
    Return the name of the unit that loads our rules.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.unit
    """
    return UNIT


def backend(saltenv=None):
    """
    Return ``nftables`` or ``iptables``: what the pillar says, else what this host has. None where it has neither.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.backend
    """
    said = __salt__["octavia_pillar.values"](saltenv).get("manager:interface:firewall:backend", "auto")
    if said != "auto":
        return said
    return next((name for name, tool in BACKENDS.items() if shutil.which(tool, path=_PATH)), None)


def ports(addresses, saltenv=None):
    """
    Return what is open, as a sorted list of ``[protocol, port]``: where heartbeats arrive, and where amphorae send
    their logs if they send them to this host.

    addresses
        Those of this host in the management network.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.ports '[172.16.0.11]'
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    found = {("udp", value["manager:health_manager:bind_port"])}
    targets = __salt__["octavia_pillar.log_targets"](saltenv)
    found.update((protocol, port) for protocol, host, port in targets if host in (None, *addresses))
    return [list(each) for each in sorted(found)]


def paths(saltenv=None):
    """
    Return where our files are, by what they are for.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.paths
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    return {
        "nft": f"{settings['conf_dir']}/interface.nft",
        "v4": f"{settings['conf_dir']}/interface.iptables",
        "v6": f"{settings['conf_dir']}/interface.ip6tables",
        "unit": f"{settings['unit_dir']}/{UNIT}.service",
        **{
            unit: f"{settings['unit_dir']}/{unit}.service.d/octavia-interface.conf"
            for units in _OTHERS.values()
            for unit in units
        },
    }


def files(names, opened, tool, saltenv=None):
    """
    Return the files of the firewall, as ``{path: text}``.

    names
        Of the interfaces; see ``octavia_port.inlets``.

    opened
        What ``ports`` returns.

    tool
        What ``backend`` returns.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.files '[o-hm0]' '[[udp, 5555]]' nftables
    """
    where, facts = paths(saltenv), {"names": names, "opened": opened, "table": TABLE, "chain": CHAIN}
    fill = __salt__["octavia_file.fill"]
    if tool == "nftables":
        made = {where["nft"]: fill("interface.nft.jinja", facts, saltenv)}
        commands = [f"/usr/sbin/nft -f {where['nft']}"]
    else:
        made, commands = {}, []
        for version, program in _families():
            made[where[version]] = fill("interface.iptables.jinja", {**facts, "version": version}, saltenv)
            load = _RESTORE.format(restore=f"{program}-restore", path=where[version])
            commands.append(f"/bin/sh -c '{load}'")
    facts.update(commands=commands, tool=tool, others=" ".join(f"{each}.service" for each in _OTHERS[tool]))
    made |= {where[each]: fill("interface-others.conf.jinja", facts, saltenv) for each in _OTHERS[tool]}
    return {**made, where["unit"]: fill("octavia-interface-firewall.service.jinja", facts, saltenv)}


def _families():
    found = [("v4", "iptables")]
    # a kernel without IPv6 has nothing to close
    return found + ([("v6", "ip6tables")] if os.path.exists("/proc/sys/net/ipv6") else [])


def compare(names, made, tool, saltenv=None):
    """
    Return the rules that this host has and those that it would have, as ``[old, new]`` in the words of its own tool;
    None for no rules.

    names, made, tool
        As for ``files``, and what that and ``backend`` return.

    Raises CommandExecutionError when the tool does not take the rules.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.compare '[o-hm0]' '{/etc/octavia/interface.nft: ""}' nftables
    """
    if not shutil.which(BACKENDS[tool], path=_PATH):
        # a dry run before the package is there
        return [None, "".join(text for path, text in made.items() if "/interface." in path)]
    where = paths(saltenv)
    if tool == "nftables":
        listing = f"nft -s list table inet {TABLE}"
        return [_said(listing), _said(f"nft -f - && {listing}", made[where["nft"]])]
    sides = [[], []]
    for version, program in _families():
        # the jumps have to come before what the host itself lets in; Neutron's agent puts its own before all others
        first = f"grep -v -e '^-P' -e '-j neutron-' | head -n {len(names)}"
        listing = f"{program} -w -S {CHAIN} && {program} -w -S INPUT | {first}"
        text = "".join(line for line in made[where[version]].splitlines(True) if not line.startswith("-D"))
        sides[0].append(_said(listing))
        sides[1].append(_said(f"{program}-restore -n && {listing}", text))
    return [None if None in side else "\n".join(side) for side in sides]


def _said(command, text=None):
    """What a command prints; with a text it runs in a network namespace of its own, reads it and must succeed."""
    argv = ["sh", "-c", command] if text is None else ["unshare", "--net", "sh", "-c", command]
    done = __salt__["cmd.run_all"](
        argv, python_shell=False, ignore_retcode=True, output_loglevel="debug", **({"stdin": text} if text else {})
    )
    if done["retcode"] and text:
        words = done["stderr"].strip().splitlines() or [f"exit code {done['retcode']}"]
        raise CommandExecutionError(f"the firewall's rules are refused: {words[-1].strip()}")
    return None if done["retcode"] else done["stdout"]


def flush(tool):
    """
    Take our rules away, and the files that load them stay.

    tool
        What ``backend`` returned when they were made.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_firewall.flush nftables
    """
    if tool == "nftables":
        _said(f"nft delete table inet {TABLE} 2>/dev/null || true")
        return
    for _version, program in _families():
        _said(
            f"{program} -w -S INPUT 2>/dev/null | sed -n 's/^-A\\(.*-j {CHAIN}\\)$/-D\\1/p' | "
            f"while read -r rule; do {program} -w $rule; done; "
            f"{program} -w -F {CHAIN} 2>/dev/null; {program} -w -X {CHAIN} 2>/dev/null; true"
        )
