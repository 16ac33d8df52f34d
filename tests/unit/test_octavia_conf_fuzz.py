"""What a pillar means is what oslo.config reads in the octavia.conf that is made of it, whatever the values are."""

import copy

import pytest
import yaml
from bad_pillars import shared
from formula import Host
from harness import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg

KEYS = yaml.safe_load((ROOT / "octavia" / "conf.yaml").read_text())["keys"]
RELEASES = (11, 16, 19)
KINDS = {
    "string": cfg.StrOpt, "integer": cfg.IntOpt, "number": cfg.FloatOpt, "boolean": cfg.BoolOpt, "list": cfg.ListOpt,
    "dict": cfg.DictOpt, "port": cfg.PortOpt, "host": cfg.HostAddressOpt, "address": cfg.IPOpt, "uri": cfg.URIOpt,
}  # fmt: skip
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=12)
ITEMS = st.text("abcXYZ019 -._:/$%=#;'\"ü€", min_size=1, max_size=10).map(str.strip).filter(bool)
VALUES = {
    "string": WORDS | st.integers(0, 99),
    "integer": st.integers(-2, 70000),
    "number": st.floats(0, 1000, allow_nan=False) | st.integers(0, 100),
    "boolean": st.booleans(),
    "port": st.integers(0, 65536),
    "list": st.lists(ITEMS, min_size=1, max_size=4),
    "texts": ITEMS | st.lists(ITEMS, min_size=1, max_size=3),
    "mapping": st.dictionaries(st.text("abc_-", min_size=1, max_size=6), ITEMS, min_size=1, max_size=3),
    "host": st.sampled_from(["db.example.org", "10.0.0.1", "::1", "a b", "-"]),
    "address": st.sampled_from(["10.0.0.1", "::1", "10.0.0.256"]),
    "path": st.sampled_from(["/var/lib/a file", "/x$y", "relative"]),
}
FEEDING = {
    key: spec for key, spec in KEYS.items() if "option" in spec and "gone" not in spec and spec["type"] in VALUES
}


@st.composite
def pillars(draw):
    """A sound small pillar, with answers to a few keys more and a few options of octavia:config."""
    tree, said = shared(), {}
    tree["octavia"]["driver_agent"] = {"enabled": True}
    for key in draw(st.lists(st.sampled_from(sorted(FEEDING)), min_size=1, max_size=6, unique=True)):
        spec = FEEDING[key]
        value = draw(st.sampled_from(spec["choices"])) if "choices" in spec else draw(VALUES[spec["type"]])
        value = [value] if "choices" in spec and spec["type"] in ("list", "texts") else value
        node = tree["octavia"]
        *parents, last = key.split(":")
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = said[key] = value
    free = draw(st.dictionaries(st.sampled_from(["one", "two", "three"]), WORDS, max_size=3))
    tree["octavia"]["config"] = {"a_section": free}
    return tree, said, free


@pytest.fixture(scope="module", params=RELEASES)
def host(request, tmp_path_factory):
    return Host(tmp_path_factory.mktemp("host"), shared(), octavia=f"{request.param}.0.0")


def _read(host, path, option):
    """What oslo.config reads, with the type that the release has for the option."""
    entry = host.release.table(host.release.facts()["octavia"]).get(option, {"type": "string"})
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)], project="octavia", default_config_dirs=[])
    section, name = option.split("/")
    conf.register_opt(KINDS.get(entry["type"], cfg.StrOpt)(name), None if section == "DEFAULT" else section)
    return getattr(conf if section == "DEFAULT" else conf[section], name)


def _same(read, meant):
    """oslo.config splits a list at commas, and takes the blanks around its entries away."""
    if isinstance(read, dict):
        return read == {name: str(value) for name, value in meant.items()}
    text = ",".join(map(str, meant)) if isinstance(meant, list) else str(meant)
    if isinstance(read, list):
        return read == [item.strip() for item in text.split(",")]
    return read == (text if isinstance(read, str) else meant)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(drawn=pillars())
def test_what_is_meant_is_what_is_read(host, tmp_path_factory, drawn):
    tree, said, free = drawn
    paths = host.tree.get("octavia", {}).get("host") or host.paths()
    host.tree.clear()
    host.tree.update(copy.deepcopy(tree))
    host.tree["octavia"]["host"] = paths
    host.again()
    faults = host.check.pillar()["faults"]
    assert all(line.startswith("octavia:") and line.isprintable() for line in faults), faults
    if faults:
        return
    path = tmp_path_factory.getbasetemp() / "fuzz.conf"
    path.write_text(host.conf.render(mask=False), encoding="utf-8")
    major = host.release.facts()["octavia"]
    for key, meant in said.items():
        if key not in host.pillar.values() or not host.pillar.is_known(FEEDING[key], major):
            continue
        for option in host.pillar.options(FEEDING[key], major):
            try:
                read = _read(host, path, option)
            except (ValueError, cfg.ConfigFileValueError):
                # out of range for this option: the gate reads with the same types, and says so
                continue
            assert _same(read, meant), (key, option, read, meant)
    for name, meant in free.items():
        assert _read(host, path, f"a_section/{name}") == meant
