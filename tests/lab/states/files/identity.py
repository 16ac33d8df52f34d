#!/usr/bin/python3
"""Make the projects, roles, users, services and endpoints that /etc/octavia-lab/identity.json wants."""

import json
import pathlib
import time

import openstack

# who has which roles in the user's own project
ROLES = {
    "octavia": ("admin", "service"),
    "neutron": ("admin", "service"),
    "demo": ("member", "load-balancer_member"),
    "outsider": ("member",),  # a member without Octavia's role: has to be refused
}
wanted = json.loads(pathlib.Path("/etc/octavia-lab/identity.json").read_text())
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
for key, names in ROLES.items():
    who = wanted[key]
    project = present("project", who["project"], domain_id="default")
    user = present("user", who["user"], password=who["password"], domain_id="default", default_project_id=project.id)
    for name in names:
        identity.assign_project_role_to_user(project, user, roles[name])
for kind, service in wanted["services"].items():
    entry = present("service", service["name"], type=kind)
    if not list(identity.endpoints(service_id=entry.id)):
        for interface in ("public", "internal", "admin"):
            identity.create_endpoint(
                service_id=entry.id, interface=interface, url=service["url"], region_id=wanted["region"]
            )
        made.append(f"endpoints {service['name']}")

print()
print(json.dumps({"changed": bool(made), "comment": f"made: {', '.join(made) or 'nothing'}"}))
