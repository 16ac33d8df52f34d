"""The interface in the management network: what is wanted, the files that make it, and how the host differs from it."""

import json

import pytest
from formula import Host, changed, shared
from harness import ROOT

PORT = {
    "id": "1f4cf541-3686-4c26-bf85-eb45dcdb126f",
    "name": "octavia-health-manager-ctl1",
    "network_id": "6a572311-68aa-469b-8f7f-aedcb2b67a50",
    "mac_address": "fa:16:3e:99:12:11",
    "status": "ACTIVE",
    "fixed_ips": [{"subnet_id": "v4", "ip_address": "172.16.0.11"}, {"subnet_id": "v6", "ip_address": "fd00:16::11"}],
}
SUBNETS = [
    {"id": "v4", "cidr": "172.16.0.0/22", "ip_version": 4, "gateway_ip": "172.16.0.1", "host_routes": []},
    {"id": "v6", "cidr": "fd00:16::/64", "ip_version": 6, "gateway_ip": None, "host_routes": []},
]


class Cloud:
    """Neutron, as octavia_cloud tells of it."""

    def __init__(self, host):
        self.port, self.made, self.deleted = None, [], []
        self.network, self.group = {"id": PORT["network_id"], "name": "lb-mgmt-net", "mtu": 1450}, {"id": "group"}
        host.salt.update({
            "octavia_cloud.find": self.find,
            "octavia_cloud.resources": lambda kind, saltenv=None, **scope: SUBNETS,
            "octavia_ensure.present": self.present,
            "octavia_cloud.delete": lambda kind, id, saltenv=None: self.deleted.append(id),
        })  # fmt: skip

    def find(self, kind, name, project=None, saltenv=None, **scope):
        if kind == "port" and name == "old":
            return {"id": "old"}
        return {"network": self.network, "security_group": self.group, "port": self.port}[kind]

    def present(self, kind, name, want, **kwargs):
        self.made.append((kind, name, want, kwargs))
        self.port = self.port or PORT
        return {"changes": {}, "comment": "", "id": PORT["id"]}


@pytest.fixture
def make(tmp_path):
    def _make(interface=None, test=False, **answers):
        said = {"enabled": True, "type": "linuxbridge", "host": "ctl1", **(interface or {})}
        tree = changed(shared(), **{f"manager:interface:{key}": value for key, value in said.items()}, **answers)
        host = Host(tmp_path, tree, test=test)
        host.cloud = Cloud(host)
        return host

    return _make


def shape(host):
    return host.port.interface(host.interface.wanted(), host.cloud.port)


def link(**fields):
    entry = {
        "ifname": "o-hm0", "address": PORT["mac_address"], "mtu": 1450, "flags": ["UP"], "link": "tap1f4cf541-36",
        "linkinfo": {"info_kind": "veth"},
        "addr_info": [
            {"local": "172.16.0.11", "prefixlen": 22, "scope": "global"},
            {"local": "fd00:16::11", "prefixlen": 64, "scope": "global"},
            {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    }  # fmt: skip
    return {"retcode": 0, "stdout": json.dumps([{**entry, **fields}]), "stderr": ""}


def answers(host, **by_word):
    """What commands print, by a word in them; everything else prints nothing."""
    nothing = {"retcode": 0, "stdout": "", "stderr": ""}
    host.run_all.side_effect = lambda command, **_: next((a for w, a in by_word.items() if w in command), nothing)


def test_no_interface_where_the_pillar_does_not_want_one(tmp_path):
    host = Host(tmp_path, shared())
    assert host.interface.wanted() is None and host.interface.status() is None and host.interface.address() is None
    assert host.interface.faults() == []
    host.run_all.assert_not_called()


def test_the_port_is_that_of_the_host_in_the_management_network(make):
    host = make({"address": "172.16.0.11"})
    host.port.present("172.16.0.11")
    [(kind, name, want, kwargs)] = host.cloud.made
    assert (kind, name) == ("port", "octavia-health-manager-ctl1")
    assert want == {
        "admin_state_up": True,
        "device_owner": "Octavia:health-mgr",
        "binding:host_id": "ctl1",
        "fixed_ips": [{"subnet_id": "v4", "ip_address": "172.16.0.11"}],
    }
    assert kwargs["project"] == "service"
    assert kwargs["refs"]["network_id"] == ["network", PORT["network_id"]]
    assert kwargs["refs"]["security_groups"] == [["security_group", "lb-health-mgr-sec-grp", "service"]]


def test_a_port_that_has_the_address_keeps_its_others(make):
    host = make({"address": "172.16.0.11"})
    host.cloud.port = PORT
    host.port.present("172.16.0.11")
    assert "fixed_ips" not in host.cloud.made[0][2]


@pytest.mark.parametrize("lacking", ["network", "group"])
def test_what_the_cloud_lacks_is_named_with_what_makes_it(make, lacking):
    host = make()
    setattr(host.cloud, lacking, None)
    with pytest.raises(Exception, match=r"Neutron has no .*: apply octavia\.resources\.network"):
        host.port.present()


def test_a_dry_run_before_there_is_a_network_goes_on(make):
    host = make(test=True)
    host.cloud.network = None
    host.port.present()
    planned = host.port.interface(host.interface.wanted(), None)
    assert planned["mac"] == "(of the new port)" and planned["mtu"] == "(of the new port)"


def test_an_address_outside_of_all_subnets_is_refused(make):
    with pytest.raises(
        Exception, match=r"interface:address: is 10\.1\.1\.1, which is in no subnet of lb-mgmt-net: 172"
    ):
        make().port.present("10.1.1.1")


def test_the_interface_is_what_the_port_makes_of_it(make):
    host = make({"routes": ["10.5.0.0/16", "10.6.0.0/16 via 172.16.0.254"]})
    host.cloud.port = PORT
    made = shape(host)
    assert made["addresses"] == ["172.16.0.11/22", "fd00:16::11/64"]
    assert (made["mac"], made["mtu"], made["port"]) == (PORT["mac_address"], 1450, PORT["id"])
    assert made["routes"] == ["10.5.0.0/16 via 172.16.0.1", "10.6.0.0/16 via 172.16.0.254"]


def test_a_route_without_a_gateway_is_refused(make):
    host = make({"routes": ["fd00:17::/64"]})
    host.cloud.port = PORT
    with pytest.raises(Exception, match="interface:routes: fd00:17::/64 needs a gateway"):
        shape(host)


def test_host_routes_of_the_subnet_are_taken_and_a_default_route_is_not(make, monkeypatch):
    host = make()
    host.cloud.port = PORT
    routes = [{"destination": to, "nexthop": "172.16.0.9"} for to in ("0.0.0.0/0", "192.0.2.0/24")]
    monkeypatch.setitem(SUBNETS[0], "host_routes", routes)
    assert shape(host)["routes"] == ["192.0.2.0/24 via 172.16.0.9"]


def test_systemd_networkd_gets_what_the_port_has_and_nothing_of_others(make):
    host = make({"routes": ["10.5.0.0/16"]})
    host.cloud.port = PORT
    alone, shared_ = (host.interface.files(shape(host), alone) for alone in (True, False))
    network = alone[f"{host.root}/networkd/network/00-octavia-interface.network"]
    lines = network.splitlines()
    assert {
        "Name=o-hm0", "MACAddress=fa:16:3e:99:12:11", "MTUBytes=1450", "Address=172.16.0.11/22", "Gateway=172.16.0.1",
        "Address=fd00:16::11/64", "DHCP=no", "IPv6AcceptRA=no", "LinkLocalAddressing=ipv6", "Destination=10.5.0.0/16",
    } <= set(lines)  # fmt: skip
    others = alone[f"{host.root}/networkd/network/00-octavia-other-interfaces.network"]
    assert "Name=!o-hm0" in others and "Unmanaged=yes" in others
    assert (
        "ManageForeignRoutingPolicyRules=no" in alone[f"{host.root}/networkd/networkd.conf.d/00-octavia-interface.conf"]
    )
    assert set(alone) - set(shared_) == {path for path in alone if "other" in path or "networkd.conf.d" in path}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("linuxbridge", ["type veth peer name tap1f4cf541-36 mtu 1450", "ip link set dev tap1f4cf541-36"]),
        ("openvswitch", ["add-port br-int o-hm0", f"external_ids:iface-id={PORT['id']}", "mtu_request=1450"]),
        ("ovn", ["add-port br-int o-hm0", "external_ids:attached-mac=fa:16:3e:99:12:11", "skip_cleanup=true"]),
    ],
)
def test_the_unit_plugs_it_in_as_the_type_wants_it(make, kind, words):
    host = make({"type": kind})
    host.cloud.port = PORT
    unit = host.interface.files(shape(host), True)[f"{host.root}/systemd/octavia-interface.service"]
    assert [word for word in words if word not in unit] == []
    assert "Wants=systemd-networkd.service" in unit and "172.16.0.11" in unit


@pytest.mark.parametrize("kind", ["linuxbridge", "openvswitch"])
def test_an_interface_of_somebody_else_is_not_taken(make, kind):
    host = make({"type": kind})

    def refused():
        return [line for line in host.interface.faults() if "is there already" in line]

    answers(host, address=link(link=None))
    assert refused() == [
        "octavia:manager:interface:name: o-hm0 is there already, and no interface of Octavia's; take another name"
    ]
    host.interface.remember(name="o-hm0")
    assert refused() == []


def test_what_differs_is_named_with_both_sides(make):
    host = make()
    host.cloud.port = PORT
    answers(host, address=link())
    assert host.interface.difference(shape(host)) == {}
    answers(host, address=link(mtu=1500, link="other"))
    assert host.interface.difference(shape(host)) == {
        "mtu": {"old": 1500, "new": 1450},
        "peer": {"old": "other", "new": "tap1f4cf541-36"},
    }
    answers(host, address={"retcode": 1, "stdout": "", "stderr": "no such device"})
    assert set(host.interface.difference(shape(host))) == {"mac", "mtu", "up", "addresses", "peer"}


def test_the_status_says_what_the_host_and_what_neutron_has(make):
    host = make()
    host.cloud.port = PORT
    answers(host, address=link())
    status = host.interface.status()
    assert status["neutron"] == {
        "port": PORT["id"], "mac": PORT["mac_address"], "addresses": ["172.16.0.11/22", "fd00:16::11/64"],
        "mtu": 1450, "up": True,
    }  # fmt: skip
    assert {key: status["host"][key] for key in ("mac", "addresses", "mtu", "up")} == {
        key: status["neutron"][key] for key in ("mac", "addresses", "mtu", "up")
    }
    assert status["findings"] == [{"level": "ok", "line": "o-hm0 is as Neutron has its port"}]
    host.cloud.port = {**PORT, "status": "DOWN"}
    answers(host, address=link(mtu=1500, flags=[]))
    lines = [each["line"] for each in host.interface.status()["findings"]]
    assert lines == [
        "o-hm0 is down",
        "o-hm0 has mtu 1500, and Neutron 1450",
        f"port {PORT['id']} of o-hm0 is not ACTIVE: Neutron does not carry it",
    ]


def test_the_address_is_the_pillars_else_the_ports_else_the_interfaces(make):
    assert make({"address": "172.16.0.12"}).interface.address() == "172.16.0.12"
    host = make()
    answers(host, address=link())
    assert host.interface.address() == "172.16.0.11"
    host.interface.remember(addresses=["172.16.0.13"])
    assert host.interface.address() == "172.16.0.13"


def test_services_of_the_host_wait_for_the_address_and_others_do_not(make):
    host = make({"address": "172.16.0.11"}, **{"manager:components": ["worker"]})
    gates = host.interface.gates()
    assert len(gates) == 3
    [(path, text)] = [(path, text) for path, text in gates.items() if text]
    assert path.endswith("/octavia-worker.service.d/octavia-interface.conf")
    assert "After=octavia-interface.service" in text and "172.16.0.11" in text
    # a restart of the unit must not be one of the services
    assert "Requires" not in text and "BindsTo" not in text


@pytest.mark.parametrize(
    ("interface", "fault"),
    [
        ({"name": "o-hm0-is-too-long"}, "octavia:manager:interface:name: must be of at most 15"),
        ({"type": "dhcp"}, "octavia:manager:interface:type: is 'dhcp', must be one of openvswitch, ovn, linuxbridge"),
        ({"address": "172.16.0.300"}, "octavia:manager:interface:address: is '172.16.0.300', must be an IP address"),
        ({"routes": ["0.0.0.0/0"]}, "octavia:manager:interface:routes: has 0.0.0.0/0, and a default route"),
        ({"routes": ["10.5.0.1/16"]}, "octavia:manager:interface:routes: has '10.5.0.1/16', must be a network"),
        (
            {"routes": ["10.5.0.0/16 via fd00::1"]},
            "octavia:manager:interface:routes: has '10.5.0.0/16 via fd00::1', where",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_key(make, interface, fault):
    [line] = make(interface).faults()
    assert line.startswith(fault)


def test_two_addresses_of_one_host_are_refused(make):
    host = make({"address": "172.16.0.11"}, **{"manager:health_manager:bind_ip": "172.16.0.12"})
    [line] = host.faults()
    assert line.startswith(
        "octavia:manager:health_manager:bind_ip: is 172.16.0.12, and octavia:manager:interface:address"
    )


def test_an_interface_of_the_operator_must_be_there_with_its_address_and_not_be_the_way_to_the_host(make):
    host = make({"type": "existing", "name": "eth9", "address": "10.66.0.1"})
    answers(host, address={"retcode": 1, "stdout": "", "stderr": ""})
    assert host.interface.faults() == [
        "octavia:manager:interface:name: there is no interface eth9, and octavia:manager:interface:type is existing"
    ]
    own = [{"local": "10.66.0.2", "prefixlen": 24, "scope": "global"}]
    answers(host, address=link(ifname="eth9", addr_info=own))
    assert host.interface.faults() == [
        "octavia:manager:interface:address: eth9 does not have 10.66.0.1; it has 10.66.0.2"
    ]
    own[0]["local"] = "10.66.0.1"
    default = {"retcode": 0, "stdout": '[{"dst": "default", "dev": "eth9"}]', "stderr": ""}
    answers(host, address=link(ifname="eth9", addr_info=own), default=default)
    [line] = host.interface.faults()
    assert line.startswith("octavia:manager:interface:firewall:enabled: would close eth9")


@pytest.mark.parametrize(
    ("status", "words"),
    [(2, "has no bridge br-int; Neutron's agent"), (1, "does not tell whether it has br-int: no socket"), (0, None)],
)
@pytest.mark.parametrize("before", [None, "linuxbridge", "ovn"])
def test_a_bridge_must_be_there_before_an_interface_is_plugged_into_it(make, monkeypatch, before, status, words):
    host = make({"type": "openvswitch"})
    monkeypatch.setattr(host.interface.shutil, "which", lambda *_, **__: "/usr/bin/ovs-vsctl")
    device = link() if before else {"retcode": 1, "stdout": "", "stderr": ""}
    answers(host, address=device, **{"br-exists": {"retcode": status, "stdout": "", "stderr": "no socket\n"}})
    host.interface.remember(name="o-hm0", type=before)
    found = [line for line in host.interface.faults() if ":bridge: " in line]
    # one that was plugged in has a bridge, and the second run asks nobody
    assert len(found) == (words is not None and before != "ovn")
    assert all(words in line for line in found)


def test_the_note_keeps_what_was_made_until_it_is_taken_away(make):
    host = make()
    host.interface.remember(name="o-hm0", type="ovn", port="p")
    host.interface.remember(port=None)
    assert host.interface.note() == {"name": "o-hm0", "type": "ovn"}
    host.interface.forget()
    assert host.interface.note() == {}


def test_another_name_or_another_way_to_plug_it_in_is_another_interface(make):
    moved, want = make().interface.moved, {"name": "o-hm0", "type": "ovn"}
    assert moved({"name": "o-hm0", "type": "linuxbridge"}, want)
    assert moved({"name": "o-hm1", "type": "ovn"}, want)
    assert not moved({"name": "o-hm0", "type": "openvswitch"}, want)
    assert not moved({}, want) and not moved({"name": "eth9", "type": "existing"}, want)


def test_every_template_of_the_interface_says_who_writes_it():
    templates = [*(ROOT / "octavia/files").glob("*interface*.jinja")]
    assert len(templates) == 9
    assert {path.read_text().splitlines()[0] for path in templates} == {
        "# Managed by Salt. Local changes will be lost."
    }
