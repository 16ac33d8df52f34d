"""The firewall of the interface: what is open, the rules for either tool, and the unit that loads them."""

import pytest
from formula import Host, changed, shared

NAMES = ["o-hm0", "brq6a572311-68"]


@pytest.fixture
def make(tmp_path):
    return lambda **answers: Host(tmp_path, changed(shared(), **{"manager:interface:enabled": True}, **answers))


def test_heartbeats_are_let_in_and_logs_only_where_they_go_to_this_host(make):
    assert make().firewall.ports(["172.16.0.11"]) == [["udp", 5555]]
    answers = {
        "manager:health_manager:bind_port": 6666,
        "manager:amphora_agent:admin_log_targets": ["172.16.0.11:10514", "10.0.0.9:514"],
        "manager:amphora_agent:tenant_log_targets": ["[fd00::11]:10515"],
        "manager:amphora_agent:log_protocol": "TCP",
    }
    opened = make(**answers).firewall.ports(["172.16.0.11", "fd00::11"])
    assert opened == [["tcp", 10514], ["tcp", 10515], ["udp", 6666]]


def test_the_pillar_says_which_tool_else_the_host(make, monkeypatch):
    assert make(**{"manager:interface:firewall:backend": "iptables"}).firewall.backend() == "iptables"
    host = make()
    for has, chosen in (({"nft", "iptables"}, "nftables"), ({"iptables"}, "iptables"), (set(), None)):
        monkeypatch.setattr(host.firewall.shutil, "which", lambda tool, path, has=has: tool in has)
        assert host.firewall.backend() == chosen


def test_nftables_gets_a_table_of_our_own_in_one_transaction(make):
    host = make()
    made = host.firewall.files(NAMES, [["udp", 5555]], "nftables")
    text = made[host.firewall.paths()["nft"]]
    assert text.index("table inet octavia_o_hm0\n") < text.index("delete table") < text.index("chain input")
    assert [f'iifname "{name}" jump management' in text for name in NAMES] == [True, True]
    assert text.index("udp dport 5555 accept") < text.rindex("drop")
    unit = made[host.firewall.paths()["unit"]]
    assert "Before=network-pre.target" in unit and "After=local-fs.target nftables.service" in unit
    load = f"/usr/sbin/nft -f {host.firewall.paths()['nft']}"
    assert f"ExecStart={load}" in unit
    # which flushes ours when it starts and when it is reloaded
    other = made[host.firewall.paths()["nftables"]]
    assert f"ExecStartPost=-{load}" in other and f"ExecReload=-{load}" in other


def test_iptables_gets_a_chain_that_comes_first_for_both_families(make, monkeypatch):
    host = make()
    monkeypatch.setattr(host.firewall.os.path, "exists", lambda path: True)
    made = host.firewall.files(NAMES, [["udp", 5555]], "iptables")
    v4, v6 = (made[host.firewall.paths()[version]].splitlines() for version in ("v4", "v6"))
    for text in (v4, v6):
        jumps = [line for line in text if line.startswith("-I INPUT 1 ")]
        assert [line.split()[4] for line in jumps] == NAMES[::-1], "the last one inserted comes first"
        assert text[-2:] == ["-A octavia-o-hm0 -j DROP", "COMMIT"]
        assert "-A octavia-o-hm0 -p udp -m udp --dport 5555 -j ACCEPT" in text
    assert any("--icmpv6-type 135" in line for line in v6) and not any("icmpv6" in line for line in v4)


def test_rules_are_compared_with_what_the_tool_makes_of_them_in_a_namespace_of_its_own(make, monkeypatch):
    host = make()
    monkeypatch.setattr(host.firewall.shutil, "which", lambda tool, path: True)
    asked = []

    def run(command, **kwargs):
        asked.append((command[:2], kwargs.get("stdin")))
        return {"retcode": 0, "stdout": "as the tool says it", "stderr": ""}

    host.run_all.side_effect = run
    made = host.firewall.files(NAMES, [["udp", 5555]], "nftables")
    old, new = host.firewall.compare(NAMES, made, "nftables")
    assert old == new
    assert asked == [(["sh", "-c"], None), (["unshare", "--net"], made[host.firewall.paths()["nft"]])]


def test_rules_that_are_gone_are_none_and_rules_that_are_refused_are_an_error(make, monkeypatch):
    host = make()
    monkeypatch.setattr(host.firewall.shutil, "which", lambda tool, path: True)
    made = host.firewall.files(NAMES, [["udp", 5555]], "nftables")
    host.run_all.side_effect = lambda command, **kwargs: {
        "retcode": int("stdin" not in kwargs),
        "stdout": "",
        "stderr": "",
    }
    assert host.firewall.compare(NAMES, made, "nftables") == [None, ""]
    host.run_all.side_effect = lambda command, **kwargs: {"retcode": 1, "stdout": "", "stderr": "syntax error"}
    with pytest.raises(Exception, match="the firewall's rules are refused: syntax error"):
        host.firewall.compare(NAMES, made, "nftables")
