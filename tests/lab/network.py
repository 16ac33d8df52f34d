"""The network of one lab: a bridge in a namespace of its own, and a way out through the host.

Inside, every lab has the same addresses, so two labs never meet: each bridge is in another namespace.
Outside, a lab is one veth pair with a /30 of its own (from 198.18.0.0/15, kept for tests of networks) and one
nftables table. Every machine has a named namespace too, so that its address is there before it boots.
"""

import json
import pathlib
import shutil

from lab import host

BRIDGE = "br-lab"
UPLINK = "olab"  # + number: the host's end of a lab's way out
FORWARD = pathlib.Path("/proc/sys/net/ipv4/ip_forward")


class Network:
    def __init__(self, lab):
        self.name = f"{host.PREFIX}-{lab}"
        self.settings = host.DATA["network"]

    def create(self):
        """Bridge, uplink and address translation."""
        mtu = host.uplink_mtu()
        with host.lock("network"):  # two labs must not take the same number
            number = _free_number()
            outside, inside = _addresses(number)
            device = f"{UPLINK}{number}"
            host.run("ip", "netns", "add", self.name)
            _batch(
                f"link add {device} mtu {mtu} type veth peer name uplink mtu {mtu} netns {self.name}\n"
                f"link set {device} alias {self.name}\n"
                f"addr add {outside}/30 dev {device}\n"
                f"link set {device} up\n"
            )
        _batch(
            f"link set lo up\n"
            f"link add {BRIDGE} mtu {mtu} type bridge\n"
            f"addr add {self.settings['gateway']}/{self.settings['prefix']} dev {BRIDGE}\n"
            f"link set {BRIDGE} up\n"
            f"addr add {inside}/30 dev uplink\n"
            f"link set uplink up\n"
            f"route add default via {outside}\n",
            self.name,
        )
        _masquerade(self.name, self.settings["range"], "uplink", self.name)
        _masquerade(self.name, f"{inside}/32", device)
        host.run("ip", "netns", "exec", self.name, "sh", "-c", f"echo 1 > {FORWARD}")
        _forward(True)

    def join(self, machine, address):
        """The namespace of one machine, with `address` on its host0; gives the path that nspawn takes."""
        namespace, mtu = f"{self.name}-{machine}", host.uplink_mtu()
        host.run("ip", "netns", "add", namespace)
        _batch(
            f"link add {machine} mtu {mtu} type veth peer name host0 mtu {mtu} netns {namespace}\n"
            f"link set {machine} master {BRIDGE}\n"
            f"link set {machine} up\n",
            self.name,
        )
        _batch(
            f"link set lo up\n"
            f"addr add {address}/{self.settings['prefix']} dev host0\n"
            f"link set host0 up\n"
            f"route add default via {self.settings['gateway']}\n",
            namespace,
        )
        return pathlib.Path("/run/netns") / namespace

    def leave(self, machine):
        # The device goes with the namespace of its other end, but some time later: first, so that its name is free.
        host.run("ip", "-n", self.name, "link", "delete", machine, check=False)
        host.run("ip", "netns", "delete", f"{self.name}-{machine}", check=False)


def remove(lab):
    """Take away whatever there is of a lab's network."""
    name = f"{host.PREFIX}-{lab}"
    for namespace in namespaces():
        if namespace == name or namespace.startswith(f"{name}-"):
            # The device goes with its namespace, but some time later: first, so that its number is free.
            if namespace == name:
                host.run("ip", "-n", namespace, "link", "delete", "uplink", check=False)
            host.run("ip", "netns", "delete", namespace)
    if name in tables():
        host.run("nft", "delete", "table", "ip", name)
    if not tables():
        _forward(False)


def namespaces():
    """All network namespaces of labs; none where no lab ever was, nor the command that would make them."""
    if not shutil.which("ip"):
        return []
    found = json.loads(host.run("ip", "-j", "netns", "list", stderr=None).stdout or "[]")
    return [entry["name"] for entry in found if entry["name"].startswith(f"{host.PREFIX}-")]


def tables():
    """All nftables tables of labs."""
    if not shutil.which("nft"):
        return []
    words = [line.split() for line in host.run("nft", "list", "tables", "ip").stdout.splitlines()]
    return [word[2] for word in words if word[2].startswith(f"{host.PREFIX}-")]


def _masquerade(table, source, device, namespace=None):
    match = f'oifname {"" if namespace else "!= "}"{device}"'
    rules = (
        f"table ip {table} {{\n"
        f"  chain out {{\n"
        f"    type nat hook postrouting priority 100;\n"
        f"    ip saddr {source} {match} masquerade;\n"
        f"  }}\n"
        f"}}\n"
    )
    enter = ("ip", "netns", "exec", namespace) if namespace else ()
    host.run(*enter, "nft", "-f", "-", input=rules)


def _batch(commands, namespace=None):
    host.run("ip", *(("-n", namespace) if namespace else ()), "-batch", "-", input=commands)


def _free_number():
    links = json.loads(host.run("ip", "-j", "link", "show").stdout)
    taken = {link["ifname"] for link in links}
    return next(number for number in range(1, 10000) if f"{UPLINK}{number}" not in taken)


def _addresses(number):
    block = number * 4
    return tuple(f"198.18.{block // 256}.{block % 256 + place}" for place in (1, 2))


def _forward(wanted):
    """Let the host pass packets while there is a lab, and put back afterwards what was set before."""
    saved = host.LOCKS / "ip_forward"
    if wanted and FORWARD.read_text().strip() == "0":
        saved.write_text("0\n")
        FORWARD.write_text("1\n")
    elif not wanted and saved.exists():
        FORWARD.write_text(saved.read_text())
        saved.unlink()
