"""kitchen.yml is right: what test-kitchen and kitchen-salt would stumble over, found without them."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from harness import ROOT, Minion

pytestmark = pytest.mark.lint

KITCHEN = ROOT / "kitchen.yml"
SUITES = ["api_single", "api_cluster", "manager_single", "all_in_one"]


@pytest.fixture(scope="module")
def kitchen():
    """safe_load: ERB would not pass it."""
    return yaml.safe_load(KITCHEN.read_text())


def suites(kitchen):
    """Each suite with its provisioner laid over the common one, as kitchen merges them."""
    for suite in kitchen["suites"]:
        yield suite["name"], merge(kitchen["provisioner"], suite.get("provisioner", {})), suite


def merge(below, above):
    """Maps merge, everything else is replaced, lists too."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def states_of(top):
    return [sls for env in top.values() for target in env.values() for sls in target]


def sls_exists(sls):
    path = ROOT / sls.replace(".", "/")
    return path.with_suffix(".sls").exists() or (path / "init.sls").exists()


def test_no_erb_and_no_tabs():
    text = KITCHEN.read_text()
    assert "<%" not in text and "\t" not in text


def test_every_key_is_a_string(kitchen):
    """An integer or boolean key anywhere makes kitchen die while it loads the file."""

    def bad(data):
        if isinstance(data, dict):
            for key, value in data.items():
                if not isinstance(key, str):
                    yield key
                yield from bad(value)
        elif isinstance(data, list):
            for value in data:
                yield from bad(value)

    assert list(bad(kitchen)) == []


def test_suites_and_platforms(kitchen):
    assert [suite["name"] for suite in kitchen["suites"]] == SUITES
    names = [re.sub(r"[_/,]", "-", entry["name"]).replace(".", "") for entry in kitchen["platforms"]]
    assert len(set(names)) == len(names) > 0


def test_provisioner(kitchen):
    provisioner = kitchen["provisioner"]
    assert provisioner["name"] == "salt_solo"
    assert provisioner["formula"] == "octavia" and (ROOT / "octavia").is_dir()
    assert provisioner["require_chef"] is False
    assert "is_file_root" not in provisioner and "state_top_from_file" not in provisioner


def test_salt_version_is_one_that_kitchen_can_compare(kitchen):
    version = kitchen["provisioner"]["salt_version"]
    assert version == "latest" or (isinstance(version, str) and "." in version)


def test_pillar_files_exist_and_are_assigned(kitchen):
    for name, provisioner, _suite in suites(kitchen):
        sources = provisioner["pillars_from_files"]
        assert [path for path in sources.values() if not (ROOT / path).is_file()] == [], name
        given = {key.removesuffix(".sls") for key in (*sources, *provisioner["pillars"])} - {"top"}
        assert set(states_of(provisioner["pillars"]["top.sls"])) == given, name


def test_no_pillar_names_the_release_of_one_platform(kitchen):
    """The platforms have packages of different ones, and another than the packages' is refused."""
    for name, provisioner, _suite in suites(kitchen):
        for source in provisioner["pillars_from_files"].values():
            pillar = yaml.safe_load((ROOT / source).read_text())["octavia"]
            assert not {"version"} & {*pillar, *pillar.get("api", ()), *pillar.get("manager", ())}, name


def test_states_exist(kitchen):
    for name, provisioner, suite in suites(kitchen):
        named = states_of(provisioner["state_top"])
        hooks = [*kitchen.get("lifecycle", {}).values(), *suite.get("lifecycle", {}).values()]
        for command in [text for hook in hooks for step in hook for text in step.values()]:
            named += named_states(command)
        assert named and [sls for sls in named if not sls_exists(sls)] == [], name


def named_states(command):
    """The SLS of each `state.apply` in a shell command; a loop over phases is expanded."""
    loops = dict(re.findall(r"for (\w+) in ([^;]+);", command))
    found = []
    for sls in re.findall(r"state\.(?:apply|sls)\s+([\w.$]+)", command):
        variable = re.search(r"\$(\w+)", sls)
        words = loops[variable[1]].split() if variable else [""]
        found += [sls.replace(variable[0], word) if variable else sls for word in words]
    return found


def test_a_phase_loop_is_expanded():
    loop = "for p in pre upgrade.pre; do sudo salt-call state.apply octavia.upgrade.$p || exit 1; done"
    assert named_states(loop) == ["octavia.upgrade.pre", "octavia.upgrade.upgrade.pre"]


def test_verifier_paths_exist(kitchen):
    verifiers = [
        kitchen["verifier"],
        *(suite["verifier"] for suite in kitchen["suites"] if "verifier" in suite),
    ]
    for verifier in verifiers:
        words = shlex.split(verifier["command"])
        paths = [word for word in words if word.startswith("tests/")]
        assert paths and [path for path in paths if not (ROOT / path).exists()] == []


def test_verifier_needs_pytest_and_testinfra_alone(kitchen):
    _python, _m, _pytest, *arguments = shlex.split(kitchen["verifier"]["command"])
    code = (
        "import sys; sys.modules.update(salt=None, yaml=None); import pytest;"
        f"sys.exit(pytest.main({[*arguments, '--collect-only', '-p', 'no:cacheprovider']}))"
    )
    environment = {**os.environ, "KITCHEN_SUITE": SUITES[0], "KITCHEN_HOSTNAME": "localhost"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SUITES)
def test_sandbox_renders(kitchen, tmp_path, name):
    """The file and pillar roots that kitchen-salt would build, through Salt's highstate."""
    provisioner = {entry: merged for entry, merged, _suite in suites(kitchen)}[name]
    [(_target, source)] = provisioner["pillars_from_files"].items()
    assert states_of(provisioner["state_top"]) == ["octavia"], "Minion assigns no other state"

    high = Minion(tmp_path / "root", ROOT / source).show_highstate()

    roles = {
        "api": ["octavia.api"],
        "manager": ["octavia.manager"],
        "all": ["octavia.api", "octavia.manager"],
    }
    homes = {declaration["__sls__"] for name, declaration in high.items() if name != "__extend__"}
    for role in roles[name.split("_")[0]]:
        assert any(home == role or home.startswith(f"{role}.") for home in homes), homes
