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

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# Seconds for all requests of one question together: each is repeated where its answer is lost.
_PATIENCE = 300


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


def project(name, cloud_name=None, saltenv=None):
    """
    Return the id of a project, in the domain of ``octavia:identity:domain``; ``None`` where there is none.

    name
        Its name or id.

    cloud_name
        Who asks.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.project service cloud_name=admin_identity
    """
    return _ask("project", cloud_name, saltenv, name=name, domain=_domain(saltenv))


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
