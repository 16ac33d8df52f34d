"""
OpenStack's APIs, asked as Octavia's service user: with the credentials that octavia.conf has in [service_auth].

The requests run in the host's Python (``octavia/host/cloud.py``), with one session and one token for a Salt run.
"""

from salt.exceptions import CommandExecutionError

# Seconds for all requests of one question together.
_PATIENCE = 120


def amphorae(saltenv=None):
    """
    Return all amphorae, as a list of dicts: ``id``, ``status``, ``role``, ``lb_network_ip``, ``loadbalancer_id``,
    ``cert_expiration``, ``cert_busy`` and ``created_at``. Times are ISO 8601 in UTC.

    Raises CommandExecutionError, in one line that names the pillar key, when Keystone or the API does not answer.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.amphorae
    """
    return _ask("amphorae", saltenv)


def configure_amphora(amphora, saltenv=None):
    """
    Have a worker send an amphora the agent configuration of today: heartbeat key and interval, addresses of health
    managers. The API takes the order and does not say what becomes of it.

    amphora
        Its id.

    Raises CommandExecutionError, in one line that names the pillar key, when Keystone or the API does not answer or
    refuses.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_cloud.configure_amphora 45f40289-0551-483a-b089-47214bc2a8a4
    """
    _ask("configure_amphora", saltenv, amphora=amphora)


def _ask(function, saltenv, **kwargs):
    login = _login(saltenv)
    try:
        return __salt__["octavia_host.call"](
            "cloud", function, timeout=_PATIENCE, saltenv=saltenv, login=login, **kwargs
        )
    except CommandExecutionError as exc:
        line = str(exc).removeprefix("CloudError: ")
        if line == str(exc):
            raise
        raise CommandExecutionError(line) from exc


def _login(saltenv):
    value = __salt__["octavia_pillar.values"](saltenv)
    missing = [f"octavia:{key}" for key in ("identity:host", "identity:password") if not value.get(key)]
    if missing:
        raise CommandExecutionError(f"Not set in the pillar: {', '.join(missing)}")
    return {
        "options": __salt__["octavia_conf.options"](saltenv, mask=False)["service_auth"],
        "region": value["identity:region"],
        "interface": value["identity:endpoint_type"].removesuffix("URL"),
    }
