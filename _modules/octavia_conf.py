"""
octavia.conf, made from the pillar, and who reads what in it.

``octavia/conf.yaml`` says for each pillar key which option it feeds and which services read that option. Nothing here
starts a process or opens a connection.
"""

import hashlib
import os
import re
import secrets
from urllib.parse import quote

ROLES = ("api", "manager", "driver_agent")


def options(saltenv=None, mask=True, release=None, look_up=False, awaited=True, everywhere=False):
    """
    Return octavia.conf as ``{section: {option: value}}``.

    mask
        Hide secrets.

    release
        For this release, by name or number; by default for that of this host.

    look_up
        Ask the mine and the cloud for ids that the pillar does not say. They are left out by default.

    awaited
        Then, in a dry run, have a remark in place of an id that only the real run can know. Without it these are left
        out.

    everywhere
        With what the pillar says of roles that this host does not have.

    Raises CommandExecutionError as ``octavia_release.facts``, ``octavia_release.named`` and ``octavia_ids.found`` do.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.options release=2026.1
    """
    facts = __salt__["octavia_pillar.data"](saltenv)
    if release:
        major = __salt__["octavia_release.named"](release, saltenv)["octavia"]
    else:
        major = __salt__["octavia_release.facts"](saltenv)["octavia"]
    value = _values(saltenv, look_up, awaited)
    enabled = __salt__["octavia_pillar.sections"](saltenv)
    foreign = () if everywhere else set(ROLES) - set(enabled)
    sections = {}

    def put(option, val):
        section, name = option.split("/")
        if val not in (None, [], {}):
            sections.setdefault(section, {})[name] = val

    for key, spec in facts["conf"]["keys"].items():
        if key not in value or key.split(":")[0] in foreign:
            continue
        for option in __salt__["octavia_pillar.options"](spec, major):
            put(option, value[key])
    made = {**_made(value, major), **__salt__["octavia_policy.options"](saltenv)}
    made.update({option: path for option, (path, _text) in texts(saltenv).items()})
    for option, val in made.items():
        put(option, val)
    if "manager" in enabled:
        put("health_manager/controller_ip_port_list", _targets(value))
        for option, targets in _log_targets(value).items():
            put(option, targets)
    for section, names in ((__pillar__.get("octavia") or {}).get("config") or {}).items():
        for name, val in (names or {}).items():
            # an empty list is an answer here: it takes away what stands above
            put(f"{section}/{name}", "" if val == [] else val)
    if mask:
        hide = __salt__["octavia_diff.masked"]
        return {
            section: {name: hide(f"{section}/{name}", val, saltenv) for name, val in names.items()}
            for section, names in sections.items()
        }
    return sections


def _values(saltenv, look_up, awaited=True):
    """What the pillar says, and what it leaves to others to say."""
    value = __salt__["octavia_pillar.values"](saltenv)
    if look_up and __salt__["octavia_pillar.unsaid"](saltenv):
        value.update(__salt__["octavia_ids.found"](saltenv, awaited=awaited))
    return value


def check_release(target, saltenv=None):
    """
    Return what the hop to a release means for this pillar: lists of lines, ``removed``, ``renamed``, ``changed`` and
    ``notes``. See ``octavia_release.check``.

    target
        Name or number of an OpenStack release.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.check_release 2026.1
    """
    return __salt__["octavia_release.check"](target, saltenv)


def _made(value, major):
    """The options that are made from several keys, as ``{section/option: value}``."""
    get = value.get
    scheme, where = get("identity:protocol"), _bracket(get("identity:host"))
    port = get("identity:port")
    url = f"{scheme}://{where}:{port}/v3"
    # 35357 was the port of administrators; clients that are told to log in go to the public one
    public = f"{scheme}://{where}:{5000 if port == 35357 else port}/v3"
    # `default` is the id of the domain that is called Default; other ids are UUIDs without dashes
    kind = "id" if re.fullmatch("default|[0-9a-f]{32}", get("identity:domain")) else "name"
    login = {
        "auth_type": "password",
        "auth_url": url,
        "username": get("identity:user"),
        "password": get("identity:password"),
        "project_name": get("identity:tenant"),
        f"project_domain_{kind}": get("identity:domain"),
        f"user_domain_{kind}": get("identity:domain"),
    }
    interface = get("identity:endpoint_type").removesuffix("URL")
    made = {
        "database/connection": _database_url(value),
        "DEFAULT/transport_url": _transport_url(value),
        "keystone_authtoken/www_authenticate_uri": public,
        "keystone_authtoken/interface": interface,
        "keystone_authtoken/service_token_roles_required": True,
        **_cache(value),
        **_notifications(value),
    }
    for section in ("keystone_authtoken", "service_auth"):
        made.update({f"{section}/{name}": val for name, val in login.items()})
    for section in ("nova", "glance", "cinder", "certificates"):
        made[f"{section}/endpoint_type"] = f"{interface}URL"
    if major < 13:
        made["neutron/endpoint_type"] = f"{interface}URL"
    else:
        made.update({f"neutron/{name}": val for name, val in login.items()})
        made["neutron/valid_interfaces"] = [interface]
    return made


def _database_url(value):
    get = value.get
    url = (
        f"mysql+pymysql://{_quoted(get('database:user'))}:{_quoted(get('database:password'))}"
        f"@{_bracket(get('database:host'))}:{get('database:port')}/{_quoted(get('database:name'))}"
    )
    if not get("database:ssl:enabled"):
        return url
    files = ((name, get(f"database:ssl:{name}")) for name in ("ca", "cert", "key"))
    return url + "?" + "&".join(f"ssl_{name}={quote(path)}" for name, path in files if path)


def _transport_url(value):
    get = value.get
    if not get("message_queue:password"):
        return None
    user, password = _quoted(get("message_queue:user")), _quoted(get("message_queue:password"))
    port = get("message_queue:port")
    members = get("message_queue:members") or [{"host": get("message_queue:host")}]
    hosts = (f"{user}:{password}@{_bracket(m['host'])}:{m.get('port', port)}" for m in map(_member, members))
    return f"rabbit://{','.join(hosts)}/{_quoted(get('message_queue:virtual_host'))}"


def heartbeat_targets(saltenv=None, look_up=True):
    """
    Return all health managers, as amphorae are told them (``address:port``); of one controller, its own address. IPv6
    without brackets: an amphora older than Octavia 13 takes what stands before the last colon for the address,
    brackets and all.

    look_up
        Ask the mine and the cloud where the pillar does not say them.

    Raises CommandExecutionError as ``octavia_ids.found`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.heartbeat_targets
    """
    return _targets(_values(saltenv, look_up))


def _targets(value):
    port = value.get("manager:health_manager:bind_port")
    targets = value.get("manager:health_manager:controller_ip_port_list")
    if isinstance(targets, str):
        return targets  # not known yet
    if not targets:
        address = value.get("manager:health_manager:bind_ip")
        if not address or not __salt__["octavia_pillar.is_address"](address):
            return []
        targets = [{"host": address}]
    return [f"{t['host']}:{t.get('port', port)}" for t in map(_member, targets)]


def _log_targets(value):
    """Where amphorae send their logs unless the pillar says it, with ``manager:syslog``: to all health managers."""
    names = ("admin_log_targets", "tenant_log_targets")
    if not value.get("manager:syslog:enabled"):
        return {}
    targets = _targets(value)
    if not isinstance(targets, str):
        targets = [f"{target.rpartition(':')[0]}:{value['manager:syslog:port']}" for target in targets]
    return {f"amphora_agent/{name}": targets for name in names if f"manager:amphora_agent:{name}" not in value}


def _cache(value):
    members = value.get("cache:members")
    if not members:
        return {}
    servers = ((_bracket(m["host"]), m.get("port", 11211)) for m in map(_member, members))
    made = {
        # python-memcached knows an IPv6 address by its prefix
        "keystone_authtoken/memcached_servers": [
            f"{'inet6:' if host.startswith('[') else ''}{host}:{port}" for host, port in servers
        ]
    }
    if value.get("cache:security:enabled"):
        made["keystone_authtoken/memcache_security_strategy"] = value.get("cache:security:strategy")
        made["keystone_authtoken/memcache_secret_key"] = value.get("cache:security:secret_key")
    return made


def _notifications(value):
    if not value.get("notification"):
        return {}
    return {
        "oslo_messaging_notifications/driver": value.get("notification:driver", "messagingv2"),
        "oslo_messaging_notifications/topics": value.get("notification:topics"),
    }


def _member(entry):
    """A ``{host, port}`` of a list of servers, also from ``host``, ``host:port`` or ``[address]:port``."""
    if isinstance(entry, dict):
        return {name: value for name, value in entry.items() if value is not None}
    host, _, port = str(entry).rpartition(":")
    if not host or not port.isdigit() or (":" in host and not host.startswith("[")):
        return {"host": str(entry).strip("[]")}
    return {"host": host.strip("[]"), "port": int(port)}


def _bracket(host):
    return f"[{host}]" if ":" in str(host) else host


def _quoted(text):
    return quote(str(text), safe="")


def texts(saltenv=None):
    """
    Return the files whose text stands in the pillar (audit map, haproxy template), by the option that names the file,
    as ``{section/option: [path, text]}``. Those of roles that this host does not have are left out.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.texts
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    enabled = __salt__["octavia_pillar.sections"](saltenv)
    directory = __salt__["octavia_pillar.distribution"](saltenv)["host"]["conf_dir"]
    found = {}
    for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
        if "file" not in spec or key not in value or key.split(":")[0] not in enabled:
            continue
        found[spec["feeds"]] = [f"{directory}/{spec['file']}", value[key].rstrip("\n") + "\n"]
    return found


def render(saltenv=None, mask=True, look_up=True, awaited=True):
    """
    Return the text of octavia.conf: sections and options in a fixed order, the same pillar gives the same bytes.

    mask
        Hide secrets.

    look_up, awaited
        As for ``options``.

    Raises CommandExecutionError as ``options`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.render
    """
    sections = options(saltenv, mask=mask, look_up=look_up, awaited=awaited)
    lines = ["# Managed by Salt. Local changes will be lost.\n"]
    for section in sorted(sections, key=lambda name: (name != "DEFAULT", name)):
        lines.append(f"\n[{section}]\n")
        for name, val in sorted(sections[section].items()):
            lines.append(f"{name} = {_printed(val)}\n")
    return "".join(lines)


def _printed(value):
    """A value as oslo.config reads it back unchanged: ``$`` would be expanded, outer quotes and blanks be lost."""
    text = _plain(value).replace("$", "\\$")
    if text != text.strip() or (text[:1] == text[-1:] and text[:1] in ("'", '"')):
        return f'"{text}"'
    return text


def _plain(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(_plain, value))
    if isinstance(value, dict):
        return ",".join(f"{name}:{_plain(item)}" for name, item in value.items())
    return str(value)


def readers(saltenv=None):
    """
    Return which services read what: ``{section: [service, ...]}``, and ``{section/option: [service, ...]}`` for the
    options that have readers of their own.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.readers
    """
    if "octavia_conf.readers" not in __context__:
        conf = __salt__["octavia_pillar.data"](saltenv)["conf"]
        found = dict(conf["sections"])
        for spec in conf["keys"].values():
            if "services" in spec:
                found.update(dict.fromkeys(spec["options"], spec["services"]))
        __context__["octavia_conf.readers"] = found
    return __context__["octavia_conf.readers"]


def fingerprints(role, saltenv=None, planned=True):
    """
    Return a digest of everything in octavia.conf that a service reads, as ``{thing: digest}``: its options, and the
    files that they name.

    role
        api, worker, health_manager, housekeeping or driver_agent.

    planned
        In a dry run, what octavia.conf and certificates are about to be; False: what they are.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.fingerprints worker
    """
    path = __salt__["octavia_pillar.settings"](saltenv)["conf_file"]
    planned = planned and __opts__.get("test")
    text = __context__.get("octavia_conf.pending", {}).get(path) if planned else None
    if text is None:
        text = _read(path)
    who = readers(saltenv)

    def reads(option):
        return role in who.get(option, who.get(option.split("/")[0], (role,)))

    written = __salt__["octavia_diff.parse"](text)
    found = {option: _digest(val) for option, val in written.items() if reads(option)}
    for path, text in _files(written, reads, saltenv).items():
        found[path] = _digest(text if planned and text is not None else _read(path))
    return found


def files(text, saltenv=None):
    """
    Return the files that a text of octavia.conf names, and what this formula writes there, as ``{path: text}``; None
    for those that somebody else does.

    text
        All of octavia.conf.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_conf.files "[haproxy_amphora]
        server_ca = /etc/octavia/certs/server_ca.cert.pem"
    """
    written = __salt__["octavia_diff.parse"](text)
    found = _files(written, lambda option: True, saltenv)
    policy = __salt__["octavia_policy.file"](saltenv)
    # the API reads the policy anew by itself: it is no reason for a restart, and so not among _files
    found.update(file for option, file in policy.items() if written.get(option) == file[0])
    return found


def _files(written, reads, saltenv):
    """The files that octavia.conf names in options that somebody reads, as ``{path: what the pillar puts there}``."""
    value, found = __salt__["octavia_pillar.values"](saltenv), {}
    # certificates, in a dry run
    planned = __context__.get("octavia_certificates.planned", {})
    for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
        if "file" in spec:
            paths = [written[spec["feeds"]]] if spec["feeds"] in written and reads(spec["feeds"]) else []
        elif spec["type"] != "file":
            continue
        elif "option" in spec:
            paths = [written[name] for name in spec["options"] if name in written and reads(name)]
        else:
            paths = [value[key]] if key in value and reads(spec["feeds"]) else []
        found.update((path, planned.get(path)) for path in paths)
    for option, (path, text) in texts(saltenv).items():
        if written.get(option) == path and reads(option):
            found[path] = text
    return found


def keys_of(option, saltenv=None):
    """
    Return the named pillar keys that an option of octavia.conf is made of.

    option
        ``section/option``

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.keys_of database/connection
    """
    if "octavia_conf.keys_of" not in __context__:
        found = __context__["octavia_conf.keys_of"] = {}
        for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
            for part in __salt__["octavia_pillar.parts"](spec):
                found.setdefault(part, []).append(key)
    return list(__context__["octavia_conf.keys_of"].get(option, ()))


def origin(option, saltenv=None):
    """
    Return where the pillar says an option of octavia.conf, else where it can: the key that it comes from; of several,
    their section.

    option
        ``section/option``, or a section.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.origin database/connection
    """
    section, _, name = option.partition("/")
    config = ((__pillar__.get("octavia") or {}).get("config") or {}).get(section) or {}
    keys = keys_of(option, saltenv)
    if not name:
        return f"octavia:config:{section}"
    if name in config or not keys:
        return f"octavia:config:{section}:{name}"
    said = __salt__["octavia_pillar.said"](saltenv)
    keys = [key for key in keys if key in said] or keys
    # octavia:, or the role that says all of them
    heads = {said[key][0][0].removesuffix(key) for key in keys if key in said}
    head = heads.pop() if len(heads) == 1 else "octavia:"
    # a run remembers whom it has asked
    source = __context__.get("octavia_ids.origin", {}).get(keys[0])
    found = f", which {source} says" if source and keys[0] not in said else ""
    return head + ":".join(os.path.commonprefix([key.split(":") for key in keys])) + found


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""


def _digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def listen(saltenv=None):
    """
    Return where the API listens, as ``address:port``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.listen
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    return f"{_bracket(value['api:bind:address'])}:{value['api:bind:port']}"


def url(address=None, saltenv=None):
    """
    Return the URL of the first page of this host's API.

    address
        At which it is asked; by default that at which it answers its own host.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.url
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    if address is None:
        address = value["api:bind:address"]
        # what listens everywhere listens here
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    scheme = "https" if value["api:ssl:enabled"] else "http"
    return f"{scheme}://{_bracket(address)}:{value['api:bind:port']}/"


def size(saltenv=None):
    """
    Return how many ``processes`` and ``threads`` the API gets: the pillar's numbers, else by the CPUs of the host.

    Two processes at least, so that one busy request does not stop the others; eight at most, since each takes about
    80 MiB.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_conf.size
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    cpus = int(__grains__.get("num_cpus") or os.cpu_count() or 1)
    return {
        "processes": value.get("api:processes", max(2, min(cpus, 8))),
        "threads": value.get("api:threads", 4),
    }


def generate_secrets():
    """
    Return a pillar fragment with a fresh value for each secret that Octavia and its services share with nobody else.

    Put it where the pillar keeps secrets, and do not run it by a master, who would keep the answer in its job cache.

    CLI Example:

    .. code-block:: bash

        salt-call --local octavia_conf.generate_secrets
    """
    fresh = [secrets.token_hex(16) for _ in range(4)]
    return f"""octavia:
  certificates:
    server_certs_key_passphrase: "{fresh[0]}"
  cache:
    security:
      secret_key: "{fresh[1]}"
  manager:
    certificates:
      ca_private_key_passphrase: "{fresh[2]}"
    health_manager:
      heartbeat_key: "{fresh[3]}"
"""
