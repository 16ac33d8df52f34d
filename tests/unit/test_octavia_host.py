"""The worker in another Python: what it answers, and what becomes of it when it does not."""

import os
import sys
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError

HOST = Path(__file__).resolve().parents[2] / "octavia" / "host"

TOPIC = """
import os, subprocess, sys, time
def echo(**kwargs): return kwargs
def pid(): return os.getpid()
def fail(password): raise ValueError("no\\nsuch thing")
def leave(): sys.exit("enough")
def die(): print("last words", file=sys.stderr, flush=True); os._exit(3)
def hang(): time.sleep(60)
def lack(): raise ModuleNotFoundError(name='pymysql.cursors')
def lack_other(): import no_such_library
def unfit(): return {1, 2}
def chatter():
    print("noise"); sys.stdout.flush(); os.system("echo more noise; cat")
    return "done"
"""


@pytest.fixture
def settings():
    return {"python": sys.executable, "release": "11.0.0"}


@pytest.fixture
def host(load, tmp_path, settings):
    where = tmp_path / "octavia" / "host"
    where.mkdir(parents=True)
    (where / "worker.py").write_bytes((HOST / "worker.py").read_bytes())
    (where / "topic.py").write_text(TOPIC)

    def cache_dir(path, saltenv=None, include_pat=None):
        assert path == "salt://octavia/host"
        return [str(file) for file in sorted(where.glob(include_pat))]

    salt = {"octavia_pillar.settings": lambda saltenv=None: settings, "cp.cache_dir": cache_dir}
    module = load("_modules/octavia_host", __salt__=salt)
    yield module
    module.stop()


def test_arguments_and_answers_survive_the_way(host):
    odd = {"text": "'\"\\%$\n é", "list": [1, None, {"a": True}]}
    assert host.call("topic", "echo", **odd) == odd


def test_what_salt_adds_to_the_arguments_of_a_call_is_left_out(host):
    assert host.call("topic", "echo", a=1, __pub_fun="x") == {"a": 1}


def test_one_process_serves_all_calls_of_a_run(host):
    assert host.call("topic", "pid") == host.call("topic", "pid") != os.getpid()


def test_an_upgraded_octavia_gets_a_new_worker(host, settings):
    old = host.call("topic", "pid")
    settings["release"] = "16.0.0"
    assert host.call("topic", "pid") != old


def test_no_argument_shows_in_the_command_line_or_the_environment(host):
    host.call("topic", "echo", password="s3cret-word")
    proc = Path("/proc") / str(host.call("topic", "pid"))
    assert b"s3cret-word" not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


def test_the_worker_ends_with_its_input(host):
    host.call("topic", "pid")
    worker = next(iter(host.__context__.values()))
    worker.process.stdin.close()
    assert worker.process.wait(timeout=10) == 0


def test_printing_libraries_and_children_do_not_disturb(host):
    assert host.call("topic", "chatter") == "done"
    assert host.call("topic", "echo", a=1) == {"a": 1}


@pytest.mark.parametrize(
    ("function", "kwargs", "line"),
    [
        ("fail", {"password": "s3cret"}, "ValueError: no such thing"),
        ("leave", {}, "SystemExit: enough"),
        ("unfit", {}, "TypeError: Object of type set is not JSON serializable"),
        ("absent", {}, "AttributeError: "),
        ("lack_other", {}, "lacks the Python library no_such_library"),
        ("lack", {}, "lacks the Python library pymysql (Debian: python3-pymysql)"),
    ],
)
def test_an_error_is_one_line_and_the_worker_lives_on(host, function, kwargs, line):
    before = host.call("topic", "pid")
    with pytest.raises(CommandExecutionError) as caught:
        host.call("topic", function, **kwargs)
    assert line in str(caught.value) and "\n" not in str(caught.value) and "s3cret" not in str(caught.value)
    assert host.call("topic", "pid") == before


@pytest.mark.parametrize(
    ("function", "line"),
    [("die", "died (exit status 3): last words"), ("hang", "did not answer within 0.5 s")],
)
def test_after_a_death_or_a_timeout_the_next_call_has_a_fresh_worker(host, function, line):
    before = host.call("topic", "pid")
    with pytest.raises(CommandExecutionError) as caught:
        host.call("topic", function, timeout=0.5 if function == "hang" else 30)
    assert line in str(caught.value)
    assert host.call("topic", "pid") != before


@pytest.mark.parametrize(
    ("python", "line"),
    [
        ("/no/such/python3", "Cannot start /no/such/python3: No such file or directory"),
        ("/bin/false", "died (exit status 1)"),
    ],
)
def test_an_interpreter_that_is_none_is_said_in_one_line(host, settings, python, line):
    settings["python"] = python
    with pytest.raises(CommandExecutionError) as caught:
        host.call("topic", "pid")
    assert line in str(caught.value)
    settings["python"] = sys.executable
    assert host.call("topic", "echo") == {}


@pytest.mark.parametrize(("method", "made"), [("venv", True), ("packages", False)])
def test_a_virtualenv_that_is_still_to_be_made_is_known_by_its_library(host, settings, method, made):
    """A dry run on an empty host goes on then, and one with a wrong path does not."""
    settings |= {"python": "/no/such/python3", "install_method": method}
    with pytest.raises(CommandExecutionError) as caught:
        host.call("topic", "pid")
    assert hasattr(caught.value, "library") is made


@pytest.mark.parametrize("garbage", ["hello", "[]", "1", "{}"])
def test_an_answer_that_is_not_ours_is_said_without_showing_it(host, settings, tmp_path, garbage):
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nread request\necho '{garbage}'\n")
    python.chmod(0o755)
    settings["python"] = str(python)
    with pytest.raises(CommandExecutionError, match="something that is not JSON of ours$"):
        host.call("topic", "pid")


def test_a_file_server_without_the_formula_is_said(host):
    host.__salt__["cp.cache_dir"] = lambda *args, **kwargs: []
    with pytest.raises(CommandExecutionError, match="not on the file server"):
        host.call("topic", "pid")
