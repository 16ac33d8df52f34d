"""
What is wrong with the values of an octavia.conf whose names and types are right: plugins that are not installed,
files, certificates and keys, and what Octavia or a library refuses at its start.

Each function takes the ``Gate``: ``gate.values`` has what the text sets, ``gate.get`` gives defaults too, and
``gate.files`` reads files.
"""

import collections
import contextlib
import functools
import importlib.util
import ipaddress
import logging
import re
from logging import handlers

pem = load("pem")  # noqa: F821 the worker gives its load() to what it loads
registry = load("registry")  # noqa: F821
texts = load("texts")  # noqa: F821

# option -> the entry points that its value, or each of its values, names
PLUGINS = {
    "DEFAULT/octavia_plugins": "octavia.plugins",
    "amphora_agent/amphora_udp_driver": "octavia.amphora.udp_api_server",
    "api_settings/default_provider_driver": "octavia.api.drivers",
    "api_settings/enabled_provider_drivers": "octavia.api.drivers",
    "audit_middleware_notifications/driver": "oslo.messaging.notify.drivers",
    "certificates/barbican_auth": "octavia.barbican_auth",
    "certificates/cert_generator": "octavia.cert_generator",
    "certificates/cert_manager": "octavia.cert_manager",
    "controller_worker/amphora_driver": "octavia.amphora.drivers",
    "controller_worker/compute_driver": "octavia.compute.drivers",
    "controller_worker/distributor_driver": "octavia.distributor.drivers",
    "controller_worker/image_driver": "octavia.image.drivers",
    "controller_worker/network_driver": "octavia.network.drivers",
    "controller_worker/statistics_drivers": "octavia.statistics.drivers",
    "controller_worker/volume_driver": "octavia.volume.drivers",
    "driver_agent/enabled_provider_agents": "octavia.driver_agent.provider_agents",
    "healthcheck/backends": "oslo.middleware.healthcheck",
    "keystone_authtoken/auth_type": "keystoneauth1.plugin",
    "neutron/auth_type": "keystoneauth1.plugin",
    "oslo_messaging_notifications/driver": "oslo.messaging.notify.drivers",
    "service_auth/auth_type": "keystoneauth1.plugin",
    "task_flow/jobboard_backend_driver": "octavia.worker.jobboard_driver",
}
# The library that a driver of the jobboard needs, which Octavia only suggests.
JOBBOARD_LIBRARIES = {
    "etcd_taskflow_driver": "etcd3gw",
    "redis_taskflow_driver": "redis",
    "zookeeper_taskflow_driver": "kazoo",
}
QUEUE = "rabbit://user:password@host:port/virtual_host"
TARGET = "address:port, an IPv6 address without brackets"
DATABASE = "mysql+pymysql://user:password@host:port/database"

# section: certificate authorities, certificate, key, passphrase of the key. Those of the amphora agent lie in
# the amphora.
TLS = (
    ("barbican", "cafile", "certfile", "keyfile", None),
    ("barbican", "verify_ssl_path", None, None, None),
    ("barbican_service_user", "cafile", "certfile", "keyfile", None),
    ("cache", "tls_cafile", "tls_certfile", "tls_keyfile", None),
    ("certificates", None, "ca_certificate", "ca_private_key", "ca_private_key_passphrase"),
    ("certificates", "ca_certificates_file", None, None, None),
    ("cinder", "ca_certificates_file", None, None, None),
    ("controller_worker", "client_ca", None, None, None),
    ("glance", "ca_certificates_file", None, None, None),
    ("haproxy_amphora", "server_ca", "client_cert", "client_cert", None),
    ("keystone_authtoken", "cafile", "certfile", "keyfile", None),
    ("keystone_authtoken", "memcache_tls_cafile", "memcache_tls_certfile", "memcache_tls_keyfile", None),
    ("neutron", "ca_certificates_file", None, None, None),
    ("neutron", "cafile", "certfile", "keyfile", None),
    ("nova", "ca_certificates_file", None, None, None),
    ("oslo_messaging_amqp", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_key_password"),
    ("oslo_messaging_kafka", "ssl_cafile", "ssl_client_cert_file", "ssl_client_key_file", "ssl_client_key_password"),
    ("oslo_messaging_rabbit", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", None),
    (
        "oslo_policy",
        "remote_ssl_ca_crt_file",
        "remote_ssl_client_crt_file",
        "remote_ssl_client_key_file",
        None,
    ),
    ("ovn", "ovn_nb_ca_cert", "ovn_nb_certificate", "ovn_nb_private_key", None),
    ("ovn", "ovn_sb_ca_cert", "ovn_sb_certificate", "ovn_sb_private_key", None),
    ("service_auth", "cafile", "certfile", "keyfile", None),
    ("vault", "ssl_ca_crt_file", None, None, None),
)
# The same inside of options that are dicts.
TLS_DICTS = {
    "task_flow/jobboard_etcd_ssl_options": ("ca_cert", "cert_cert", "cert_key", None),
    "task_flow/jobboard_redis_backend_ssl_options": ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", None),
    "task_flow/jobboard_redis_sentinel_ssl_options": ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", None),
    "task_flow/jobboard_zookeeper_ssl_options": ("ca", "certfile", "keyfile", "keyfile_password"),
}
FILES = (
    "DEFAULT/log_config_append",
    "vault/token_file",
)
LOG_FORMATS = (
    "DEFAULT/instance_format",
    "DEFAULT/instance_uuid_format",
    "DEFAULT/logging_context_format_string",
    "DEFAULT/logging_debug_format_suffix",
    "DEFAULT/logging_default_format_string",
    "DEFAULT/logging_exception_prefix",
    "DEFAULT/logging_user_identity_format",
)


def judge(gate, user, contents):
    """Run all of them; ``user`` and ``contents`` as ``gate.check`` has them."""
    gate.files = pem.Files(user, contents)
    for each in (
        published,
        plugins,
        providers,
        jobboard,
        queues,
        databases,
        named_files,
        named_texts,
        health_managers,
        log_targets,
        certificates,
        amphora_certificates,
        tls,
        libraries,
        log,
    ):
        try:
            each(gate)
        except Exception as exc:  # noqa: BLE001 the other checks go on, and no message of a library is shown
            what = f"the check of {each.__name__.replace('_', ' ')} ended with {type(exc).__name__}"
            gate.add("DEFAULT", what, level="warning")


def published(gate):
    for option, value in gate.values.items():
        default = gate.opts[option].default
        if default and gate.secret(option) and value in (default, [default]):
            gate.add(option, "is the default that Octavia's source shows to everybody", "a secret of your own")


# -- plugins --------------------------------------------------------------------------------------------


def plugins(gate):
    for option in PLUGINS.keys() & gate.values.keys():
        value, installed = gate.values[option], registry.plugins(PLUGINS[option])
        for name in filter(None, [value] if isinstance(value, str) else value or ()):
            if name not in installed:
                gate.add(option, f"{gate.shown(option, name)} is not installed", _one_of(installed))


def providers(gate):
    enabled, option = gate.get("api_settings/enabled_provider_drivers"), "api_settings/default_provider_driver"
    default = gate.get(option)
    if enabled and default and default not in enabled:
        gate.lines.setdefault(option, gate.lines.get("api_settings/enabled_provider_drivers", 0))
        gate.add(option, f"{gate.shown(option, default)} is not in enabled_provider_drivers", _one_of(enabled))


def jobboard(gate):
    option = "task_flow/jobboard_backend_driver"
    library = JOBBOARD_LIBRARIES.get(gate.get(option))
    if gate.get("task_flow/jobboard_enabled") and library and not importlib.util.find_spec(library):
        gate.lines.setdefault(option, gate.lines.get("task_flow/jobboard_enabled", 0))
        gate.add(option, f"needs the Python library {library}, which is not installed")


def queues(gate):
    for option in ("DEFAULT/transport_url", "oslo_messaging_notifications/transport_url"):
        if gate.values.get(option):
            _queue(gate, option, gate.values[option])


def _queue(gate, option, url):
    installed = registry.plugins("oslo.messaging.drivers")
    driver = re.match(r"([\w+-]+)://", url)
    if driver and driver[1].split("+")[0] not in installed:
        gate.add(option, f'the driver "{driver[1]}" is not installed', _one_of(installed))
        return
    import oslo_messaging
    from oslo_config import cfg

    try:
        parsed = oslo_messaging.TransportURL.parse(cfg.CONF, url)
        sound = driver and (parsed.hosts or driver[1] in ("fake", "kombu+memory"))
    except Exception:  # noqa: BLE001 its message holds the URL
        sound = False
    if not sound:
        gate.add(option, "is not the URL of a message queue", QUEUE)


def databases(gate):
    for option in ("database/connection", "database/slave_connection", "task_flow/persistence_connection"):
        if gate.values.get(option):
            _database(gate, option, gate.values[option])


def _database(gate, option, text):
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import NoSuchModuleError

    try:
        url = make_url(text)
        dialect = url.get_dialect()
        # The name of the second is that of SQLAlchemy 1.4.
        (getattr(dialect, "import_dbapi", None) or dialect.dbapi)()
    except NoSuchModuleError:
        gate.add(option, "names a database that SQLAlchemy does not know", DATABASE)
    except ImportError as error:
        gate.add(option, f"needs the Python library {error.name}, which is not installed", DATABASE)
    except Exception:  # noqa: BLE001 its message holds the URL
        gate.add(option, "is not the URL of a database", DATABASE)
    else:
        paths = [url.query.get(name) for name in ("ssl_ca", "ssl_cert", "ssl_key")]
        _trio(gate, [(option, path if isinstance(path, str) else None) for path in paths])


# -- files ----------------------------------------------------------------------------------------------


def named_files(gate):
    named = [*FILES]
    # Without its file oslo.policy keeps to the defaults; a relative name is looked for in several directories.
    if str(gate.values.get("oslo_policy/policy_file") or "").startswith("/"):
        named.append("oslo_policy/policy_file")
    for option in named:
        if gate.values.get(option):
            _read(gate, option, gate.values[option])


def named_texts(gate):
    for option, parse in texts.PARSERS.items():
        path = gate.values.get(option)
        if option == "audit/audit_map_file":
            # Nobody reads it else, and where nothing is said the default is read.
            path = gate.get(option) if gate.get("audit/enabled") else None
            _place(gate, option, "audit/enabled")
        data = _read(gate, option, path) if path else None
        if data is not None:
            _parsed(gate, functools.partial(parse, gate.files, path), option, path, data)


def certificates(gate):
    for section, *names in TLS:
        authorities, certificate, key, passphrase = (
            (f"{section}/{name}", gate.values.get(f"{section}/{name}")) if name else (None, None) for name in names
        )
        # A passphrase that the checks refused cannot open a key either.
        if passphrase[0] not in gate.broken:
            _trio(gate, (authorities, certificate, key), passphrase[1])
    for option, names in TLS_DICTS.items():
        value = gate.values.get(option) or {}
        paths = [value.get(name) if name and value.get(name) != "None" else None for name in names]
        _trio(gate, [(option, path) for path in paths[:3]], paths[3])


def _trio(gate, options, passphrase=None):
    """Certificate authorities, a certificate, its key: ``(option, path)`` each, None where one is not set."""
    authorities, certificate, key = (
        (option, path, _read(gate, option, path)) if path else (option, None, None) for option, path in options
    )
    if authorities[2] is not None:
        _parsed(gate, pem.authorities, *authorities)
    found = _parsed(gate, pem.certificates, *certificate) if certificate[2] is not None else None
    private = _parsed(gate, pem.key, *key, passphrase) if key[2] is not None else None
    if not found:
        return
    authority = certificate[0] == "certificates/ca_certificate"
    level = "fault" if authority else "warning"
    if pem.expired(found[0]):
        _blame(gate, *certificate[:2], f"holds a certificate that expired on {pem.expired(found[0])}", level)
    if pem.early(found[0]):
        what = f"holds a certificate that is not valid before {pem.early(found[0])}"
        _blame(gate, *certificate[:2], what, level, passes=True)
    if authority and not pem.is_authority(found[0]):
        _blame(gate, *certificate[:2], "holds a certificate that is not one of a certificate authority")
    if private and not pem.belong(found[0], private):
        where = key[0].split("/")[1] if key[0] != certificate[0] else "key beside it"
        _blame(gate, *certificate[:2], f"holds a certificate that does not match its key ({where})")


def amphora_certificates(gate):
    """An amphora accepts us when our client certificate is signed by the authorities that it was given."""
    option, authorities = "haproxy_amphora/client_cert", "controller_worker/client_ca"
    if not all(gate.values.get(each) and each not in gate.broken for each in (option, authorities)):
        return
    try:
        chain = pem.certificates(gate.files.read(gate.values[option]))
        known = pem.certificates(gate.files.read(gate.values[authorities]))
    except pem.Bad:
        return
    if not any(pem.issued_by(each, known) for each in chain):
        _blame(gate, option, gate.values[option], "holds a certificate that none of client_ca has signed")


def _read(gate, option, path):
    try:
        return gate.files.read(path)
    except pem.Bad as bad:
        _blame(gate, option, path, bad)


def _parsed(gate, parse, option, path, data, *more):
    try:
        return parse(data, *more)
    except pem.Bad as bad:
        _blame(gate, option, path, bad)


def _blame(gate, option, path, what, level="fault", **more):
    # A path inside of a URL or dict is no secret, though the option is.
    shown = gate.shown(option, path) if gate.values.get(option, path) == path else gate.masked(path)
    gate.add(option, f"{shown} {what}", level=level, **more)


# -- what amphorae refuse, or cannot reach --------------------------------------------------------------


def health_managers(gate):
    """Amphorae split each entry at its last colon; one that they cannot use ends all heartbeats, or hides the rest."""
    option = "health_manager/controller_ip_port_list"
    seen = set()
    for entry in gate.values.get(option) or ():
        shown = gate.shown(option, entry)
        host, _, port = entry.rpartition(":")
        address = _address(host)
        target = address, int(port) if re.fullmatch("[0-9]{1,5}", port) else None
        if not address and not _address(entry):
            what = "has brackets" if host.startswith("[") else "has no IP address, and an amphora may know no names"
            gate.add(option, f"{shown} {what}", TARGET)
        elif not address or not 1 <= (target[1] or 0) <= 65535:
            gate.add(option, f"{shown} has no port", TARGET)
        elif address.is_unspecified:
            gate.add(option, f"{shown} is no address that an amphora can send to", TARGET)
        elif target in seen:
            gate.add(option, f"{shown} is there twice", "each health manager once")
        seen.add(target)


def _address(text):
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(text)


def log_targets(gate):
    """They are split when an amphora is built, which fails without a port."""
    for name in ("admin", "tenant"):
        option = f"amphora_agent/{name}_log_targets"
        for entry in gate.values.get(option) or ():
            if not re.fullmatch(".+:[0-9]+", entry):
                gate.add(option, f"{gate.shown(option, entry)} has no port", "host:port, separated by commas")


# -- what Octavia and the libraries refuse ----------------------------------------------------------------


def tls(gate):
    """What octavia.common.config.init() and the API refuse."""
    from octavia.common import validate
    from octavia.common.exceptions import ValidationException

    minimum, prohibit = "api_settings/minimum_tls_version", "api_settings/tls_cipher_prohibit_list"
    if {minimum, prohibit} & gate.broken:
        return
    for side in ("listener", "pool"):
        option = f"api_settings/default_{side}_tls_versions"
        for version in gate.get(option) or ():
            try:
                validate.check_tls_version_list([version])
                validate.check_tls_version_min([version])
            except (ValidationException, ValueError):
                _place(gate, option, minimum)
                gate.add(
                    option,
                    f"{gate.shown(option, version)} is below minimum_tls_version",
                    f"{gate.get(minimum)} and newer",
                )
        option = f"api_settings/default_{side}_ciphers"
        try:
            prohibited = validate.check_cipher_prohibit_list(gate.get(option) or "")
        except ValidationException:
            gate.add(option, "has characters that no cipher has", "ciphers, separated by colons")
        else:
            if gate.get(option) and prohibited:
                _place(gate, option, prohibit)
                gate.add(option, f"{', '.join(prohibited)} is in tls_cipher_prohibit_list", "other ciphers")
        option = f"api_settings/default_{side}_alpn_protocols"
        for protocol in gate.get(option) or ():
            try:
                validate.check_alpn_protocols([protocol])
            except ValidationException:
                gate.add(option, f"{gate.shown(option, protocol)} is no ALPN protocol that Octavia knows")


def libraries(gate):
    from cryptography.hazmat.primitives import hashes

    digest = gate.values.get("certificates/signing_digest")
    if digest and not hasattr(hashes, digest.upper()):
        option = "certificates/signing_digest"
        gate.add(option, f"{gate.shown(option, digest)} is no digest", "sha256, sha384 or sha512")
    strategy, key = (f"keystone_authtoken/memcache_{name}" for name in ("security_strategy", "secret_key"))
    if (gate.get(strategy) or "None") != "None" and not gate.get(key):
        gate.add(strategy, "needs memcache_secret_key, which is not set")
    quorum, mirrored = (f"oslo_messaging_rabbit/rabbit_{name}" for name in ("quorum_queue", "ha_queues"))
    if gate.get(quorum) and gate.get(mirrored):
        _place(gate, mirrored, quorum)
        gate.add(mirrored, "excludes rabbit_quorum_queue", "one of the two")


def log(gate):
    """What oslo.log refuses when it is set up, or at the first message."""
    for option in LOG_FORMATS:
        try:
            (gate.values.get(option) or "") % collections.defaultdict(int)
        except (TypeError, ValueError):
            gate.add(option, "is no format: a % is not followed by (name) and a letter", "%% for a %")
    for pair in gate.values.get("DEFAULT/default_log_levels") or ():
        level = pair.partition("=")[2].upper()
        if not level.isdigit() and level not in ("TRACE", "AUDIT") and not isinstance(logging.getLevelName(level), int):
            option = "DEFAULT/default_log_levels"
            gate.add(option, f"{gate.shown(option, pair)} has no level", "logger=LEVEL, separated by commas")
    option = "DEFAULT/syslog_log_facility"
    name = str(gate.values.get(option) or "").lower()
    if name and name.removeprefix("log_") not in handlers.SysLogHandler.facility_names:
        gate.add(option, f"{gate.shown(option, name)} is no facility of syslog", "such as LOG_LOCAL0")
    option = "DEFAULT/log_dir"
    if gate.values.get(option):
        try:
            gate.files.writable(gate.values[option])
        except (pem.Bad, OSError, ValueError) as bad:
            what = bad if isinstance(bad, pem.Bad) else "is not a directory"
            gate.add(option, f"{gate.shown(option, gate.values[option])} {what}")


def _place(gate, option, other):
    """Let a finding about a default stand where the text disagrees with it."""
    gate.lines.setdefault(option, gate.lines.get(other, 0))


def _one_of(names):
    return f"one of {', '.join(sorted(names))}"
