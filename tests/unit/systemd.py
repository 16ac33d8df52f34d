"""A systemd of a test: units as dicts, and the answers that systemctl and journalctl give about them."""

import time


class Systemd:
    """
    `systemd.units["octavia-api"]` says what a unit is; `host.run_all` asks here. What was asked to change something
    is in `systemd.orders`.
    """

    def __init__(self, host):
        self.units, self.orders, self.journal, self.born = {}, [], "", 0
        self.refuses, self.dies = set(), False
        for unit in host.pillar.settings()["units"].values():
            self.add(unit)
        host.run_all.side_effect = self.answer

    def add(self, unit, **properties):
        self.units[unit] = {
            "LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "UnitFileState": "disabled",
            "InvocationID": "", "ExecMainStartTimestampMonotonic": "0", "NeedDaemonReload": "no", "Result": "success",
        } | properties  # fmt: skip

    def run(self, unit, seconds_ago=0.0):
        """Have a unit running, since so many seconds."""
        self.born += 1
        self.units[unit] |= {
            "ActiveState": "active", "SubState": "running", "InvocationID": f"invocation{self.born}",
            "ExecMainStartTimestampMonotonic": str(int((time.monotonic() - seconds_ago) * 1e6)),
            "NeedDaemonReload": "no",
        }  # fmt: skip

    def answer(self, command, **kwargs):
        assert kwargs.get("python_shell") is False
        program, *words = command
        if program == "journalctl":
            return self._said(self.journal)
        verb, units = words[0], [word.removesuffix(".service") for word in words[1:] if not word.startswith("--")]
        if verb == "show":
            blocks = ["\n".join(f"{k}={v}" for k, v in self._show(unit).items()) for unit in units]
            return self._said("\n\n".join(blocks))
        self.orders.append(" ".join(words))
        if verb in self.refuses:
            return {"retcode": 1, "stdout": "", "stderr": "Job failed.\n"}
        for unit in units:
            if verb == "restart":
                self.run(unit)
                if self.dies:
                    self.units[unit] |= self.dies
            if verb == "enable":
                self.units[unit]["UnitFileState"] = "enabled"
            if verb == "disable":
                self.units[unit] |= {"UnitFileState": "disabled", "ActiveState": "inactive", "SubState": "dead"}
        return self._said("")

    def _show(self, unit):
        absent = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}
        return {"Id": f"{unit}.service"} | self.units.get(unit, absent)

    @staticmethod
    def _said(text):
        return {"retcode": 0, "stdout": text, "stderr": ""}
