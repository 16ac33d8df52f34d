"""
The kinds of resources that OpenStack's APIs have, and what each API does differently: where a kind is found, how it is
asked for, and how its resources become flat dicts with an id.

What asks by it is ``cloud.py``.
"""

# Services by type: what they are called, and the version of the API, as its address has it.
SERVICES = {
    "identity": ("Keystone", "v3"),
    "network": ("Neutron", "v2.0"),
    "compute": ("Nova", "v2.1"),
    "image": ("Glance", "v2"),
    "load-balancer": ("The load-balancing API", "v2.0"),
}


class Kind:
    """
    How an API calls one kind of resource.

    service, path, one, many
        Type of the service, path of the list, and the names around a resource and around a list in JSON.

    same
        Fields besides the name that two resources of one name differ in; without a name at all, if it starts so.

    query, microversion
        What a list is always asked with; what every request of the kind is.

    asked
        Fields by which a list may be restricted, where the API calls them otherwise.

    single
        There is no list: one of them for each id, read at ``path/id``.

    update
        Method by which fields are changed.

    owner
        The field that holds the project; none by default for what belongs to no project.

    narrow
        Whether a search by name has the API search, because a list of them all may be endless.
    """

    def __init__(self, service, path, one, many=None, same=("name",), query=(), asked=(), microversion=None,
                 listed=None, single=False, update="PUT", owner=None, narrow=False):  # fmt: skip
        self.service, self.path, self.one, self.many = service, path, one, many or f"{one}s"
        self.same, self.query, self.asked = same, dict(query), dict(asked)
        self.microversion, self.listed, self.single, self.update = microversion, listed or path, single, update
        self.owner = owner or ("project_id" if service in ("network", "load-balancer") else None)
        self.narrow = narrow

    def plain(self, item):
        """A resource as one flat dict that has an id."""
        if self.one == "keypair":
            item = item.get("keypair", item)
            return {"id": item["name"], **item, **({} if "id" not in item else {"id": item["name"]})}
        if self.one == "role_assignment":
            scope = item.get("scope", {})
            flat = {
                "role_id": item.get("role", {}).get("id"),
                "user_id": item.get("user", {}).get("id"),
                "group_id": item.get("group", {}).get("id"),
                "project_id": scope.get("project", {}).get("id"),
                "domain_id": scope.get("domain", {}).get("id"),
            }
            return {**flat, "id": assignment(flat)}
        found = {field: value for field, value in item.items() if field != "links"}
        if self.one == "router":
            found["external_network_id"] = (item.get("external_gateway_info") or {}).get("network_id")
        return found

    def sent(self, body):
        """Fields that were sent and do not come back."""
        return {"user_id": body["user_id"]} if self.one == "keypair" and body.get("user_id") else {}

    def apart(self, body):
        """A body without the fields that are set by requests of their own, and those fields."""
        apart = {"network": ["tags"], "compute": ["extra_specs"]}.get(self.service, [])
        apart = {field: body[field] for field in apart if field in body}
        rest = {field: value for field, value in body.items() if field not in apart}
        if self.one == "router" and "external_network_id" in rest:
            rest["external_gateway_info"] = {"network_id": rest.pop("external_network_id")}
        return rest, apart

    def following(self, answer):
        """The link to the next page, None behind the last."""
        if self.service == "identity":
            return (answer.get("links") or {}).get("next")
        if self.service == "image":
            return answer.get("next")
        links = answer.get(f"{self.many}_links") or ()
        return next((link["href"] for link in links if link.get("rel") == "next"), None)


def assignment(fields):
    """The id of a role assignment, which Keystone gives none."""
    return "/".join(str(fields.get(field)) for field in ("project_id", "user_id", "role_id"))


def steps(body):
    """Fields to change as the list of steps that Glance takes; a property that is None goes."""
    return [
        {"op": "remove", "path": _pointer(field)} if value is None
        else {"op": "add", "path": _pointer(field), "value": value}
        for field, value in body.items()
    ]  # fmt: skip


def _pointer(field):
    return "/" + field.replace("~", "~0").replace("/", "~1")


# Microversion of Nova: since 2.55 a flavor has a description, since 2.61 a list of flavors holds their extra specs.
_NOVA = "2.61"

KINDS = {
    "domain": Kind("identity", "/domains", "domain", update="PATCH"),
    "project": Kind("identity", "/projects", "project", same=("name", "domain_id"), update="PATCH", narrow=True),
    "user": Kind("identity", "/users", "user", same=("name", "domain_id"), update="PATCH", narrow=True),
    "role": Kind("identity", "/roles", "role", update="PATCH"),
    "role_assignment": Kind(
        "identity", "/role_assignments", "role_assignment", same=("role_id", "user_id", "project_id"),
        asked={"role_id": "role.id", "user_id": "user.id", "project_id": "scope.project.id"},
    ),
    "service": Kind("identity", "/services", "service", same=("name", "type"), update="PATCH"),
    "endpoint": Kind(
        "identity", "/endpoints", "endpoint", same=("service_id", "interface", "region_id"), update="PATCH"
    ),
    "network": Kind("network", "/networks", "network", same=("name", "project_id")),
    "subnet": Kind("network", "/subnets", "subnet", same=("name", "network_id")),
    "port": Kind("network", "/ports", "port", same=("name", "network_id")),
    "router": Kind("network", "/routers", "router", same=("name", "project_id")),
    "security_group": Kind("network", "/security-groups", "security_group", same=("name", "project_id")),
    "security_group_rule": Kind(
        "network", "/security-group-rules", "security_group_rule",
        same=("security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max",
              "remote_ip_prefix", "remote_group_id"),
    ),
    "agent": Kind("network", "/agents", "agent"),
    "network_quota": Kind("network", "/quotas", "quota", single=True),
    "flavor": Kind(
        "compute", "/flavors", "flavor", listed="/flavors/detail", query={"is_public": "None"}, microversion=_NOVA
    ),
    "keypair": Kind("compute", "/os-keypairs", "keypair", same=("name", "user_id"), microversion=_NOVA),
    "server": Kind(
        "compute", "/servers", "server", listed="/servers/detail", same=("name", "tenant_id"), microversion=_NOVA,
        owner="tenant_id",
    ),
    "compute_quota": Kind("compute", "/os-quota-sets", "quota_set", single=True, microversion=_NOVA),
    # the address of Cinder has the project of who asks in it, whatever version it is
    "volume_quota": Kind("block-storage", "/os-quota-sets", "quota_set", single=True),
    # Glance lists 25 of them when it is not asked for more
    "image": Kind(
        "image", "/images", None, "images", same=("name", "owner"), query={"limit": 1000}, update="PATCH", owner="owner"
    ),
    "loadbalancer": Kind("load-balancer", "/lbaas/loadbalancers", "loadbalancer", same=("name", "project_id")),
    "listener": Kind("load-balancer", "/lbaas/listeners", "listener", same=("name", "project_id")),
    "pool": Kind("load-balancer", "/lbaas/pools", "pool", same=("name", "project_id")),
    "healthmonitor": Kind("load-balancer", "/lbaas/healthmonitors", "healthmonitor", same=("name", "project_id")),
    "amphora": Kind("load-balancer", "/octavia/amphorae", "amphora", "amphorae"),
}  # fmt: skip


def of(service):
    """The names of the kinds that a service has."""
    return [name for name, kind in KINDS.items() if kind.service == service]
