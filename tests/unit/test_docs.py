"""Whoever reads our Python with `sys.doc` or an editor finds how to call it."""

import ast
import re

import pytest
import yaml
from harness import ROOT

pytestmark = pytest.mark.lint

MODULES = sorted((ROOT / "_modules").glob("*.py"))
STATES = sorted((ROOT / "_states").glob("*.py"))
#: Called by Salt itself, never from an SLS.
HOOKS = ("mod_init", "mod_watch")


def public_functions(path):
    """Functions that Salt's loader would offer to a person."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name not in HOOKS:
            yield f"{path.parent.name}/{path.stem}.{node.name}", ast.get_docstring(node) or ""


def test_there_are_modules_to_look_at():
    assert MODULES and STATES


def test_execution_functions_show_their_call():
    assert [
        name
        for path in MODULES
        for name, text in public_functions(path)
        if not re.search(r"CLI Example:\n\n\.\. code-block:: bash\n\n +salt-call ", text)
    ] == []


def test_state_functions_show_a_state():
    """The example is YAML and calls the function that it documents."""
    wrong = []
    for path in STATES:
        for name, text in public_functions(path):
            block = re.search(r"\.\. code-block:: yaml\n\n((?: +.*\n?|\n)+)", text)
            function = name.split("/")[1]
            calls = [call for state in yaml.safe_load(block[1]).values() for call in state] if block else []
            if function not in calls:
                wrong.append(name)
    assert wrong == []


def test_modules_say_what_they_are_for():
    assert [path.name for path in MODULES + STATES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_pillar_get_is_not_called_from_python():
    """Salt 3008 masks what it returns."""
    assert [path.name for path in MODULES + STATES if '"pillar.get"' in path.read_text()] == []


def test_names_do_not_shadow_salt_or_openstack():
    """A module called plain `octavia` would hide the SLS tree or OpenStack's own package."""
    assert [path.name for path in MODULES + STATES if not re.match(r"octavia(_|v2)", path.name)] == []


def test_pillar_example_is_a_pillar():
    pillar = yaml.safe_load((ROOT / "pillar.example").read_text())
    assert list(pillar) == ["octavia"] and isinstance(pillar["octavia"], dict)


def test_no_private_key_is_committed():
    """Tests make theirs when they run."""
    mark = "PRIVATE KEY" + "-----"
    places = [path for name in ("octavia", "tests", "metadata") for path in (ROOT / name).rglob("*") if path.is_file()]
    texts = {
        path: path.read_text(errors="replace")
        for path in (*places, ROOT / "pillar.example", ROOT / "README.rst")
        if path.suffix not in (".pyc", ".png")
    }
    found = [path for path, text in texts.items() if re.search(rf"{mark}\s+[A-Za-z0-9+/=]{{40}}", text)]
    assert found == []
