"""
What is wrong with an octavia.conf, in the judgement of the installed Octavia and its libraries.

The text is read by oslo.config's parser and types, with every option that is registered. Findings never hold
the value of a secret, whatever option it was written into.
"""

import contextlib
import difflib
import io
import locale
import os
import re

from oslo_config import cfg, iniparser

registry = load("registry")  # noqa: F821 the worker gives its load() to what it loads
judgements = load("judgements")  # noqa: F821

# Not all that is secret is registered as such in all releases.
SECRET = re.compile("password|passphrase|secret|connection$|transport_url|heartbeat_key|ssl_options")

# In which oslo.config opens files.
ENCODING = locale.getpreferredencoding(False)


def check(text, user=None, contents=None, gone=None):
    """
    Return ``findings``, what is wrong, in the order of the text, as a list of ``{option, level, what, allowed}``; and
    ``files``, those that were read for it, as ``{path: time of its last change}``.

    text
        The octavia.conf, as it is about to be.

    user
        Who has to be able to read the files that it names: the user of the services.

    contents
        ``{path: text}`` of files that are not there yet, or other, and are about to be written.

    gone
        ``{"section/name": sentence}`` about options that other releases have.

    ``option`` is "section/name", or a section where all of it is meant; ``level`` is ``fault``, or ``warning``
    for what Octavia would run with. ``passes`` is added to what time alone may mend.
    """
    gate = Gate()
    return {"findings": gate.findings(text, user, contents or {}, gone or {}), "files": gate.files.seen}


class Parser(iniparser.BaseParser):
    """oslo.config's parser, which also says on which line an option begins."""

    def __init__(self):
        super().__init__()
        self.section, self.begun, self.sections, self.options = None, 0, [], []

    def new_section(self, section):
        self.section = section
        self.sections.append((section, self.lineno))

    def _split_key_value(self, line):
        self.begun = self.lineno
        return super()._split_key_value(line)

    def assignment(self, key, value):
        if not self.section:
            raise iniparser.ParseError("an option before the first section", self.begun, "")
        self.options.append((self.section, key, "\n".join(value), self.begun))


class Gate:
    """One text on its way through all checks. ``values`` has what Octavia gets, of the options that are sound."""

    def __init__(self):
        self.found = []  # (line, finding)
        self.lines, self.values, self.broken, self.secrets = {}, {}, set(), set()

    def findings(self, text, user, contents, gone):
        parser, lines = self.parse(text)
        sources = set()
        for section, name, value, line in parser.options:
            if section == "DEFAULT" and name == "config_source":
                # More options come from there, maybe over the network: that is not for a check.
                sources |= {each.strip() for each in value.split(",")}
                _blank(lines, line)
            elif section == "DEFAULT" and name in registry.COMMAND_LINE:
                # A bad value of one would end the process.
                _blank(lines, line)
        parser.sections = [each for each in parser.sections if each[0] not in sources]
        parser.options = [each for each in parser.options if each[0] not in sources]
        # A worker lives for several checks, each with auth plugins of its own.
        added = registry.register(_auth_plugins(parser))
        try:
            self.opts = {f"{section}/{name}": opt for (section, name), (opt, _) in registry.options().items()}
            self.read("".join(lines))
            self.name(parser, gone)
            for option in list(self.values):
                self.value(option)
            self.required()
            for option in self.broken:
                self.values.pop(option, None)
            judgements.judge(self, user, contents)
        finally:
            cfg.CONF.clear()
            registry.forget(added)
        return [finding for _, finding in sorted(self.found, key=lambda found: found[0])]

    def add(self, option, what, allowed="", level="fault", line=None, **more):
        finding = {"option": option, "level": level, "what": what, "allowed": allowed, **more}
        line = self.lines.get(option, 0) if line is None else line
        if (line, finding) not in self.found:
            self.found.append((line, finding))
        if level == "fault":
            self.broken.add(option)

    def get(self, option):
        """What Octavia gets, the default where the text is silent; None where it is broken or unknown."""
        if option in self.broken or option not in self.opts:
            return None
        with contextlib.suppress(Exception):
            return registry.value(*option.split("/", 1))

    def secret(self, option):
        return self.opts[option].secret or bool(SECRET.search(option))

    def shown(self, option, value):
        """A value for a message, unless it is or holds a secret, or is long."""
        return "the value" if self.secret(option) else self.masked(str(value))

    def masked(self, value):
        """As ``shown``, for a part of a secret that is none itself, such as a path in a URL."""
        hidden = "@" in value or any(secret == value or secret in value and len(secret) > 3 for secret in self.secrets)
        return "the value" if hidden or not value.isprintable() or len(value) > 100 else f'"{value}"'

    def parse(self, text):
        """The parser, and the lines, those empty that are no option, so that all others are checked."""
        readable = text.encode(errors="replace").decode()
        if readable != text:
            self.add("DEFAULT", "the text is not UTF-8", line=0)
        lines = io.StringIO(readable, newline=None).readlines()
        while True:
            parser = Parser()
            try:
                parser.parse(lines)
            except iniparser.ParseError as exc:
                what = f"line {exc.lineno}: {exc.msg[:1].lower()}{exc.msg[1:]}"
                self.add(_plain(parser.section or "DEFAULT"), what, "[section], or option = value", line=exc.lineno)
                _blank(lines, exc.lineno)
            else:
                return parser, lines

    def read(self, text):
        """Let the global CONF, at which Octavia's own checks look, read the text; no disk ever holds it."""
        handle = os.memfd_create("octavia.conf")
        try:
            with open(handle, "w", encoding=ENCODING, errors="replace", closefd=False) as file:
                file.write(text)
            # What is required and missing is found below, and not only the first.
            with contextlib.suppress(cfg.Error, ValueError):
                cfg.CONF(
                    [],
                    project="octavia",
                    default_config_files=[f"/proc/self/fd/{handle}"],
                    default_config_dirs=[],
                    use_env=False,
                )
        finally:
            os.close(handle)

    def name(self, parser, gone):
        """Find the option that each line means, by its name or an older one."""
        now, once = {}, {}
        for option, opt in self.opts.items():
            section = _section(option)
            now[_normal(section), opt.dest] = option
            for old in opt.deprecated_opts:
                name = old.name or opt.dest
                once.update({(_normal(old.group or section), each): option for each in (name, name.replace("-", "_"))})
        sections = {section for section, _ in (*now, *once)}
        for section, line in parser.sections:
            if _normal(section) not in sections:
                near = _nearest(section, {_section(option) for option in self.opts})
                self.add(_plain(section), "there is no such section", near and f"nearest known: [{near}]", line=line)
        lines = {}
        for section, name, value, line in parser.options:
            where = (_normal(section), name)
            option, old = now.get(where) or once.get(where), where not in now
            self.keep_secret(option, value)
            if option:
                lines.setdefault(option, []).append((f"{section}/{name}" if old else None, value, line))
            elif where[0] in sections:
                self.unknown(section, name, line, gone)
        for option, given in lines.items():
            self.choose(option, given)

    def keep_secret(self, option, value):
        """Remember what no message may hold: secrets, and what is written where no option is known."""
        if not option or self.secret(option):
            self.secrets.update(item.strip() for item in (value, *value.split(",")) if item.strip())
        self.secrets.update(re.findall(r"://[^:/@\s]*:([^@\s]+)@", value))

    def unknown(self, section, name, line, gone):
        option = f"{_plain(section)}/{_plain(name)}"
        names = {known: option for option in self.opts for known in [option.split("/", 1)[1]]}
        beside = {opt.dest for known, opt in self.opts.items() if _normal(_section(known)) == _normal(section)}
        near = _nearest(name, beside)
        near = f"{section}/{near}" if near else names.get(name) or ""
        why = f": {gone[option]}" if option in gone else ""
        self.add(
            option, f"there is no such option{why}", "" if why or not near else f"nearest known: {near}", line=line
        )

    def choose(self, option, given):
        """Of several lines for one option, tell which counts."""
        opt = self.opts[option]
        used = [each for each in given if not each[0]] or given
        for old, _, line in given:
            if old:
                ignored = "" if used is given else ", and is ignored because the new name is set too"
                self.add(old, f"was renamed{ignored}", option, "warning", line)
        line = used[-1][2]
        if len(used) > 1 and not opt.multi:
            self.add(option, f"is set {len(used)} times, the last counts", "one line", "warning", line)
        if opt.deprecated_for_removal:
            reason = " ".join(str(opt.deprecated_reason or "").split())
            self.add(option, f"is deprecated: {reason}" if reason else "is deprecated", "", "warning", line)
        self.lines[option] = line
        self.values[option] = [value for _, value, _ in (used if opt.multi else used[-1:])]

    def value(self, option):
        """Read an option as Octavia will."""
        texts, opt = self.values[option], self.opts[option]
        expands = [name for text in texts for name in _substitutions(text)]
        try:
            self.values[option] = registry.value(_section(option), opt.dest)
        except (cfg.TemplateSubstitutionError, cfg.NoSuchOptError, cfg.NoSuchGroupError):
            self.add(option, "$ and a name stand for the value of that option, and there is none", "$$ for a $")
        except Exception:  # noqa: BLE001 the type's complaint holds the value
            self.add(option, self.wrong(option, texts[-1]), registry.allowed(registry.facts(opt)))
        else:
            if expands:
                level = "fault" if self.secret(option) else "warning"
                self.add(option, "$ and a name stand for the value of that option", "$$ for a $", level)

    def wrong(self, option, text):
        """Why a value is refused, in words that are the same for all releases of oslo.config."""
        facts, shown = registry.facts(self.opts[option]), self.shown(option, text)
        if "choices" in facts:
            return f"{shown} is not among the choices"
        if facts["type"] in ("integer", "number", "port"):
            with contextlib.suppress(ValueError):
                (float if facts["type"] == "number" else int)(text)
                return f"{shown} is out of range"
        if facts["type"] == "list":
            return f"{shown} has an item that is not allowed"
        if facts["type"] == "pattern":
            return f"{shown} does not match the pattern"
        return f"{shown} is not {registry.PHRASES[facts['type']]}"

    def required(self):
        """What has to be set; for an auth plugin, where the text says to use one."""
        for option, opt in self.opts.items():
            section = _section(option)
            # Octavia takes for Neutron what is missing there from [service_auth].
            plugin = section in registry.AUTH_SECTIONS
            skip = plugin and (section == "neutron" or f"{section}/auth_type" not in self.values)
            if opt.required and not skip and option not in self.broken and self.get(option) is None:
                self.lines.setdefault(option, self.lines.get(f"{section}/auth_type", 0))
                self.add(option, "is required and not set", registry.allowed(registry.facts(opt)))


def _auth_plugins(parser):
    """The auth plugin of each section that may name one, and of sections to which those refer."""
    said = {(_normal(section), name): value for section, name, value, _ in parser.options}
    sections = {said.get((section, "auth_section")) or section for section in registry.AUTH_SECTIONS}
    return {section: said[section, "auth_type"] for section in sections if (section, "auth_type") in said}


def _blank(lines, number):
    """Empty a line and those that continue it."""
    lines[number - 1] = "\n"
    while number < len(lines) and lines[number][:1] in " \t" and lines[number].strip():
        lines[number] = "\n"
        number += 1


def _section(option):
    return option.split("/", 1)[0]


def _normal(section):
    """As oslo.config compares sections."""
    return section if section == "DEFAULT" else section.lower()


def _plain(name):
    """The name of a section or option for a message: a line that is no name may hold a secret."""
    return name if re.fullmatch(r"[\w.-]{1,80}", name) else "(no name)"


def _nearest(name, names):
    return next(iter(difflib.get_close_matches(name[:80], sorted(names), 1)), "")


def _substitutions(text):
    """The names that oslo.config would replace by values: ``$name`` and ``${name}``, unless escaped."""
    matches = cfg.CONF.Template.pattern.finditer(text.replace(r"\$", "$$"))
    return [match["named"] or match["braced"] for match in matches if match["named"] or match["braced"]]
