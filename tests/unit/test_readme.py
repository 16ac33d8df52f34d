"""The README is valid, and its table of states is the tree."""

import re

import docutils.nodes
import pytest
from harness import ROOT, readme, states

pytestmark = pytest.mark.lint

README = ROOT / "README.rst"


@pytest.fixture(scope="module")
def document():
    return readme()


def table_states(document):
    """States named in the first column of any table."""
    return {
        state
        for row in document.findall(docutils.nodes.row)
        for state in re.findall(r"octavia(?:\.\w+)*", row.children[0].astext())
    }


def test_every_state_of_the_tree_is_in_a_table_and_the_reverse(document):
    named, there = table_states(document), set(states())
    assert there - named == set(), "not in the README"
    assert named - there == set(), "in the README only"


def test_lines_fit_where_code_does():
    assert [line for line in README.read_text().splitlines() if len(line) > 120] == []


def test_make_targets_that_it_names_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", code_of(document)))
    assert named and named - targets == set()


def code_of(document):
    blocks = [*document.findall(docutils.nodes.literal_block), *document.findall(docutils.nodes.literal)]
    return "\n".join(block.astext() for block in blocks)


def test_files_that_it_names_exist(document):
    paths = re.findall(r"(?<![/\w.])(?:tests|octavia|_modules|_states|debian|metadata)/[\w./-]*\w", code_of(document))
    assert [path for path in paths if not (ROOT / path).exists()] == []
