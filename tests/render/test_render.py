"""Every SLS renders for every pillar, right ones and wrong ones, into states that Salt and we have."""

import ast
import functools
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from harness import ROOT, pillar_files, states

SLS = states()
PILLARS = pillar_files()

REDHAT = {"os_family": "RedHat", "os": "CentOS Stream", "osfinger": "CentOS Stream-9"}

#: What people write by mistake. The preflight state names the fault; rendering must live to reach it.
WRONG = {
    "octavia_text": {"octavia": "yes"},
    "octavia_list": {"octavia": [{"api": {"enabled": True}}]},
    "octavia_null": {"octavia": None},
    "octavia_number": {"octavia": 1},
    "api_text": {"octavia": {"api": "enabled"}},
    "api_null": {"octavia": {"api": None}},
    "api_bind_text": {"octavia": {"api": {"enabled": True, "bind": "0.0.0.0:9876"}}},
    "api_pkgs_text": {"octavia": {"api": {"enabled": True, "pkgs": "octavia-api"}}},
    "api_services_text": {"octavia": {"api": {"enabled": True, "services": "octavia-api"}}},
    "enabled_text": {"octavia": {"api": {"enabled": "true"}, "manager": {"enabled": "no"}}},
    "manager_list": {"octavia": {"manager": ["worker"]}},
    "manager_text": {"octavia": {"manager": "worker"}},
    "components_text": {"octavia": {"manager": {"enabled": True, "components": "worker"}}},
    "components_null": {"octavia": {"manager": {"enabled": True, "components": None}}},
    "components_map": {"octavia": {"manager": {"enabled": True, "components": {"worker": True}}}},
    "manager_pkgs_text": {"octavia": {"manager": {"enabled": True, "pkgs": "octavia-worker"}}},
    "certificates_text": {"octavia": {"manager": {"enabled": True, "certificates": "/etc/octavia/certs"}}},
    "ssh_text": {"octavia": {"manager": {"enabled": True, "ssh": "key"}}},
    "config_list": {"octavia": {"api": {"enabled": True}, "config": ["debug"]}},
    "config_section_text": {"octavia": {"api": {"enabled": True}, "config": {"DEFAULT": "debug"}}},
    "database_text": {"octavia": {"api": {"enabled": True}, "database": "mysql://octavia@db/octavia"}},
    "db_text": {"octavia": {"api": {"enabled": True}, "db": "create"}},
    "client_text": {"octavia": {"client": "yes", "driver_agent": "yes", "certificates": "files"}},
}

SECRET_KEY = re.compile(r"(password|passphrase|secret|secret_key|heartbeat_key|private_key|key\.pem)$")


def pillar_id(path):
    return path.stem if path.suffix == ".sls" else path.name


def pytest_generate_tests(metafunc):
    """One test per pillar: a minion is made once for each, and the ids say which."""
    if "pillar" in metafunc.fixturenames:
        metafunc.parametrize("pillar", PILLARS, ids=pillar_id)
    if "sls" in metafunc.fixturenames:
        metafunc.parametrize("sls", SLS)


def test_there_is_something_to_render():
    assert "octavia" in SLS and "octavia.api" in SLS
    assert len(PILLARS) > 10


def test_sls_renders(render, pillar, sls):
    low = render(pillar, sls)
    assert low, f"{sls} holds no state: it would make state.apply fail"


def test_the_short_way_says_what_salt_says(minion):
    """After other SLS have gone through the same compiler."""
    one = minion(ROOT / "tests" / "pillar" / "all_in_one.sls")
    one.show_low_sls("octavia")
    short, salts = one.show_low_sls("octavia.api"), one.call("state.show_low_sls", "octavia.api")

    def without_count(low):
        return [{key: value for key, value in chunk.items() if key != "order"} for chunk in low]

    assert without_count(short) == without_count(salts)


@pytest.mark.parametrize("name", ["all_in_one", "empty", "disabled"])
def test_sls_renders_on_redhat(render, sls, name):
    assert render(ROOT / "tests" / "pillar" / f"{name}.sls", sls, grains=REDHAT)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_shape_still_renders(minion, wrong):
    one = minion(wrong)
    for sls in SLS:
        assert one.show_low_sls(sls)


def test_highstate_is_the_enabled_roles(minion, pillar):
    assert minion(pillar).show_highstate()


# --- what the chunks may hold


def all_chunks(render, pillar):
    return [chunk for sls in SLS for chunk in render(pillar, sls)]


def test_ids_are_ours_and_snake_case(render, pillar):
    wrong = {
        f"{chunk['__sls__']}: {chunk['__id__']}"
        for chunk in all_chunks(render, pillar)
        if not re.fullmatch(r"octavia(_[a-z0-9]+)+", chunk["__id__"])
    }
    assert not wrong


def test_an_id_belongs_to_one_sls(render, pillar):
    """Two SLS with one ID cannot be applied in one run."""
    homes = {}
    for chunk in all_chunks(render, pillar):
        homes.setdefault(chunk["__id__"], set()).add(chunk["__sls__"])
    assert not {ident: found for ident, found in homes.items() if len(found) > 1}


def test_no_idiom_that_makes_salt_import_every_module(render, pillar):
    wrong = {
        (chunk["__id__"], key)
        for chunk in all_chunks(render, pillar)
        for key in ("unless", "onlyif", "creates")
        if key in chunk
    }
    assert not wrong


def test_state_functions_and_their_arguments_exist(render, pillar):
    from salt.state import STATE_INTERNAL_KEYWORDS, STATE_REQUISITE_KEYWORDS

    internal = {
        *STATE_INTERNAL_KEYWORDS,
        *STATE_REQUISITE_KEYWORDS,
        "name",
        "names",
        "fun",
        "state",
        "order",
    }
    wrong = set()
    for chunk in all_chunks(render, pillar):
        name = f"{chunk['state']}.{chunk['fun']}"
        known = state_arguments(name)
        if known is None:
            wrong.add(f"{chunk['__id__']}: no state function {name}")
        elif "**" not in known:
            wrong |= {
                f"{chunk['__id__']}: {name} takes no {key}"
                for key in set(chunk) - internal - known
                if not key.startswith("__")
            }
    assert not wrong


@functools.cache
def state_arguments(name):
    """The arguments of a state function, "**" among them if it takes any; None when nobody has it."""
    import salt.states

    module, function = name.split(".")
    core = Path(salt.states.__file__).parent
    files = [path for path in (ROOT / "_states" / f"{module}.py", core / f"{module}.py") if path.exists()]
    if not files:
        virtual = re.compile(rf"^__virtualname__ = [\"']{module}[\"']", re.M)
        files = [path for path in core.glob("*.py") if virtual.search(path.read_text())]
    for path in files:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name in (function, f"{function}_"):
                arguments = {arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)}
                return arguments | ({"**"} if node.args.kwarg else set())
    return None


# --- secrets


def leaves(data, key=""):
    """(key, text) of everything in nested data."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield ("", str(name))
            yield from leaves(value, str(name))
    elif isinstance(data, (list, tuple, set)):
        for value in data:
            yield from leaves(value, key)
    elif data is not None:
        yield (key, str(data))


def secrets_of(pillar):
    """Secret texts of a pillar, in each form that would give them away. A path to a secret is none, nor is a switch."""
    found = set()
    for key, text in leaves(pillar):
        if "PRIVATE KEY" in text:
            found |= {line for line in text.splitlines() if len(line) > 40 and not line.startswith("-")}
        elif SECRET_KEY.search(key) and not text.startswith("/") and text not in ("True", "False"):
            found |= {text, quote(text, safe=""), quote(text)}
    return found


def gives_away(text, secrets):
    """A short secret (the predecessor's `password`) is also a word: it counts only as the whole text."""
    return any(secret in text if len(secret) > 12 else secret == text for secret in secrets)


def test_no_secret_in_the_low_state(render, minion, pillar):
    secrets = secrets_of(minion(pillar).pillar.get("octavia"))
    wrong = {
        (chunk["__id__"], key)
        for chunk in all_chunks(render, pillar)
        for key, text in leaves(chunk)
        if gives_away(text, secrets)
    }
    assert not wrong


def test_the_pillars_hold_secrets_to_look_for(minion):
    """The test above would be green without any."""
    named = {path.stem: len(secrets_of(minion(path).pillar.get("octavia"))) for path in PILLARS}
    assert named["all_in_one"] >= 6 and named["certificates_pillar"] >= 20
    assert named["empty"] == 0
