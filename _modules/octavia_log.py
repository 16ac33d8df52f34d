"""
What Octavia's programs have logged: where, and the error in it.
"""

import re

# What oslo.log writes before a line, or Apache, and the colours of a terminal.
_PREFIX = re.compile(
    r"^[\d-]+ [\d:.]+ \d+ [A-Z]+ \S+ (\[.*?\] )?|^\[[^\]]+ \d{4}\] (\[[^\]]*\] )+|\x1b\[\d*m", re.MULTILINE
)
# The last line of a traceback, and what Alembic says.
_ERROR = re.compile(r"FAILED: |[\w.]*(Error|Exception|Exit|NotFound)\w*: ")


def path(unit, saltenv=None):
    """
    Return the log file of a service.

    unit
        Name of its systemd unit, without ``.service``.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_log.path octavia-worker
    """
    settings = __salt__["octavia_pillar.settings"](saltenv=saltenv)
    directory = (settings.get("logging") or {}).get("log_dir") or settings["log_dir"]
    return f"{directory}/{unit}.log"


def lines(text):
    """
    Return the lines of a log or a traceback that are not empty, without what the log has before each.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_log.lines "2026-11-26 01:00:00.1 12 ERROR octavia [-] ValueError: no"
    """
    return [line.strip() for line in _PREFIX.sub("", text).splitlines() if line.strip()]


def error(text):
    """
    Return the last error among the lines of a log or a traceback, as a line; None where there is none. It may hold a
    secret: meant for other modules.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_log.error "2026-11-26 01:00:00.1 12 ERROR octavia [-] ValueError: no"
    """
    return next(filter(_ERROR.match, reversed(lines(text))), None)
