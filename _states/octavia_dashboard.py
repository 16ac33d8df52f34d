"""
Show load balancers in Horizon.
"""

import os

from salt.exceptions import CommandExecutionError


def shown(name):
    """
    Ensure that the web server of the dashboard has loaded the panel that is installed. It is reloaded where it runs
    since before that, and only then.

    name
        Any text.

    .. code-block:: yaml

        octavia_dashboard:
          octavia_dashboard.shown: []
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    settings = __salt__["octavia_pillar.settings"](saltenv=__env__)
    unit = settings["dashboard_unit"]
    changes = {unit: {"old": "without the panel", "new": "reloaded"}}
    # in a dry run the packages may be still to come
    awaited = __opts__["test"] and not os.path.exists(settings["dashboard_panel"])
    try:
        if not awaited and not __salt__["octavia_dashboard.due"](saltenv=__env__):
            return {**ret, "comment": f"{unit} has the panel"}
        if __opts__["test"]:
            return {**ret, "result": None, "changes": changes, "comment": f"{unit} would be reloaded"}
        __salt__["octavia_dashboard.reload"](saltenv=__env__)
    except CommandExecutionError as exc:
        return {**ret, "result": False, "comment": str(exc)}
    return {**ret, "changes": changes, "comment": f"{unit} reloaded"}
