"""One machine of a lab: an overlay on a prepared tree, booted, with everything a test does to it."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from lab import host, nspawn

FILE_ROOTS = ("octavia", "_modules", "_states")
MINION = """\
file_client: local
file_roots: {base: [/srv/salt]}
pillar_roots: {base: [/srv/pillar]}
"""
LAB_MINION = """\
file_client: local
file_roots: {base: [/srv/lab/states]}
pillar_roots: {base: [/srv/lab/pillar]}
cachedir: /srv/lab/cache
pki_dir: /srv/lab/pki
log_file: /srv/lab/log
"""
MASTER = """\
auto_accept: true
file_roots: {base: [/srv/salt]}
pillar_roots: {base: [/srv/pillar]}
worker_threads: 3
timeout: 20
"""
DAEMON = """\
[Unit]
After=network.target
[Service]
ExecStart=/opt/salt/{salt}/bin/salt-{role}
KillMode=process
[Install]
WantedBy=multi-user.target
"""


class CommandError(host.LabError):
    """A command in a machine failed; `result` is its CompletedProcess."""

    def __init__(self, machine, result):
        self.result = result
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-25:])
        super().__init__(f"{machine}: {_shown(result.args)}: exit code {result.returncode}\n{tail}")


@dataclasses.dataclass
class SaltResult:
    """What salt-call said. `data` is the value of its one key "local", None if that is no JSON."""

    rc: int
    data: object
    stdout: str
    stderr: str


class Machine:
    """A machine `name` of a lab. `disk` holds its upper directory and the mount point of its root."""

    def __init__(self, name, lab, network, disk, address, facts):
        self.name = name
        self.address = address
        self.disk = pathlib.Path(disk)
        self.root = self.disk / "root"
        self._network = network
        self._facts = facts
        self._container = nspawn.Container(f"{host.PREFIX}-{lab}-{name}", self.root)

    # -- life -------------------------------------------------------------------------------------------

    def create(self, layers, salt=None):
        """A fresh disk over `layers` (topmost first), with its name, the names of others and its Salt."""
        self._layers = layers
        mount(layers, self.disk)
        machines = host.DATA["network"]["machines"]
        self.write("/etc/hostname", f"{self.name}\n")
        self.write(
            "/etc/hosts",
            "127.0.0.1 localhost\n"
            + "".join(f"{address} {name}\n" for name, address in {**machines, self.name: self.address}.items()),
        )
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        self.write("/etc/resolv.conf", host.resolv_conf())
        if salt:
            self.use_salt(salt)
        return self

    def start(self, timeout=60):
        """Boot, and wait until systemd has nothing left to start."""
        self.kill()  # what is left if it went off by itself
        namespace = self._network.join(self.name, self.address)
        self._container.boot(namespace, self.disk / "console.log")
        self._wait_booted(timeout)
        return self

    def stop(self, timeout=60):
        """Shut down in order."""
        self._container.power_off(timeout)
        self._network.leave(self.name)

    def kill(self):
        """The power fails."""
        self._container.kill()
        self._network.leave(self.name)

    def reboot(self, timeout=90):
        """Shut down and boot again, as the machine itself would; the disk stays."""
        before = self.pid
        self.run(["systemctl", "--no-block", "reboot"], check=False)
        deadline = time.monotonic() + timeout
        while self.pid in (before, None):
            if time.monotonic() > deadline:
                raise host.LabError(f"{self.name} did not reboot in {timeout} s: see {self.disk}/console.log")
            time.sleep(0.05)
        self._wait_booted(timeout)

    def power_cycle(self):
        """Shut down and boot anew. `reboot` keeps the namespace of its network, and with that every interface in it."""
        self.stop()
        self.start()

    def save(self):
        """Keep what is on the disk now as a layer of its own, for `revert`; the machine boots anew."""
        self.stop()
        unmount(self.disk, keep=True)
        saved = self.disk / "saved"
        (self.disk / "upper").rename(saved)
        self._layers = [saved, *self._layers]
        self._mount_anew()

    def revert(self):
        """Boot with what was on the disk when it was saved."""
        self.kill()
        unmount(self.disk, keep=True)
        shutil.rmtree(self.disk / "upper")
        self._mount_anew()

    def _mount_anew(self):
        # a volatile overlay is not to be mounted a second time
        shutil.rmtree(self.disk / "work")
        mount(self._layers, self.disk)
        self.start()

    def destroy(self):
        """Kill it and throw its disk away."""
        self.kill()
        unmount(self.disk)

    def _wait_booted(self, timeout):
        deadline = time.monotonic() + timeout
        state = "no systemd"
        while time.monotonic() < deadline:
            with contextlib.suppress(host.LabError, subprocess.TimeoutExpired):
                state = self.run(
                    ["systemctl", "is-system-running", "--wait"],
                    check=False,
                    timeout=max(1, deadline - time.monotonic()),
                ).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.05)
        raise host.LabError(f"{self.name} did not boot in {timeout} s ({state}): see {self.disk}/console.log")

    @property
    def pid(self):
        """The host's process id of the machine's process 1; None when it is off."""
        return self._container.leader

    @property
    def running(self):
        return self._container.running

    # -- commands and files -----------------------------------------------------------------------------

    def run(self, command, check=True, timeout=600, input=None, env=None):
        """Run a shell command (str) or an argument list as root; gives a CompletedProcess with text."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
        source = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        result = subprocess.run(
            self._container.enter(argv, env),
            check=False,
            timeout=timeout,
            text=True,
            capture_output=True,
            errors="replace",
            **source,
        )
        result.args = command
        if check and result.returncode:
            raise CommandError(self.name, result)
        return result

    def popen(self, command, env=None, **options):
        """Start a command and leave it running: for a test that interrupts it."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
        return subprocess.Popen(self._container.enter(argv, env), **options)

    def path(self, path):
        """Where the host sees a file of the machine. Links are resolved inside the machine's own root."""
        return resolve(self.root, path)

    def write(self, path, text, mode=0o644):
        """Write a file and the directories above it; it is never readable to more than `mode` lets."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as handle:
            handle.write(text)
        draft.chmod(mode)
        draft.replace(target)

    def read(self, path):
        return self.path(path).read_text()

    def exists(self, path):
        return self.path(path).exists()

    # -- Salt -------------------------------------------------------------------------------------------

    def use_salt(self, version):
        """Let salt-call be the one of /opt/salt/<version>."""
        if not self.exists(f"/opt/salt/{version}"):
            raise host.LabError(f"{self.name}: this tree has no Salt {version}")
        link = self.root / "usr/local/bin/salt-call"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/opt/salt/{version}/bin/salt-call")

    def salt_call(self, *args, check=True, timeout=900, env=None):
        """salt-call --local with the machine's own configuration; check: a failed state is an error."""
        argv = ["salt-call", "--local", "--out=json", "--retcode-passthrough", "--log-level=warning", *args]
        result = self.run(argv, check=False, timeout=timeout, env=env)
        if check and result.returncode:
            raise CommandError(self.name, result)
        try:
            data = json.loads(result.stdout)
            data = data.get("local", data)
        except ValueError:
            data = None
        return SaltResult(result.returncode, data, result.stdout, result.stderr)

    def put_tree(self, source, target):
        """Copy a directory of the host to `target`, in place of what is there."""
        target = self.path(target)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))

    def configure(self, states):
        """Apply some of the lab's own states, with lab.json as their pillar, and leave nothing of Salt's behind."""
        self.put_tree(host.HERE / "states", "/srv/lab/states")
        self.write("/srv/lab/pillar/top.sls", "base: {'*': [lab]}\n")
        pillar = {"lab": {**host.DATA, "mtu": host.uplink_mtu()}}
        self.write("/srv/lab/pillar/lab.sls", "#!json\n" + json.dumps(pillar), 0o600)
        self.write("/srv/lab/minion", LAB_MINION)
        try:
            self.salt_call("--config-dir=/srv/lab", "state.apply", states)
        finally:
            self.run("rm -rf /srv/lab")

    def put_formula(self):
        """Copy this checkout's file roots to /srv/salt, and configure a minion without a master."""
        for name in FILE_ROOTS:
            if (host.CHECKOUT / name).is_dir():
                self.put_tree(host.CHECKOUT / name, f"/srv/salt/{name}")
        self.write("/etc/salt/minion", MINION + f"id: {self.name}\n")

    def be_master(self, salt="3008"):
        """Be a Salt master, which takes every minion."""
        self.write("/etc/salt/master", MASTER)
        self._daemon("master", salt)

    def be_minion(self, master, salt="3008"):
        """Be the minion of another machine."""
        self.write("/etc/salt/minion", f"master: {master.address}\nid: {self.name}\n")
        self._daemon("minion", salt)

    def _daemon(self, role, salt):
        self.write(f"/etc/systemd/system/salt-{role}.service", DAEMON.format(salt=salt, role=role))
        self.run(f"systemctl daemon-reload && systemctl enable --now salt-{role}")

    def put_pillar(self, pillar):
        """The minion's pillar: a dict, or the text of an SLS file."""
        if not isinstance(pillar, str):
            pillar = "#!json\n" + json.dumps(pillar, indent=2)
        self.write("/srv/pillar/top.sls", "base: {'*': [octavia]}\n", 0o600)
        # For {% import_json 'lab.json' as lab %}, which renders the file: a password may look like a template.
        self.write("/srv/pillar/lab.json", "{% raw %}" + json.dumps(self._facts()) + "{% endraw %}", 0o600)
        self.write("/srv/pillar/octavia.sls", pillar, 0o600)


def resolve(root, path):
    """`path` below `root`, as a process with that root would see it: absolute links stay below it."""
    root, parts, done = pathlib.Path(root), list(pathlib.PurePosixPath(path).parts[::-1]), []
    for _ in range(400):
        if not parts:
            return root.joinpath(*done)
        part = parts.pop()
        if part in ("/", "."):
            done = [] if part == "/" else done
        elif part == "..":
            done = done[:-1]
        elif (root.joinpath(*done, part)).is_symlink():
            parts += root.joinpath(*done, part).readlink().parts[::-1]
        else:
            done.append(part)
    raise host.LabError(f"{path}: too many links")


def mount(layers, disk):
    """A writable overlay on `layers` at disk/root; what is written lands in disk/upper.

    It is volatile: fsync returns at once, for packages and databases need not survive the host's power failure.
    """
    for name in ("upper", "work", "root"):
        (disk / name).mkdir(parents=True, exist_ok=True)
    (disk / "upper").chmod(0o755)
    host.run(
        "mount",
        "-t",
        "overlay",
        "-o",
        f"volatile,lowerdir={':'.join(map(str, layers))},upperdir={disk}/upper,workdir={disk}/work",
        host.PREFIX,
        disk / "root",
    )


def unmount(disk, keep=False):
    """Unmount what lies below `disk` and, unless `keep`, remove the directory."""
    for where in sorted(mounts(disk), reverse=True):
        host.run("umount", "--lazy", where)
    if not keep and pathlib.Path(disk).exists():
        shutil.rmtree(disk)


def mounts(directory):
    """All mount points at or below a directory."""
    found = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    found = [re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), where) for where in found]
    return [where for where in found if pathlib.PurePath(where).is_relative_to(directory)]


def _shown(command):
    return command if isinstance(command, str) else " ".join(map(str, command))
