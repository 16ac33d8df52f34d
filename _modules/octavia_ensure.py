"""
What is wanted in the cloud beside what is there: made where it is missing, changed where it differs, refused where it
cannot be changed.

Kinds of resources, their fields and ``cloud_name``, who asks, are those of ``octavia_cloud``; its errors come through.
"""

import ipaddress
import json

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# What tells a resource of octavia.resources from one that was there before.
_MARK = "made by salt-formula-octavia"

# Kinds that are told apart by other fields than a name, and the one of them by which the API is asked for a list.
_BY = {
    "service": (("type",), None),
    "endpoint": (("service_id", "interface", "region_id"), "service_id"),
    "role_assignment": (("role_id", "user_id", "project_id"), "user_id"),
}
_QUOTAS = ("network_quota", "compute_quota", "volume_quota")

# What no API changes once it is there.
_FIXED = {
    "network": ("provider:network_type", "provider:physical_network", "provider:segmentation_id"),
    "subnet": ("network_id", "cidr", "ip_version", "ipv6_address_mode", "ipv6_ra_mode"),
    "port": ("network_id",),
    "flavor": (
        "ram",
        "vcpus",
        "disk",
        "swap",
        "OS-FLV-EXT-DATA:ephemeral",
        "rxtx_factor",
        "os-flavor-access:is_public",
    ),
    "keypair": ("public_key", "type"),
    "image": ("disk_format", "container_format"),
}
_SECRET = ("password",)

# A rule of a security group: what it consists of, and protocols by their numbers and older names.
_RULE = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp", "any": None, "0": None}


def present(
    kind,
    name,
    want,
    project=None,
    refs=None,
    initial=None,
    exact=False,
    key=None,
    test=None,
    cloud_name=None,
    saltenv=None,
):
    """
    Ensure that a resource is there with these fields; what is not said is left as it is. Nothing is ever deleted and
    made anew: a field that cannot be changed is refused, and then nothing is changed at all.

    Returns ``{"changes": {"network lb-mgmt-net": {"old": ..., "new": ...}}, "comment": line, "id": id}``; ``old`` is
    None for one that is made, and both hold the fields that differ for one that is changed.

    kind
        As ``octavia_cloud.resources`` has it.

    name
        Its name, or its id. Of a quota: its project, by name or id. For a service, an endpoint and the assignment of a
        role, which are found by their fields: a name for messages.

    want
        Fields, as the API has them. ``{"at_least": number}`` for a quota that may be larger, or without limit.
        ``rules`` of a security group are dicts like the API's.

    project
        Id or name of the project that it belongs to; that of who asks by default.

    refs
        Fields that hold the id of another resource: ``{"network_id": ["network", "lb-mgmt-net", "service"]}``, kind,
        name or id, and project; or a list of such. A service is referred to by its type.

    initial
        Fields for a new one, which are not compared.

    exact
        Take away rules of a security group that are not wanted, but those that Neutron gives to each.

    key
        The pillar key to look at, for messages.

    test
        Only tell; as the state run by default.

    cloud_name
        Who asks.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.present network lb-mgmt-net '{mtu: 1450}' project=service test=true
    """
    test = __opts__["test"] if test is None else test
    label = f"{kind} {name}".replace("_", " ", kind.count("_"))
    refs = refs or {}
    ids, absent_ones = _resolved(refs, cloud_name, saltenv)
    names = {field: _named(ref) for field, ref in refs.items()}
    have = _sought(kind, name, {**want, **ids}, project, absent_ones, cloud_name, saltenv)
    if have is None:
        born = {field: value for field, value in (initial or {}).items() if field != "description"}
        changes = {label: {"old": None, "new": _shown({**born, **want, **names})}}
        if test:
            return {"changes": changes, "comment": f"{label} would be made", "id": None}
        if absent_ones:
            raise CommandExecutionError(
                f"{label} needs {' and '.join(absent_ones)}, which {_is(absent_ones)} not there"
            )
        made = _made(kind, name, {**(initial or {}), **want, **ids}, project, cloud_name, saltenv)
        return {"changes": changes, "comment": f"{label} made", "id": made["id"]}
    found = difference(have, {**want, **ids}, exact)
    found.update({field: {"old": have.get(field), "new": None} for field in _lacking(refs, ids)})
    fixed = [field for field in found if field in _FIXED.get(kind, ())]
    if fixed:
        line = ", ".join(f"{field} {have.get(field)} and not {names.get(field, want.get(field))}" for field in fixed)
        raise CommandExecutionError(
            f"{label} has {line}, which cannot be changed: "
            + (f"see pillar {key}, or choose" if key else "choose")
            + " another name"
        )
    if not found:
        return {"changes": {}, "comment": f"{label} is as it should be", "id": have["id"]}
    changes = {
        label: {
            "old": _shown({field: each["old"] for field, each in found.items()}),
            "new": _shown({field: names.get(field, each["new"]) for field, each in found.items()}),
        }
    }
    if test:
        return {"changes": changes, "comment": f"{label} would be changed: {', '.join(found)}", "id": have["id"]}
    _change(kind, have, {**want, **ids}, found, exact, cloud_name, saltenv)
    return {"changes": changes, "comment": f"{label} changed: {', '.join(found)}", "id": have["id"]}


def absent(kind, name, want=None, project=None, refs=None, marked=False, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that a resource is not there. Returns the same as ``present``.

    kind, name, project, refs, test, cloud_name
        As for ``present``.

    want
        Fields by which a service, an endpoint or the assignment of a role is found.

    marked
        Leave one that octavia.resources has not made.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.absent network lb-mgmt-net project=service test=true
    """
    test = __opts__["test"] if test is None else test
    label = f"{kind} {name}".replace("_", " ", kind.count("_"))
    ids, absent_ones = _resolved(refs or {}, cloud_name, saltenv)
    have = _sought(kind, name, {**(want or {}), **ids}, project, absent_ones, cloud_name, saltenv)
    if have is None:
        return {"changes": {}, "comment": f"{label} is not there", "id": None}
    if marked and not is_ours(have):
        return {"changes": {}, "comment": f"{label} was there before and stays", "id": have["id"]}
    changes = {label: {"old": {"id": have["id"]}, "new": None}}
    if test:
        return {"changes": changes, "comment": f"{label} would be deleted", "id": have["id"]}
    if kind == "router":
        _plug("remove", have, have["interfaces"], cloud_name, saltenv)
    __salt__["octavia_cloud.delete"](kind, have["id"], cloud_name, saltenv)
    return {"changes": changes, "comment": f"{label} deleted", "id": None}


def seen_to(name, function, *args, test, saltenv=None, **kwargs):
    """
    Have a function see to a resource, and return what a state of this name returns. An error is its comment.

    name
        That of the state.

    function
        ``octavia_ensure.present``, or another one that returns the same.

    args, kwargs, test
        Its arguments.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.seen_to old octavia_ensure.absent network old project=service test=true
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        found = __salt__[function](*args, **clean_kwargs(**kwargs), test=test, saltenv=saltenv)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    changed = found["changes"] and test
    return {**ret, "result": None if changed else True, "changes": found["changes"], "comment": found["comment"]}


def mark():
    """
    Return the text by which a resource is known to be made by octavia.resources: as its description, or where it has
    none as a property of that name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.mark
    """
    return _MARK


def is_ours(resource):
    """
    Tell whether octavia.resources has made a resource.

    resource
        As ``find`` returns it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.is_ours '{description: made by salt-formula-octavia}'
    """
    return resource.get("description") == _MARK


def difference(have, want, exact=False):
    """
    Return the fields that differ, as ``{field: {"old": value, "new": value}}``. Looks at nothing but its arguments.

    have
        The resource as its API has it.

    want
        As for ``present``. Lists may be in any order, a mapping in a list may say less than its like; of a mapping
        (extra specs) those that are wanted count, and None is one that should not be there.

    exact
        As for ``present``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ensure.difference '{mtu: 1500}' '{mtu: 1450}'
    """
    found = {}
    for field, new in want.items():
        old = have.get(field)
        if field == "rules":
            lacking, superfluous = _rules(have, new, exact)
            if lacking or superfluous:
                found[field] = {"old": [_said(each) for each in superfluous], "new": [_said(each) for each in lacking]}
        elif field == "interfaces":
            # those of others are not ours to take away
            lacking = [each for each in new if each not in (old or ())]
            if lacking:
                found[field] = {"old": old or [], "new": [*(old or ()), *lacking]}
        elif isinstance(new, dict) and "at_least" in new:
            if old != -1 and (old is None or old < new["at_least"]):
                found[field] = {"old": old, "new": new["at_least"]}
        elif isinstance(new, dict):
            old = old or {}
            other = [name for name, value in new.items() if not _same(old.get(name), value)]
            if other:
                found[field] = {
                    "old": {name: old.get(name) for name in other},
                    "new": {name: new[name] for name in other},
                }
        elif field not in _SECRET and not _same(old, new):
            found[field] = {"old": old, "new": new}
    return found


def _same(old, new):
    if isinstance(new, list):
        left = list(old or ())
        for one in new:
            like = next((each for each in left if _like(each, one)), None)
            if like is None:
                return False
            left.remove(like)
        return not left
    if old is None or new is None or isinstance(old, bool) or isinstance(new, bool):
        return old == new
    return old == new or str(old) == str(new) or _address(old) == _address(new) is not None


def _like(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return all(_same(old.get(name), value) for name, value in new.items())
    return _same(old, new)


def _address(text):
    """An address or a network, however it is written; None for anything else."""
    try:
        return ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return None


def _rule(raw):
    """A rule of a security group, as its API would have it."""
    rule = {field: raw.get(field) for field in _RULE}
    rule["direction"] = rule["direction"] or "ingress"
    rule["ethertype"] = rule["ethertype"] or "IPv4"
    protocol = rule["protocol"] and str(rule["protocol"]).lower()
    protocol = _PROTOCOLS.get(protocol, protocol)
    # for IPv6 Neutron takes the one for the other
    rule["protocol"] = "ipv6-icmp" if protocol == "icmp" and rule["ethertype"] == "IPv6" else protocol
    network = _address(rule["remote_ip_prefix"])
    rule["remote_ip_prefix"] = str(network) if network and network.prefixlen else None
    return rule


def _said(rule):
    """A rule in one line."""
    first, last = rule["port_range_min"], rule["port_range_max"]
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    other = rule["remote_ip_prefix"] or (rule["remote_group_id"] and f"group {rule['remote_group_id']}") or "anywhere"
    return (
        f"{rule['direction']} {rule['ethertype']} {rule['protocol'] or 'any'}{ports} "
        f"{'from' if rule['direction'] == 'ingress' else 'to'} {other}"
    )


def _rules(have, want, exact):
    """Rules that a group lacks, and rules, with their ids, that it has and should not."""
    there = [{**_rule(each), "id": each.get("id")} for each in have.get("security_group_rules") or ()]
    wanted = [_rule(each) for each in want]
    # what Neutron gives to each group: everything may go out
    given = [_rule({"direction": "egress", "ethertype": ethertype}) for ethertype in ("IPv4", "IPv6")]
    known = [{field: each[field] for field in _RULE} for each in there]
    lacking = [each for number, each in enumerate(wanted) if each not in known and each not in wanted[:number]]
    kept = [*wanted, *given]
    superfluous = [each for each, plain in zip(there, known, strict=True) if plain not in kept] if exact else []
    return lacking, superfluous


def _resolved(refs, cloud_name, saltenv):
    """The ids behind references, and in words what is not there."""
    ids, lacking = {}, []
    for field, ref in refs.items():
        several = bool(ref) and isinstance(ref[0], (list, tuple))
        found = []
        for kind, name, *project in ref if several else [ref]:
            if kind == "project":
                one = __salt__["octavia_cloud.project"](name, cloud_name, saltenv)
            elif kind == "service":
                one = _sought(kind, name, {"type": name}, None, (), cloud_name, saltenv)
                one = one and one["id"]
            else:
                one = __salt__["octavia_cloud.find"](kind, name, *project, cloud_name=cloud_name, saltenv=saltenv)
                one = one and one["id"]
            if one:
                found.append(one)
            else:
                lacking.append(f"{kind} {name}".replace("_", " ", kind.count("_")))
        if several:
            ids[field] = found
        elif found:
            ids[field] = found[0]
    return ids, lacking


def _lacking(refs, ids):
    return [field for field in refs if field not in ids]


def _named(ref):
    if ref and isinstance(ref[0], (list, tuple)):
        return [one[1] for one in ref]
    return ref[1]


def _is(several):
    return "is" if len(several) == 1 else "are"


def _sought(kind, name, fields, project, lacking, cloud_name, saltenv):
    """The resource that is meant, None where there is none."""
    if kind in _QUOTAS:
        of = __salt__["octavia_cloud.project"](name, cloud_name, saltenv)
        return __salt__["octavia_cloud.resources"](kind, cloud_name, saltenv, id=of)[0] if of else None
    if kind not in _BY:
        found = __salt__["octavia_cloud.find"](kind, name, project, cloud_name, saltenv)
        if found and kind == "router":
            found["interfaces"] = [subnet for subnet, _ in _interfaces(found["id"], cloud_name, saltenv)]
        return found
    same, asked = _BY[kind]
    if lacking:
        return None
    scope = {asked: fields[asked]} if asked else {}
    found = [
        each for each in __salt__["octavia_cloud.resources"](kind, cloud_name, saltenv, **scope)
        if all(each.get(field) == fields[field] for field in same)
    ]  # fmt: skip
    if len(found) > 1:
        raise CommandExecutionError(
            f"There are {len(found)} of {kind.replace('_', ' ')} {name}: "
            f"{', '.join(sorted(each['id'] for each in found))}: delete what is not used"
        )
    return found[0] if found else None


def _made(kind, name, body, project, cloud_name, saltenv):
    if kind in _QUOTAS:
        raise CommandExecutionError(f"There is no project {name}, which could have a quota")
    body = dict(body)
    rules = body.pop("rules", None)
    if kind not in _BY:
        body["name"] = name
    interfaces = body.pop("interfaces", ())
    made = __salt__["octavia_cloud.create"](kind, body, project, cloud_name, saltenv)
    _plug("add", made, interfaces, cloud_name, saltenv)
    if rules is not None:
        _add_rules(made, _rules(made, rules, False)[0], project, cloud_name, saltenv)
    return made


def _change(kind, have, want, found, exact, cloud_name, saltenv):
    body = {field: want[field] for field in found if field != "rules" and field in want}
    for field, value in body.items():
        if isinstance(value, dict) and "at_least" in value:
            body[field] = value["at_least"]
        elif isinstance(value, dict):
            body[field] = found[field]["new"]
    if "rules" in found:
        lacking, superfluous = _rules(have, want["rules"], exact)
        _add_rules(have, lacking, have.get("project_id"), cloud_name, saltenv)
        for each in superfluous:
            __salt__["octavia_cloud.delete"]("security_group_rule", each["id"], cloud_name, saltenv)
    subnets = body.pop("interfaces", ())
    _plug("add", have, [each for each in subnets if each not in have["interfaces"]], cloud_name, saltenv)
    if body:
        __salt__["octavia_cloud.update"](kind, have["id"], body, cloud_name, saltenv)


def _interfaces(router, cloud_name, saltenv):
    """Subnets that a router is in, and its ports there."""
    ports = __salt__["octavia_cloud.resources"]("port", cloud_name, saltenv, device_id=router)
    return [
        (fixed["subnet_id"], port["id"])
        for port in ports
        if "router_interface" in port["device_owner"] or "router_replicated_interface" in port["device_owner"]
        for fixed in port["fixed_ips"]
    ]


def _plug(verb, router, subnets, cloud_name, saltenv):
    for subnet in subnets:
        path = f"/routers/{router['id']}/{verb}_router_interface"
        __salt__["octavia_cloud.request"]("network", "PUT", path, {"subnet_id": subnet}, cloud_name, saltenv=saltenv)


def _add_rules(group, rules, project, cloud_name, saltenv):
    for each in rules:
        body = {field: value for field, value in each.items() if value is not None}
        __salt__["octavia_cloud.create"](
            "security_group_rule", {**body, "security_group_id": group["id"]}, project, cloud_name, saltenv
        )


def _shown(fields):
    """Fields as they may be seen."""
    shown = {}
    for field, value in fields.items():
        if field in _SECRET:
            value = "(hidden)"
        elif field == "rules":
            value = [each if isinstance(each, str) else _said(_rule(each)) for each in value]
        elif isinstance(value, dict) and "at_least" in value:
            value = value["at_least"]
        shown[field] = value
    return json.loads(json.dumps(shown))
