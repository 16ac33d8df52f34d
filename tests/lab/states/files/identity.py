#!/usr/bin/python3
"""
Make the roles, accounts (project, user and the user's roles in it), services and endpoints that the file WANTED names,
and remove what it calls absent.
"""

import json
import os
import pathlib
import time

import openstack

wanted = json.loads(pathlib.Path(os.environ["WANTED"]).read_text())
made = []


def present(kind, name, **body):
    """The object of this kind and name, made when it is not there."""
    found = getattr(identity, f"find_{kind}")(name)
    if not found:
        found = getattr(identity, f"create_{kind}")(name=name, **body)
        made.append(f"{kind} {name}")
    return found


def answering(tries=120):
    """A connection, as soon as Keystone answers: its service has only just been started."""
    while True:
        try:
            cloud = openstack.connect()
            cloud.authorize()
            return cloud
        except Exception:
            tries -= 1
            if not tries:
                raise
            time.sleep(0.5)


identity = answering().identity
roles = {name: present("role", name) for name in ("admin", *wanted["roles"])}
for who in wanted["accounts"]:
    project = present("project", who["project"], domain_id="default")
    user = present("user", who["user"], password=who["password"], domain_id="default", default_project_id=project.id)
    for name in who["roles"]:
        identity.assign_project_role_to_user(project, user, roles[name])
for kind, service in wanted["services"].items():
    entry = present("service", service["name"], type=kind)
    if not list(identity.endpoints(service_id=entry.id)):
        for interface in ("public", "internal", "admin"):
            identity.create_endpoint(
                service_id=entry.id, interface=interface, url=service["url"], region_id=wanted["region"]
            )
        made.append(f"endpoints {service['name']}")
for kind, names in wanted.get("absent", {}).items():
    for name in names:
        found = getattr(identity, f"find_{kind}")(name)
        if found:
            getattr(identity, f"delete_{kind}")(found)
            made.append(f"no {kind} {name}")

print()
print(json.dumps({"changed": bool(made), "comment": f"made: {', '.join(made) or 'nothing'}"}))
