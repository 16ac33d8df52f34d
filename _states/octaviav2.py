"""
Keep load balancers in Octavia's API as they shall be.
"""

import re
import time

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The API's word for: not now, something of this is being changed.
_CONFLICT = 409


def loadbalancer_present(name, cloud_name=None, timeout=600, **kwargs):
    """
    Ensure that a load balancer is there, as said, and ``ACTIVE``.

    What cannot be changed later, such as the address or the provider, is refused when it differs, and nothing is
    changed. One in ``ERROR`` is reported, and left alone.

    name
        Its name in the project ``project_id``, by default that of the user; or its id.

    cloud_name
        Entry of clouds.yaml; by default as ``octavia_cloud`` has it.

    timeout
        Seconds for all of it. A load balancer with real amphorae takes minutes.

    kwargs
        What it shall be, in the API's words; ``project_id``, ``vip_network_id``, ``vip_subnet_id`` and ``vip_port_id``
        may say a name. ``listeners`` and ``pools`` are made with it, and not looked at later.

    .. code-block:: yaml

        shop_load_balancer:
          octaviav2.loadbalancer_present:
            - name: shop
            - cloud_name: admin_identity
            - project_id: demo
            - vip_subnet_id: private-subnet
            - description: web servers of the shop
    """
    return _present("loadbalancer", name, cloud_name, timeout, clean_kwargs(**kwargs))


def loadbalancer_absent(name, cloud_name=None, timeout=600, cascade=False, project_id=None):
    """
    Ensure that a load balancer is not there.

    name, cloud_name, timeout
        As for ``loadbalancer_present``.

    cascade
        With its listeners, pools and all that is in them. Without, one that has any is refused.

    project_id
        Id or name of its project, by default that of the user.

    .. code-block:: yaml

        old_shop_load_balancer:
          octaviav2.loadbalancer_absent:
            - name: old-shop
            - cloud_name: admin_identity
            - cascade: true
    """
    return _absent("loadbalancer", name, cloud_name, timeout, cascade, project_id)


def _present(kind, name, cloud_name, timeout, want):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    until, thing = time.monotonic() + timeout, f"{kind} {name}"
    try:
        want, have = _looked_up(kind, name, cloud_name, want)
        if have and not __opts__["test"]:
            have = _settled(kind, have, until, cloud_name)
        if have:
            drift = __salt__["octaviav2.difference"](kind, have, want)
            if drift["fixed"]:
                return {**ret, "result": False, "comment": f"{thing}: {'; '.join(drift['fixed'])}"}
            if have["provisioning_status"] == "ERROR":
                raise CommandExecutionError(_in_error(thing, have))
            old, new = drift["old"], drift["new"]
        elif _ID.fullmatch(name):
            raise CommandExecutionError(f"{thing} is not there, and none can be made with that id: say a name")
        else:
            old, new = None, {field: value for field, value in want.items() if value is not None}
        if have and not new:
            return {**ret, "comment": f"{thing} is as wanted" + _shown(have)}
        ret["changes"] = {thing: {"old": old, "new": new}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{thing} would be {'changed' if have else 'made'}"}
        position = __salt__["octaviav2.log_position"](__env__)
        if have:
            update = __salt__[f"octaviav2.{kind}_update"]
            _ordered(kind, have, until, cloud_name, lambda: update(have["id"], cloud_name=cloud_name, **new))
            done = "changed"
        else:
            have, done = _made(kind, name, new, cloud_name), "made"
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    # from here on it is true that something was changed, whatever comes of it
    try:
        have = _settled(kind, have, until, cloud_name)
        if not have:
            raise CommandExecutionError(f"{thing} was {done}, and somebody has removed it")
        if have["provisioning_status"] == "ERROR":
            raise CommandExecutionError(_in_error(thing, have, position))
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return {**ret, "comment": f"{thing} {done}" + _shown(have)}


def _absent(kind, name, cloud_name, timeout, cascade, project_id):
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    until, thing = time.monotonic() + timeout, f"{kind} {name}"
    try:
        _, have = _looked_up(kind, name, cloud_name, {"project_id": project_id})
        if not have:
            return {**ret, "comment": f"{thing} is not there"}
        inner = {part: len(have[part]) for part in ("listeners", "pools") if have.get(part)}
        if inner and not cascade:
            counts = ", ".join(f"{part}: {number}" for part, number in inner.items())
            return {**ret, "result": False, "comment": f"{thing} is not empty ({counts}): it takes cascade: true"}
        old = {"id": have["id"], **inner}
        ret["changes"] = {thing: {"old": old, "new": None}}
        if __opts__["test"]:
            return {**ret, "result": None, "comment": f"{thing} would be removed"}
        delete = __salt__[f"octaviav2.{kind}_delete"]
        if have["provisioning_status"] != "PENDING_DELETE":
            have = _settled(kind, have, until, cloud_name)
        if have and have["provisioning_status"] != "PENDING_DELETE":
            _ordered(kind, have, until, cloud_name, lambda: delete(have["id"], cloud_name=cloud_name, cascade=cascade))
    except CommandExecutionError as exc:
        return {**ret, "result": False, "changes": {}, "comment": str(exc)}
    try:
        left = _settled(kind, have, until, cloud_name) if have else None
        if left:
            raise CommandExecutionError(
                f"{thing} ({left['id']}) is {left['provisioning_status']} and not gone: "
                + __salt__["octaviav2.reason"](left["id"], saltenv=__env__)
            )
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return {**ret, "comment": f"{thing} removed"}


def _looked_up(kind, name, cloud_name, want):
    """What it shall be, with ids, and what there is."""
    ids = __salt__["octaviav2.resolved"](want, cloud_name=cloud_name)
    have = __salt__["octaviav2.find"](kind, name, ids["project_id"], cloud_name=cloud_name)
    if have and not want.get("project_id"):
        # an id is one of any project
        del ids["project_id"]
    return ids, have


def _made(kind, name, new, cloud_name):
    made = __salt__[f"octaviav2.{kind}_create"](name=name, cloud_name=cloud_name, **new)
    return made[kind]


def _ordered(kind, have, until, cloud_name, order):
    """Give an order, once the API takes one."""
    while True:
        try:
            return order()
        except CommandExecutionError as exc:
            if getattr(exc, "status", None) != _CONFLICT or time.monotonic() >= until:
                raise
        # somebody else was faster
        if not _settled(kind, have, until, cloud_name):
            raise CommandExecutionError(f"{kind} {have['id']}: somebody has removed it")
        time.sleep(1)


def _settled(kind, have, until, cloud_name):
    left = max(until - time.monotonic(), 0)
    return __salt__["octaviav2.settled"](kind, have["id"], timeout=left, cloud_name=cloud_name)


def _in_error(thing, have, position=None):
    why = __salt__["octaviav2.reason"](have["id"], position, saltenv=__env__)
    return f"{thing} ({have['id']}) is in ERROR: {why}; then fail it over, or remove it"


def _shown(have):
    address = f", {have['vip_address']}" if have.get("vip_address") else ""
    return f" ({have['id']}{address}, {have['provisioning_status']})"
