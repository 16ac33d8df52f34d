"""
Who may do what with Octavia under some policy files. Runs in the Python that has Octavia.

Reads ``[[text of policy.yaml, options of oslo_policy], ...]`` as JSON, and answers for each of them who is let in, as
``{rule: [caller, ...]}``. One enforcer lives through all of them, as in an API that is not restarted: it has to notice
by itself that the file is another one.
"""

import itertools
import json
import os
import sys
import tempfile
import warnings

from octavia.common.policy import Policy
from oslo_config import cfg
from oslo_context.context import RequestContext

ROLES = {
    "nobody": [],
    "reader": ["reader"],
    "member": ["member", "reader"],
    "admin": ["admin", "member", "reader"],
    "lb_observer": ["load-balancer_observer", "reader"],
    "lb_global_observer": ["load-balancer_global_observer", "reader"],
    "lb_member": ["load-balancer_member", "member", "reader"],
    "lb_quota_admin": ["load-balancer_quota_admin", "reader"],
    "lb_admin": ["load-balancer_admin", "member", "reader"],
    "lb_member_only": ["load-balancer_member"],
}


def callers():
    """``(name, token, project of what is asked for)``: what is one's own, and what belongs to others."""
    for (name, roles), whose in itertools.product(ROLES.items(), ("own", "others")):
        token = RequestContext(user_id="me", project_id="own", roles=roles)
        yield f"{name} {whose}", token, {"project_id": whose}


def allowed(enforcer):
    found = {name: [] for name in enforcer.registered_rules}
    for name, token, target in callers():
        # as octavia.common.context does, whose module wants a database
        token.is_admin = enforcer.check_is_admin(token)
        for rule, lets_in in found.items():
            if enforcer.authorize(rule, target, token, do_raise=False):
                lets_in.append(name)
    return found


def main():
    warnings.simplefilter("ignore")
    conf = cfg.ConfigOpts()
    conf([], project="octavia", default_config_files=[], default_config_dirs=[])
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "policy.yaml")
        answers, enforcer = [], Policy(conf, policy_file=path)
        conf.set_override("policy_dirs", [], "oslo_policy")
        for text, options in json.load(sys.stdin):
            with open(f"{path}.new", "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(f"{path}.new", path)
            for name in ("enforce_scope", "enforce_new_defaults"):
                if name in options:
                    conf.set_override(name, options[name], "oslo_policy")
                elif name in conf.oslo_policy:
                    conf.clear_override(name, "oslo_policy")
            answers.append(allowed(enforcer))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
