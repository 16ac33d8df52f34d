"""octavia/options.yaml: its shape, its maker, and that the formula renders what each release has."""

import re

import pytest
import yaml
from formula import Host
from harness import ROOT
from options import __main__ as maker

OPTIONS = yaml.safe_load((ROOT / "octavia/options.yaml").read_text())
KEYS = yaml.safe_load((ROOT / "octavia/conf.yaml").read_text())["keys"]
RELEASES = {
    entry["octavia"]: entry["name"]
    for entry in yaml.safe_load((ROOT / "octavia/releasemap.yaml").read_text())["releases"]
    if entry["octavia"] >= 11
}
FIRST, LAST = min(RELEASES), max(RELEASES)
ENTRY = {
    "type": str, "choices": list, "min": (int, float), "max": (int, float), "length": int, "pattern": str,
    "item": dict, "default": object, "secret": bool, "mutable": bool, "multi": bool, "required": bool,
    "deprecated": str, "was": list, "since": int, "until": int,
}  # fmt: skip
TYPES = {
    *("string", "integer", "number", "boolean", "list", "dict", "port", "host", "address", "hostport", "uri"),
    *("pattern", "any"),
}
#: What a key of conf.yaml may be for an option of some type. One string is a list of one.
AGREE = {
    "boolean": {"boolean"},
    "integer": {"integer", "number"},
    "number": {"number", "integer"},
    "port": {"port", "integer"},
    "list": {"list"},
    "texts": {"list", "string", "pattern"},
    "mapping": {"dict"},
    "address": {"address", "host", "string"},
    "host": {"host", "address", "string"},
    "file": {"string"},
    "path": {"string"},
    "name": {"string"},
    "string": {"string", "pattern", "uri", "host", "list"},
    "any": TYPES,
}


def spans(option):
    found = OPTIONS.get(option, [])
    return found if isinstance(found, list) else [found]


def entry(option, octavia):
    return next((e for e in spans(option) if e.get("since", FIRST) <= octavia <= e.get("until", LAST)), None)


# --- the file


def test_entries_say_only_what_the_formula_understands():
    for option in OPTIONS:
        assert re.fullmatch(r"[A-Za-z_]+/[a-z0-9_]+", option)
        for each in spans(option):
            assert set(each) <= set(ENTRY) and each["type"] in TYPES, option
            assert [name for name, value in each.items() if not isinstance(value, ENTRY[name])] == [], option


def test_the_spans_of_an_option_follow_each_other():
    for option in OPTIONS:
        reach = [(each.get("since", FIRST), each.get("until", LAST)) for each in spans(option)]
        assert all(since <= until for since, until in reach), option
        assert all(before[1] < after[0] for before, after in zip(reach, reach[1:], strict=False)), option
        assert reach[0][0] >= FIRST and reach[-1][1] <= LAST, option
        assert isinstance(OPTIONS[option], dict) == (len(reach) == 1), option


def test_the_file_is_as_its_maker_writes_it():
    assert maker.text({option: spans(option) for option in OPTIONS}) == (ROOT / "octavia/options.yaml").read_text()


def test_no_trace_of_the_machine_that_made_it():
    text = (ROOT / "octavia/options.yaml").read_text()
    assert [word for word in ("site-packages", "build/", "python3", str(ROOT)) if word in text] == []


def test_no_secret_has_a_default():
    assert [option for option in OPTIONS for each in spans(option) if each.get("secret") and "default" in each] == []


@pytest.mark.parametrize(
    ("option", "since", "until"),
    [
        ("api_settings/bind_host", 11, 19),
        ("neutron/endpoint", 11, 19),
        ("neutron/endpoint_override", 13, 19),
        ("neutron/auth_url", 13, 19),
        ("service_auth/region_name", 13, 19),
        ("controller_worker/db_commit_retry_max", 14, 19),
        ("task_flow/jobboard_backend_username", 14, 19),
        ("task_flow/jobboard_redis_sentinel_username", 15, 19),
        ("amphora_agent/agent_server_network_file", 11, 14),
        ("haproxy_amphora/use_upstart", 11, 14),
        ("health_manager/health_update_driver", 11, 14),
        ("task_flow/jobboard_etcd_timeout", 16, 19),
        ("networking/denylist_vip_networks", 19, 19),
        ("DEFAULT/octavia_plugins", 11, 18),
        ("keystone_authtoken/auth_url", 11, 19),
        ("ovn/ovn_nb_connection", 11, 19),
    ],
)
def test_the_file_knows_who_has_an_option(option, since, until):
    assert [octavia for octavia in RELEASES if entry(option, octavia)] == list(range(since, until + 1))


def test_the_file_knows_what_changes():
    assert entry("certificates/server_certs_key_passphrase", 16)["type"] == "pattern"
    assert entry("certificates/server_certs_key_passphrase", 17)["type"] == "list"
    assert "deprecated" in entry("haproxy_amphora/respawn_count", 15)
    assert "deprecated" not in entry("haproxy_amphora/respawn_count", 14)
    assert entry("cinder/volume_size", 18)["min"] == 1 and "min" not in entry("cinder/volume_size", 17)
    assert entry("controller_worker/statistics_drivers", 14)["was"] == ["health_manager/stats_update_driver"]
    mutable = {option for option in OPTIONS if (entry(option, 18) or {}).get("mutable")}
    assert {option for option in mutable if option.split("/")[0] in ("health_manager", "controller_worker")} == {
        "health_manager/heartbeat_key",
        "health_manager/controller_ip_port_list",
        "health_manager/heartbeat_interval",
        "controller_worker/loadbalancer_topology",
    }


# --- the maker


def test_every_release_that_the_formula_runs_has_its_pins():
    versions = {name: pins.split()[0] for name, pins in maker.PINS.items()}
    assert versions == {name: f"octavia=={octavia}.0.0" for octavia, name in RELEASES.items()}
    assert [
        pin for pins in maker.PINS.values() for pin in pins.split() if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)
    ] == []


def test_tables_become_spans():
    number, text = {"type": "integer", "default": 1}, {"type": "string"}
    merged = maker.merge(
        {
            11: {"a/always": text, "a/gone": text, "a/other": number, "a/back": text},
            12: {"a/always": text, "a/other": number | {"default": 2}},
            13: {"a/always": text, "a/other": number | {"default": 2}, "a/back": text, "a/new": number},
        }
    )
    assert merged == {
        "a/always": [text],
        "a/gone": [text | {"until": 11}],
        "a/other": [number | {"until": 11}, {"type": "integer", "default": 2, "since": 12}],
        "a/back": [text | {"until": 11}, text | {"since": 13}],
        "a/new": [number | {"since": 13}],
    }


def test_the_text_is_in_a_fixed_order_and_means_the_same():
    merged = {
        "b/x": [{"default": "a: [b]", "type": "string"}],
        "DEFAULT/y": [{"type": "any", "until": 11}, {"type": "list"}],
    }
    text = maker.text(merged)
    assert yaml.safe_load(text) == {"DEFAULT/y": merged["DEFAULT/y"], "b/x": merged["b/x"][0]}
    assert text.removeprefix(maker.HEAD).splitlines() == [
        "DEFAULT/y:",
        "  - {type: any, until: 11}",
        "  - {type: list}",
        "b/x: {type: string, default: 'a: [b]'}",
    ]


# --- what the formula renders


def fed(spec):
    """The options of a key, each with the first and the last release for which it is rendered."""
    names = spec.get("option", spec.get("feeds", []))
    for one in names if isinstance(names, list) else [names]:
        one = spec | (one if isinstance(one, dict) else {"name": one})
        yield one["name"], one.get("since", FIRST), one.get("until", LAST)


FED = {(key, option): (since, until) for key, spec in KEYS.items() for option, since, until in fed(spec)}


def renders_in(key, option):
    since, until = FED[key, option]
    return [octavia for octavia in RELEASES if since <= octavia <= until]


@pytest.mark.parametrize(("key", "option"), FED, ids=[f"{key}-{option}" for key, option in FED])
def test_a_release_has_the_option_that_a_key_feeds(key, option):
    assert [octavia for octavia in renders_in(key, option) if not entry(option, octavia)] == []


@pytest.mark.parametrize("octavia", RELEASES)
def test_a_release_has_every_option_that_is_rendered_for_it(tmp_path, octavia):
    tree = yaml.safe_load((ROOT / "pillar.example").read_text())
    sections = Host(tmp_path, tree).conf.options(release=RELEASES[octavia])
    options = [f"{section}/{name}" for section, names in sections.items() for name in names]
    assert len(options) > 80 and [option for option in options if not entry(option, octavia)] == []


DIRECT = [(key, option) for key, option in FED if "option" in KEYS[key]]


@pytest.mark.parametrize(("key", "option"), DIRECT, ids=[f"{key}-{option}" for key, option in DIRECT])
def test_a_key_may_be_what_its_option_takes(tmp_path, key, option):
    """But for what octavia_fit refuses in older releases."""
    spec, since = KEYS[key], Host(tmp_path).fit._SINCE
    for octavia in renders_in(key, option):
        later = {value for (name, value), first in since.items() if name == key and octavia < first}
        known = entry(option, octavia)
        assert known["type"] in AGREE[spec["type"]], f"{option} is of type {known['type']} in {RELEASES[octavia]}"
        limits = known.get("item", known)
        if "choices" in spec and "choices" in limits:
            lower = {choice.lower() for choice in limits["choices"]}
            assert {choice for choice in spec["choices"] if choice.lower() not in lower} <= later, RELEASES[octavia]
        if spec.get("min") not in later:
            assert spec.get("min", limits.get("min", 0)) >= limits.get("min", float("-inf")), RELEASES[octavia]
        assert spec.get("max", limits.get("max", 0)) <= limits.get("max", float("inf")), RELEASES[octavia]
