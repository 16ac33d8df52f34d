"""
The certificate with which this host's API answers: is it good for that.
"""

import os

from salt.exceptions import CommandExecutionError


def faults(saltenv=None):
    """
    Return what is wrong with the certificate and the key of ``octavia:api:ssl``, as lines that name the pillar key.
    There are none where both are good, or this host's API has no TLS.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_tls.faults
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if not value["api:ssl:enabled"] or "api" not in __salt__["octavia_pillar.roles"](saltenv):
        return []
    user = __salt__["octavia_pillar.settings"](saltenv)["user"]
    texts, places, found = {}, {}, []
    for name in ("cert", "key"):
        key = f"api:ssl:{name}"
        if f"{key}_text" in value:
            texts[name], places[name] = value[f"{key}_text"], f"octavia:{key}_text:"
            continue
        places[name] = f"octavia:{key}: {value[key]}"
        try:
            texts[name] = __salt__["octavia_x509.read"](value[key], user)
            if name == "key" and os.stat(value[key]).st_mode & 0o007:
                found.append(f"{places[name]} is open to everybody, and it holds a private key")
        except CommandExecutionError as exc:
            found.append(f"{places[name]} {exc}")
    return found or [f"{places[name]} {what}" for name, what in __salt__["octavia_x509.server_faults"](**texts)]
