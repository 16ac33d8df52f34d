"""
Keystone: projects, users, roles and who has them, services and their endpoints; and what Octavia needs of it.

Resources go in and out as Keystone has them. ``cloud_name`` says who asks, as ``octavia_cloud`` has it. All functions
raise CommandExecutionError in one line.
"""

import hashlib

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

_ADDRESS_OF_NOBODY = ("0.0.0.0", "::")  # noqa: S104


def _functions(kind):
    """What can be done with a kind of resource that is found by its name."""

    def get(name, cloud_name=None, saltenv=None):
        return __salt__["octavia_cloud.find"](kind, name, cloud_name=cloud_name, saltenv=saltenv)

    def list_(cloud_name=None, saltenv=None, **scope):
        return __salt__["octavia_cloud.resources"](kind, cloud_name, saltenv, **scope)

    def create(name, cloud_name=None, saltenv=None, **fields):
        body = {"name": name, **clean_kwargs(**fields)}
        return __salt__["octavia_cloud.create"](kind, body, cloud_name=cloud_name, saltenv=saltenv)

    def update(name, cloud_name=None, saltenv=None, **fields):
        found = get(name, cloud_name, saltenv)
        if not found:
            raise CommandExecutionError(f"There is no {kind} {name}")
        return __salt__["octavia_cloud.update"](kind, found["id"], clean_kwargs(**fields), cloud_name, saltenv)

    def delete(name, cloud_name=None, saltenv=None):
        found = get(name, cloud_name, saltenv)
        if found:
            __salt__["octavia_cloud.delete"](kind, found["id"], cloud_name, saltenv)
        return bool(found)

    texts = {
        get: (f"Return a {kind} by its id or name, ``None`` where there is none.", "some"),
        list_: (f"Return all of kind {kind}; other arguments are fields by which to choose.", ""),
        create: (f"Make a {kind} and return it; other arguments are its fields.", "some description=text"),
        update: (f"Change fields, which are the other arguments, of a {kind} and return it.", "some description=text"),
        delete: (f"Delete a {kind}; tells whether there was one.", "some"),
    }
    for function, (text, arguments) in texts.items():
        function.__name__ = f"{kind}_{function.__name__.rstrip('_')}"
        call = f"salt-call octavia_identity.{function.__name__} {arguments}".rstrip()
        function.__doc__ = f"\n    {text}\n\n    CLI Example:\n\n    .. code-block:: bash\n\n        {call}\n    "
    return tuple(texts)


project_get, project_list, project_create, project_update, project_delete = _functions("project")
user_get, user_list, user_create, user_update, user_delete = _functions("user")
role_get, role_list, role_create, role_update, role_delete = _functions("role")
service_get, service_list, service_create, service_update, service_delete = _functions("service")


def role_assignment_list(user, cloud_name=None, saltenv=None):
    """
    Return all roles that a user has somewhere, as dicts with ``role_id``, ``user_id`` and ``project_id``.

    user
        Id or name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.role_assignment_list octavia
    """
    found = user_get(user, cloud_name, saltenv)
    if not found:
        return []
    return __salt__["octavia_cloud.resources"]("role_assignment", cloud_name, saltenv, user_id=found["id"])


def role_assignment_get(role, user, project, cloud_name=None, saltenv=None):
    """
    Return the assignment of a role to a user in a project, ``None`` where the user does not have it there.

    role, user, project
        Ids or names.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.role_assignment_get admin octavia service
    """
    ids = _ids(role, user, project, cloud_name, saltenv)
    if None in ids.values():
        return None
    found = __salt__["octavia_cloud.resources"]("role_assignment", cloud_name, saltenv, user_id=ids["user_id"])
    return next((each for each in found if all(each[field] == id for field, id in ids.items())), None)


def role_assignment_create(role, user, project, cloud_name=None, saltenv=None):
    """
    Give a user a role in a project.

    role, user, project
        Ids or names.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.role_assignment_create admin octavia service
    """
    ids = _ids(role, user, project, cloud_name, saltenv)
    lacking = [field.removesuffix("_id") for field, id in ids.items() if id is None]
    if lacking:
        raise CommandExecutionError(f"There is no such {' and no such '.join(lacking)}: {role}, {user}, {project}")
    return __salt__["octavia_cloud.create"]("role_assignment", ids, cloud_name=cloud_name, saltenv=saltenv)


def role_assignment_delete(role, user, project, cloud_name=None, saltenv=None):
    """
    Take a role in a project from a user; tells whether the user had it.

    role, user, project
        Ids or names.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.role_assignment_delete admin octavia service
    """
    found = role_assignment_get(role, user, project, cloud_name, saltenv)
    if found:
        __salt__["octavia_cloud.delete"]("role_assignment", found["id"], cloud_name, saltenv)
    return bool(found)


def endpoint_list(service, cloud_name=None, saltenv=None):
    """
    Return the endpoints of a service.

    service
        Its type.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.endpoint_list load-balancer
    """
    of = _service(service, cloud_name, saltenv)
    return __salt__["octavia_cloud.resources"]("endpoint", cloud_name, saltenv, service_id=of["id"]) if of else []


def endpoint_get(service, interface, region, cloud_name=None, saltenv=None):
    """
    Return an endpoint of a service, ``None`` where there is none.

    service
        Its type.

    interface, region
        ``public``, ``internal`` or ``admin``; the id of a region.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.endpoint_get load-balancer public RegionOne
    """
    found = endpoint_list(service, cloud_name, saltenv)
    return next((each for each in found if (each["interface"], each["region_id"]) == (interface, region)), None)


def endpoint_create(service, interface, region, url, cloud_name=None, saltenv=None):
    """
    Make an endpoint of a service and return it.

    service, interface, region
        As for ``endpoint_get``.

    url
        Where the service is.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.endpoint_create load-balancer public RegionOne http://172.16.10.254:9876
    """
    of = _service(service, cloud_name, saltenv)
    if not of:
        raise CommandExecutionError(f"Keystone has no service of type {service}")
    body = {"service_id": of["id"], "interface": interface, "region_id": region, "url": url}
    return __salt__["octavia_cloud.create"]("endpoint", body, cloud_name=cloud_name, saltenv=saltenv)


def endpoint_update(service, interface, region, url, cloud_name=None, saltenv=None):
    """
    Give an endpoint of a service another address and return it.

    service, interface, region, url
        As for ``endpoint_create``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.endpoint_update load-balancer public RegionOne http://172.16.10.254:9876
    """
    found = endpoint_get(service, interface, region, cloud_name, saltenv)
    if not found:
        raise CommandExecutionError(f"There is no {interface} endpoint of type {service} in region {region}")
    return __salt__["octavia_cloud.update"]("endpoint", found["id"], {"url": url}, cloud_name, saltenv)


def endpoint_delete(service, interface, region, cloud_name=None, saltenv=None):
    """
    Delete an endpoint of a service; tells whether there was one.

    service, interface, region
        As for ``endpoint_get``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.endpoint_delete load-balancer public RegionOne
    """
    found = endpoint_get(service, interface, region, cloud_name, saltenv)
    if found:
        __salt__["octavia_cloud.delete"]("endpoint", found["id"], cloud_name, saltenv)
    return bool(found)


def user_ensured(
    name, want=None, project=None, initial=None, password=None, key=None, test=None, cloud_name=None, saltenv=None
):
    """
    Ensure that a user is there and has this password. Returns what ``octavia_ensure.present`` does.

    Keystone shows no password. Whether an existing user has the wanted one is asked, by a request for a token, only
    while a note on this host, which holds a digest, does not say that it was so with this password already.

    name, want, initial, key, test, cloud_name
        As for ``octavia_ensure.present``.

    project
        Has no meaning for a user.

    password
        None leaves it alone. Not from a command line, which others see.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.user_ensured octavia '{enabled: true}' test=true
    """
    test = __opts__["test"] if test is None else test
    initial = {**(initial or {}), **({"password": password} if password else {})}
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    found = __salt__["octavia_ensure.present"]("user", name, want or {}, initial=initial, key=key, test=test, **asked)
    if not password:
        return found
    label = f"user {name}"
    right = label in found["changes"] and found["changes"][label]["old"] is None
    if not right:
        if _is_noted(found["id"], password, saltenv):
            return found
        right = __salt__["octavia_cloud.authenticates"](found["id"], password, **asked)
        if not right:
            change = found["changes"].setdefault(label, {"old": {}, "new": {}})
            change["old"]["password"], change["new"]["password"] = "(hidden)", "(hidden, changed)"
            found["comment"] = f"{label} {'would be changed' if test else 'changed'}: {', '.join(change['new'])}"
            if not test:
                __salt__["octavia_cloud.update"]("user", found["id"], {"password": password}, **asked)
                right = True
    if right and found["id"] and not __opts__["test"]:
        _note(found["id"], password, saltenv)
    return found


def wanted(saltenv=None):
    """
    Return what Octavia needs of Keystone, from the pillar alone, in the order in which it is made: see
    ``octavia_resources.plan``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_identity.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if value["resources:enabled"] and not value.get("identity:password"):
        raise CommandExecutionError("octavia:identity:password: is not set")
    mark = {"description": __salt__["octavia_ensure.mark"]()}
    user, project = value["identity:user"], value["identity:tenant"]
    kind = value["resources:identity:service:type"]
    entries = [
        {"kind": "project", "name": project, "want": {"enabled": True}, "initial": mark,
         "key": "octavia:identity:tenant"},
        {"kind": "user", "name": user, "want": {"enabled": True}, "initial": mark, "key": "octavia:identity:user",
         "function": "octavia_identity.user_ensured", "secret": "identity:password"},
    ]  # fmt: skip
    for key in ("resources:identity:roles", "resources:identity:lb_roles"):
        # the administrator's role is there, or is called otherwise: nobody wants a second one
        entries += [
            {"kind": "role", "name": role, "want": {}, "initial": mark, "key": f"octavia:{key}"}
            for role in value[key]
            if role != "admin" and role not in [entry["name"] for entry in entries if entry["kind"] == "role"]
        ]
    for role in value["resources:identity:roles"]:
        refs = {"role_id": ["role", role], "user_id": ["user", user], "project_id": ["project", project]}
        entries.append(
            {"kind": "role_assignment", "name": f"{role} of {user} in {project}", "want": {}, "refs": refs,
             "key": "octavia:resources:identity:roles"}
        )  # fmt: skip
    entries.append(
        {"kind": "service", "name": kind, "want": {"name": value["resources:identity:service:name"], "type": kind},
         "initial": mark, "key": "octavia:resources:identity:service"}
    )  # fmt: skip
    for interface in ("public", "internal", "admin"):
        key = f"resources:identity:endpoints:{interface}"
        where = {"interface": interface, "region_id": value["identity:region"]}
        # an address that nobody has said may be that of one controller of several: it makes an endpoint, and moves none
        url, initial = ({"url": value[key]}, mark) if key in value else ({}, {**mark, "url": _url(value)})
        entries.append(
            {"kind": "endpoint", "name": f"{kind} {interface}", "want": {**where, **url}, "initial": initial,
             "refs": {"service_id": ["service", kind]}, "key": f"octavia:{key}"}
        )  # fmt: skip
    return entries


def _url(value):
    """Where this host's API is."""
    address = value.get("api:bind:address")
    if address in (None, *_ADDRESS_OF_NOBODY):
        if not value["resources:enabled"]:
            return None
        raise CommandExecutionError(
            "octavia:resources:identity:endpoints:public: is not set, nor internal and admin beside it, and "
            "octavia:api:bind:address is no address at which others reach the API"
        )
    return __salt__["octavia_conf.url"](address).rstrip("/")


def _service(kind, cloud_name, saltenv):
    found = [each for each in service_list(cloud_name, saltenv) if each["type"] == kind]
    if len(found) > 1:
        raise CommandExecutionError(f"Keystone has {len(found)} services of type {kind}")
    return found[0] if found else None


def _ids(role, user, project, cloud_name, saltenv):
    found = {
        "role_id": role_get(role, cloud_name, saltenv),
        "user_id": user_get(user, cloud_name, saltenv),
        "project_id": project_get(project, cloud_name, saltenv),
    }
    return {field: each and each["id"] for field, each in found.items()}


def _path(saltenv):
    return f"{__salt__['octavia_pillar.settings'](saltenv)['state_dir']}/passwords.json"


def _digest(user, password):
    # a note is no place to guess a password from
    return hashlib.scrypt(password.encode(), salt=user.encode(), n=2**13, r=8, p=1).hex()


def _is_noted(user, password, saltenv):
    return __salt__["octavia_file.note"](_path(saltenv)).get(user) == _digest(user, password)


def _note(user, password, saltenv):
    found, digest = __salt__["octavia_file.note"](_path(saltenv)), _digest(user, password)
    if found.get(user) != digest:
        __salt__["octavia_file.keep"](_path(saltenv), {**found, user: digest})
