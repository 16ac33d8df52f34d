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

_FLAVOR = "octavia:resources:compute:flavor"
_KEYPAIR = "octavia:resources:compute:keypair"
_PUBLIC = "os-flavor-access:is_public"

# Nova's, for who may use a flavor.
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
    ``octavia_resources``: ``kind``, ``name``, ``want``, ``project`` and ``key``. The fields of ``want`` are those of
    the API; an entry that has ``function`` is seen to by that one, and taken away by that of ``gone``.

    Raises CommandExecutionError when the pillar's private key is none that OpenSSH knows.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.wanted
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    project = value["identity:tenant"]
    exact = value["resources:quotas:exact"]
    found = [_flavor(value, saltenv)]
    for service, quotas in __salt__["octavia_compute.quotas"](saltenv=saltenv).items():
        if service == "network":
            continue
        want = {name: each["needed"] if exact else {"at_least": each["needed"]} for name, each in quotas.items()}
        found.append(_entry(f"{service}_quota", project, want, None, "octavia:resources:load_balancers"))
    # without a private key the key pair is somebody else's
    if value.get("manager:ssh:private_key") and __salt__["octavia_pillar.has_ssh"](saltenv):
        want = {
            "public_key": public_key(saltenv=saltenv),
            "user": value["identity:user"],
            "replace": value["resources:compute:keypair:replace"],
        }
        entry = _entry("keypair", key_name(saltenv), want, None, _KEYPAIR)
        entry.update(function="octavia_compute.keypair_present", gone="octavia_compute.keypair_absent")
        found.append(entry)
    return found


def _entry(kind, name, want, project, key):
    return {"kind": kind, "name": name, "want": want, "project": project, "key": key}


def _flavor(value, saltenv):
    """
    Octavia takes a flavor by its id: where the pillar says one, that is meant, and compared with what the pillar itself
    says of it, not with our defaults.
    """
    prefix = "resources:compute:flavor:"
    theirs = value.get("manager:controller_worker:amp_flavor_id")
    said = __salt__["octavia_pillar.said"](saltenv)
    want = {
        field: value[prefix + name]
        for name, field in (("ram", "ram"), ("vcpus", "vcpus"), ("disk", "disk"), ("public", _PUBLIC))
        if not theirs or prefix + name in said
    }
    specs = value.get(f"{prefix}extra_specs")
    if specs:
        want["extra_specs"] = {name: _text(each) for name, each in specs.items()}
    entry = _entry("flavor", theirs or value[f"{prefix}name"], want, value["identity:tenant"], _FLAVOR)
    return {**entry, "function": "octavia_compute.flavor_present"}


def _text(value):
    """An extra spec as Nova has it."""
    return value if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def key_name(saltenv=None):
    """
    Return the name of the key pair that amphorae get, ``None`` where the pillar neither names one nor has a private
    key.

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
    # who makes resources need not be a controller
    options = __salt__["octavia_conf.options"](saltenv, everywhere=True)
    worker, nova = options.get("controller_worker", {}), options.get("nova", {})
    volumes = "noop" not in str(worker.get("volume_driver", "noop"))
    return needed(
        load_balancers or value["resources:load_balancers"],
        topology or worker.get("loadbalancer_topology", "SINGLE"),
        {name: value[f"resources:compute:flavor:{name}"] for name in ("ram", "vcpus")},
        listeners=value["resources:quotas:listeners"],
        networks=value["resources:quotas:networks"],
        spare=value.get("resources:quotas:spare"),
        anti_affinity=str(nova.get("enable_anti_affinity", False)).lower() == "true",
        # Octavia's own default
        volume_size=int(options.get("cinder", {}).get("volume_size", 16)) if volumes else None,
    )


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
    return __salt__["octavia_cloud.resources"]("flavor", cloud_name, saltenv)


def flavor_get(name, cloud_name=None, saltenv=None):
    """
    Return the flavor of an id or a name, as a dict, ``None`` where there is none.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_get amphora
    """
    # an id of a flavor may be any text, and no two have the same one, nor the same name
    found = flavor_list(cloud_name, saltenv)
    return next((each for field in ("id", "name") for each in found if each.get(field) == str(name)), None)


def flavor_create(name, ram, vcpus, disk, public=False, extra_specs=None, cloud_name=None, saltenv=None):
    """
    Make a flavor and return it.

    name, ram, vcpus, disk, public, extra_specs
        As Nova has them: ram in MiB, disk in GiB.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_create amphora 1024 1 3
    """
    body = {"name": name, "ram": ram, "vcpus": vcpus, "disk": disk, _PUBLIC: public}
    if extra_specs:
        body["extra_specs"] = {spec: _text(value) for spec, value in extra_specs.items()}
    return __salt__["octavia_cloud.create"]("flavor", body, cloud_name=cloud_name, saltenv=saltenv)


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
    try:
        body = {"addTenantAccess": {"tenant": project}}
        _nova("POST", f"/flavors/{id}/action", body, cloud_name, saltenv)
    except CommandExecutionError:
        # to say it twice is an error, and the answer of the first time may have been lost
        if project not in flavor_access(id, cloud_name, saltenv):
            raise


def _nova(method, path, body, cloud_name, saltenv):
    return __salt__["octavia_cloud.request"]("compute", method, path, body, cloud_name, _MICROVERSION, saltenv)


def flavor_present(name, want, project=None, key=None, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that a flavor exists, and that a project may use it if it is private. Returns the same as
    ``octavia_ensure.present``.

    name
        Its id or name.

    want
        Fields as Nova has them. What is left out is not compared; one that is to be made needs ``ram``, ``vcpus`` and
        ``disk``.

    project
        Name or id of the project.

    key, test
        As for ``octavia_ensure.present``.

    Raises CommandExecutionError when it has another size: Nova cannot change that.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.flavor_present amphora '{ram: 1024, vcpus: 1, disk: 3}' service test=True
    """
    test = __opts__["test"] if test is None else test
    have = flavor_get(name, cloud_name, saltenv)
    lacking = [field for field in ("ram", "vcpus", "disk") if field not in want]
    if lacking and not have:
        raise CommandExecutionError(
            f"octavia:manager:controller_worker:amp_flavor_id: Nova has no flavor {name}; leave it out, and one is made"
        )
    made = __salt__["octavia_ensure.present"](
        "flavor", have["name"] if have else name, want, initial={"description": __salt__["octavia_ensure.mark"]()},
        key=key, test=test, cloud_name=cloud_name, saltenv=saltenv,
    )  # fmt: skip
    public = have[_PUBLIC] if have else want.get(_PUBLIC, True)
    if not project or public:
        return made
    owner = __salt__["octavia_cloud.find"]("project", project, cloud_name=cloud_name, saltenv=saltenv)
    if have and owner and owner["id"] in flavor_access(have["id"], cloud_name, saltenv):
        return made
    if not test:
        if not owner:
            raise CommandExecutionError(f"There is no project {project}: apply octavia.resources.identity first")
        flavor_grant(made["id"], owner["id"], cloud_name, saltenv)
    label = f"flavor {have['name'] if have else name}"
    change = made["changes"].get(label, {"old": {}, "new": {}})
    change = {
        "old": change["old"] if change["old"] is None else {**change["old"], "access": None},
        "new": {**change["new"], "access": project},
    }
    if have:
        line = f"project {project} {'would get' if test else 'has got'} access to {label}"
        made["comment"] = f"{made['comment']}, {line}" if made["changes"] else line
    return {**made, "changes": {label: change}}


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
    return __salt__["octavia_cloud.resources"]("keypair", cloud_name, saltenv, user_id=user)


def keypair_get(name, user=None, cloud_name=None, saltenv=None):
    """
    Return a key pair by its name, as a dict, ``None`` where the user has none of that name.

    user
        As for ``keypair_list``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_get octavia_ssh_key
    """
    return next((each for each in keypair_list(user, cloud_name, saltenv) if each["name"] == name), None)


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
    Have Nova forget a key pair. Servers that were made with it keep the key; one that is not there is no error.

    user
        As for ``keypair_list``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_delete octavia_ssh_key
    """
    if keypair_get(name, user, cloud_name, saltenv):
        __salt__["octavia_cloud.delete"]("keypair", name, cloud_name, saltenv)


def keypair_present(name, want, project=None, key=None, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that a user has a key pair. Returns the same as ``octavia_ensure.present``.

    name
        Of the key pair.

    want
        ``public_key``; ``user``, whose it is: a name or an id; ``replace``, whether another key of that name gives way.
        Amphorae that run keep the key with which they were made.

    project
        Not used: a key pair belongs to a user alone.

    key, test
        As for ``octavia_ensure.present``.

    Raises CommandExecutionError when the user has another key of that name, and it is not to be replaced.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_present octavia_ssh_key '{public_key: ssh-ed25519 AAAA, user: octavia}'
    """
    test = __opts__["test"] if test is None else test
    user = __salt__["octavia_cloud.find"]("user", want["user"], cloud_name=cloud_name, saltenv=saltenv)
    if not user and not test:
        raise CommandExecutionError(f"There is no user {want['user']}: apply octavia.resources.identity first")
    have = keypair_get(name, user["id"], cloud_name, saltenv) if user else None
    label = f"keypair {name}"
    if have and same_key(have["public_key"], want["public_key"]):
        return {"changes": {}, "comment": f"{label} is as it should be", "id": name}
    if have and not want.get("replace"):
        raise CommandExecutionError(
            f"{_PRIVATE}: Nova has another key called {name} ({have['fingerprint']}): set {key or _KEYPAIR}:replace, "
            "or say another name at octavia:manager:controller_worker:amp_ssh_key_name"
        )
    if not test:
        if have:
            keypair_delete(name, user["id"], cloud_name, saltenv)
        keypair_create(name, want["public_key"], user["id"], cloud_name, saltenv)
    change = {
        "old": {"public_key": have["public_key"].strip()} if have else None,
        "new": {"public_key": want["public_key"]},
    }
    verb = ("would be " if test else "") + ("replaced" if have else "made")
    return {"changes": {label: change}, "comment": f"{label} {verb}", "id": name}


def keypair_absent(name, want=None, kind=None, project=None, marked=False, test=None, cloud_name=None, saltenv=None):
    """
    Ensure that a user has no key pair of that name. Returns the same as ``octavia_ensure.present``.

    name, want
        As for ``keypair_present``.

    kind, project
        Not used.

    marked
        Leave one that has another key.

    test
        As for ``octavia_ensure.present``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_compute.keypair_absent octavia_ssh_key '{user: octavia}' test=True
    """
    test = __opts__["test"] if test is None else test
    label = f"keypair {name}"
    user = __salt__["octavia_cloud.find"]("user", want["user"], cloud_name=cloud_name, saltenv=saltenv)
    have = keypair_get(name, user["id"], cloud_name, saltenv) if user else None
    if not have:
        return {"changes": {}, "comment": f"{label} is not there", "id": None}
    if marked and not same_key(have["public_key"], want["public_key"]):
        return {"changes": {}, "comment": f"{label} has another key and stays", "id": name}
    if not test:
        keypair_delete(name, user["id"], cloud_name, saltenv)
    changes = {label: {"old": {"public_key": have["public_key"].strip()}, "new": None}}
    return {"changes": changes, "comment": f"{label} {'would be deleted' if test else 'deleted'}", "id": None}
