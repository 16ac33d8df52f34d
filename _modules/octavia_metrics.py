"""
Metrics of this controller for Prometheus, which ``octavia.monitoring`` has a timer write for the node exporter.
"""


def text(saltenv=None):
    """
    Return the metrics of this host as they are now, in Prometheus's text format.

    Raises CommandExecutionError when there is no octavia.conf, or the host's Python lacks a library of Octavia.

    CLI Example:

    .. code-block:: bash

        salt-call --out=newline_values_only octavia_metrics.text
    """
    return __salt__["octavia_host.call"]("metrics", "text", saltenv=saltenv, **_asked(saltenv))


def command(saltenv=None):
    """
    Return the command by which the timer takes them, without the place of the output, as one line of a systemd unit.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_metrics.command
    """
    settings, asked = __salt__["octavia_pillar.settings"](saltenv), _asked(saltenv)
    words = [settings["python"], "-IB", settings["metrics"], "--config-file", asked["config_file"]]
    for role, unit in asked["units"]:
        words += ["--unit", f"{role}={unit}"]
    return " ".join(words + (["--api", asked["api"]] if asked["api"] else []))


def _asked(saltenv):
    """What the metrics are about on this host."""
    settings = __salt__["octavia_pillar.settings"](saltenv)
    roles = settings["roles"]
    return {
        "config_file": settings["conf_file"],
        "units": [[role, settings["units"][role]] for role in roles],
        "api": __salt__["octavia_conf.url"](saltenv=saltenv) if "api" in roles else None,
    }
