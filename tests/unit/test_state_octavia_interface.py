"""States of the interface: a dry run tells what the run does, and does nothing."""

from pathlib import Path
from unittest import mock

import pytest
from formula import Host, changed, shared
from salt.exceptions import CommandExecutionError

PORT = {
    "id": "new",
    "name": "octavia-health-manager-ctl1",
    "binding:host_id": "ctl1",
    "fixed_ips": [{"ip_address": "172.16.0.11"}],
}
SHAPE = {
    "name": "o-hm0", "type": "linuxbridge", "bridge": "br-int", "port": "1f4cf541-3686", "mac": "fa:16:3e:99:12:11",
    "mtu": 1450, "addresses": ["172.16.0.11/22"], "routes": [],
}  # fmt: skip
MADE = {"port p": {"old": None, "new": {}}}
UNITS = ("octavia-interface", "octavia-interface-firewall", "systemd-networkd")


@pytest.fixture
def host(tmp_path):
    said = {"enabled": True, "type": "linuxbridge", "host": "ctl1", "address": "172.16.0.11"}
    host = Host(tmp_path, changed(shared(), **{f"manager:interface:{key}": value for key, value in said.items()}))
    host.rules = [None, "new rules"]
    host.found = {"mtu": {"old": 1500, "new": 1450}}
    host.acted = {name: mock.Mock(name=name) for name in (
        "octavia_interface.bring_up", "octavia_interface.start", "octavia_interface.stop", "octavia_interface.unplug",
        "octavia_interface.reload_units", "octavia_interface.settle_networkd", "octavia_firewall.flush",
        "octavia_cloud.delete",
    )}  # fmt: skip
    host.acted["octavia_interface.start"].side_effect = lambda unit: host.rules.__setitem__(0, host.rules[1])
    host.acted["octavia_interface.bring_up"].side_effect = lambda *args: host.found.clear()
    host.units = {name: {"running": False, "starts": False, "reload": False} for name in UNITS}
    # through the module, where its own functions look
    host.interface.units = lambda: host.units
    host.salt.update(host.acted, **{
        "octavia_port.present": lambda address, saltenv: {"changes": dict(MADE), "comment": "made"},
        "octavia_port.find": lambda saltenv=None: PORT,
        "octavia_port.interface": lambda want, port, saltenv=None: SHAPE,
        "octavia_port.inlets": lambda want, saltenv=None: ["o-hm0"],
        "octavia_cloud.find": lambda kind, name, saltenv=None: {"id": name},
        "octavia_firewall.backend": lambda saltenv=None: "nftables",
        "octavia_firewall.compare": lambda names, made, tool, saltenv=None: list(host.rules),
        "octavia_interface.difference": lambda shape, saltenv=None: dict(host.found),
    })  # fmt: skip
    return host


def files(host):
    """All but what the modules keep of the formula's own files."""
    return {path: path.read_text() for path in host.root.rglob("*") if path.is_file() and "cache" not in path.parts}


def both(host, fun):
    """A dry run and a real one, which must agree; the dry one does nothing."""
    host.again()
    host.opts["test"] = True
    before = files(host)
    dry = getattr(host.state("octavia_interface"), fun)("any name")
    assert not any(act.called for act in host.acted.values())
    assert files(host) == before
    host.opts["test"] = False
    real = getattr(host.state("octavia_interface"), fun)("any name")
    assert (dry["result"], dry["changes"]) == (None if real["changes"] else True, real["changes"])
    return real


def test_the_port_is_noted_and_that_of_an_earlier_run_is_deleted(host):
    host.interface.remember(port="old")
    ret = both(host, "port")
    assert set(ret["changes"]) == {"port p", "port old"}
    host.acted["octavia_cloud.delete"].assert_called_once_with("port", "old", saltenv="base")
    assert host.interface.note() == {"port": "new", "addresses": ["172.16.0.11"]}
    assert "warnings" not in ret


def test_a_port_that_neutron_cannot_bind_is_a_warning_that_names_the_key(host):
    host.salt["octavia_port.find"] = lambda saltenv=None: {**PORT, "binding:vif_type": "binding_failed"}
    [warning] = both(host, "port")["warnings"]
    assert "octavia:manager:interface:host" in warning


def test_a_refusal_is_a_failed_state_without_changes(host):
    host.salt["octavia_port.present"] = mock.Mock(side_effect=CommandExecutionError("Neutron has no network"))
    host.opts["test"] = False
    ret = host.state("octavia_interface").port("any name")
    assert ret == {"name": "any name", "result": False, "changes": {}, "comment": "Neutron has no network"}


def test_a_library_that_the_run_would_install_is_no_fault_of_a_dry_run(host):
    error = CommandExecutionError("python3 lacks openstack")
    error.library = "openstack"
    host.salt["octavia_port.present"] = mock.Mock(side_effect=error)
    host.opts["test"] = True
    assert host.state("octavia_interface").port("any name")["result"] is None


def test_rules_that_differ_are_loaded_by_the_unit(host):
    ret = both(host, "firewall")
    assert ret["changes"]["rules of o-hm0"] == {"old": None, "new": "new rules"}
    host.acted["octavia_interface.start"].assert_called_once_with("octavia-interface-firewall")
    assert Path(host.firewall.paths()["nft"]).exists() and host.interface.note()["firewall"] == "nftables"
    host.units["octavia-interface-firewall"].update(running=True, starts=True)
    assert both_again(host, "firewall") == {}


def both_again(host, fun):
    for act in host.acted.values():
        act.reset_mock()
    return both(host, fun)["changes"]


def test_the_device_is_brought_up_after_its_files_are_there(host):
    ret = both(host, "device")
    assert ret["changes"]["o-hm0"] == {"old": {"mtu": 1500}, "new": {"mtu": 1450}}
    [call] = host.acted["octavia_interface.bring_up"].call_args_list
    assert all(Path(path).exists() for path in call.args[3])
    assert host.interface.note() == {"name": "o-hm0", "type": "linuxbridge", "networkd": "alone"}
    host.units["octavia-interface"].update(running=True, starts=True)
    assert both_again(host, "device") == {}


def test_a_device_that_does_not_become_right_is_a_failure(host, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    host.acted["octavia_interface.bring_up"].side_effect = None
    ret = host.state("octavia_interface").device("any name")
    assert (ret["result"], ret["comment"]) == (False, "o-hm0 has mtu 1500, not 1450")


def test_gates_are_written_and_no_service_is_restarted(host):
    assert len(both(host, "gate")["changes"]) == 3
    host.acted["octavia_interface.reload_units"].assert_called_once_with()
    assert both_again(host, "gate") == {}


def test_all_that_was_made_is_taken_away_and_nothing_where_nothing_was(host):
    for fun in ("port", "firewall", "device", "gate"):
        both(host, fun)
        for act in host.acted.values():
            act.reset_mock()
    host.tree["octavia"]["manager"]["interface"] = {"enabled": False}
    ret = both(host, "absent")
    assert {"o-hm0", "rules of nftables", "port new"} <= set(ret["changes"])
    host.acted["octavia_interface.unplug"].assert_called_once_with("o-hm0", "linuxbridge")
    host.acted["octavia_firewall.flush"].assert_called_once_with("nftables")
    host.acted["octavia_cloud.delete"].assert_called_once_with("port", "new", saltenv="base")
    assert [path for path in files(host) if "interface" in path.name] == []
    assert both_again(host, "absent") == {}
    assert not any(act.called for act in host.acted.values())
