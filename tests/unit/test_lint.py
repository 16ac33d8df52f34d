"""The linters, each as one test: its complaint is the test's message."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness import ROOT

pytestmark = pytest.mark.lint

PYTHON = ["_modules", "_states", "octavia", "tests", "debian/tests/states"]
SHELL = [".ci/run", "debian/tests/classes"]


def run(tool, *args):
    """Run a tool of this virtualenv in the checkout."""
    command = [str(Path(sys.executable).parent / tool), *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command[:3])}:\n{done.stdout}{done.stderr}"


def files(*patterns, below=("octavia", "metadata", "tests")):
    found = {path for name in below for pattern in patterns for path in (ROOT / name).rglob(pattern)}
    return sorted(path.relative_to(ROOT) for path in found)


def test_ruff_check():
    run("ruff", "check", "--quiet", "--config", "tests/ruff.toml", *PYTHON)


def test_ruff_format():
    run("ruff", "format", "--diff", "--quiet", "--config", "tests/ruff.toml", *PYTHON)


def test_yamllint():
    """Data files; SLS and their Jinja are salt-lint's, and that of octavia/meta is looked at when it is filled in."""
    plain = [*files("*.yml", "*.yaml"), *files("*.sls", below=("tests/pillar",))]
    plain = [path for path in plain if "{%" not in (ROOT / path).read_text() or path.parts[:2] != ("octavia", "meta")]
    run("yamllint", "--strict", "-c", "tests/yamllint.yaml", "kitchen.yml", "pillar.example", *plain)


def test_salt_lint():
    found = files("*.sls", "*.jinja", below=("octavia",))
    assert found
    run("salt-lint", "-c", "tests/salt-lint.yaml", *found)


def test_pillars_do_not_say_a_key_twice():
    """YAML takes the last one without a word."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [loader.construct_object(key) for key, _value in node.value]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: {keys}"
        return dict(zip(keys, (loader.construct_object(value, deep=True) for _key, value in node.value), strict=True))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    for path in (*sorted((ROOT / "tests/pillar").glob("*.sls")), ROOT / "pillar.example"):
        yaml.load(path.read_text().replace("@", ""), Loader)  # noqa: S506


def test_no_two_test_files_have_one_name():
    """pytest imports them by their bare names, and says so only when it comes to the second one."""
    names = [path.name for path in files("test_*.py", below=("tests",))]
    assert sorted(names) == sorted(set(names))


def test_shell_scripts_parse():
    for script in SHELL:
        subprocess.run(["/bin/bash", "-n", ROOT / script], check=True)
        assert (ROOT / script).stat().st_mode & 0o111, f"{script} is not executable"
