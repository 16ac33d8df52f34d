"""
A load balancer for a test: made, asked by HTTP as a user's browser would, and removed. ``octavia_check.probe`` runs it.

What it makes has a name that begins with ``octavia-probe-`` and that of the minion, and a tag, so that the next probe
finds and removes what a killed one has left.
"""

import contextlib
import datetime
import fcntl
import http.client
import os
import secrets
import shlex
import time

from salt.exceptions import CommandExecutionError
from salt.utils.network import is_ip

TAG = "octavia-probe"

# Seconds for one answer by HTTP, and between two questions.
_ANSWER, _PAUSE = 25, 1

# Of the whole time, what is kept for the removal: a quarter, and not more than this many seconds.
_SHARE, _ENOUGH = 0.25, 120

# Seconds after which what another host's probe has made is left over for sure.
_STALE = 3600

_UTC = datetime.timezone.utc  # noqa: UP017 Salt 3006 brings Python 3.10


class _Failed(Exception):
    """Why the probe ends, as one line."""


def asked(vip_subnet=None, vip_network=None, member=None, via=None, timeout=None, project=None, saltenv=None):
    """
    Return the arguments of ``run`` by what is said of a probe, and for the rest by ``octavia:probe``.

    vip_subnet, vip_network, member, via, timeout, project
        As for ``octavia_check.probe``.

    Raises CommandExecutionError when something is lacking or wrong.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_probe.asked vip_subnet=private-subnet member=10.0.0.5:8080
    """
    value = __salt__["octavia_pillar.values"](saltenv)
    said = {name.removeprefix("probe:"): val for name, val in value.items() if name.startswith("probe:")}
    if vip_subnet or vip_network:
        said.update(vip_subnet=vip_subnet, vip_network=vip_network)
    if not said.get("vip_subnet") and not said.get("vip_network"):
        raise CommandExecutionError("octavia:probe:vip_subnet: is not set, nor is octavia:probe:vip_network")
    vip = {f"vip_{kind}_id": said[f"vip_{kind}"] for kind in ("subnet", "network") if said.get(f"vip_{kind}")}
    project = project or said.get("project")
    if project:
        vip["project_id"] = project
    via = said.get("via") if via is None else via
    timeout = said["timeout"] if timeout is None else timeout
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
        raise CommandExecutionError(f"timeout: is {timeout!r}, must be a number of seconds")
    return {
        "vip": vip,
        "port": said["port"],
        "member": _probed_member(member) if member else _said_member(said),
        "via": shlex.split(via) if isinstance(via, str) else via,
        "timeout": timeout,
        "patience": said["patience"],
        "provider": said.get("provider"),
    }


def _said_member(said):
    """What the pillar says of a member; its port by default that of a web server."""
    if not said.get("member:address"):
        return None
    return _member_of(said["member:address"], said["member:port"], said.get("member:subnet"))


def _probed_member(member):
    """What an argument says of a member."""
    known = ("address", "port", "subnet")
    if isinstance(member, str):
        address, _, port = member.rpartition(":")
        member = {"address": address.strip("[]"), "port": int(port) if port.isdigit() else port}
    if not isinstance(member, dict) or not set(member) <= set(known) or not is_ip(str(member.get("address"))):
        raise CommandExecutionError("member: must be address:port, or a mapping of address, port and subnet")
    port = member.get("port", 80)
    if not isinstance(port, int) or not 1 <= port <= 65535:
        raise CommandExecutionError("member: must have a port between 1 and 65535")
    return _member_of(member["address"], port, member.get("subnet"))


def _member_of(address, port, subnet):
    return {"address": address, "port": port, **({"subnet_id": subnet} if subnet else {})}


def run(
    vip, port=80, member=None, via=None, timeout=900, patience=60, provider=None, cloud_name=None, test=False,
    saltenv=None,
):  # fmt: skip
    """
    Make a load balancer with a listener, expect 503 from its VIP, with a member also 200, and remove all of it.

    vip
        Where: ``vip_subnet_id`` or ``vip_network_id``, an id or a name, and ``project_id``, an id or a name too.

    port
        Of the listener.

    member
        ``address``, ``port`` and, where it is not in the network of the VIP, ``subnet_id``, an id or a name.

    via
        A command, as a list of words, that runs another one where the VIP can be reached: it is given ``curl``. By
        default the VIP is asked from here.

    timeout, patience
        Seconds for all of it, and those for which the VIP may give another answer than it should.

    provider, cloud_name
        Of the load balancer, and who asks.

    test
        Look for what has a name, and no more.

    Returns the report that ``octavia_check.probe`` describes.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_probe.run '{vip_subnet_id: private-subnet}' timeout=600
    """
    begin = time.monotonic()
    probe = _Probe(begin + timeout, timeout, cloud_name, saltenv)
    with _alone(saltenv):
        try:
            probe.place = __salt__["octaviav2.resolved"](vip, cloud_name=cloud_name)
            if member:
                project = {"project_id": probe.place["project_id"]}
                member = __salt__["octaviav2.resolved"]({**project, **member}, cloud_name=cloud_name)
            if test:
                line = f"a load balancer would be made, asked at port {port}, and removed"
                return {"ok": None, "line": line, "steps": [], "left": [], "seconds": 0}
            probe.remove_leftovers()
            probe.walk(port, member, via or [], patience, provider)
        except (_Failed, CommandExecutionError) as exc:
            probe.why = str(exc)
        finally:
            probe.remove()
    good = not probe.why and not probe.left
    line = "; ".join(([probe.why] if probe.why else [probe.good]) + [f"left behind: {each}" for each in probe.left])
    seconds = round(time.monotonic() - begin)
    return {"ok": good, "line": f"{line} ({seconds} s)", "steps": probe.steps, "left": probe.left, "seconds": seconds}


class _Probe:
    """One load balancer, from the POST to its end."""

    def __init__(self, end, timeout, cloud_name, saltenv):
        self.end, self.until = end, end - min(timeout * _SHARE, _ENOUGH)
        self.cloud_name, self.saltenv = cloud_name, saltenv
        self.name = f"{_prefix()}{secrets.token_hex(4)}"
        self.place, self.posted = {}, False
        self.steps, self.earlier, self.left, self.why, self.good = [], [], [], "", ""

    # --- what a user would do

    def walk(self, port, member, via, patience, provider):
        body = {**self.place, "name": self.name, "tags": [TAG], "description": "of octavia_check.probe, may be removed"}
        if provider:
            body["provider"] = provider
        position = __salt__["octaviav2.log_position"](self.saltenv)
        with self._step("POST of the load balancer"):
            self.posted = True
            made = __salt__["octaviav2.loadbalancer_create"](cloud_name=self.cloud_name, **body)["loadbalancer"]
        address = made["vip_address"]
        with self._step(f"load balancer ACTIVE, with VIP {address}"):
            self._active(made["id"], position)
        listener = {"name": self.name, "protocol": "HTTP", "protocol_port": port, "loadbalancer_id": made["id"]}
        self._child("listener", "listeners", listener, made["id"])
        url = f"http://{f'[{address}]' if ':' in address else address}:{port}/"
        with self._step(f"503 from {url}"):
            self._expect(503, address, port, url, via, patience)
        self.good = f"{url} answered 503"
        if member:
            pool = {"name": self.name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
            pool = self._child("pool", "pools", {**pool, "listener_id": self.listener}, made["id"])
            body = {"name": self.name, "address": member["address"], "protocol_port": member["port"]}
            if member.get("subnet_id"):
                body["subnet_id"] = member["subnet_id"]
            self._child("member", f"pools/{pool}/members", body, made["id"])
            with self._step(f"200 from {url}"):
                self._expect(200, address, port, url, via, patience)
            self.good += f", and 200 with member {member['address']}:{member['port']}"

    def _child(self, kind, path, body, balancer):
        """Make something of the load balancer, and wait until both are ACTIVE; its id."""
        path = f"/lbaas/{path}"
        position = __salt__["octaviav2.log_position"](self.saltenv)
        with self._step(f"POST of the {kind}"):
            made = self._make(kind, path, body)["id"]
        with self._step(f"{kind} ACTIVE"):
            self._active(balancer, position)
            # a load balancer is ACTIVE again when its listener has failed
            status = self._ask("GET", f"{path}/{made}")[kind]["provisioning_status"]
            if status != "ACTIVE":
                raise _Failed(f"is {status}: {self._reason(balancer, position)}")
        if kind == "listener":
            self.listener = made
        return made

    def _make(self, kind, path, body):
        if kind == "member":
            return self._ask("POST", path, {kind: body})[kind]
        return __salt__["octavia_cloud.create"](kind, body, cloud_name=self.cloud_name)

    def _active(self, balancer, position):
        found = self._settled(balancer, self.until)
        status = found["provisioning_status"] if found else "gone"
        if status != "ACTIVE":
            raise _Failed(f"is {status}: {self._reason(balancer, position)}")

    def _expect(self, status, address, port, url, via, patience):
        until = min(time.monotonic() + patience, self.until)
        while True:
            answer = _curl(via, url) if via else _get(address, port)
            if answer == status:
                return
            if time.monotonic() >= until:
                said = f"answers {answer}" if isinstance(answer, int) else answer
                # who never heard from it may be at the wrong place
                how = "" if isinstance(answer, int) else "; see octavia:probe:via where the VIP is out of reach"
                raise _Failed(f"after {patience:g} s it {said}{how}")
            time.sleep(_PAUSE)

    # --- and its end

    def remove_leftovers(self):
        """
        Order the removal of what a probe of this host has left, and one of another host long ago. What is being
        changed cannot be removed yet, and is at the end.
        """
        path = {"tags": TAG, "project_id": self.place["project_id"]}
        for each in __salt__["octaviav2.loadbalancer_list"](cloud_name=self.cloud_name, **path)["loadbalancers"]:
            ours = each["name"].startswith(_prefix())
            if ours or (each["name"].startswith(f"{TAG}-") and _age(each["created_at"]) > _STALE):
                self.earlier.append(each)
                if not each["provisioning_status"].startswith("PENDING_"):
                    self._delete(each["id"])

    def remove(self):
        """Ours, and what earlier probes left; what stays is named."""
        todo = self.earlier
        if self.posted:
            # by its name: the answer to the POST may have been lost
            todo = [{"id": None, "name": self.name}, *todo]
        for each in todo:
            try:
                with self._step(f"removed {each['name']}"):
                    self._removed(each["id"] or self._found())
            except (_Failed, CommandExecutionError) as exc:
                self.left.append(f"load balancer {each['name']}, which the next probe of this host removes ({exc})")

    def _found(self):
        query = {"name": self.name, "project_id": self.place["project_id"]}
        found = __salt__["octaviav2.loadbalancer_list"](cloud_name=self.cloud_name, **query)["loadbalancers"]
        return found[0]["id"] if found else None

    def _removed(self, balancer):
        """Remove a load balancer, as soon as it can be."""
        while balancer:
            found = self._settled(balancer, self.end)
            if not found:
                return
            if time.monotonic() >= self.end:
                raise _Failed(f"is {found['provisioning_status']}, and not gone")
            self._delete(balancer)
            time.sleep(_PAUSE)

    def _delete(self, balancer):
        try:
            __salt__["octaviav2.loadbalancer_delete"](balancer, cloud_name=self.cloud_name, cascade=True)
        except CommandExecutionError as exc:
            # it is being changed, or gone
            if getattr(exc, "status", None) not in (404, 409):
                raise

    # --- what is the same everywhere

    @contextlib.contextmanager
    def _step(self, what):
        begin = time.monotonic()
        try:
            yield
        except (_Failed, CommandExecutionError) as exc:
            line = f"{what}: {exc}"
            self.steps.append(f"failed: {line}")
            raise _Failed(line) from exc
        self.steps.append(f"{what} ({time.monotonic() - begin:.1f} s)")

    def _settled(self, balancer, until):
        left = max(until - time.monotonic(), 0)
        return __salt__["octaviav2.settled"]("loadbalancer", balancer, timeout=left, cloud_name=self.cloud_name)

    def _reason(self, balancer, position):
        return __salt__["octaviav2.reason"](balancer, position, saltenv=self.saltenv)

    def _ask(self, method, path, body=None):
        return __salt__["octavia_cloud.request"]("load-balancer", method, path, body, cloud_name=self.cloud_name)


def _prefix():
    return f"{TAG}-{__opts__['id']}-"


@contextlib.contextmanager
def _alone(saltenv):
    """One probe at a time on this host: another one would take ours for a leftover."""
    directory = __salt__["octavia_pillar.settings"](saltenv=saltenv)["state_dir"]
    os.makedirs(directory, mode=0o700, exist_ok=True)
    handle = os.open(f"{directory}/probe.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandExecutionError("Another probe is at work on this host") from None
        yield
    finally:
        os.close(handle)


def _get(address, port):
    """The status that a VIP answers with, or in words what else it does."""
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except TimeoutError:
        return f"does not answer within {_ANSWER} s"
    except OSError as exc:
        return f"takes no connection ({exc.strerror or exc})"
    except http.client.HTTPException as exc:
        return f"does not speak HTTP ({type(exc).__name__})"
    finally:
        connection.close()


def _curl(via, url):
    """The same, asked by curl, where a command runs it."""
    host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
    curl = [
        "curl",
        "-s",
        "-g",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--max-time",
        str(_ANSWER),
        "--noproxy",
        host,
        url,
    ]
    found = __salt__["cmd.run_all"]([*via, *curl], python_shell=False, ignore_retcode=True, timeout=4 * _ANSWER)
    status = found["stdout"].strip()[-3:]
    if status.isdigit() and status != "000":
        return int(status)
    known = {6: "is not found", 7: "takes no connection", 28: f"does not answer within {_ANSWER} s"}
    if found["retcode"] in known:
        return known[found["retcode"]]
    said = found["stderr"].strip() or found["stdout"].strip()
    return f"cannot be asked: {shlex.join(via)} curl ends with {found['retcode']}" + (
        f", {said.splitlines()[-1]}" if said else ""
    )


def _age(moment):
    """Seconds since a moment in the API's words, ISO 8601 in UTC."""
    made = datetime.datetime.fromisoformat(moment.removesuffix("Z")).replace(tzinfo=_UTC)
    return (datetime.datetime.now(_UTC) - made).total_seconds()
