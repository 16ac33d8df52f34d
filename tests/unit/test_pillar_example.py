"""pillar.example, defaults.yaml and conf.yaml say the same, and conf.yaml can be true."""

import copy
import re
import textwrap

import pytest
import yaml
from formula import Host
from harness import ROOT

EXAMPLE = ROOT / "pillar.example"
ROLES = ("api", "manager", "driver_agent", "client")
SERVICES = {"api", "worker", "health_manager", "housekeeping", "driver_agent"}
TYPES = {
    *("string", "integer", "number", "boolean", "list", "host", "address", "port", "file", "path", "name"),
    *("members", "release", "any"),
}
#: What an entry of `keys` in conf.yaml may say, and of which type.
SPEC = {
    "type": str, "scope": str, "choices": list, "min": int, "max": int, "multiline": bool, "content": str,
    "option": (str, list), "feeds": str, "services": list, "required": (bool, str), "since": int,
    "until": int, "gone": str, "secret": bool, "published": list, "pattern": str, "shape": str, "kinds": list,
    "file": str,
}  # fmt: skip
#: Defaults that the example does not show, and why.
OTHER_THAN_THE_DEFAULT = {
    "notification": "is false, and as a mapping it shows its keys",
    "cache:members": "is empty, and a server shows what stands there",
}


# --- the three files, through the real modules


def value_at(tree, key):
    for part in key.split(":"):
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return tree


def leaves(tree, path=""):
    for name, value in tree.items():
        key = f"{path}:{name}" if path else name
        if isinstance(value, dict):
            yield from leaves(value, key)
        else:
            yield key, value


def options_of(spec, *names):
    found = [spec[name] for name in names or ("option", "feeds") if name in spec]
    return [option for item in found for option in ([item] if isinstance(item, str) else item)]


@pytest.fixture
def make(tmp_path):
    return lambda tree, **kwargs: Host(tmp_path, {"octavia": tree}, **kwargs)


@pytest.fixture
def example():
    return yaml.safe_load(EXAMPLE.read_text())["octavia"]


@pytest.fixture
def host(make, example):
    return make(example)


@pytest.fixture
def facts(host):
    return host.pillar.data()


@pytest.fixture
def keys(facts):
    return facts["conf"]["keys"]


@pytest.fixture
def shown(keys):
    """The keys that the example has to show."""
    return {key: spec for key, spec in keys.items() if "gone" not in spec}


# --- the example


def test_the_example_is_a_sound_pillar_without_a_warning(host):
    assert host.check.pillar() == {"faults": [], "warnings": []}


def test_the_example_shows_every_key(example, shown):
    assert [key for key in shown if value_at(example, key) is None] == []


def test_the_example_is_a_controller_with_all_roles_and_real_amphorae(host):
    assert set(host.pillar.roles()) == SERVICES
    assert host.pillar.has_amphorae()


@pytest.mark.parametrize("release", [11, 19])
def test_the_example_becomes_an_octavia_conf_with_every_option(make, example, shown, release):
    host = make(example, octavia=f"{release}.0.0")
    options = {f"{section}/{name}" for section, names in host.conf.options().items() for name in names}
    has = [spec for spec in shown.values() if spec.get("since", 0) <= release <= spec.get("until", release)]
    missing = {option for spec in has for option in options_of(spec)} - options
    # the example switches this off
    assert missing == {
        "keystone_authtoken/memcache_security_strategy",
        "keystone_authtoken/memcache_secret_key",
        "oslo_messaging_rabbit/ssl_ca_file",
        "audit/audit_map_file",
    }


def test_the_example_shows_the_defaults(example, facts):
    wrong = {
        key: (value_at(example, key), default)
        for key, default in leaves(facts["defaults"])
        if value_at(example, key) != default
    }
    assert set(wrong) == set(OTHER_THAN_THE_DEFAULT), wrong


def test_the_example_names_the_packages_and_units_of_debian(example, facts):
    packages, units = facts["osfamilymap"]["Debian"]["packages"], facts["osfamilymap"]["Debian"]["units"]
    components = example["manager"]["components"]
    wanted = {role: set(packages[role]) for role in ("api", "driver_agent", "client")}
    wanted["manager"] = {name for component in components for name in packages[component]}
    assert {role: set(example[role]["pkgs"]) for role in ROLES} == wanted
    assert example["api"]["services"] == [units["api"]]
    assert example["manager"]["services"] == [units[component] for component in components]


def test_the_example_marks_what_is_required_and_what_has_no_default(example, facts, shown):
    """On the line of the key, or for a short mapping on the line where it stands."""
    lines, where = EXAMPLE.read_text().splitlines(), {}

    def walk(node, path):
        for name, value in node.value:
            key = f"{path}:{name.value}" if path else name.value
            where[key] = lines[name.start_mark.line].partition(" # ")[2]
            if isinstance(value, yaml.MappingNode):
                walk(value, key)

    walk(yaml.compose(EXAMPLE.read_text()).value[0][1], "")
    defaults = {key for key, _value in leaves(facts["defaults"])}
    for key, spec in shown.items():
        mark = "required" if spec.get("required") and key not in defaults else None
        mark = mark or ("no default" if key not in defaults else None)
        said = next((word for word in ("required", "no default") if where[key].startswith(word)), None)
        # of two answers one is enough, and which is said in words
        assert said == mark or key in ("message_queue:host",), f"{key}: {where[key]!r}"


def test_every_key_or_its_group_says_why(example, shown):
    """A comment on the line of the key, or above it, or where its group begins."""
    lines, bare = EXAMPLE.read_text().splitlines(), []

    def walk(node, explained):
        for name, value in node.value:
            number = name.start_mark.line
            why = explained or " # " in lines[number] or lines[number - 1].lstrip().startswith("#")
            if isinstance(value, yaml.MappingNode):
                walk(value, False)
            elif not why:
                bare.append(lines[number])

    walk(yaml.compose(EXAMPLE.read_text()).value[0][1], False)
    assert bare == []


def test_the_example_names_the_certificates_that_a_pillar_may_hold(keys):
    text = EXAMPLE.read_text()
    assert [
        spec["content"] for spec in keys.values() if "content" in spec and f"# {spec['content']}: |" not in text
    ] == []


def test_the_secrets_of_the_example_are_plain_fakes(example, shown):
    secrets = {key: value_at(example, key) for key, spec in shown.items() if spec.get("secret")}
    assert len(secrets) > 5
    assert {key for key, text in secrets.items() if not re.search(r"\bfake\b", text)} == set()


# --- defaults.yaml


def test_every_default_is_the_value_of_a_key(facts, shown):
    assert [key for key, _value in leaves(facts["defaults"]) if key not in shown] == []


def test_every_default_is_a_value_that_its_key_may_have(host, facts, keys):
    faults = {key: host.check._wrong(keys[key], value, facts) for key, value in leaves(facts["defaults"])}
    assert {key: fault for key, fault in faults.items() if fault} == {}


def test_no_secret_has_a_default(facts, keys):
    assert [key for key, _value in leaves(facts["defaults"]) if keys[key].get("secret")] == []


def test_a_required_key_has_no_default(facts, keys):
    """But for the paths of certificates: a real amphora needs them, and everybody may keep them there."""
    named = {key for key, _value in leaves(facts["defaults"])}
    assert [key for key in named if keys[key].get("required") and keys[key]["type"] != "file"] == []


# --- conf.yaml


def test_entries_say_only_what_the_formula_understands(keys):
    for key, spec in keys.items():
        assert set(spec) <= set(SPEC), f"{key}: {set(spec) - set(SPEC)}"
        for name, value in spec.items():
            assert isinstance(value, SPEC[name]), f"{key}: {name}"
        assert spec["type"] in TYPES, key
        assert spec.get("scope", "host") == "host" and spec.get("required", True) in (True, "real"), key
        assert not ("option" in spec and "feeds" in spec), key
        assert spec.get("since", 0) <= spec.get("until", 99), key
        assert "gone" not in spec or not options_of(spec), key


def test_options_have_a_section(keys):
    wrong = [
        (key, option)
        for key, spec in keys.items()
        for option in options_of(spec)
        if not re.fullmatch(r"[A-Za-z_]+/[a-z0-9_]+", option)
    ]
    assert wrong == []


def test_services_are_ours(facts, keys):
    assert set(facts["osfamilymap"]["Debian"]["units"]) == SERVICES
    named = [
        *facts["conf"]["sections"].values(),
        *(spec["services"] for spec in keys.values() if "services" in spec),
    ]
    assert {service for services in named for service in services} <= SERVICES


def test_no_option_takes_the_value_of_two_keys(keys):
    takers = {}
    for key, spec in keys.items():
        for option in options_of(spec, "option"):
            for other, span in takers.setdefault(option, {}).items():
                apart = spec.get("since", 0) > span[1] or spec.get("until", 99) < span[0]
                assert apart, f"{option} is fed by {key} and {other}"
            takers[option][key] = (spec.get("since", 0), spec.get("until", 99))
    made = {option for spec in keys.values() for option in options_of(spec, "feeds")}
    assert made & set(takers) == set(), "made from several keys, and the value of one"


def test_no_key_is_a_value_and_a_mapping_at_once(keys):
    """But for one that takes both on purpose."""
    both = {key for key in keys for other in keys if other.startswith(f"{key}:")}
    assert {keys[key]["type"] for key in both} <= {"any"}


def test_published_values_are_secrets_and_refused(make, example, keys):
    found = {key: spec for key, spec in keys.items() if "published" in spec}
    assert found and all(spec.get("secret") for spec in found.values())
    for key, spec in found.items():
        for text in spec["published"]:
            pillar = copy.deepcopy(example)
            parent, _, name = key.rpartition(":")
            value_at(pillar, parent)[name] = text
            [fault] = make(pillar).faults()
            assert fault.startswith(f"octavia:{key}: is a published value"), fault


def test_all_paths_of_one_content_are_certificates_of_the_manager(keys):
    """octavia.certificates places them there."""
    assert {key.split(":")[0] for key, spec in keys.items() if "content" in spec} == {"manager"}
    assert all(spec["content"].endswith(".pem") for spec in keys.values() if "content" in spec)


# --- README.rst


def test_the_readme_names_every_key_without_effect(keys):
    text = (ROOT / "README.rst").read_text()
    gone = [key for key, spec in keys.items() if "gone" in spec]
    assert gone and [key for key in gone if f"``{key}``" not in text] == []


def test_the_pillar_of_the_readme_is_sound(make):
    text = (ROOT / "README.rst").read_text()
    block = textwrap.dedent(re.search(r"(?m)^   octavia:\n(?:    .*\n)+", text)[0])
    host = make(yaml.safe_load(block)["octavia"])
    assert host.check.pillar() == {"faults": [], "warnings": []}
