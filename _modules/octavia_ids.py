"""
Ids and addresses that octavia.conf needs and the pillar does not say: from the mine, else from the cloud.

A key of ``octavia/conf.yaml`` that has an ``id`` is looked up where nobody says it and the host manages real amphorae.
The cloud is asked as Octavia's own service user, for the names below ``octavia:resources``. Where two things could be
meant nothing is taken. What is found is remembered for the run, what is not found is asked for again: a state may have
made it meanwhile.
"""

import contextlib
import ipaddress
import logging

from salt.exceptions import CommandExecutionError, SaltException

log = logging.getLogger(__name__)

#: In the mine.
NAME = "octavia_ids"

_BIND_IP = "manager:health_manager:bind_ip"
_TARGETS = "manager:health_manager:controller_ip_port_list"
_COUNT = "manager:health_manager:controllers"
_NETWORKS = "manager:controller_worker:amp_boot_network_list"

# What makes that of which a key is the id or the address: a state of this formula.
_RESOURCES, _INTERFACE = "octavia.resources", "octavia.manager.interface"
_MAKERS = {"address": _INTERFACE, "health_managers": _INTERFACE}


class _Gap(Exception):
    """Why something is not known, as the end of a sentence."""


def found(saltenv=None, awaited=True):
    """
    Return all that the pillar leaves to the mine and to the cloud on this host, as ``{key: value}``.

    saltenv
        Environment of the file server; that of the minion by default. So in all functions here.

    awaited
        In a dry run, have a remark in place of what only the run itself would make. Without it that is left out.

    Raises CommandExecutionError, with a line for each key that nobody knows or that two would answer differently.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ids.found
    """
    known, gaps = _asked(saltenv, __salt__["octavia_pillar.unsaid"](saltenv))
    later = _later(gaps, saltenv) if __opts__.get("test") else {}
    lines = _lines({key: gap for key, gap in gaps.items() if key not in later}, saltenv)
    if lines:
        raise CommandExecutionError("\n".join(lines))
    if awaited:
        known.update({key: f"(not known before {what})" for key, what in later.items()})
    return known


def missing(saltenv=None):
    """
    Return a line for each key that nobody knows, without those that this host is about to make or to be able to ask
    for: an ``octavia.resources`` or ``octavia.manager.interface`` of the run, else of the pillar; the libraries of
    Octavia's packages.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ids.missing
    """
    made, kinds = _made(saltenv), _kinds(saltenv)
    keys = __salt__["octavia_pillar.unsaid"](saltenv)
    _known, gaps = _asked(saltenv, [key for key in keys if _maker(kinds[key]) not in made])
    later = _later(gaps, saltenv)
    return _lines({key: gap for key, gap in gaps.items() if key not in later}, saltenv)


def warnings(saltenv=None):
    """
    Return a line for what Octavia does without, but the operator would not: the key pair where there is an SSH key.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ids.warnings
    """
    kinds = _kinds(saltenv)
    keys = [key for key in __salt__["octavia_pillar.unsaid"](saltenv) if kinds[key] == "keypair"]
    return [
        f"octavia:{key}: is not set, and {gap}: amphorae get no SSH key"
        for key, gap in _asked(saltenv, keys)[1].items()
        if not _later({key: gap}, saltenv)
    ]


def share(saltenv=None):
    """
    Return what other hosts of this cloud want to know, for the mine: a host with ``octavia:resources:enabled`` shares
    the ids of what it has made, a host with a health manager its address. Empty on other hosts. There is no secret in
    it.

    Raises CommandExecutionError when the cloud does not answer; the mine keeps what it has.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_ids.share
    """
    value, shared = __salt__["octavia_pillar.values"](saltenv), {}
    if value.get("resources:enabled"):
        search = _Search(saltenv)
        for key, kind in _kinds(saltenv).items():
            if kind not in _MAKERS and (kind != "keypair" or __salt__["octavia_pillar.has_ssh"](saltenv)):
                try:
                    shared[key] = value.get(key) or search.cloud(kind)
                except _Gap as gap:
                    log.info("octavia:%s is not shared: %s", key, gap)
    if _has_health_manager(saltenv):
        # one without an address is missed by the others, and not forgotten
        shared[_TARGETS] = None
        with contextlib.suppress(_Gap):
            address, port = _Search(saltenv).address()[0], value["manager:health_manager:bind_port"]
            shared[_TARGETS] = {"host": address, "port": port}
        shared["port"] = __salt__["octavia_port.name"](saltenv)
    return {"cloud": _cloud(saltenv), **shared} if shared else {}


# --- all keys ---------------------------------------------------------------------------------------------------------


def _asked(saltenv, keys):
    """What is known of keys, ``{key: value}``, and why the others are not, ``{key: _Gap or CommandExecutionError}``."""
    remembered, origins = (__context__.setdefault(f"octavia_ids.{name}", {}) for name in ("known", "origin"))
    search, kinds, known, gaps, silence = _Search(saltenv), _kinds(saltenv), {}, {}, None
    for key in keys:
        try:
            # one that does not answer is not waited for again with each key
            if silence and key not in remembered:
                raise silence
            if key not in remembered:
                value, origins[key] = search.find(key, kinds[key])
                # the list grows by the ports that other states of this run make
                if kinds[key] == "health_managers":
                    known[key] = value
                    continue
                remembered[key] = value
            known[key] = remembered[key]
        except (_Gap, CommandExecutionError) as gap:
            gaps[key] = gap
            silence = gap if " answer" in str(gap) else silence
    return known, gaps


def _lines(gaps, saltenv):
    """Lines for those of which Octavia cannot do without, one for all that have the same reason."""
    kinds, reasons = _kinds(saltenv), {}
    for key, gap in gaps.items():
        if kinds[key] != "keypair":
            reasons.setdefault(str(gap), []).append(f"octavia:{key}")
    return [
        f"{', '.join(keys)}: {'is' if len(keys) == 1 else 'are'} not set, and {why}" for why, keys in reasons.items()
    ]


def _later(gaps, saltenv):
    """What a run makes before it needs it, as ``{key: the state or library that is waited for}``."""
    made, kinds, found = _made(saltenv), _kinds(saltenv), {}
    for key, gap in gaps.items():
        if _maker(kinds[key]) in made:
            found[key] = _maker(kinds[key])
        elif hasattr(gap, "library"):
            found[key] = f"the library {gap.library} is installed"
    return found


def _made(saltenv):
    """The states that make something for us: those of the run, which the preflight notes, else those of the pillar."""
    if "octavia_ids.made" in __context__:
        return __context__["octavia_ids.made"]
    value = __salt__["octavia_pillar.values"](saltenv)
    on = {_RESOURCES: "resources:enabled", _INTERFACE: "manager:interface:enabled"}
    return [sls for sls, key in on.items() if value.get(key)]


def _maker(kind):
    return _MAKERS.get(kind, _RESOURCES)


def _kinds(saltenv):
    keys = __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"]
    return {key: spec["id"] for key, spec in keys.items() if "id" in spec}


def _has_health_manager(saltenv):
    roles = __salt__["octavia_pillar.roles"](saltenv)
    return "health_manager" in roles and __salt__["octavia_pillar.has_amphorae"](saltenv)


# --- the mine ---------------------------------------------------------------------------------------------------------


def _cloud(saltenv):
    """Which cloud it is: a mine may serve several."""
    value = __salt__["octavia_pillar.values"](saltenv)
    return f"{value.get('identity:host')} {value['identity:region']}"


def _mine(saltenv):
    """What the hosts of this cloud share, by minion; nothing without a master."""
    if __opts__.get("file_client") == "local":
        return {}
    if "octavia_ids.mine" not in __context__:
        who = __salt__["octavia_pillar.values"](saltenv)["mine:minions"]
        try:
            shared = __salt__["mine.get"](who, NAME, "compound") or {}
        except SaltException as exc:
            log.warning("The mine does not answer: %s", exc)
            shared = {}
        cloud = _cloud(saltenv)
        __context__["octavia_ids.mine"] = {
            minion: entry for minion, entry in sorted(shared.items()) if _is_ours(entry, cloud)
        }
    return __context__["octavia_ids.mine"]


def _is_ours(entry, cloud):
    """Whether a host of this cloud may have shared it: a mine holds whatever a minion puts there."""
    if not isinstance(entry, dict) or entry.get("cloud") != cloud:
        return False
    target = entry.get(_TARGETS)
    if _TARGETS in entry and not isinstance(entry.get("port"), str):
        return False
    if target:
        known = isinstance(target, dict) and __salt__["octavia_pillar.is_address"](target.get("host"))
        return known and isinstance(target.get("port"), int)
    return True


def _in_mine(key, saltenv):
    """The value that hosts share, None where none does."""
    shared = {minion: entry[key] for minion, entry in _mine(saltenv).items() if entry.get(key)}
    values = list(shared.values())
    if any(value != values[0] for value in values):
        answers = ", ".join(f"{value} ({minion})" for minion, value in shared.items())
        raise _Gap(f"hosts share different ones in the mine: {answers}")
    return values[0] if values else None


# --- one key ----------------------------------------------------------------------------------------------------------


def _in_order(targets):
    """``(address, port)`` each once, IPv4 first: the same ones are the same text."""
    found = {(ipaddress.ip_address(address), port) for address, port in targets}
    ordered = sorted(found, key=lambda target: (target[0].version, int(target[0]), target[1]))
    return [(str(address), port) for address, port in ordered]


class _Search:
    """One look at mine and cloud; raises _Gap, with the end of a sentence, for what is not there."""

    def __init__(self, saltenv):
        self.saltenv = saltenv
        self.value = __salt__["octavia_pillar.values"](saltenv)
        self.tenant = self.value["identity:tenant"]
        # a host that only makes resources may know nobody but the administrator
        self.login = False if self.value.get("identity:password") else None

    def find(self, key, kind):
        """The value of a key, and who says it."""
        if kind == "address":
            return self.address()
        if kind == "health_managers":
            return self.health_managers()
        # who makes them knows better than what it has shared once
        shared = None if self.value.get("resources:enabled") else _in_mine(key, self.saltenv)
        if shared:
            return shared, "the mine"
        return self.cloud(kind), "the cloud"

    # -- addresses of health managers

    def address(self):
        """This host's address in the management network, and who says it."""
        said = self.value.get(_BIND_IP)
        if said and __salt__["octavia_pillar.is_address"](said):
            return said, "the pillar"
        if self.value.get("manager:interface:enabled"):
            found = __salt__["octavia_interface.address"](self.saltenv)
            if not found:
                raise _Gap(f"this host has no address in the management network yet; apply {_INTERFACE}")
            return found, _INTERFACE
        port = __salt__["octavia_port.name"](self.saltenv)
        own = [each for each in self.ports() if each["name"] == port]
        if len(own) > 1:
            raise _Gap(f"Neutron has {len(own)} ports {port}: {', '.join(each['id'] for each in own)}")
        if not own:
            raise _Gap(f"Neutron has no port {port} of a health manager; say it, or apply {_INTERFACE}")
        return self.address_of(own[0]), "Neutron"

    def health_managers(self):
        """All of them, as ``{host, port}``, and who says so."""
        targets, count, port = set(), self.value.get(_COUNT), self.value["manager:health_manager:bind_port"]
        if _has_health_manager(self.saltenv):
            targets.add((self.address()[0], port))
        shared = {
            minion: entry for minion, entry in _mine(self.saltenv).items()
            if _TARGETS in entry and minion != __opts__.get("id")
        }  # fmt: skip
        listed = [entry[_TARGETS] for entry in shared.values() if entry[_TARGETS]]
        targets.update((each["host"], each["port"]) for each in listed)
        silent = {entry["port"]: minion for minion, entry in shared.items() if not entry[_TARGETS]}
        origin = "the mine"
        if silent or (len(targets) < count if count else not shared):
            origin = "Neutron" if not shared else "the mine, with Neutron,"
            for each in self.ports():
                targets.add((self.address_of(each), port))
                silent.pop(each["name"], None)
        if silent:
            raise _Gap(
                f"{', '.join(silent.values())}, by the mine a health manager, has no address yet: "
                f"apply {_INTERFACE} there, and run mine.update"
            )
        targets = _in_order(targets)
        if count and len(targets) != count:
            there = ", ".join(address for address, _port in targets) or "none"
            raise _Gap(
                f"octavia:{_COUNT} says {count}, and there {'is' if len(targets) == 1 else 'are'} {there}; say them, "
                f"or apply {_INTERFACE} on all controllers"
            )
        if not targets:
            raise _Gap(f"Neutron has no port of a health manager; say them, or apply {_INTERFACE}")
        return [{"host": address, "port": port} for address, port in targets], origin

    def ports(self):
        """The ports of health managers in the management network, which is the first of an amphora."""
        known = __context__.get("octavia_ids.known", {})
        networks = self.value.get(_NETWORKS) or known.get(_NETWORKS) or self.find(_NETWORKS, "network")[0]
        network = str(networks[0])
        return __salt__["octavia_port.of_health_managers"](self.login, self.saltenv, network_id=network)

    def address_of(self, port):
        addresses = [each["ip_address"] for each in port["fixed_ips"]]
        if len(addresses) > 1:
            subnet = self.one("subnet", self.value["resources:network:subnet:name"])
            own = subnet and [each["ip_address"] for each in port["fixed_ips"] if each["subnet_id"] == subnet["id"]]
            addresses = own or addresses
        if len(addresses) != 1:
            raise _Gap(f"port {port['name']} has {len(addresses)} addresses: {', '.join(addresses) or 'none'}")
        return addresses[0]

    # -- ids

    def cloud(self, kind):
        """What the cloud has under the name below octavia:resources."""
        return getattr(self, kind)()

    def flavor(self):
        return self.named("flavor", "resources:compute:flavor:name", "Nova has no flavor")["id"]

    def keypair(self):
        return self.named("keypair", "resources:compute:keypair:name", "Nova has no key pair")["name"]

    def network(self):
        return [self.named("network", "resources:network:name", "Neutron has no network", self.tenant)["id"]]

    def security_group(self):
        key = "resources:network:amphora_security_group:name"
        return [self.named("security_group", key, "Neutron has no security group", self.tenant)["id"]]

    def image_owner(self):
        """Whoever owns the image: the service project, else who has made one public."""
        tag, own = self.value["manager:controller_worker:amp_image_tag"], self.project()
        tagged = [each for each in self.all("image") if tag in each["tags"] and each["status"] == "active"]
        # an administrator sees images of everybody
        owners = {each["owner"] for each in tagged if each["owner"] == own}
        owners = owners or {each["owner"] for each in tagged if each["visibility"] == "public"}
        if len(owners) > 1:
            raise _Gap(f"public images tagged {tag} have several owners: {', '.join(sorted(owners))}")
        if not owners:
            raise _Gap(self.nobody(f"Glance has no image tagged {tag}"))
        return owners.pop()

    def named(self, kind, key, nothing, project=None):
        name = self.value[key]
        found = self.one(kind, name, project)
        if not found:
            raise _Gap(self.nobody(f"{nothing} {name}"))
        return found

    def project(self):
        asks = __salt__["octavia_cloud.identity"](self.login, self.saltenv)
        if asks["project_name"] == self.tenant:
            return asks["project_id"]
        return self.one("project", self.tenant)["id"]

    def one(self, kind, name, project=None):
        return __salt__["octavia_cloud.find"](kind, name, project, self.login, self.saltenv)

    def all(self, kind, **scope):
        return __salt__["octavia_cloud.resources"](kind, self.login, self.saltenv, **scope)

    def nobody(self, nothing):
        mine = "" if __opts__.get("file_client") == "local" else "nobody shares it in the mine, and "
        return f"{mine}{nothing}; say it, or apply {_RESOURCES}"
