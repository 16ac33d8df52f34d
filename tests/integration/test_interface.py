"""
A controller's interface in the management network. Neutron makes its port; nothing binds it here, so a bridge of the
test's own stands for that of an agent, and Open vSwitch runs without its kernel module.
"""

import json

import pytest
from control_plane import UNITS, apply, changed, fault, pids, unit_state, until

SLS = "octavia.manager.interface"
NETWORK = "interface-network"
GROUP = "interface-health-managers"
ADDRESS, ADDRESS6 = "172.31.0.11", "fd00:31::11"
PORT = "octavia-health-manager-controller1"
DROP_IN = "/etc/systemd/system/octavia-worker.service.d/octavia-interface.conf"
UNIT = "/etc/systemd/system/octavia-interface.service"

CLOUD = """
import json, openstack
network = openstack.connect(cloud="octavia").network
port = lambda: next(iter(network.ports(name="octavia-health-manager-controller1")), None)
"""
MADE = """
made = network.create_network(name="interface-network", mtu=1380)
network.create_subnet(name="v4", network_id=made.id, ip_version=4, cidr="172.31.0.0/24", gateway_ip="172.31.0.1",
    enable_dhcp=False, host_routes=[{"destination": "192.0.2.0/24", "nexthop": "172.31.0.9"}])
network.create_security_group(name="interface-health-managers")
"""
#: What stands for Neutron's agent and for an amphora behind it.
AMPHORA = """
set -e
ip link add {bridge} type bridge
ip link set {bridge} up
ip link set {tap} master {bridge}
ip netns add amphora
ip link add outside type veth peer name eth0 netns amphora
ip link set outside master {bridge} up
ip -n amphora link set eth0 up
ip -n amphora addr add 172.31.0.200/24 dev eth0
ip -n amphora addr add fd00:31::200/64 dev eth0 nodad
"""
#: What of an amphora's packets arrives: ports of UDP and TCP, and whether it may ping.
TRY = """
import json, socket, subprocess, sys
address, udp, tcp = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
ears = {}
for port in udp:
    ears[port] = socket.socket(family, socket.SOCK_DGRAM)
    ears[port].bind((address, port))
    ears[port].settimeout(0.5)
listening = []
for port in tcp:
    listening.append(socket.socket(family, socket.SOCK_STREAM))
    listening[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening[-1].bind((address, port))
    listening[-1].listen()
there = '''
import json, socket, sys
address, family, udp, tcp = json.loads(sys.argv[1])
for port in udp:
    socket.socket(family, socket.SOCK_DGRAM).sendto(b"beat", (address, port))
opened = []
for port in tcp:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(1)
        try:
            one.connect((address, port))
            opened.append(port)
        except OSError:
            pass
print(json.dumps(opened))
'''
enter = ["ip", "netns", "exec", "amphora"]
done = subprocess.run([*enter, "python3", "-c", there, json.dumps([address, family, udp, tcp])], capture_output=True)
heard = []
for port, ear in ears.items():
    try:
        heard.append(port) if ear.recv(9) == b"beat" else None
    except OSError:
        pass
ping = subprocess.run([*enter, "ping", "-c", "1", "-W", "2", address], capture_output=True).returncode == 0
print(json.dumps([heard, json.loads(done.stdout), ping]))
"""


@pytest.fixture(scope="module")
def neutron(services):
    """`neutron(text)`: what Octavia's user does in Neutron with the SDK; gives what it prints."""

    def do(text):
        return services.run(["python3", "-"], input=CLOUD + text).stdout

    do(MADE)
    return do


@pytest.fixture(scope="module")
def wanted(pillar):
    def make(interface, *changes):
        names = {"network": {"name": NETWORK, "health_manager_security_group": {"name": GROUP}}}
        own = {"interface": {"enabled": True, **interface}, "health_manager": {"bind_ip": "0.0.0.0"}}  # noqa: S104
        return pillar({"database": {"name": "octavia_interface"}, "resources": names}, {"manager": own}, *changes)

    return make


@pytest.fixture(scope="module")
def machine(lab, neutron):
    machine = lab.machine("controller1", tree="firewall-12")
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def bridged(wanted):
    """The pillar of a host with the agent of linuxbridge."""
    log = {"manager": {"amphora_agent": {"admin_log_targets": [f"{ADDRESS}:10514", "10.0.0.9:514"]}}}
    return wanted({"type": "linuxbridge", "address": ADDRESS, "routes": ["10.5.0.0/16"]}, log)


@pytest.fixture(scope="module")
def controller(machine, bridged):
    """All of Octavia, with the interface."""
    machine.run("ip rule add from 203.0.113.7 table 77 prio 500; ip route add unreachable 198.51.100.0/24")
    machine.put_pillar(bridged)
    return apply(machine)


def interface(machine, name="o-hm0"):
    """(mac, mtu, addresses of v4 and v6, routes) of the interface."""
    [link] = json.loads(machine.run(f"ip -j address show dev {name}").stdout)
    addresses = [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"]
    routes = machine.run(f"ip -4 route show dev {name} proto static").stdout.split("\n")
    return link["address"], link["mtu"], sorted(addresses), sorted(route.strip() for route in routes if route)


def port(neutron, fields="id mac_address device_owner binding_host_id security_group_ids fixed_ips name"):
    return json.loads(neutron(f"p = port(); print(json.dumps(p and {{f: p[f] for f in {fields.split()!r}}}))"))


def behind(machine, neutron):
    """An amphora on the network, and nobody else at the port of heartbeats."""
    made = port(neutron, "id network_id")
    names = {"bridge": f"brq{made['network_id'][:11]}", "tap": f"tap{made['id'][:11]}"}
    machine.run("systemctl stop octavia-health-manager; " + AMPHORA.format(**names))


def arrives(machine, address, udp=(5555, 5556, 10514, 514), tcp=(5555, 9443, 2222)):
    argv = [address, json.dumps(udp), json.dumps(tcp)]
    return json.loads(machine.run(["python3", "-", *argv], input=TRY).stdout)


def test_a_controller_has_its_port_and_the_interface_that_the_port_makes(machine, controller, neutron):
    made = port(neutron)
    [group] = made["security_group_ids"]
    assert (made["name"], made["device_owner"], made["binding_host_id"]) == (PORT, "Octavia:health-mgr", "controller1")
    assert neutron(f"print(network.get_security_group({group!r}).name)").strip() == GROUP
    assert [each["ip_address"] for each in made["fixed_ips"]] == [ADDRESS]
    routes = ["10.5.0.0/16 via 172.31.0.1", "192.0.2.0/24 via 172.31.0.9"]
    assert interface(machine) == (made["mac_address"], 1380, [f"{ADDRESS}/24"], routes)
    assert f"tap{made['id'][:11]}" in machine.run("ip -br link").stdout
    assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
    assert changed(apply(machine)) == {}
    assert changed(apply(machine, test=True)) == {}


def test_nobody_else_is_managed_by_what_runs_for_the_interface(machine, controller):
    links = dict(line.split()[1::3] for line in machine.run("networkctl --no-legend --no-pager").stdout.splitlines())
    assert links.pop("o-hm0") == "configured"
    assert set(links.values()) == {"unmanaged"} and {"lo", "host0"} <= links.keys()
    assert unit_state(machine, "systemd-networkd") == ("active", "disabled")
    assert unit_state(machine, "systemd-networkd-wait-online")[1] == "disabled"
    assert "lookup 77" in machine.run("ip rule").stdout
    assert "unreachable 198.51.100.0/24" in machine.run("ip route").stdout
    assert "default via 10.77.0.1 dev host0" in machine.run("ip route").stdout
    assert machine.run("pgrep dhclient", check=False).returncode == 1


def test_a_dry_run_names_what_others_have_changed_and_the_run_puts_it_right(machine, controller, neutron):
    before, running = interface(machine), pids(machine)
    neutron("network.update_port(port(), device_owner='', binding_host_id='elsewhere')")
    machine.run(
        "nft flush ruleset; ip addr add 9.9.9.9/24 dev o-hm0; ip route del 10.5.0.0/16; "
        f"ip link set o-hm0 mtu 1300 address 02:00:00:00:00:01; ip addr del {ADDRESS}/24 dev o-hm0"
    )
    dry = apply(machine, SLS, test=True)
    done = apply(machine, SLS)
    assert changed(dry) == changed(done)
    assert {name: set(changes) for name, changes in changed(done).items()} == {
        "octavia_interface_port": {f"port {PORT}"},
        "octavia_interface_firewall": {"rules of o-hm0"},
        "octavia_interface_device": {"o-hm0"},
    }
    assert set(changed(done)["octavia_interface_port"][f"port {PORT}"]["new"]) == {"device_owner", "binding:host_id"}
    assert set(changed(done)["octavia_interface_device"]["o-hm0"]["old"]) == {"mac", "mtu", "addresses", "routes"}
    assert interface(machine) == before
    assert (port(neutron)["device_owner"], port(neutron)["binding_host_id"]) == ("Octavia:health-mgr", "controller1")
    machine.run("ip link delete o-hm0")
    assert set(changed(apply(machine))) == {"octavia_interface_device"}
    assert interface(machine) == before and changed(apply(machine)) == {}
    assert pids(machine) == running, "no service is restarted for it"


def test_heartbeats_logs_and_pings_come_in_and_nothing_else(machine, controller, neutron, bridged):
    [subnet] = json.loads(neutron("print(json.dumps([s.id for s in network.subnets(network_id=port().network_id)]))"))
    neutron(
        "six = network.create_subnet(name='v6', network_id=port().network_id, ip_version=6, cidr='fd00:31::/64',"
        " enable_dhcp=False, gateway_ip=None)\n"
        f"fixed = [{{'subnet_id': {subnet!r}, 'ip_address': {ADDRESS!r}}},"
        f" {{'subnet_id': six.id, 'ip_address': {ADDRESS6!r}}}]\n"
        "network.update_port(port(), fixed_ips=fixed)"
    )
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_device"}
    assert interface(machine)[2] == [f"{ADDRESS}/24", f"{ADDRESS6}/64"]
    behind(machine, neutron)
    assert arrives(machine, ADDRESS) == [[5555, 10514], [], True]
    assert arrives(machine, ADDRESS6) == [[5555, 10514], [], True]
    # what a worker asks an amphora comes back
    machine.run("ip netns exec amphora sh -c 'python3 -m http.server 9443 >/dev/null 2>&1 &'; sleep 1")
    assert "Directory" in machine.run("curl -s -m 5 http://172.31.0.200:9443/").stdout
    machine.run("nft delete table inet octavia_o_hm0")
    assert arrives(machine, ADDRESS)[1] == [5555, 9443, 2222], "the test would see what comes in"
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_firewall"}
    assert set(changed(apply(machine))) == {"octavia_health_manager_service"}


def test_rules_come_back_when_the_hosts_own_are_loaded_anew(machine, controller):
    for verb in ("start", "restart", "reload"):
        machine.run(f"systemctl {verb} nftables; sleep 1")
        assert "octavia_o_hm0" in machine.run("nft list tables").stdout, verb
    machine.run("systemctl stop nftables")
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_firewall"}


def test_all_of_it_is_there_after_a_reboot(machine, controller, neutron):
    before = interface(machine)
    machine.power_cycle()
    assert interface(machine) == before
    assert machine.run("systemctl is-system-running", check=False).stdout.strip() == "running"
    assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
    assert {restarts for _pid, restarts in pids(machine).values()} == {"0"}
    behind(machine, neutron)
    assert arrives(machine, ADDRESS) == [[5555, 10514], [], True]
    machine.run("systemctl start octavia-health-manager")
    assert changed(apply(machine)) == {}


def test_a_service_without_its_address_does_not_start_and_says_why(machine, controller):
    # starting a service plugs a missing interface in; here it has nobody who gives it an address
    machine.run(
        f"mv /etc/systemd/network/00-octavia-interface.network /root; sed -i 's/seq 30/seq 2/' {DROP_IN} {UNIT}; "
        "systemctl daemon-reload; systemctl stop octavia-interface; networkctl reload; ip address flush dev o-hm0"
    )
    assert machine.run("systemctl restart octavia-worker", check=False).returncode
    assert f"o-hm0 does not have {ADDRESS}" in machine.run("journalctl -u octavia-worker -n 20").stdout
    states = apply(machine)
    assert {"octavia_interface_device", "octavia_interface_gate"} <= set(changed(states))
    assert unit_state(machine, "octavia-worker") == ("active", "enabled")
    assert changed(apply(machine)) == {}


def test_a_host_with_iptables_gets_a_chain_of_its_own_before_what_the_host_lets_in(machine, controller, bridged):
    bridged = json.loads(json.dumps(bridged))
    bridged["octavia"]["manager"]["interface"]["firewall"] = {"backend": "iptables"}
    machine.put_pillar(bridged)
    machine.run(
        "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 2222 -j ACCEPT; iptables -A INPUT -i host0 -j ACCEPT"
    )
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_firewall"}
    assert "octavia_o_hm0" not in machine.run("nft list tables").stdout
    machine.run("systemctl stop octavia-health-manager")
    assert arrives(machine, ADDRESS) == [[5555, 10514], [], True]
    assert arrives(machine, ADDRESS6) == [[5555, 10514], [], True]
    machine.run("iptables -I INPUT 1 -p tcp --dport 2222 -j ACCEPT; ip6tables -F octavia-o-hm0")
    assert set(changed(apply(machine, SLS, test=True))) == {"octavia_interface_firewall"}
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_firewall"}
    assert arrives(machine, ADDRESS) == [[5555, 10514], [], True]
    assert changed(apply(machine, SLS)) == {}
    machine.power_cycle()
    assert "-j octavia-o-hm0" in machine.run("iptables -S INPUT 1; ip6tables -S INPUT 1").stdout
    assert changed(apply(machine)) == {}


def wanted_off(pillar):
    off = json.loads(json.dumps(pillar))
    off["octavia"]["manager"]["interface"] = {"enabled": False}
    return off


@pytest.mark.parametrize("number", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 6))])
def test_a_killed_run_is_finished_by_the_next(machine, controller, neutron, bridged, number):
    machine.put_pillar(wanted_off(bridged))
    apply(machine, SLS)
    machine.put_pillar(bridged)
    moments = {
        1: "test -e /var/lib/salt-formula-octavia/interface.json",
        2: "test -e /etc/octavia/interface.nft",
        3: "test -e /etc/systemd/network/00-octavia-interface.network",
        4: "test -e /sys/class/net/o-hm0",
        5: f"test -e {DROP_IN}",
    }
    run = machine.popen(f"salt-call --local state.apply {SLS} >/dev/null 2>&1")
    machine.run(f"for n in $(seq 3000); do {moments[number]} && break; sleep 0.01; done; pkill -KILL -f '[s]alt-call'")
    run.wait()
    apply(machine, SLS)
    assert neutron("print(len(list(network.ports(name='octavia-health-manager-controller1'))))").strip() == "1"
    assert interface(machine)[1:3] == (1380, [f"{ADDRESS}/24"])
    assert changed(apply(machine, SLS)) == {}


def test_switched_off_it_is_gone_with_its_port_and_the_services_run_on(machine, controller, neutron, bridged):
    machine.put_pillar(bridged)
    apply(machine)
    running = pids(machine)
    machine.put_pillar(wanted_off(bridged))
    dry = apply(machine, test=True)
    done = apply(machine)
    assert changed(dry) == changed(done) and set(changed(done)) == {"octavia_interface_disabled"}
    assert port(neutron) is None
    assert machine.run("ip -br link | grep -c 'o-hm0\\|^tap'", check=False).stdout.strip() == "0"
    assert "octavia" not in machine.run("nft list ruleset").stdout
    left = machine.run("find /etc /var/lib/salt-formula-octavia -name '*interface*' -path '*octavia*'").stdout
    assert left == ""
    assert unit_state(machine, "systemd-networkd") == ("inactive", "disabled")
    assert pids(machine) == running
    assert changed(apply(machine)) == {}


def test_open_vswitch_has_the_port_by_its_id_through_drift_restart_and_reboot(machine, controller, neutron, wanted):
    machine.run("systemctl enable --now openvswitch-switch")
    machine.put_pillar(wanted({"address": ADDRESS}))
    assert "Open vSwitch has no bridge br-int" in fault(apply(machine, SLS, check=False))
    # no kernel module on the machines of tests: the datapath of this bridge is a process
    machine.run("ovs-vsctl add-br br-int -- set bridge br-int datapath_type=netdev")
    apply(machine, SLS)
    made = port(neutron)

    def plugged():
        return machine.run("ovs-vsctl get Interface o-hm0 external_ids:iface-id external_ids:attached-mac").stdout

    ids = plugged()
    assert made["id"] in ids and made["mac_address"] in ids
    assert interface(machine)[:3] == (made["mac_address"], 1380, [f"{ADDRESS}/24"])
    assert changed(apply(machine, SLS)) == {}
    machine.run("ovs-vsctl set Interface o-hm0 external_ids:iface-id=nobody mtu_request=1300")
    assert set(changed(apply(machine, SLS))) == {"octavia_interface_device"}
    assert plugged() == ids and interface(machine)[1] == 1380
    machine.run("ovs-vsctl del-port o-hm0")
    apply(machine, SLS)
    for event in (lambda: machine.run("systemctl restart openvswitch-switch; sleep 3"), lambda: machine.power_cycle()):
        event()
        assert plugged() == ids and interface(machine)[:3] == (made["mac_address"], 1380, [f"{ADDRESS}/24"])
        assert changed(apply(machine, SLS)) == {}
    # as ovn-controller names its chassis
    machine.run("ovs-vsctl set Open_vSwitch . external_ids:hostname=controller1.example.org")
    machine.put_pillar(wanted({"type": "ovn", "address": "172.31.0.12"}))
    apply(machine, SLS)
    names = json.loads(neutron("print(json.dumps([p.name for p in network.ports(device_owner='Octavia:health-mgr')]))"))
    assert names == [f"{PORT}.example.org"], "the port by the host's other name is gone"
    assert interface(machine)[2] == ["172.31.0.12/24"] and changed(apply(machine, SLS)) == {}


OVN = """
apt-get -qq install --no-install-recommends ovn-central ovn-host > /dev/null
systemctl enable --now openvswitch-switch ovn-central ovn-host
ovs-vsctl set Open_vSwitch . external_ids:system-id=controller1 external_ids:hostname=controller1 \\
    external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock external_ids:ovn-encap-type=geneve \\
    external_ids:ovn-encap-ip=10.77.0.11 external_ids:ovn-bridge-datapath-type=netdev
ovs-vsctl --timeout=30 wait-until Bridge br-int
"""
#: What Neutron's driver for OVN writes of a network and a port.
LOGICAL = "ovn-nbctl ls-add net -- lsp-add net {port} -- lsp-set-addresses {port} '{mac} 172.31.0.13'"


@pytest.mark.slow
def test_ovn_binds_the_port_to_this_host_and_again_after_a_reboot(machine, controller, wanted):
    """The controller of OVN itself, which finds the interface by the port's id."""
    machine.run(OVN, env={"DEBIAN_FRONTEND": "noninteractive"})
    machine.put_pillar(wanted({"type": "ovn", "address": "172.31.0.13"}))
    apply(machine, SLS)
    made = machine.run("ovs-vsctl get Interface o-hm0 external_ids:iface-id").stdout.strip().strip('"')
    machine.run(LOGICAL.format(port=made, mac=interface(machine)[0]))
    chassis = "ovn-sbctl --bare --columns=_uuid find Chassis name=controller1"
    binding = f"ovn-sbctl --bare --columns=chassis,up find Port_Binding logical_port={made}"

    def bound():
        # a controller of OVN that ends takes its chassis along, and has another one when it starts
        here, there = (machine.run(asked, check=False).stdout.split() for asked in (chassis, binding))
        return len(here) == 1 and there == [*here, "true"]

    for event in (None, "systemctl restart ovn-controller", "systemctl restart openvswitch-switch", "power"):
        if event:
            machine.power_cycle() if event == "power" else machine.run(event)
        until(bound, f"bound after {event}", 60)
        assert machine.run("ovs-vsctl get Interface o-hm0 external_ids:ovn-installed").stdout.strip() == '"true"'
        assert interface(machine)[2] == ["172.31.0.13/24"] and changed(apply(machine, SLS)) == {}
    machine.run("systemctl disable --now ovn-central ovn-host")


def test_an_interface_of_the_operator_is_looked_at_and_only_closed(machine, controller, neutron, wanted):
    machine.put_pillar(wanted({"type": "existing", "name": "host0"}))
    assert "would close host0" in fault(apply(machine, SLS, check=False))
    machine.put_pillar(wanted({"type": "existing", "name": "eth9", "address": "10.66.0.1"}))
    assert "there is no interface eth9" in fault(apply(machine, SLS, check=False))
    machine.run("ip link add eth9 type veth peer name eth9p; ip link set eth9 up; ip addr add 10.66.0.2/24 dev eth9")
    assert "eth9 does not have 10.66.0.1; it has 10.66.0.2" in fault(apply(machine, SLS, check=False))
    machine.run("ip addr add 10.66.0.1/24 dev eth9")
    apply(machine, SLS)
    assert json.loads(neutron("print(len(list(network.ports(device_owner='Octavia:health-mgr'))))")) == 0
    assert 'iifname "eth9"' in machine.run("nft list table inet octavia_o_hm0").stdout
    assert "10.66.0.1" in machine.read(DROP_IN)
    assert machine.run("ovs-vsctl list-ports br-int").stdout == ""
    assert changed(apply(machine, SLS)) == {}


def test_bad_input_gives_one_line_before_anything_changes(machine, controller, wanted):
    def said(**interface):
        machine.put_pillar(wanted({"type": "linuxbridge", **interface}))
        return fault(apply(machine, SLS, check=False))

    assert f"interface:address: is 10.1.1.1, which is in no subnet of {NETWORK}: 172.31" in said(address="10.1.1.1")
    assert "octavia:manager:interface:name" in said(name="o-hm0-is-too-long")
    assert "octavia:manager:interface:type" in said(type="dhclient")
    assert "default route" in said(routes=["0.0.0.0/0"])
    assert "octavia:manager:interface:name: host0 is there already" in said(name="host0")
    assert not machine.exists("/etc/systemd/network/00-octavia-interface.network")
