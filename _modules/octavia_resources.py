"""
What Octavia needs in the cloud, as one list from the pillar: projects, users, networks, flavors, images.
"""

from salt.exceptions import CommandExecutionError

# In this order they are made, and in the other one taken away.
PARTS = ("identity", "network", "compute", "image")


def plan(service, saltenv=None):
    """
    Return what is wanted of one service, from the pillar alone, in the order in which it is made, as a list of dicts:

    kind, name, want, project, refs, initial, exact, key
        As for ``octavia_ensure.present``; what is not said is left out.

    function
        The one that ensures it, where that is another one. It takes ``name``, ``want``, ``project``, ``initial`` and
        ``key``, if they are said, ``kind`` of a quota, and ``test``, ``cloud_name`` and ``saltenv``.

    secret
        Key of a value that goes to this function as ``password``.

    service
        ``identity``, ``network``, ``compute`` or ``image``.

    Raises CommandExecutionError, in one line that names the pillar key, for what can never be.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_resources.plan network
    """
    if service not in PARTS:
        raise CommandExecutionError(f"{service} is no part of octavia.resources; there is: {', '.join(PARTS)}")
    return __salt__[f"octavia_{service}.wanted"](saltenv)


def faults(saltenv=None):
    """
    Return what keeps the pillar from being a plan, as a list of lines that name the key.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_resources.faults
    """
    if not __salt__["octavia_pillar.values"](saltenv).get("resources:enabled"):
        return []
    found = []
    for service in PARTS:
        try:
            plan(service, saltenv)
        except CommandExecutionError as exc:
            found.append(str(exc))
    return found


def ensure(entry, test=True, saltenv=None):
    """
    Ensure one entry of a plan, and return what ``octavia_ensure.present`` does.

    entry
        As ``plan`` has it.

    test
        Only tell.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_resources.ensure '{kind: role, name: load-balancer_member, want: {}}'
    """
    entry = dict(entry)
    value = __salt__["octavia_pillar.values"](saltenv)
    function, secret, _gone = (entry.pop(name, None) for name in ("function", "secret", "gone"))
    if function and not entry["kind"].endswith("_quota"):
        del entry["kind"]
    if secret:
        entry["password"] = value[secret]
    function = function or "octavia_ensure.present"
    return __salt__[function](**entry, test=test, cloud_name=value["resources:cloud"], saltenv=saltenv)


def remove(entry, test=True, saltenv=None):
    """
    Take away what one entry of a plan has made, and leave what was there before. Returns what ``octavia_ensure.absent``
    does.

    entry, test
        As for ``ensure``. It may say ``gone``, the function that does it where that is another one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_resources.remove '{kind: role, name: load-balancer_member, want: {}}'
    """
    fields = {name: entry[name] for name in ("kind", "name", "want", "project", "refs") if name in entry}
    function = entry.get("gone", "octavia_ensure.absent")
    cloud = __salt__["octavia_pillar.values"](saltenv)["resources:cloud"]
    return __salt__[function](**fields, marked=True, test=test, cloud_name=cloud, saltenv=saltenv)


def quotas(load_balancers=None, topology=None, saltenv=None):
    """
    Return a table of the quotas that the service project needs, and why. ``octavia_compute.quotas`` has the numbers.

    load_balancers
        How many are planned; ``octavia:resources:load_balancers`` by default.

    topology
        ``SINGLE`` or ``ACTIVE_STANDBY``; that of octavia.conf by default.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_resources.quotas load_balancers=500
    """
    found = __salt__["octavia_compute.quotas"](load_balancers, topology, saltenv)
    rows = [("quota", "needed", "why")]
    rows += [
        (f"{service} {name}", str(each["needed"]), each["why"])
        for service, names in found.items()
        for name, each in names.items()
    ]
    name, number = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{row[0]:<{name}}  {row[1]:>{number}}  {row[2]}" for row in rows)
