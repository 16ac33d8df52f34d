"""
What is wrong with the texts that an octavia.conf names and that are neither certificate nor key: the map of the audit
middleware, and templates.
"""

import configparser
import os

import jinja2
from jinja2 import nodes

pem = load("pem")  # noqa: F821 the worker gives its load() to what it loads

# Sections of an audit map. A value must begin with a word of one of CADF's taxonomies, or no request that meets it
# is audited.
SECTIONS = {
    "custom_actions": ("is_valid_action", "action"),
    "path_keywords": (None, None),
    "service_endpoints": ("is_valid_resource", "type of resource"),
}
# Octavia takes the directory of logging_template_override, and in it always this file.
LOGGING_TEMPLATE = "10-rsyslog.conf.template"


def check(texts, user=None):
    """
    Return what is wrong with texts before they are written, as the ``findings`` of ``gate.check``.

    texts
        ``{"section/option": [path, text]}``: what the file that an option names is about to hold.

    user
        Who has to be able to read the files that those need besides.
    """
    files = pem.Files(user, {path: text for path, text in texts.values()})
    found = []
    for option, (path, _) in texts.items():
        try:
            PARSERS[option](files, path, files.read(path))
        except pem.Bad as bad:
            found.append({"option": option, "level": "fault", "what": str(bad), "allowed": ""})
    return found


def audit_map(_files, _path, data):
    """Raise Bad unless the API's audit middleware reads all of a map (keystonemiddleware.audit)."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(_decoded(data))
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as exc:
        raise pem.Bad(f"says on line {exc.lineno} what it has said before") from None
    except configparser.Error as exc:
        number = getattr(exc, "lineno", None) or exc.errors[0][0]
        raise pem.Bad(f"has neither [section] nor name = value on line {number}") from None
    for section in parser.sections():
        if section not in SECTIONS:
            shown = section if section.isprintable() else "(no name)"
            raise pem.Bad(f"has a section [{shown}], and those that count are DEFAULT, {', '.join(SECTIONS)}")
    for section in ("DEFAULT", *parser.sections()):
        try:
            values = dict(parser.items(section))
        except configparser.InterpolationError:
            raise pem.Bad(f"has a % in [{section}] that stands for nothing; %% for a %") from None
        _taxonomy(section, {name: value for name, value in values.items() if name not in parser.defaults()})


def _taxonomy(section, values):
    from pycadf import cadftaxonomy

    check, kind = SECTIONS.get(section, (None, None))
    wrong = sorted(name for name, value in values.items() if check and not getattr(cadftaxonomy, check)(value))
    if wrong:
        raise pem.Bad(f"gives {wrong[0]} of [{section}] a value that is no {kind} of CADF")


def haproxy_template(files, path, data):
    """Raise Bad unless Octavia can load a template of HAProxy's configuration."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["hash_amp_id"] = str  # of Octavia
    _template(environment, files, path, data)


def logging_template(files, path, data):
    """Raise Bad unless Octavia can load a template of the amphora's rsyslog.conf."""
    if os.path.basename(path) != LOGGING_TEMPLATE:
        raise pem.Bad(f"must be called {LOGGING_TEMPLATE}: of this path Octavia looks at the directory only")
    _template(jinja2.Environment(autoescape=True), files, path, data)


def _template(environment, files, path, data):
    directory, waiting, seen = os.path.dirname(path), [(None, data)], set()
    while waiting:
        name, data = waiting.pop()
        which = f"needs {name} beside it, which " if name else ""
        try:
            data = files.read(os.path.join(directory, name)) if name else data
            text = _decoded(data)
            # Filters that do not exist are found only here.
            environment.compile(text, raw=True)
        except jinja2.TemplateSyntaxError as exc:
            raise pem.Bad(f"{which}is no template that Jinja reads: line {exc.lineno}: {_reason(exc)}") from None
        except pem.Bad as bad:
            raise pem.Bad(f"{which}{bad}") from None
        needed = _needed(environment.parse(text)) - seen
        seen |= needed
        waiting += [(each, None) for each in sorted(needed)]


def _needed(tree):
    """The templates without which this one cannot be rendered, as far as it says their names."""
    found = tree.find_all((nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include))
    names = {getattr(each.template, "value", None) for each in found if not getattr(each, "ignore_missing", False)}
    return {name for name in names if isinstance(name, str)}


def _reason(exc):
    """The complaint without what Jinja would rather have had, which may be long."""
    return " ".join(str(exc.message).split()).partition(". ")[0][:100].rstrip(".")


def _decoded(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise pem.Bad("is not UTF-8") from None


PARSERS = {
    "amphora_agent/logging_template_override": logging_template,
    "audit/audit_map_file": audit_map,
    "haproxy_amphora/haproxy_template": haproxy_template,
}
