"""Services are held back while packages are installed, and what a killed package manager left is set right."""

import subprocess
import sys
from unittest import mock

import pytest
from formula import Host, shared
from salt.exceptions import CommandExecutionError

HOLDER = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path, shared())
    units = tmp_path / "units"
    units.mkdir()
    (tmp_path / "updates").mkdir()
    host.pkg._RUNTIME_UNITS = str(units)
    host.pkg._DPKG_LOCK = str(tmp_path / "lock")
    host.pkg._DPKG_UPDATES = str(tmp_path / "updates")
    host.units = units
    return host


@pytest.fixture
def holder(host):
    """Another package manager at work, for some seconds."""
    started = []

    def start(seconds):
        command = [sys.executable, "-c", HOLDER, host.pkg._DPKG_LOCK, str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _commands(host):
    return [" ".join(call.args[0]) for call in host.run_all.call_args_list]


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (["a", "b"], []),
        (["a", "c"], ["c"]),
        ([{"a": "1.0"}, {"c": "2.0"}], ["c"]),
        ([], []),
    ],
)
def test_what_is_not_installed_is_missing(host, wanted, missing):
    host.packages = ["a", "b"]
    assert host.pkg.missing(wanted) == missing


def test_the_host_is_asked_once_and_only_what_is_complete_is_there(host):
    ask = host.salt["cmd.run_stdout"] = mock.Mock(
        return_value="installed a a:amd64\nconfig-files b b:all\nhalf-configured c c:all\nunpacked d d:amd64"
    )
    assert host.pkg.missing(["a", "b", "c", "d", "a:amd64", "a:i386"]) == ["b", "c", "d", "a:i386"]
    assert host.pkg.missing(["a"]) == []
    ask.assert_called_once()
    assert ask.call_args.args[0][0] == "dpkg-query"


def test_an_rpm_host_is_asked_by_rpm(host):
    host.grains["os_family"] = "RedHat"
    ask = host.salt["cmd.run_stdout"] = mock.Mock(return_value="installed a a.x86_64")
    assert host.pkg.missing(["a", "b"]) == ["b"]
    assert ask.call_args.args[0][0] == "rpm"


def test_units_are_masked_until_the_next_boot_in_one_command(host):
    assert host.pkg.hold(["octavia-api", "octavia-worker"]) == ["octavia-api", "octavia-worker"]
    assert _commands(host) == ["systemctl mask --runtime octavia-api.service octavia-worker.service"]
    assert host.run_all.call_args.kwargs == {"python_shell": False}


@pytest.mark.parametrize("fun", ["hold", "release"])
def test_without_units_systemd_is_not_asked(host, fun):
    getattr(host.pkg, fun)([])
    host.run_all.assert_not_called()


def test_only_runtime_masks_are_taken_away(host):
    (host.units / "ours.service").symlink_to("/dev/null")
    (host.units / "a-file.service").write_text("[Unit]")
    (host.units / "elsewhere.service").symlink_to("/etc/systemd/system/x.service")
    host.pkg.release(["ours", "a-file", "elsewhere", "not-there"])
    assert _commands(host) == ["systemctl unmask --runtime ours.service"]


def test_what_systemd_said_of_masks_is_forgotten(host):
    known = host.context["octavia_service.status"] = {"octavia-api": {"masked": True}}
    host.pkg.release([])
    assert host.context["octavia_service.status"] is known, "nothing was masked"
    host.pkg._masked = lambda unit: True
    host.pkg.release(["octavia-api"])
    assert "octavia_service.status" not in host.context


def test_a_systemd_that_refuses_is_one_line(host):
    host.run_all.return_value = {"retcode": 1, "stdout": "", "stderr": "Failed to connect to bus\n"}
    with pytest.raises(CommandExecutionError, match="^systemctl mask octavia-api: Failed to connect to bus$"):
        host.pkg.hold(["octavia-api"])


# --- a package manager that was killed


def test_a_sound_package_manager_is_left_alone(host):
    host.pkg.recover(timeout=0)
    assert _commands(host) == ["dpkg --audit"]


@pytest.mark.parametrize("trace", ["audit", "updates"])
def test_what_was_left_half_way_is_configured_and_no_question_asked(host, trace, tmp_path):
    if trace == "updates":
        (tmp_path / "updates" / "0001").write_text("")
    else:
        host.run_all.side_effect = [
            {"retcode": 0, "stdout": "The following packages are only half configured:\n octavia-api", "stderr": ""},
            {"retcode": 0, "stdout": "", "stderr": ""},
        ]
    host.pkg.recover(timeout=0)
    assert _commands(host) == ["dpkg --audit", "dpkg --configure -a --force-confold"]
    assert host.run_all.call_args.kwargs["env"] == {"DEBIAN_FRONTEND": "noninteractive"}


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("dpkg: error\n octavia-api: cannot be configured\n", "octavia-api: cannot be configured"),
        ("", "exit code 1"),
        (
            "dpkg: error processing package octavia-api (--configure):\n"
            " installed octavia-api package post-installation script subprocess returned error exit status 1\n"
            "Errors were encountered while processing:\n octavia-api\n",
            r"error processing package octavia-api \(--configure\): "
            "installed octavia-api package post-installation script subprocess returned error exit status 1",
        ),
        ("dpkg: error processing package octavia-api (--configure):\n", r"error processing package .*:"),
        ("dpkg: error: cannot access archive 'x'\n", "error: cannot access archive 'x'"),
    ],
)
def test_a_dpkg_that_cannot_be_set_right_is_one_line(host, stderr, line):
    host.run_all.side_effect = [
        {"retcode": 0, "stdout": "half configured", "stderr": ""},
        {"retcode": 1, "stdout": "", "stderr": stderr},
    ]
    with pytest.raises(CommandExecutionError, match=f"^dpkg --configure -a: *{line}$"):
        host.pkg.recover(timeout=0)


def test_a_package_manager_at_work_is_waited_for(host, holder):
    holder(0.5)
    host.pkg.recover(timeout=20)
    assert _commands(host) == ["dpkg --audit"]


def test_nobody_waits_for_ever(host, holder):
    holder(60)
    with pytest.raises(CommandExecutionError, match="^another package manager holds .*/lock for more than 0 s$"):
        host.pkg.recover(timeout=0)
    host.run_all.assert_not_called()


def test_the_lock_is_given_back(host, holder):
    host.pkg.recover(timeout=0)
    holder(0)


def test_where_there_is_no_dpkg_nothing_is_done(host):
    host.grains["os_family"] = "RedHat"
    host.pkg._DPKG_LOCK = "/none/lock"
    host.pkg.recover()
    host.run_all.assert_not_called()
