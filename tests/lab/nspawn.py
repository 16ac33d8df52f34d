"""systemd-nspawn: boot a tree as a machine, enter it, end it; or run a script in a tree without booting it.

Every container lives in a control group of its own, `octavia-lab-<name>`: so its processes can be found
and ended whatever became of the process that started it.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from lab import host

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# nspawn gets the unified hierarchy in a mount namespace of its own: systemd from 256 on refuses the older
# ones. It ends with 133 when the machine wants to boot again; the shell that waits for that sits in a control
# group beside nspawn's, which shall hold nothing else. $0 is the control group's name, $@ the command.
UNIFIED = """
mount --make-rprivate /
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd "/sys/fs/cgroup/$0"
mkdir -p keeper
echo $$ > keeper/cgroup.procs
code=133
while [ $code = 133 ]; do
    code=0
    sh -ec 'echo $$ > cgroup.procs; cd /; exec "$@"' sh "$@" || code=$?
done
exit $code
"""
# As above for a process that enters a running machine: it has to live in the machine's control group,
# or the systemd inside could not put it into a scope.
JOIN = 'echo $$ > "$0/cgroup.procs"; exec "$@"'


class Container:
    """One container: `name` is unique on the host, `root` its tree."""

    def __init__(self, name, root):
        self.name = name
        self.root = pathlib.Path(root)
        self.cgroup = host.cgroup_root() / name
        self._supervisor = None

    def _argv(self, *options):
        return [
            "unshare",
            "--mount",
            "sh",
            "-ec",
            UNIFIED,
            self.name,
            "systemd-nspawn",
            "--quiet",
            f"--directory={self.root}",
            f"--machine={self.name}",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            *options,
        ]

    def boot(self, namespace, console):
        """Boot the tree in the network namespace `namespace`; its console goes to the file `console`."""
        self.cgroup.mkdir(exist_ok=True)
        # The machine's own network settings are its own affair: /proc/sys/net has to be writable in it.
        environment = dict(os.environ, SYSTEMD_NSPAWN_API_VFS_WRITABLE="network")
        with pathlib.Path(console).open("ab") as output:
            self._supervisor = subprocess.Popen(
                self._argv(
                    "--boot",
                    "--kill-signal=SIGRTMIN+3",
                    f"--network-namespace-path={namespace}",
                    # and so are its interfaces, its firewall, and the services that manage them
                    "--capability=CAP_NET_ADMIN",
                    *(f"--bind={path}" for path in host.devices()),
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def batch(self, script, environment=None, binds=()):
        """Run a shell script in the tree, not booted, on the host's network; its output on failure."""
        self.cgroup.mkdir(exist_ok=True)
        settings = {
            "PATH": PATH,
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **(environment or {}),
        }
        options = [f"--setenv={key}={value}" for key, value in settings.items()]
        options += [f"--bind-ro={source}:{target}" for source, target in binds]
        try:
            result = subprocess.run(
                self._argv("--pipe", "--as-pid2", *options, "sh", "-ec", script),
                check=False,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            self.kill()
        if result.returncode:
            last = " | ".join(result.stdout.strip().splitlines()[-4:])
            raise host.LabError(f"{script.strip().splitlines()[0]} … in {self.name}: {last}")
        return result.stdout

    @property
    def leader(self):
        """The host's process id of the machine's own process 1, or None."""
        for path in self.cgroup.glob("payload/**/cgroup.procs"):
            for pid in _pids(path):
                with contextlib.suppress(OSError):
                    status = pathlib.Path(f"/proc/{pid}/status").read_text()
                    if status.partition("NSpid:")[2].split("\n")[0].split()[1:] == ["1"]:
                        return pid
        return None

    @property
    def running(self):
        try:
            return "populated 1" in (self.cgroup / "cgroup.events").read_text()
        except OSError:
            return False

    def enter(self, argv, environment=None):
        """The host's command that runs `argv` in the booted machine."""
        leader = self.leader
        if leader is None:
            raise host.LabError(f"{self.name} is not running")
        group = self.cgroup / "payload" / "entered"
        group.mkdir(exist_ok=True)
        settings = {
            "PATH": PATH,
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "TERM": os.environ.get("TERM", "dumb"),
            **(environment or {}),
        }
        return [
            "sh",
            "-ec",
            JOIN,
            str(group),
            "nsenter",
            "--all",
            f"--target={leader}",
            "env",
            "-i",
            "-C",
            "/root",
            *(f"{key}={value}" for key, value in settings.items()),
            *argv,
        ]

    def power_off(self, timeout=60):
        """An orderly end; what does not end in time is killed."""
        for pid in _pids(self.cgroup / "supervisor" / "cgroup.procs"):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while self.running and time.monotonic() < deadline:
            time.sleep(0.05)
        self.kill()

    def kill(self):
        """End every process at once, as when the power fails, and forget the control group."""
        end(self.cgroup)
        if self._supervisor:
            self._supervisor.wait()
            self._supervisor = None


def grouped(name, argv, **options):
    """Run a command of the host in a control group of its own, so that a later sweep finds it."""
    cgroup = host.cgroup_root() / name
    cgroup.mkdir(exist_ok=True)
    try:
        return host.run("sh", "-ec", JOIN, cgroup, *argv, start_new_session=True, **options)
    finally:
        end(cgroup)


def _pids(path):
    try:
        return [int(pid) for pid in path.read_text().split()]
    except OSError:
        return []


def end(cgroup):
    """Kill all processes of a control group and remove it."""
    deadline = time.monotonic() + 20
    while cgroup.is_dir():
        with contextlib.suppress(OSError):
            (cgroup / "cgroup.kill").write_text("1")
        for directory, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                pathlib.Path(directory).rmdir()
        if time.monotonic() > deadline:
            raise host.LabError(f"{cgroup.name} does not end: see {cgroup}/cgroup.procs")
        if cgroup.is_dir():
            time.sleep(0.02)


def leftovers():
    """The control groups of all containers of this kind on the host."""
    return sorted(host.cgroup_root().glob(f"{host.PREFIX}-*"))
