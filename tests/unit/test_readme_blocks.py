"""What a reader copies from the README: pillars that preflight takes, and calls of functions and states that exist."""

import ast
import re
import shlex

import docutils.nodes
import pytest
import yaml
from formula import Host
from harness import ROOT, readme, states
from salt.utils.dictupdate import merge

DOCUMENT = readme()
BLOCKS = list(DOCUMENT.findall(docutils.nodes.literal_block))
#: Salt's own functions and states that it names: for those of the formula the tree is asked.
SALTS = {
    "state.apply",
    "state.orchestrate",
    "saltutil.sync_all",
    "service.stop",
    "mine.update",
}


def of(language):
    return [block.astext() for block in BLOCKS if language in block["classes"]]


def pillars():
    """Each that stands there whole; what a renderer has to make first is run in the lab."""
    for text in of("yaml"):
        tree = {} if text.startswith("#!") else yaml.safe_load(text)
        # a driver has the SDB
        if "driver" not in tree.get("octavia", ["driver"]):
            yield tree


PILLARS = list(pillars())


@pytest.mark.parametrize("tree", PILLARS, ids=[str(number) for number in range(len(PILLARS))])
def test_preflight_takes_the_pillars(tmp_path, tree):
    """The first is whole, each other one is a part of such a one."""
    host = Host(tmp_path, merge(PILLARS[0], tree))
    assert host.faults() == [] and host.conf.render().startswith("# Managed by Salt")


def test_the_first_pillar_is_the_quick_start_and_nothing_is_to_be_said_of_it(tmp_path):
    assert len(PILLARS) > 1 and {"api", "manager", "database", "db"} <= set(PILLARS[0]["octavia"])
    assert Host(tmp_path, PILLARS[0]).check.pillar() == {"faults": [], "warnings": []}


def commands():
    """`(function, arguments)` of each call by Salt, in blocks and in the text."""
    inline = [node.astext() for node in DOCUMENT.findall(docutils.nodes.literal)]
    for line in "\n".join(of("bash") + inline).replace("\\\n", " ").splitlines():
        words = shlex.split(line.split("  #")[0]) if re.match(r"salt(-call|-ssh|-run)? ", line) else []
        words = [word for word in words[1:] if not word.startswith("--")]
        found = [number for number, word in enumerate(words) if re.fullmatch(r"[a-z]\w*\.\w+", word)]
        if found:
            yield words[found[0]], words[found[0] + 1 :]


def signature(function):
    """The names of the parameters of a function of the formula; None: there is none."""
    module, name = function.split(".")
    path = ROOT / "_modules" / f"{module}.py"
    bodies = ast.parse(path.read_text()).body if path.exists() else []
    for node in bodies:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
    return None


CALLS = list(commands())


def test_there_are_calls_to_look_at():
    assert len(CALLS) > 30 and any(function == "octavia_check.probe" for function, _ in CALLS)


@pytest.mark.parametrize(("function", "arguments"), CALLS, ids=[" ".join([name, *given]) for name, given in CALLS])
def test_a_call_is_one_that_salt_can_make(function, arguments):
    if function in ("state.apply", "state.orchestrate"):
        assert not arguments or arguments[0] in states(), arguments
    elif function not in SALTS:
        parameters = signature(function)
        assert parameters is not None, "there is no such function"
        given = {word.partition("=")[0] for word in arguments if re.match(r"[a-z_]+=", word)}
        assert given <= parameters | {"test"}, given - parameters
