"""An image made on this host: when it is due, what of it stays, and what a failed build leaves: a log."""

import datetime
import json
import os
import subprocess
from pathlib import Path

import pytest
from fake_cloud import FakeCloud
from formula import Host, changed, shared
from harness import ROOT
from salt.exceptions import CommandExecutionError

SOURCES = "http://mirror/debian/ bookworm main\nhttp://mirror/security bookworm-security main\n"


class Builder:
    """What ``subprocess.run`` answers: diskimage-builder writes `makes`, or ends with `status` after `says`."""

    def __init__(self):
        self.commands, self.environment = [], {}
        self.makes, self.status, self.says = {"amphora.qcow2": b"image"}, 0, b""

    def __call__(self, command, **kwargs):
        if command[0] == "apt-get":
            return subprocess.CompletedProcess(command, 0, SOURCES, "")
        if command[0] == "losetup":
            return subprocess.CompletedProcess(command, 0)
        self.commands.append(command)
        self.environment = kwargs["env"]
        self.elements = {str(path.relative_to(kwargs["cwd"])) for path in Path(kwargs["cwd"]).rglob("*")}
        kwargs["stdout"].write(self.says)
        kwargs["stdout"].flush()
        for name, content in self.makes.items():
            (Path(kwargs["cwd"]) / name).write_bytes(content)
        return subprocess.CompletedProcess(command, self.status)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "images" / "amphora.qcow2"


@pytest.fixture
def host(tmp_path, path, monkeypatch):
    answers = {"resources:image:build:enabled": True, "resources:image:build:path": str(path)}
    host = Host(tmp_path, changed(shared(), **answers), grains={"oscodename": "bookworm"})
    host.salt["cp.cache_dir"] = lambda url, saltenv: [
        str(each) for each in (ROOT / url.removeprefix("salt://")).rglob("*") if each.is_file()
    ]
    host.builder = Builder()
    monkeypatch.setattr(host.image_build.subprocess, "run", host.builder)
    monkeypatch.setattr(host.image_build.shutil, "which", lambda _: "/usr/bin/disk-image-create")
    monkeypatch.setattr(host.image_build.socket, "getaddrinfo", lambda *_: [])
    host.cloud_side = FakeCloud(host)
    return host


def say(host, **answers):
    host.tree.update(changed(host.tree, **answers))
    host.again()


def build(host, test=False):
    host.again()
    return host.image_build.present(str(host.image_build._said(None)["path"]), test=test)


def test_an_image_is_made_once_with_its_checksum_beside_it(host, path):
    dry = build(host, test=True)
    assert not path.parent.exists()
    assert build(host)["changes"] == dry["changes"] == {
        f"image build {path}": {
            "old": None, "new": {"elements": ["octavia-agent", "vm"], "release": "bookworm", "size": 2},
        }
    }  # fmt: skip
    assert path.read_bytes() == b"image"
    digest = host.image.digests(str(path))["sha256"]
    assert Path(f"{path}.sha256").read_text() == f"{digest}  amphora.qcow2\n"
    assert build(host)["changes"] == {} and len(host.builder.commands) == 1
    left = {each.name for each in path.parent.iterdir()}
    assert left == {f"amphora.qcow2{end}" for end in ("", ".sha256", ".json", ".log", ".lock")}


def test_it_is_made_of_this_hosts_packages_within_a_time(host):
    build(host)
    (command,) = host.builder.commands
    assert command[:3] == ["timeout", "--kill-after=30", "3600"] and command[-2:] == ["octavia-agent", "vm"]
    environment = host.builder.environment
    assert environment["DIB_DISTRIBUTION_MIRROR"] == "http://mirror/debian/"
    assert environment["DIB_APT_SOURCES_CONF"].splitlines() == [
        "bookworm-main-0:deb http://mirror/debian/ bookworm main",
        "bookworm-security-main-1:deb http://mirror/security bookworm-security main",
    ]
    assert "elements/octavia-agent/post-install.d/60-octavia-agent" in host.builder.elements


def test_another_release_has_sources_of_its_own(host):
    say(host, **{"resources:image:build:release": "trixie"})
    build(host)
    assert "DIB_APT_SOURCES_CONF" not in host.builder.environment
    assert host.builder.environment["DIB_RELEASE"] == "trixie"


@pytest.mark.parametrize(
    "answers",
    [{"size": 3}, {"packages": ["tcpdump"]}, {"elements": ["octavia-agent", "baremetal"]}, {"environment": {"A": "1"}}],
)
def test_it_is_made_anew_when_something_else_goes_into_it(host, answers):
    build(host)
    say(host, **{f"resources:image:build:{name}": value for name, value in answers.items()})
    assert build(host)["changes"] and len(host.builder.commands) == 2


def test_it_is_made_anew_with_another_octavia(host):
    build(host)
    host.install("16.0.0")
    assert build(host)["changes"]


def test_an_octavia_that_comes_after_it_and_was_foreseen_is_no_other(host):
    host.install(None)
    host.latest_version.return_value = "16.0.0-2"
    build(host)
    host.install("16.0.0")
    assert build(host)["changes"] == {}


def test_it_is_made_anew_when_it_is_too_old(host, path):
    build(host)
    note = json.loads(Path(f"{path}.json").read_text())
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=31)  # noqa: UP017
    Path(f"{path}.json").write_text(json.dumps({**note, "built": old.isoformat()}))
    assert build(host)["changes"] == {}
    say(host, **{"resources:image:build:max_age_days": 30})
    assert build(host)["changes"]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (1, "octavia:resources:image:build: disk-image-create ended with 1: E: Unable to locate package x: see {}.log"),
        (124, "octavia:resources:image:build:timeout: the image is not made within 3600 s: see {}.log"),
    ],
)
def test_a_build_that_fails_is_one_line_and_leaves_the_old_image_and_a_log(host, path, status, line):
    build(host)
    host.builder.status, host.builder.makes = status, {"half": b""}
    host.builder.says = b"2026-01-01 00:00:00.000 | E: Unable to locate package x\nbye\n"
    say(host, **{"resources:image:build:size": 3})
    with pytest.raises(CommandExecutionError) as caught:
        build(host)
    assert str(caught.value) == line.format(path)
    assert path.read_bytes() == b"image" and not Path(f"{path}.work").exists()
    assert Path(f"{path}.log").stat().st_mode & 0o777 == 0o600
    # and the next run tries again
    assert build(host, test=True)["changes"]


def test_a_build_that_is_killed_before_its_end_is_made_again(host, path, monkeypatch):
    monkeypatch.setitem(host.salt, "octavia_file.keep", lambda *_: os.abort)
    build(host)
    assert host.image_build.due()


def test_two_builds_at_a_time_are_one_too_many(host, path):
    path.parent.mkdir()
    import fcntl

    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CommandExecutionError, match="is being made by another process"):
            build(host)


def test_a_host_without_the_tool_is_told_so(host, monkeypatch):
    monkeypatch.setattr(host.image_build.shutil, "which", lambda _: None)
    with pytest.raises(CommandExecutionError, match="install python3-diskimage-builder"):
        build(host)


def test_what_was_made_goes_from_the_host_and_what_was_not_stays(host, path):
    path.parent.mkdir()
    path.write_bytes(b"theirs")
    assert host.image_build.absent(str(path), test=False)["changes"] == {} and path.exists()
    build(host)
    dry = host.image_build.absent(str(path), test=True)
    assert path.exists()
    assert host.image_build.absent(str(path), test=False)["changes"] == dry["changes"]
    assert list(path.parent.iterdir()) == []


def test_the_element_of_the_formula_is_one_that_diskimage_builder_runs():
    hooks = list((ROOT / "octavia" / "elements").rglob("*.d/*"))
    assert hooks and all(os.access(each, os.X_OK) for each in hooks)


# --- and uploaded


def upload(host, test=False):
    host.again()
    built, image = host.image.wanted()
    assert built["function"] == "octavia_image_build.present"
    found = host.image_build.present(built["name"], test=test)
    uploaded = host.image.image_present(image["name"], image["want"], image["project"], test=test)
    return {**found["changes"], **uploaded["changes"]}


def test_what_was_made_is_uploaded_with_kernel_and_ramdisk(host):
    host.builder.makes = {"amphora.qcow2": b"image", "amphora.vmlinuz": b"kernel", "amphora.initrd": b"ramdisk"}
    assert {"image amphora"} < set(upload(host, test=True))
    upload(host)
    assert sorted(each["name"] for each in host.cloud_side.of("image")) == [
        "amphora", "amphora-kernel", "amphora-ramdisk",
    ]  # fmt: skip
    assert upload(host) == {}
    # now with a boot loader
    host.builder.makes = {"amphora.qcow2": b"other"}
    say(host, **{"resources:image:build:elements": ["octavia-agent", "vm"], "resources:image:build:size": 4})
    upload(host)
    (current,) = [each for each in host.cloud_side.of("image") if "amphora" in each["tags"]]
    assert not current.get("kernel_id") and upload(host) == {}
