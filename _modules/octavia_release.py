"""
Which Octavia this host has or can have, and what is known of that release.
"""

import difflib
import fnmatch
import importlib.metadata
from collections.abc import Mapping

from salt.exceptions import CommandExecutionError

# Sections that nothing reads until something is said in them.
_SWITCHED_ON = (
    *("audit_middleware_notifications", "barbican", "barbican_service_user", "cache", "cors", "key_manager"),
    *("oslo_messaging_amqp", "oslo_messaging_kafka", "oslo_messaging_metrics", "ovn", "vault"),
)


def installed(saltenv=None):
    """
    Return the version of the Octavia that the host's Python has (``11.0.0``), or None.

    Read from the metadata of the Python package, without starting anything, and remembered until packages change.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.installed
    """
    if not __context__.get("octavia_release.installed"):
        path = __salt__["octavia_pillar.distribution"](saltenv)["host"]["metadata_path"]
        found = next(iter(importlib.metadata.distributions(name="octavia", path=path)), None)
        __context__["octavia_release.installed"] = found and found.version
    return __context__["octavia_release.installed"]


def offered(saltenv=None):
    """
    Return the version of Octavia that the package source offers (``11.0.0``), or None.

    Asks the package manager, and refreshes its lists once where they know nothing of Octavia. A host that has its
    Octavia in a virtualenv is offered the one that ``octavia_venv.wanted`` tells.

    Raises CommandExecutionError as that does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.offered
    """
    if __salt__["octavia_pillar.has_venv"]():
        return __salt__["octavia_venv.wanted"](saltenv=saltenv)
    if "octavia_release.offered" not in __context__:
        package = __salt__["octavia_pillar.distribution"](saltenv)["offered_by"]
        version = __salt__["pkg.latest_version"](package, refresh=False)
        if not version:
            __salt__["pkg.refresh_db"]()
            version = __salt__["pkg.latest_version"](package, refresh=False)
        # 1:11.0.0-2+deb12u1 -> 11.0.0
        __context__["octavia_release.offered"] = (version or "").split(":")[-1].split("-")[0] or None
    return __context__["octavia_release.offered"]


def facts(saltenv=None):
    """
    Return the facts of the release that this host runs or will run: ``version``, ``octavia`` (its first number),
    ``name``, ``number``, ``wsgi``. An Octavia that is newer than all known ones gets the facts of the newest.

    Raises CommandExecutionError when Octavia is neither installed nor offered.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.facts
    """
    version = installed(saltenv) or offered(saltenv)
    if not version:
        raise CommandExecutionError(
            "Octavia is not installed, and no package source of this host offers "
            f"{__salt__['octavia_pillar.distribution'](saltenv)['offered_by']}"
        )
    return known(version, saltenv)


def known(version, saltenv=None):
    """
    Return the facts of the release that a version of Octavia belongs to, as ``facts`` does.

    version
        Such as ``11.0.0``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.known 16.0.0
    """
    major = int(version.split(".")[0])
    table = __salt__["octavia_pillar.data"](saltenv)["releasemap"]
    entries = [entry for entry in table["releases"] if entry["octavia"] <= major]
    return {**table["defaults"], **entries[-1], "octavia": major, "version": version}


def named(release, saltenv=None):
    """
    Return the facts of a release by its name or number (``epoxy``, ``2025.1``): ``octavia``, ``name``, ``number``,
    ``wsgi``.

    Raises CommandExecutionError for one that nobody knows, with the nearest known name.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.named 2025.1
    """
    table = __salt__["octavia_pillar.data"](saltenv)["releasemap"]
    # without quotes 2025.1 is a number
    release = str(release)
    for entry in table["releases"]:
        if release in (entry["name"], entry.get("number")):
            return {**table["defaults"], **entry}
    names = [name for entry in table["releases"] for name in (entry["name"], entry.get("number")) if name]
    near = difflib.get_close_matches(release.lower(), names, 1, 0.5)
    raise CommandExecutionError(
        f"{release} is no release of OpenStack that this formula knows; nearest known: {near[0] if near else names[-1]}"
    )


def table(octavia, saltenv=None):
    """
    Return the options that an Octavia and its libraries have, as ``{section/option: entry}``, from
    ``octavia/options.yaml``.

    octavia
        First number of its version. A newer one than all known ones gets the table of the newest.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.table 16
    """
    releases = __salt__["octavia_pillar.data"](saltenv)["releasemap"]["releases"]
    octavia = min(octavia, releases[-1]["octavia"])
    if "octavia_release.options" not in __context__:
        __context__["octavia_release.options"] = __salt__["octavia_pillar.load"]("options", saltenv)
    found = {}
    for option, entries in __context__["octavia_release.options"].items():
        for entry in entries if isinstance(entries, list) else [entries]:
            if entry.get("since", 0) <= octavia <= entry.get("until", octavia):
                found[option] = entry
    return found


def gone(options, saltenv=None):
    """
    Return which of some options an older Octavia had and this one has no more, as ``{section/option: sentence}``.

    options
        List of ``section/option``.

    Raises CommandExecutionError as ``facts`` does.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.gone '[haproxy_amphora/use_upstart]'
    """
    have = facts(saltenv)["octavia"]
    here = table(have, saltenv)
    last = {}
    for octavia in range(__salt__["octavia_pillar.data"](saltenv)["releasemap"]["oldest"], have):
        had = table(octavia, saltenv)
        last.update((option, octavia) for option in options if option in had and option not in here)
    return {option: f"removed in {octavia + 1}.0.0" for option, octavia in last.items()}


def check(target, saltenv=None):
    """
    Return what the hop from the release of this host to another one means for this pillar, as lists of lines:

    removed
        What the pillar says of options that are no more.
    renamed
        Options that go on under another name.
    changed
        Options with another type, default or set of values, and those that become deprecated.
    notes
        What else the releases on the way change for this host.

    Each line names the pillar key, the option, what happens to it from which Octavia on, and what to do. Secrets are
    not shown. The release of the host is the installed one, else the pillar's ``version``, else the one that the
    package source offers.

    target
        Name or number of an OpenStack release.

    Raises CommandExecutionError for a release that is unknown, older than all that the formula runs, or older than
    that of the host.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_release.check 2026.1
    """
    hop = _Hop(_present(saltenv), named(target, saltenv), saltenv)
    return {"removed": hop.removed(), "renamed": hop.renamed(), "changed": hop.changed(), "notes": hop.notes()}


def _present(saltenv):
    """The release that the hop starts from."""
    said = __salt__["octavia_pillar.values"](saltenv).get("version")
    if said and not installed(saltenv):
        return named(said, saltenv)
    return facts(saltenv)


class _Hop:
    """What the pillar becomes in one release and in another, and what stands between."""

    def __init__(self, present, goal, saltenv):
        self.saltenv = saltenv
        facts = __salt__["octavia_pillar.data"](saltenv)
        self.map, self.conf = facts["releasemap"], facts["conf"]
        self.start, self.end = present["octavia"], goal["octavia"]
        for release in (present, goal):
            if release["octavia"] < self.map["oldest"]:
                raise CommandExecutionError(
                    f"{release['name']} (Octavia {release['octavia']}) is known by name only: "
                    f"what this formula knows of options begins with {self._label(self.map['oldest'])}"
                )
        if self.end < self.start:
            raise CommandExecutionError(
                f"{goal['name']} (Octavia {self.end}) is older than the {self._label(self.start)} of this host, "
                "and Octavia's database cannot go back"
            )
        self.tables = {octavia: table(octavia, saltenv) for octavia in range(self.map["oldest"], self.end + 1)}
        self.before, self.after = self.tables[self.start], self.tables[self.end]
        self.now, self.then = (
            {
                f"{section}/{name}": value
                for section, names in __salt__["octavia_conf.options"](saltenv, release=release["name"]).items()
                for name, value in names.items()
            }
            for release in (present, goal)
        )
        self.said = __salt__["octavia_pillar.said"](saltenv)
        self.roles = __salt__["octavia_pillar.roles"](saltenv)
        self.sections = __salt__["octavia_pillar.sections"](saltenv)
        self.config = _below(__pillar__, "octavia:config") or {}

    def removed(self):
        lines = []
        for option in sorted(self.now):
            if option in self.after or self._foreign(option) or self._new_name(option):
                continue
            do = "take it out" if self._is_said(option) else "nothing, the formula leaves it out"
            had = [octavia for octavia, options in self.tables.items() if option in options]
            if had:
                what = f"is gone since {self._label(had[-1] + 1)}"
            else:
                section, name = option.split("/")
                known = [known.split("/")[1] for known in self.after if known.startswith(f"{section}/")]
                near = difflib.get_close_matches(name, known, 1, 0.7)
                what = f"is no option of {self._label(self.end)}"
                do = f"say {section}/{near[0]} if that is meant, else take it out" if near else do
            lines.append(f"{self._origin(option)}: {option} {what}: {do}")
        return lines

    def renamed(self):
        lines = []
        for option in sorted(self.now):
            new, since = self._new_name(option) or (None, None)
            if not new:
                continue
            what = f"is {new}" + (f" since {self._label(since)}" if since else ", and this an old name of it")
            do = f"say {new}" if self._is_said(option, config=True) else "nothing, the formula writes the new name"
            lines.append(f"{self._origin(option)}: {option} {what}: {do}")
        return lines

    def changed(self):
        lines, goes_on = [], {(self._new_name(option) or [None])[0] for option in self.now}
        for option, new in sorted(self.after.items()):
            old, found = self.before.get(option), []
            if self._new_name(option):
                continue
            if option in self.now and old:
                found = self._differences(option, old, new)
            elif option in self.then and not old and self._is_said(option) and option not in goes_on:
                found = [f"takes effect since {self._label(self._since(option, bool))}: see that it is meant"]
            elif option not in self.then and old and self._reads(option):
                found = self._default(option, old, new)
            lines += [f"{self._origin(option)}: {option} {what}" for what in found]
        return lines

    def notes(self):
        lines = []
        for note in self.map["notes"]:
            if self.start < note["since"] <= self.end and self._concerns(note):
                option = note.get("set") or note.get("unset") or next(iter(note.get("is", {})), "")
                label = self._label(note["since"])
                if "/" in option:
                    lines.append(f"{self._origin(option)}: {option}: {note['what']}, since {label}: {note['do']}")
                else:
                    lines.append(f"{label}: {note['what']}: {note['do']}")
        foreign = sorted({option.split("/")[0] for option in self.now if self._foreign(option)})
        return lines + [
            f"octavia:config:{section}: the formula's tables have no section [{section}]: "
            "see the release notes of the driver that reads it"
            for section in foreign
        ]

    def _concerns(self, note):
        """Whether all conditions of a note are true here."""
        return (
            ("roles" not in note or bool(set(note["roles"]) & set(self.sections)))
            and ("set" not in note or self._answer(note["set"]) is not None)
            and ("unset" not in note or self._answer(note["unset"]) is None)
            and all(
                self._answer(option) is not None and fnmatch.fnmatchcase(_shown(self._answer(option)), pattern)
                for option, pattern in note.get("is", {}).items()
            )
        )

    def _answer(self, name):
        """What this host says of an option, or of a key below octavia:."""
        return self.now.get(name, self.then.get(name)) if "/" in name else _below(__pillar__, f"octavia:{name}")

    def _differences(self, option, old, new):
        """What changes for an option that the pillar says; its value is hidden where it is secret."""
        kind, was = _kind(new), _kind(old)
        if kind != was:
            since = self._label(self._since(option, lambda entry: entry and _kind(entry) == kind))
            yield f"is of type {kind} since {since}, of type {was} before: see that the value fits"
        if new.get("deprecated") and not old.get("deprecated"):
            since = self._label(self._since(option, lambda entry: entry and entry.get("deprecated")))
            yield f"is deprecated since {since} ({new['deprecated'].rstrip('.')}): take it out"
        fault = _unfit(new, self.then.get(option))
        if fault and not _unfit(old, self.now[option]):
            since = self._label(self._since(option, lambda entry: entry and _unfit(entry, self.then.get(option))))
            yield f"{fault} since {since}: change it"

    def _default(self, option, old, new):
        """What changes for an option that the pillar does not say."""
        default, was = _default_of(new), _default_of(old)
        if default != was and not new.get("secret") and not old.get("secret") and not new.get("deprecated"):
            since = self._label(self._since(option, lambda entry: entry and _default_of(entry) == default))
            yield (
                f"is not said, and its default is {_shown(default)} since {since}, {_shown(was)} before: "
                "say it to keep that"
            )

    def _new_name(self, option):
        """The name by which an option goes on, and since when it must be said so; None where it has none."""
        for entry in self.map["renamed"]:
            if entry["old"] == option and entry["since"] <= self.end and entry["new"] in self.after:
                return entry["new"], entry["since"]
        if option in self.after:
            return None
        for octavia, options in reversed(self.tables.items()):
            for name, entry in options.items():
                if option in entry.get("was", ()) and name in self.after:
                    return name, octavia + 1 if octavia < self.end else None
        return None

    def _since(self, option, is_so):
        """The first Octavia on the way in which something is so of an option's entry (None where it has none)."""
        return next(
            (
                octavia
                for octavia, options in self.tables.items()
                if octavia > self.start and is_so(options.get(option))
            ),
            self.end,
        )

    def _foreign(self, option):
        """Whether a section belongs to something that the tables do not know."""
        section = option.split("/")[0] + "/"
        return not any(name.startswith(section) for options in self.tables.values() for name in options)

    def _reads(self, option):
        """Whether a service of this host reads an option."""
        section = option.split("/")[0]
        if section in _SWITCHED_ON and not any(name.startswith(f"{section}/") for name in self.then):
            return False
        return bool(set(self.conf["sections"].get(section, self.roles)) & set(self.roles))

    def _origin(self, option):
        return __salt__["octavia_conf.origin"](option, self.saltenv)

    def _is_said(self, option, config=False):
        """Whether the pillar says an option, by a key of its own or (with `config` only) in octavia:config."""
        section, name = option.split("/")
        if name in (self.config.get(section) or {}):
            return True
        keys = () if config else __salt__["octavia_conf.keys_of"](option, self.saltenv)
        return any(key in self.said and option in self.conf["keys"][key]["options"] for key in keys)

    def _label(self, octavia):
        """``Octavia 16 (2025.1, epoxy)``."""
        entry = next((entry for entry in self.map["releases"] if entry["octavia"] == octavia), {})
        names = [name for name in (entry.get("number"), entry.get("name")) if name]
        return f"Octavia {octavia}" + (f" ({', '.join(names)})" if names else "")


def _below(tree, key):
    """The value at ``a:b:c`` in nested dicts, None where there is none."""
    for part in key.split(":"):
        # Salt's own pillar is a mapping, and no dict
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def _shown(value):
    """A value or a default as one short text."""
    if value is None:
        return "none"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= 60 else f"{text[:57]}..."


def _default_of(entry):
    """The default of an option; nothing said of it is false for a boolean, and as good as an empty text for others."""
    default = entry.get("default", False if entry["type"] == "boolean" else None)
    return None if default in ("", []) else default


def _kind(entry):
    """The type of an option as an operator knows it: a pattern and an address of the web are strings."""
    return "string" if entry["type"] in ("pattern", "uri") else entry["type"]


def _unfit(entry, value):
    """What is wrong with a value for an option, as far as a table can tell, or None."""
    if value is None or entry.get("secret") or value == "(hidden)":
        return None
    limits, values = entry, [value]
    if entry["type"] == "list":
        limits = entry.get("item", {"type": "string"})
        values = value if isinstance(value, list) else str(value).split(",")
    for each in values:
        if limits.get("choices") and str(each).lower() not in [choice.lower() for choice in limits["choices"]]:
            return f"is {_shown(each)}, must be one of {', '.join(limits['choices'])}"
        if limits["type"] in ("integer", "number", "port") and str(each).lstrip("-").replace(".", "", 1).isdigit():
            if "min" in limits and float(each) < limits["min"]:
                return f"is {each}, must be at least {limits['min']}"
            if "max" in limits and float(each) > limits["max"]:
                return f"is {each}, must be at most {limits['max']}"
    return None
