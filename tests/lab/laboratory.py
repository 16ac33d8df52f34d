"""A lab: one network, its machines, and the sweep that leaves nothing of it behind."""

import contextlib
import json
import pathlib
import re
import shutil
import time

from lab import host, machine, network, nspawn, trees

# For the disks of the services and two controllers, and for the processes in them; twice, for the lab beside.
ROOM = 12 * 2**30
CLOUDS = ("admin", "octavia", "demo", "outsider")
COMPUTE = """\
[DEFAULT]
compute_driver = libvirt.LibvirtDriver
[libvirt]
virt_type = {virt_type}
"""
TENANT = (host.HERE / "tenant.py").read_text()
READY = (host.HERE / "ready.py").read_text()


class Lab:
    """`with Lab("name") as lab:` has a lab of its own for the time being; Lab.attach enters one left up.

    `in_memory`: the disks of its machines are, if the host has room.
    """

    def __init__(self, name, in_memory=False):
        if not re.fullmatch(r"[a-z][a-z0-9]{0,23}", name):
            raise host.LabError(f"a lab's name is up to 24 small letters and digits: {name}")
        self.name = name
        self.directory = host.STATE / name
        self._in_memory = in_memory
        self.machines = {}
        self._lock = None

    @property
    def facts(self):
        """What pillars need: lab.json (addresses, users, passwords), and what the services' tree was given.

        `ca` is the certificate that MariaDB's and RabbitMQ's are signed by, `certificates` holds what
        Octavia needs for its amphorae, by file name, `subnet` also the ids that Neutron chose, `clouds` the
        entries of a clouds.yaml: admin, octavia, demo, outsider, `amphora` the image as a machine of the tree
        `controller` has it, and its checksum.
        """
        made = trees.LAYERS["services"].path / "etc/octavia-lab"
        authority, subnet = made / "ca.crt", made / "subnet.json"
        return {
            **host.DATA,
            "subnet": json.loads(subnet.read_text()) if subnet.exists() else host.DATA["subnet"],
            "ca": authority.read_text() if authority.exists() else None,
            "certificates": {path.name: path.read_text() for path in made.glob("amphora/*.pem")},
            "amphora": {"file": str(trees.IMAGE), "checksum": trees.checksum()},
            "clouds": {name: _cloud(host.DATA["keystone"], name) for name in CLOUDS},
        }

    # -- life -------------------------------------------------------------------------------------------

    def create(self):
        host.check()
        self._lock = self._take()
        try:
            sweep(self.name)
            self.directory.mkdir(parents=True)
            if self._in_memory and host.free_memory() > ROOM:
                host.run("mount", "-t", "tmpfs", "-o", "mode=755", host.PREFIX, self.directory)
            network.Network(self.name).create()
        except BaseException:
            self.destroy()
            raise
        return self

    @classmethod
    def attach(cls, name):
        """A lab that is up, whoever made it."""
        lab = cls(name)
        host.check()
        if not lab.directory.is_dir():
            raise host.LabError(f"there is no lab {name}; there is: {' '.join(names()) or 'none'}")
        for disk in sorted(lab.directory.iterdir()):
            if disk.name in host.DATA["network"]["machines"]:  # a workshop, where a tree is built, has others
                lab.machines[disk.name] = lab._machine(disk.name)
        return lab

    def destroy(self):
        """End all machines and remove everything that belongs to the lab."""
        for each in self.machines.values():
            each.kill()
        sweep(self.name)
        self.machines.clear()
        self.release()

    def release(self):
        """Leave the lab up, for others to attach to or to clean."""
        if self._lock:
            self._lock.close()
            self._lock = None
            (host.LOCKS / f"lab-{self.name}").unlink(missing_ok=True)

    @contextlib.contextmanager
    def kept(self):
        """A lab that stays up after the block, also when it fails, for a look; an interruption removes it."""
        try:
            yield self.create()
        except (KeyboardInterrupt, SystemExit):
            self.destroy()
            raise
        except host.LabError as error:
            if not self._lock:
                raise
            raise host.LabError(
                f"{error}\nThe lab {self.name} stays up for a look; remove it with: "
                f"python3 tests/lab clean --name {self.name}"
            ) from None
        finally:
            self.release()

    def __enter__(self):
        return self.create()

    def __exit__(self, *_):
        self.destroy()

    def _take(self):
        taken = host.lock(f"lab-{self.name}", wait=False)
        if not taken:
            owner = host.lock_owner(f"lab-{self.name}")
            raise host.LabError(f"lab {self.name} is in use by process {owner}: end that first")
        return taken

    # -- machines ---------------------------------------------------------------------------------------

    def _machine(self, name):
        try:
            address = host.DATA["network"]["machines"][name]
        except KeyError:
            known = " ".join(host.DATA["network"]["machines"])
            raise host.LabError(f"no machine {name} in lab.json; there is: {known}") from None
        return machine.Machine(
            name, self.name, network.Network(self.name), self.directory / name, address, lambda: self.facts
        )

    def bare(self, name, layers, salt=None):
        """A machine over any layers, booted."""
        new = self.machines[name] = self._machine(name)
        return new.create(layers, salt).start()

    def machine(self, name, debian=12, salt="3008", start=True, tree=None):
        """A fresh machine at its address; an older one of that name is destroyed first.

        `tree`: another one than that of an empty Debian. In `libraries-12` and `libraries-13` all is installed
        that each package of Octavia depends on, but nothing of Octavia: for tests of anything but the installation from
        nothing. `next-13` has the packages of the next Debian besides, as an archive (trees.NEXT_SOURCE).
        `tools-13` has what makes Debian packages, and reclass; `watched` has Prometheus and its node exporter.
        """
        if name in self.machines:
            self.machines.pop(name).destroy()
        new = self._machine(name)
        new.create(trees.prepared(tree or f"debian-{debian}"), salt)
        self.machines[name] = new
        return new.start() if start else new

    def services(self, tree="services"):
        """The machine with MariaDB, RabbitMQ, memcached, Keystone and Neutron; returns when all of them answer."""
        if "services" not in self.machines:
            new = self._machine("services")
            new.create(trees.prepared(tree))
            if tree == "cloud":
                new.write("/etc/nova/nova-compute.conf", COMPUTE.format(virt_type="kvm" if host.kvm() else "qemu"))
            self.machines["services"] = new.start(180)
        wait_ready(self.machines["services"], tree)
        return self.machines["services"]

    def cloud(self):
        """As `services`, with all that real amphorae need: Placement, Glance, Nova and Neutron's agents.

        Nothing in it knows of Octavia: no user, endpoint, role, network, flavor or image of it.
        """
        return self.services("cloud")

    def network_node(self, machine, agent="linuxbridge"):
        """Let a machine carry Neutron's networks, by an agent under the machine's own name.

        The tree `controller` has that of linuxbridge; that of `openvswitch` is installed.
        """
        machine.configure(f"cloud.{agent}")
        wait_ready(self.machines["services"], machine.name)
        return machine

    def tenant(self):
        """Two hosts in the demo project's network, in namespaces of the services machine: gives a Tenant.

        The demo user gets Octavia's role for users of load balancers, if it is there.
        """
        return Tenant(self.machines["services"]).make()


class Tenant:
    """`client`, which asks, and `member`, a web server on port 8080 behind load balancers."""

    def __init__(self, services):
        self.services = services
        self.facts = {**host.DATA["cloud"]["tenant"], "subnet": host.DATA["subnet"]["name"]}

    def make(self):
        self._run("make")
        self.member()
        return self

    def remove(self):
        self._run("remove")

    def _run(self, verb):
        self.services.run(["python3", "-", verb, json.dumps(self.facts)], input=TENANT)

    def curl(self, url, timeout=5):
        """(status, body) of what the client gets; status 0: no answer."""
        ask = ["ip", "netns", "exec", "client", "curl", "-sS", "--max-time", timeout, "-w", "\n%{http_code}", url]
        result = self.services.run(ask, check=False)
        body, _, status = result.stdout.rpartition("\n")
        return int(status or 0), body or result.stderr.strip()

    def member(self, running=True):
        """Start or stop the web server."""
        self.services.run(["systemctl", "start" if running else "stop", "lab-member"])
        deadline = time.monotonic() + 20
        while bool(self.curl("http://{member}:{port}/".format(**self.facts))[0]) != running:
            if time.monotonic() > deadline:
                raise host.LabError("the member does not answer: journalctl -u lab-member on services")
            time.sleep(0.1)


def _cloud(keystone, name):
    """An entry of clouds.yaml."""
    who = keystone[name]
    return {
        "region_name": keystone["region"],
        "auth": {
            "auth_url": keystone["url"],
            "username": who["user"],
            "password": who["password"],
            "project_name": who["project"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
    }


def wait_ready(services, what="services", timeout=180):
    """Wait until every service of a tree answers in its own protocol, or the network agent of a machine."""
    services.run(["python3", "-", what, str(timeout)], input=READY, timeout=timeout + 10)


def names():
    """All labs of which there is anything left: directories, control groups, namespaces, tables."""
    found = {path.name for path in host.STATE.glob("*") if path.is_dir()}
    for name in [path.name for path in nspawn.leftovers()] + network.namespaces() + network.tables():
        found.add(name.removeprefix(f"{host.PREFIX}-").split("-")[0])
    return sorted(found)


def sweep(name):
    """Remove what there is of a lab as the host shows it, whatever the process that made it remembers."""
    for group in nspawn.leftovers():
        if group.name.startswith(f"{host.PREFIX}-{name}-"):
            nspawn.end(group)
    machine.unmount(host.STATE / name)
    network.remove(name)


def clean(name=None, everything=False):
    """Remove one lab or all, with `everything` the prepared trees too; yields the lines to print.

    A lab whose process is alive is left alone and named in the error at the end, after all others are gone.
    """
    host.check(packages=False)
    wanted, refused = [name] if name else names(), []
    for lab in wanted:
        taken = host.lock(f"lab-{lab}", wait=False)
        if not taken:
            refused.append(f"lab {lab} is in use by process {host.lock_owner(f'lab-{lab}')}")
            continue
        started = time.monotonic()
        sweep(lab)
        (host.LOCKS / f"lab-{lab}").unlink(missing_ok=True)
        taken.close()
        yield f"lab {lab} removed in {time.monotonic() - started:.1f} s"
    if refused:
        raise host.LabError(f"{', '.join(refused)}: end that first")
    if everything:
        trees.remove()
        yield f"prepared trees removed: {host.CACHE}"
    if not names():
        for directory in (host.LOCKS, host.STATE):
            shutil.rmtree(directory, ignore_errors=True)
        for directory in {host.STATE.parent, host.CACHE.parent} - {pathlib.Path("/")}:
            with contextlib.suppress(OSError):
                directory.rmdir()
    if not wanted and not everything:
        yield "no lab here"
