"""The state of the packages on a host that has its Octavia in virtualenvs."""

import os
import shutil

import pytest
from formula import Host, shared
from salt.exceptions import CommandExecutionError

AROUND = ["python3-venv", "uwsgi-core", "uwsgi-plugin-python3"]
DONE = {"name": "x", "result": True, "changes": {"uwsgi-core": {"old": "", "new": "2"}}, "comment": "installed"}


@pytest.fixture
def host(tmp_path):
    """A host whose virtualenvs are directories with a note, and whose systemd does all that it is told."""
    tree = shared()
    tree["octavia"] |= {"install_method": "venv", "venv": {"directory": str(tmp_path / "opt")}}
    host = Host(tmp_path, tree, octavia=None)
    for name in ("log_dir", "home", "logrotate"):
        host.tree["octavia"]["host"][name] = str(tmp_path / name)
    host.tree["octavia"]["host"].pop("metadata_path")
    (tmp_path / "systemd").mkdir()
    host.salt["octavia_host.stop"] = lambda: None
    host.opt = tmp_path / "opt"
    host.built = []

    def build(version=None, saltenv=None):
        version = version or host.venv.wanted()
        place = host.venv.path(version)
        info = f"{place}/lib/python3.11/site-packages/octavia-{version}.dist-info"
        os.makedirs(info)
        with open(f"{info}/METADATA", "w", encoding="utf-8") as stream:
            stream.write(f"Metadata-Version: 2.1\nName: octavia\nVersion: {version}\n")
        host.file.keep(
            f"{place}/{host.venv._NOTE}", {"version": version, "recipe": host.venv._recipe(version, None)["digest"]}
        )
        host.built.append(version)
        return place

    host.venv.build = build
    host.installer = host.states["pkg.installed"]
    host.installer.side_effect = lambda name, pkgs, **kwargs: host.packages.extend(pkgs) or dict(DONE)
    host.pkg._DPKG_LOCK = str(tmp_path / "lock")
    host.pkg._DPKG_UPDATES = str(tmp_path)
    return host


def apply(host, *roles, test=False):
    host.again()
    host.opts["test"] = test
    return host.state("octavia_pkg").installed("x", list(roles))


def test_a_host_gets_packages_virtualenv_and_units_in_one_state(host):
    ret = apply(host, "api", "worker", "client")
    assert ret["result"] is True
    assert host.installer.call_args.kwargs["pkgs"] == [*AROUND, "python3-octaviaclient"]
    units = [f"{host.root}/systemd/octavia-{name}.service" for name in ("api", "worker")]
    dirs = [f"{host.root}/log_dir", f"{host.root}/home"]
    assert set(ret["changes"]) == {
        *("uwsgi-core", f"{host.opt}/19.0.0", f"{host.opt}/current"),
        *(*dirs, *units, f"{host.root}/logrotate"),
    }
    assert ret["changes"][f"{host.opt}/19.0.0"] == {"old": None, "new": "Octavia 19.0.0"}
    assert ret["changes"][f"{host.opt}/current"] == {"old": None, "new": "19.0.0"}
    assert host.venv.current() == "19.0.0"
    text = (host.root / "systemd" / "octavia-worker.service").read_text()
    assert f"ExecStart={host.opt}/current/bin/octavia-worker --config-file={host.root}/etc/octavia.conf " in text
    assert "Type=notify" in (host.root / "systemd" / "octavia-api.service").read_text()
    commands = [" ".join(call.args[0]) for call in host.run_all.call_args_list]
    assert "systemctl daemon-reload" in commands


def test_a_second_run_starts_nothing(host):
    apply(host, "api", "worker")
    host.run_all.reset_mock()
    host.installer.reset_mock()
    for test in (False, True):
        ret = apply(host, "api", "worker", test=test)
        assert (ret["result"], ret["changes"]) == (True, {})
    assert host.built == ["19.0.0"]
    host.run_all.assert_not_called()
    host.installer.assert_not_called()


def test_a_dry_run_announces_it_once_and_makes_nothing(host):
    host.installer.side_effect = lambda name, pkgs, **kwargs: DONE | {"result": None}
    plan = apply(host, "api", "worker", test=True)
    assert plan["result"] is None and not host.opt.exists() and host.built == []
    assert not (host.root / "log_dir").exists()
    later = host.state("octavia_pkg").installed("later", ["worker"])
    assert (later["result"], later["changes"]) == (True, {})
    assert apply(host, "api", "worker")["changes"] == plan["changes"]


@pytest.mark.parametrize("role", ["db", "resources", "interface"])
def test_the_formulas_own_code_runs_there_too(host, role):
    ret = apply(host, role)
    assert host.built == ["19.0.0"]
    # but nobody needs a user for it
    assert set(ret["changes"]) == {"uwsgi-core", f"{host.opt}/19.0.0", f"{host.opt}/current"}


@pytest.mark.parametrize("role", ["client", "image_build", "nftables"])
def test_what_is_a_package_always_needs_no_virtualenv(host, role):
    assert apply(host, role)["result"] is True
    assert host.built == []


def test_another_version_in_use_is_left_to_an_upgrade(host):
    host.venv.use(os.path.basename(host.venv.build("18.0.1")))
    host.tree["octavia"]["venv"]["version"] = "19.0.0"
    ret = apply(host, "worker")
    assert ret["result"] is True and not any(thing.startswith(str(host.opt)) for thing in ret["changes"])
    assert (host.built, host.venv.current()) == (["18.0.1"], "18.0.1")


def test_other_packages_for_the_version_in_use_are_another_virtualenv(host):
    apply(host, "worker")
    host.tree["octavia"]["venv"]["packages"] = ["redis"]
    ret = apply(host, "worker")
    new = os.path.basename(host.venv.path())
    assert ret["changes"] == {
        f"{host.opt}/{new}": {"old": None, "new": "Octavia 19.0.0"},
        f"{host.opt}/current": {"old": "19.0.0", "new": new},
    }
    assert host.venv.current() == new != "19.0.0"


def test_a_build_that_fails_is_one_line_and_the_next_run_goes_on(host):
    good = host.venv.build

    def fails(*args, **kwargs):
        raise CommandExecutionError("octavia:venv:version: Octavia 19.0.0 cannot be put into x: disk full")

    host.venv.build = fails
    ret = apply(host, "worker")
    assert (ret["result"], ret["comment"][-9:]) == (False, "disk full")
    assert host.venv.current() is None
    host.venv.build = good
    assert f"{host.opt}/19.0.0" in apply(host, "worker")["changes"]


def test_packages_that_fail_stop_it(host):
    host.installer.side_effect = lambda name, pkgs, **kwargs: DONE | {"result": False, "comment": "no such package"}
    ret = apply(host, "api")
    assert (ret["result"], ret["comment"], host.built) == (False, "no such package", [])


def test_a_users_failure_names_its_key(host):
    host.tree["octavia"]["host"]["user"] = "nobody-of-that-name"
    host.run_all.side_effect = lambda command, **kwargs: {
        "retcode": int(command[0] == "groupadd"),
        "stdout": "",
        "stderr": "groupadd: no room\n",
    }
    ret = apply(host, "worker")
    assert (ret["result"], ret["comment"]) == (False, "octavia:host:user: groupadd root: groupadd: no room")


def test_a_service_reads_its_unit_and_the_virtualenv(host):
    """A restart is due when they change; not on a host of packages, where the package tells."""
    host.salt["octavia_conf.fingerprints"] = lambda role, planned: {}
    apply(host, "worker")
    read = host.service._reads("worker")
    assert read["Octavia"] == f"19.0.0 {host.venv.recipe()}"
    assert f"{host.root}/systemd/octavia-worker.service" in read
    host.tree["octavia"]["install_method"] = "packages"
    host.again()
    assert set(host.service._reads("worker")) == {"Octavia"}


def test_the_units_go_when_packages_are_to_have_theirs(host):
    apply(host, "api", "worker")
    (host.root / "systemd" / "octavia-api.service").write_text("[Unit]\nDescription=my own\n")
    unit = f"{host.root}/systemd/octavia-worker.service"
    host.tree["octavia"]["install_method"] = "packages"
    host.packages = host.pillar.packages(["api", "worker"])
    plan = apply(host, "api", "worker", test=True)
    assert (plan["result"], set(plan["changes"])) == (None, {unit})
    ret = apply(host, "api", "worker")
    assert (ret["result"], ret["changes"], os.path.exists(unit)) == (True, plan["changes"], False)
    assert ret["changes"][unit]["new"] is None
    assert apply(host, "api", "worker")["changes"] == {}
    assert host.venv.versions() == {"19.0.0": "19.0.0"}


# --- the phases of an upgrade


@pytest.fixture
def upgrading(host):
    """A host with 18.0.1, whose pillar says 19.0.0 now."""
    host.venv.use(os.path.basename(host.venv.build("18.0.1")))
    host.tree["octavia"]["version"] = "2026.2"
    host.salt["octavia_backup.done"] = lambda saltenv: None
    host.again()
    return host


def test_the_hop_leads_to_the_virtualenv_of_the_pillar(upgrading):
    hop = upgrading.hop.facts()
    assert (hop["old"], hop["new"]) == ("18.0.1", "19.0.0")
    assert (hop["before"]["octavia"], hop["after"]["octavia"]) == (18, 19)
    assert hop["packages"] == {"octavia": {"old": "18.0.1", "new": "19.0.0"}}
    # where a phase stands: the preflight lets it pass, and refuses the same pillar on any other run
    assert list(upgrading.check._release_faults(None, True)) == []
    assert len(list(upgrading.check._release_faults(None, False))) == 1


def test_what_is_prepared_is_built_and_not_used(upgrading):
    assert not upgrading.hop.is_prepared()
    assert upgrading.hop.prepare() == []
    assert upgrading.built == ["18.0.1", "19.0.0"] and upgrading.hop.is_prepared()
    assert upgrading.venv.current() == "18.0.1"
    assert upgrading.hop.note()["packages"] == {"octavia": "18.0.1"}
    shutil.rmtree(upgrading.opt / "19.0.0")
    assert not upgrading.hop.is_prepared()


def test_the_newest_packages_are_the_other_virtualenv_and_back(upgrading):
    state = upgrading.state("octavia_upgrade")
    upgrading.opts["test"] = True
    plan = state.latest("x")
    assert (plan["result"], upgrading.venv.current()) == (None, "18.0.1")
    upgrading.opts["test"] = False
    ret = state.latest("x")
    assert (ret["result"], ret["comment"]) == (True, "Octavia 18.0.1 is 19.0.0 now")
    assert ret["changes"] == plan["changes"] == {"octavia": {"old": "18.0.1", "new": "19.0.0"}}
    assert upgrading.release.installed() == "19.0.0"
    again = state.latest("x")
    assert (again["result"], again["changes"]) == (True, {})
    way = upgrading.hop.packages_of_before()
    assert way == {"octavia": {"old": "19.0.0", "new": "18.0.1", "file": f"{upgrading.opt}/18.0.1"}}
    upgrading.restore.packages()
    assert upgrading.venv.current() == upgrading.release.installed() == "18.0.1"


def test_a_virtualenv_of_before_that_is_gone_is_told(upgrading):
    upgrading.state("octavia_upgrade").latest("x")
    shutil.rmtree(upgrading.opt / "18.0.1")
    upgrading.salt["octavia_db.is_primary"] = lambda saltenv: False
    assert upgrading.restore.plan()["faults"] == ["Not saved, and not to be had any more: octavia 18.0.1"]
