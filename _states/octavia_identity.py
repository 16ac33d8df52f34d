"""
Keep projects, users, roles, services and endpoints in Keystone as they shall be. ``cloud_name`` says who asks, as
``octavia_cloud`` has it.
"""

from salt.utils.data import traverse_dict_and_list


def project_present(name, enabled=True, description=None, cloud_name=None):
    """
    Ensure that a project is there, in the domain of ``octavia:identity:domain``.

    name
        Its name, or the id of one that is there.

    enabled, description
        As Keystone has them; a description that is not said is left alone.

    .. code-block:: yaml

        service_project:
          octavia_identity.project_present:
            - name: service
            - cloud_name: admin_identity
    """
    return _present("project", name, {"enabled": enabled}, description, cloud_name)


def project_absent(name, cloud_name=None):
    """
    Ensure that a project is not there. What belonged to it in other services stays.

    name
        Its name or id.

    .. code-block:: yaml

        old_project:
          octavia_identity.project_absent:
            - name: old
    """
    return _seen_to(name, "octavia_ensure.absent", "project", name, cloud_name=cloud_name)


def user_present(name, password_key=None, enabled=True, description=None, cloud_name=None):
    """
    Ensure that a user is there, in the domain of ``octavia:identity:domain``, and has this password. Keystone shows
    none: whether it is the right one is asked by a login, until it is noted on this host that it was.

    name
        Its name, or the id of one that is there.

    password_key
        Key of the password in the pillar, so that it stands in no SLS: ``octavia:identity:password``. Without it the
        password is left alone, and a new user has none.

    enabled, description
        As Keystone has them; a description that is not said is left alone.

    .. code-block:: yaml

        octavia_user:
          octavia_identity.user_present:
            - name: octavia
            - password_key: octavia:identity:password
            - cloud_name: admin_identity
    """
    want = {"enabled": enabled, **({} if description is None else {"description": description})}
    password = password_key and traverse_dict_and_list(__pillar__, password_key)
    if password_key and not password:
        return {"name": name, "result": False, "changes": {}, "comment": f"{password_key}: is not set"}
    return _seen_to(name, "octavia_identity.user_ensured", name, want, password=password, cloud_name=cloud_name)


def user_absent(name, cloud_name=None):
    """
    Ensure that a user is not there.

    name
        Its name or id.

    .. code-block:: yaml

        old_user:
          octavia_identity.user_absent:
            - name: old
    """
    return _seen_to(name, "octavia_ensure.absent", "user", name, cloud_name=cloud_name)


def role_present(name, description=None, cloud_name=None):
    """
    Ensure that a role is there, for all domains.

    name
        Its name, or the id of one that is there.

    description
        One that is not said is left alone.

    .. code-block:: yaml

        member_role:
          octavia_identity.role_present:
            - name: load-balancer_member
    """
    return _present("role", name, {}, description, cloud_name)


def role_absent(name, cloud_name=None):
    """
    Ensure that a role is not there; nobody has it then.

    name
        Its name or id.

    .. code-block:: yaml

        old_role:
          octavia_identity.role_absent:
            - name: old
    """
    return _seen_to(name, "octavia_ensure.absent", "role", name, cloud_name=cloud_name)


def role_assignment_present(name, user, project, cloud_name=None):
    """
    Ensure that a user has a role in a project.

    name
        Name or id of the role.

    user, project
        Names or ids.

    .. code-block:: yaml

        octavia_is_admin:
          octavia_identity.role_assignment_present:
            - name: admin
            - user: octavia
            - project: service
    """
    return _seen_to(name, "octavia_ensure.present", *_assignment(name, user, project), cloud_name=cloud_name)


def role_assignment_absent(name, user, project, cloud_name=None):
    """
    Ensure that a user does not have a role in a project.

    name, user, project
        As for ``role_assignment_present``.

    .. code-block:: yaml

        octavia_is_no_admin:
          octavia_identity.role_assignment_absent:
            - name: admin
            - user: octavia
            - project: service
    """
    return _seen_to(name, "octavia_ensure.absent", *_assignment(name, user, project), cloud_name=cloud_name)


def service_present(name, type, enabled=True, description=None, cloud_name=None):
    """
    Ensure that the catalogue has a service of a type, of this name.

    name, type
        ``octavia`` and ``load-balancer``, for example. It is found by its type.

    enabled, description
        As Keystone has them; a description that is not said is left alone.

    .. code-block:: yaml

        octavia_service:
          octavia_identity.service_present:
            - name: octavia
            - type: load-balancer
    """
    return _present("service", type, {"name": name, "type": type, "enabled": enabled}, description, cloud_name)


def service_absent(name, type, cloud_name=None):
    """
    Ensure that the catalogue has no service of a type; its endpoints go along.

    name
        Any text.

    type
        As for ``service_present``.

    .. code-block:: yaml

        old_service:
          octavia_identity.service_absent:
            - name: octavia
            - type: load-balancer
    """
    return _seen_to(name, "octavia_ensure.absent", "service", type, {"type": type}, cloud_name=cloud_name)


def endpoint_present(name, interface, region, url, cloud_name=None):
    """
    Ensure that a service has an endpoint at this address.

    name
        Type of the service.

    interface, region
        ``public``, ``internal`` or ``admin``; the id of a region.

    url
        Where it is.

    .. code-block:: yaml

        octavia_public_endpoint:
          octavia_identity.endpoint_present:
            - name: load-balancer
            - interface: public
            - region: RegionOne
            - url: http://172.16.10.254:9876
    """
    want, refs = {"interface": interface, "region_id": region, "url": url}, {"service_id": ["service", name]}
    label = f"{name} {interface}"
    return _seen_to(name, "octavia_ensure.present", "endpoint", label, want, refs=refs, cloud_name=cloud_name)


def endpoint_absent(name, interface, region, cloud_name=None):
    """
    Ensure that a service has no such endpoint.

    name, interface, region
        As for ``endpoint_present``.

    .. code-block:: yaml

        octavia_no_admin_endpoint:
          octavia_identity.endpoint_absent:
            - name: load-balancer
            - interface: admin
            - region: RegionOne
    """
    want, refs = {"interface": interface, "region_id": region}, {"service_id": ["service", name]}
    label = f"{name} {interface}"
    return _seen_to(name, "octavia_ensure.absent", "endpoint", label, want, refs=refs, cloud_name=cloud_name)


def _assignment(role, user, project):
    refs = {"role_id": ["role", role], "user_id": ["user", user], "project_id": ["project", project]}
    return "role_assignment", f"{role} of {user} in {project}", {}, None, refs


def _present(kind, name, want, description, cloud_name):
    if description is not None:
        want["description"] = description
    return _seen_to(name, "octavia_ensure.present", kind, name, want, cloud_name=cloud_name)


def _seen_to(name, function, *args, **kwargs):
    return __salt__["octavia_ensure.seen_to"](name, function, *args, **kwargs, test=__opts__["test"], saltenv=__env__)
