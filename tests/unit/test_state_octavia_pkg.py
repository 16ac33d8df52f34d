"""The state that installs Octavia's packages: no service starts too early, and none stays masked."""

import pytest
from formula import Host, shared
from salt.exceptions import CommandExecutionError

API, WORKER = "octavia-api", "octavia-worker"
DONE = {"name": "x", "result": True, "changes": {API: {"old": "", "new": "11.0.0-2"}}, "comment": "installed"}


@pytest.fixture
def host(tmp_path):
    """A host whose systemctl masks really make links, so that masks can be counted afterwards."""
    host = Host(tmp_path, shared())
    units = tmp_path / "units"
    units.mkdir()
    (tmp_path / "updates").mkdir()
    host.pkg._RUNTIME_UNITS = str(units)
    host.pkg._DPKG_LOCK = str(tmp_path / "lock")
    host.pkg._DPKG_UPDATES = str(tmp_path / "updates")

    def systemctl(command, **kwargs):
        if command[:2] == ["systemctl", "mask"]:
            for unit in command[3:]:
                (units / unit).symlink_to("/dev/null")
        if command[:2] == ["systemctl", "unmask"]:
            for unit in command[3:]:
                (units / unit).unlink()
        return {"retcode": 0, "stdout": "", "stderr": ""}

    host.run_all.side_effect = systemctl
    host.masked = lambda: sorted(path.name.removesuffix(".service") for path in units.iterdir())
    host.mask = lambda unit: (units / f"{unit}.service").symlink_to("/dev/null")
    host.installer = host.states["pkg.installed"]
    host.installer.return_value = dict(DONE)
    return host


def _everything(host):
    return host.pillar.packages(["api", "worker", "client", "db"])


def _commands(host):
    return [" ".join(call.args[0][:2]) for call in host.run_all.call_args_list]


def test_packages_are_installed_while_their_units_are_masked(host):
    seen = []
    host.installer.side_effect = lambda *args, **kwargs: seen.append(host.masked()) or dict(DONE)
    ret = host.state("octavia_pkg").installed("octavia_packages", ["api", "worker"])
    assert seen == [[API, WORKER]]
    assert host.masked() == []
    assert ret == DONE | {"name": "octavia_packages"}
    assert host.installer.call_args.kwargs["pkgs"] == host.pillar.packages(["api", "worker"])
    assert host.installer.call_args.kwargs["refresh"] is True


def test_the_packages_that_the_pillar_names_are_installed(host):
    host.tree["octavia"]["api"]["pkgs"] = ["my-octavia"]
    host.state("octavia_pkg").installed("x", ["api"])
    assert host.installer.call_args.kwargs["pkgs"] == ["my-octavia"]


def test_a_role_without_a_unit_masks_nothing(host):
    host.state("octavia_pkg").installed("x", ["client", "db"])
    assert "systemctl mask" not in _commands(host)
    host.installer.assert_called_once()


def test_units_are_unmasked_when_the_installation_fails(host):
    host.installer.return_value = DONE | {"result": False, "changes": {}, "comment": "no such package"}
    ret = host.state("octavia_pkg").installed("x", ["api"])
    assert (ret["result"], ret["comment"]) == (False, "no such package")
    assert host.masked() == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_units_are_unmasked_whatever_the_installation_raises(host, error):
    host.installer.side_effect = error
    with pytest.raises(error):
        host.state("octavia_pkg").installed("x", ["api"])
    assert host.masked() == []


def test_an_error_of_salt_is_one_line_and_units_are_unmasked(host):
    host.installer.side_effect = CommandExecutionError("no package source answers")
    ret = host.state("octavia_pkg").installed("x", ["api"])
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no package source answers")
    assert host.masked() == []


def test_a_package_manager_that_cannot_be_set_right_stops_the_state(host):
    masks = host.run_all.side_effect

    def dpkg(command, **kwargs):
        if command[0] != "dpkg":
            return masks(command)
        return {"retcode": 1, "stdout": "half configured", "stderr": "disk full"}

    host.run_all.side_effect = dpkg
    ret = host.state("octavia_pkg").installed("x", ["api"])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "dpkg --configure -a: disk full"
    host.installer.assert_not_called()
    assert host.masked() == []


def test_a_killed_run_is_finished_by_the_next(host):
    """Packages are there, their units are still masked."""
    host.mask(WORKER)
    host.packages = _everything(host)
    ret = host.state("octavia_pkg").installed("x", ["api", "worker"])
    assert (ret["result"], ret["changes"]) == (True, {})
    assert host.masked() == []
    assert _commands(host) == ["systemctl unmask"]
    host.installer.assert_not_called()


def test_when_all_is_installed_nothing_is_called(host):
    host.packages = _everything(host)
    ret = host.state("octavia_pkg").installed("x", ["api", "worker"])
    assert ret == {"name": "x", "result": True, "changes": {}, "comment": "All packages are installed"}
    host.run_all.assert_not_called()
    host.installer.assert_not_called()


def test_a_dry_run_masks_nothing_and_refreshes_nothing(host):
    host.opts["test"] = True
    host.installer.return_value = DONE | {"result": None}
    ret = host.state("octavia_pkg").installed("x", ["api"])
    assert (ret["result"], ret["changes"]) == (None, DONE["changes"])
    assert host.installer.call_args.kwargs["refresh"] is False
    host.run_all.assert_not_called()
    host.refresh_db.assert_not_called()


def test_what_systemd_said_before_is_forgotten(host):
    host.context["octavia_service.status"] = {API: {"loaded": False}}
    host.state("octavia_pkg").installed("x", ["api"])
    assert "octavia_service.status" not in host.context


# --- one run of the package manager for all roles


def _chunk(name, roles, fun="installed", state="octavia_pkg"):
    return {"state": state, "fun": fun, "__id__": name, "name": name, "roles": roles}


def test_the_first_state_takes_the_roles_of_all(host):
    """So also where Salt knows the whole run, but our modules only since its first state."""
    other = {"state": "pkg", "fun": "installed", "name": "vim", "pkgs": ["vim"]}
    chunks = [_chunk("w", ["worker", "db"]), _chunk("r", ["client"], fun="removed"), other, _chunk("a", ["api"])]
    seen = []
    host.installer.side_effect = lambda *args, **kwargs: seen.append(host.masked()) or dict(DONE)
    host.state("octavia_pkg", chunks).installed("w", ["worker", "db"])
    assert seen == [[API, WORKER]]
    assert host.installer.call_args.kwargs["pkgs"] == host.pillar.packages(["worker", "db", "api"])


def test_a_dry_run_announces_a_package_once(host):
    """The state that comes first installs it, and the later ones find it there."""
    host.opts["test"] = True
    state = host.state("octavia_pkg")
    host.installer.return_value = DONE | {"result": None}
    assert state.installed("first", ["client", "api"])["changes"]
    later = state.installed("later", ["api"])
    assert (later["result"], later["changes"]) == (True, {})
    assert state.installed("other", ["worker"])["changes"]
