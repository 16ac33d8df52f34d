"""
Nova and Glance in memory, behind the engine: what ``octavia/host/cloud.py`` answers, without a request.
"""

import hashlib
import itertools
from pathlib import Path

from salt.exceptions import CommandExecutionError

PROJECT, USER = "p" * 32, "u" * 32
ALGORITHM = "sha512"


class FakeCloud:
    """
    Resources by kind, in ``there``. ``calls`` are those that change something. ``fail`` is raised by the next upload,
    which leaves its image as ``left`` says.
    """

    def __init__(self, host):
        self.there = {
            "project": [{"id": PROJECT, "name": "service"}],
            "user": [{"id": USER, "name": "octavia"}],
        }
        self.access, self.calls, self.fail, self.left = {}, [], None, "queued"
        self.numbers = itertools.count(1)
        host.ask.side_effect = self.answer

    def answer(self, module, function, timeout=None, saltenv=None, login=None, **kwargs):
        assert module == "cloud"
        if function in ("create", "update", "delete", "upload"):
            self.calls.append((function, kwargs.get("kind", "content")))
        return getattr(self, f"_{function}")(**kwargs)

    def of(self, kind):
        return self.there.setdefault(kind, [])

    def _resources(self, kind, **scope):
        if kind == "server":
            scope.pop("all_tenants", None), scope.pop("project_id", None)
        scope = {field: value for field, value in scope.items() if value is not None}
        return [dict(each) for each in self.of(kind) if all(each.get(f) == v for f, v in scope.items())]

    def _find(self, kind, name, project=None, domain=None, scope=None):
        found = [each for each in self.of(kind) if name in (each["id"], each["name"])]
        return dict(found[0]) if found else None

    def _project(self, name, domain=None):
        found = self._find("project", name)
        return found and found["id"]

    def _create(self, kind, body, project=None, domain=None):
        number = next(self.numbers)
        made = {"id": body["name"] if kind == "keypair" else f"{kind}-{number}", **body}
        if kind == "image":
            made.update(status="queued", tags=[], owner=project, created_at=f"2026-01-01T00:{number:02}:00Z")
        if kind == "keypair":
            made["fingerprint"] = "fa:ke"
        self.of(kind).append(made)
        return dict(made)

    def _update(self, kind, id, body):
        one = next(each for each in self.of(kind) if each["id"] == id)
        for field, value in body.items():
            if isinstance(value, dict):
                one.setdefault(field, {}).update(value)
            else:
                one[field] = value
        return dict(one)

    def _delete(self, kind, id):
        for each in self.of(kind):
            if each["id"] == id and each.get("busy"):
                raise CommandExecutionError("CloudError: Glance at http://g refuses DELETE (409): Image is in use")
        self.there[kind] = [each for each in self.of(kind) if each["id"] != id]

    def _request(self, service, method, path, body=None, microversion=None):
        _, kind, id, *what = path.split("/")
        if kind == "images":
            return self._find("image", id)
        if what == ["os-flavor-access"]:
            return {"flavor_access": [{"flavor_id": id, "tenant_id": each} for each in self.access.get(id, [])]}
        self.calls.append(("grant", "flavor"))
        self.access.setdefault(id, []).append(body["addTenantAccess"]["tenant"])
        return None

    def _upload(self, service, path, file):
        one = next(each for each in self.of("image") if each["id"] == path.split("/")[2])
        if self.fail:
            line, self.fail = self.fail, None
            one["status"] = self.left
            if self.left == "active":
                self._fill(one, file)
            raise CommandExecutionError(line)
        self._fill(one, file)

    @staticmethod
    def _fill(one, file):
        content = Path(file).read_bytes()
        one.update(
            status="active", size=len(content), checksum=hashlib.md5(content).hexdigest(),
            os_hash_algo=ALGORITHM, os_hash_value=hashlib.new(ALGORITHM, content).hexdigest(),
        )  # fmt: skip
