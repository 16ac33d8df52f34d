"""
The load-balancing API: what its users make, with the API's own bodies in and out.

The functions are those of the older formula: ``loadbalancer_create(name="lb", vip_subnet_id="...", cloud_name="x")``
answers ``{"loadbalancer": {...}}``. ``cloud_name`` says who asks, as in ``octavia_cloud``.
"""

import ipaddress
import os
import re
import time
import uuid
from urllib.parse import parse_qsl, urlencode, urlsplit

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

# What the API knows of each kind; another kind is an entry here, and its five functions below.
#   path       below /lbaas, and the key of a list of them
#   updatable  what a PUT may change; all else is said once, when it is made
#   initial    what only a POST takes, and a GET shows in another form
_KINDS = {
    "loadbalancer": {
        "path": "loadbalancers",
        "updatable": ("admin_state_up", "description", "tags", "vip_qos_policy_id", "vip_sg_ids"),
        "initial": ("listeners", "pools"),
    },
}

# Fields that hold an id of another service, and its kind there: they may say a name.
_REFERENCES = {
    "project_id": "project",
    "vip_network_id": "network",
    "vip_subnet_id": "subnet",
    "vip_port_id": "port",
    "subnet_id": "subnet",
}

# Seconds between two looks at something that changes, the first and the longest.
_LOOK, _LONGEST = 1, 5

# What a worker writes where a flow fails: Octavia's own exceptions say it in words.
_FAILURE = re.compile(r"(?:octavia|novaclient|neutronclient|glanceclient|openstack)(?:\.\w+)+: (?P<why>\S.*)")


def loadbalancer_list(cloud_name=None, **kwargs):
    """
    Return the load balancers that the user may see, as ``{"loadbalancers": [...]}``.

    cloud_name
        Entry of clouds.yaml; by default as ``octavia_cloud`` has it. So in all functions here.

    kwargs
        Fields that they must have: ``name="lb"``, ``project_id="..."``, ``provisioning_status="ERROR"``.

    Raises CommandExecutionError, in one line, when the API does not answer or refuses. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.loadbalancer_list cloud_name=admin_identity
    """
    return _list("loadbalancer", cloud_name, clean_kwargs(**kwargs))


def loadbalancer_get_details(name, cloud_name=None, **kwargs):
    """
    Return one load balancer, as ``{"loadbalancer": {...}}``.

    name
        Its id, or its name. So in all functions here.

    kwargs
        Parameters of the request, such as ``fields="id"``.

    Raises CommandExecutionError also when there is none, and when two have that name.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.loadbalancer_get_details lb cloud_name=admin_identity
    """
    return _get("loadbalancer", name, cloud_name, clean_kwargs(**kwargs))


def loadbalancer_create(cloud_name=None, **kwargs):
    """
    Make a load balancer, and return it as ``{"loadbalancer": {...}}``. It does not serve yet: see ``settled``.

    kwargs
        What it shall be, in the API's words: ``name``, ``vip_subnet_id``, ``description`` and so on.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.loadbalancer_create name=lb vip_subnet_id=0a5f3e1c-6f0c-4d0e-9a53-2f6a4c9b7d10
    """
    return _create("loadbalancer", cloud_name, clean_kwargs(**kwargs))


def loadbalancer_update(name, cloud_name=None, **kwargs):
    """
    Change a load balancer, and return it as ``{"loadbalancer": {...}}``.

    kwargs
        What shall be other, in the API's words.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.loadbalancer_update lb description='web servers of the shop'
    """
    return _update("loadbalancer", name, cloud_name, clean_kwargs(**kwargs))


def loadbalancer_delete(name, cloud_name=None, cascade=False, **kwargs):
    """
    Have a load balancer removed, and return ``{}``. It is there for some time yet: see ``settled``.

    cascade
        With its listeners, pools and all that is in them.

    kwargs
        Are not looked at, as ever.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.loadbalancer_delete lb cascade=True
    """
    return _delete("loadbalancer", name, cloud_name, {"cascade": "true"} if cascade else {})


# --- what is the same for all kinds


def find(kind, name, project_id, cloud_name=None):
    """
    Return one resource, as the API has it, or None when there is none. It may be as old as this Salt run.

    kind
        Such as ``loadbalancer``. So in all functions here.

    project_id
        Where a name is looked for. An id is found in any project.

    Raises CommandExecutionError also when two have that name.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.find loadbalancer lb 2a3f0e6b1d3c4b0c9e55d7a1e8a90b11
    """
    found = __salt__["octavia_cloud.find"](kind, name, project=project_id, cloud_name=cloud_name)
    return None if not found or found["provisioning_status"] == "DELETED" else found


def resolved(want, cloud_name=None):
    """
    Return the fields that a resource shall have, with ids where names of projects, networks, subnets and ports were,
    and with the user's own project where none is said.

    want
        Fields and values. A name is looked for in the project, then in all that the user may see.

    Raises CommandExecutionError, in one line that names the field, when there is no such thing, or two.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.resolved '{project_id: demo, vip_subnet_id: private-subnet}'
    """
    ids, look = dict(want), __salt__["octavia_cloud.find"]
    own = __salt__["octavia_cloud.identity"](cloud_name=cloud_name)
    if ids.get("project_id") in (None, own["project_name"]):
        ids["project_id"] = own["project_id"]
    for field, kind in _REFERENCES.items():
        name = ids.get(field)
        if not name or _is_id(name):
            continue
        try:
            found = None
            if kind != "project":
                found = look(kind, name, project=ids["project_id"], cloud_name=cloud_name)
            found = found or look(kind, name, cloud_name=cloud_name)
        except CommandExecutionError as exc:
            raise CommandExecutionError(f"{field}: {exc}") from exc
        if not found:
            raise CommandExecutionError(f"{field}: there is no {kind} {name}")
        ids[field] = found["id"]
    return ids


def difference(kind, have, want):
    """
    Compare a resource with what it shall be. Asks nobody.

    have
        The resource, as the API has it.

    want
        Fields and values; one without a value (``null``) is taken away, where that can be.

    Returns ``{"old": {...}, "new": {...}, "fixed": [...]}``: the fields that a PUT would change, and lines about those
    that none can.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.difference loadbalancer '{description: a}' '{description: b}'
    """
    facts, old, new, fixed = _KINDS[kind], {}, {}, []
    for field, value in want.items():
        if field in facts["initial"] or _same(have.get(field), value):
            continue
        if field not in have:
            fixed.append(f"{field}: is no field of a {kind} of this Octavia")
        elif field not in facts["updatable"]:
            if value is not None:
                fixed.append(f"{field}: is {have[field]}, and cannot become {value}: it takes another {kind}")
        else:
            old[field], new[field] = have[field], value
    return {"old": old, "new": new, "fixed": fixed}


def settled(kind, ident, timeout=600, cloud_name=None):
    """
    Wait until a resource is not in one of the states ``PENDING_``, and return it, or None when it is gone.

    ident
        Its id.

    timeout
        Seconds to wait.

    Raises CommandExecutionError when it takes longer.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.settled loadbalancer 45f40289-0551-483a-b089-47214bc2a8a4 timeout=60
    """
    until, pause = time.monotonic() + timeout, _LOOK
    while True:
        found = _now(kind, ident, cloud_name)
        if not found or not found["provisioning_status"].startswith("PENDING_"):
            return found
        left = until - time.monotonic()
        if left <= 0:
            raise CommandExecutionError(
                f"{_words(kind)} {ident} is still {found['provisioning_status']} after {timeout:g} s"
            )
        time.sleep(min(pause, left))
        pause = min(pause * 1.2, _LONGEST)


def log_position(saltenv=None):
    """
    Return how long the worker's log on this host is now, for ``reason``.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.log_position
    """
    try:
        return os.stat(__salt__["octavia_log.path"]("octavia-worker", saltenv)).st_size
    except OSError:
        return None


def reason(ident, position=None, saltenv=None):
    """
    Return why something went to ERROR, as one line. The API does not tell. The worker's log does, on the controller
    whose worker has done it.

    ident
        The id of the load balancer.

    position
        Where in the log to begin: what ``log_position`` said before. Without it the log is named only.

    CLI Example:

    .. code-block:: bash

        salt-call octaviav2.reason 45f40289-0551-483a-b089-47214bc2a8a4
    """
    path = __salt__["octavia_log.path"]("octavia-worker", saltenv)
    if position is not None:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                # a log that is shorter now was rotated
                stream.seek(position if position <= os.stat(path).st_size else 0)
                # the first is the cause, what follows is its undoing
                why = next((found["why"].strip() for found in map(_FAILURE.search, stream) if found), None)
            if why:
                return f"{path} has: {why}"
        except OSError:
            pass
    return f"look for {ident} in {path}, here or on the controller whose worker has done it"


def _list(kind, cloud_name, query):
    """All pages, unless somebody turns them himself."""
    path = _KINDS[kind]["path"]
    answer = _ask("GET", kind, "", cloud_name, query=query)
    while not {"limit", "marker"} & set(query):
        links = answer.pop(f"{path}_links", ())
        following = next((each["href"] for each in links if each["rel"] == "next"), None)
        if not following:
            break
        marker = dict(parse_qsl(urlsplit(following).query))["marker"]
        page = _ask("GET", kind, "", cloud_name, query={**query, "marker": marker})
        answer = {path: answer[path] + page[path], f"{path}_links": page.get(f"{path}_links", ())}
    return answer


def _get(kind, name, cloud_name, query):
    return _ask("GET", kind, f"/{_id(kind, name, cloud_name)}", cloud_name, query=query)


def _create(kind, cloud_name, body):
    # not a request of ours: an answer that is lost makes no second one there
    return {kind: __salt__["octavia_cloud.create"](kind, body, cloud_name=cloud_name)}


def _update(kind, name, cloud_name, body):
    return _ask("PUT", kind, f"/{_id(kind, name, cloud_name)}", cloud_name, {kind: body})


def _delete(kind, name, cloud_name, query):
    return _ask("DELETE", kind, f"/{_id(kind, name, cloud_name)}", cloud_name, query=query)


def _ask(method, kind, path, cloud_name, body=None, query=None):
    url = f"/lbaas/{_KINDS[kind]['path']}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
    return __salt__["octavia_cloud.request"]("load-balancer", method, url, body, cloud_name=cloud_name) or {}


def _now(kind, ident, cloud_name):
    """A resource as it is at this moment, None when it is gone."""
    try:
        found = _get(kind, ident, cloud_name, {})[kind]
    except CommandExecutionError as exc:
        if getattr(exc, "status", None) == 404:
            return None
        raise
    return None if found["provisioning_status"] == "DELETED" else found


def _id(kind, name, cloud_name):
    """The id of what has a name, in all projects that the user may see."""
    if _is_id(name):
        return name
    found = _list(kind, cloud_name, {"name": name})[_KINDS[kind]["path"]]
    if len(found) > 1:
        those = ", ".join(f"{each['id']} (project {each['project_id']})" for each in found)
        raise CommandExecutionError(f"{_words(kind)} {name}: {len(found)} have that name, say an id: {those}")
    if not found:
        raise CommandExecutionError(f"{_words(kind)} {name}: there is none")
    return found[0]["id"]


def _words(kind):
    return {"loadbalancer": "Load balancer"}.get(kind, kind.capitalize())


def _is_id(text):
    """Whether a text is an id: Keystone's are without hyphens."""
    try:
        return uuid.UUID(text).hex == text.lower().replace("-", "")
    except (ValueError, AttributeError, TypeError):
        return False


def _same(have, want):
    if isinstance(have, list) and isinstance(want, (list, tuple)):
        # tags and groups have no order; what else is a list holds mappings
        return sorted(map(str, have)) == sorted(map(str, want))
    if have == want or (not have and not want):
        return True
    if not (isinstance(have, str) and isinstance(want, str)):
        return False
    if _is_id(have) and _is_id(want):
        return uuid.UUID(have) == uuid.UUID(want)
    try:
        return ipaddress.ip_address(have) == ipaddress.ip_address(want)
    except ValueError:
        return False
