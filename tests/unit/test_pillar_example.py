"""pillar.example, defaults.yaml and conf.yaml say the same, and conf.yaml can be true."""

import copy
import re

import pytest
import yaml
from formula import Host
from harness import ROOT

EXAMPLE = ROOT / "pillar.example"
ROLES = ("api", "manager", "driver_agent", "client", "dashboard")
SERVICES = {"api", "worker", "health_manager", "housekeeping", "driver_agent"}
TYPES = {
    *("string", "integer", "number", "boolean", "list", "texts", "mapping", "host", "address", "port", "file", "path"),
    *("name", "members", "mappings", "release", "any"),
}
#: What an entry of `keys` in conf.yaml may say, and of which type.
SPEC = {
    "type": str, "scope": str, "choices": list, "min": (int, float), "max": (int, float), "multiline": bool,
    "content": str, "option": (str, list), "feeds": (str, list), "services": list, "required": bool,
    "since": int, "until": int, "gone": str, "secret": bool, "published": list, "pattern": str, "shape": str,
    "kinds": list, "names": list, "file": str, "address": bool, "holds": str, "id": str,
}  # fmt: skip
#: Defaults that the example does not show, and why.
OTHER_THAN_THE_DEFAULT = {
    "notification": "is false, and as a mapping it shows its keys",
    "cache:members": "is empty, and a server shows what stands there",
}
#: Octavia's defaults that the example does not show, beside those of secrets, and why.
OTHER_THAN_OCTAVIAS = {
    "hostname": "is that of the host",
    "message_queue:hostname": "is that of the host",
    "message_queue:processname": "is that of the program",
    "ovn:ovn_nb_connection": "is this host, where the databases hardly are",
    "ovn:ovn_sb_connection": "is this host, where the databases hardly are",
    "manager:haproxy_amphora:user_log_format": "has double braces, which are Jinja's in a pillar",
    "manager:jobboard:redis_backend_ssl_options": "are off, by a false that octavia.conf cannot hold",
    "manager:jobboard:redis_sentinel_ssl_options": "are off, by a false that octavia.conf cannot hold",
    "manager:jobboard:etcd_ssl_options": "are off, by a false that octavia.conf cannot hold",
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


def entries_of(spec):
    """The options of a key with the releases that have them, as ``(option, first, last)``."""
    found = spec.get("option", [])
    for entry in found if isinstance(found, list) else [found]:
        entry = entry if isinstance(entry, dict) else {"name": entry}
        first = max(entry.get("since", 0), spec.get("since", 0))
        yield entry["name"], first, min(entry.get("until", 99), spec.get("until", 99))


def options_of(spec, release=None):
    """The options that a key feeds, of one release or of all."""
    both = [*entries_of(spec), *entries_of({**spec, "option": spec.get("feeds", [])})]
    return [name for name, first, last in both if release is None or first <= release <= last]


def registered(tables, option, release=19):
    """What the registry of a release says of an option, None where it has none."""
    found = tables.get(option, [])
    spans = found if isinstance(found, list) else [found]
    return next((one for one in spans if one.get("since", 0) <= release <= one.get("until", 99)), None)


@pytest.fixture
def make(tmp_path):
    return lambda tree, **kwargs: Host(tmp_path, {"octavia": tree}, **kwargs)


@pytest.fixture
def example():
    return yaml.safe_load(EXAMPLE.read_text())["octavia"]


@pytest.fixture
def host(make, example):
    return make(example, octavia="19.0.0")


@pytest.fixture(scope="module")
def tables():
    return yaml.load(
        (ROOT / "octavia" / "options.yaml").read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )


@pytest.fixture
def facts(host):
    return host.pillar.data()


@pytest.fixture
def keys(host):
    return host.pillar.load("conf")["keys"]


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


@pytest.mark.parametrize("release", [11, 16, 19])
def test_the_example_becomes_an_octavia_conf_with_every_option(make, example, shown, release):
    host = make(example, octavia=f"{release}.0.0")
    options = {f"{section}/{name}" for section, names in host.conf.options().items() for name in names}
    value = host.pillar.values()
    # the example switches some of them off
    on = [spec for key, spec in shown.items() if key in value]
    assert len(shown) - len(on) < 60
    lacking = {option for spec in on for option in options_of(spec, release)} - options
    # the domain is said by its id
    assert {option for option in lacking if not option.endswith("_domain_name")} == set()


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
    wanted = {role: set(packages[role]) for role in ("api", "driver_agent", "client", "dashboard")}
    wanted["api"] |= set(packages[example["api"]["server"]])
    wanted["manager"] = {name for component in components for name in packages[component]}
    assert {role: set(example[role]["pkgs"]) for role in ROLES} == wanted
    assert example["api"]["services"] == [units["api"]]
    assert example["manager"]["services"] == [units[component] for component in components]


def test_the_example_marks_what_is_required_and_what_has_no_default(example, facts, shown, tables):
    """
    On the line of the key, or for a short mapping on the line where it stands. What is not marked is a default: ours,
    or that of the newest Octavia.
    """
    lines, where = EXAMPLE.read_text().splitlines(), {}

    def walk(node, path):
        for name, value in node.value:
            key = f"{path}:{name.value}" if path else name.value
            where[key] = lines[name.start_mark.line].partition(" # ")[2]
            if isinstance(value, yaml.MappingNode):
                walk(value, key)

    walk(yaml.compose(EXAMPLE.read_text()).value[0][1], "")
    ours = {key for key, _value in leaves(facts["defaults"])}
    for key, spec in shown.items():
        default = _octavias_default(key, spec, tables)
        mark = "required" if spec.get("required") and key not in ours else None
        mark = mark or ("no default" if key not in ours and default in (None, "", [], {}) else None)
        said = next((word for word in ("required", "no default") if where[key].startswith(word)), None)
        # of two answers one is enough, and which is said in words
        assert said == mark or key in ("message_queue:host",), f"{key}: {where[key]!r}"
        if key not in ours and not mark:
            shows = value_at(example, key)
            assert shows == default or str(shows) == str(default), key


def _octavias_default(key, spec, tables):
    """What the newest Octavia takes where a key is not said, None for nothing that can be shown."""
    options = options_of(spec, 19)
    if not options or "feeds" in spec or spec.get("secret") or key in OTHER_THAN_OCTAVIAS:
        return ["notifications"] if key == "notification:topics" else None
    found = registered(tables, options[0])
    return found.get("default", False if found["type"] == "boolean" else None)


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
    assert {key for key, text in secrets.items() if not re.search(r"\bfake\b", str(text))} == set()


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
        for entries in (spec.get("option"), spec.get("feeds")):
            assert all(set(entry) <= {"name", "since", "until"} for entry in _dicts(entries)), key
        assert spec.get("since", 0) <= spec.get("until", 99), key
        assert "gone" not in spec or not options_of(spec), key


def _dicts(entries):
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


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
        for option, first, last in entries_of(spec):
            for other, span in takers.setdefault(option, {}).items():
                assert first > span[1] or last < span[0], f"{option} is fed by {key} and {other}"
            takers[option][key] = (first, last)
    made = {option for spec in keys.values() if "feeds" in spec for option in options_of(spec)}
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
    """octavia.certificates places them there; that of the client authority's key is read by the formula alone."""
    places = {spec["content"]: key.split(":")[0] for key, spec in keys.items() if "content" in spec}
    assert places.pop("client_ca.key.pem") == "certificates"
    assert {*places.values()} == {"manager"}
    assert all(spec["content"].endswith(".pem") for spec in keys.values() if "content" in spec)


# --- conf.yaml and the registries of Octavia's releases


@pytest.mark.parametrize("release", range(11, 20))
def test_a_key_is_rendered_where_octavia_has_its_option_and_nowhere_else(keys, tables, release):
    """An option that a release deprecates counts as gone: Octavia complains about it."""
    wrong = []
    for key, spec in keys.items():
        for option, first, last in entries_of(spec):
            found = registered(tables, option, release)
            if (first <= release <= last) != (found is not None and "deprecated" not in found):
                wrong.append((key, option, found))
    assert wrong == []


#: Types of keys by the type of the option: what Octavia would take, and no less strict.
NARROWER = {
    "string": {"string", "texts", "file", "path", "name"},
    "list": {"list", "texts", "members"},
    "dict": {"mapping"},
    "number": {"number", "integer"},
    "pattern": {"texts"},
}


@pytest.mark.parametrize("release", [11, 16, 19])
def test_a_key_takes_nothing_that_octavia_would_refuse(keys, tables, release):
    for key, spec in keys.items():
        for option in options_of(spec, release):
            found = registered(tables, option, release)
            if "feeds" in spec or found is None:
                continue
            kind = found["type"]
            assert spec["type"] in NARROWER.get(kind, {kind}), key
            if kind in ("integer", "number"):
                least = {"message_queue:rabbit_transient_queues_ttl": 0} if release < 14 else {}
                assert spec.get("min", float("-inf")) >= least.get(key, found.get("min", float("-inf"))), key
                assert spec.get("max", float("inf")) <= found.get("max", float("inf")), key
            allowed = found.get("choices") or found.get("item", {}).get("choices")
            if allowed:
                lower = {str(choice).lower() for choice in allowed}
                etcd = {"etcd_taskflow_driver"} if release < 16 else set()
                assert {choice.lower() for choice in spec["choices"]} - etcd <= lower, key
            assert spec.get("secret") or not found.get("secret"), key


#: Options that puppet-octavia names, and others that an operator may want: what one key each has to reach.
WANTED = [
    f"{section}/{name}"
    for section, names in yaml.safe_load((ROOT / "tests" / "unit" / "wanted_options.yaml").read_text()).items()
    for name in names.split()
]


def test_there_is_a_key_for_each_option_that_an_operator_may_want(make, example):
    host = make(example, octavia="19.0.0")
    # what a switch of the example leaves out
    for section in ("manager:jobboard", "message_queue:ssl", "cache:security"):
        value_at(host.tree["octavia"], section)["enabled"] = True
    options = host.options()
    assert len(WANTED) >= 204
    assert [option for option in WANTED if option not in options] == []
