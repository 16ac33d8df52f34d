"""
New certificates between Octavia's controllers and its amphorae, as ``octavia:certificates:generate`` wants them.

A set of them is a dict of texts by file name, see ``octavia_x509``. Nothing here reads or writes a file of the host.
"""

import re
import secrets

from salt.exceptions import CommandExecutionError

SERVER_CA = "server_ca.cert.pem"
CLIENT_CA, CLIENT_KEY = "client_ca.cert.pem", "client_ca.key.pem"
CLIENT = "client.cert-and-key.pem"


def settings(saltenv=None, fresh=False):
    """
    Return what the pillar says of certificates that are made: ``octavia:certificates:generate``, and ``passphrase`` as
    it is. Meant for other modules.

    fresh
        Make a passphrase where the pillar has none.

    Raises CommandExecutionError where there is none.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_issue.settings
    """
    value, prefix = __salt__["octavia_pillar.values"](saltenv), "certificates:generate:"
    found = {key.removeprefix(prefix): value[key] for key in value if key.startswith(prefix)}
    found["passphrase"] = value.get("manager:certificates:ca_private_key_passphrase")
    if not found["passphrase"] and fresh:
        found["passphrase"] = secrets.token_hex(16)
    if not found["passphrase"]:
        raise CommandExecutionError(
            "octavia:manager:certificates:ca_private_key_passphrase: is not set, and keys of authorities are "
            "encrypted; make one with: openssl rand -hex 16"
        )
    return found


def new_set(settings, number=1):
    """
    Return a new set of certificates.

    settings
        As the function of that name returns them.

    number
        Behind the names of its authorities, so that those that follow one another differ.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_issue.new_set '{key: ec-256, ca_days: 9, client_days: 9, passphrase: fake}'
    """
    made = {**authority("server", settings, number), **authority("client", settings, number)}
    return {**made, CLIENT: client(made, settings)}


def successor(present, settings):
    """
    Return the set of certificates that follows another one.

    present, settings
        The set; as the function of that name returns them.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.successor
    """
    numbers = [
        re.search(r"(?:^|,)CN=[^,]* (\d+)(?:,|$)", __salt__["octavia_x509.facts"](present[name])[0]["subject"])
        for name in (SERVER_CA, CLIENT_CA)
    ]
    return new_set(settings, max(int(found[1]) if found else 1 for found in numbers) + 1)


def authority(which, settings, number=1):
    """
    Return a new authority: its certificate and its encrypted key.

    which
        ``server`` or ``client``.

    settings, number
        As for ``new_set``.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_issue.authority server '{key: ec-256, ca_days: 9, passphrase: fake}'
    """
    made = __salt__["octavia_x509.authority"](
        f"Octavia {which} CA {number}", settings["passphrase"], key=settings["key"], days=settings["ca_days"],
        subject=settings.get("subject"),
    )  # fmt: skip
    return {f"{which}_ca.cert.pem": made["cert"], f"{which}_ca.key.pem": made["key"]}


def client(material, settings):
    """
    Return a new client certificate with its key, signed by the client authority of a set.

    material, settings
        The set; as the function of that name returns them.

    Raises CommandExecutionError as ``octavia_x509.client`` does.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.renew
    """
    return __salt__["octavia_x509.client"](
        cert=material[CLIENT_CA], private=material[CLIENT_KEY], passphrase=settings["passphrase"],
        days=settings["client_days"], **_wanted(settings),
    )  # fmt: skip


def renewed(material, settings):
    """
    Return a set with a client certificate that is not due, which is the set itself as long as its own is not.

    material, settings
        As for ``client``.

    Raises CommandExecutionError as ``octavia_x509.client`` does.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_pki.renew
    """
    wanted, days = _wanted(settings), settings["renew_before_days"]
    if __salt__["octavia_x509.due"](material.get(CLIENT), material[CLIENT_CA], **wanted, renew_before_days=days):
        return {**material, CLIENT: client(material, settings)}
    return material


def _wanted(settings):
    """What a client certificate should say."""
    names = settings.get("client_names", [])
    return {"name": "octavia", "key": settings["key"], "subject": settings.get("subject"), "names": names}
