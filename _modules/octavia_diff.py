"""
What changes in octavia.conf, as it may be shown: by options, without secrets.
"""

import fnmatch
import re

HIDDEN = "(hidden)"
# user:password@, as it stands in a URL or behind the comma of a list of servers
_CREDENTIALS = re.compile(r"((?:://|,)[^:/@,]*:)[^@/,]*@")
# a URL of which all that is secret is found by that; a query may hold anything
_URL = re.compile(r"[a-z0-9+]+://(?:[^:/@,]*:[^@/,]*@[^@/,]*,?)+/[^@?]*(?:\?(?:ssl_[a-z_]+=[^&@]*&?)+)?")

# Secret options that no pillar key of ours feeds, so that octavia:config can set them and they stay hidden.
_SECRET_OPTIONS = (
    "*/*password*",
    "*/*passphrase*",
    "*/*secret*",
    "*/transport_url",
    "*/*connection",
    "*/*token",
    "*/heartbeat_key",
    "*/sasl_*",
)


def parse(text):
    """
    Return octavia.conf text as ``{section/option: value}``, values as they are written. A line that is no option is
    an option without a value, called by its number.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_diff.parse "[DEFAULT]
        debug = true"
    """
    section, name, found = "DEFAULT", None, {}
    # not splitlines(), which also splits where a password holds one of Unicode's line separators
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith((" ", "\t")) and line.strip():
            if name:
                found[name] += "\n" + line.strip()
            else:
                found[f"{section}/line {number}"] = ""
        elif line.startswith("["):
            section, name = line.strip().strip("[]"), None
        elif not line.strip() or line.startswith(("#", ";")):
            name = None
        elif not {"=", ":"} & set(line):
            name = None
            found[f"{section}/line {number}"] = ""
        else:
            end = min(line.index(sign) for sign in "=:" if sign in line)
            name, val = f"{section}/{line[:end].strip()}", line[end + 1 :].strip()
            # an option that stands twice has two values (MultiStrOpt)
            found[name] = f"{found[name]}\n{val}" if name in found else val
    return found


def changes(old, new, saltenv=None):
    """
    Return how two texts of octavia.conf differ, as ``{section/option: {old, new}}`` in the order of the file. Of a
    secret it shows only that it differs. Order and comments are no difference.

    old, new
        Texts; an empty one for a file that is not there.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_diff.changes "" "[DEFAULT]
        debug = true"
    """
    before, after = parse(old), parse(new)
    found = {}
    for option in sorted(before.keys() | after.keys(), key=_place):
        values = before.get(option), after.get(option)
        if values[0] != values[1]:
            shown = [val if val is None else masked(option, val, saltenv) for val in values]
            if shown[0] == shown[1]:
                shown[1] = shown[1].replace(HIDDEN, "(hidden, changed)")
            found[option] = dict(zip(("old", "new"), shown, strict=True))
    return found


def _place(option):
    """Where an option stands in octavia.conf: [DEFAULT] first, then by name."""
    section, _, name = option.partition("/")
    return section != "DEFAULT", section, name


def unified(changes):
    """
    Return what ``changes`` says as a unified diff of options.

    changes
        ``{section/option: {old, new}}``

    CLI Example:

    .. code-block:: bash

        salt-call octavia_diff.unified '{DEFAULT/debug: {old: null, new: "true"}}'
    """
    lines, last = ["--- octavia.conf", "+++ octavia.conf"], None
    for option, sides in changes.items():
        section, _, name = option.partition("/")
        if section != last:
            lines.append(f" [{section}]")
            last = section
        for sign, side in (("-", "old"), ("+", "new")):
            if sides[side] is not None:
                lines.append(f"{sign}{name} = " + sides[side].replace("\n", f"\n{sign}{name} = "))
    return "\n".join(lines)


def masked(option, value, saltenv=None):
    """
    Return the value of an option as it may be shown: a secret hidden, of a URL the password only.

    option, value
        ``section/option``, and its value as it is written.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_diff.masked database/connection mysql+pymysql://octavia:pw@db/octavia
    """
    text = str(value)
    # nobody but a URL with a password in it has both signs
    if not is_secret(option, saltenv) and not ("://" in text and "@" in text):
        return value
    return _CREDENTIALS.sub(rf"\1{HIDDEN}@", text) if _URL.fullmatch(text) else HIDDEN


def is_secret(option, saltenv=None):
    """
    Tell whether an option of octavia.conf (``section/option``) must never be shown.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_diff.is_secret database/connection
    """
    known = __context__.setdefault("octavia_diff.secret_options", set())
    if not known:
        known.update(_SECRET_OPTIONS)
        for spec in __salt__["octavia_pillar.data"](saltenv)["conf"]["keys"].values():
            if spec.get("secret"):
                known.update(__salt__["octavia_pillar.parts"](spec))
    return any(option == name or fnmatch.fnmatch(option, name) for name in known)
