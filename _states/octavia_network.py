"""
Keep networks, subnets, ports, routers, security groups and quotas in Neutron as they shall be.

``project`` is the id or the name of the project that something belongs to; that of who asks by default. ``cloud_name``
says who asks, as ``octavia_cloud`` has it. What an argument does not say is left alone.
"""

from salt.exceptions import CommandExecutionError


def network_present(
    name,
    project=None,
    network_type=None,
    physical_network=None,
    segmentation_id=None,
    mtu=None,
    tags=None,
    shared=None,
    external=None,
    admin_state_up=True,
    description=None,
    cloud_name=None,
):
    """
    Ensure that a network is there. The first three of its provider cannot be changed later.

    name
        Its name, or the id of one that is there.

    network_type, physical_network, segmentation_id
        How the provider has it; what Neutron chooses by default.

    mtu, tags, shared, external, admin_state_up, description
        As Neutron has them. ``tags`` are these and no others.

    .. code-block:: yaml

        management_network:
          octavia_network.network_present:
            - name: lb-mgmt-net
            - project: service
            - mtu: 1450
            - cloud_name: admin_identity
    """
    want = {
        "provider_network_type": network_type, "provider_physical_network": physical_network,
        "provider_segmentation_id": segmentation_id, "mtu": mtu, "tags": tags, "shared": shared,
        "router_external": external, "admin_state_up": admin_state_up, "description": description,
    }  # fmt: skip
    return _present("network", name, want, project, cloud_name)


def network_absent(name, project=None, cloud_name=None):
    """
    Ensure that a network is not there.

    name
        Its name or id.

    .. code-block:: yaml

        old_network:
          octavia_network.network_absent:
            - name: old
            - project: service
    """
    return _absent("network", name, project, cloud_name)


def subnet_present(
    name,
    network,
    cidr,
    project=None,
    gateway="none",
    dhcp=True,
    pools=None,
    routes=None,
    dns=None,
    ipv6_address_mode=None,
    ipv6_ra_mode=None,
    description=None,
    cloud_name=None,
):
    """
    Ensure that a network has a subnet. Its addresses and how IPv6 hands them out cannot be changed later.

    name
        Its name, or the id of one that is there.

    network
        Id or name of its network.

    cidr
        Its addresses, of IPv4 or IPv6.

    gateway
        An address, or ``none``.

    dhcp
        Whether Neutron serves it by DHCP.

    pools
        List of ``{start, end}``: which addresses ports get.

    routes
        List of ``{destination, nexthop}``.

    dns
        List of addresses of name servers.

    ipv6_address_mode, ipv6_ra_mode, description
        As Neutron has them.

    .. code-block:: yaml

        management_subnet:
          octavia_network.subnet_present:
            - name: lb-mgmt-subnet
            - network: lb-mgmt-net
            - project: service
            - cidr: 172.16.0.0/22
    """
    want = {
        "cidr": cidr, "ip_version": 6 if ":" in cidr else 4, "enable_dhcp": dhcp, "allocation_pools": pools,
        "host_routes": routes, "dns_nameservers": dns, "ipv6_address_mode": ipv6_address_mode,
        "ipv6_ra_mode": ipv6_ra_mode, "description": description,
    }  # fmt: skip
    refs = {"network_id": ["network", network, project]}
    return _present(
        "subnet", name, want, project, cloud_name, refs=refs, gateway_ip=None if gateway == "none" else gateway
    )  # fmt: skip


def subnet_absent(name, project=None, cloud_name=None):
    """
    Ensure that a subnet is not there.

    name
        Its name or id.

    .. code-block:: yaml

        old_subnet:
          octavia_network.subnet_absent:
            - name: old
            - project: service
    """
    return _absent("subnet", name, project, cloud_name)


def port_present(
    name,
    network,
    project=None,
    security_groups=None,
    fixed_ips=None,
    host=None,
    device_owner=None,
    device_id=None,
    admin_state_up=True,
    description=None,
    cloud_name=None,
):
    """
    Ensure that a network has a port.

    name
        Its name, or the id of one that is there.

    network, security_groups
        Ids or names.

    fixed_ips
        List of ``{ip_address, subnet_id}``, either or both.

    host
        The host that it is bound to, as its agent is called.

    device_owner, device_id, admin_state_up, description
        As Neutron has them.

    .. code-block:: yaml

        health_manager_port:
          octavia_network.port_present:
            - name: octavia-health-manager-ctl01
            - network: lb-mgmt-net
            - project: service
            - security_groups: [lb-health-mgr-sec-grp]
            - host: ctl01
    """
    want = {
        "fixed_ips": fixed_ips, "binding_host_id": host, "device_owner": device_owner, "device_id": device_id,
        "admin_state_up": admin_state_up, "description": description,
    }  # fmt: skip
    refs = {"network_id": ["network", network, project]}
    if security_groups is not None:
        refs["security_groups"] = [["security_group", group, project] for group in security_groups]
    return _present("port", name, want, project, cloud_name, refs=refs)


def port_absent(name, project=None, cloud_name=None):
    """
    Ensure that a port is not there.

    name
        Its name or id.

    .. code-block:: yaml

        old_port:
          octavia_network.port_absent:
            - name: old
            - project: service
    """
    return _absent("port", name, project, cloud_name)


def router_present(
    name, project=None, subnets=(), external_network=None, admin_state_up=True, description=None, cloud_name=None
):
    """
    Ensure that a router is there and is in some subnets. It stays in others.

    name
        Its name, or the id of one that is there.

    subnets
        Ids or names.

    external_network
        Id or name of the network that it leads to.

    admin_state_up, description
        As Neutron has them.

    .. code-block:: yaml

        management_router:
          octavia_network.router_present:
            - name: lb-mgmt-router
            - project: service
            - subnets: [lb-mgmt-subnet]
    """
    refs = {"interfaces": [["subnet", subnet, project] for subnet in subnets]}
    if external_network:
        refs["external_network_id"] = ["network", external_network]
    want = {"admin_state_up": admin_state_up, "description": description}
    return _present("router", name, want, project, cloud_name, refs=refs)


def router_absent(name, project=None, cloud_name=None):
    """
    Ensure that a router is not there; it leaves its subnets first.

    name
        Its name or id.

    .. code-block:: yaml

        old_router:
          octavia_network.router_absent:
            - name: old
            - project: service
    """
    return _absent("router", name, project, cloud_name)


def security_group_present(name, rules=(), exact=False, project=None, description=None, cloud_name=None):
    """
    Ensure that a security group is there and has these rules.

    name
        Its name, or the id of one that is there.

    rules
        List of mappings with ``direction`` (``ingress``), ``protocol``, ``port`` (one, or two with a dash between
        them), ``remote`` (a network) and ``ethertype``, all of which may be left out.

    exact
        Take away rules that are not wanted, but those by which Neutron lets everything out of each group.

    description
        As Neutron has it.

    .. code-block:: yaml

        amphora_group:
          octavia_network.security_group_present:
            - name: lb-mgmt-sec-grp
            - project: service
            - rules:
              - {protocol: tcp, port: 9443, remote: 172.16.0.0/22}
    """
    try:
        found = [__salt__["octavia_network.rule"](**rule) for rule in rules]
    except (CommandExecutionError, ValueError, TypeError) as exc:
        return {"name": name, "result": False, "changes": {}, "comment": f"A rule {exc}"}
    want = {"rules": found, "description": description}
    return _present("security_group", name, want, project, cloud_name, exact=exact)


def security_group_absent(name, project=None, cloud_name=None):
    """
    Ensure that a security group is not there.

    name
        Its name or id.

    .. code-block:: yaml

        old_group:
          octavia_network.security_group_absent:
            - name: old
            - project: service
    """
    return _absent("security_group", name, project, cloud_name)


def quota_present(name, quotas, cloud_name=None):
    """
    Ensure that a project has these quotas in Neutron.

    name
        Name or id of the project.

    quotas
        ``{port: 500}``; -1 is without limit. As ``{port: {at_least: 500}}`` a larger one, or none, will do.

    .. code-block:: yaml

        service_quotas:
          octavia_network.quota_present:
            - name: service
            - quotas: {port: {at_least: 500}}
    """
    return _seen_to(name, "octavia_ensure.present", "network_quota", name, quotas, cloud_name=cloud_name)


def _present(kind, name, want, project, cloud_name, refs=None, exact=False, **also):
    want = {**__salt__["octavia_network.neutrons"](want), **also}
    return _seen_to(
        name, "octavia_ensure.present", kind, name, want, project, refs=refs, exact=exact, cloud_name=cloud_name
    )  # fmt: skip


def _absent(kind, name, project, cloud_name):
    return _seen_to(name, "octavia_ensure.absent", kind, name, project=project, cloud_name=cloud_name)


def _seen_to(name, function, *args, **kwargs):
    return __salt__["octavia_ensure.seen_to"](name, function, *args, **kwargs, test=__opts__["test"], saltenv=__env__)
