"""
What the pillar wants of this host, with defaults and the names of the distribution under it.

The pillar below ``octavia`` is read key by key with the help of ``octavia/conf.yaml``, which says for each key what its
value may be. Nothing here starts a process or opens a connection.
"""

import glob
import ipaddress
import json
import logging
import os

import yaml
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

ROLES = ("api", "manager", "driver_agent")
COMPONENTS = ("worker", "health_manager", "housekeeping")

# Sections of the pillar that stand on their own. Any other key is shared by the roles.
_OWN = (*ROLES, "client", "dashboard", "db", "monitoring", "probe", "resources", "upgrade")


def data(saltenv=None):
    """
    Return the formula's data files: ``conf``, ``defaults``, ``osfamilymap`` and ``releasemap``. To each key of ``conf``
    its ``options`` of any release are added.

    saltenv
        Environment of the file server; that of the minion by default.

    Raises CommandExecutionError when a file is missing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.data
    """
    saltenv = saltenv or __opts__.get("saltenv") or "base"
    cached = __context__.setdefault("octavia_pillar.data", {})
    if saltenv not in cached:
        found = {name: load(name, saltenv) for name in ("conf", "defaults", "osfamilymap", "releasemap")}
        for spec in found["conf"]["keys"].values():
            # for those who ask of every key: a call between modules costs more than its answer
            spec["options"] = options(spec)
        cached[saltenv] = found
    return cached[saltenv]


def load(name, saltenv=None):
    """
    Return one data file of the formula, read anew.

    name
        Its name below ``octavia/``, without ``.yaml``.

    Raises CommandExecutionError when the file is missing.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.load releasemap
    """
    url, saltenv = f"salt://octavia/{name}.yaml", saltenv or __opts__.get("saltenv") or "base"
    path = __salt__["cp.cache_file"](url, saltenv)
    if not path:
        raise CommandExecutionError(f"{url} is not on the file server (saltenv {saltenv})")
    # YAML of this size would be the dearest step of a converged run; JSON takes a fortieth of its time
    copy = f"{__opts__['cachedir']}/octavia/{name}.json"
    stat = os.stat(path)
    stamp = [path, stat.st_mtime_ns, stat.st_size]
    try:
        with open(copy, encoding="utf-8") as stream:
            of, found = json.load(stream)
        if of == stamp:
            return found
    except (OSError, ValueError):
        pass
    with open(path, encoding="utf-8") as stream:
        found = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(f"{copy}.{os.getpid()}", "w", encoding="utf-8") as stream:
            json.dump([stamp, found], stream)
        os.replace(stream.name, copy)
    except OSError as exc:
        log.debug("%s is not kept: %s", copy, exc)
    return found


def _pillar():
    pillar = __pillar__.get("octavia")
    return pillar if isinstance(pillar, dict) else {}


def _get(tree, key):
    """The value at ``a:b:c`` in nested dicts, None where there is none."""
    for part in key.split(":"):
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return tree


def shared(saltenv=None):
    """
    Return the keys of conf.yaml that may be said for all roles at once, as a list.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.shared
    """
    return [key for key, spec in data(saltenv)["conf"]["keys"].items() if _is_shared(key, spec)]


def _is_shared(key, spec):
    return spec.get("scope") != "host" and key.split(":")[0] not in _OWN


def options(spec, octavia=None):
    """
    Return the options of octavia.conf (``section/option``) that take the value of a key as it is.

    spec
        An entry of ``keys`` in ``octavia/conf.yaml``.

    octavia
        First number of an Octavia's version: its options alone, as it names them. All that any release has by default.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.options '{option: api_settings/bind_port}'
    """
    entries = spec.get("option", [])
    entries = [
        entry if isinstance(entry, dict) else {"name": entry}
        for entry in (entries if isinstance(entries, list) else [entries])
    ]
    return [
        entry["name"] for entry in entries if octavia is None or (is_known(spec, octavia) and is_known(entry, octavia))
    ]


def parts(spec):
    """
    Return the options of octavia.conf (``section/option``) that take the value of a key as it is, or are made from it.

    spec
        An entry of ``keys`` in ``octavia/conf.yaml``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.parts '{feeds: database/connection}'
    """
    return [*options(spec), *options({"option": spec.get("feeds", [])})]


def is_known(entry, octavia):
    """
    Tell whether an Octavia has an option, by the ``since`` and ``until`` of a key or of one of its options.

    entry, octavia
        An entry of conf.yaml, and the first number of an Octavia's version.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.is_known '{since: 14}' 11
    """
    return entry.get("since", 0) <= octavia <= entry.get("until", octavia)


def _is_off(key, value):
    """Whether an ``enabled`` beside a key switches it off (TLS, cache encryption); value: the values of all keys."""
    section, _, name = key.rpartition(":")
    return name != "enabled" and section not in (*ROLES, "resources") and value.get(f"{section}:enabled") is False


def roles(saltenv=None):
    """
    Return the enabled roles of this host, in the order in which they are set up.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.roles
    """
    facts, pillar = data(saltenv), _pillar()
    found = ["api"] if _get(pillar, "api:enabled") is True else []
    if _get(pillar, "manager:enabled") is True:
        units = _units(saltenv)
        named = _get(pillar, "manager:services")
        wanted = _get(pillar, "manager:components")
        wanted = wanted if isinstance(wanted, list) else facts["defaults"]["manager"]["components"]
        found += [c for c in COMPONENTS if c in wanted and (not isinstance(named, list) or units[c] in named)]
    if _get(pillar, "driver_agent:enabled") is True:
        found.append("driver_agent")
    return found


def _units(saltenv):
    """systemd units by role; octavia:api:services names that of the API."""
    units = distribution(saltenv)["units"]
    named = _get(_pillar(), "api:services")
    return {**units, "api": named[0]} if isinstance(named, list) and len(named) == 1 else units


def packages(wanted, saltenv=None):
    """
    Return the packages of some roles: those that the pillar names for a role (``pkgs``), else the distribution's, with
    those of the server of the API.

    wanted
        List of roles: api, worker, health_manager, housekeeping, driver_agent, client, dashboard, db, backup.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.packages '[api, worker]'
    """
    known, found = distribution(saltenv)["packages"], []
    for role in wanted:
        named = _get(_pillar(), f"{'manager' if role in COMPONENTS else role}:pkgs")
        if not isinstance(named, list):
            named = known[role] + (known[values(saltenv)["api:server"]] if role == "api" else [])
        found += [name for name in named if name not in found]
    return found


def sections(saltenv=None):
    """
    Return the sections of the pillar whose roles this host has: some of ``api``, ``manager``, ``driver_agent``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.sections
    """
    return sorted({"manager" if role in COMPONENTS else role for role in roles(saltenv)})


def distribution(saltenv=None):
    """
    Return the names and paths of the distribution, or of the virtualenv in use, under what the pillar says of them:
    ``host``, ``units``, ``packages``, ``offered_by``, and ``venv`` where this host has its Octavia in virtualenvs.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.distribution
    """
    families, pillar = data(saltenv)["osfamilymap"], _pillar()
    family = dict(families.get(__grains__.get("os_family"), families["Debian"]))
    there = family.pop("venv", None)
    if has_venv():
        family["venv"] = there
        if there:
            family["host"] = {**family["host"], **_in_use(there["host"], saltenv)}
            family["packages"] = {**family["packages"], **there["packages"]}
    for name in ("host", "units", "packages"):
        family[name] = {**family[name], **(pillar[name] if isinstance(pillar.get(name), dict) else {})}
    family["offered_by"] = pillar.get("offered_by") or family["offered_by"]
    return family


def has_venv():
    """
    Tell whether this host is to have its Octavia in virtualenvs, and not as packages of the distribution.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.has_venv
    """
    return _get(_pillar(), "install_method") == "venv"


def venv_directory(saltenv=None):
    """
    Return the directory of this host's virtualenvs.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.venv_directory
    """
    return str(_get(_pillar(), "venv:directory") or data(saltenv)["defaults"]["venv"]["directory"]).rstrip("/")


def _in_use(names, saltenv):
    """Names and paths in the virtualenv in use. A pattern, in a list, is whatever there is of it."""
    current = f"{venv_directory(saltenv)}/current"
    return {
        name: [path for each in text for path in sorted(glob.glob(each.format(current=current)))]
        if isinstance(text, list)
        else text.format(current=current)
        for name, text in names.items()
    }


def said(saltenv=None):
    """
    Return every named key that the pillar answers, as ``{key: [[full pillar key, value], ...]}``.

    A shared key has one entry for each place that says it and concerns an enabled role: the role's own section
    first, then ``octavia:``. All roles concern a host that has none, and makes what the others need in the cloud.
    Values are shown as they are, secrets too: meant for other modules.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_pillar.said
    """
    if "octavia_pillar.said" in __context__:
        return __context__["octavia_pillar.said"]
    facts, pillar = data(saltenv), _pillar()
    enabled = [role for role in ROLES if _get(pillar, f"{role}:enabled") is True] or ROLES
    answers = __context__["octavia_pillar.said"] = {}
    for key, spec in facts["conf"]["keys"].items():
        places = [f"{role}:{key}" for role in enabled] if _is_shared(key, spec) else []
        found = [(f"octavia:{place}", _get(pillar, place)) for place in (*places, key)]
        found = [(place, value) for place, value in found if value is not None]
        if found:
            answers[key] = found
    return answers


def values(saltenv=None):
    """
    Return the value of every named key on this host, defaults included, as ``{key: value}``; secrets as they are.
    Left out is what belongs to something that is switched off by an ``enabled`` beside it.

    CLI Example:

    .. code-block:: bash

        salt-call --out=quiet octavia_pillar.values
    """
    if "octavia_pillar.values" not in __context__:
        facts = data(saltenv)
        defaults, answers = facts["defaults"], said(saltenv)
        every = {key: answers[key][0][1] if key in answers else _get(defaults, key) for key in facts["conf"]["keys"]}
        __context__["octavia_pillar.values"] = {
            key: value for key, value in every.items() if value is not None and not _is_off(key, every)
        }
    return dict(__context__["octavia_pillar.values"])


def settings(saltenv=None, mask=True):
    """
    Return what this host is to be, as one nested dict: paths, enabled roles, installed release, values of all keys.

    mask
        Hide secrets. Other modules say False.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.settings
    """
    known = __context__.setdefault("octavia_pillar.settings", {})
    if mask not in known:
        known[mask] = _settings(saltenv, mask)
    return {**known[mask], "release": __salt__["octavia_release.installed"](saltenv)}


def _settings(saltenv, mask):
    """All that stays as it is while a run lasts."""
    host = distribution(saltenv)["host"]
    result = {}
    keys = data(saltenv)["conf"]["keys"]
    for key, value in values(saltenv).items():
        *parents, last = key.split(":")
        node = result
        for part in parents:
            node = node.setdefault(part, {}) if isinstance(node, dict) else {}
        if isinstance(node, dict) and not isinstance(value, dict):
            node[last] = "(hidden)" if mask and keys[key].get("secret") else value
    result.update(
        host,
        units=_units(saltenv),
        conf_file=f"{host['conf_dir']}/octavia.conf",
        db_manage=f"{host['bin_dir']}/octavia-db-manage",
        roles=roles(saltenv),
    )
    return result


def has_amphorae(saltenv=None):
    """
    Tell whether this host manages real amphorae: a role of octavia:manager is enabled, with no noop driver.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.has_amphorae
    """
    driver = _get(_pillar(), "config:controller_worker:amphora_driver")
    driver = driver or values(saltenv)["controller_worker:amphora_driver"]
    return "manager" in sections(saltenv) and "noop" not in str(driver)


def has_ssh(saltenv=None):
    """
    Tell whether controllers may log in to amphorae: ``octavia:resources:ssh``, else whether the pillar has a private
    key.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.has_ssh
    """
    value = values(saltenv)
    return value.get("resources:ssh", bool(value.get("manager:ssh:private_key")))


def log_targets(saltenv=None):
    """
    Return where amphorae send their logs, as a list of ``[protocol, host, port]``, IPv6 without brackets. The host is
    None for the hosts that receive them by ``manager:syslog``, of which this is one.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.log_targets
    """
    value = values(saltenv)
    protocol = value.get("manager:amphora_agent:log_protocol", "UDP").lower()
    found = [[protocol, None, value["manager:syslog:port"]]] if value.get("manager:syslog:enabled") else []
    for name in ("admin_log_targets", "tenant_log_targets"):
        for target in value.get(f"manager:amphora_agent:{name}", ()):
            host, colon, port = str(target).rpartition(":")
            if colon and port.isdigit():
                found.append([protocol, host.strip("[]"), int(port)])
    return found


def unsaid(saltenv=None):
    """
    Return the keys of ids and addresses that this host needs and the pillar leaves to the mine and to the cloud, as a
    list: see ``octavia_ids``. None where the pillar says them all, and none without real amphorae.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.unsaid
    """
    if "octavia_pillar.unsaid" not in __context__:
        __context__["octavia_pillar.unsaid"] = _unsaid(saltenv) if has_amphorae(saltenv) else []
    return list(__context__["octavia_pillar.unsaid"])


def _unsaid(saltenv):
    answers, value, pillar = said(saltenv), values(saltenv), _pillar()

    def is_said(key, spec):
        if any(answer not in ("", []) for _place, answer in answers.get(key, ())):
            return True
        return any(_get(pillar, f"config:{option.replace('/', ':')}") is not None for option in parts(spec))

    keys = data(saltenv)["conf"]["keys"]
    left = {spec["id"]: key for key, spec in keys.items() if "id" in spec and not is_said(key, spec)}
    # amphorae have a key where operators have the other half
    if not has_ssh(saltenv):
        left.pop("keypair", None)
    # a single controller that says its own address says all
    address = value.get("manager:health_manager:bind_ip")
    if value.get("manager:health_manager:controllers") == 1 and is_address(address):
        left.pop("health_managers", None)
    # the default, all addresses, will do where amphorae are told another way which one to use
    if not ("health_managers" in left or _get(pillar, "manager:interface:enabled") is True):
        left.pop("address", None)
    if "health_manager" not in roles(saltenv):
        left.pop("address", None)
    return list(left.values())


def is_address(text):
    """
    Tell whether a text is an IP address to which one can send.

    text
        Such as the value of ``manager:health_manager:bind_ip``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_pillar.is_address 0.0.0.0
    """
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False
