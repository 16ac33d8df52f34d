"""
What Octavia needs of Nova: the flavor of amphorae, a key pair for who has to look into one, and quotas for as many
load balancers as are planned.
"""

import base64
import math

from salt.exceptions import CommandExecutionError

# Room for failovers: the new amphora is there before the old one has gone. A health manager replaces ten at a time
# (failover_threads), and a compute host that is lost takes some share of all amphorae with it.
_SPARE, _SPARE_SHARE = 10, 10

# What the service project has beside amphorae. Ports: o-hm0 of each controller, DHCP agents, a router. Security groups:
# the two of octavia.resources and Neutron's default, with their rules.
_OWN = {"port": 16, "security_group": 3, "security_group_rule": 32}

_PRIVATE = "octavia:manager:ssh:private_key"

# What Nova calls the fields of a flavor that nobody can change, and the pillar.
_FIXED = {"ram": "ram", "vcpus": "vcpus", "disk": "disk", "public": "os-flavor-access:is_public"}
_FLAVOR = "octavia:resources:compute:flavor"
_KEYPAIR = "octavia:resources:compute:keypair"

# The description of a flavor of ours, by which it is known when it is to go.
MADE = "made by salt-formula-octavia"

# Of requests that the engine knows no kind of: descriptions of flavors, and who may use them.
_MICROVERSION = "2.61"


# --- quotas


def needed(
    load_balancers,
    topology="SINGLE",
    flavor=None,
    listeners=5,
    networks=2,
    spare=None,
    anti_affinity=False,
    volume_size=None,
):
    """
    Return which quotas a project needs in which so many load balancers have their amphorae, as
    ``{service: {quota: {"needed": number, "why": arithmetic in words}}}`` with the services ``compute``, ``network``
    and, where amphorae boot from volumes, ``volume``. Looks at nothing but its arguments.

    load_balancers
        How many are planned.

    topology
        ``SINGLE``, one amphora each, or ``ACTIVE_STANDBY``, two.

    flavor
        ``ram`` (MiB) and ``vcpus`` of an amphora; those of the formula's default flavor by default.

    listeners
        Listeners of a load balancer. Each takes two security group rules: its port, and the one by which HAProxy shares
        its tables. One that names CIDRs takes more.

    networks
        Networks of members, other than that of the VIP, to which an amphora is plugged.

    spare
        Amphorae that are built while the old ones are still there; a tenth of all, and ten at least, by default.

    anti_affinity
        Whether the two amphorae of a load balancer are kept apart: each pair is a server group then.

    volume_size
        GiB of an amphora's root volume, where Cinder has them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.needed 500 topology=ACTIVE_STANDBY
    """
    flavor = {"ram": 1024, "vcpus": 1, **(flavor or {})}
    pairs = topology == "ACTIVE_STANDBY"
    each = 2 if pairs else 1
    amphorae = load_balancers * each
    spare = max(_SPARE, math.ceil(amphorae / _SPARE_SHARE)) if spare is None else spare
    servers = amphorae + spare
    of = f"{servers} amphorae"
    compute = {
        "instances": (servers, f"{load_balancers} load balancers x {each}, and {spare} to fail over"),
        "cores": (servers * flavor["vcpus"], f"{of} x {flavor['vcpus']}"),
        "ram": (servers * flavor["ram"], f"{of} x {flavor['ram']} MiB"),
    }
    if pairs and anti_affinity:
        compute["server_groups"] = (load_balancers, "one for each load balancer")
        compute["server_group_members"] = (each + 1, "the pair, and one to fail over")
    # management, VIP and members; the port of the VIP itself belongs to the project of the load balancer
    plugged = 2 + networks
    # Neutron's two for all that goes out, and VRRP with its authentication between a pair
    rules = 2 + 2 * listeners + (2 if pairs else 0)
    network = {
        "port": (servers * plugged, f"{of} x {plugged} (management, VIP, {networks} networks of members)"),
        "security_group": (load_balancers, "one for each load balancer"),
        "security_group_rule": (load_balancers * rules, f"{load_balancers} load balancers x {rules}"),
    }
    network = {
        name: (number + _OWN[name], f"{why}, and {_OWN[name]} beside them") for name, (number, why) in network.items()
    }
    found = {"compute": compute, "network": network}
    if volume_size:
        found["volume"] = {
            "volumes": (servers, of),
            "gigabytes": (servers * volume_size, f"{of} x {volume_size} GiB"),
        }
    return {
        service: {name: {"needed": number, "why": why} for name, (number, why) in quotas.items()}
        for service, quotas in found.items()
    }


def raised(have, want, exact=False):
    """
    Return the quotas that are to be others, as ``{quota: {"old": number, "new": number}}``. One without limit (-1)
    stays, and a larger one too.

    have, want
        ``{quota: number}``. What ``have`` lacks is nothing that the service knows.

    exact
        Lower larger ones too.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.raised '{instances: 10}' '{instances: 110}'
    """
    return {
        name: {"old": have[name], "new": number}
        for name, number in want.items()
        if name in have and have[name] != -1 and (have[name] < number or (exact and have[name] != number))
    }


# --- the key pair


def public_key(private_key=None, saltenv=None):
    """
    Return the public key of a private one, as it stands in an ``authorized_keys``: the kind and the key itself.

    private_key
        RSA, ECDSA or Ed25519, in the format of OpenSSH or in PEM; that of the pillar by default. Not from a command
        line, which others see.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    Raises CommandExecutionError, in one line without a word of the key, when it is none, needs a passphrase, or is of
    another kind.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.public_key
    """
    if private_key is None:
        private_key = __salt__["octavia_pillar.values"](saltenv).get("manager:ssh:private_key")
    if not private_key:
        raise CommandExecutionError(f"{_PRIVATE}: is not set")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
        load_ssh_private_key,
    )

    # what comes out of a pillar may have lost its last line break, which OpenSSH's format needs
    data = str(private_key).strip().encode() + b"\n"
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        found = load(data, None)
    # without chaining: what these raise may hold a piece of the key
    except TypeError:
        raise CommandExecutionError(f"{_PRIVATE}: needs a passphrase, which nobody could type in") from None
    except (ValueError, UnsupportedAlgorithm):
        locked = b"ENCRYPTED" in data or _is_locked(data)
        what = "needs a passphrase, which nobody could type in" if locked else "is no private key in PEM or of OpenSSH"
        raise CommandExecutionError(f"{_PRIVATE}: {what}") from None
    if not isinstance(found, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        raise CommandExecutionError(f"{_PRIVATE}: is neither RSA, ECDSA nor Ed25519")
    try:
        return found.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except (ValueError, UnsupportedAlgorithm):
        raise CommandExecutionError(f"{_PRIVATE}: has a curve that OpenSSH does not know") from None


def _is_locked(data):
    """Whether a key in OpenSSH's format names a cipher, in case the library refuses it before it asks."""
    try:
        inner = base64.b64decode(b"".join(data.split(b"-----")[2].split()))
    except (IndexError, ValueError):
        return False
    return inner.startswith(b"openssh-key-v1\0") and not inner[15:].startswith(b"\0\0\0\x04none")


def same_key(one, other):
    """
    Tell whether two public keys are the same one; what stands behind the key itself is a comment.

    one, other
        As in an ``authorized_keys``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.same_key "ssh-ed25519 AAAA root@here" "ssh-ed25519 AAAA"
    """
    return one.split()[:2] == other.split()[:2]


# --- what the pillar wants


def wanted(saltenv=None):
    """
    Return what the pillar wants of Nova, and of Cinder where amphorae boot from volumes, as a list of dicts for
    ``octavia_resources``: ``kind``, ``name``, ``want``, ``project``, ``key``, and ``function``, which sees to it.

    Raises CommandExecutionError when the pillar's private key is none that OpenSSH knows.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    project = value["identity:tenant"]
    found = [
        _entry("flavor", _flavor_name(value), _flavor_want(value, saltenv), project, _FLAVOR),
        _entry("compute_quota", project, _needed("compute", saltenv), project, "octavia:resources:load_balancers"),
    ]
    volumes = _needed("volume", saltenv)
    if volumes:
        found.append(_entry("volume_quota", project, volumes, project, "octavia:resources:load_balancers"))
    if value.get("manager:ssh:private_key"):
        want = {
            "public_key": public_key(saltenv=saltenv),
            "user": value["identity:user"],
            "replace": value["resources:compute:keypair:replace"],
        }
        found.append(_entry("keypair", key_name(saltenv), want, None, _KEYPAIR))
    return found


def _entry(kind, name, want, project, key):
    function = "quota" if kind.endswith("_quota") else kind
    return {
        "kind": kind, "name": name, "want": want, "project": project, "key": key,
        "function": f"octavia_compute.{function}_present",
    }  # fmt: skip


def _flavor_name(value):
    """Octavia takes a flavor by its id: one that the pillar says is the one that is meant."""
    return value.get("manager:controller_worker:amp_flavor_id") or value["resources:compute:flavor:name"]


def _flavor_want(value, saltenv):
    """One that somebody else has made is compared with what the pillar itself says of it, not with our defaults."""
    prefix, want = "resources:compute:flavor:", {}
    theirs = "manager:controller_worker:amp_flavor_id" in value
    said = __salt__["octavia_pillar.said"](saltenv)
    for name in ("ram", "vcpus", "disk", "public"):
        if not theirs or prefix + name in said:
            want[name] = value[prefix + name]
    return {**want, "extra_specs": value.get(f"{prefix}extra_specs") or {}}


def key_name(saltenv=None):
    """
    Return the name of the key pair that amphorae get, None where the pillar has no private key and names none.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.key_name
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    named = value.get("manager:controller_worker:amp_ssh_key_name")
    return named or (value["resources:compute:keypair:name"] if value.get("manager:ssh:private_key") else None)


def quotas(load_balancers=None, topology=None, saltenv=None):
    """
    Return which quotas the service project needs, and why: for the flavor, the drivers and the numbers of the pillar.

    load_balancers, topology
        As for ``needed``; those of the pillar by default.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.quotas load_balancers=500
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    options = __salt__["octavia_conf.options"](saltenv)
    flavor = {name: value[f"resources:compute:flavor:{name}"] for name in ("ram", "vcpus")}
    volumes = "noop" not in str(options["controller_worker"].get("volume_driver", "noop"))
    return needed(
        load_balancers or value["resources:load_balancers"],
        topology or options["controller_worker"].get("loadbalancer_topology", "SINGLE"),
        flavor,
        listeners=value["resources:quotas:listeners"],
        networks=value["resources:quotas:networks"],
        spare=value.get("resources:quotas:spare"),
        anti_affinity=str(options.get("nova", {}).get("enable_anti_affinity", False)).lower() == "true",
        # Octavia's own default
        volume_size=int(options.get("cinder", {}).get("volume_size", 16)) if volumes else None,
    )


def _needed(service, saltenv):
    return {name: quota["needed"] for name, quota in quotas(saltenv=saltenv).get(service, {}).items()}


# --- flavors


def flavor_list(cloud_name=None, saltenv=None):
    """
    Return all flavors, private ones too, as a list of dicts.

    cloud_name
        Who asks, as ``octavia_cloud`` has it. So in all functions here.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_list cloud_name=admin_identity
    """
    return __salt__["octavia_cloud.resources"]("flavor", cloud_name=cloud_name, saltenv=saltenv)


def flavor_get(name, cloud_name=None, saltenv=None):
    """
    Return the flavor of an id or a name, as a dict, ``None`` where there is none.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_get amphora
    """
    # an id of a flavor may be any text, and no two have the same id or name
    found = flavor_list(cloud_name, saltenv)
    for field in ("id", "name"):
        for each in found:
            if each.get(field) == str(name):
                return each
    return None


def flavor_create(
    name, ram, vcpus, disk, public=False, extra_specs=None, id=None, description=None, cloud_name=None, saltenv=None
):
    """
    Make a flavor and return it.

    name, ram, vcpus, disk, public, extra_specs, id, description
        As Nova has them: ram in MiB, disk in GiB. Nova makes an id where none is said.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_create amphora 1024 1 3
    """
    body = {"name": str(name), "ram": ram, "vcpus": vcpus, "disk": disk, _FIXED["public"]: public}
    body.update({"id": str(id)} if id else {}, **({"description": description} if description else {}))
    if extra_specs:
        body["extra_specs"] = _texts(extra_specs)
    return __salt__["octavia_cloud.create"]("flavor", body, cloud_name=cloud_name, saltenv=saltenv)


def flavor_update(name, extra_specs, cloud_name=None, saltenv=None):
    """
    Set extra specs of a flavor and return it: there is nothing else that could be changed.

    name, extra_specs
        Its id or name; a mapping. One that is None is taken away.

    Raises CommandExecutionError when there is no such flavor.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_update amphora '{"hw:cpu_policy": dedicated}'
    """
    found = flavor_get(name, cloud_name, saltenv)
    if not found:
        raise CommandExecutionError(f"There is no flavor {name}")
    body = {"extra_specs": _texts(extra_specs)}
    return __salt__["octavia_cloud.update"]("flavor", found["id"], body, cloud_name=cloud_name, saltenv=saltenv)


def flavor_delete(name, cloud_name=None, saltenv=None):
    """
    Take a flavor away. One that is not there is no error, and servers of it go on.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_delete amphora
    """
    found = flavor_get(name, cloud_name, saltenv)
    if found:
        __salt__["octavia_cloud.delete"]("flavor", found["id"], cloud_name=cloud_name, saltenv=saltenv)


def flavor_access(id, cloud_name=None, saltenv=None):
    """
    Return the ids of the projects that may use a private flavor.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_access 4c7f8c1e-6f0c-4a35-9d55-1f0f5f0e9b11
    """
    answer = _nova("GET", f"/flavors/{id}/os-flavor-access", None, cloud_name, saltenv)
    return [each["tenant_id"] for each in answer["flavor_access"]]


def flavor_grant(id, project, cloud_name=None, saltenv=None):
    """
    Let a project use a private flavor.

    id, project
        Ids of both.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_grant 4c7f8c1e-6f0c-4a35-9d55-1f0f5f0e9b11 0c7c3f0e9f5b4d3b8c5b7b7b6d9f3c11
    """
    body = {"addTenantAccess": {"tenant": project}}
    try:
        _nova("POST", f"/flavors/{id}/action", body, cloud_name, saltenv)
    except CommandExecutionError:
        # the answer may have been lost, and to say it twice is an error
        if project not in flavor_access(id, cloud_name, saltenv):
            raise


def flavor_difference(have, want):
    """
    Return how a flavor differs from the wanted one: ``fixed``, what Nova cannot change, and ``extra_specs``, both as
    ``{field: {"old": value, "new": value}}``. Extra specs that nobody says are left alone.

    have, want
        A flavor as Nova has it; ``ram``, ``vcpus``, ``disk``, ``public`` and ``extra_specs``, or some of them.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_difference '{ram: 512}' '{ram: 1024}'
    """
    fixed = {
        name: {"old": have.get(field), "new": want[name]}
        for name, field in _FIXED.items()
        if name in want and have.get(field) != want[name]
    }
    specs = have.get("extra_specs") or {}
    extra_specs = {
        name: {"old": specs.get(name), "new": value}
        for name, value in _texts(want.get("extra_specs") or {}).items()
        if specs.get(name) != value
    }
    return {"fixed": fixed, "extra_specs": extra_specs}


def flavor_present(name, want, project=None, test=False, key=_FLAVOR, cloud_name=None, saltenv=None):
    """
    Ensure that a flavor exists, has its extra specs and, if it is private, may be used by a project. Returns
    ``changes`` and ``comment`` of a state.

    name
        Its id or name.

    want
        ``ram`` (MiB), ``vcpus``, ``disk`` (GiB), ``public`` and ``extra_specs``. What is left out is not compared, and
        a flavor that is to be made needs the first three.

    project
        Name or id of the project that may use it.

    test
        Change nothing.

    key
        The pillar key that says how large it is.

    Raises CommandExecutionError when it has another size or is public and should not be, or the reverse: Nova cannot
    change that, and amphorae of it run.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_present amphora '{ram: 1024, vcpus: 1, disk: 3}' service test=True
    """
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    have = flavor_get(name, **asked)
    thing = f"flavor {name}"
    changes = {}
    if have:
        difference = flavor_difference(have, want)
        if difference["fixed"]:
            said = ", ".join(f"{field} {each['old']}, not {each['new']}" for field, each in difference["fixed"].items())
            raise CommandExecutionError(
                f"{key}: the flavor {have['name']} has {said}: Nova cannot change a flavor, so say another name"
            )
        if difference["extra_specs"]:
            changes = {thing: _sides({"extra_specs": difference["extra_specs"]})}
    else:
        lacking = [field for field in ("ram", "vcpus", "disk") if field not in want]
        if lacking:
            raise CommandExecutionError(
                f"octavia:manager:controller_worker:amp_flavor_id: there is no flavor {name}; to have it made, say "
                f"{', '.join(lacking)} at {key}"
            )
        changes = {thing: {"old": None, "new": dict(want)}}
    owner = __salt__["octavia_cloud.find"]("project", project, **asked) if project else None
    public = have[_FIXED["public"]] if have else want.get("public", False)
    grant = False
    if project and not public:
        grant = not (have and owner and owner["id"] in flavor_access(have["id"], **asked))
    if grant:
        change = changes.setdefault(thing, {"old": {}, "new": {}})
        change["new"]["access"] = project
        if change["old"] is not None:
            change["old"]["access"] = None
    if changes and not test:
        if grant and not owner:
            raise CommandExecutionError(f"There is no project {project}: apply octavia.resources.identity first")
        if not have:
            have = flavor_create(name, description=MADE, **{"public": False, **want}, **asked)
        elif difference["extra_specs"]:
            flavor_update(have["id"], want["extra_specs"], **asked)
        if grant:
            flavor_grant(have["id"], owner["id"], **asked)
    return {"changes": changes, "comment": _said(thing, changes, test, bool(have))}


# --- key pairs


def keypair_list(user=None, cloud_name=None, saltenv=None):
    """
    Return the key pairs of a user, as a list of dicts.

    user
        Id of the user; who asks by default. Those of others are for administrators.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_list
    """
    return __salt__["octavia_cloud.resources"]("keypair", cloud_name=cloud_name, saltenv=saltenv, user_id=user)


def keypair_get(name, user=None, cloud_name=None, saltenv=None):
    """
    Return a key pair by its name, as a dict, ``None`` where the user has none of that name.

    user
        As for ``keypair_list``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_get octavia_ssh_key
    """
    found = keypair_list(user, cloud_name, saltenv)
    return next((each for each in found if each["name"] == name), None)


def keypair_create(name, public_key, user=None, cloud_name=None, saltenv=None):
    """
    Have Nova know a public key by a name, and return the key pair.

    name, public_key
        The name; the key as in an ``authorized_keys``.

    user
        As for ``keypair_list``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_create octavia_ssh_key "ssh-ed25519 AAAA"
    """
    body = {"name": name, "public_key": public_key, "type": "ssh", **({"user_id": user} if user else {})}
    return __salt__["octavia_cloud.create"]("keypair", body, cloud_name=cloud_name, saltenv=saltenv)


def keypair_delete(name, user=None, cloud_name=None, saltenv=None):
    """
    Have Nova forget a key pair. Servers that have its key keep it; one that is not there is no error.

    user
        As for ``keypair_list``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_delete octavia_ssh_key
    """
    if keypair_get(name, user, cloud_name, saltenv):
        __salt__["octavia_cloud.delete"]("keypair", name, cloud_name=cloud_name, saltenv=saltenv)


def keypair_present(name, want, project=None, test=False, key=_KEYPAIR, cloud_name=None, saltenv=None):
    """
    Ensure that a user has a key pair. Returns ``changes`` and ``comment`` of a state.

    name
        Of the key pair.

    want
        ``public_key``; ``user``, whose it is: a name or an id; ``replace``, whether another key of that name gives way.
        Amphorae that run keep the key with which they were made.

    project
        Not used: a key pair belongs to a user alone.

    test
        Change nothing.

    key
        The pillar key that has ``replace``.

    Raises CommandExecutionError when the user has another key of that name that is not to be replaced.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_present octavia_ssh_key '{public_key: ssh-ed25519 AAAA, user: octavia}'
    """
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    user = __salt__["octavia_cloud.find"]("user", want["user"], **asked)
    if not user and not test:
        raise CommandExecutionError(f"There is no user {want['user']}: apply octavia.resources.identity first")
    have = keypair_get(name, user["id"], **asked) if user else None
    thing, changes = f"keypair {name}", {}
    if not have or not same_key(have["public_key"], want["public_key"]):
        changes = {
            thing: {
                "old": {"public_key": _shown(have["public_key"])} if have else None,
                "new": {"public_key": _shown(want["public_key"])},
            }
        }
    if changes and have and not want.get("replace"):
        raise CommandExecutionError(
            f"{_PRIVATE}: Nova has another key by the name {name} ({have['fingerprint']}): say {key}:replace: true, or "
            "another name at octavia:manager:controller_worker:amp_ssh_key_name"
        )
    if changes and not test:
        if have:
            keypair_delete(name, user["id"], **asked)
        keypair_create(name, want["public_key"], user["id"], **asked)
    return {"changes": changes, "comment": _said(thing, changes, test, bool(have))}


def _shown(public):
    """A public key in a line that somebody can compare."""
    kind, body = public.split()[:2]
    return f"{kind} {body[:12]}…{body[-24:]}"


# --- quotas in the cloud


def quota_get(project, service="compute", cloud_name=None, saltenv=None):
    """
    Return the quotas of a project, as ``{quota: number}``; -1 is without limit.

    project
        Its id.

    service
        ``compute`` or ``volume``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.quota_get 0c7c3f0e9f5b4d3b8c5b7b7b6d9f3c11
    """
    if service == "volume":
        found = _cinder("GET", project, None, cloud_name, saltenv)
    else:
        (found,) = __salt__["octavia_cloud.resources"](
            "compute_quota", cloud_name=cloud_name, saltenv=saltenv, id=project
        )
    return {name: number for name, number in found.items() if isinstance(number, int)}


def quota_update(project, quotas, service="compute", cloud_name=None, saltenv=None):
    """
    Set quotas of a project.

    project, service
        As for ``quota_get``.

    quotas
        ``{quota: number}``.

    Raises CommandExecutionError when the service takes them and has others all the same, as one that has its limits
    from Keystone.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.quota_update 0c7c3f0e9f5b4d3b8c5b7b7b6d9f3c11 '{instances: 110}'
    """
    if service == "volume":
        found = _cinder("PUT", project, quotas, cloud_name, saltenv)
    else:
        found = __salt__["octavia_cloud.update"](
            "compute_quota", project, quotas, cloud_name=cloud_name, saltenv=saltenv
        )
    for name, number in quotas.items():
        if found.get(name, number) != number:
            raise CommandExecutionError(
                f"The quota {name} stays at {found[name]}: the service seems to have its limits from Keystone; set "
                "them there"
            )


def quota_present(name, want, project=None, test=False, kind="compute_quota", cloud_name=None, saltenv=None):
    """
    Ensure that a project has quotas that are large enough. Returns ``changes`` and ``comment`` of a state.

    name
        Of the project, or its id.

    want
        ``{quota: number}``. A larger one stays, unless ``octavia:resources:quotas:exact`` is said, and one without
        limit stays always.

    project
        As name.

    test
        Change nothing.

    kind
        ``compute_quota`` or ``volume_quota``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.quota_present service '{instances: 110}' test=True
    """
    asked = {"cloud_name": cloud_name, "saltenv": saltenv}
    service = kind.removesuffix("_quota")
    owner = __salt__["octavia_cloud.find"]("project", project or name, **asked)
    thing, changes = f"{service} quota {name}", {}
    if owner:
        exact = __salt__["octavia_pillar.values"](saltenv).get("resources:quotas:exact", False)
        difference = raised(quota_get(owner["id"], service, **asked), want, exact)
        if difference:
            changes = {thing: _sides(difference)}
            if not test:
                quota_update(
                    owner["id"], {quota: each["new"] for quota, each in difference.items()}, service, **asked
                )  # fmt: skip
    elif test:
        changes = {thing: {"old": None, "new": dict(want)}}
    else:
        raise CommandExecutionError(f"There is no project {name}: apply octavia.resources.identity first")
    return {"changes": changes, "comment": _said(thing, changes, test, True)}


def _nova(method, path, body, cloud_name, saltenv):
    return __salt__["octavia_cloud.request"](
        "compute", method, path, body=body, cloud_name=cloud_name, microversion=_MICROVERSION, saltenv=saltenv
    )


def _cinder(method, project, quotas, cloud_name, saltenv):
    answer = __salt__["octavia_cloud.request"](
        "block-storage", method, f"/os-quota-sets/{project}", body={"quota_set": quotas} if quotas else None,
        cloud_name=cloud_name, saltenv=saltenv,
    )  # fmt: skip
    return answer["quota_set"]


def _texts(specs):
    """Extra specs as Nova has them: texts, and a truth in the words of Nova."""
    return {
        name: value
        if value is None or isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for name, value in specs.items()
    }


def _sides(difference):
    """``{field: {old, new}}`` the other way round, in depth."""

    def side(tree, name):
        return {
            field: each[name] if set(each) == {"old", "new"} else side(each, name) for field, each in tree.items()
        }  # fmt: skip

    return {"old": side(difference, "old"), "new": side(difference, "new")}


def _said(thing, changes, test, existed):
    if not changes:
        return f"The {thing} is as the pillar says"
    verb = (
        ("changed" if existed else "created") if not test else ("would be changed" if existed else "would be created")
    )
    return f"The {thing} {'was ' if not test else ''}{verb}"
