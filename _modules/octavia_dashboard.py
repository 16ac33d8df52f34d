"""
Horizon's panel for load balancers: whether the web server of the dashboard has read it.

A graceful reload leaves the server's process and its start as they are, so a note tells which panel it was for.
"""

import os

from salt.exceptions import CommandExecutionError


def due(saltenv=None):
    """
    Tell whether the web server runs since before the panel that is installed, and was not reloaded for it.

    Raises CommandExecutionError when there is no panel, or no such server.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_dashboard.due
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    panel, unit = settings["dashboard_panel"], settings["dashboard_unit"]
    if not os.path.isfile(panel):
        raise CommandExecutionError(f"octavia:host:dashboard_panel: there is no file {panel}")
    now = __salt__["octavia_service.status"](unit, fresh=True)
    if not now["loaded"]:
        raise CommandExecutionError(f"octavia:host:dashboard_unit: there is no unit {unit}; where is Horizon served?")
    # one that does not run will read it
    older = now["running"] and now["started"] < os.stat(panel).st_ctime
    return older and __salt__["octavia_file.note"](_path(settings)) != _seen(settings)


def reload(saltenv=None):
    """
    Have the web server of the dashboard load it anew, and note that.

    Raises CommandExecutionError when systemd cannot.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_dashboard.reload
    """
    settings = __salt__["octavia_pillar.settings"](saltenv)
    seen = _seen(settings)
    __salt__["octavia_service.reload"](settings["dashboard_unit"])
    __salt__["octavia_file.keep"](_path(settings), seen)


def _path(settings):
    return f"{settings['state_dir']}/dashboard.json"


def _seen(settings):
    return {"panel": settings["dashboard_panel"], "changed": os.stat(settings["dashboard_panel"]).st_ctime_ns}
