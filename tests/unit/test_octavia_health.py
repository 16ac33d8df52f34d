"""What an operator reads of amphorae and health managers that do not hear of each other."""

import pytest
from bad_pillars import changed
from formula import Host, shared, with_certificates
from salt.exceptions import CommandExecutionError

A, B, C = "172.16.0.11", "172.16.0.12", "172.16.0.13"
LIST = "health_manager/controller_ip_port_list"


def port(address, status="ACTIVE", name=""):
    return {"id": f"of {address}", "name": name, "status": status, "fixed_ips": [{"ip_address": address}]}


def amphora(ident="a1", heard=4, **fields):
    return {
        "id": ident, "loadbalancer_id": f"lb-{ident}", "lb_network_ip": "172.16.0.99", "status": "ALLOCATED",
        "made": 9000, "heard": heard, "busy": 0, **fields,
    }  # fmt: skip


@pytest.fixture
def make(tmp_path):
    """A controller with real amphorae whose octavia.conf is written; `say` are options of it that are other."""

    def _make(say=None, ports=(), amphorae=(), **answers):
        tree = with_certificates(changed(shared(), **answers))
        host = Host(tmp_path, tree)
        for path, text in host.salt["octavia_certificates.plan"]()["files"].items():
            file = host.root / path.strip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text["text"])
        wanted = host.options()
        for option in ("haproxy_amphora/client_cert", "haproxy_amphora/server_ca"):
            wanted[option] = str(host.root / wanted[option].strip("/"))
        wanted.update(say or {})
        host.conf_file.write_text(
            "".join(f"[{name.split('/')[0]}]\n{name.split('/')[1]} = {text}\n" for name, text in wanted.items())
        )
        host.salt["octavia_cloud.resources"] = lambda kind, cloud_name=None, **scope: list(ports)
        host.salt["octavia_db.heartbeats"] = lambda saltenv=None: list(amphorae)
        host.salt["octavia_interface.status"] = lambda saltenv=None: None
        host.answers = {each["id"]: {"ok": True, "why": ""} for each in amphorae}
        host.ask.side_effect = lambda module, function, **kwargs: host.answers
        return host

    return _make


def levels(findings):
    return [each["level"] for each in findings]


# --- the interface


def test_an_interface_that_is_not_as_its_port_is_said(make):
    host = make()
    assert host.health.interface() == []
    found = {"name": "o-hm0", "findings": [{"level": "critical", "line": "o-hm0 is down"}]}
    host.salt["octavia_interface.status"] = lambda saltenv=None: found
    assert host.health.interface() == [{"what": "interface", "level": "critical", "line": "o-hm0 is down"}]


def test_an_interface_of_which_neutron_does_not_tell_is_said(make):
    host = make()
    host.salt["octavia_interface.status"] = lambda saltenv=None: (_ for _ in ()).throw(CommandExecutionError("no"))
    assert levels(host.health.interface()) == ["critical"]


# --- the list of health managers


def test_a_list_that_is_neutrons_is_well(make):
    [found] = make({LIST: f"{A}:5555, {B}:5555"}, [port(A), port(B)]).health.targets()
    key = "octavia:manager:health_manager:controller_ip_port_list"
    assert (found["level"], found["line"]) == ("ok", f"{key} has 2 health managers, as Neutron has")


def test_ipv6_is_compared_without_brackets(make):
    host = make({LIST: "fd00:0::11:5555,[fd00::12]:5555"}, [port("fd00::11"), port("fd00::12")])
    assert levels(host.health.targets()) == ["ok"]


@pytest.mark.parametrize(
    ("listed", "ports", "level", "line"),
    [
        (f"{A}:5555", [port(A), port(B, name="octavia-health-manager-ctl02")], "critical",
         f"health manager {B} (port octavia-health-manager-ctl02) is not in "),
        (f"{A}:5555,{C}:5555", [port(A)], "warning", f"{C}:5555 has no port of a health manager in Neutron"),
        (f"{A}:5555,{B}:5555", [port(A), port(B, "DOWN")], "warning", f"health manager {B} (port of {B}) is DOWN"),
        (f"{A}:5555,{B}:5555", [port(A, "DOWN"), port(B)], "critical", f"health manager {A} (port of {A}) is DOWN"),
        ("", [port(A)], "critical", "octavia.conf has no health manager"),
        (f"{B}:5555", [], "critical", f"this host listens at {A}, which is not in "),
    ],
)  # fmt: skip
def test_a_list_that_is_not_neutrons_is_said(make, listed, ports, level, line):
    found = make({LIST: listed, "health_manager/bind_ip": A}, ports).health.targets()
    assert (level, True) in [(each["level"], line in each["line"]) for each in found], found


def test_without_ports_in_neutron_the_own_address_counts(make):
    [found] = make({LIST: f"{A}:5555", "health_manager/bind_ip": A}).health.targets()
    assert found["level"] == "ok" and "Neutron has no ports of theirs" in found["line"]


def test_a_neutron_that_is_silent_is_a_warning(make):
    host = make({LIST: f"{A}:5555"})
    host.salt["octavia_cloud.resources"] = lambda *args, **kwargs: (_ for _ in ()).throw(CommandExecutionError("no"))
    [found] = host.health.targets()
    assert found == {
        "what": "controller_ip_port_list", "level": "warning",
        "line": "The ports of health managers cannot be looked at: no",
    }  # fmt: skip


# --- heartbeats


@pytest.mark.parametrize(
    ("fields", "level", "line"),
    [
        ({"heard": 61}, "critical", "was last heard of 61 s ago, and is failed over after 60 s"),
        ({"heard": 31}, "warning", "was last heard of 31 s ago, and should be every 10 s"),
        ({"heard": -50}, "warning", "was heard of 50 s in the future: clocks of controllers differ"),
        ({"heard": None}, "critical", "was never heard of since it was made, 9000 s ago"),
        ({"heard": None, "made": 59}, "warning", "is new, and was not heard of yet"),
        ({"heard": None, "status": "BOOTING"}, "warning", "is new, and was not heard of yet"),
        ({"heard": 99, "busy": 1}, "warning", "a health manager fails it over"),
        ({"status": "ERROR"}, "critical", "is in ERROR: fail load balancer lb-b2 over"),
    ],
)
def test_a_silent_amphora_is_said(make, fields, level, line):
    bad, good = make(amphorae=[amphora(), amphora("b2", **fields)]).health.heartbeats()
    assert (bad["level"], bad["amphora"]) == (level, "b2") and line in bad["line"]
    assert good == {"what": "heartbeat", "level": "ok", "line": "1 amphora heard of, the longest silence is 4 s"}


def test_the_options_of_octavia_conf_say_what_is_late(make):
    options = {"health_manager/heartbeat_interval": "40", "health_manager/heartbeat_timeout": "300"}
    [found] = make(options, amphorae=[amphora(heard=110), amphora("b", heard=3)]).health.heartbeats()
    assert found["line"] == "2 amphorae heard of, the longest silence is 110 s"


def test_a_thousand_silent_amphorae_are_some_lines(make):
    found = make(amphorae=[amphora(f"a{number}", heard=500) for number in range(1000)]).health.heartbeats()
    assert len(found) == 21 and found[-1]["line"] == "and 980 more like these"


def test_no_amphorae_are_no_fault(make):
    assert levels(make().health.heartbeats()) == ["ok"] and make().health.agents() == []


def test_with_a_noop_driver_nobody_is_asked(make):
    host = make(**{"controller_worker:amphora_driver": "amphora_noop_driver"})
    host.salt["octavia_db.heartbeats"] = None
    assert levels(host.health.heartbeats()) == ["ok"] and host.health.agents() == []


# --- agents


def test_agents_are_asked_with_the_certificates_of_octavia_conf(make):
    amphorae = [amphora(), amphora("b2"), amphora("c3", status="BOOTING"), amphora("d4", status="ERROR")]
    host = make(amphorae=amphorae)
    host.answers["b2"] = {"ok": False, "why": "no answer within 10 s"}
    bad, good = host.health.agents(timeout=7)
    assert bad["line"] == "the agent of amphora b2 (172.16.0.99) does not serve us: no answer within 10 s"
    assert (bad["level"], good["line"]) == ("critical", "the agents of 1 amphora answer")
    kwargs = host.ask.call_args.kwargs
    assert [each["id"] for each in kwargs["amphorae"]] == ["a1", "b2"] and kwargs["within"] == 7
    assert "PRIVATE KEY" in kwargs["client"] and kwargs["authorities"].startswith("-----BEGIN CERTIFICATE-----")


def test_an_agent_for_which_there_was_no_time_is_a_warning(make):
    host = make(amphorae=[amphora()])
    host.answers["a1"] = {"ok": None, "why": "not asked within 1 s"}
    assert levels(host.health.agents()) == ["warning"]


def test_a_certificate_that_cannot_be_read_is_said_by_its_key(make):
    host = make({"haproxy_amphora/client_cert": "/nowhere"}, amphorae=[amphora()])
    [found] = host.health.agents()
    assert found["level"] == "critical" and found["line"].endswith("client_cert_all: /nowhere cannot be read")


# --- all of it


def test_the_worst_comes_first_and_gives_the_level(make):
    host = make({LIST: f"{A}:5555"}, [port(A)], [amphora(), amphora("b2", heard=40), amphora("c3", heard=400)])
    found = host.check.health()
    assert found["level"] == "critical"
    assert levels(found["findings"]) == ["critical", "warning", "ok", "ok", "ok"]
    ret = host.state("octavia_check").healthy("any")
    assert (ret["result"], ret["changes"]) == (False, {}) and ret["comment"].startswith("amphora c3 ")
    assert ret["warnings"][0].startswith("amphora b2 ")


def test_a_deployment_that_is_well_passes(make):
    host = make({LIST: f"{A}:5555"}, [port(A)], [amphora()])
    for test in (True, False):
        host.opts["test"] = test
        ret = host.state("octavia_check").healthy("any")
        assert ret["result"] is True and "the agents of 1 amphora answer" in ret["comment"]


def test_a_database_that_does_not_answer_is_critical(make):
    host = make({LIST: f"{A}:5555"}, [port(A)])
    host.salt["octavia_db.heartbeats"] = lambda saltenv=None: (_ for _ in ()).throw(CommandExecutionError("no db"))
    found = host.check.health()
    assert found["findings"][0]["line"] == "The database cannot be asked for heartbeats: no db"


def test_a_host_without_a_manager_says_so(make):
    host = make()
    host.tree["octavia"]["manager"]["enabled"] = False
    host.again()
    with pytest.raises(CommandExecutionError, match="^octavia:manager:enabled: is not true"):
        host.check.health()
    assert host.state("octavia_check").healthy("any")["result"] is False


def test_a_host_without_octavia_conf_says_so(make):
    host = make()
    host.conf_file.unlink()
    with pytest.raises(CommandExecutionError, match="octavia.conf: does not exist: apply octavia"):
        host.check.health()
