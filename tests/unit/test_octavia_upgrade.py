"""The tables of octavia.upgrade.pre and octavia.upgrade.verify: each finding, and what it may do to an upgrade."""

import time

import pytest
from formula import changed, shared
from salt.exceptions import CommandExecutionError
from upgrading import NEW, WORKER, Controller

NOOP = {
    "config:controller_worker": {
        "amphora_driver": "amphora_noop_driver", "compute_driver": "compute_noop_driver",
        "network_driver": "network_noop_driver",
    }
}  # fmt: skip

# As octavia-status prints it, of a healthy deployment without a jobboard: Octavia 18 and 19, exit code 1.
TABLE = """\
+---------------------------------------------------------------------+
| Upgrade Check Results                                               |
+---------------------------------------------------------------------+
| Check: AmphoraV2 Check                                              |
| Result: {result:60}|
| Details: {details:58} |
{more}+---------------------------------------------------------------------+
| Check: Policy File JSON to YAML Migration                           |
| Result: {policy:60}|
| Details: {why:58} |
+---------------------------------------------------------------------+
"""
SQLITE = {
    "result": "Warning",
    "details": "Persistence database is using sqlite backend. Verification",
    "more": "|   required if persistence_connecton URL has been set                |\n"
    "|   properly.                                                         |\n",
}
UNREACHABLE = {
    "result": "Failure",
    "details": "Failed to connect to jobboard backend for AmphoraV2",
    "more": "|   provider. Check jobboard configuration options are set and valid. |\n",
}
GOOD = {"result": "Success", "details": "AmphoraV2 provider is not enabled.", "more": ""}
# Octavia 11 of Debian 12, and 11 to 16 from PyPI: exit code 255.
CRASH = """\
Error:
Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/oslo_upgradecheck/upgradecheck.py", line 195, in run
    return conf.command.action_fn()
  File "/usr/lib/python3/dist-packages/octavia/cmd/status.py", line 90, in _check_yaml_policy
    if CONF.oslo_policy.policy_file.lower().endswith('yaml'):
oslo_config.cfg.{}

"""


def _table(policy="Success", why="None", **check):
    return TABLE.format(policy=policy, why=why, **check)


@pytest.fixture
def host(tmp_path):
    host = Controller(tmp_path)
    host.run_all_services()
    return host


def _of(findings, what):
    return [(each["level"], each["line"]) for each in findings if each["what"] == what]


def _levels(findings):
    return {each["what"]: each["level"] for each in findings}


def _say(host, **answers):
    host.tree["octavia"] = changed({"octavia": host.tree["octavia"]}, **answers)["octavia"]


def _begun(host):
    """An earlier upgrade has stopped services."""
    host.hop.remember(began=True)


# --- the table


def test_a_controller_of_which_all_is_well_may_go_to_the_next_release(host):
    host.apt.offered.update(dict.fromkeys(host.apt.offered, "17.0.0-1"))
    host.apt.offered["python3-cotyledon"] = host.apt.installed["python3-cotyledon"]
    host.salt["cmd.run_all"] = _status(host, _table(**SQLITE), 1)
    host.cloud.resources.return_value = [{"name": "image", "id": "i1", "tags": ["amphora"], "created_at": "2026-10-01"}]
    findings = host.upgrade.before()
    assert {each["level"] for each in findings if each["what"] not in ("configuration", "notes")} == {"ok"}, findings
    assert {each["what"] for each in findings} >= {
        "release", "packages", "services", "octavia-status", "load balancers", "database", "certificates", "image",
    }  # fmt: skip


def _status(host, output="", retcode=0, errors=""):
    """cmd.run_all with an answer of octavia-status."""
    answer = host.salt["cmd.run_all"]

    def run_all(command, **kwargs):
        if not command[0].endswith("octavia-status"):
            return answer(command, **kwargs)
        assert kwargs["runas"] == host.pillar.settings()["user"]
        return {"retcode": retcode, "stdout": output, "stderr": errors}

    return run_all


def test_the_most_urgent_findings_come_first(host):
    host.database["unsettled"].return_value = [{"id": "b", "name": "lb", "status": "ERROR", "seconds": 9}]
    levels = [each["level"] for each in host.upgrade.before()]
    assert levels == sorted(levels, key=("stop", "warn", "ok").index)
    assert levels[0] == "stop", "16 to 19 is no hop that OpenStack supports"


def test_a_table_has_a_line_for_each_finding(host):
    found = [
        {"what": "hop", "level": "stop", "line": "one"},
        {"what": "load balancers", "level": "ok", "line": "two"},
    ]
    assert host.upgrade.table(found) == "stop  hop             one\nok    load balancers  two"
    assert host.upgrade.table([]) == ""


def test_a_package_manager_that_sees_no_way_is_the_one_finding(host):
    host.apt.takes_away.append("octavia-dashboard")
    assert host.upgrade.before() == [
        {"what": "release", "level": "stop",
         "line": "The newest packages of Octavia would take away octavia-dashboard"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "function", "what"),
    [
        ("conf", "check_release", "configuration"), ("service", "outdated", "services"),
        ("pki", "status", "certificates"),
    ],
)  # fmt: skip
def test_a_look_that_fails_stops_and_the_others_are_told(host, monkeypatch, module, function, what):
    def fails(*args, **kwargs):
        raise CommandExecutionError("cannot be looked at")

    monkeypatch.setattr(getattr(host, module), function, fails)
    findings = host.upgrade.before()
    assert ("stop", "cannot be looked at") in _of(findings, what)
    assert len(_levels(findings)) >= 7


@pytest.mark.parametrize("where", ["schema", "unsettled"])
def test_a_database_that_does_not_answer_stops(host, where):
    host.database[where].side_effect = CommandExecutionError("Can't connect (2003): see pillar octavia:database:host")
    what = "database" if where == "schema" else "load balancers"
    assert _of(host.upgrade.before(), what) == [("stop", "Can't connect (2003): see pillar octavia:database:host")]


def test_the_pillar_decides_which_warnings_stop(host):
    host.database["unsettled"].return_value = [{"id": "b", "name": "lb", "status": "ERROR", "seconds": 9}]
    assert _levels(host.upgrade.before())["load balancers"] == "warn"
    _say(host, **{"upgrade:stop_on": ["load balancers", "image"]})
    findings = host.upgrade.before()
    assert _of(findings, "load balancers") == [("stop", "b (lb) is ERROR for 9 s (octavia:upgrade:stop_on)")]
    assert _of(findings, "image") == [
        ("stop", "no image has the tag amphora: no amphora can be made (octavia:upgrade:stop_on)")
    ]


def test_the_pillar_makes_nothing_of_what_is_well(host):
    _say(host, **{"upgrade:stop_on": ["database", "certificates"]})
    levels = _levels(host.upgrade.before())
    assert (levels["database"], levels["certificates"]) == ("ok", "ok")


def test_no_finding_has_a_secret(host):
    _say(host, **{"database:password": "another-secret"})
    host.conf_file.write_text(host.conf_file.read_text().replace("pw-of-keystone", "an-older-secret"))
    text = str(host.upgrade.before())
    assert "octavia.conf is not as the pillar says: database/connection" in text
    for secret in ("another-secret", "pw-of", "an-older-secret", "8a0b3a1f2c4d4e5f"):
        assert secret not in text


# --- the hop


def _hop(host, old, new, packages=None):
    return {
        "old": f"{old}.0.0", "new": f"{new}.0.0", "packages": packages or {},
        "before": host.release.known(f"{old}.0.0"), "after": host.release.known(f"{new}.0.0"),
    }  # fmt: skip


def test_a_supported_hop_is_fine(host):
    packages = {WORKER: {"old": "16.0.0-2", "new": "18.0.0-1"}, "python3-new": {"old": None, "new": "1.0-1"}}
    findings = host.upgrade.release(_hop(host, 16, 18, packages))
    assert findings == [
        {"what": "release", "level": "ok", "line": "16.0.0 to 18.0.0"},
        {"what": "packages", "level": "ok", "line": "2 to come: octavia-worker 18.0.0-1, python3-new 1.0-1"},
    ]


def test_nothing_newer_is_fine(host):
    assert _of(host.upgrade.release(_hop(host, 16, 16)), "release") == [("ok", "16.0.0 is the newest there is")]


def test_a_mend_of_the_distribution_is_fine(host):
    findings = host.upgrade.release(_hop(host, 16, 16, {WORKER: {"old": "16.0.0-2", "new": "16.0.0-3"}}))
    assert _of(findings, "release") == [("ok", "16.0.0 stays")]
    assert _of(findings, "packages") == [("ok", "1 to come: octavia-worker 16.0.0-3")]


def test_a_hop_that_openstack_does_not_support_is_refused(host):
    findings = host.upgrade.before()
    assert _of(findings, "hop") == [(
        "stop",
        "16.0.0 to 19.0.0: OpenStack supports the next release, or SLURP to SLURP "
        "(octavia:upgrade:allow_hop: true would let it pass)",
    )]  # fmt: skip
    assert f"octavia-worker {NEW}" in _of(findings, "packages")[0][1]


def test_the_pillar_lets_another_hop_pass_with_a_warning(host):
    _say(host, **{"upgrade:allow_hop": True})
    assert _of(host.upgrade.release(_hop(host, 16, 19)), "hop") == [(
        "warn",
        "16.0.0 to 19.0.0: OpenStack supports the next release, or SLURP to SLURP; "
        "octavia:upgrade:allow_hop lets it pass",
    )]  # fmt: skip
    _say(host, **{"upgrade:stop_on": ["hop"]})
    assert "stop" in _levels(host.upgrade.before()).values()


def test_no_pillar_lets_a_database_go_back(host):
    _say(host, **{"upgrade:allow_hop": True})
    assert _of(host.upgrade.release(_hop(host, 19, 16)), "hop") == [
        ("stop", "19.0.0 to 16.0.0: Octavia's database cannot go back")
    ]


def test_a_hop_back_is_told_with_all_else(host):
    _say(host, **{"upgrade:package_version": "14.0.0-1"})
    findings = host.upgrade.before()
    assert _levels(findings)["hop"] == "stop"
    assert "database" in _levels(findings)


@pytest.mark.parametrize("mode", ["cold", "rolling"])
@pytest.mark.parametrize("proof", [[], [16]])
def test_rolling_is_for_hops_that_were_proved(host, mode, proof):
    entry = next(entry for entry in host.pillar.data()["releasemap"]["releases"] if entry["octavia"] == 18)
    entry["rolling"] = proof
    _say(host, **{"upgrade:mode": mode})
    found = _of(host.upgrade.release(_hop(host, 16, 18)), "mode")
    refused = [("stop", "octavia:upgrade:mode: rolling is not proved from Octavia 16 to 18; set it to cold")]
    assert found == (refused if mode == "rolling" and not proof else [])


def test_in_one_release_rolling_needs_no_proof(host):
    _say(host, **{"upgrade:mode": "rolling"})
    assert _of(host.upgrade.release(_hop(host, 16, 16)), "mode") == []


def test_another_release_than_the_pillar_means_stops(host):
    _say(host, version="2026.1")
    assert _of(host.upgrade.release(_hop(host, 16, 19)), "release") == [
        ("stop", "octavia:version: is 2026.1 (Octavia 18), but the upgrade leads to Octavia 19.0.0")
    ]
    _say(host, version="hibiscus", **{"api:version": "2026.2"})
    assert "stop" not in dict(_of(host.upgrade.release(_hop(host, 16, 19)), "release"))


def test_a_release_that_nobody_knows_stops(host):
    _say(host, version="hibisca")
    found = _of(host.upgrade.before(), "release")
    assert found[0][0] == "stop"
    assert "hibiscus" in found[0][1]


# --- the configuration


def test_in_one_release_options_stay(host):
    assert _of(host.upgrade.configuration(_hop(host, 16, 16)), "configuration") == [("ok", "options stay as they are")]


def test_options_that_the_new_release_refuses_stop(host):
    found = {
        "removed": [
            "octavia:config:haproxy_amphora:old: haproxy_amphora/old is gone since Octavia 18: take it out",
            "octavia:manager:x: a/b is gone since Octavia 18: nothing, the formula leaves it out",
            "octavia:manager:y: c/d is gone since Octavia 18: take it out",
        ],
        "renamed": ["octavia:config:a:b: a/b is a/c since Octavia 18: say a/c"],
        "changed": ["octavia:api:z: e/f is deprecated since Octavia 18: take it out"],
        "notes": ["Octavia 18: something: do it"],
    }  # fmt: skip
    host.conf.check_release = lambda name, saltenv: found
    findings = host.upgrade.configuration(_hop(host, 16, 18))
    assert [each["level"] for each in findings] == ["stop", "warn", "stop", "warn", "warn"]
    assert not any("nothing, the formula" in each["line"] for each in findings)
    assert findings[-1]["what"] == "notes"


def test_where_all_options_stay_that_is_said(host):
    host.conf.check_release = lambda name, saltenv: {"removed": [], "renamed": [], "changed": [], "notes": []}
    assert _of(host.upgrade.configuration(_hop(host, 16, 18)), "configuration") == [
        ("ok", "all options are those of Octavia 18")
    ]


# --- the services


def test_services_that_run_and_are_up_to_date_are_fine(host):
    assert host.upgrade.converged() == [{
        "what": "services", "level": "ok",
        "line": "octavia-api, octavia-worker, octavia-health-manager, octavia-housekeeping run and are up to date",
    }]  # fmt: skip


def test_a_service_that_does_not_run_stops_unless_an_upgrade_has_stopped_it(host):
    host.systemd.units[WORKER]["ActiveState"] = "inactive"
    assert _of(host.upgrade.converged(), "services") == [("stop", "octavia-worker does not run")]
    _begun(host)
    assert _of(host.upgrade.converged(), "services") == [
        ("warn", "octavia-worker does not run: an earlier upgrade has stopped it, this one goes on")
    ]


def test_a_service_that_is_older_than_what_it_reads_is_a_warning(host):
    _say(host, **{"database:password": "another"})
    host.conf_file.write_text(host.conf.render(mask=False))
    found = _of(host.upgrade.converged(), "services")
    assert ("warn", "octavia-worker is older than what it reads: apply octavia") in found
    assert len(found) == 4


def test_octavia_conf_that_cannot_be_rendered_is_a_warning(host, monkeypatch):
    def fails(*args, **kwargs):
        raise CommandExecutionError("octavia:database:password: is not set")

    monkeypatch.setattr(host.conf, "render", fails)
    assert _of(host.upgrade.converged(), "services") == [
        ("warn", "octavia.conf cannot be compared with the pillar: octavia:database:password: is not set")
    ]


# --- octavia-status


def test_octavia_status_is_asked_with_the_hosts_configuration(host):
    seen = []
    host.salt["cmd.run_all"] = lambda command, **kwargs: seen.append(command) or {
        "retcode": 1, "stdout": _table(**SQLITE), "stderr": "",
    }  # fmt: skip
    assert _of(host.upgrade.checked(), "octavia-status") == [("ok", "2 checks, no fault")]
    assert seen == [["/usr/bin/octavia-status", "--config-file", str(host.conf_file), "upgrade", "check"]]


def test_with_a_jobboard_its_fault_counts(host):
    _say(host, **{"manager:jobboard:enabled": True})
    host.salt["cmd.run_all"] = lambda command, **kwargs: {"retcode": 2, "stdout": _table(**UNREACHABLE), "stderr": ""}
    assert _of(host.upgrade.checked(), "octavia-status") == [(
        "stop",
        "AmphoraV2 Check: Failed to connect to jobboard backend for AmphoraV2 "
        "provider. Check jobboard configuration options are set and valid.",
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("retcode", "output", "jobboard", "expected"),
    [
        (0, _table(**GOOD), False, [("ok", "2 checks, no fault")]),
        (1, _table(**SQLITE), False, [("ok", "2 checks, no fault")]),
        (2, _table(**UNREACHABLE), False, [("ok", "2 checks, no fault")]),
        (1, _table(**SQLITE), True, [(
            "warn",
            "AmphoraV2 Check: Persistence database is using sqlite backend. Verification required if "
            "persistence_connecton URL has been set properly.",
        )]),
        (2, _table("Failure", "Your policy file is JSON-formatted.", **GOOD), False, [
            ("stop", "Policy File JSON to YAML Migration: Your policy file is JSON-formatted."),
        ]),
        (1, _table("Warning", **GOOD), False, [("warn", "Policy File JSON to YAML Migration")]),
        (2, _table("Failure", "Your policy file is JSON.", **SQLITE), True, [
            ("warn", "AmphoraV2 Check: Persistence database is using sqlite backend. Verification required if "
                     "persistence_connecton URL has been set properly."),
            ("stop", "Policy File JSON to YAML Migration: Your policy file is JSON."),
        ]),
        (0, "", False, [("ok", "nothing to say")]),
        (255, CRASH.format("NotInitializedError: call expression on parser has not been invoked"), False, [
            ("ok", "of 16.0.0 cannot run, which says nothing of this deployment"),
        ]),
        (255, CRASH.format("NoSuchOptError: no such option oslo_policy in group [DEFAULT]"), False, [
            ("ok", "of 16.0.0 cannot run, which says nothing of this deployment"),
        ]),
        (255, CRASH.format("NoSuchOptError: no such option foo in group [DEFAULT]"), False, [
            ("warn", "cannot run: oslo_config.cfg.NoSuchOptError: no such option foo in group [DEFAULT]"),
        ]),
        (127, "", False, [("warn", "cannot run: exit code 127")]),
    ],
)  # fmt: skip
def test_an_answer_of_octavia_status_is_understood(host, retcode, output, jobboard, expected):
    found = host.upgrade.understood(retcode, output, "", "16.0.0", jobboard)
    assert _of(found, "octavia-status") == expected
    if "Traceback" in output:
        assert host.upgrade.understood(retcode, "", output, "16.0.0", jobboard) == found


# --- load balancers, database, certificates


def test_no_load_balancer_in_hand_is_fine(host):
    assert host.upgrade.load_balancers() == [
        {"what": "load balancers", "level": "ok", "line": "none is in ERROR or PENDING for long"}
    ]


def test_a_load_balancer_that_a_worker_has_in_hand_stops_and_a_broken_one_warns(host):
    host.database["unsettled"].return_value = [
        {"id": "a", "name": "web", "status": "PENDING_UPDATE", "seconds": 7200},
        {"id": "b", "name": "db", "status": "ERROR", "seconds": 60},
    ]
    assert _of(host.upgrade.load_balancers(), "load balancers") == [
        ("stop", "a (web) is PENDING_UPDATE for 7200 s: wait for it, or set it right"),
        ("warn", "b (db) is ERROR for 60 s"),
    ]


def _rows(**seconds):
    return [{"id": name, "name": "x", "status": "PENDING_UPDATE", "seconds": each} for name, each in seconds.items()]


def test_what_users_change_meanwhile_is_waited_for_but_not_what_comes_later(host, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    host.database["unsettled"].side_effect = [_rows(a=1), _rows(a=2, b=0), _rows(b=1, c=0)]
    assert [level for level, _ in _of(host.upgrade.load_balancers(), "load balancers")] == ["ok"]
    assert host.database["unsettled"].call_count == 3
    # one that nobody ends, beside others that come and go
    host.database["unsettled"].side_effect = [_rows(a=58, b=0), _rows(a=59, c=0), _rows(a=60, d=0)]
    [(level, line)] = _of(host.upgrade.load_balancers(), "load balancers")
    assert (level, line.split(":")[0]) == ("stop", "a (x) is PENDING_UPDATE for 60 s")


@pytest.mark.parametrize(("last", "level"), [("PENDING_CREATE", "stop"), ("ERROR", "warn")])
def test_many_load_balancers_are_counted(host, last, level):
    rows = [{"id": str(number), "name": "x", "status": "ERROR", "seconds": 1} for number in range(12)]
    host.database["unsettled"].return_value = [*rows, {"id": "z", "name": "x", "status": last, "seconds": 99}]
    found = _of(host.upgrade.load_balancers(), "load balancers")
    assert len(found) == 11
    assert found[-1] == (level, "and 3 more like these")


def test_a_schema_that_is_not_the_installed_octavias_stops_unless_an_upgrade_was_interrupted(host):
    host.database["schema"].return_value = {"current": "a1", "head": "b2", "empty": False, "ahead": False}
    line = "the schema is at a1, the installed Octavia wants b2: "
    assert _of(host.upgrade.database(), "database") == [("stop", f"{line}apply octavia.db.offline_sync")]
    _begun(host)
    assert _of(host.upgrade.database(), "database") == [("warn", f"{line}the migration is still to come")]


def test_a_schema_that_another_controller_has_migrated_does_not_stop_this_one(host):
    host.database["schema"].return_value = {"current": "c3", "head": "b2", "empty": False, "ahead": True}
    line = "the schema is at c3: another controller has migrated it for a newer Octavia"
    assert _of(host.upgrade.database(), "database") == [("warn", line)]


def test_room_for_the_dump_is_looked_at_where_it_is_made(host):
    line = "octavia:db:backup:directory: /var/backups has 5 MiB free, and the data of database octavia take 9 MiB"
    host.backup["plan"].return_value = {"faults": [line]}
    assert _of(host.upgrade.database(), "dump") == [("stop", line)]
    host.backup["plan"].assert_called_with(saltenv=None)
    host.database["is_primary"].return_value = False
    assert _of(host.upgrade.database(), "dump") == []
    assert _of(host.upgrade.database(), "database") == [("ok", "answers, and its schema is a1")]


def test_certificates_that_end_soon_warn_and_those_that_are_critical_stop(host):
    host.pki.status.return_value = {"level": "critical", "findings": [
        {"level": "critical", "line": "server_ca.cert.pem ends in 2 days"},
        {"level": "warning", "line": "client.cert-and-key.pem ends in 20 days"},
        {"level": "ok", "line": "client_ca.cert.pem ends in 900 days"},
    ]}  # fmt: skip
    assert _of(host.upgrade.certificates(), "certificates") == [
        ("stop", "server_ca.cert.pem ends in 2 days"), ("warn", "client.cert-and-key.pem ends in 20 days"),
    ]  # fmt: skip


def test_certificates_that_last_are_fine(host):
    assert _of(host.upgrade.certificates(), "certificates") == [("ok", "none ends soon")]


# --- after: services, nodes, schema


@pytest.fixture
def verified(host, monkeypatch):
    """`after`, on a host whose API, amphorae and image are fine."""
    monkeypatch.setattr(host.cloud, "request", lambda *args, **kwargs: {"flavorprofile": {"id": "f1"}})
    monkeypatch.setattr(host.check, "health", lambda saltenv: {"findings": [
        {"what": "heartbeats", "level": "ok", "line": "3 amphorae, all heard of"}]})  # fmt: skip
    host.cloud.resources.return_value = [
        {"name": "amphora-x64", "id": "i1", "tags": ["amphora"], "created_at": "2026-11-01T00:00:00Z"}
    ]
    return host


def test_a_controller_that_works_is_verified(verified):
    findings = verified.upgrade.after()
    assert {each["level"] for each in findings} == {"ok"}
    assert [each["what"] for each in findings] == ["services", "database", "amphorae", "image", "API"]


def test_a_dry_run_makes_nothing(verified, monkeypatch):
    monkeypatch.setattr(verified.cloud, "request", lambda *args, **kwargs: pytest.fail("a request"))
    _say(verified, **{"probe:vip_subnet": "public"})
    monkeypatch.setattr(verified.check, "probe", lambda **kwargs: pytest.fail("a probe"))
    assert "API" not in _levels(verified.upgrade.after(test=True))


@pytest.mark.parametrize(
    ("properties", "line"),
    [
        ({"ActiveState": "inactive"}, "octavia-worker is not running"),
        ({"UnitFileState": "disabled"}, "octavia-worker is not enabled"),
        ({"ActiveState": "failed", "UnitFileState": "disabled"}, "octavia-worker is not running and enabled"),
        ({"ActiveState": "activating", "SubState": "start", "NRestarts": "4"}, "octavia-worker is not running"),
        ({"InvocationID": "of somebody else"}, "octavia-worker is older than what it reads"),
    ],
)
def test_a_service_that_does_not_work_stops(verified, properties, line):
    verified.systemd.units[WORKER] |= properties
    assert _of(verified.upgrade.after(), "services") == [("stop", line)]


def test_hosts_with_another_version_stop(verified):
    verified.mine.return_value = {"ctl01": "16.0.0", "ctl02": "19.0.0", "ctl03": "16.0.0", "ctl04": None}
    assert _of(verified.upgrade.after(), "nodes") == [("stop", "ctl02 has Octavia 19.0.0, and this host 16.0.0")]
    verified.mine.assert_called_with("*", "octavia_release.installed", "compound")


def test_hosts_with_the_same_version_are_counted(verified):
    verified.mine.return_value = {"ctl02": "16.0.0", "ctl03": "16.0.0"}
    assert _of(verified.upgrade.nodes(), "nodes") == [("ok", "3 hosts have Octavia 16.0.0")]


def test_a_host_alone_is_compared_with_nobody(verified):
    assert verified.upgrade.nodes() == []


def test_a_schema_that_is_behind_stops(verified):
    verified.database["schema"].return_value = {"current": "a1", "head": "b2", "empty": False, "ahead": False}
    assert _of(verified.upgrade.after(), "database") == [("stop", "the schema is at a1, not at b2")]
    verified.database["schema"].side_effect = CommandExecutionError("gone")
    assert _of(verified.upgrade.after(), "database") == [("stop", "gone")]


# --- after: the API


class _Profiles:
    """flavorprofiles of an API; `fails` has the method that it refuses."""

    def __init__(self, fails=None):
        self.there, self.calls, self.fails = {}, [], fails

    def request(self, service, method, path, body, saltenv):
        assert service == "load-balancer"
        self.calls.append(method)
        if method == self.fails:
            raise CommandExecutionError("The load-balancing API says no (503)")
        if method == "POST":
            self.there["f1"] = body["flavorprofile"]
            return {"flavorprofile": {"id": "f1"}}
        assert path == "/lbaas/flavorprofiles/f1"
        if method == "DELETE":
            del self.there["f1"]
        return {}


def test_something_is_made_read_changed_and_removed(host, monkeypatch):
    profiles = _Profiles()
    monkeypatch.setattr(host.cloud, "request", profiles.request)
    assert _of(host.upgrade.api(), "API")[0][0] == "ok"
    assert profiles.calls == ["POST", "GET", "PUT", "DELETE"]
    assert profiles.there == {}


@pytest.mark.parametrize(
    ("method", "step", "left"),
    [("POST", "create", 0), ("GET", "read", 0), ("PUT", "update", 0), ("DELETE", "delete", 1)],
)
def test_an_api_that_says_no_stops_and_nothing_is_left(host, monkeypatch, method, step, left):
    profiles = _Profiles(fails=method)
    monkeypatch.setattr(host.cloud, "request", profiles.request)
    assert _of(host.upgrade.api(), "API") == [("stop", f"{step}: The load-balancing API says no (503)")]
    assert len(profiles.there) == left


def test_a_host_without_the_api_is_not_asked(tmp_path):
    host = Controller(tmp_path, changed(shared(), **{"api:enabled": False}))
    assert host.upgrade.api() == []


# --- after: amphorae, image, traffic


def test_amphorae_are_judged_as_by_the_health_check(host, monkeypatch):
    found = [{"level": level, "line": level} for level in ("critical", "warning", "ok")]
    monkeypatch.setattr(host.check, "health", lambda saltenv: {"findings": found})
    assert _of(host.upgrade.amphorae(), "amphorae") == [("stop", "critical"), ("warn", "warning"), ("ok", "ok")]


def test_without_amphorae_there_is_nothing_to_hear_or_to_build(tmp_path):
    host = Controller(tmp_path, changed(shared(), **NOOP))
    assert _of(host.upgrade.amphorae(), "amphorae") == [("ok", "the amphora driver is a noop: there are none")]
    assert host.upgrade.image() == []


def test_an_api_alone_has_no_amphorae(tmp_path):
    api = Controller(tmp_path, changed(shared(), **{"manager:enabled": False}))
    assert api.upgrade.amphorae() == []


def _image(name, made, tags=("amphora",)):
    return {"name": name, "id": f"id-of-{name}", "tags": list(tags), "created_at": made}


def test_the_newest_image_with_the_tag_counts(host):
    host.cloud.resources.return_value = [
        _image("old", "2025-01-01T00:00:00Z"), _image("new", "2026-11-20T00:00:00Z"),
        _image("other", "2026-11-25T00:00:00Z", ["cirros"]),
    ]  # fmt: skip
    assert _of(host.upgrade.image(), "image") == [("ok", "new (id-of-new) is of 2026-11-20T00:00:00Z")]


def test_an_image_from_before_the_upgrade_is_told(host, monkeypatch):
    host.cloud.resources.return_value = [_image("old", "2025-01-01T00:00:00Z")]
    monkeypatch.setattr(host.hop, "upgraded", lambda saltenv: "2026-11-26T02:30:00Z")
    [(level, line)] = _of(host.upgrade.image(), "image")
    assert level == "warn"
    assert line.startswith("old (id-of-old) is of 2025-01-01T00:00:00Z, older than these controllers: give")
    host.cloud.resources.return_value.append(_image("new", "2026-11-26T03:00:00Z"))
    assert _of(host.upgrade.image(), "image")[0][0] == "ok"


def test_no_image_and_a_cloud_that_does_not_answer_are_warnings(host):
    assert _of(host.upgrade.image(), "image") == [("warn", "no image has the tag amphora: no amphora can be made")]
    host.cloud.resources.side_effect = CommandExecutionError("Keystone does not answer")
    assert _of(host.upgrade.image(), "image") == [
        ("warn", "the amphora image cannot be looked at: Keystone does not answer")
    ]


@pytest.mark.parametrize(("ok", "level"), [(True, "ok"), (False, "stop")])
def test_real_traffic_is_tried_where_the_pillar_says_where(host, monkeypatch, ok, level):
    monkeypatch.setattr(host.check, "probe", lambda saltenv: {"ok": ok, "line": "answered"})
    assert host.upgrade.traffic() == []
    _say(host, **{"probe:vip_subnet": "public"})
    assert _of(host.upgrade.traffic(), "probe") == [(level, "answered")]
