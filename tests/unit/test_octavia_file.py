"""Files with secrets: whole or not at all, and never readable by others, not for a moment."""

import grp
import os
import pwd
import resource
import stat
from contextlib import contextmanager

import pytest
from salt.exceptions import CommandExecutionError

ME, MINE = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def file(load):
    return load("_modules/octavia_file")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=lambda mask: f"umask {mask:03o}")
def umask(request):
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


@contextmanager
def full_disk():
    """The kernel lets no file grow beyond a few bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _mode(path):
    return f"{stat.S_IMODE(os.stat(path).st_mode):04o}"


@pytest.mark.parametrize("mode", ["0600", "0640"])
def test_a_file_has_its_mode_whatever_the_umask(file, tmp_path, umask, mode):
    path = tmp_path / "secret"
    file.write(str(path), "päss", ME, MINE, mode)
    assert (path.read_text(), _mode(path)) == ("päss", mode)
    assert file.ownership(str(path), ME, MINE, mode) == {}
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_the_draft_is_its_owners_alone_until_it_belongs_to_its_group(file, tmp_path, umask, monkeypatch):
    seen, real = [], {name: getattr(os, name) for name in ("fchown", "fchmod", "replace")}

    def watch(name):
        def call(*args):
            seen.append((name, {_mode(entry) for entry in tmp_path.iterdir()}))
            return real[name](*args)

        monkeypatch.setattr(os, name, call)

    for name in real:
        watch(name)
    file.write(str(tmp_path / "secret"), "text", ME, MINE, "0640")
    assert seen == [("fchown", {"0600"}), ("fchmod", {"0600"}), ("replace", {"0640"})]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_belongs_to_whom_it_is_given(file, tmp_path):
    path = tmp_path / "secret"
    file.write(str(path), "text", "daemon", "mail", "0640")
    found = path.stat()
    assert (found.st_uid, found.st_gid) == (pwd.getpwnam("daemon").pw_uid, grp.getgrnam("mail").gr_gid)
    drift = file.ownership(str(path), "root", "root", "0600")
    assert drift == {
        "user": {"old": found.st_uid, "new": 0},
        "group": {"old": found.st_gid, "new": 0},
        "mode": {"old": "0640", "new": "0600"},
    }


def test_a_full_disk_leaves_the_old_file_and_no_rest(file, tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    with full_disk(), pytest.raises(CommandExecutionError, match=f"^{path}: cannot be written: File too large$"):
        file.write(str(path), "x" * 100, ME, MINE, "0600")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_a_run_that_is_stopped_leaves_no_secrets_behind(file, tmp_path, monkeypatch, error):
    path = tmp_path / "secret"
    path.write_text("old")
    with monkeypatch.context() as patch, pytest.raises(error):
        patch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(error()))
        file.write(str(path), "new", ME, MINE, "0600")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_directory_that_is_not_there_is_one_line(file, tmp_path):
    path = tmp_path / "none" / "secret"
    with pytest.raises(CommandExecutionError, match=f"^{path}: cannot be written: No such file or directory$"):
        file.write(str(path), "text", ME, MINE, "0600")


def test_a_directory_in_the_place_of_the_file_is_one_line(file, tmp_path):
    (tmp_path / "secret").mkdir()
    with pytest.raises(CommandExecutionError, match="cannot be written: Is a directory$"):
        file.write(str(tmp_path / "secret"), "text", ME, MINE, "0600")
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(("user", "group"), [("no-such-user", MINE), (ME, "no-such-group")])
@pytest.mark.parametrize("fun", ["write", "ownership"])
def test_a_user_that_the_packages_would_have_made_is_one_line(file, tmp_path, fun, user, group):
    path = tmp_path / "secret"
    path.write_text("old")
    arguments = [str(path), *(["new"] if fun == "write" else []), user, group, "0600"]
    with pytest.raises(CommandExecutionError, match="no-such-.*: are the packages of Octavia installed[?]$") as caught:
        getattr(file, fun)(*arguments)
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("have", "want", "drift"), [("0644", "0640", True), ("0640", "640", False), ("0640", 640, False)]
)
def test_a_mode_is_compared_however_it_is_written(file, tmp_path, have, want, drift):
    path = tmp_path / "secret"
    path.touch()
    path.chmod(int(have, 8))
    found = file.ownership(str(path), ME, MINE, want)
    assert found == ({"mode": {"old": have, "new": "0640"}} if drift else {})


def test_ownership_of_nothing_is_one_line(file, tmp_path):
    with pytest.raises(CommandExecutionError, match=f"^{tmp_path}/none: No such file or directory$"):
        file.ownership(f"{tmp_path}/none", ME, MINE, "0600")


def test_a_note_whose_directory_cannot_be_made_is_one_line(file, tmp_path):
    (tmp_path / "lib").write_text("a file in its place")
    with pytest.raises(CommandExecutionError) as caught:
        file.keep(str(tmp_path / "lib/upgrade/note.json"), {})
    assert str(caught.value) == f"{tmp_path}/lib/upgrade: Not a directory"
