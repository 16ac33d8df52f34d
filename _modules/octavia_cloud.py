"""
OpenStack's APIs, with one session and one token for a Salt run, and one list for each kind of resource.

The requests run in the host's Python (``octavia/host/cloud.py``; ``kinds.py`` beside it knows the kinds of resources
and how each API calls them). Resources go in and out as the APIs have them, without the name around them: ``{"name":
"amphora", "os-flavor-access:is_public": false}``.

Who asks is said by ``cloud_name``:

- a text: an entry of the host's clouds.yaml
- a mapping: such an entry, inline
- ``None``, the default: what the pillar says at ``octavia:resources:cloud``, else the service user
- ``False``: the service user, with the credentials that octavia.conf has in [service_auth]

All functions raise CommandExecutionError, in one line that says which service at which address refuses what, in its own
words, and which pillar key to look at.
"""

import ipaddress
import json

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# Seconds for all requests of one question together: each is repeated where its answer is lost.
_PATIENCE = 300

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


def resources(kind, cloud_name=None, saltenv=None, **scope):
    """
    Return all resources of a kind, as a list of dicts. Asked for once in a run, by one request (and one for each
    further page); what this run makes, changes or deletes is changed in the list.

    kind
        project, user, role, role_assignment, service, endpoint, domain; network, subnet, port, router, security_group
        (which holds its rules), security_group_rule, agent, network_quota; flavor (which holds its extra specs),
        keypair, server, compute_quota; volume_quota; image; loadbalancer, listener, pool, healthmonitor, amphora.

    cloud_name
        Who asks.

    scope
        Fields by which the API is to restrict the list, and their values. A quota is a list of one, that of the
        project ``id``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.resources network cloud_name=admin_identity
    """
    return _ask("resources", cloud_name, saltenv, kind=kind, **clean_kwargs(**scope))


def find(kind, name, project=None, cloud_name=None, saltenv=None, **scope):
    """
    Return the resource of an id or a name, as a dict, ``None`` where there is none.

    kind
        As ``resources`` has it.

    name
        Its id, else its name.

    project
        Id or name of the project that it belongs to, for kinds that belong to one; any project by default.

    cloud_name
        Who asks.

    scope
        Other fields by which the API is to restrict the list that is searched.

    Two of one name are an error that names both ids. A project or a user is sought in the domain of
    ``octavia:identity:domain``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.find network lb-mgmt-net project=service cloud_name=admin_identity
    """
    return _ask(
        "find", cloud_name, saltenv, kind=kind, name=name, project=project, domain=_domain(saltenv),
        scope=clean_kwargs(**scope),
    )  # fmt: skip


def create(kind, body, project=None, cloud_name=None, saltenv=None):
    """
    Make a resource and return it. A project or a user is made in the domain of ``octavia:identity:domain``.

    An answer that is lost makes no second resource: before the request is repeated, what is there by that name is
    looked for.

    kind, cloud_name
        As for ``resources``.

    body
        Its fields. A network and the like may have ``tags``, a flavor ``extra_specs``.

    project
        Id or name of the project that it will belong to; that of who asks by default.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.create role '{name: load-balancer_member}' cloud_name=admin_identity
    """
    return _ask(
        "create", cloud_name, saltenv, kind=kind, body=body, project=project, domain=_domain(saltenv)
    )  # fmt: skip


def update(kind, id, body, cloud_name=None, saltenv=None):
    """
    Change fields of a resource and return it.

    kind, cloud_name
        As for ``resources``.

    id
        Its id; that of its project for a quota.

    body
        The fields to change. An extra spec and a property of an image that are None are taken away.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.update network 5b1f7a38-96d0-4f1c-8e0b-0a1f5e0f7c01 '{mtu: 1450}'
    """
    return _ask("update", cloud_name, saltenv, kind=kind, id=id, body=body)


def delete(kind, id, cloud_name=None, saltenv=None):
    """
    Take a resource away. One that is not there is no error.

    kind, cloud_name
        As for ``resources``.

    id
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.delete network 5b1f7a38-96d0-4f1c-8e0b-0a1f5e0f7c01
    """
    _ask("delete", cloud_name, saltenv, kind=kind, id=id)


def request(service_type, method, path, body=None, cloud_name=None, microversion=None, saltenv=None):
    """
    Return the answer of an API to one request, as its JSON has it; ``None`` for an empty one.

    A request that makes something (POST) is sent once: where its answer is lost, the error says so, and who asked looks
    at what is there. All others are repeated.

    service_type
        As Keystone's catalogue has it: load-balancer, network, compute, image, identity.

    method, path, body
        Of the request; the path starts behind the version of the API.

    microversion
        For Nova: ``2.10``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.request load-balancer GET /lbaas/loadbalancers
    """
    return _ask(
        "request", cloud_name, saltenv, service=service_type, method=method, path=path, body=body,
        microversion=microversion and str(microversion),
    )  # fmt: skip


def upload(service_type, path, file, cloud_name=None, saltenv=None, patience=3600):
    """
    Send a file of this host as it is, by PUT.

    service_type, path
        As for ``request``.

    file
        Path on this host.

    patience
        Seconds after which to give up.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.upload image /images/2a3f0e6b-1d3c-4b0c-9e55-d7a1e8a90b11/file /var/tmp/amphora.qcow2
    """
    _ask("upload", cloud_name, saltenv, patience=patience, service=service_type, path=path, file=file)


def identity(cloud_name=None, saltenv=None):
    """
    Return who asks, from the token: ``user_id``, ``project_id``, ``project_name``, ``project_domain_id`` and
    ``project_domain_name``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.identity cloud_name=admin_identity
    """
    return _ask("identity", cloud_name, saltenv)


def authenticates(user, password, cloud_name=None, saltenv=None):
    """
    Tell whether a password is that of a user: by asking Keystone for a token.

    user
        Its id.

    password
        Not from a command line, which others see.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.authenticates 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11 "$PASSWORD"
    """
    return _ask("authenticates", cloud_name, saltenv, user=user, password=password)


# --- what is wanted, beside what is there


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
        As ``resources`` has it.

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

        salt-call octavia_cloud.present network lb-mgmt-net '{mtu: 1450}' project=service test=true
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

        salt-call octavia_cloud.absent network lb-mgmt-net project=service test=true
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
    delete(kind, have["id"], cloud_name, saltenv)
    return {"changes": changes, "comment": f"{label} deleted", "id": None}


def seen_to(name, function, *args, test, saltenv=None, **kwargs):
    """
    Have a function see to a resource, and return what a state of this name returns. An error is its comment.

    name
        That of the state.

    function
        ``octavia_cloud.present``, or another one that returns the same.

    args, kwargs, test
        Its arguments.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.seen_to old octavia_cloud.absent network old project=service test=true
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

        salt-call octavia_cloud.mark
    """
    return _MARK


def is_ours(resource):
    """
    Tell whether octavia.resources has made a resource.

    resource
        As ``find`` returns it.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.is_ours '{description: made by salt-formula-octavia}'
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

        salt-call octavia_cloud.difference '{mtu: 1500}' '{mtu: 1450}'
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
                one = _ask("project", cloud_name, saltenv, name=name, domain=_domain(saltenv))
            elif kind == "service":
                one = _sought(kind, name, {"type": name}, None, (), cloud_name, saltenv)
                one = one and one["id"]
            else:
                one = find(kind, name, *project, cloud_name=cloud_name, saltenv=saltenv)
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
        of = _ask("project", cloud_name, saltenv, name=name, domain=_domain(saltenv))
        return resources(kind, cloud_name, saltenv, id=of)[0] if of else None
    if kind not in _BY:
        found = find(kind, name, project, cloud_name, saltenv)
        if found and kind == "router":
            found["interfaces"] = [subnet for subnet, _ in _interfaces(found["id"], cloud_name, saltenv)]
        return found
    same, asked = _BY[kind]
    if lacking:
        return None
    scope = {asked: fields[asked]} if asked else {}
    found = [
        each for each in resources(kind, cloud_name, saltenv, **scope)
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
    made = create(kind, body, project, cloud_name, saltenv)
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
            delete("security_group_rule", each["id"], cloud_name, saltenv)
    subnets = body.pop("interfaces", ())
    _plug("add", have, [each for each in subnets if each not in have["interfaces"]], cloud_name, saltenv)
    if body:
        update(kind, have["id"], body, cloud_name, saltenv)


def _interfaces(router, cloud_name, saltenv):
    """Subnets that a router is in, and its ports there."""
    ports = resources("port", cloud_name, saltenv, device_id=router)
    return [
        (fixed["subnet_id"], port["id"])
        for port in ports
        if "router_interface" in port["device_owner"] or "router_replicated_interface" in port["device_owner"]
        for fixed in port["fixed_ips"]
    ]


def _plug(verb, router, subnets, cloud_name, saltenv):
    for subnet in subnets:
        path = f"/routers/{router['id']}/{verb}_router_interface"
        request("network", "PUT", path, {"subnet_id": subnet}, cloud_name, saltenv=saltenv)


def _add_rules(group, rules, project, cloud_name, saltenv):
    for each in rules:
        body = {field: value for field, value in each.items() if value is not None}
        create("security_group_rule", {**body, "security_group_id": group["id"]}, project, cloud_name, saltenv)


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


# --- as the service user


def amphorae(saltenv=None):
    """
    Return all amphorae, as the service user sees them, as a list of dicts: ``id``, ``status``, ``role``,
    ``lb_network_ip``, ``loadbalancer_id``, ``cert_expiration``, ``cert_busy`` and ``created_at``. Times are ISO 8601 in
    UTC.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.amphorae
    """
    return _ask("amphorae", False, saltenv)


def configure_amphora(amphora, saltenv=None):
    """
    Have a worker send an amphora the agent configuration of today: heartbeat key and interval, addresses of health
    managers. The API takes the order and does not say what becomes of it. The service user asks.

    amphora
        Its id.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.configure_amphora 45f40289-0551-483a-b089-47214bc2a8a4
    """
    _ask("configure_amphora", False, saltenv, amphora=amphora)


def _domain(saltenv):
    return __salt__["octavia_pillar.values"](saltenv)["identity:domain"]


def _ask(function, cloud_name, saltenv, patience=_PATIENCE, **kwargs):
    return _call(function, saltenv, _login(cloud_name, saltenv), patience, **kwargs)


def _call(function, saltenv, login, patience=_PATIENCE, **kwargs):
    try:
        return __salt__["octavia_host.call"](
            "cloud", function, timeout=patience, saltenv=saltenv, login=login, **kwargs
        )
    except CommandExecutionError as exc:
        line = str(exc).removeprefix("CloudError: ").removeprefix("Lost: ")
        if line == str(exc):
            raise
        error = CommandExecutionError(line)
        # such as 409: not now
        error.status = getattr(exc, "status", None)
        raise error from exc


def _login(cloud_name, saltenv):
    if cloud_name is None:
        said = __salt__["octavia_pillar.said"](saltenv).get("resources:cloud")
        cloud_name = said[0][1] if said else False
    return {"cloud": cloud_name} if cloud_name else _service_user(saltenv)


def _service_user(saltenv):
    value = __salt__["octavia_pillar.values"](saltenv)
    missing = [f"octavia:{key}" for key in ("identity:host", "identity:password") if not value.get(key)]
    if missing:
        raise CommandExecutionError(f"Not set in the pillar: {', '.join(missing)}")
    return {
        "options": __salt__["octavia_conf.options"](saltenv, mask=False)["service_auth"],
        "region": value["identity:region"],
        "interface": value["identity:endpoint_type"].removesuffix("URL"),
    }
