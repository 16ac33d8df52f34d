"""Whatever a pillar holds, the preflight answers in lines; and what it lets pass becomes an octavia.conf."""

import copy
import datetime

import pytest
from formula import Host, oslo, pillar, shared
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

TREES = [shared(), pillar("external"), pillar("certificates_pillar"), pillar("all_in_one"), pillar("api_cluster")]

SECRETS = [
    "database:password", "identity:password", "message_queue:password", "manager:health_manager:heartbeat_key",
    "cache:security:secret_key",
]  # fmt: skip
# what YAML can say: also dates, and keys that are no texts
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(),
    st.sampled_from(["10.0.0.1", "::1", "/a/path", "mq:5672", "a\nb", "a b", "zed", "ocata", "", "$x", 0, 65536, 11.0]),
)  # fmt: skip
NAMES = st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.dates())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def _nodes(tree, path=()):
    for name, value in tree.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from _nodes(value, (*path, name))


@st.composite
def mutants(draw):
    """A good pillar with one to three keys of any depth answered otherwise, renamed, added or taken away."""
    tree = copy.deepcopy(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(_nodes(tree)) or [("octavia",)]))
        node = tree
        for name in path[:-1]:
            node = node[name]
        action = draw(st.sampled_from(["answer", "answer", "rename", "add", "remove"]))
        if action == "answer":
            node[path[-1]] = draw(VALUES)
        elif action == "rename":
            node[draw(NAMES)] = node.pop(path[-1], None)
        elif action == "add":
            known = ["host", "units", "packages", "offered_by", "config", "notification", "cache", "db", "certificates"]
            node[draw(st.one_of(NAMES, st.sampled_from(known)))] = draw(VALUES)
        else:
            node.pop(path[-1], None)
    return tree


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    # a mutant may look for Octavia where none is
    return Host(tmp_path_factory.mktemp("host"), shared(), offered="11.0.0-2")


def _examine(host, tree):
    host.tree.clear()
    host.tree.update(copy.deepcopy(tree))
    found = host.check.pillar()
    lines = [*found["faults"], *found["warnings"]]
    assert all(isinstance(line, str) and line.isprintable() for line in lines), lines
    assert all(line.startswith("octavia:") for line in lines), lines
    return found["faults"]


@settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(tree=mutants())
@example(tree={"octavia": {"api": {"enabled": True}, "host": "text"}})
@example(tree={"octavia": {"config": {datetime.date(2026, 1, 1): {True: [1, [2]]}}}})
@example(tree={"octavia": {"message_queue": {"members": [{"host": ["a"]}, {1: 2}, "[", ":", "[]:1", "a:1:2"]}}})
def test_no_pillar_makes_the_preflight_raise_and_what_passes_can_be_written(host, tmp_path_factory, tree):
    if _examine(host, tree) or not host.pillar.roles():
        return
    # what the pillar leaves to the cloud is not asked for
    text = host.conf.render(mask=False, look_up=False)
    host.pillar.settings()
    host.conf.size()
    parsed = host.diff.parse(text)
    written = host.conf.options(mask=False)
    assert set(parsed) == {f"{section}/{name}" for section, names in written.items() for name in names}
    oslo(text, tmp_path_factory.getbasetemp() / "fuzz.conf", *list(parsed)[:1])


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=VALUES, key=st.sampled_from(SECRETS))
def test_no_line_shows_a_secret(host, key, value):
    marked = f"Zq9{value!r}Zq9" if isinstance(value, str) else {"Zq9": "Zq9"} if isinstance(value, dict) else value
    tree = shared()
    *parents, last = key.split(":")
    node = tree["octavia"]
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = [marked] if isinstance(value, list) else marked
    # a mapping there has unknown keys, which are named
    assert isinstance(value, dict) or not [line for line in _examine(host, tree) if "Zq9" in line]
