"""
The options of octavia.conf, as the installed Octavia and the libraries of its processes register them.

``python3 registry.py`` prints the table as JSON.
"""

import json
import sys
from importlib import metadata

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from oslo_config import cfg, types

# The libraries that Octavia's processes load and that read octavia.conf. An all-in-one controller has others
# installed. Provider drivers have names that begin with "octavia.".
LIBRARIES = (
    "castellan.config",
    "cotyledon",
    "keystonemiddleware.audit",
    "keystonemiddleware.auth_token",
    "oslo.concurrency",
    "oslo.config",
    "oslo.db",
    "oslo.log",
    "oslo.messaging",
    "oslo.middleware.cors",
    "oslo.middleware.healthcheck",
    "oslo.middleware.http_proxy_to_wsgi",
    "oslo.middleware.sizelimit",
    "oslo.policy",
    "oslo.reports",
)
# Sections that name an auth plugin, whose options are registered when it is loaded.
AUTH_SECTIONS = ("keystone_authtoken", "service_auth", "neutron")

TYPES = (
    # The first that fits: some inherit from others.
    (types.Boolean, "boolean"),
    (types.Port, "port"),
    (types.Integer, "integer"),
    (types.Number, "number"),
    (types.List, "list"),
    (types.Dict, "dict"),
    (types.IPAddress, "address"),
    ((types.HostAddress, types.HostDomain, types.Hostname), "host"),
    (types.URI, "uri"),
    (types.String, "string"),
)
# keystoneauth's plugins use Python's own types.
BUILTINS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def table():
    """Return ``octavia``, the installed release, and ``options``, by "section/name"."""
    return {
        "octavia": metadata.version("octavia"),
        "options": {
            f"{section}/{name}": _entry(section, opt, default)
            for (section, name), (opt, default) in sorted(options().items())
        },
    }


def options(auth=None):
    """
    Return all options, ``{(section, name): (opt, default)}``.

    auth
        ``{section: auth plugin}``; ``password`` for those of AUTH_SECTIONS that it does not name.
    """
    conf = _registered()
    found = {}
    for section, group in (("DEFAULT", conf), *conf._groups.items()):
        for info in group._opts.values():
            # What set_default() and set_override() changed is beside the option.
            found[section, info["opt"].dest] = (info["opt"], info.get("default", info["opt"].default))
    # [neutron] has had an auth plugin since 13.0.0.
    known = {section: "password" for section in AUTH_SECTIONS if (section, "auth_type") in found}
    for section, plugin in {**known, **(auth or {})}.items():
        try:
            for opt in loading.get_auth_plugin_conf_options(plugin):
                found.setdefault((section, opt.dest), (opt, opt.default))
        except ClientException:
            continue  # no such plugin: the checks say so
    return found


def _registered():
    """The global CONF, on which Octavia's modules register their options when they are imported."""
    from octavia.common import config

    if "debug" not in cfg.CONF:
        config.register_cli_opts()
    config.set_lib_defaults()
    for point in _entry_points("oslo.config.opts"):
        if point.name in LIBRARIES or point.name.startswith("octavia."):
            for group, opts in point.load()():
                if not str(group).startswith("sample_"):  # an example of a section that config_source names
                    _register(group, opts)
    return cfg.CONF


def _register(group, opts):
    for opt in opts:
        if opt.dest in ("config_dir", "config_file"):  # of the command line only
            continue
        try:
            cfg.CONF.register_opt(opt, None if group in (None, "DEFAULT") else group)
        except cfg.DuplicateOptError:
            continue  # Octavia has its own


def _entry_points(group):
    points = metadata.entry_points(group=group)
    return sorted(points, key=lambda point: point.name)


def _entry(section, opt, default):
    """What is to be known of an option, as plain data, without what is default."""
    kind = getattr(opt.type, "item_type", opt.type) if opt.multi else opt.type
    was = [f"{old.group or section}/{(old.name or opt.name).replace('-', '_')}" for old in opt.deprecated_opts]
    entry = {
        **_type(kind),
        "default": None if opt.secret else _plain(opt.sample_default if opt.sample_default is not None else default),
        "secret": opt.secret,
        "mutable": opt.mutable,
        "multi": opt.multi,
        "required": opt.required,
        "deprecated": opt.deprecated_for_removal and (_line(opt.deprecated_reason) or "deprecated"),
        "was": sorted({name for name in was if name != f"{section}/{opt.dest}"}),
    }
    return {name: value for name, value in entry.items() if value is not None and value is not False and value != []}


def _type(kind):
    """Type and limits of a value."""
    builtin = BUILTINS.get(getattr(kind, "__name__", None), "any")
    name = next((name for cls, name in TYPES if isinstance(kind, cls)), builtin)
    pattern = getattr(kind, "regex", None)
    facts = {
        "type": "pattern" if pattern else name,
        "choices": [str(choice) for choice in getattr(kind, "choices", None) or () if choice is not None],
        "min": None if name == "port" and kind.min == 0 else getattr(kind, "min", None),
        "max": None if name == "port" and kind.max == types.Port.PORT_MAX else getattr(kind, "max", None),
        "length": getattr(kind, "max_length", None),
        "pattern": pattern and pattern.pattern,
    }
    if name == "list":
        item = _type(kind.item_type)
        facts["item"] = item if item != {"type": "string"} else None
    return {name: fact for name, fact in facts.items() if fact is not None and fact != []}


def _plain(value):
    """A default as JSON has it."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _line(text):
    return " ".join(str(text or "").split())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(table(), indent=1, sort_keys=True) + "\n")
