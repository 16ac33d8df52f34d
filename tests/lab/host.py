"""What the lab takes from the host that it runs on: commands, kernel, package archive, name servers.

Nothing here changes the host, except `install`, which adds the few Debian packages that the lab needs.
"""

import fcntl
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

PREFIX = "octavia-lab"
HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("LAB_CACHE", "/var/cache/salt-formula-octavia/lab"))
# The disks of running machines, on one file system with the cache, where a tree that is built ends up.
STATE = pathlib.Path(os.environ.get("LAB_STATE", "/var/lib/salt-formula-octavia/lab"))
LOCKS = pathlib.Path("/run/lock") / PREFIX

# command -> the Debian package that brings it
PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
}
ARCHIVE = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"

DATA = json.loads((HERE / "lab.json").read_text())


class LabError(Exception):
    """One line: what is wrong, and the mend where there is one."""


def run(*argv, check=True, **options):
    """Run a command of the host; a failure is one line with the end of what it said."""
    options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    try:
        result = subprocess.run([str(arg) for arg in argv], check=False, **options)
    except FileNotFoundError:
        result = subprocess.CompletedProcess(argv, 127, f"{argv[0]}: command not found")
    if check and result.returncode:
        last = (result.stdout or "").strip().splitlines()[-3:]
        raise LabError(f"{' '.join(map(str, argv[:4]))} …: exit code {result.returncode}: {' | '.join(last)}")
    return result


def lock(name, wait=True, directory=LOCKS):
    """An open file that holds the lock `name` until it is closed or the process dies; None if it is taken."""
    path = directory / name
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            handle.close()
            return None
        if path.exists() and path.stat().st_ino == os.fstat(handle.fileno()).st_ino:
            break
        handle.close()  # its holder removed the file when it was done with it
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def lock_owner(name):
    """The process that wrote itself into the lock `name`."""
    try:
        return (LOCKS / name).read_text().strip() or "?"
    except FileNotFoundError:
        return "?"


# -- what must be there ---------------------------------------------------------------------------------


def missing_packages():
    return [package for command, package in PACKAGES.items() if not shutil.which(command)]


def check(packages=True):
    """Say what this host cannot do, in one line with the mend."""
    if sys.platform != "linux" or os.geteuid():
        raise LabError("the lab needs root on Linux: run it with sudo")
    if packages and missing_packages():
        raise LabError(f"missing here: {' '.join(missing_packages())}; run: python3 tests/lab prepare")
    known = "overlay" in pathlib.Path("/proc/filesystems").read_text()
    if not known and run("modprobe", "overlay", check=False).returncode:
        raise LabError("the kernel has no overlayfs: load the module overlay")
    STATE.mkdir(parents=True, exist_ok=True)
    if run("stat", "-f", "-c", "%T", STATE).stdout.strip() in ("overlayfs", "overlay"):
        raise LabError(f"{STATE} lies on overlayfs: set LAB_STATE and LAB_CACHE to directories on a disk")
    cgroup_root()


def install():
    """Install the Debian packages that the lab needs and the host does not have."""
    packages = missing_packages()
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"no apt-get here: install {' '.join(packages)} yourself")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages)
    if run(*command, check=False, env=environment).returncode:
        run("apt-get", "-qq", "update", env=environment)
        run(*command, env=environment)


def cgroup_root():
    """Where the host mounts the unified cgroup hierarchy (alone, or beside the older ones)."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, _ = line.split(" ", 3)
        if kind == "cgroup2":
            return pathlib.Path(where)
    raise LabError(
        "no unified cgroup hierarchy: mkdir -p /sys/fs/cgroup/unified && "
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
    )


def free_memory():
    """Bytes that the host could still give away."""
    meminfo = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(r"^MemAvailable: +(\d+) kB", meminfo, re.M)[1]) * 1024


def kvm():
    """Whether virtual machines run on the processor itself; a host that lends /dev/kvm need not be able to."""
    flags = re.search(r"^flags\s*:.*\b(vmx|svm)\b", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return bool(flags) and pathlib.Path("/dev/kvm").exists()


def devices():
    """What the host lends its machines: its processor to Nova, loop devices to who makes images."""
    return [*(["/dev/kvm"] if kvm() else []), *sorted(pathlib.Path("/dev").glob("loop*"))]


# -- the package archive --------------------------------------------------------------------------------


@functools.cache
def archive(suite):
    """The lines of sources.list for `suite`, from the mirrors that the host itself uses."""
    fields = run(
        "apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages", check=False
    ).stdout
    mirrors = dict(line.split("|", 1) for line in reversed(fields.splitlines()) if line.count("|") == 1)
    debian = mirrors.get("Debian", ARCHIVE).rstrip("/")
    security = mirrors.get("Debian-Security", SECURITY).rstrip("/")
    return f"deb {debian} {suite} main\ndeb {debian} {suite}-updates main\ndeb {security} {suite}-security main\n"


@functools.cache
def apt_settings():
    """How the host reaches its archive: proxies, certificates, waivers. As one apt.conf."""
    lines = run("apt-config", "dump", "Acquire", "--format", '%F "%v";%n').stdout.splitlines()
    idle = re.compile(r'Acquire::(IndexTargets|Changelogs|cdrom)|.* "";')
    return "".join(f"{line}\n" for line in lines if not idle.match(line))


def trust_files():
    """Files of the host without which its archive and package index cannot be reached from a tree."""
    found = [pathlib.Path("/etc/pip.conf")]
    found += pathlib.Path("/usr/local/share/ca-certificates").glob("**/*.crt")
    for directory in ("keyrings", "trusted.gpg.d", "auth.conf.d"):
        found += (pathlib.Path("/etc/apt") / directory).glob("*")
    found += [pathlib.Path(value) for value in re.findall(r'"(/etc/[^"]+)"', apt_settings())]
    return sorted({path for path in found if path.is_file()})


def pip_environment():
    return {key: value for key, value in os.environ.items() if key.startswith("PIP_")}


# -- the network ----------------------------------------------------------------------------------------


def resolv_conf():
    """The host's name servers; not its local stub, which a machine cannot reach."""
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        try:
            text = pathlib.Path(path).read_text()
        except OSError:
            continue
        servers = re.findall(r"^nameserver\s+(\S+)", text, re.M)
        if servers and not all(server.startswith("127.") for server in servers):
            return text
    raise LabError("no name server that a machine could reach: /etc/resolv.conf names only the host itself")


def uplink_mtu():
    """The MTU of the host's way out: a larger one inside would lose packets without a word."""
    routes = json.loads(run("ip", "-j", "route", "show", "default").stdout or "[]")
    if not routes:
        return 1500
    return json.loads(run("ip", "-j", "link", "show", "dev", routes[0]["dev"]).stdout)[0]["mtu"]
