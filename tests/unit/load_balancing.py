"""
A load-balancing API without a cloud: what `octavia_cloud` would answer, for tests of `octaviav2` and of the probe.
"""

import itertools
import time
from urllib.parse import parse_qsl

from salt.exceptions import CommandExecutionError

PROJECT, OTHER, SUBNET = "a" * 32, "b" * 32, "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
MEMBERS = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d11"


def refusal(status, line="The load-balancing API says no"):
    error = CommandExecutionError(f"{line} ({status})")
    error.status = status
    return error


class Api:
    """
    Load balancers and what is in them; `api.calls` has the requests that change something, `api.asked` all of them.

    A thing that is being changed is so for `api.takes` seconds, by a clock that only sleeping moves on.
    """

    def __init__(self, host, monkeypatch, takes=5):
        self.things, self.calls, self.asked, self.takes, self.clock = {}, [], [], takes, 0
        #: What changes become: ACTIVE by default; by kind of request, ERROR.
        self.outcome = {}
        #: Raised instead of an answer, once for each entry: `{"POST": [error, None]}`.
        self.faults = {}
        self.names = {"project": {"demo": OTHER}, "subnet": {"private": SUBNET, "servers": MEMBERS}}
        self._ids = (f"00000000-0000-4000-8000-{number:012}" for number in itertools.count(1))
        host.salt.update({
            "octavia_cloud.request": self.request, "octavia_cloud.create": self.create,
            "octavia_cloud.find": self.find, "octavia_cloud.identity": self.identity,
        })  # fmt: skip
        monkeypatch.setattr(time, "sleep", self._sleep)
        monkeypatch.setattr(time, "monotonic", lambda: self.clock)

    def _sleep(self, seconds):
        self.clock += seconds

    def identity(self, cloud_name=None):
        return {"project_id": PROJECT, "project_name": "service"}

    def put(self, name, status="ACTIVE", project=PROJECT, **fields):
        """A load balancer that is there."""
        made = {
            "id": next(self._ids), "name": name, "project_id": project, "provisioning_status": status,
            "operating_status": "ONLINE", "admin_state_up": True, "description": "", "tags": [], "provider": "amphora",
            "vip_address": "10.88.0.7", "vip_subnet_id": SUBNET, "vip_network_id": None, "vip_qos_policy_id": None,
            "listeners": [], "pools": [], "created_at": "2026-01-01T00:00:00", **fields,
        }  # fmt: skip
        self.things[made["id"]] = {"kind": "loadbalancers", "until": 0, **made}
        return made["id"]

    def shown(self, thing):
        return {name: value for name, value in thing.items() if name not in ("kind", "until", "then")}

    def balancers(self):
        self._pass()
        return [each for each in self.things.values() if each["kind"] == "loadbalancers"]

    def _pass(self):
        """What time has brought about."""
        for ident, thing in list(self.things.items()):
            if thing.get("then") and self.clock >= thing["until"]:
                thing["provisioning_status"] = thing.pop("then")
                if thing["provisioning_status"] == "DELETED":
                    del self.things[ident]

    def _busy(self, thing, status, then):
        thing.update(provisioning_status=status, until=self.clock + self.takes, then=then)

    def find(self, kind, name, project=None, cloud_name=None):
        if kind != "loadbalancer":
            found = self.names.get(kind, {}).get(name)
            return {"id": found} if found else None
        found = [each for each in self.balancers() if name in (each["id"], each["name"])
                 and (name == each["id"] or each["project_id"] == project)]  # fmt: skip
        if len(found) > 1:
            raise CommandExecutionError(f"2 called {name}: {', '.join(each['id'] for each in found)}")
        return self.shown(found[0]) if found else None

    def create(self, kind, body, cloud_name=None):
        path = "/lbaas/loadbalancers" if kind == "loadbalancer" else f"/lbaas/{kind}s"
        return self.request("load-balancer", "POST", path, {kind: body})[kind]

    def request(self, service, method, path, body=None, cloud_name=None):
        assert service == "load-balancer"
        self._pass()
        self.asked.append((method, path))
        if method != "GET":
            self.calls.append((method, path, body))
        for fault in self.faults.get(f"{method} {path.partition('?')[0]}", self.faults.get(method, []))[:]:
            faults = self.faults.get(f"{method} {path.partition('?')[0]}", self.faults.get(method))
            faults.pop(0)
            if fault:
                raise fault
            break
        path, _, query = path.partition("?")
        parts = path.removeprefix("/lbaas/").split("/")
        return getattr(self, f"_{method.lower()}")(parts, dict(parse_qsl(query)), body)

    def _get(self, parts, query, body):
        if len(parts) % 2:
            found = [each for each in self.things.values() if each["kind"] == parts[-1] and all(
                value in (each.get(field) or ()) if field == "tags" else str(each.get(field)) == value
                for field, value in query.items())]  # fmt: skip
            return {parts[-1]: [self.shown(each) for each in found]}
        return {parts[-2].removesuffix("s"): self.shown(self._thing(parts[-1]))}

    def _thing(self, ident):
        if ident not in self.things:
            raise refusal(404)
        return self.things[ident]

    def _post(self, parts, query, body):
        [(kind, fields)] = body.items()
        then = self.outcome.get(kind, "ACTIVE")
        if kind == "loadbalancer":
            ident = self.put(fields["name"], project=fields["project_id"],
                             **{k: v for k, v in fields.items() if k not in ("name", "project_id")})  # fmt: skip
        else:
            ident = next(self._ids)
            self.things[ident] = {"kind": parts[-1], "until": 0, "id": ident, **fields}
            balancer = self.balancers()[-1]
            self._busy(balancer, "PENDING_UPDATE", "ACTIVE")
            balancer.setdefault(f"{kind}s", []).append({"id": ident})
        self._busy(self.things[ident], "PENDING_CREATE", then)
        return {kind: self.shown(self.things[ident])}

    def _changeable(self, ident):
        thing = self._thing(ident)
        if thing["provisioning_status"].startswith("PENDING_"):
            raise refusal(409, f"Load Balancer {ident} is immutable and cannot be updated.")
        return thing

    def _put(self, parts, query, body):
        thing = self._changeable(parts[-1])
        [(kind, fields)] = body.items()
        thing.update(fields)
        self._busy(thing, "PENDING_UPDATE", self.outcome.get("PUT", "ACTIVE"))
        return {kind: self.shown(thing)}

    def _delete(self, parts, query, body):
        thing = self._changeable(parts[-1])
        if (thing.get("listeners") or thing.get("pools")) and query.get("cascade") != "true":
            raise refusal(400, f"Cannot delete Load Balancer {parts[-1]} - it has children")
        self._busy(thing, "PENDING_DELETE", self.outcome.get("DELETE", "DELETED"))
