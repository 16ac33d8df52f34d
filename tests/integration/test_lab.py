"""
The lab itself: its machines are fresh, real and apart from each other, and nothing of them stays behind.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from lab import Lab, host, laboratory

LAB = [sys.executable, str(host.HERE)]
#: A lab with one machine whose process then waits to be killed.
OWNER = """
import sys, time
sys.path.insert(0, {path!r})
from lab import Lab
with Lab({name!r}) as lab:
    lab.machine("controller1")
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def name(request):
    """A lab's name that no other run has; whatever a failed test leaves of it is removed."""
    unique = f"t{os.getpid()}x{abs(hash(request.node.name)) % 1000}"
    yield unique
    list(laboratory.clean(unique))


def traces(name):
    """Everything on this host that shows that a lab of this name is or was there, by kind."""
    tag = f"{host.PREFIX}-{name}"
    tables = host.run("nft", "list", "ruleset").stdout
    # beside the JSON, ip complains of namespaces that go while it looks
    links = json.loads(host.run("ip", "-j", "link", "show", stderr=None).stdout)
    namespaces = json.loads(host.run("ip", "-j", "netns", "list", stderr=None).stdout or "[]")
    files = [host.STATE / name, host.LOCKS / f"lab-{name}", *host.cgroup_root().glob(f"{tag}-*")]
    found = {
        "processes": [pid for pid in _processes() if f"/{tag}-" in _text(pid, "cgroup")],
        "mounts": [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if f"/{name}/" in line],
        "interfaces": [link["ifname"] for link in links if link.get("ifalias") == tag],
        "namespaces": [each["name"] for each in namespaces if each["name"].startswith(tag)],
        "tables": [line for line in tables.splitlines() if f"table ip {tag} " in line],
        "files": [str(path) for path in files if path.exists()],
    }
    return {kind: what for kind, what in found.items() if what}


def left(name):
    """As ``traces``, once the kernel had the time to bury what was killed."""
    deadline = time.monotonic() + 3
    while traces(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    return traces(name)


def _processes():
    """Those that live: one that only waits to be counted by its parent has nothing any more."""
    pids = [path.name for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if "\nState:\tZ" not in _text(pid, "status")]


def _text(pid, file):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    return ""


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.05)


def lab_command(*args, **options):
    return subprocess.run([*LAB, *args], check=False, capture_output=True, text=True, timeout=60, **options)


# --- machines


def test_machine_is_fresh_in_seconds_and_gone_after_destroy(name):
    with Lab(name) as lab:
        started = time.monotonic()
        machine = lab.machine("controller1")
        assert time.monotonic() - started < 8
        assert machine.run("systemctl is-system-running").stdout.strip() == "running"
        assert machine.run("hostname; id -u").stdout.split() == ["controller1", "0"]
        machine.run("touch /root/used")
        assert set(traces(name)) == {"processes", "mounts", "interfaces", "namespaces", "tables", "files"}

        machine = lab.machine("controller1")
        assert not machine.exists("/root/used")
        machine.destroy()
        wait_for(lambda: "processes" not in traces(name), "its processes are gone")
        assert set(traces(name)) == {"interfaces", "namespaces", "tables", "files"}
    assert left(name) == {}


def test_reboot_starts_the_system_again_and_keeps_the_disk(name):
    with Lab(name) as lab:
        machine = lab.machine("controller1")
        machine.run("touch /run/lost /root/kept; systemd-run --unit=lost sleep 600")
        before = machine.pid
        machine.reboot()
        assert machine.pid != before
        assert machine.run("systemctl is-system-running").stdout.strip() == "running"
        assert machine.run("ls /run/lost /root/kept; systemctl is-active lost", check=False).stdout.split() == [
            "/root/kept",
            "inactive",
        ]


def test_two_labs_do_not_see_each_other(name):
    """Both use the same addresses; who asks is told by the machine of his own lab, or by nobody."""
    with Lab(f"{name}a") as first, Lab(f"{name}b") as second:
        for lab in (first, second):
            machine = lab.machine("controller1")
            machine.write("/srv/www/who", lab.name)
            machine.popen("exec python3 -m http.server --directory /srv/www 8000", stderr=subprocess.DEVNULL)
            wait_for(lambda machine=machine: "8000" in machine.run("ss -Hlnt").stdout, "the server listens")
        first.machine("controller2")
        second.machine("controller3")
        ask = "curl -s --max-time 3 http://10.77.0.11:8000/who"
        assert first.machines["controller2"].run(ask).stdout == first.name
        assert second.machines["controller3"].run(ask).stdout == second.name
        ping = "ping -c 1 -W 1 10.77.0.12"
        assert first.machines["controller1"].run(ping, check=False).returncode == 0
        assert second.machines["controller1"].run(ping, check=False).returncode == 1
        first.destroy()
        assert second.machines["controller3"].run(ask).stdout == second.name


# --- nothing stays behind


def test_clean_after_the_owner_was_killed(name):
    code = OWNER.format(path=str(host.HERE.parent), name=name)
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout.readline() == "up\n"
        refused = lab_command("clean", "--name", name)
        assert refused.returncode == 1
        assert f"in use by process {owner.pid}" in refused.stderr
    finally:
        owner.kill()
        owner.communicate()
    assert set(traces(name)) == {"processes", "mounts", "interfaces", "namespaces", "tables", "files"}
    cleaned = lab_command("clean", "--name", name)
    assert (cleaned.returncode, cleaned.stderr) == (0, "")
    assert left(name) == {}


@pytest.mark.parametrize("when", ["services boot", "services start"])
def test_interrupted_up_leaves_nothing(name, when):
    up = subprocess.Popen(
        [*LAB, "up", "--name", name, "controller1"],
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests in the background ignores it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        wait_for(lambda: traces(name).get("processes"), "a machine boots")
        time.sleep({"services boot": 0, "services start": 4}[when])
        assert up.poll() is None
        up.send_signal(signal.SIGINT)
        said = up.communicate(timeout=20)[1]
    finally:
        up.kill()
        up.communicate()
    assert up.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert left(name) == {}


def test_clean_of_all_passes_over_labs_in_use(name, monkeypatch):
    """Among all labs, here these three: the one in use is named at the end, the others are gone."""
    labs = [f"{name}{letter}" for letter in "abc"]
    monkeypatch.setattr(laboratory, "names", lambda: labs)
    with Lab(labs[1]):
        for each in (labs[0], labs[2]):
            Lab(each).create().release()
        lines = []
        with pytest.raises(host.LabError, match=rf"lab {labs[1]} is in use by process {os.getpid()}: end that first"):
            for line in laboratory.clean():
                lines.append(line)
        assert [line.split()[1] for line in lines] == [labs[0], labs[2]]
        assert [bool(left(each)) for each in labs] == [False, True, False]
    assert left(labs[1]) == {}


# --- what the host lacks


@pytest.fixture
def bare_path(tmp_path):
    """``bare_path(command, ...)``: the environment of a host that has all commands but these."""

    def make(*missing):
        for directory in map(pathlib.Path, ("/usr/sbin", "/usr/bin", "/sbin", "/bin")):
            for command in directory.iterdir():
                link = tmp_path / command.name
                if command.name not in missing and not link.is_symlink():
                    link.symlink_to(command)
        return {**os.environ, "PATH": str(tmp_path)}

    return make


def refusal(result):
    """The one line that a refused command says."""
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("octavia-lab: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.mark.parametrize("verb", [["prepare"], ["status"], ["clean"], ["demo"], ["shell", "controller1"]])
def test_not_root(verb):
    # Checkout and virtualenv may lie where only root gets to: a copy, and Debian's own Python.
    debian = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory).chmod(0o755)
        copy = shutil.copytree(host.HERE, pathlib.Path(directory) / "tests" / "lab")
        command = [*nobody, "python3", str(copy), *verb]
        said = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", timeout=20, env=debian)
    assert "needs root" in refusal(said)
    assert "sudo" in refusal(said)


def test_no_systemd_nspawn(bare_path, name):
    said = refusal(lab_command("shell", "controller1", "--name", name, env=bare_path("systemd-nspawn")))
    assert said == "octavia-lab: missing here: systemd-container; run: python3 tests/lab prepare"


def test_clean_where_no_lab_ever_was(bare_path, name):
    said = lab_command("clean", "--name", name, env=bare_path("ip", "nft"))
    assert (said.returncode, said.stderr) == (0, ""), said


def test_nothing_to_install_it_with(bare_path):
    said = refusal(lab_command("prepare", env=bare_path("systemd-nspawn", "apt-get")))
    assert said == "octavia-lab: no apt-get here: install systemd-container yourself"
