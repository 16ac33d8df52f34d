"""
A minion without Salt's loader: the formula's execution modules, wired to each other as `__salt__` wires them, on the
formula's own data files. What would touch the machine (systemctl, the package manager, the database) is a mock.
"""

import copy
import functools
import importlib.util
import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import yaml
from bad_pillars import GONE, changed, shared  # noqa: F401 what most tests begin with
from harness import PILLARS, ROOT, Issued, pillar_text

MODULES = (
    "octavia_pillar",
    "octavia_release",
    "octavia_conf",
    "octavia_diff",
    "octavia_gate",
    "octavia_heartbeat",
    "octavia_policy",
    "octavia_check",
    "octavia_fit",
    "octavia_file",
    "octavia_log",
    "octavia_issue",
    "octavia_pkg",
    "octavia_venv",
    "octavia_service",
    "octavia_dashboard",
    "octavia_tls",
    "octavia_x509",
    "octavia_cloud",
    "octavia_ensure",
    "octavia_identity",
    "octavia_network",
    "octavia_resources",
    "octavia_ids",
    "octavia_certificates",
    "octavia_pki",
    "octavia_compute",
    "octaviav2",
    "octavia_health",
    "octavia_metrics",
    "octavia_syslog",
    "octavia_probe",
    "octavia_image",
    "octavia_firewall",
    "octavia_port",
    "octavia_interface",
    "octavia_image_build",
    "octavia_hop",
    "octavia_drain",
    "octavia_restore",
    "octavia_upgrade",
)
#: Versions of Octavia by what changed in them: Debian 12, the last [neutron] of old form, the first of the new one,
#: Debian 13, and one that is newer than this formula knows.
RELEASES = ("11.0.0", "12.0.1", "13.0.0", "16.0.0", "19.0.0")


def pillar(name):
    """A pillar of tests/pillar, as a dict: `pillar("api_single")`."""
    return yaml.safe_load(pillar_text(Path(PILLARS / f"{name}.sls")))


@functools.cache
def certificates(passphrase=None):
    """Texts for the files that every manager reads."""
    server, client = Issued("server authority", days=300, passphrase=passphrase), Issued("client authority", days=300)
    own = Issued("octavia", by=client, authority=False, days=300)
    return {
        "server_ca.cert.pem": server.certificate,
        "server_ca.key.pem": server.key,
        "client_ca.cert.pem": client.certificate,
        "client.cert-and-key.pem": own.certificate + own.key,
    }


def with_certificates(tree):
    """The pillar with them."""
    passphrase = tree["octavia"]["manager"].get("certificates", {}).get("ca_private_key_passphrase")
    answers = {f"certificates:{name}": text for name, text in certificates(passphrase).items()}
    return changed(tree, **{"certificates:source": "pillar"}, **answers)


class Context(dict):
    """
    `__context__`, without what was made of another pillar: a minion has one pillar for a run, a test may say several.
    """

    def __init__(self, tree):
        self.tree, self.seen = tree, copy.deepcopy(tree)

    def __contains__(self, name):
        self._refresh()
        return super().__contains__(name)

    def setdefault(self, name, default):
        self._refresh()
        return super().setdefault(name, default)

    def _refresh(self):
        if self.tree != self.seen:
            self.seen = copy.deepcopy(self.tree)
            for name in ("said", "values", "settings", "unsaid"):
                self.pop(f"octavia_pillar.{name}", None)


class Host:
    """
    One minion: `host.conf`, `host.check`, `host.file`, `host.pkg`, `host.service`, and the states by `host.state`.

    Its Octavia's files lie below `root`, so that a test may write where Octavia would be.
    """

    def __init__(self, root, tree=None, octavia="11.0.0", offered="", test=False, grains=None):
        self.root = root
        self.tree = copy.deepcopy(tree or {})
        self.opts = {"test": test, "saltenv": "base", "cachedir": str(root / "cache"), "id": "ctl01"}
        self.context = Context(self.tree)
        self.grains = {"os_family": "Debian", "num_cpus": 4} | (grains or {})
        self.metadata = root / "python"
        self.metadata.mkdir(exist_ok=True)
        self.install(octavia)
        self.run_all = mock.Mock(name="cmd.run_all", return_value={"retcode": 0, "stdout": "", "stderr": ""})
        self.latest_version = mock.Mock(name="pkg.latest_version", return_value=offered)
        self.refresh_db = mock.Mock(name="pkg.refresh_db")
        self.packages = []
        self.due = mock.Mock(name="octavia_db.due", return_value=False)
        self.ask = mock.Mock(name="octavia_host.call")
        self.mine = mock.Mock(name="mine.get", return_value={})
        self.finds()
        self.states = {"pkg.installed": mock.Mock(name="pkg.installed")}
        self.salt = {
            "cp.cache_file": lambda url, saltenv: str(ROOT / url.removeprefix("salt://")),
            "cmd.run_all": self.run_all,
            "pkg.latest_version": self.latest_version,
            "pkg.refresh_db": self.refresh_db,
            "cmd.run_stdout": lambda command, python_shell: "\n".join(f"installed {name}" for name in self.packages),
            "octavia_db.due": self.due,
            "octavia_host.call": self.ask,
            "mine.get": self.mine,
        }
        self._load_modules()

    def _load_modules(self):
        for name in MODULES:
            module = self._load(f"_modules/{name}")
            setattr(self, name.removeprefix("octavia_"), module)
            public = (fun for fun in dir(module) if callable(getattr(module, fun)) and not fun.startswith("_"))
            # through the module, so that a monkeypatched function is the one that others call
            self.salt.update({f"{name}.{fun}": _late(module, fun) for fun in public})
        if os.getuid():
            # who is not root can give a file to nobody else
            self.file._ids = lambda user, group: (os.getuid(), os.getgid())

    def _load(self, path):
        spec = importlib.util.spec_from_file_location(path.replace("/", "."), ROOT / f"{path}.py")
        module = importlib.util.module_from_spec(spec)
        module.__dict__.update(
            __salt__=self.salt, __states__=self.states, __opts__=self.opts, __context__=self.context,
            __grains__=self.grains, __env__="base",
            # as in Salt: a mapping, and no dict
            __pillar__=MappingProxyType(self.tree),
        )  # fmt: skip
        spec.loader.exec_module(module)
        return module

    def state(self, name, lowstate=()):
        """A state module: `host.state("octavia_conf").managed(...)`; `lowstate` are all states of the run."""
        module = self._load(f"_states/{name}")
        module.__lowstate__ = lowstate
        return module

    def install(self, version):
        """Have this Octavia in the host's Python; none at all for None."""
        for old in self.metadata.glob("octavia-*"):
            (old / "METADATA").unlink()
            old.rmdir()
        if version:
            info = self.metadata / f"octavia-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: octavia\nVersion: {version}\n")
        # the host's paths all lead below root, by the pillar: as an operator with a virtualenv would say it
        if isinstance(self.tree.get("octavia"), dict):
            self.tree["octavia"].setdefault("host", {}).update(self.paths())

    def paths(self):
        etc = self.root / "etc"
        etc.mkdir(exist_ok=True)
        return {
            "metadata_path": [str(self.metadata)],
            "conf_dir": str(etc),
            "state_dir": str(self.root / "lib"),
            "run_dir": str(self.root / "run"),
            "api_uwsgi": str(etc / "uwsgi.ini"),
            "unit_dir": str(self.root / "systemd"),
            "networkd_dir": str(self.root / "networkd"),
            "api_apache": str(etc / "apache.conf"),
            "api_wsgi": str(etc / "api.wsgi"),
            "api_unit": str(etc / "unit.conf"),
            "user": "root",
            "group": "root",
        }

    @property
    def conf_file(self):
        return self.root / "etc" / "octavia.conf"

    def finds(self, *findings, files=()):
        """What the installed Octavia finds in octavia.conf, and the files that it reads for it."""
        times = {str(path): os.stat(path).st_ctime_ns for path in files}
        self.ask.return_value = {"findings": [*findings], "files": times}

    def options(self):
        """The rendered octavia.conf as `{section/option: value}`, as it is written."""
        return self.diff.parse(self.conf.render(mask=False))

    def faults(self):
        return self.check.pillar()["faults"]

    def again(self):
        """The next Salt run: nothing is remembered."""
        self.context.clear()


def _late(module, fun):
    return lambda *args, **kwargs: getattr(module, fun)(*args, **kwargs)


def oslo(text, path, *options):
    """
    What Octavia reads in octavia.conf: values by oslo.config itself.

    options
        Pairs of `section/option` and a class of oslo_config.cfg; a string option by default.
    """
    from oslo_config import cfg

    path.write_text(text, encoding="utf-8")
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)], project="octavia", default_config_dirs=[])
    found = {}
    for option in options:
        name, kind = (option, cfg.StrOpt) if isinstance(option, str) else (option[0], getattr(cfg, option[1]))
        section, name = name.split("/")
        conf.register_opt(kind(name), None if section == "DEFAULT" else section)
        found[f"{section}/{name}"] = getattr(conf if section == "DEFAULT" else conf[section], name)
    return found


@contextmanager
def server(greeting=None, hang=False):
    """A listening port; says `greeting` to who connects, says nothing while `hang`, or closes at once."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with listening.accept()[0] as connection:
                if greeting:
                    connection.sendall(greeting)
                if hang:
                    done.wait(20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            done.set()
            thread.join(5)


def closed_port():
    """A local port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
