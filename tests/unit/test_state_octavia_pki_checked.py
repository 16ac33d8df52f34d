"""The state that fails when a certificate ends soon, in a dry run too."""

from unittest.mock import create_autospec

import pytest
from salt.exceptions import CommandExecutionError


@pytest.fixture
def ask(load):
    return create_autospec(load("_modules/octavia_pki").status)


@pytest.fixture(params=[True, False])
def state(load, ask, request):
    return load(
        "_states/octavia_pki", __salt__={"octavia_pki.status": ask}, __opts__={"test": request.param}, __env__="base"
    )


def found(*levels):
    findings = [{"level": each, "line": f"{each} line"} for each in levels]
    return {"level": levels[0] if levels else "ok", "findings": findings}


@pytest.mark.parametrize(
    ("levels", "result", "comment", "warnings"),
    [
        ([], True, "No certificate ends soon", None),
        (["ok", "ok"], True, "No certificate ends soon; the first: ok line", None),
        (["warning", "ok"], True, "No certificate ends soon", ["warning line"]),
        (["critical", "critical", "warning", "ok"], False, "critical line\ncritical line", ["warning line"]),
    ],
)
def test_a_critical_one_fails_and_nothing_is_changed(state, ask, levels, result, comment, warnings):
    ask.return_value = found(*levels)
    wanted = {"name": "check", "result": result, "changes": {}, "comment": comment}
    assert state.checked("check", source="salt://octavia") == {**wanted, **({"warnings": warnings} if warnings else {})}


def test_limits_are_handed_on(state, ask):
    ask.return_value = found()
    state.checked("check", warn_days=60, critical_days=14)
    ask.assert_called_once_with(60, 14, saltenv="base")


def test_what_stops_the_check_is_one_line(state, ask):
    ask.side_effect = CommandExecutionError("salt://octavia/conf.yaml is not on the file server")
    ret = state.checked("check")
    assert (ret["result"], ret["changes"], ret["comment"]) == (
        False, {}, "salt://octavia/conf.yaml is not on the file server"
    )  # fmt: skip
