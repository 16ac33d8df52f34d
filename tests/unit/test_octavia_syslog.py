"""One key has amphorae send their logs to the controllers, and the controllers receive them."""

import jinja2
import pytest
from formula import Host, changed, shared
from harness import ROOT
from salt.exceptions import CommandExecutionError

A, B = "172.16.0.11", "172.16.0.12"


@pytest.fixture
def make(tmp_path):
    """The first of two controllers, with the key."""
    base = {
        "manager:syslog:enabled": True,
        "manager:health_manager:bind_ip": A,
        "manager:health_manager:controller_ip_port_list": [f"{A}:5555", f"{B}:5555"],
    }
    return lambda **answers: Host(tmp_path, changed(shared(), **{**base, **answers}))


def sent(host):
    options = host.options()
    return [options.get(f"amphora_agent/{name}_log_targets") for name in ("admin", "tenant")]


def fill(host, name):
    return jinja2.Template((ROOT / "octavia" / "files" / name).read_text()).render(salt=host.salt)


def test_amphorae_send_to_all_health_managers(make):
    both = f"{A}:10514,{B}:10514"
    assert sent(make()) == [both, both]
    assert sent(make(**{"manager:syslog:enabled": False})) == [None, None]


def test_what_the_pillar_says_of_targets_goes_first(make):
    answers = {
        "manager:amphora_agent:admin_log_targets": ["10.0.0.9:514"],
        "manager:amphora_agent:tenant_log_targets": [],
    }
    assert sent(make(**answers)) == ["10.0.0.9:514", None]


def test_an_ipv6_address_is_split_by_octavia_at_its_last_colon(make):
    host = make(**{
        "manager:health_manager:bind_ip": "fd00::11",
        "manager:health_manager:controller_ip_port_list": ["[fd00::11]:5555"],
        "manager:syslog:port": 514,
    })  # fmt: skip
    target = sent(host)[0]
    assert target.rsplit(":", 1) == ["fd00::11", "514"]
    assert host.syslog.receiver()["address"] == "fd00::11"


def test_the_firewall_and_the_security_group_let_them_in(make):
    assert make().firewall.ports([A]) == [["udp", 5555], ["udp", 10514]]
    tcp = make(**{"manager:amphora_agent:log_protocol": "TCP", "manager:syslog:port": 6514})
    assert tcp.firewall.ports([A]) == [["tcp", 6514], ["udp", 5555]]
    rules = list(tcp.network._to_health_managers(tcp.pillar.values(), None))
    assert {"protocol": "tcp", "port": 6514} in rules


def test_rsyslog_listens_in_the_management_network_alone(make):
    text = fill(make(), "amphora-rsyslog.conf.jinja")
    assert f'input(type="imudp" address="{A}" port="10514" ruleset="octavia_amphora")' in text
    assert 'module(load="imudp")' in text and "$syslogfacility == 16 " in text
    text = fill(make(**{
        "manager:amphora_agent:log_protocol": "TCP", "manager:amphora_agent:user_log_facility": 3,
        "manager:syslog:directory": "/srv/logs/",
    }), "amphora-rsyslog.conf.jinja")  # fmt: skip
    assert 'input(type="imtcp" ' in text and "$syslogfacility == 19 " in text
    assert 'string="/srv/logs/admin/%hostname:::secpath-replace%.log"' in text


@pytest.mark.parametrize("address", ["0.0.0.0", None])  # noqa: S104
def test_without_an_address_of_its_own_it_says_which_key(make, address):
    answers = {"manager:health_manager:bind_ip": address, "controller_worker:amphora_driver": "amphora_noop_driver"}
    with pytest.raises(CommandExecutionError, match=r"^octavia:manager:health_manager:bind_ip: is "):
        make(**answers).syslog.receiver()


def test_files_are_kept_for_so_many_days_those_of_amphorae_that_are_gone_too(make):
    host = make(**{"manager:syslog:days": 5})
    rotation = fill(host, "amphora-rsyslog.logrotate.jinja")
    assert rotation.splitlines()[1].startswith("/var/log/octavia-amphora/admin/*.log ") and "rotate 5\n" in rotation
    end = fill(host, "amphora-rsyslog.tmpfiles.jinja")
    assert end.splitlines()[-1] == "d /var/log/octavia-amphora 0750 root adm 6d"
