"""
Whether the keys of a sound pillar fit together, and fit the release of Octavia.

Each function answers ``{"faults": [...], "warnings": [...]}``: lines that name the pillar key, as those of
``octavia_check`` do.
"""

import ipaddress

from salt.exceptions import CommandExecutionError

# Oldest first, as Octavia orders them, and what it takes where nothing is said.
_TLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_TLS_VERSIONS = ["TLSv1.2", "TLSv1.3"]

# Values of a key, and the first Octavia that knows them.
_SINCE = {
    ("manager:jobboard:backend_driver", "etcd_taskflow_driver"): 16,
    ("message_queue:rabbit_transient_queues_ttl", 0): 14,
}


def together(saltenv=None):
    """
    Return what keys say against each other.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_fit.together
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    sections = __salt__["octavia_pillar.sections"](saltenv)
    faults, warnings = [*_logging(value), *_queue(value)], []
    if "api" in sections:
        faults += [*_providers(value), *_tls(value), *_networks(value)]
        if value.get("api:auth_strategy", "keystone") != "keystone":
            warnings.append(f"octavia:api:auth_strategy: is {value['api:auth_strategy']}, so the API lets everybody in")
    if "manager" in sections:
        targets = __salt__["octavia_conf.heartbeat_targets"](saltenv, look_up=False)
        faults += [*_jobboard(value), *_times(value), *_health_managers(value, targets), *_interface(value)]
    if value.get("identity:insecure"):
        warnings.append("octavia:identity:insecure: is true, so whoever answers for Keystone learns the password")
    return {"faults": [f"octavia:{fault}" for fault in faults], "warnings": warnings}


def _logging(value):
    if value.get("logging:syslog_log_facility", "LOG_USER") != "LOG_USER" and not value.get("logging:use_syslog"):
        yield "logging:syslog_log_facility: has no effect unless octavia:logging:use_syslog is true"


def _queue(value):
    quorum = value.get("message_queue:quorum")
    if quorum and value.get("message_queue:rabbit_ha_queues"):
        yield "message_queue:rabbit_ha_queues: is true, and so is octavia:message_queue:quorum; a queue is one or other"
    if value.get("message_queue:rabbit_stream_fanout"):
        if not value.get("message_queue:rabbit_transient_quorum_queue"):
            yield (
                "message_queue:rabbit_stream_fanout: is true and needs "
                "octavia:message_queue:rabbit_transient_quorum_queue: true"
            )
        if value.get("message_queue:rabbit_qos_prefetch_count", 0) <= 0:
            yield (
                "message_queue:rabbit_qos_prefetch_count: must be above 0 where "
                "octavia:message_queue:rabbit_stream_fanout is true"
            )


def _providers(value):
    enabled = value.get("api:enabled_provider_drivers", {"amphora": "", "octavia": ""})
    default = value.get("api:default_provider_driver", "amphora")
    if default not in enabled:
        yield f"api:default_provider_driver: is {default!r}, must be one of {', '.join(enabled)}"
    for name in ("ovn_nb_connection", "ovn_sb_connection"):
        if "ovn" in enabled and not value.get(f"ovn:{name}"):
            yield f"ovn:{name}: is not set, and octavia:api:enabled_provider_drivers names ovn"


def _tls(value):
    lowest = value.get("api:tls:minimum_tls_version")
    for user in ("listener", "pool"):
        versions = value.get(f"api:tls:default_{user}_tls_versions", _TLS_VERSIONS)
        low = [name for name in versions if lowest and _TLS.index(name) < _TLS.index(lowest)]
        if low:
            yield (
                f"api:tls:default_{user}_tls_versions: holds {', '.join(low)}, below the "
                f"octavia:api:tls:minimum_tls_version of {lowest}"
            )
        prohibited = set(str(value.get("api:tls:tls_cipher_prohibit_list", "")).split(":"))
        named = str(value.get(f"api:tls:default_{user}_ciphers", "")).split(":")
        bad = [name for name in named if name and name in prohibited]
        if bad:
            yield (
                f"api:tls:default_{user}_ciphers: holds {', '.join(bad)}, which "
                "octavia:api:tls:tls_cipher_prohibit_list prohibits"
            )


def _networks(value):
    both = [
        str(network)
        for network in value.get("networking:valid_vip_networks", [])
        if network in value.get("networking:denylist_vip_networks", [])
    ]
    if both:
        yield f"networking:denylist_vip_networks: holds {', '.join(both)}, which valid_vip_networks beside it holds too"


def _jobboard(value):
    if not value.get("manager:jobboard:enabled"):
        return
    for name in ("backend_hosts", "persistence_connection"):
        if not value.get(f"manager:jobboard:{name}"):
            yield f"manager:jobboard:{name}: is not set, and octavia:manager:jobboard:enabled needs it"


def _times(value):
    beat = value.get("manager:health_manager:heartbeat_interval", 10)
    if value.get("manager:health_manager:heartbeat_timeout", 60) <= beat:
        yield (
            f"manager:health_manager:heartbeat_timeout: must be above the {beat} s of "
            "octavia:manager:health_manager:heartbeat_interval, else every amphora fails over"
        )
    valid = value.get("certificates:cert_validity_time", 30 * 24 * 3600)
    if value.get("manager:house_keeping:cert_expiry_buffer", 14 * 24 * 3600) >= valid:
        yield (
            f"manager:house_keeping:cert_expiry_buffer: must be below the {valid} s of "
            "octavia:certificates:cert_validity_time, else every certificate is rotated all the time"
        )


def _interface(value):
    if not value.get("manager:interface:enabled"):
        return
    said = value.get("manager:interface:address")
    address = said and ipaddress.ip_address(said)
    bind = value.get("manager:health_manager:bind_ip")
    bind = bind and ipaddress.ip_address(bind)
    if address and bind and not bind.is_unspecified and bind != address:
        yield (
            f"manager:health_manager:bind_ip: is {bind}, and octavia:manager:interface:address is {address}; leave one "
            "of them out"
        )
    for route in value.get("manager:interface:routes", ()):
        network, _, gateway = str(route).partition(" via ")
        try:
            to = ipaddress.ip_network(network)
            through = gateway and ipaddress.ip_address(gateway)
        except ValueError:
            yield f"manager:interface:routes: has {route!r}, must be a network, or '<network> via <address>'"
            continue
        if not to.prefixlen:
            yield f"manager:interface:routes: has {network}, and a default route does not belong on this interface"
        elif through and through.version != to.version:
            yield f"manager:interface:routes: has {route!r}, where one is IPv4 and the other IPv6"


def _health_managers(value, targets):
    count, seen = value.get("manager:health_manager:controllers"), set()
    listed = "manager:health_manager:controller_ip_port_list" in value
    if listed and count not in (None, len(targets)):
        yield (
            f"manager:health_manager:controllers: is {count}, and octavia:manager:health_manager:"
            f"controller_ip_port_list holds {len(targets)}"
        )
    for target in targets:
        address, _, port = target.rpartition(":")
        one = ipaddress.ip_address(address), port
        if one in seen:
            yield f"manager:health_manager:controller_ip_port_list: holds {target} twice"
        seen.add(one)


# --- the release -----------------------------------------------------------------------------------------------------


def release(saltenv=None, ask=False):
    """
    Return what the release of this host has no use for: keys of an option that it does not have (warnings), and values
    that only other releases understand (faults). Without a known release there is nothing to say.

    ask
        Ask the package source for the release where Octavia is not installed.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_fit.release
    """
    found = {"faults": [], "warnings": []}
    if not ask and not __salt__["octavia_release.installed"](saltenv):
        return found
    try:
        facts = __salt__["octavia_release.facts"](saltenv)
    except CommandExecutionError:
        return found
    major, here = facts["octavia"], f"Octavia {facts['version']}"
    said = __salt__["octavia_pillar.said"](saltenv)
    keys = __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"]
    for key, places in said.items():
        spec = keys[key]
        if "option" in spec and not __salt__["octavia_pillar.options"](spec, major):
            found["warnings"] += [f"{place}: has no effect, {here} has no such option" for place, _value in places]
    place, phrases = said.get("certificates:server_certs_key_passphrase", [(None, None)])[0]
    if isinstance(phrases, list) and len(phrases) > 1 and major < 17:
        found["faults"].append(f"{place}: holds {len(phrases)}, but {here} knows one only")
    for (key, value), since in _SINCE.items():
        for place, answer in said.get(key, ())[:1]:
            if answer == value and major < since:
                found["faults"].append(f"{place}: is {value}, which Octavia {since} and later know, but not {here}")
    return found
