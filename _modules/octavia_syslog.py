"""
The receiver of what amphorae log, on a host with a health manager: rsyslog, at the address where heartbeats arrive.
"""

from salt.exceptions import CommandExecutionError


def receiver(saltenv=None):
    """
    Return where this host receives logs and what becomes of them: ``protocol``, ``address``, ``port``, ``directory``,
    ``days``, and ``facility``, the number of the one that tells of users' connections.

    Raises CommandExecutionError when nobody knows the address.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_syslog.receiver
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    options = __salt__["octavia_conf.options"](saltenv, look_up=True)
    address = options.get("health_manager", {}).get("bind_ip", "")
    # in a dry run a remark stands for what the real run will know
    if not address.startswith("(") and not __salt__["octavia_pillar.is_address"](address):
        raise CommandExecutionError(
            f"octavia:manager:health_manager:bind_ip: is {address or 'not set'}; octavia:manager:syslog receives logs "
            "in the management network alone, and needs this host's address there"
        )
    return {
        "protocol": value.get("manager:amphora_agent:log_protocol", "UDP").lower(),
        "address": address,
        "port": value["manager:syslog:port"],
        "directory": value["manager:syslog:directory"].rstrip("/"),
        "days": value["manager:syslog:days"],
        # local0 is 16
        "facility": 16 + value.get("manager:amphora_agent:user_log_facility", 0),
    }
