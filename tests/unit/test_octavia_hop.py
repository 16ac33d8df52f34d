"""The hop of an upgrade: what the package manager would do, whether OpenStack supports it, what is noted and saved."""

import json
import os
import shutil
import subprocess

import pytest
from salt.exceptions import CommandExecutionError
from upgrading import NEW, OCTAVIA, OLD, WORKER, Controller

ALL = {
    **{name: {"old": OLD, "new": NEW} for name in sorted((*OCTAVIA, "python3-octavia"))},
    "python3-cotyledon": {"old": "1.7.3-5", "new": "2.1.0-3"},
    "python3-new": {"old": None, "new": "1.0-1"},
}


@pytest.fixture
def host(tmp_path):
    return Controller(tmp_path)


# --- what comes


def test_the_hop_is_what_the_package_manager_would_do(host):
    hop = host.hop.facts()
    assert (hop["old"], hop["new"]) == ("16.0.0", "19.0.0")
    assert (hop["before"]["name"], hop["after"]["name"]) == ("epoxy", "hibiscus")
    assert hop["packages"] == ALL
    assert all("--simulate" in command for command in host.apt.commands)


def test_the_package_manager_is_asked_once_in_a_run(host):
    host.hop.facts()
    count = len(host.apt.commands)
    host.hop.facts()
    assert len(host.apt.commands) == count


def test_lines_of_apt_are_read_as_it_prints_them(host, monkeypatch):
    said = """\
Reading package lists...
Building dependency tree...
Inst python3-octavia [16.0.0-2+deb13u1] (19.0.0-10 Debian:testing [all]) [octavia-common:amd64 ]
Inst octavia-common [16.0.0-2+deb13u1] (19.0.0-10 Debian:testing [all]) []
Inst libfoo1:amd64 [1:2.0~rc1-1] (1:2.0-1 Debian:13.1/stable, Debian-Security:13/stable-security [amd64])
Inst python3-new (1.0-1 Debian:testing [all])
Conf octavia-common (19.0.0-10 Debian:testing [all])
"""
    host.salt["cmd.run_all"] = lambda *args, **kwargs: {"retcode": 0, "stdout": said, "stderr": ""}
    assert host.hop.facts()["packages"] == {
        "libfoo1": {"old": "1:2.0~rc1-1", "new": "1:2.0-1"},
        "octavia-common": {"old": OLD, "new": NEW},
        "python3-new": {"old": None, "new": "1.0-1"},
        "python3-octavia": {"old": OLD, "new": NEW},
    }


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")
def test_a_real_apt_is_understood(host):
    """Whatever this machine would upgrade, or nothing: names and versions are those that dpkg has."""
    done = subprocess.run(
        ["apt-get", "--quiet", "install", "--simulate", "--no-install-recommends", "dpkg"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for name, old, new in host.hop._INSTALL.findall(done.stdout):
        assert name and new and " " not in old


def test_nothing_newer_is_no_hop(host):
    host.apt.offered.update(host.apt.installed)
    hop = host.hop.facts()
    assert (hop["old"], hop["new"], hop["packages"]) == ("16.0.0", "16.0.0", {})


def test_a_library_comes_along_where_the_new_octavia_needs_it_and_it_is_there(host):
    host.hop.facts()
    assert [("python3-cotyledon" in command) for command in host.apt.commands] == [False, True]


def test_a_library_that_is_not_installed_does_not_come(host):
    del host.apt.installed["python3-cotyledon"]
    assert "python3-cotyledon" not in host.hop.facts()["packages"]


def test_the_pillar_may_name_others_that_come_along(host):
    host.tree["octavia"]["upgrade"]["packages"] = ["python3-taskflow", "python3-absent"]
    host.apt.installed["python3-taskflow"], host.apt.offered["python3-taskflow"] = "5-1", "6-1"
    assert host.hop.facts()["packages"]["python3-taskflow"] == {"old": "5-1", "new": "6-1"}
    assert not any("python3-absent" in command for command in host.apt.commands)


def test_a_version_of_the_pillar_is_the_one_that_comes(host):
    host.tree["octavia"]["upgrade"]["package_version"] = "18.0.0-1"
    hop = host.hop.facts()
    assert (hop["new"], hop["packages"][WORKER]["new"]) == ("18.0.0", "18.0.0-1")
    assert "python3-cotyledon" not in hop["packages"]


def test_packages_of_octavia_are_those_of_its_source(host):
    assert host.hop.applications() == sorted((*OCTAVIA, "python3-octavia"))


def test_packages_that_a_killed_run_left_half_installed_are_octavias_too(host):
    host.apt.states["octavia-common"] = "half-configured"
    assert "octavia-common" in host.hop.applications()
    assert "octavia-common" not in host.hop.versions()
    assert host.hop.versions()[WORKER] == OLD


def test_on_another_distribution_its_own_package_manager_answers(tmp_path):
    host = Controller(tmp_path, grains={"os_family": "RedHat"})
    host.apt.installed = {"openstack-octavia-common": "1:16.0.0-1.el9", "openstack-octavia-worker": "1:16.0.0-1.el9"}
    host.latest_version.return_value = "1:17.0.0-1.el9"
    hop = host.hop.facts()
    assert hop["new"] == "17.0.0"
    assert hop["packages"]["openstack-octavia-worker"] == {"old": "1:16.0.0-1.el9", "new": "1:17.0.0-1.el9"}
    assert host.hop.prepare() == []
    assert host.apt.commands == []


# --- what stands in the way, in one line


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda host: host.install(None), "Octavia is not installed here: there is nothing to upgrade"),
        (
            lambda host: host.apt.installed.clear(),
            "octavia-common is not installed: this Octavia is none of the distribution's packages",
        ),
        (
            lambda host: host.apt.takes_away.extend(["foo", "bar"]),
            "The newest packages of Octavia would take away bar, foo",
        ),
        (
            lambda host: host.apt.fails.update(install="W: old list\nE: Unable to correct problems, held.\nE: more\n"),
            "apt-get install: Unable to correct problems, held.",
        ),
        (lambda host: host.apt.fails.update(install="killed\n"), "apt-get install: killed"),
        (lambda host: host.apt.fails.update(install=""), "apt-get install: exit code 100"),
    ],
)
def test_what_stands_in_the_way_is_one_line(host, spoil, line):
    spoil(host)
    host.again()
    with pytest.raises(CommandExecutionError) as caught:
        host.hop.facts()
    assert str(caught.value) == line


# --- the rules


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (11, 11, True), (11, 12, True), (12, 13, True), (16, 17, True), (18, 19, True),  # the next one, or none
        (12, 14, True), (14, 16, True), (16, 18, True),  # SLURP to SLURP
        (11, 13, False), (13, 15, False), (17, 19, False), (16, 19, False), (12, 16, False), (11, 14, False),
        (16, 14, False), (19, 16, False), (18, 20, False), (19, 20, True),
    ],
)  # fmt: skip
def test_openstack_supports_the_next_release_or_slurp_to_slurp(host, before, after, answer):
    assert host.hop.supported(before, after) is answer


def test_rolling_is_for_what_was_proved(host):
    releases = host.pillar.data()["releasemap"]["releases"]
    entry = next(entry for entry in releases if entry["octavia"] == 18)
    entry["rolling"] = [16]
    assert host.hop.proved(16, 18)
    assert host.hop.proved(17, 17)
    assert not host.hop.proved(16, 17)
    assert not host.hop.proved(18, 16)


# --- the note, and what is saved


def _saved(host):
    return sorted(os.listdir(host.hop.saved("packages")))


def test_packages_to_come_are_downloaded_and_those_of_now_saved(host):
    assert host.hop.prepare() == []
    assert host.hop.is_prepared()
    assert f"octavia-worker_{OLD}_all.deb" in _saved(host)
    assert not any("python3-new" in name for name in _saved(host)), "it comes new"
    download = next(command for command in host.apt.commands if "--download-only" in command)
    assert f"octavia-worker={NEW}" in download
    assert "python3-new=1.0-1" in download
    note = host.hop.note()
    assert (note["old"], note["new"]) == ("16.0.0", "19.0.0")
    assert note["packages"][WORKER] == OLD
    assert note["packages"]["python3-new"] is None
    assert note["to"][WORKER] == NEW
    assert "began" not in note


def test_root_alone_reads_what_is_saved(host):
    host.hop.prepare()
    for path in (host.hop.saved(), host.hop.saved("packages"), host.hop.saved("files")):
        assert os.stat(path).st_mode & 0o777 == 0o700, path
    assert os.stat(host.hop.saved("note.json")).st_mode & 0o777 == 0o600


def test_no_secret_is_noted(host):
    host.hop.prepare()
    with open(host.hop.saved("note.json"), encoding="utf-8") as stream:
        assert "pw-of" not in stream.read()


def test_where_nothing_comes_nothing_is_saved(host):
    host.apt.offered.update(host.apt.installed)
    assert host.hop.is_prepared()
    assert host.hop.prepare() == []
    assert host.hop.note() == {}
    assert not os.path.exists(host.hop.saved())


def test_what_no_source_has_any_more_is_told(host):
    host.apt.lost.add(OLD)
    lines = host.hop.prepare()
    assert f"octavia-worker {OLD} cannot be downloaded any more, so no way leads back to it" in lines
    assert len(lines) == len(OCTAVIA) + 1


def test_what_was_downloaded_for_its_own_installation_is_taken(host, tmp_path, monkeypatch):
    host.apt.lost.add("1:16.0.0-2")
    host.apt.installed[WORKER] = "1:16.0.0-2"
    archive = tmp_path / "archives"
    archive.mkdir()
    (archive / "octavia-worker_1%3a16.0.0-2_all.deb").write_text("the package")
    deb = host.hop._deb
    monkeypatch.setattr(
        host.hop, "_deb", lambda where, *rest: deb(str(archive) if where == "/var/cache/apt/archives" else where, *rest)
    )
    assert host.hop.prepare() == []
    assert "octavia-worker_1%3a16.0.0-2_all.deb" in _saved(host)


def test_a_package_to_come_that_cannot_be_downloaded_is_one_line(host):
    host.hop.facts()
    host.apt.fails["install"] = (
        "E: Failed to fetch http://deb.example.org/octavia-worker_19.0.0-10_all.deb  404  Not Found\n"
        "E: Unable to fetch some archives, maybe run apt-get update?\n"
    )
    with pytest.raises(CommandExecutionError) as caught:
        host.hop.prepare()
    assert str(caught.value) == (
        "apt-get install: Failed to fetch http://deb.example.org/octavia-worker_19.0.0-10_all.deb  404  Not Found"
    )
    assert not host.hop.is_prepared(), "so the next run tries again"


def test_a_directory_that_cannot_be_made_is_one_line(host, tmp_path):
    (tmp_path / "lib").write_text("a file in its place")
    with pytest.raises(CommandExecutionError) as caught:
        host.hop.prepare()
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "lib") in str(caught.value)


def test_a_hop_to_another_version_is_prepared_anew(host):
    host.hop.prepare()
    host.again()
    host.apt.offered.update(dict.fromkeys((*OCTAVIA, "python3-octavia"), "19.0.1-1"))
    assert not host.hop.is_prepared()
    host.hop.prepare()
    assert host.hop.note()["to"][WORKER] == "19.0.1-1"
    assert host.hop.note()["packages"][WORKER] == OLD


def test_an_upgrade_that_stopped_half_way_keeps_the_note_of_before(host):
    host.hop.prepare()
    host.hop.begin()
    host.apt.install({"octavia-common": NEW, "python3-octavia": NEW})
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    host.again()
    host.hop.prepare()
    note = host.hop.note()
    assert note["packages"]["octavia-common"] == OLD
    assert note["old"] == "16.0.0"
    assert (
        "of the upgrade"
        not in (host.root / "lib/upgrade/files" / host.restore._copied("", str(host.conf_file))[1:]).read_text()
    )


def test_what_is_there_when_services_stop_is_what_the_way_back_leads_to(host):
    """octavia.upgrade.pre may have been applied days before."""
    host.hop.prepare()
    host.conf_file.write_text("[DEFAULT]\n# changed since\n")
    host.hop.begin()
    host.conf_file.write_text("[DEFAULT]\n# of the upgrade\n")
    host.hop.begin()
    host.restore.files()
    assert "changed since" in host.conf_file.read_text()


def test_services_may_be_stopped_without_a_preparation_before(host):
    host.hop.begin()
    host.hop.prepare()
    assert host.hop.note()["packages"][WORKER] == OLD
    assert host.hop.note()["began"] is True


def test_an_upgrade_whose_end_was_forgotten_does_not_hold_up_the_next_one(host):
    host.hop.prepare()
    host.hop.begin()
    host.apt.install(host.hop.note()["to"])
    host.apt.offered.update(dict.fromkeys((*OCTAVIA, "python3-octavia"), "20.0.0-1"))
    host.again()
    host.hop.prepare()
    note = host.hop.note()
    assert (note["old"], note["packages"][WORKER]) == ("19.0.0", NEW)
    assert "began" not in note


def test_the_note_takes_facts_in_and_out(host):
    host.hop.remember(began=True, new="19.0.0", __pub_fun="octavia_hop.remember")
    assert host.hop.note() == {"began": True, "new": "19.0.0"}
    host.hop.remember(began=None)
    assert host.hop.note() == {"new": "19.0.0"}


def test_a_note_that_stays_as_it_is_is_not_written(host):
    host.hop.remember(began=True)
    before = os.stat(host.hop.saved("note.json")).st_ino
    host.hop.remember(began=True)
    assert os.stat(host.hop.saved("note.json")).st_ino == before


def test_nothing_is_left_after_the_end(host):
    host.hop.prepare()
    host.hop.forget()
    assert host.hop.note() == {}
    assert not os.path.exists(host.hop.saved())


def test_packages_of_before_are_those_that_differ(host):
    host.hop.prepare()
    assert host.hop.packages_of_before() == {}
    host.apt.install({WORKER: NEW, "python3-new": "1.0-1"})
    assert host.hop.packages_of_before() == {
        WORKER: {"old": NEW, "new": OLD, "file": host.hop.saved(f"packages/octavia-worker_{OLD}_all.deb")},
        "python3-new": {"old": "1.0-1", "new": None, "file": None},
    }


# --- since when


def test_a_host_that_was_installed_so_was_never_upgraded(host):
    assert host.hop.upgraded() is None


def test_the_time_of_an_upgrade_is_kept_beyond_its_end(host):
    host.hop.prepare()
    host.apt.install({"octavia-common": NEW})
    host.hop.arrived()
    host.hop.forget()
    assert host.hop.upgraded().startswith("20")
    kept = json.loads((host.root / "lib/upgraded.json").read_text())
    assert kept["release"] == "19.0.0"
    host.hop.arrived()
    assert json.loads((host.root / "lib/upgraded.json").read_text()) == kept, "a later run does not move it"


def test_packages_of_the_same_release_are_no_upgrade(host):
    """A mend of the distribution, or an installation that failed."""
    host.hop.prepare()
    host.hop.arrived()
    assert host.hop.upgraded() is None


def test_a_host_that_went_back_has_no_time_of_an_upgrade(host):
    host.hop.prepare()
    host.apt.install({"octavia-common": NEW})
    host.hop.arrived()
    host.apt.install({"octavia-common": OLD})
    host.again()
    assert host.hop.upgraded() is None


def test_after_packages_have_changed_all_is_asked_anew(host):
    host.hop.facts()
    host.pillar.settings()
    host.apt.install({name: each["new"] for name, each in host.hop.facts()["packages"].items()})
    host.hop.arrived()
    assert host.hop.facts()["packages"] == {}
    assert host.pillar.settings()["release"] == "19.0.0"


def test_a_source_that_is_new_is_seen_after_a_refresh(host):
    offered, host.apt.offered = host.apt.offered, dict(host.apt.installed)
    assert host.hop.facts()["packages"] == {}
    host.refresh_db.side_effect = lambda: host.apt.offered.update(offered)
    host.hop.refresh()
    assert host.hop.facts()["new"] == "19.0.0"


def test_a_source_that_does_not_answer_counts_as_it_was_and_throws_nothing_away(host, caplog):
    host.apt.fails["update"] = "E: The repository 'http://deb.example.org trixie Release' is not signed."
    host.hop.refresh()
    assert host.hop.facts()["new"] == "19.0.0"
    assert "apt-get update: The repository" in caplog.text
    assert not [command for command in host.apt.commands if "clean" in command]
