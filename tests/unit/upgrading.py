"""
A controller that is upgraded, from Debian 13's Octavia 16.0.0 to 19.0.0 of the next Debian: with a package manager, a
systemd and a database of a test, and a Salt run that may be killed at any of its steps.
"""

import os
import re
import shutil
import time
from copy import deepcopy
from unittest import mock

from formula import Host, shared
from systemd import Systemd

OLD, NEW = "16.0.0-2+deb13u1", "19.0.0-10"
OCTAVIA = ("octavia-api", "octavia-common", "octavia-health-manager", "octavia-housekeeping", "octavia-worker")
WORKER = "octavia-worker"


class Killed(BaseException):
    """SIGKILL: from here on no step of this run does anything, those of a `finally` neither."""


class Apt:
    """
    apt and dpkg: `installed` and `offered` are `{name: version}`, `lost` are versions that no source has any more,
    `brings` comes along with the new Octavia. `fails` has a complaint by verb.
    """

    def __init__(self, host):
        self.host = host
        self.installed = {**dict.fromkeys((*OCTAVIA, "python3-octavia"), OLD), "python3-cotyledon": "1.7.3-5"}
        self.offered = {**dict.fromkeys(self.installed, NEW), "python3-cotyledon": "2.1.0-3"}
        self.brings, self.lost, self.fails, self.takes_away = {"python3-new": "1.0-1"}, set(), {}, []
        self.states, self.commands = {}, []

    def source(self, name):
        return "octavia" if "octavia" in name else f"source-of-{name}"

    def query(self, command, python_shell):
        assert python_shell is False
        form = command[-1]
        third = (
            (lambda name: self.installed[name])
            if "${Version}" in form or "%{EVR}" in form
            else self.source
            if "ource" in form or "SOURCERPM" in form
            else (lambda name: f"{name}:all")
        )
        lines = [f"{self.states.get(name, 'installed')} {name} {third(name)}" for name in self.installed]
        # what dpkg knows of a package whose first installation was killed, and of one that was removed
        return "\n".join([*lines, "half-installed python3-half ", "config-files octavia-agent 11.0.0-2"])

    def apt(self, verb, words, cwd):
        if verb in self.fails:
            return {"retcode": 100, "stdout": "", "stderr": self.fails[verb]}
        if verb == "update":
            self.host.refresh_db()
        names = [word for word in words if re.match(r"[a-z0-9]+-", word) or "=" in word and not word.startswith("APT")]
        said = ""
        if "--simulate" in words:
            for name in names:
                plain, _, version = name.partition("=")
                version = version or self.offered[plain]
                if version != self.installed[plain]:
                    said += f"Inst {plain} [{self.installed[plain]}] ({version} Debian:testing [all]) []\n"
            if said and self.offered["octavia-common"] not in self.installed.values():
                said += "".join(f"Inst {name} ({v} Debian:testing [all])\n" for name, v in self.brings.items())
            said += said.replace("Inst ", "Conf ")
            said += "".join(f"Remv {name} [1.0]\n" for name in self.takes_away)
        if verb == "download":
            name, version = names[0].split("=")
            if version in self.lost:
                return {"retcode": 100, "stdout": "", "stderr": f"E: Version '{version}' for '{name}' was not found\n"}
            with open(os.path.join(cwd, f"{name}_{version.replace(':', '%3a')}_all.deb"), "w", encoding="utf-8"):
                pass
        return {"retcode": 0, "stdout": f"Reading package lists...\n{said}", "stderr": ""}

    def dpkg(self, words):
        if words[0] == "--install":
            if "dpkg" in self.fails:
                return {"retcode": 1, "stdout": "", "stderr": self.fails["dpkg"]}
            for path in words:
                if path.endswith(".deb"):
                    name, version, _ = os.path.basename(path).split("_")
                    self.install({name: version.replace("%3a", ":")})
        return {"retcode": 0, "stdout": "", "stderr": ""}

    def install(self, packages):
        self.installed.update(packages)
        if "octavia-common" in packages:
            self.host.install(packages["octavia-common"].split("-")[0])

    def answer(self, command, **kwargs):
        assert kwargs.get("python_shell") is False
        if command[0] in ("apt-get", "dpkg"):
            self.commands.append(" ".join(command))
        if command[0] == "apt-get":
            return self.apt(command[2], command[3:], kwargs.get("cwd"))
        return self.dpkg(command[1:])


class Controller(Host):
    """
    `Host` with `apt`, `systemd` and `backup` (mocks by name); `phase("stopped")` applies a state of octavia_upgrade in
    a new Salt run.
    """

    def __init__(self, root, tree=None, octavia="16.0.0", **kwargs):
        self._loaded = {}
        super().__init__(root, tree or shared(), octavia=octavia, **kwargs)
        pillar = self.tree["octavia"]
        pillar["api"].setdefault("healthcheck", {})["disable_by_file_path"] = str(root / "etc" / "healthcheck_disable")
        pillar.setdefault("upgrade", {}).setdefault("drain", {}).setdefault("seconds", 0)
        self.apt, self.systemd = Apt(self), Systemd(self)
        self.database = {
            "schema": mock.Mock(return_value={"current": "a1", "head": "a1", "empty": False, "ahead": False}),
            "is_primary": mock.Mock(return_value=True),
            "refresh_heartbeats": mock.Mock(return_value=None),
            "heartbeats": mock.Mock(return_value=[]),
            "unsettled": mock.Mock(return_value=[]),
        }
        self.backup = {
            "plan": mock.Mock(return_value={"faults": []}),
            "latest": mock.Mock(return_value=None),
            "migrated": mock.Mock(return_value=False),
            "restore": mock.Mock(return_value={}),
            "done": mock.Mock(return_value=True),
        }
        self.salt.update({f"octavia_db.{name}": function for name, function in self.database.items()})
        self.salt.update({f"octavia_backup.{name}": function for name, function in self.backup.items()})
        self.salt["cmd.run_stdout"] = self.apt.query
        self._prepare_masks()
        self.run_all.side_effect = self._answer
        self.installer = self.states["pkg.installed"]
        self.installer.side_effect = self._install
        for name in ("running", "dead", "unit"):
            self.states[f"octavia_service.{name}"] = self._service(name)
        self.drain.wait_for_api = mock.Mock(name="wait_for_api", return_value=None)
        self.pki.status = mock.Mock(return_value={"level": "ok", "findings": []})
        self.cloud.resources = mock.Mock(return_value=[])
        self.steps, self.deadline = [], None
        self._count("cmd.run_all", "octavia_file.keep", "octavia_restore.save", "octavia_restore.files", self.salt)
        self._count(
            "octavia_backup.restore", "octavia_drain.out", "octavia_drain.back", "octavia_hop.forget", self.salt
        )
        self._count("pkg.installed", self.states)
        self._write_all_as_pillar_says()

    def state(self, name, lowstate=()):
        # phases are many in these tests
        if name not in self._loaded:
            self._loaded[name] = super().state(name, lowstate)
        return self._loaded[name]

    # --- a run and its end

    def phase(self, name, test=False):
        """A state of octavia_upgrade, in a run of its own."""
        self.again()
        self.opts["test"] = test
        return getattr(self.state("octavia_upgrade"), name)("any name")

    def phases(self, *names, test=False):
        """Several of them in one run, until one fails; `{name: ret}`."""
        self.again()
        self.opts["test"] = test
        state, found = self.state("octavia_upgrade"), {}
        for name in names:
            if name == "render":
                if not test:
                    self._write_all_as_pillar_says()
                continue
            found[name] = getattr(state, name)("any name")
            if found[name]["result"] is False:
                break
        return found

    def kill_at(self, step):
        """Have the next run killed at its step of this number; None lets all runs live."""
        self.steps, self.deadline = [], step

    def snapshot(self):
        """Return a function that has the machine as it is now again."""
        copy, memory = self.root.parent / f"{self.root.name}-snapshot", (self.apt.installed, self.systemd.units)
        shutil.copytree(self.root, copy, symlinks=True)
        installed, units = deepcopy(memory)

        def rewind():
            shutil.rmtree(self.root)
            shutil.copytree(copy, self.root, symlinks=True)
            self.apt.installed, self.systemd.units = deepcopy((installed, units))
            self.systemd.orders.clear()
            self.again()

        return rewind

    def _count(self, *args):
        *names, table = args
        for name in names:
            table[name] = self._mortal(name, table[name])

    def _mortal(self, name, function):
        def step(*args, **kwargs):
            if self.deadline is not None and len(self.steps) >= self.deadline:
                raise Killed
            self.steps.append(name)
            return function(*args, **kwargs)

        return step

    # --- the machine

    def _prepare_masks(self):
        units, updates = self.root / "masks", self.root / "updates"
        for directory in (units, updates):
            directory.mkdir()
        self.pkg._RUNTIME_UNITS, self.pkg._DPKG_UPDATES = str(units), str(updates)
        self.pkg._DPKG_LOCK = str(self.root / "dpkg.lock")

    def masked(self):
        return sorted(path.name.removesuffix(".service") for path in (self.root / "masks").iterdir())

    def _answer(self, command, **kwargs):
        if command[:2] in (["systemctl", "mask"], ["systemctl", "unmask"]):
            for unit in command[3:]:
                path, name = self.root / "masks" / unit, unit.removesuffix(".service")
                if command[1] == "mask":
                    path.is_symlink() or path.symlink_to("/dev/null")
                else:
                    path.unlink()
                self.systemd.units[name]["LoadState"] = "masked" if command[1] == "mask" else "loaded"
            return {"retcode": 0, "stdout": "", "stderr": ""}
        if command[0] in ("systemctl", "journalctl"):
            return self.systemd.answer(command, **kwargs)
        return self.apt.answer(command, **kwargs)

    def _install(self, name, pkgs, **kwargs):
        """pkg.installed, package by package: a run may be killed between them."""
        for package in pkgs:
            self.apt.install(package)
        return {"name": name, "result": True, "changes": {}, "comment": f"{len(pkgs)} packages were installed"}

    def _service(self, function):
        return lambda name, role: getattr(self.state("octavia_service"), function)(name, role)

    def _write_all_as_pillar_says(self):
        self.conf_file.write_text(self.conf.render(mask=False))
        self.conf_file.chmod(0o640)

    def run_all_services(self):
        """All of them running, enabled and up to date, with our drop-ins."""
        units = self.pillar.settings()["units"]
        for role in self.pillar.roles():
            self.systemd.run(units[role])
            self.systemd.units[units[role]]["UnitFileState"] = "enabled"
            self.service.status(units[role], fresh=True)
            self.service.mark(units[role], role)
        for role in self.pillar.roles():
            if role != "api":
                self.service.place(*self.service.drop_in(units[role])[::2])
        self.systemd.orders.clear()
        self.again()

    def running(self):
        """The units that run and are enabled."""
        return sorted(
            name
            for name, unit in self.systemd.units.items()
            if unit["ActiveState"] == "active" and unit["UnitFileState"] == "enabled"
        )

    def migrates(self, path="/var/backups/octavia/before.sql.gz"):
        """The database was migrated, and there is a dump of before."""
        self.backup["migrated"].return_value = True
        self.backup["latest"].return_value = {"path": path, "taken": "2026-11-26T02:30:00Z", "began": time.time()}

        def restore(**kwargs):
            self.backup["migrated"].return_value = False

        self.backup["restore"].side_effect = restore
