"""
The port of a controller's interface in the management network, in Neutron.
"""

import ipaddress
import re
import socket

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# How Neutron knows the ports of health managers, ours and those that an operator made as Octavia's guide says.
_OWNER = "Octavia:health-mgr"

# Of what is still to be made, in a dry run.
UNKNOWN = "(of the new port)"


def host(saltenv=None):
    """
    Return the name by which Neutron's agent, or OVN, knows this host: that of the pillar, else what they take.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.host
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if value.get("manager:interface:host"):
        return value["manager:interface:host"]
    if value.get("manager:interface:type") == "ovn":
        ask = ["ovs-vsctl", "--timeout=10", "--if-exists", "get", "Open_vSwitch", ".", "external_ids:hostname"]
        found = __salt__["cmd.run_all"](ask, python_shell=False, ignore_retcode=True)["stdout"].strip().strip('"')
        if found:
            return found
    said = re.search(r"^host\s*=\s*(\S+)", __salt__["octavia_file.read"]("/etc/neutron/neutron.conf") or "", re.M)
    return said[1] if said else socket.gethostname()


def name(saltenv=None):
    """
    Return the name of this host's port.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.name
    """
    return f"octavia-health-manager-{host(saltenv)}"


def find(saltenv=None):
    """
    Return this host's port as Neutron has it, None for none.

    Raises CommandExecutionError when Neutron cannot be asked, or has two of them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.find
    """
    project = __salt__["octavia_pillar.values"](saltenv)["identity:tenant"]
    return __salt__["octavia_cloud.find"]("port", name(saltenv), project=project, saltenv=saltenv)


def of_health_managers(cloud_name=None, saltenv=None, **scope):
    """
    Return the ports of all health managers, as Neutron has them.

    cloud_name, scope
        As for ``octavia_cloud.resources``.

    Raises CommandExecutionError when Neutron cannot be asked.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.of_health_managers
    """
    scope = {**clean_kwargs(**scope), "device_owner": _OWNER}
    return __salt__["octavia_cloud.resources"]("port", cloud_name=cloud_name, saltenv=saltenv, **scope)


def present(address=None, saltenv=None):
    """
    Ensure that this host has its port: in the management network, bound to this host, owned by the health manager, in
    its security group. Returns what ``octavia_ensure.present`` does.

    address
        The one that it must have; Neutron's choice by default.

    Raises CommandExecutionError when Neutron refuses, lacks the network or the security group, or no subnet holds the
    address.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.present 172.16.0.11
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    project, group = (
        value["identity:tenant"],
        value["resources:network:health_manager_security_group:name"],
    )
    network, subnets = _network(saltenv)
    want = {"admin_state_up": True, "device_owner": _OWNER, "binding:host_id": host(saltenv)}
    have = find(saltenv)
    if address and network and address not in (each["ip_address"] for each in (have or {}).get("fixed_ips", ())):
        want["fixed_ips"] = [_fixed(address, network, subnets)]
    if network and not __salt__["octavia_cloud.find"]("security_group", group, project=project, saltenv=saltenv):
        _lacking("security group", group, "")
    refs = {
        "network_id": ["network", network["id"] if network else value["resources:network:name"]],
        "security_groups": [["security_group", group, project]],
    }
    return __salt__["octavia_ensure.present"](
        "port", name(saltenv), want, project=project, refs=refs, key="octavia:resources:network:name", saltenv=saltenv
    )


def inlets(want, saltenv=None):
    """
    Return the interfaces by which this host hears the management network: its own, and the bridge that Neutron's
    linuxbridge agent makes. That has no address, but is a way in: Linux answers there for addresses of its others.

    want
        What ``octavia_interface.wanted`` returns.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.inlets '{name: o-hm0, type: linuxbridge}'
    """
    network = _network(saltenv)[0] if want["type"] == "linuxbridge" else None
    return [want["name"], *([f"brq{network['id'][:11]}"] if network else [])]


def _network(saltenv):
    """The management network and its subnets; none in a dry run before there is one."""
    value = __salt__["octavia_pillar.values"](saltenv)
    said = (value.get("manager:controller_worker:amp_boot_network_list") or [None])[0]
    # one that is said may be anybody's
    which, project = (said, None) if said else (value["resources:network:name"], value["identity:tenant"])
    network = __salt__["octavia_cloud.find"]("network", which, project=project, saltenv=saltenv)
    if not network:
        mend = ", or name another one in pillar octavia:manager:controller_worker:amp_boot_network_list"
        return _lacking("network", which, mend) or (None, [])
    return network, __salt__["octavia_cloud.resources"]("subnet", saltenv=saltenv, network_id=network["id"])


def _lacking(what, which, mend):
    """An error, but in a dry run: what is not there may be what the run would make."""
    if not __opts__.get("test"):
        raise CommandExecutionError(f"Neutron has no {what} {which}: apply octavia.resources.network{mend}")


def _fixed(address, network, subnets):
    ours = ipaddress.ip_address(address)
    for subnet in subnets:
        if ours in ipaddress.ip_network(subnet["cidr"]):
            return {"subnet_id": subnet["id"], "ip_address": address}
    raise CommandExecutionError(
        f"octavia:manager:interface:address: is {address}, which is in no subnet of {network['name']}: "
        + (", ".join(sorted(subnet["cidr"] for subnet in subnets)) or "it has none")
    )


def interface(want, port, saltenv=None):
    """
    Return what a port makes of the interface: ``name``, ``type``, ``bridge``, ``port``, ``mac``, ``mtu``,
    ``addresses`` (with their prefix), ``routes`` (``destination via gateway``).

    want
        What ``octavia_interface.wanted`` returns.

    port
        What Neutron has; None for a port that is still to be made.

    Raises CommandExecutionError when Neutron cannot be asked, or a route leads nowhere.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_port.interface '{name: o-hm0, type: linuxbridge, bridge: br-int, routes: []}' None
    """
    network, subnets = _network(saltenv)
    if port:
        by_id = {subnet["id"]: subnet for subnet in subnets}
        subnets = [by_id[each["subnet_id"]] for each in port["fixed_ips"]]
        prefixes = [subnet["cidr"].partition("/")[2] for subnet in subnets]
        pairs = zip(port["fixed_ips"], prefixes, strict=True)
        known = {
            "port": port["id"],
            "mac": port["mac_address"],
            "addresses": [f"{each['ip_address']}/{prefix}" for each, prefix in pairs],
        }
    else:
        known = {"port": UNKNOWN, "mac": UNKNOWN, "addresses": [_planned(want["address"], subnets)]}
    return {
        **{key: want[key] for key in ("name", "type", "bridge")},
        **known,
        "mtu": network["mtu"] if network else UNKNOWN,
        "routes": _routes(want["routes"], subnets),
    }


def _planned(address, subnets):
    """The address of a port that is still to be made."""
    networks = [ipaddress.ip_network(subnet["cidr"]) for subnet in subnets]
    known = [f"{address}/{each.prefixlen}" for each in networks if address and ipaddress.ip_address(address) in each]
    return known[0] if known else address or UNKNOWN


def _routes(said, subnets):
    """Those that Neutron hands out with its subnets and those of the pillar; never a default route."""
    found = {
        (ipaddress.ip_network(route["destination"]), route["nexthop"])
        for subnet in subnets
        for route in subnet["host_routes"]
    }
    for route in said:
        to, _, gateway = str(route).partition(" via ")
        to = ipaddress.ip_network(to)
        of_subnets = [each["gateway_ip"] for each in subnets if each["ip_version"] == to.version]
        gateway = gateway or next(filter(None, of_subnets), None)
        if not gateway and subnets:
            raise CommandExecutionError(
                f"octavia:manager:interface:routes: {to} needs a gateway, and its subnet has none; say "
                f"'{to} via <address>'"
            )
        found.add((to, gateway or UNKNOWN))
    return sorted(f"{to} via {gateway}" for to, gateway in found if to.prefixlen)
