"""
Neutron: networks, subnets, ports, routers, security groups and quotas; and what Octavia needs of it.

Resources go in and out as Neutron has them; in arguments its colons are underscores: ``provider_network_type``.
``project`` is the id or the name of the project that something belongs to, ``cloud_name`` says who asks, as
``octavia_cloud`` has it. All functions raise CommandExecutionError in one line.
"""

import ipaddress
import re

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# Fields of Neutron that cannot be written as arguments.
_FIELDS = {
    name.replace(":", "_"): name
    for name in (
        "provider:network_type", "provider:physical_network", "provider:segmentation_id", "router:external",
        "binding:host_id", "binding:vnic_type", "binding:profile",
    )
}  # fmt: skip


def _functions(kind):
    """What can be done with a kind of resource."""
    what = kind.replace("_", " ")

    def get(name, project=None, cloud_name=None, saltenv=None):
        return __salt__["octavia_cloud.find"](kind, name, project, cloud_name, saltenv)

    def list_(cloud_name=None, saltenv=None, **scope):
        return __salt__["octavia_cloud.resources"](kind, cloud_name, saltenv, **scope)

    def create(name, project=None, cloud_name=None, saltenv=None, **fields):
        body = {"name": name, **neutrons(fields)}
        return __salt__["octavia_cloud.create"](kind, body, project, cloud_name, saltenv)

    def update(name, project=None, cloud_name=None, saltenv=None, **fields):
        found = get(name, project, cloud_name, saltenv)
        if not found:
            raise CommandExecutionError(f"There is no {what} {name}")
        return __salt__["octavia_cloud.update"](kind, found["id"], neutrons(fields), cloud_name, saltenv)

    def delete(name, project=None, cloud_name=None, saltenv=None):
        found = get(name, project, cloud_name, saltenv)
        if found:
            __salt__["octavia_cloud.delete"](kind, found["id"], cloud_name, saltenv)
        return bool(found)

    texts = {
        get: (f"Return a {what} by its id or name, ``None`` where there is none.", "some project=service"),
        list_: (f"Return all of kind {what}; other arguments are fields by which to choose.", ""),
        create: (f"Make a {what} and return it; other arguments are its fields.", "some description=text"),
        update: (f"Change fields, which are the other arguments, of a {what} and return it.", "some description=text"),
        delete: (f"Delete a {what}; tells whether there was one.", "some project=service"),
    }
    for function, (text, arguments) in texts.items():
        function.__name__ = f"{kind}_{function.__name__.rstrip('_')}"
        call = f"salt-call octavia_network.{function.__name__} {arguments}".rstrip()
        function.__doc__ = f"\n    {text}\n\n    CLI Example:\n\n    .. code-block:: bash\n\n        {call}\n    "
    return tuple(texts)


network_get, network_list, network_create, network_update, network_delete = _functions("network")
subnet_get, subnet_list, subnet_create, subnet_update, subnet_delete = _functions("subnet")
port_get, port_list, port_create, port_update, port_delete = _functions("port")
router_get, router_list, router_create, router_update, router_delete = _functions("router")
(
    security_group_get, security_group_list, security_group_create, security_group_update, security_group_delete,
) = _functions("security_group")  # fmt: skip


def quota_get(project, cloud_name=None, saltenv=None):
    """
    Return Neutron's quotas of a project, as ``{quota: number}``; -1 is without limit.

    project
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_network.quota_get 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11
    """
    [found] = __salt__["octavia_cloud.resources"]("network_quota", cloud_name, saltenv, id=project)
    return {name: number for name, number in found.items() if name != "id"}


def quota_update(project, cloud_name=None, saltenv=None, **quotas):
    """
    Change Neutron's quotas of a project.

    project
        Its id.

    quotas
        Their numbers; -1 is without limit.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_network.quota_update 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11 port=1000
    """
    return __salt__["octavia_cloud.update"]("network_quota", project, neutrons(quotas), cloud_name, saltenv)


def neutrons(fields):
    """
    Return fields under the names that Neutron has for them.

    fields
        As arguments; what is None is left out.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_network.neutrons '{provider_network_type: vxlan}'
    """
    return {_FIELDS.get(name, name): value for name, value in clean_kwargs(**fields).items() if value is not None}


def rule(direction="ingress", protocol=None, port=None, remote=None, ethertype=None):
    """
    Return a rule of a security group as Neutron has it.

    direction
        ``ingress`` or ``egress``.

    protocol
        A name or a number; any by default.

    port
        One, or two with a dash between them; any by default.

    remote
        A network (CIDR) from which, or to which; any by default.

    ethertype
        ``IPv4`` or ``IPv6``; that of ``remote``, else ``IPv4``.

    Raises CommandExecutionError for what is no rule.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_network.rule protocol=tcp port=9443 remote=172.16.0.0/22
    """
    network = _network(remote) if remote is not None else None
    found = {"direction": direction, "ethertype": ethertype or (f"IPv{network.version}" if network else "IPv4")}
    if direction not in ("ingress", "egress"):
        raise CommandExecutionError(f"has direction {direction}, must be ingress or egress")
    if found["ethertype"] not in ("IPv4", "IPv6") or (network and found["ethertype"] != f"IPv{network.version}"):
        raise CommandExecutionError(f"has ethertype {ethertype} that does not fit")
    if protocol is not None:
        found["protocol"] = str(protocol).lower()
    if port is not None:
        ports = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(port))
        if not ports or not 1 <= int(ports[1]) <= int(ports[2] or ports[1]) <= 65535:
            raise CommandExecutionError(f"has port {port}, must be one between 1 and 65535, or two as 100-200")
        if found.get("protocol") in (None, "any", "icmp", "ipv6-icmp", "icmpv6"):
            raise CommandExecutionError(f"has port {port} and no protocol that has ports")
        found.update(port_range_min=int(ports[1]), port_range_max=int(ports[2] or ports[1]))
    if network:
        found["remote_ip_prefix"] = str(network)
    return found


def wanted(saltenv=None):
    """
    Return what Octavia needs of Neutron, from the pillar alone, in the order in which it is made: see
    ``octavia_resources.plan``.

    Raises CommandExecutionError, in one line that names the pillar key, for what can never be.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_network.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    get = lambda name: value.get(f"resources:network:{name}")  # noqa: E731
    project, initial = value["identity:tenant"], {"description": __salt__["octavia_ensure.mark"]()}
    network, subnet = get("name"), get("subnet:name")
    own = {"project": project, "initial": initial}
    key = "octavia:resources:network"
    provider = {f"provider_{name}": get(f"provider:{name}") for name in ("network_type", "physical_network")}
    provider["provider_segmentation_id"] = get("provider:segmentation_id")
    want = {"admin_state_up": True, **neutrons({**provider, "mtu": get("mtu"), "tags": get("tags")})}
    management = _said("subnet:cidr", _network, get("subnet:cidr"))
    entries = [
        {"kind": "network", "name": network, "want": want, **own, "key": key},
        {"kind": "subnet", "name": subnet, "want": _subnet(get, management), **own, "key": f"{key}:subnet",
         "refs": {"network_id": ["network", network, project]}},
    ]  # fmt: skip
    for name, rules in (
        ("amphora_security_group", _to_amphorae(value, saltenv)),
        ("health_manager_security_group", _to_health_managers(value, saltenv)),
    ):
        rules = [{**each, "remote": str(management)} for each in rules]
        made = [rule(**each) for each in rules]
        for number, each in enumerate(get(f"{name}:rules") or (), 1):
            each = {"remote": str(management), **each}
            made.append(_said(f"{name}:rules: entry {number}", lambda fields: rule(**fields), each, quote=False))
        entries.append(
            {"kind": "security_group", "name": get(f"{name}:name"), "want": {"rules": made}, **own,
             "exact": get(f"{name}:exact"), "key": f"{key}:{name}"}
        )  # fmt: skip
    router = get("router:name")
    if router:
        entries.append(_router(get, router, subnet, project, own))
    exact = value["resources:quotas:exact"]
    quotas = __salt__["octavia_compute.quotas"](saltenv=saltenv)["network"]
    entries.append(
        {"kind": "network_quota", "name": project, "key": "octavia:resources:load_balancers",
         "want": {name: each["needed"] if exact else {"at_least": each["needed"]} for name, each in quotas.items()}}
    )  # fmt: skip
    return entries


def _subnet(get, management):
    gateway = get("subnet:gateway")
    want = {
        "cidr": str(management),
        "ip_version": management.version,
        "enable_dhcp": get("subnet:dhcp"),
        "gateway_ip": None if gateway == "none" else str(_said("subnet:gateway", _inside(management), gateway)),
    }
    if get("subnet:pools"):
        want["allocation_pools"] = [
            _pool(management, number, each) for number, each in enumerate(get("subnet:pools"), 1)
        ]
    if get("subnet:routes"):
        want["host_routes"] = [
            {
                "destination": str(_said(f"subnet:routes: entry {number}", _network, each.get("destination"))),
                "nexthop": str(_said(f"subnet:routes: entry {number}", _inside(management), each.get("nexthop"))),
            }
            for number, each in enumerate(get("subnet:routes"), 1)
        ]
    for name in ("ipv6_address_mode", "ipv6_ra_mode"):
        if get(f"subnet:{name}"):
            if management.version == 4:
                raise CommandExecutionError(
                    f"octavia:resources:network:subnet:{name}: is set, and the cidr beside it is one of IPv4"
                )
            want[name] = get(f"subnet:{name}")
    return want


def _pool(management, number, each):
    first, last = (
        _said(f"subnet:pools: entry {number}", _inside(management), each.get(end)) for end in ("start", "end")
    )
    if first > last:
        raise CommandExecutionError(
            f"octavia:resources:network:subnet:pools: entry {number} starts at {first}, behind its end {last}"
        )
    return {"start": str(first), "end": str(last)}


def _to_amphorae(value, saltenv):
    """What controllers send to amphorae."""
    yield {"protocol": "tcp", "port": value.get("manager:haproxy_amphora:bind_port", 9443)}
    yield {"protocol": "icmp"}
    if __salt__["octavia_pillar.has_ssh"](saltenv):
        yield {"protocol": "tcp", "port": 22}


def _to_health_managers(value, saltenv):
    """What amphorae send to controllers: heartbeats, and logs where they have a server for these."""
    yield {"protocol": "udp", "port": value["manager:health_manager:bind_port"]}
    yield {"protocol": "icmp"}
    targets = __salt__["octavia_pillar.log_targets"](saltenv)
    for protocol, port in sorted({(protocol, port) for protocol, _host, port in targets}):
        yield {"protocol": protocol, "port": port}


def _router(get, name, subnet, project, own):
    if get("subnet:gateway") == "none":
        raise CommandExecutionError(
            "octavia:resources:network:router:name: is set, and octavia:resources:network:subnet:gateway is none: a "
            "router is the gateway"
        )
    refs = {"interfaces": [["subnet", subnet, project]]}
    if get("router:external_network"):
        refs["external_network_id"] = ["network", get("router:external_network")]
    return {
        "kind": "router", "name": name, "want": {"admin_state_up": True}, **own, "refs": refs,
        "key": "octavia:resources:network:router",
    }  # fmt: skip


def _network(text):
    return ipaddress.ip_network(str(text), strict=True)


def _inside(management):
    def address(text):
        found = ipaddress.ip_address(str(text))
        if found not in management:
            raise ValueError(f"{found} is not in {management}")
        return found

    return address


def _said(key, kind, value, quote=True):
    """What a kind makes of a value of the pillar, with the key in the line where it makes nothing."""
    try:
        return kind(value)
    except (ValueError, TypeError, CommandExecutionError) as exc:
        said = f"is {value!r}: " if quote else ""
        raise CommandExecutionError(f"octavia:resources:network:{key}: {said}{exc}") from None
