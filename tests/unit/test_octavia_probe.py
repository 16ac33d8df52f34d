"""The probe: what it makes and asks, what it says when something fails, and that nothing of it stays."""

import fcntl
import http.client
import http.server
import threading
from unittest import mock

import pytest
from formula import Host, changed, closed_port, server, shared
from load_balancing import MEMBERS, PROJECT, SUBNET, Api, refusal
from salt.exceptions import CommandExecutionError

VIP = {"probe:vip_subnet": "private"}
MEMBER = {"probe:member:address": "10.88.0.10", "probe:member:port": 8080}


@pytest.fixture
def make(tmp_path, monkeypatch):
    def _make(*answers, **said):
        host = Host(tmp_path, changed(shared(), **said))
        host.api = Api(host, monkeypatch)
        host.http = mock.Mock(side_effect=[*answers, *[answers[-1]] * 1000] if answers else AssertionError)
        monkeypatch.setattr(host.probe, "_get", host.http)
        return host

    return _make


def kinds(host):
    """What was done, in short."""
    return [f"{method} {path.partition('?')[0].split('/')[2]}" for method, path, _ in host.api.calls]


def test_a_load_balancer_is_made_asked_and_removed(make):
    host = make("does not answer within 25 s", 503, **VIP)
    found = host.check.probe()
    assert (found["ok"], found["left"]) == (True, [])
    assert found["line"].startswith("http://10.88.0.7:80/ answered 503 (")
    assert kinds(host) == ["POST loadbalancers", "POST listeners", "DELETE loadbalancers"]
    assert host.api.balancers() == []
    body = host.api.calls[0][2]["loadbalancer"]
    assert body["name"].startswith("octavia-probe-ctl01-") and body["tags"] == ["octavia-probe"]
    assert (body["vip_subnet_id"], body["project_id"]) == (SUBNET, PROJECT)
    assert [step.partition(" (")[0].partition(",")[0] for step in found["steps"]] == [
        "POST of the load balancer", "load balancer ACTIVE", "POST of the listener", "listener ACTIVE",
        "503 from http://10.88.0.7:80/", f"removed {body['name']}",
    ]  # fmt: skip


def test_with_a_member_it_expects_200_too(make):
    host = make(503, 503, 200, **VIP, **MEMBER, **{"probe:member:subnet": "servers"})
    found = host.check.probe()
    assert found["ok"] and ", and 200 with member 10.88.0.10:8080" in found["line"]
    assert kinds(host)[2:] == ["POST pools", "POST pools", "DELETE loadbalancers"]
    [(path, body)] = [(path, body) for _, path, body in host.api.calls if path.endswith("/members")]
    assert body["member"]["subnet_id"] == MEMBERS and body["member"]["protocol_port"] == 8080


def test_arguments_go_before_the_pillar(make):
    host = make(503, 200, **VIP, **MEMBER)
    host.check.probe(vip_network=SUBNET, member="[fd00::5]:81", project="demo", cloud_name="x")
    body = host.api.calls[0][2]["loadbalancer"]
    assert body["vip_network_id"] == SUBNET and "vip_subnet_id" not in body and body["project_id"] == "b" * 32
    [body] = [body for _, path, body in host.api.calls if path.endswith("/members")]
    assert (body["member"]["address"], body["member"]["protocol_port"]) == ("fd00::5", 81)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "octavia:probe:vip_subnet: is not set, nor is octavia:probe:vip_network"),
        ({"vip_subnet": "s", "member": "web:80"}, "member: must be address:port, or a mapping of address, port and "),
        ({"vip_subnet": "s", "member": "10.0.0.1"}, "member: must be address:port, or a mapping of address, port and "),
        ({"vip_subnet": "s", "member": "10.0.0.1:0"}, "member: must have a port between 1 and 65535"),
        ({"vip_subnet": "s", "timeout": "soon"}, "timeout: is 'soon', must be a number of seconds"),
    ],
)
def test_arguments_that_are_none_make_nothing(make, arguments, line):
    host = make()
    with pytest.raises(CommandExecutionError) as caught:
        host.check.probe(**arguments)
    assert str(caught.value).startswith(line) and host.api.asked == []


def test_a_post_that_is_refused_is_said_and_leaves_nothing(make):
    host = make(**VIP)
    host.api.faults["POST"] = [refusal(403, "Quota has been met")]
    found = host.check.probe()
    assert not found["ok"] and found["line"].startswith("POST of the load balancer: Quota has been met (403) (")
    assert found["left"] == [] and host.api.balancers() == []


def test_a_load_balancer_whose_answer_was_lost_is_removed(make):
    host = make(**VIP)
    create = host.api.create

    def lost(kind, body, cloud_name=None):
        create(kind, body)
        raise CommandExecutionError("does not answer")

    host.salt["octavia_cloud.create"] = lost
    found = host.check.probe()
    assert not found["ok"] and found["left"] == [] and host.api.balancers() == []


def test_a_load_balancer_in_error_is_said_and_removed(make):
    host = make(**VIP)
    host.api.outcome["loadbalancer"] = "ERROR"
    found = host.check.probe()
    assert found["line"].startswith("load balancer ACTIVE, with VIP 10.88.0.7: is ERROR: look for ")
    assert found["left"] == [] and host.api.balancers() == []


def test_a_listener_in_error_is_said_though_its_load_balancer_is_active(make):
    host = make(**VIP)
    host.api.outcome["listener"] = "ERROR"
    found = host.check.probe()
    assert found["line"].startswith("listener ACTIVE: is ERROR: look for ") and host.api.balancers() == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("does not answer within 25 s", "after 60 s it does not answer within 25 s; see octavia:probe:via where "),
        (404, "after 60 s it answers 404 ("),
    ],
)
def test_a_vip_that_answers_something_else_is_said_and_all_is_removed(make, answer, line):
    host = make(answer, **VIP)
    found = host.check.probe()
    assert found["line"].startswith(f"503 from http://10.88.0.7:80/: {line}")
    assert found["left"] == [] and host.api.balancers() == []


def test_a_load_balancer_that_never_becomes_active_ends_in_time_and_is_named(make):
    host = make(**VIP)
    host.api.takes = 10000
    found = host.check.probe(timeout=300)
    assert not found["ok"] and host.api.clock <= 310
    assert "is still PENDING_CREATE after 225 s" in found["line"]
    [left] = found["left"]
    assert "which the next probe of this host removes" in left and host.api.balancers()[0]["name"] in left


def test_what_a_killed_probe_has_left_is_removed_by_the_next(make):
    host = make(503, **VIP)
    tag = {"tags": ["octavia-probe"]}
    active, pending = host.api.put("octavia-probe-ctl01-1", **tag), host.api.put("octavia-probe-ctl01-2", **tag)
    host.api._busy(host.api.things[pending], "PENDING_CREATE", "ACTIVE")
    stale = host.api.put("octavia-probe-ctl02-1", **tag)
    theirs = host.api.put("octavia-probe-ctl02-2", **tag, created_at="2999-01-01T00:00:00")
    users = [host.api.put("octavia-probe-ctl01-3"), host.api.put("shop", **tag)]
    found = host.check.probe()
    assert found["ok"] and sum(step.startswith("removed octavia-probe-") for step in found["steps"]) == 4
    assert {each["id"] for each in host.api.balancers()} == {theirs, *users}
    assert not {active, pending, stale} & set(host.api.things)


def test_an_exception_that_nobody_expects_leaves_nothing_either(make):
    host = make(**VIP)
    host.http.side_effect = KeyError("x")
    with pytest.raises(KeyError):
        host.check.probe()
    assert host.api.balancers() == []


def test_one_probe_at_a_time(make):
    host = make(503, **VIP)
    (host.root / "lib").mkdir()
    with (host.root / "lib" / "probe.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandExecutionError, match="Another probe is at work on this host"):
            host.check.probe()
    assert host.api.calls == []
    assert host.check.probe()["ok"]


# --- the question


class _Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_the_vip_is_asked_by_http(make):
    host = Host(make().root, shared())
    with http.server.HTTPServer(("127.0.0.1", 0), _Web) as web:
        threading.Thread(target=web.handle_request, daemon=True).start()
        assert host.probe._get("127.0.0.1", web.server_port) == 503
    assert host.probe._get("127.0.0.1", closed_port()) == "takes no connection (Connection refused)"
    with server(b"SSH-2.0\r\n", hang=True) as port:
        assert host.probe._get("127.0.0.1", port) == "does not speak HTTP (BadStatusLine)"
    assert issubclass(http.client.BadStatusLine, http.client.HTTPException)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"retcode": 0, "stdout": "503"}, 503),
        ({"retcode": 7, "stdout": "000"}, "takes no connection"),
        ({"retcode": 28, "stdout": "000"}, "does not answer within 25 s"),
        ({"retcode": 1, "stdout": "", "stderr": 'Cannot open network namespace "x"'},
         'cannot be asked: ip netns exec x curl ends with 1, Cannot open network namespace "x"'),
        ({"retcode": 127, "stdout": ""}, "cannot be asked: ip netns exec x curl ends with 127"),
    ],
)  # fmt: skip
def test_a_command_asks_where_the_vip_can_be_reached(make, answer, found):
    host = make(**VIP)
    host.run_all.return_value = {"stderr": "", **answer}
    assert host.probe._curl(["ip", "netns", "exec", "x"], "http://[fd00::7]:80/") == found
    command = host.run_all.call_args.args[0]
    assert command[:5] == ["ip", "netns", "exec", "x", "curl"] and command[-3:] == [
        "--noproxy",
        "fd00::7",
        "http://[fd00::7]:80/",
    ]


@pytest.mark.parametrize("via", ["ip netns exec client", ["ip", "netns", "exec", "client"]])
def test_the_command_is_words_or_a_text(make, via):
    host = make(**VIP, **{"probe:via": via})
    host.run_all.return_value = {"retcode": 0, "stdout": "503", "stderr": ""}
    assert host.check.probe()["ok"]
    assert host.run_all.call_args.args[0][:5] == ["ip", "netns", "exec", "client", "curl"]


# --- the state


def test_the_state_fails_with_what_the_probe_says(make):
    host = make(503, **VIP)
    ret = host.state("octavia_check").probed("any")
    assert (ret["result"], ret["changes"]) == (True, {}) and "answered 503" in ret["comment"]
    host.http.side_effect = [404] * 100
    ret = host.state("octavia_check").probed("any")
    assert (ret["result"], ret["changes"]) == (False, {}) and "it answers 404" in ret["comment"]
    host.opts["test"] = True
    calls = len(host.api.calls)
    assert host.state("octavia_check").probed("any")["result"] is None
    ret = host.state("octavia_check").probed("any", vip_subnet="nowhere")
    assert (ret["result"], len(host.api.calls)) == (False, calls)
    assert ret["comment"].startswith("vip_subnet_id: there is no subnet nowhere")
