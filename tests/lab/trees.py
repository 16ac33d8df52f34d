"""Prepared trees: what a machine boots from, built once, cached, and shared by any number of machines.

A tree is a stack of layers, each an overlayfs directory over its parent. A layer's directory is named after a
hash of everything that it is made from, its parent included: what has changed is built anew, what is above
it too, the rest is taken from the cache. A layer appears in the cache by one rename, complete or not at all.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import os
import pathlib
import shutil
import threading
import time
from collections.abc import Callable

from lab import host, machine, nspawn
from lab.progress import step

_workshops = set()  # those that are open in this process
IMAGE = pathlib.Path("/srv/images/amphora.qcow2")
IMAGE_SIZE = "1536M"
KEPT = 24 * 3600  # seconds that a layer stays in the cache after its last use when another took its place

# A machine of the lab lives for minutes: no timers, no login on the console; nor does its disk need flushing, for
# which dpkg has an option and overlayfs another (machine.mount).
TUNE = """
update-ca-certificates
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    console-getty.service e2scrub_reap.service
systemctl disable ssh.service ssh.socket
rm -f /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id
: > /etc/machine-id
"""
DPKG = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
)
SALT = """
apt-get -qq install --no-install-recommends {compilers}
for version in {versions}; do
    python3 -m venv /opt/salt/$version
    /opt/salt/$version/bin/pip install --quiet --requirement /mnt/requirements-salt$version.txt
done
"""
DOWNLOAD = """
apt-get -qq install --download-only {packages}
"""
# Services neither start while packages are unpacked in a tree that is not running, nor at the first boot with their
# packaged configuration: the states enable what is wanted.
INSTALL = """
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/systemd/system-preset
printf 'disable *\\n' > /etc/systemd/system-preset/00-lab.preset
apt-get -qq install --no-install-recommends {packages}
apt-get clean
rm /usr/sbin/policy-rc.d /etc/systemd/system-preset/00-lab.preset
"""
# Every role's package depends on octavia-common: what that needs is on each machine of Octavia, whatever its roles.
LIBRARIES = (
    "$(apt-get -s -qq install --no-install-recommends octavia-common | awk '/^Inst/ && $2 !~ /octavia/ {print $2}')"
)
# The tools of a host's firewall, of which a machine may have one or the other, and Open vSwitch.
FIREWALL = "nftables iptables openvswitch-switch"
# Prometheus's node exporter, and the language of Fluentd. What a receiver of logs needs is downloaded: the formula
# installs it. To clean up would hide the archives of the layer below.
MONITORING = INSTALL.format(packages="prometheus-node-exporter ruby").replace("apt-get clean\n", "")
MONITORING += DOWNLOAD.format(packages="rsyslog logrotate")
# Of its package only the programs: neither needs the rest, nor should a machine have the service.
PROMETHEUS = """
cd /tmp
apt-get -qq download prometheus
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -C / ./usr/bin/prometheus ./usr/bin/promtool
rm prometheus_*.deb
"""
# The Octavia of Debian as a library, and the newest of PyPI in a Python of its own.
INSTALL_OCTAVIA = INSTALL.format(packages="octavia-common python3-octavia python3-pymysql")
# The Octavia of the next Debian as an archive of its own, with what else changes when it is installed over the present
# one. A machine that wants it writes NEXT_SOURCE.
NEXT = """
echo '{source}' > /etc/apt/sources.list.d/next.list
apt-get -qq update
mkdir -p {directory}/partial
apt-get -qq install --no-install-recommends --download-only --option Dir::Cache::archives={directory} {packages}
rm -rf {directory}/partial {directory}/lock
cd {directory}
apt-ftparchive packages . > Packages
"""
NEXT_DIRECTORY = "/srv/next"
NEXT_SOURCE = f"deb [trusted=yes] file:{NEXT_DIRECTORY} ./\n"
NEWEST_OCTAVIA = """
python3 -m venv /opt/octavia
/opt/octavia/bin/pip install --quiet octavia ovn-octavia-provider PyMySQL
"""
FORGET = "rm -rf /srv/lab /var/cache/salt /var/log/salt /etc/machine-id; : > /etc/machine-id"


@dataclasses.dataclass(frozen=True)
class Layer:
    """`inputs(layer)` lists what it is made from, `build(layer, disk)` fills the directory disk/upper.

    `wants` names a package list of lab.json; `needs` are layers that the build uses but does not stand on.
    """

    name: str
    says: str
    parent: str | None
    inputs: Callable
    build: Callable
    debian: str = "12"
    wants: str = ""
    needs: tuple = ()

    @functools.cached_property
    def key(self):
        digest = hashlib.sha256(LAYERS[self.parent].key.encode() if self.parent else b"")
        for part in self.inputs(self):
            digest.update(str(part).encode() + b"\0")
        return digest.hexdigest()[:16]

    @property
    def path(self):
        return host.CACHE / f"{self.name}.{self.key}"

    @property
    def packages(self):
        return " ".join(host.DATA["packages"][self.wants])


# -- how each layer is made -----------------------------------------------------------------------------


def _base_inputs(layer):
    suite = host.DATA["debian"][layer.debian]["suite"]
    return (
        host.archive(suite),
        layer.packages,
        host.apt_settings(),
        TUNE,
        DPKG,
        *(part for path in host.trust_files() for part in (path, path.read_bytes())),
    )


def _base_build(layer, disk):
    """A minimal Debian with systemd, from the host's mirror and with the host's way to it."""
    suite = host.DATA["debian"][layer.debian]["suite"]
    tree = disk / "upper"
    nspawn.grouped(
        _container(layer),
        [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            "--skip=cleanup/apt/lists",
            f"--include={layer.packages.replace(' ', ',')}",
            *(f"--dpkgopt={option}" for option in DPKG),
            *(f"--aptopt={line}" for line in host.apt_settings().splitlines()),
            suite,
            tree,
            "-",
        ],
        input=host.archive(suite),
    )
    for path in host.trust_files():
        target = tree / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    nspawn.Container(_container(layer), tree).batch(TUNE)


def _salt_files(layer):
    return [
        host.CHECKOUT / f"tests/requirements-salt{version}.txt" for version in host.DATA["debian"][layer.debian]["salt"]
    ]


def _salt_inputs(layer):
    return SALT, layer.packages, *(path.read_text() for path in _salt_files(layer))


def _salt_build(layer, disk):
    """Salt from PyPI; of what was installed for that only /opt/salt is kept, so a machine has no compiler."""
    script = SALT.format(compilers=layer.packages, versions=" ".join(host.DATA["debian"][layer.debian]["salt"]))
    binds = [(path, f"/mnt/{path.name}") for path in _salt_files(layer)]
    _in_overlay(layer, disk, script, host.pip_environment(), binds)
    salt = (disk / "upper" / "opt" / "salt").rename(disk / "salt")
    shutil.rmtree(disk / "upper")
    (disk / "upper" / "opt").mkdir(parents=True)
    salt.rename(disk / "upper" / "opt" / "salt")


def _download_build(layer, disk):
    """The packages that the formula and its tests will install, downloaded: that then costs no network."""
    _in_overlay(layer, disk, DOWNLOAD.format(packages=layer.packages))


def _install_build(layer, disk):
    """The packages of the dependency services."""
    _in_overlay(layer, disk, INSTALL.format(packages=layer.packages))


def _libraries_build(layer, disk):
    """Nothing of Octavia, but what its packages stand on: most of the time that an installation takes."""
    _in_overlay(layer, disk, INSTALL.format(packages=LIBRARIES))
    # the archives are hidden by this layer, not gone: those of Octavia itself are still to be installed
    shutil.rmtree(disk / "upper" / "var" / "cache" / "apt")


def _states_inputs(directory, *without):
    """The files below a directory of states, but not those below others in it."""
    directory = host.HERE / "states" / directory
    others = [directory / name for name in without]
    files = sorted(path for path in directory.rglob("*") if path.is_file() and not set(others) & set(path.parents))
    return FORGET, *(part for path in files for part in (path.relative_to(host.HERE), path.read_bytes()))


def _services_inputs(_layer):
    # What is only of other layers is in their own keys.
    data = {key: value for key, value in host.DATA.items() if key not in ("cloud", "debian", "next", "packages")}
    return data, *_states_inputs("", "cloud")


def _cloud_inputs(_layer):
    return host.DATA["cloud"], host.uplink_mtu(), LAYERS["packages-cloud"].key, *_states_inputs("cloud")


def _configured_build(layer, disk):
    """Services configured by the lab's Salt states on a machine that runs, then shut down."""
    from lab import laboratory  # labs stand on trees; only such a tree comes out of a lab

    below = [*layer.needs, layer.parent]
    with laboratory.Lab(f"build{layer.name}machine") as lab:
        services = lab.bare("services", [each.path for each in stack(*below[::-1])], "3008")
        services.configure(layer.name)
        laboratory.wait_ready(services, layer.name)
        services.run(FORGET)
        services.stop()
        machine.unmount(services.disk, keep=True)
        shutil.rmtree(disk / "upper")
        (services.disk / "upper").rename(disk / "upper")


def _amphora_inputs(layer):
    directory = host.HERE / "amphora"
    return layer.packages, IMAGE_SIZE, *(path.read_bytes() for path in sorted(directory.iterdir()))


def _amphora_build(layer, disk):
    """A disk image with Debian's agent; in the layer there is but that file, so that machines find it under IMAGE."""
    directory = host.HERE / "amphora"
    binds = [(path, f"/mnt/{path.name}") for path in directory.iterdir()]
    _in_overlay(layer, disk, (directory / "install.sh").read_text(), {"PACKAGES": layer.packages}, binds)
    below = [each.path for each in stack(layer.parent)]
    view, tools = disk / "view", disk / "tools"
    machine.mount([disk / "upper", *below], view)
    try:
        environment = {"SIZE": IMAGE_SIZE}
        script = (directory / "image.sh").read_text()
        _in_overlay(layer, tools, script, environment, [(view / "root", "/mnt/amphora")])
    finally:
        machine.unmount(view)
    shutil.rmtree(disk / "upper")
    target = disk / "upper" / IMAGE.relative_to("/")
    target.parent.mkdir(parents=True)
    (tools / "upper" / "root" / "amphora.qcow2").rename(target)
    with target.open("rb") as image:
        target.with_suffix(".sha256").write_text(hashlib.file_digest(image, "sha256").hexdigest())


def _next_inputs(layer):
    # What is next is asked once a month.
    return INSTALL, NEXT, layer.packages, host.DATA["next"], LAYERS["octavia-13"].key, time.strftime("%Y-%m")


def _next_build(layer, disk):
    """Of what was installed for that nothing is kept but the archive."""
    source = next(iter(host.archive(host.DATA["next"]).splitlines()))
    present = " ".join(["apt-utils", *host.DATA["packages"]["octavia"]])
    script = INSTALL.format(packages=present)
    script += NEXT.format(directory=NEXT_DIRECTORY, packages=layer.packages, source=source)
    _in_overlay(layer, disk, script, below="octavia-13")
    archive = (disk / "upper" / NEXT_DIRECTORY.lstrip("/")).rename(disk / "archive")
    shutil.rmtree(disk / "upper")
    target = disk / "upper" / NEXT_DIRECTORY.lstrip("/")
    target.parent.mkdir(parents=True)
    archive.rename(target)


def _in_overlay(layer, disk, script, environment=None, binds=(), below=None):
    machine.mount([each.path for each in stack(below or layer.parent)], disk)
    try:
        root = disk / "root"
        (root / "etc" / "resolv.conf").write_text(host.resolv_conf())
        nspawn.Container(_container(layer), root).batch(script, environment, binds)
        (root / "etc" / "resolv.conf").unlink()
    finally:
        machine.unmount(disk, keep=True)


# -- the layers and the cache ---------------------------------------------------------------------------


def _per_debian(number):
    base, libraries = f"base-{number}", f"libraries-{number}"
    return [
        Layer(base, f"Debian {number}", None, _base_inputs, _base_build, number, "base"),
        Layer(f"salt-{number}", f"Salt for Debian {number}", base, _salt_inputs, _salt_build, number, "compilers"),
        Layer(
            f"octavia-{number}",
            f"Octavia's packages for Debian {number}, downloaded",
            base,
            lambda layer: (DOWNLOAD, layer.packages),
            _download_build,
            number,
            "octavia",
        ),
        Layer(
            f"gate-{number}",
            f"Octavia installed on Debian {number}",
            f"octavia-{number}",
            lambda _layer: (INSTALL_OCTAVIA,),
            lambda layer, disk: _in_overlay(layer, disk, INSTALL_OCTAVIA),
            number,
        ),
        Layer(
            libraries,
            f"libraries of Octavia for Debian {number}",
            f"octavia-{number}",
            lambda _layer: (INSTALL, LIBRARIES),
            _libraries_build,
            number,
        ),
        Layer(
            f"firewall-{number}",
            f"firewalls and Open vSwitch for Debian {number}",
            libraries,
            lambda _layer: (INSTALL, FIREWALL),
            lambda layer, disk: _in_overlay(layer, disk, INSTALL.format(packages=FIREWALL)),
            number,
        ),
        Layer(
            f"monitoring-{number}",
            f"Prometheus's node exporter for Debian {number}",
            libraries,
            lambda _layer: (MONITORING,),
            lambda layer, disk: _in_overlay(layer, disk, MONITORING),
            number,
        ),
    ]


LAYERS = {
    layer.name: layer
    for layer in (
        *(layer for number in host.DATA["debian"] for layer in _per_debian(number)),
        Layer(
            "newest",
            "the newest Octavia of PyPI",
            "gate-13",
            # What is newest is asked once a month.
            lambda _layer: (NEWEST_OCTAVIA, time.strftime("%Y-%m")),
            lambda layer, disk: _in_overlay(layer, disk, NEWEST_OCTAVIA, host.pip_environment()),
            "13",
        ),
        Layer(
            "next-13",
            "the next Debian's Octavia for Debian 13, as an archive",
            "base-13",
            _next_inputs,
            _next_build,
            "13",
            "next",
            needs=("octavia-13",),
        ),
        Layer(
            "packages-services",
            "packages of MariaDB, RabbitMQ, memcached, Keystone, Neutron",
            "base-12",
            lambda layer: (INSTALL, layer.packages),
            _install_build,
            wants="services",
        ),
        Layer(
            "packages-cloud",
            "packages of Placement, Glance, Nova and of Neutron's agents",
            "packages-services",
            lambda layer: (INSTALL, layer.packages),
            _install_build,
            wants="cloud",
        ),
        Layer(
            "amphora",
            "an amphora's disk image",
            "base-12",
            _amphora_inputs,
            _amphora_build,
            wants="amphora",
        ),
        Layer(
            "prometheus",
            "Prometheus and its promtool",
            "base-12",
            lambda _layer: (PROMETHEUS,),
            lambda layer, disk: _in_overlay(layer, disk, PROMETHEUS),
        ),
        Layer(
            "network-12",
            "Neutron's linuxbridge agent for Debian 12",
            "libraries-12",
            lambda layer: (INSTALL, layer.packages),
            _install_build,
            wants="network",
        ),
        Layer(
            "tools-13",
            "what makes and tries Debian packages, and reclass, for Debian 13",
            "base-13",
            lambda layer: (INSTALL, layer.packages),
            _install_build,
            "13",
            "tools",
        ),
        Layer(
            "services",
            "MariaDB, RabbitMQ, memcached, Keystone, Neutron configured",
            "packages-services",
            _services_inputs,
            _configured_build,
            needs=("salt-12",),
        ),
        Layer(
            "cloud",
            "Placement, Glance, Nova and Neutron's agents configured",
            "services",
            _cloud_inputs,
            _configured_build,
            needs=("salt-12", "packages-cloud"),
        ),
    )
}
# What a machine boots from: the layers of these, one over the other.
TREES = {
    **{f"debian-{number}": (f"octavia-{number}", f"salt-{number}") for number in host.DATA["debian"]},
    **{f"libraries-{number}": (f"libraries-{number}", f"salt-{number}") for number in host.DATA["debian"]},
    **{f"firewall-{number}": (f"firewall-{number}", f"salt-{number}") for number in host.DATA["debian"]},
    **{f"monitoring-{number}": (f"monitoring-{number}", f"salt-{number}") for number in host.DATA["debian"]},
    "tools-13": ("tools-13", "salt-13"),
    "next-13": ("libraries-13", "next-13", "salt-13"),
    "services": ("services", "salt-12"),
    "cloud": ("services", "packages-cloud", "cloud", "amphora", "salt-12"),
    "controller": ("network-12", "amphora", "salt-12"),
    "prometheus": ("prometheus",),
    "watched": ("monitoring-12", "prometheus", "salt-12"),
    "gate-12": ("gate-12",),
    "gate-13": ("newest",),
}


def stack(*names):
    """The layers named and all below them, the topmost first, each once."""
    found = {}

    def add(name):
        if LAYERS[name].parent:
            add(LAYERS[name].parent)
        found[name] = LAYERS[name]

    for name in names:
        add(name)
    return list(found.values())[::-1]


def layers(tree):
    """The directories of a tree's layers, the topmost first; they need not exist yet."""
    if tree not in TREES:
        raise host.LabError(f"no tree {tree}; there is: {' '.join(TREES)}")
    return [layer.path for layer in stack(*TREES[tree])]


def prepared(tree):
    """As `layers`, after what is missing was built."""
    if not all(path.is_dir() for path in layers(tree)):
        prepare([tree])
    for path in layers(tree):
        os.utime(path)
    return layers(tree)


def checksum():
    """The SHA-256 of the amphora's image, as pillars say it; None before it was built."""
    path = LAYERS["amphora"].path / IMAGE.relative_to("/")
    return f"sha256:{path.with_suffix('.sha256').read_text()}" if path.exists() else None


def prepare(trees=None):
    """Build what is missing of all trees, or of those named: each layer as soon as what it needs is there."""
    stacks = [stack(*TREES[tree]) for tree in trees or TREES]
    stacks += [stack(*layer.needs) for layers in stacks for layer in layers if layer.needs]
    wanted = {layer.name: layer for layers in stacks for layer in reversed(layers)}
    # One more than there are cores: builds wait for the network, too.
    free = threading.Semaphore((os.cpu_count() or 1) + 1)
    futures = {}

    def build(layer):
        for name in filter(None, (layer.parent, *layer.needs)):
            futures[name].result()
        with free:
            _build(layer)

    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        # In the order of what needs what, so that each finds the futures it waits for.
        for layer in sorted(wanted.values(), key=lambda layer: bool(layer.needs)):
            futures[layer.name] = pool.submit(build, layer)
        try:
            for future in futures.values():
                future.result()
        except (KeyboardInterrupt, SystemExit):
            _abort(pool, futures.values())
            raise
    prune()


def _abort(pool, futures):
    """End what runs in the workshops, so that the threads that wait for it tidy up and end, too."""
    pool.shutdown(wait=False, cancel_futures=True)
    while not all(future.done() for future in futures):
        for group in nspawn.leftovers():
            if group.name.startswith(tuple(f"{host.PREFIX}-{name}" for name in _workshops)):
                nspawn.end(group)
        time.sleep(0.1)


def _build(layer):
    if layer.path.is_dir():
        return
    with host.lock(f"{layer.name}.lock", directory=host.CACHE):
        if layer.path.is_dir():
            return
        with step(layer.says), _workshop(layer) as disk:
            layer.build(layer, disk)
            try:
                (disk / "upper").rename(layer.path)
            except OSError as error:
                raise host.LabError(f"LAB_STATE and LAB_CACHE must lie on one file system: {error}") from None


def _workshop_name(layer):
    return "build" + layer.name.replace("-", "")


def _container(layer):
    return f"{host.PREFIX}-{_workshop_name(layer)}-tree"


@contextlib.contextmanager
def _workshop(layer):
    """A directory to build in. It looks like a lab's, so that a sweep finds what a crash leaves of it."""
    from lab import laboratory

    name = _workshop_name(layer)
    with host.lock(f"lab-{name}"):
        laboratory.sweep(name)
        disk = host.STATE / name / "tree"
        (disk / "upper").mkdir(parents=True)
        _workshops.add(name)
        try:
            yield disk
        finally:
            _workshops.discard(name)
            laboratory.sweep(name)
            (host.LOCKS / f"lab-{name}").unlink(missing_ok=True)


def _in_use():
    return pathlib.Path("/proc/mounts").read_text()


def prune():
    """Remove layers that others have replaced: not used for a while, and under no machine."""
    current, used = {layer.path for layer in LAYERS.values()}, _in_use()
    for path in host.CACHE.glob("*.*"):
        old = path.is_dir() and time.time() - path.stat().st_mtime > KEPT
        if old and path not in current and str(path) not in used:
            shutil.rmtree(path)


def remove():
    """Remove all trees."""
    if str(host.CACHE) in _in_use():
        raise host.LabError("a machine still runs from the prepared trees: python3 tests/lab clean")
    shutil.rmtree(host.CACHE, ignore_errors=True)
