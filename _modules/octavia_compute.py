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
