"""The way back from an upgrade: what it would change, what it loses, and that nothing is left of the attempt."""

import os
import stat

import pytest
from salt.exceptions import CommandExecutionError
from upgrading import NEW, OLD, WORKER, Controller

SECRET = "pw-of-the-database"
UPGRADED = {"old": "of the upgrade", "new": "of before"}


@pytest.fixture
def host(tmp_path):
    """Prepared, with the new packages and another octavia.conf."""
    host = Controller(tmp_path)
    host.run_all_services()
    assert host.hop.prepare() == []
    host.hop.begin()
    host.again()
    return host


def _upgrade(host):
    host.apt.install(host.hop.note()["to"])
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    host.again()


# --- files


def test_copies_lie_where_root_alone_gets(host):
    directory = host.hop.saved("files")
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.dirname(directory)).st_mode) == 0o700
    names = os.listdir(directory)
    assert any(name.endswith("etc%octavia.conf") for name in names)
    assert sum("service.d%salt.conf" in name for name in names) == 3


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o440])
def test_a_copy_is_readable_by_nobody_else_at_any_moment(host, tmp_path, monkeypatch, mode):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text(SECRET)
    source.chmod(mode)
    target.write_text("what a killed run has left")
    target.chmod(0o666)
    seen = []
    monkeypatch.setattr(
        host.restore.shutil, "copyfileobj",
        lambda stream, copy: seen.append(stat.S_IMODE(os.fstat(copy.fileno()).st_mode)) or copy.write(stream.read()),
    )  # fmt: skip
    host.restore._copy(str(source), str(target))
    assert seen == [mode]
    assert target.read_text() == SECRET
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_new_copy_begins_as_roots_own(host, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_text(SECRET)
    seen, chmod = [], os.fchmod
    monkeypatch.setattr(
        host.restore.os, "fchmod",
        lambda handle, mode: seen.append(stat.S_IMODE(os.fstat(handle).st_mode)) or chmod(handle, mode),
    )  # fmt: skip
    host.restore._copy(str(source), str(tmp_path / "target"))
    assert seen == [0o600]


@pytest.mark.skipif(os.getuid() != 0, reason="who is not root can give a file to nobody else")
def test_owner_and_mode_come_back(host):
    os.chown(host.conf_file, 0, 4242)
    host.conf_file.chmod(0o640)
    host.restore.save()
    host.conf_file.unlink()
    host.conf_file.write_text("of the upgrade")
    host.restore.files()
    found = host.conf_file.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 4242, 0o640)
    assert SECRET in host.conf_file.read_text()


def test_a_file_is_put_back_whole_or_not_at_all(host, monkeypatch):
    _upgrade(host)

    def full(stream, copy):
        copy.write(b"half")
        raise OSError(28, "No space left on device", copy.name)

    monkeypatch.setattr(host.restore.shutil, "copyfileobj", full)
    with pytest.raises(CommandExecutionError, match="No space left on device$"):
        host.restore.files()
    assert host.conf_file.read_text() == "[DEFAULT]\n# of the upgrade\n"


def test_a_disk_that_is_full_while_files_are_saved_is_one_line(host, monkeypatch):
    def full(path, mode=0):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(host.restore.os, "mkdir", full)
    with pytest.raises(CommandExecutionError) as caught:
        host.restore.save()
    assert str(caught.value) == f"{host.hop.saved('files')}: No space left on device"


def test_what_is_saved_anew_replaces_what_was(host):
    policy = host.root / "etc" / "policy.yaml"
    policy.write_text("a: b\n")
    host.restore.save()
    policy.unlink()
    host.restore.save()
    assert not any("policy" in name for name in os.listdir(host.hop.saved("files")))


# --- the plan


def test_before_anything_has_changed_nothing_would(host):
    assert host.restore.plan() == {"packages": {}, "files": {}, "database": None, "loses": "", "faults": []}


def test_packages_and_files_of_the_upgrade_would_go_back(host):
    _upgrade(host)
    plan = host.restore.plan()
    assert plan["packages"][WORKER] == {"old": NEW, "new": OLD}
    assert plan["packages"]["python3-cotyledon"] == {"old": "2.1.0-3", "new": "1.7.3-5"}
    assert "python3-new" not in plan["packages"], "it came new, and does no harm"
    assert plan["files"] == {str(host.conf_file): UPGRADED}
    assert (plan["database"], plan["loses"], plan["faults"]) == (None, "", [])


def test_a_plan_shows_no_secret(host):
    _upgrade(host)
    host.migrates()
    assert SECRET not in str(host.restore.plan())


def test_a_migrated_database_goes_back_to_its_dump_and_that_loses_something(host):
    _upgrade(host)
    host.migrates("/dumps/before.sql.gz")
    plan = host.restore.plan()
    assert plan["database"] == {"old": "migrated", "new": "/dumps/before.sql.gz of 2026-11-26T02:30:00Z"}
    assert plan["loses"] == "what was changed in load balancers since 2026-11-26T02:30:00Z is lost"


def test_a_migrated_database_without_a_dump_stands_in_the_way(host):
    _upgrade(host)
    host.backup["migrated"].return_value = True
    assert host.restore.plan()["faults"] == ["The database was migrated, and there is no dump of before"]


def test_the_database_is_the_primarys(host):
    _upgrade(host)
    host.migrates()
    host.database["is_primary"].return_value = False
    assert host.restore.plan()["database"] is None
    host.backup["migrated"].assert_not_called()


def test_a_package_that_was_not_saved_stands_in_the_way(host):
    _upgrade(host)
    os.unlink(host.hop.saved(f"packages/octavia-worker_{OLD}_all.deb"))
    assert host.restore.plan()["faults"] == [f"Not saved, and not to be had any more: octavia-worker {OLD}"]


def test_without_a_note_no_way_leads_back(tmp_path):
    plan = Controller(tmp_path).restore.plan()
    assert plan["faults"] == ["Nothing is saved here: octavia.upgrade.pre was not applied, or octavia.upgrade.post was"]


# --- packages


def test_packages_go_back_in_one_go_while_units_are_masked(host, monkeypatch):
    _upgrade(host)
    seen, dpkg = [], host.apt.dpkg
    monkeypatch.setattr(host.apt, "dpkg", lambda words: seen.append((words[0], host.masked())) or dpkg(words))
    host.restore.packages()
    units = sorted(host.pillar.settings()["units"].values())
    assert dict(seen)["--install"] == units
    assert [verb for verb, _masked in seen].count("--install") == 1
    assert host.masked() == []
    assert host.hop.packages_of_before() == {"python3-new": {"old": "1.0-1", "new": None, "file": None}}
    assert host.release.installed() == "16.0.0"


def test_what_is_as_before_is_not_installed(host):
    host.apt.commands.clear()
    host.restore.packages()
    assert host.apt.commands == []
    assert host.masked() == []


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "dpkg: error processing package octavia-worker (--install):\n"
            " installed octavia-worker package post-installation script subprocess returned error exit status 1\n"
            "Errors were encountered while processing:\n octavia-worker\n",
            "dpkg: error processing package octavia-worker (--install): "
            "installed octavia-worker package post-installation script subprocess returned error exit status 1",
        ),
        ("dpkg: error: cannot access archive 'x.deb'\n", "dpkg: error: cannot access archive 'x.deb'"),
        ("", "dpkg: exit code 1"),
    ],
)
def test_a_package_manager_that_fails_is_one_line_and_units_are_unmasked(host, said, line):
    _upgrade(host)
    host.apt.fails["dpkg"] = said
    with pytest.raises(CommandExecutionError) as caught:
        host.restore.packages()
    assert str(caught.value) == line
    assert host.masked() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_units_are_unmasked_whatever_happens(host, monkeypatch, error):
    _upgrade(host)

    def raises(words):
        if words[0] == "--install":
            raise error
        return {"retcode": 0, "stdout": "", "stderr": ""}

    monkeypatch.setattr(host.apt, "dpkg", raises)
    with pytest.raises(error):
        host.restore.packages()
    assert host.masked() == []


def test_on_another_distribution_its_own_package_manager_goes_back(tmp_path):
    host = Controller(tmp_path, grains={"os_family": "RedHat"})
    host.apt.installed = {"openstack-octavia-common": "1:16.0.0-1.el9", "openstack-octavia-worker": "1:16.0.0-1.el9"}
    host.latest_version.return_value = "1:17.0.0-1.el9"
    host.hop.prepare()
    host.apt.installed = dict.fromkeys(host.apt.installed, "1:17.0.0-1.el9")
    assert host.restore.plan()["faults"] == []
    host.again()
    commands = []
    answer = host.run_all.side_effect
    host.run_all.side_effect = lambda command, **kwargs: commands.append(command) or answer(command, **kwargs)
    host.restore.packages()
    assert ["dnf", "--assumeyes", "downgrade"] in [command[:3] for command in commands]
    assert "openstack-octavia-worker-1:16.0.0-1.el9" in commands[1]
