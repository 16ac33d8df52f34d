"""
What can be known before anything on the host changes: faults of the pillar, and whether the host can serve it.

Every fault is one line that names the pillar key, says what is wrong with it, and what would be right.
"""

import difflib
import ipaddress
import os
import re
import socket

from salt.exceptions import CommandExecutionError
from salt.utils.network import is_ip

# Names of the distribution, which the pillar may replace; not in conf.yaml, but in osfamilymap.yaml.
_DISTRIBUTION = ("host", "units", "packages", "offered_by")
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
# the last label is no number: 10.0.0.256 is a mistyped address
_HOST = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?![0-9]+\.?$){_LABEL}\.?")
_NAME = re.compile(r"[A-Za-z0-9_$.-]+")
_OPTION = re.compile(r"[A-Za-z0-9_.-]+")
_ROLES = ("api", "manager", "driver_agent")
# seconds for a database to say hello
_PATIENCE = 5


def pillar(saltenv=None):
    """
    Return the faults and the warnings of the pillar below ``octavia``, as ``{"faults": [...], "warnings": [...]}``.

    Looks at the pillar alone: neither at the host nor at the network.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_check.pillar
    """
    tree = __pillar__.get("octavia")
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        return {"faults": [f"octavia: is {_kind(tree)}, must be a mapping"], "warnings": []}
    facts = __salt__["octavia_pillar.data"](saltenv)
    keys = facts["conf"]["keys"]
    faults = _unknown(tree, facts, saltenv)
    if faults:
        # what stands at the wrong place would be reported again, as missing
        return {"faults": faults, "warnings": []}
    answers = __salt__["octavia_pillar.said"](saltenv)
    warnings = []
    lenient = tree.get("allow_insecure") is True
    for key, places in _everything_said(tree, keys, saltenv):
        spec = keys[key]
        for place, value in places:
            fault = _wrong(spec, value, facts)
            if fault:
                faults.append(f"{place}: {fault}")
            elif any(item in spec.get("published", ()) for item in (value if isinstance(value, list) else [value])):
                line = f"{place}: is a published value that everybody knows; make one with: {_fresh()}"
                (warnings if lenient else faults).append(line)
            if "gone" in spec:
                warnings.append(f"{place}: has no effect, {spec['gone']}")
    for place in ("certificates", "certificates:next"):
        texts = _value_at(tree, place)
        for name, text in texts.items() if isinstance(texts, dict) else ():
            if str(name).endswith(".pem") and not isinstance(text, (str, type(None))):
                faults.append(f"octavia:{place}:{name}: is {_kind(text)}, must be a text")
    faults += __salt__["octavia_policy.faults"](saltenv)
    if not faults:
        faults += _disagreeing(answers) + _missing(answers, saltenv)
        fit = __salt__["octavia_fit.together"](saltenv)
        faults += fit["faults"]
        faults += __salt__["octavia_resources.faults"](saltenv)
        warnings += _unprotected(saltenv) + fit["warnings"] + __salt__["octavia_fit.release"](saltenv)["warnings"]
    return {"faults": faults, "warnings": warnings}


def _unknown(tree, facts, saltenv):
    """Keys that the formula does not know, and mappings where a value belongs or the reverse."""
    keys = facts["conf"]["keys"]
    conf = set(keys)
    for key in __salt__["octavia_pillar.shared"](saltenv):
        conf.update(f"{role}:{key}" for role in _ROLES)
    for name in (spec["content"] for spec in keys.values() if "content" in spec):
        conf.update((f"certificates:{name}", f"certificates:next:{name}"))
    inner = {":".join(key.split(":")[:depth]) for key in conf for depth in range(1, key.count(":") + 1)}
    known = [*sorted(conf | inner), "config"]
    faults = []

    def walk(node, path):
        for name, value in node.items():
            key = f"{path}:{name}" if path else str(name)
            place = f"octavia:{_plain(key)}"
            if key == "config":
                faults.extend(_config_faults(value, facts))
            elif key in _DISTRIBUTION:
                faults.extend(_shape_faults(place, value, facts["osfamilymap"]["Debian"][key]))
            elif key in conf and not (key in inner and isinstance(value, dict)):
                continue
            elif key not in inner:
                near = difflib.get_close_matches(key, known, 1, 0.6)
                faults.append(f"{place}: is not a key" + (f"; nearest known: octavia:{near[0]}" if near else ""))
            elif value is None:
                continue
            elif not isinstance(value, dict):
                faults.append(f"{place}: is {_kind(value)}, must be a mapping")
            else:
                walk(value, key)

    walk(tree, "")
    return faults


def _shape_faults(place, value, example):
    """Differences in shape between what the pillar says of the distribution and what osfamilymap.yaml does."""
    if not isinstance(value, type(example)):
        return (
            []
            if value is None and isinstance(example, dict)
            else [f"{place}: is {_kind(value)}, must be {_kind(example)}"]
        )
    if isinstance(value, list):
        return [f"{place}: holds {_kind(item)}, must hold texts" for item in value if not isinstance(item, str)]
    faults = []
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name in example:
            faults += _shape_faults(f"{place}:{name}", inner, example[name])
        else:
            near = difflib.get_close_matches(str(name), list(example), 1, 0.6)
            faults.append(
                f"{place}:{_plain(name)}: is not a key" + (f"; nearest known: {place}:{near[0]}" if near else "")
            )
    return faults


def _plain(name):
    """The name of a key, in one line whatever it holds."""
    name = str(name)
    return name if name.isprintable() else repr(name)


def _config_faults(config, facts):
    if config is None:
        return []
    if not isinstance(config, dict):
        return [f"octavia:config: is {_kind(config)}, must be a mapping of sections"]
    faults = []
    for section, names in config.items():
        place = f"octavia:config:{_plain(section)}"
        if not _OPTION.fullmatch(str(section)):
            faults.append(f"{place}: is no name of a section")
        elif names is not None and not isinstance(names, dict):
            faults.append(f"{place}: is {_kind(names)}, must be a mapping of options")
        for name, value in names.items() if isinstance(names, dict) else ():
            if not _OPTION.fullmatch(str(name)):
                faults.append(f"{place}:{_plain(name)}: is no name of an option")
            elif isinstance(value, dict):
                faults.append(f"{place}:{name}: is a mapping, must be a value or a list")
            elif fault := _unfit_for_a_line(value):
                faults.append(f"{place}:{name}: {fault}")
    return faults


def _unfit_for_a_line(value):
    """What keeps a value, or a list of values, from being written into one line of octavia.conf; None for nothing."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (dict, list)) or (item is None and item is not value):
            return f"holds {_kind(item)}, must hold texts"
        if any(ord(char) < 32 or ord(char) == 127 for char in str(item)):
            return "has a line break or another control character, which octavia.conf cannot hold"
    return None


def _everything_said(tree, keys, saltenv):
    """Each key with all the places that say it, those of roles that are off too, and its options in config."""
    shared = set(__salt__["octavia_pillar.shared"](saltenv))
    for key, spec in keys.items():
        places = [key]
        if key in shared:
            places += [f"{role}:{key}" for role in _ROLES]
        options = [f"config:{name.replace('/', ':')}" for name in spec["options"]]
        found = [(f"octavia:{place}", _value_at(tree, place)) for place in places]
        # a text may stand for anything there, and an empty one takes an option away
        found += [
            (f"octavia:{place}", value)
            for place, value in ((place, _value_at(tree, place)) for place in options)
            if value not in ("", []) and not (isinstance(value, str) and spec["type"] in _WRITTEN_OUT)
        ]
        yield key, [(place, value) for place, value in found if value is not None]


_WRITTEN_OUT = ("boolean", "integer", "port", "number", "list", "members", "mapping", "mappings", "any")


def _value_at(tree, key):
    for part in key.split(":"):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(part)
    return tree


def _kind(value):
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a mapping"}
    # the mappings of a pillar in YAML are of a kind of their own
    found = (name for kind, name in names.items() if isinstance(value, kind))
    return "empty" if value is None else next(found, type(value).__name__)


def _wrong(spec, value, facts):
    """What is wrong with the value of a key, or None. Never quotes the value of a secret."""
    kind = spec["type"]
    # an @ makes it a URL with a password in it, put at the wrong key
    shown = "this value" if spec.get("secret") or "@" in str(value) else repr(value)
    if kind == "any":
        return _wrong_kind(spec, value)
    if kind == "texts" and isinstance(value, list):
        faults = ((number, _wrong({**spec, "type": "string"}, item, facts)) for number, item in enumerate(value, 1))
        return next((f"entry {number} {fault}" for number, fault in faults if fault), None)
    expected = {
        "boolean": bool, "integer": int, "port": int, "number": (int, float), "list": list, "members": list,
        "texts": str, "mapping": dict, "mappings": list,
    }.get(kind, (str, int, float))  # fmt: skip
    # YAML reads 0123 as 83
    if spec.get("secret") and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"is {_kind(value)}, must be a text; put it in quotes"
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        article = {
            "integer": "an integer", "address": "an IP address", "members": "a list of {host, port}",
            "texts": "a text or a list", "mappings": "a list of mappings",
        }  # fmt: skip
        want = article.get(kind) or ("a text" if expected == (str, int, float) else f"a {kind}")
        return f"is {_kind(value)}, must be {want}"
    if kind == "mapping":
        strange = [name for name in value if name not in spec.get("names", value)]
        if strange:
            return f"has {_plain(strange[0])}, must have {', '.join(spec['names'])} only"
        return _wrong_mapping(value)
    if kind == "mappings":
        faults = ((number, _wrong_entry(item, spec["names"])) for number, item in enumerate(value, 1))
        return next((f"entry {number} {fault}" for number, fault in faults if fault), None)
    if kind == "port" and not 1 <= value <= 65535:
        return f"is {value}, must be a port between 1 and 65535"
    if "min" in spec and kind != "list" and value < spec["min"]:
        return f"is {value}, must be at least {spec['min']}"
    if "max" in spec and value > spec["max"]:
        return f"is {value}, must be at most {spec['max']}"
    if kind == "list" and (fault := _unfit_for_a_line(value)):
        return fault
    for item in value if kind == "list" else [value]:
        if "choices" in spec and item not in spec["choices"]:
            return f"is {item!r}, must be one of {', '.join(spec['choices'])}"
    if kind == "members":
        faults = ((number, _wrong_member(member, spec.get("address"))) for number, member in enumerate(value, 1))
        return next((f"entry {number} {fault}" for number, fault in faults if fault), None)
    if isinstance(value, (list, bool)):
        return None
    text = str(value)
    if not text:
        return "is empty"
    if not spec.get("multiline") and (fault := _unfit_for_a_line(text)):
        return fault
    if "pattern" in spec and not re.fullmatch(spec["pattern"], text):
        return f"must be {spec['shape']}"
    if kind == "address" and not is_ip(text):
        return f"is {shown}, must be an IP address"
    if kind == "host" and not _is_host(text):
        return f"is {shown}, must be a host name or an IP address"
    if kind in ("file", "path") and not text.startswith("/"):
        return f"is {shown}, must be an absolute path"
    if kind == "name" and not _NAME.fullmatch(text):
        return f"is {shown}, must be a name of letters, digits, '_', '-', '.'"
    if kind == "release":
        known = facts["releasemap"]["releases"]
        if text not in [name for entry in known for name in (entry["name"], entry.get("number"))]:
            near = difflib.get_close_matches(text, [entry["name"] for entry in known], 1, 0.5)
            return f"is {shown}, which is no release of OpenStack" + (f"; nearest known: {near[0]}" if near else "")
    return None


def _wrong_kind(spec, value):
    """What is wrong with a value of which conf.yaml says no more than the kinds that it may be."""
    kinds = spec.get("kinds")
    if not kinds:
        return None
    if _kind(value) not in [f"a {kind}" for kind in kinds]:
        return f"is {_kind(value)}, must be {' or '.join(f'a {kind}' for kind in kinds)}"
    return None if isinstance(value, dict) else _unfit_for_a_line(value)


def _wrong_mapping(mapping):
    """What is wrong with a mapping that becomes one line, ``name:value,name:value``. Quotes no value."""
    for name, value in mapping.items():
        plain = _plain(name)
        if not isinstance(name, str) or not _OPTION.fullmatch(name):
            return f"has {plain}, which is no name"
        if value is False:
            return f"has {plain}: false, which Octavia reads as a text, and any text as true; leave {plain} out"
        if not isinstance(value, (str, int, float)):
            return f"has {plain} as {_kind(value)}, must be a text"
        if "," in str(value):
            return f"has {plain} with a comma, which octavia.conf cannot hold there"
        if fault := _unfit_for_a_line(value):
            return f"has {plain}, which {fault}"
    return None


def _wrong_entry(entry, names):
    """What is wrong with one of a list of mappings."""
    if not isinstance(entry, dict):
        return f"is {_kind(entry)}, must be {{{', '.join(names)}}}"
    for name, value in entry.items():
        if name not in names:
            return f"has {_plain(name)}, must have {', '.join(names)} only"
        if isinstance(value, (dict, list, bool)) or value is None:
            return f"has {name} as {_kind(value)}, must be a text or a number"
    return None


def _wrong_member(member, only_address=False):
    """What is wrong with one of a list of servers. Quotes nothing: it may be a URL with a password."""
    if isinstance(member, str):
        bracketed = re.fullmatch(r"\[(?P<host>[^\]]*)\](:(?P<port>[0-9]+))?", member)
        plain = None if is_ip(member) else re.fullmatch(r"(?P<host>[^:]*):(?P<port>[0-9]+)", member)
        found = bracketed or plain
        member = {"host": found["host"], "port": found["port"] and int(found["port"])} if found else {"host": member}
    if not isinstance(member, dict):
        return f"is {_kind(member)}, must be {{host, port}}"
    unknown = [_plain(name) for name in member if name not in ("host", "port")]
    if unknown:
        return f"has {unknown[0]}, must have host and port only"
    if not isinstance(member.get("host"), str) or not _is_host(member["host"]):
        return f"has no host that is {'an IP address' if only_address else 'a host name or an IP address'}"
    if only_address and not is_ip(member["host"]):
        return "has no host that is an IP address; an amphora may know no names"
    if only_address and ipaddress.ip_address(member["host"]).is_unspecified:
        return "has an unspecified address, to which no amphora can send"
    port = member.get("port")
    if port is not None and (not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535):
        return f"has port {port if isinstance(port, int) else 'as ' + _kind(port)}, must be between 1 and 65535"
    return None


def _is_host(text):
    return is_ip(text) or bool(_HOST.fullmatch(text))


def _fresh():
    """The command that makes a value for any of our secrets: 32 characters, none of them special."""
    return "openssl rand -hex 16"


def _disagreeing(answers):
    """Roles of one host that want different things of the one octavia.conf."""
    faults = []
    for places in answers.values():
        # octavia: itself only fills in for a role that says nothing
        own = [(place, value) for place, value in places if place.split(":")[1] in _ROLES]
        for place, value in own[1:]:
            if value != own[0][1]:
                faults.append(f"{own[0][0]} and {place} differ, and this host has one octavia.conf")
    return faults


def _missing(answers, saltenv):
    """Required keys that nobody says."""
    enabled = __salt__["octavia_pillar.roles"](saltenv)
    value = __salt__["octavia_pillar.values"](saltenv)
    if not enabled:
        return _missing_for_db(value, alone=True)
    manager = set(enabled) & {"worker", "health_manager", "housekeeping"}
    # the API tells the workers by it what to do; nobody else listens
    queue = set(enabled) & {"api", "worker"}
    faults = _missing_for_db(value)
    for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
        if not spec.get("required") or value.get(key, []) != []:
            continue
        if key.startswith("manager:") and not manager:
            continue
        if key.startswith("message_queue:") and not queue:
            continue
        faults.append(f"octavia:{key}: is not set" + (f"; make one with: {_fresh()}" if "published" in spec else ""))
    if queue and not value.get("message_queue:host") and not value.get("message_queue:members"):
        faults.append("octavia:message_queue:host: is not set, nor is octavia:message_queue:members")
    if value.get("database:ssl:enabled") and not value.get("database:ssl:ca"):
        faults.append("octavia:database:ssl:ca: is not set, and octavia:database:ssl:enabled needs it")
    if value.get("cache:security:enabled") and not value.get("cache:security:secret_key"):
        faults.append("octavia:cache:security:secret_key: is not set, and octavia:cache:security:enabled needs it")
    return faults


def _missing_for_db(value, alone=False):
    """What octavia.db.create needs: to log in as an administrator, and alone on a host also whom to make."""
    if not value.get("db:create"):
        return []
    wanted = ["db:admin:user"] if value.get("db:admin:socket") else ["db:admin:user", "db:admin:password"]
    wanted += ["database:host", "database:password"] if alone else []
    return [f"octavia:{key}: is not set, and octavia:db:create needs it" for key in wanted if not value.get(key)]


def _unprotected(saltenv):
    if not __salt__["octavia_pillar.roles"](saltenv):
        return []
    if "certificates:server_certs_key_passphrase" in __salt__["octavia_pillar.values"](saltenv):
        return []
    return [
        "octavia:certificates:server_certs_key_passphrase: is not set, so Octavia's published default, which everybody "
        f"knows, encrypts the keys of certificates; make one with: {_fresh()}"
    ]


# --- the host -------------------------------------------------------------------------------------------------------


def host(saltenv=None, ids=True, upgrades=False):
    """
    Return the faults that show when the pillar, which must be sound, is held against this host, as a list of lines:
    a release that the host does not have, files that are not there, a database that does not answer, ids that neither
    the mine nor the cloud knows.

    ids
        Look for these ids too: a run that writes no octavia.conf needs none.

    upgrades
        This run is a phase of an upgrade: the pillar may name the release that it leads to.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_check.host
    """
    if not __salt__["octavia_pillar.roles"](saltenv):
        return []
    faults = [*_release_faults(saltenv, upgrades)] or __salt__["octavia_fit.release"](saltenv, ask=True)["faults"]
    faults = [*faults, *_file_faults(saltenv), *_interface_faults(saltenv), _database_fault(saltenv)]
    if ids and __salt__["octavia_pillar.unsaid"](saltenv):
        faults += __salt__["octavia_ids.missing"](saltenv)
    return [fault for fault in faults if fault]


def _interface_faults(saltenv):
    if not __salt__["octavia_pillar.values"](saltenv).get("manager:interface:enabled"):
        return []
    return __salt__["octavia_interface.faults"](saltenv)


def _release_faults(saltenv, upgrades):
    if __salt__["octavia_pillar.has_venv"]():
        faults = __salt__["octavia_venv.faults"](upgrades, saltenv)
        if faults:
            yield from faults
            return
    answers = __salt__["octavia_pillar.said"](saltenv).get("version", [])
    have = __salt__["octavia_release.installed"](saltenv)
    if have and not answers:
        return
    try:
        found = __salt__["octavia_release.facts"](saltenv)
    except CommandExecutionError as exc:
        yield str(exc)
        return
    for place, version in answers:
        wanted = __salt__["octavia_release.named"](version, saltenv)
        if wanted["octavia"] != found["octavia"] and not (upgrades and have and _leads_to(wanted, saltenv)):
            name = found.get("number") or found["name"]
            how = "has" if have else "is offered"
            yield (
                f"{place}: is {version} (Octavia {wanted['octavia']}), but this host {how} Octavia "
                f"{found['version']} ({name}); set it to {found['name']}, or leave it out"
            )


def _leads_to(wanted, saltenv):
    """Whether an upgrade would bring a release; a package source may be new since the package manager looked."""
    if __salt__["octavia_hop.facts"](saltenv)["after"]["octavia"] == wanted["octavia"]:
        return True
    if __opts__["test"]:
        return False
    __salt__["octavia_hop.refresh"](saltenv)
    return __salt__["octavia_hop.facts"](saltenv)["after"]["octavia"] == wanted["octavia"]


def _file_faults(saltenv):
    """Files that octavia.conf will name and that nobody will have put there, or that are no good."""
    value = __salt__["octavia_pillar.values"](saltenv)
    # with noop drivers too: the worker signs a certificate for every amphora, and reads what goes along with it
    manager = set(__salt__["octavia_pillar.roles"](saltenv)) & {"worker", "health_manager", "housekeeping"}
    for key, spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].items():
        if spec["type"] != "file" or "content" in spec or key not in value:
            continue
        if not (key.startswith("manager:") and not manager) and not os.path.isfile(value[key]):
            yield f"octavia:{key}: there is no file {value[key]}"
    # a host without TLS does not even load the module
    if value["api:ssl:enabled"]:
        yield from __salt__["octavia_tls.faults"](saltenv)
    if manager:
        yield from __salt__["octavia_certificates.plan"](saltenv)["faults"]


def _database_fault(saltenv):
    """Only while a migration is due: a converged host does not need its database in order to be converged."""
    if not __salt__["octavia_db.due"](saltenv=saltenv):
        return None
    value = __salt__["octavia_pillar.values"](saltenv)
    server, port = value["database:host"], value["database:port"]
    try:
        with socket.create_connection((server, port), timeout=_PATIENCE) as connection:
            if not connection.recv(1):
                return f"octavia:database:host: {server}:{port} closes the connection, it is no MySQL server"
    except OSError as exc:
        return f"octavia:database:host: no database answers at {server}:{port} ({exc.strerror or exc})"
    return None


# --- the deployment -------------------------------------------------------------------------------------------------

# The most urgent first.
_LEVELS = ("critical", "warning", "ok")


def health(timeout=60, saltenv=None):
    """
    Tell whether amphorae and health managers hear of each other: the management interface is as its port in Neutron,
    ``controller_ip_port_list`` has all health managers, every amphora was heard of lately and answers at port 9443.

    timeout
        Seconds for all amphorae together to answer.

    Returns ``level`` (``ok``, ``warning`` or ``critical``), the worst of all, and ``findings``, the most urgent first,
    as dicts: ``what`` (``interface``, ``controller_ip_port_list``, ``heartbeat`` or ``agent``), ``level``, ``line``,
    which says it in words, and ``amphora``, where it is about one.

    Raises CommandExecutionError when this host has no octavia.conf, or none of the roles of ``octavia:manager``.

    CLI Example:

    .. code-block:: bash

        salt-call --out=json octavia_check.health
    """
    if "manager" not in __salt__["octavia_pillar.sections"](saltenv):
        raise CommandExecutionError("octavia:manager:enabled: is not true, and health is that of a manager")
    findings = [
        *__salt__["octavia_health.interface"](saltenv=saltenv),
        *__salt__["octavia_health.targets"](saltenv=saltenv),
        *__salt__["octavia_health.heartbeats"](saltenv=saltenv),
        *__salt__["octavia_health.agents"](timeout=timeout, saltenv=saltenv),
    ]
    findings.sort(key=lambda each: _LEVELS.index(each["level"]))
    return {"level": findings[0]["level"], "findings": findings}


def probe(
    vip_subnet=None, vip_network=None, member=None, via=None, timeout=None, project=None, cloud_name=None, test=False,
    saltenv=None,
):  # fmt: skip
    """
    Prove that load balancers work: make one with an HTTP listener, expect 503 from its VIP, with a member also 200, and
    remove everything again, whatever comes of it. What a killed probe has left is removed by the next one.

    vip_subnet, vip_network
        Where the VIP shall be: id or name. This and all that follows comes from ``octavia:probe`` by default.

    member
        ``address:port`` of an HTTP server that amphorae reach, or a mapping of ``address``, ``port`` and, where it is
        in another network than the VIP, ``subnet``.

    via
        A command that runs another one where the VIP can be reached, which has curl: ``ip netns exec client``. Without,
        the VIP is asked from this host.

    timeout
        Seconds for all of it.

    project, cloud_name
        Whose load balancer it is, id or name, and who makes it: an entry of clouds.yaml, by default as
        ``octavia_cloud`` has it.

    test
        Look at the arguments and for what they name, and no more: ``ok`` is None then.

    Returns ``ok``, ``line``, which says it in words, ``steps``, a line for each with its time, ``left``, what could not
    be removed, and ``seconds``.

    Raises CommandExecutionError when it does not begin: arguments are wrong, another probe is at work on this host.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_check.probe vip_subnet=private-subnet member=10.0.0.5:8080 via='ip netns exec client'
    """
    asked = __salt__["octavia_probe.asked"](vip_subnet, vip_network, member, via, timeout, project, saltenv)
    return __salt__["octavia_probe.run"](**asked, cloud_name=cloud_name, test=test, saltenv=saltenv)
