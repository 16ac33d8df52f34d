"""
The options of octavia.conf, as the installed Octavia and the libraries of its processes register them.

``python3 registry.py`` prints the table as JSON.
"""

import contextlib
import functools
import json
import os
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
# oslo.config lists them, and in a file they mean nothing.
COMMAND_LINE = ("config_dir", "config_file", "shell_completion")
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
PHRASES = {
    "boolean": "true or false",
    "port": "a port number from 0 to 65535",
    "integer": "an integer",
    "number": "a number",
    "list": "a list, separated by commas",
    "dict": "key:value, separated by commas",
    "address": "an IP address",
    "host": "a host name or IP address",
    "uri": "a URI",
    "string": "text",
    "any": "text",
}
# keystoneauth's plugins use Python's own types.
BUILTINS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def table():
    """Return ``octavia``, the installed release, and ``options``, by "section/name"."""
    register()
    return {
        "octavia": metadata.version("octavia"),
        "options": {
            f"{section}/{name}": _entry(section, opt, default)
            for (section, name), (opt, default) in sorted(options().items())
        },
    }


def register(auth=None):
    """
    Have all options on the global CONF, on which Octavia's modules put theirs when they are imported.

    auth
        ``{section: auth plugin}``; ``password`` for those of AUTH_SECTIONS that it does not name.

    Returns the options of the auth plugins, which ``forget`` removes again.
    """
    # eventlet, which some releases bring along, would load a resolver that nobody here asks.
    os.environ["EVENTLET_NO_GREENDNS"] = "yes"
    from octavia.common import config

    # A provider driver may have been installed since the last time.
    _entry_points.cache_clear()
    # Octavia has those of oslo.log on the command line too, where a bad value of one ends the process.
    if "debug" not in cfg.CONF:
        config.set_lib_defaults()
        lists = plugins("oslo.config.opts")
        for name, point in sorted(lists.items()):
            if name in LIBRARIES or name.startswith("octavia."):
                for section, opts in point.load()():
                    _register(section, opts)
        # A provider driver that lists no options registers them when it is imported.
        listed = {point.dist.name for point in lists.values()}
        for point in plugins("octavia.api.drivers").values():
            if point.dist.name not in listed:
                with contextlib.suppress(Exception):
                    point.load()
    known = [section for section in AUTH_SECTIONS if (section, "auth_type") in options()]
    # [neutron] has had an auth plugin since 13.0.0.
    auth = {name: plugin for name, plugin in (auth or {}).items() if name in known or name not in AUTH_SECTIONS}
    for section in known:
        # Octavia takes for Neutron what is missing there from [service_auth].
        auth.setdefault(section, auth.get("service_auth", "password"))
    added = []
    for section, plugin in auth.items():
        added += _register(section, loading.get_auth_common_conf_options())
        try:
            opts = loading.get_auth_plugin_conf_options(plugin)
        except ClientException:  # no such plugin: the checks say so, and only that
            opts = loading.get_auth_plugin_conf_options("password")
        added += _register(section, opts)
    return added


def forget(added):
    """Remove what ``register`` returned; CONF must not have read a file, or be cleared."""
    for section, opt in added:
        cfg.CONF.unregister_opt(opt, section)


def options():
    """Return what is registered, ``{(section, name): (opt, default)}``."""
    found = {}
    for section, group in (("DEFAULT", cfg.CONF), *cfg.CONF._groups.items()):
        for name in sorted(group._opts.keys() - set(COMMAND_LINE)):
            info = group._opts[name]
            # What set_default() changed is beside the option.
            found[section, name] = (info["opt"], info.get("default", info["opt"].default))
    return found


def value(section, name):
    """Return what CONF gives to Octavia."""
    return (cfg.CONF if section == "DEFAULT" else cfg.CONF[section])[name]


def plugins(namespace):
    """Return the installed entry points by name."""
    return {point.name: point for point in _entry_points().select(group=namespace)}


@functools.lru_cache(maxsize=1)
def _entry_points():
    return metadata.entry_points()


def facts(opt):
    """Return type and limits of an option, as the table has them."""
    return _type(getattr(opt.type, "item_type", opt.type) if opt.multi else opt.type)


def allowed(facts):
    """Return type and limits as a phrase."""
    if "choices" in facts:
        return f"one of {', '.join(facts['choices'])}"
    if "pattern" in facts:
        return f"text that matches {facts['pattern']}"
    phrase = PHRASES[facts["type"]]
    limits = [f"{word} {facts[name]}" for name, word in (("min", "from"), ("max", "to")) if name in facts]
    if facts["type"] == "list" and "item" in facts:
        phrase = f"{phrase}; each {allowed(facts['item'])}"
    if "length" in facts:
        limits.append(f"of at most {facts['length']} characters")
    return " ".join((phrase, *limits))


def _register(section, opts):
    """Register options and return those that were not there; what Octavia itself has registered stays."""
    added = []
    if str(section).startswith("sample_"):  # an example of a section that config_source names
        return added
    group = None if section in (None, "DEFAULT") else section
    for opt in opts:
        if opt.dest in COMMAND_LINE:
            continue
        with contextlib.suppress(cfg.DuplicateOptError):
            if cfg.CONF.register_opt(opt, group):
                added.append((group, opt))
    return added


def _entry(section, opt, default):
    """What is to be known of an option, as plain data, without what is default."""
    was = [f"{old.group or section}/{(old.name or opt.name).replace('-', '_')}" for old in opt.deprecated_opts]
    entry = {
        **facts(opt),
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
    limits = {
        "type": "pattern" if pattern else name,
        "choices": [str(choice) for choice in getattr(kind, "choices", None) or () if choice is not None],
        "min": None if name == "port" and kind.min == 0 else getattr(kind, "min", None),
        "max": None if name == "port" and kind.max == types.Port.PORT_MAX else getattr(kind, "max", None),
        "length": getattr(kind, "max_length", None) or None,
        "pattern": pattern and pattern.pattern,
    }
    if name == "list":
        item = _type(kind.item_type)
        limits["item"] = item if item != {"type": "string"} else None
    return {name: limit for name, limit in limits.items() if limit is not None and limit != []}


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
