"""policy.yaml from the pillar: profiles and rules, the options that go with them, what the pillar alone gives away."""

import pytest
import yaml
from formula import GONE, RELEASES, Host, changed, shared

PROFILES = ("keystone_default_roles", "advanced", "admin_or_owner")
READ = "load-balancer:read"
ROLES = ("api", "worker", "health_manager", "housekeeping")


@pytest.fixture
def make(tmp_path):
    def make(policy=None, octavia="11.0.0", **answers):
        said = {} if policy is None else {"policy": policy}
        return Host(tmp_path, changed(shared(), **said, **answers), octavia=octavia)

    return make


def oslo_policy(host):
    found = host.options()
    return {name.split("/")[1]: value for name, value in found.items() if name.startswith("oslo_policy/")}


# --- what is written


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_a_set_of_rules(make, profile):
    host = make({"profile": profile})
    rules = host.policy.rules()
    assert {"context_is_admin", READ, "load-balancer:write", "load-balancer:write-quota"} <= rules.keys()
    assert yaml.safe_load(host.policy.render()) == rules
    assert host.faults() == []


def test_the_profiles_of_the_data_are_those_that_are_tested(make):
    assert set(make().pillar.load("policy")["profiles"]) == set(PROFILES)


def test_the_rules_of_the_pillar_stand_over_those_of_the_profile(make):
    host = make({"profile": "admin_or_owner", "rules": {READ: "role:a\n  or role:b", "helper": "role:c"}})
    rules = host.policy.rules()
    assert (rules[READ], rules["helper"]) == ("role:a or role:b", "role:c")
    assert rules["load-balancer:write"] == "is_admin:True or project_id:%(project_id)s"


def test_rules_alone_are_a_policy_too(make):
    host = make({"rules": {READ: "role:a"}})
    assert host.policy.rules() == {READ: "role:a"}
    assert oslo_policy(host) == {"policy_file": str(host.root / "etc" / "policy.yaml")}


@pytest.mark.parametrize(
    "text",
    ["role:a: b # c", "'x':%(y)s", '"', "{{ a }}", "rôle:é\N{GRINNING FACE}", "role:\x7f", "@", "! or role:x\\"],
)
def test_any_text_is_read_back_as_it_was(make, text):
    assert yaml.safe_load(make({"rules": {READ: text}}).policy.render()) == {READ: text}


def test_the_text_is_the_same_whatever_the_order_and_another_for_another_release(make):
    one = make({"rules": {READ: "role:a", "b": "role:b"}}).policy.render()
    assert make({"rules": {"b": "role:b", READ: "role:a"}}).policy.render() == one
    assert make({"rules": {"b": "role:b", READ: "role:a"}}, octavia="16.0.0").policy.render() != one


@pytest.mark.parametrize("policy", [None, {}, {"rules": {}}, {"profile": None, "rules": None}])
def test_without_a_policy_in_the_pillar_octavia_is_told_nothing(make, policy):
    host = make(policy)
    assert not host.policy.is_wanted()
    assert oslo_policy(host) == {}
    assert host.faults() == []


def test_a_host_without_the_api_has_no_policy(make):
    host = make({"profile": "advanced"}, **{"api": GONE})
    assert not host.policy.is_wanted()
    assert oslo_policy(host) == {}


@pytest.mark.parametrize("octavia", [*RELEASES, "14.0.0", "15.0.0"])
def test_the_options_of_a_profile_are_those_of_the_release(make, octavia):
    host = make({"profile": "keystone_default_roles"}, octavia=octavia)
    scope = {"enforce_scope": "true"} if 12 <= int(octavia.split(".")[0]) <= 14 else {}
    assert oslo_policy(host) == {
        "policy_file": str(host.root / "etc" / "policy.yaml"), "enforce_new_defaults": "true", **scope,
    }  # fmt: skip
    assert oslo_policy(make({"profile": "advanced"}, octavia=octavia)).keys() == {"policy_file"}


def test_free_options_go_before_those_of_the_profile(make):
    config = {"oslo_policy": {"enforce_new_defaults": False, "enforce_scope": True}}
    found = oslo_policy(make({"profile": "keystone_default_roles"}, config=config))
    assert (found["enforce_new_defaults"], found["enforce_scope"]) == ("false", "true")


def test_only_the_api_reads_these_options(make):
    host = make({"profile": "keystone_default_roles"})
    host.conf_file.write_text(host.conf.render(mask=False))
    read = {role: {name for name in host.conf.fingerprints(role) if "oslo_policy" in name} for role in ROLES}
    assert read.pop("api") == {"oslo_policy/policy_file", "oslo_policy/enforce_new_defaults"}
    assert not any(read.values())


# --- faults that the pillar alone shows

BAD = {
    "a list": ([READ], "octavia:policy: is a list, must be a mapping"),
    "an unknown key": (
        {"profil": "advanced"},
        "octavia:policy:profil: is not a key; nearest known: octavia:policy:profile",
    ),
    "an unknown profile": (
        {"profile": "keystone"},
        "octavia:policy:profile: is 'keystone', must be one of admin_or_owner, advanced, keystone_default_roles",
    ),
    "a list of rules": ({"rules": [READ]}, "octavia:policy:rules: is a list, must be a mapping"),
    "a list for a rule": ({"rules": {READ: ["role:a"]}}, f"octavia:policy:rules:{READ}: must be a text, in quotes"),
    "no text": ({"rules": {READ: None}}, f"octavia:policy:rules:{READ}: must be a text, in quotes"),
    "a boolean": ({"rules": {READ: True}}, f"octavia:policy:rules:{READ}: must be a text, in quotes"),
    "a number for a name": ({"rules": {1: "role:a"}}, "octavia:policy:rules:1: is no name of a rule"),
    "an empty rule": (
        {"rules": {READ: " "}},
        f'octavia:policy:rules:{READ}: is empty, which would let everybody in; "@" says so, "!" lets nobody in',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "line"), BAD.values(), ids=BAD)
def test_what_the_pillar_alone_gives_away(make, policy, line):
    assert make(policy).faults() == [line]


def test_two_places_that_name_a_policy_file_are_a_fault(make):
    config = {"oslo_policy": {"policy_file": "/etc/octavia/mine.yaml"}}
    assert make({"profile": "advanced"}, config=config).faults() == [
        "octavia:config:oslo_policy:policy_file: names another file than the one of octavia:policy"
    ]
    assert make(config=config).faults() == []
