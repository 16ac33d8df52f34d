"""
octavia:policy, judged by oslo.policy and the real Octavia: profiles that decide as Octavia's own override files do, and
rules that are refused.
"""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from harness import ROOT

PROFILES = yaml.safe_load((ROOT / "octavia" / "policy.yaml").read_text())["profiles"]
SCRIPT = (Path(__file__).parent / "policy_decisions.py").read_text()
#: The override files of Octavia's sources. Octavia 11 to 15 has none for `advanced`: there that is the default.
FILES = {
    "keystone_default_roles": "keystone_default_roles-policy.yaml",
    "advanced": "octavia-advanced-rbac-policy.yaml",
    "admin_or_owner": "admin_or_owner-policy.yaml",
}
LIBRARIES = ("oslo.policy", "oslo.log", "oslo.context", "octavia-lib", "webob", "setuptools<81")
API = "os_load-balancer_api:"
QUOTA, CHANGE = f"{API}quota:put", f"{API}loadbalancer:put"
CREATE, SHOW, AMPHORAE = f"{API}loadbalancer:post", f"{API}loadbalancer:get_one", f"{API}amphora:get_all"
POLICY, CONF, OTHERS = "/etc/octavia/policy.yaml", "/etc/octavia/octavia.conf", "/etc/octavia/policy.d"

BAD = {
    "load-balancer:wrte": (
        "role:a",
        "is no rule of this Octavia, and no other rule refers to it; nearest known: load-balancer:write",
    ),
    f"{API}pool:post": ("role admin", "cannot be parsed: role admin"),
    f"{API}pool:put": ("role:a or", "cannot be parsed: role:a or"),
    f"{API}pool:delete": ("! and", "cannot be parsed: ! and"),
    f"{API}pool:get_one": (
        "rule:load-balancer:raed",
        "refers to rule:load-balancer:raed, which there is not; nearest known: rule:load-balancer:read",
    ),
    "load-balancer:read": ("rule:mine", "refers to itself: load-balancer:read -> mine -> load-balancer:read"),
    "mine": ("rule:load-balancer:read", "refers to itself: mine -> load-balancer:read -> mine"),
    f"{API}pool:get_all": ("rol:admin", "asks for rol, which no token has; nearest known: role"),
    "load-balancer:write": ("role:a", f"has no effect, a file in {OTHERS} says otherwise"),
}


# --- the decisions


def pip(python, *args):
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module", params=["12", "13"])
def machine(request, lab):
    """A machine with Octavia's Python and the files of its packages, but without a service."""
    machine = lab.machine("controller2", tree=f"libraries-{request.param}")
    # the packages' configuration has its services masked: nothing here starts
    machine.run("apt-get -qq install --no-install-recommends octavia-common python3-octavia", env=NONINTERACTIVE)
    machine.put_formula()
    machine.put_pillar({"octavia": {}})
    machine.run("salt-call --local saltutil.sync_all")
    yield machine
    machine.destroy()


NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive"}


@pytest.fixture(scope="module")
def newest(tmp_path_factory):
    """The newest Octavia of PyPI, with no more than its policy needs."""
    venv = tmp_path_factory.mktemp("octavia")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    pip(python, "install", *LIBRARIES)
    pip(python, "install", "--no-deps", "octavia")
    return python


def decisions_on_machine(machine):
    version = machine.run(["/usr/bin/python3", "-c", VERSION]).stdout.strip()
    return version, lambda asked: json.loads(
        machine.run(["/usr/bin/python3", "-c", SCRIPT], input=json.dumps(asked)).stdout
    )


def decisions_here(python):
    def decide(asked):
        done = subprocess.run(
            [python, "-c", SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=True).stdout.strip(), decide


VERSION = "import importlib.metadata as m; print(m.version('octavia'))"


def check_profiles(version, decide, where):
    """Ours and Octavia's own, under the same options, let in the same callers."""
    major = int(version.split(".")[0])
    pip(sys.executable, "download", "--no-deps", "--no-binary", "octavia", "--dest", str(where), f"octavia=={version}")
    with tarfile.open(next(where.glob("octavia-*.tar.gz"))) as source:
        named = {Path(name).name: name for name in source.getnames() if "/etc/policy/" in name}
        theirs = {
            profile: source.extractfile(named[name]).read().decode() if name in named else "{}"
            for profile, name in FILES.items()
        }
    assert set(PROFILES) == set(FILES)
    options = {
        profile: {
            name: spec["value"]
            for name, spec in facts.get("options", {}).items()
            if spec.get("since", 0) <= major <= spec.get("until", major)
        }
        for profile, facts in PROFILES.items()
    }
    asked = [[yaml.safe_dump(PROFILES[profile]["rules"]), options[profile]] for profile in FILES]
    asked += [[theirs[profile], options[profile]] for profile in FILES]
    answers = decide(asked)
    ours = dict(zip(FILES, answers, strict=False))
    for profile, wanted in zip(FILES, answers[len(FILES) :], strict=True):
        assert len(wanted) > 90
        found = {rule: (set(ours[profile][rule]), set(wanted[rule])) for rule in wanted}
        other = {rule: (mine, their) for rule, (mine, their) in found.items() if mine != their}
        if profile == "keystone_default_roles" and major == 11:
            # any reader sees what is others': mended in Octavia 12, and in ours for every release
            assert other and all(mine < their for mine, their in other.values())
            assert {caller for mine, their in other.values() for caller in their - mine} == READERS
            assert {rule for rule in other if rule.startswith(API)} >= {f"{API}loadbalancer:get_all-global"}
        else:
            assert other == {}, profile
    check_meaning(ours)


READERS = {
    f"{name} {whose}"
    for name in ("reader", "member", "lb_observer", "lb_global_observer", "lb_member", "lb_quota_admin", "lb_admin")
    for whose in ("own", "others")
}


def check_meaning(ours):
    """What the pillar's words promise, on every release."""
    keystone, advanced, owner = (ours[profile] for profile in FILES)
    assert "member own" in keystone[CREATE] and "reader own" not in keystone[CREATE]
    assert "reader own" in keystone[SHOW] and "reader others" not in keystone[SHOW]
    assert {"member own", "member others"} & set(advanced[CREATE]) == set()
    assert "lb_member own" in advanced[CREATE] and "lb_observer own" in advanced[SHOW]
    assert "nobody own" in owner[CREATE] and "nobody others" not in owner[SHOW]
    for decided in (keystone, advanced, owner):
        assert "admin others" in decided[CHANGE]
        for rule in (AMPHORAE, QUOTA):
            assert "admin others" in decided[rule] and "member own" not in decided[rule]


def test_profiles_decide_as_those_of_the_distributions_octavia(machine, tmp_path):
    check_profiles(*decisions_on_machine(machine), tmp_path)


def test_profiles_decide_as_those_of_the_newest_octavia(newest, tmp_path):
    check_profiles(*decisions_here(newest), tmp_path)


# --- the state


def managed(machine, policy, test=False):
    """The state alone, on a host whose pillar says so much of the API."""
    machine.put_pillar(
        {
            "octavia": {
                "api": {"enabled": True},
                "database": {"host": "db.example.org", "password": "of-the-database"},
                "identity": {"host": "keystone.example.org", "password": "of-keystone"},
                "message_queue": {"host": "rabbit.example.org", "password": "of-rabbitmq"},
                **({"policy": policy} if policy else {}),
            }
        }
    )
    args = ["state.single", "octavia_policy.managed", "name=policy", f"test={test}"]
    [state] = machine.salt_call(*args, check=False).data.values()
    return state


def test_a_policy_is_announced_written_and_kept(machine):
    packaged = machine.run(f"md5sum {OTHERS}/* {CONF}").stdout
    plan = managed(machine, {"profile": "admin_or_owner"}, test=True)
    assert (plan["result"], machine.exists(POLICY)) == (None, False)
    change = plan["changes"]["load-balancer:write"]
    assert change["new"] == "is_admin:True or project_id:%(project_id)s"
    assert "rule:load-balancer:member_and_owner" in change["old"]
    done = managed(machine, {"profile": "admin_or_owner"})
    assert (done["result"], done["changes"]) == (True, plan["changes"])
    assert "rules that refer to these follow" in done["comment"]
    assert machine.run(["stat", "-c", "%U:%G %a", POLICY]).stdout == "root:octavia 640\n"
    assert managed(machine, {"profile": "admin_or_owner"})["changes"] == {}
    # the same decision in other words
    rules = {"load-balancer:write": "project_id:%(project_id)s or is_admin:True or (is_admin:True and role:admin)"}
    assert managed(machine, {"profile": "admin_or_owner", "rules": rules})["changes"].keys() == {"text"}
    assert machine.run(f"md5sum {OTHERS}/* {CONF}").stdout == packaged


def test_bad_rules_are_a_line_each_and_the_good_file_stays(machine):
    managed(machine, {"profile": "admin_or_owner"})
    good = machine.read(POLICY)
    machine.write(f"{OTHERS}/50_mine.yaml", '"load-balancer:write": "role:mine"\n')
    state = managed(machine, {"rules": {name: text for name, (text, _fault) in BAD.items()}})
    machine.path(f"{OTHERS}/50_mine.yaml").unlink()
    assert (state["result"], state["changes"]) == (False, {})
    assert sorted(state["comment"].splitlines()) == sorted(
        f"octavia:policy:rules:{name}: {fault}" for name, (_text, fault) in BAD.items()
    )
    assert machine.read(POLICY) == good


def test_the_policy_of_the_example_is_a_good_one(machine):
    example = yaml.safe_load((ROOT / "pillar.example").read_text())["octavia"]["policy"]
    state = managed(machine, example)
    assert state["result"] is True, state["comment"]
    assert example["rules"].keys() <= state["changes"].keys()


def test_a_pillar_that_falls_silent_gives_octavia_its_default_back(machine):
    managed(machine, {"profile": "admin_or_owner"})
    plan = managed(machine, None, test=True)
    assert (plan["result"], machine.exists(POLICY)) == (None, True)
    done = managed(machine, None)
    assert (done["result"], done["changes"]) == (True, plan["changes"])
    assert "rule:load-balancer:member_and_owner" in done["changes"]["load-balancer:write"]["new"]
    assert not machine.exists(POLICY)
    assert managed(machine, None)["changes"] == {}
