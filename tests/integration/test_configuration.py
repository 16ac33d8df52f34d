"""
octavia.conf on a controller that lives: what Octavia would not take never reaches it, a change disturbs nobody but its
readers, and no secret shows anywhere.
"""

import json
from urllib.parse import quote

import pytest
from bad_pillars import BAD, shared
from bad_pillars import changed as with_answers
from control_plane import UNITS, apply, changed, fault, pids, snapshot


@pytest.fixture(scope="module")
def wanted(pillar):
    return lambda *changes: pillar({"database": {"name": "octavia_configuration"}}, *changes)


@pytest.fixture(scope="module")
def controller(lab, wanted):
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    machine.put_pillar(wanted())
    apply(machine)
    yield machine
    machine.destroy()


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (
            {"nova": {"enable_anti_afinity": True}},
            "octavia:config:nova:enable_anti_afinity (nova/enable_anti_afinity): ",
        ),
        ({"house_keeping": {"cleanup_interval": "soon"}}, "octavia:config:house_keeping:cleanup_interval"),
        ({"oslo_messaging_rabbit": {"rabbit_quorum_queues": True}}, "octavia:config:oslo_messaging_rabbit:"),
        ({"keystone_authtoken": {"memcache_use_advanced_poll": True}}, "octavia:config:keystone_authtoken:"),
        ({"controller_worker": {"compute_driver": "compute_none_driver"}}, "octavia:config:controller_worker:"),
    ],
    ids=["unknown", "type", "library", "authtoken", "driver"],
)
def test_what_octavia_would_not_take_touches_no_service(controller, wanted, config, line):
    before, text = pids(controller), controller.read("/etc/octavia/octavia.conf")
    controller.put_pillar(wanted({"config": config}))
    for test in (True, False):
        states = apply(controller, test=test, check=False)
        assert fault(states).startswith(line), fault(states)
        assert changed(states) == {}
    assert pids(controller) == before
    assert controller.read("/etc/octavia/octavia.conf") == text
    controller.put_pillar(wanted())
    assert changed(apply(controller)) == {}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"api": {"audit": {"enabled": True, "map": "[custom_actions]\nfailover = do/failover\n"}}},
            "octavia:api:audit:map (audit/audit_map_file): gives failover of [custom_actions] a value",
        ),
        (
            {"manager": {"haproxy_amphora": {"template": "global\n{% if x %}\n"}}},
            "octavia:manager:haproxy_amphora:template (haproxy_amphora/haproxy_template): is no template that Jinja "
            "reads: line 2: ",
        ),
    ],
    ids=["audit map", "template"],
)
def test_a_text_that_octavia_would_not_take_is_not_written(controller, wanted, change, line):
    before, still = pids(controller), _still(controller)
    controller.put_pillar(wanted(change))
    for test in (True, False):
        states = apply(controller, test=test, check=False)
        assert fault(states).startswith(line), fault(states)
        assert changed(states) == {}
    assert (pids(controller), _still(controller)) == (before, still)
    controller.put_pillar(wanted())
    assert changed(apply(controller)) == {}


def test_what_a_service_takes_over_while_it_runs_restarts_nobody(controller, wanted):
    before = pids(controller)
    controller.put_pillar(wanted({"config": {"health_manager": {"heartbeat_interval": 11}}}))
    plan, done = changed(apply(controller, test=True)), changed(apply(controller))
    readers = ("worker", "health_manager", "housekeeping")
    assert plan == done
    assert {name: done[name] for name in done if name.endswith("_service")} == {
        f"octavia_{role}_service": {"reloaded": {"old": False, "new": True}} for role in readers
    }
    assert pids(controller) == before
    for role in readers:
        said = f'grep -q "heartbeat_interval changed from .* to .11" /var/log/octavia/{UNITS[role]}.log'
        controller.run(f"timeout 30 sh -c 'until {said}; do sleep 0.2; done'")
    assert changed(apply(controller)) == {}
    controller.put_pillar(wanted())
    apply(controller)


def _still(machine):
    """The host without the logs of services that run."""
    return [line for line in snapshot(machine).splitlines() if "/var/log/octavia/" not in line]


def test_no_bad_pillar_touches_the_host(controller, wanted):
    before, running = _still(controller), pids(controller)
    said = {}
    for answers, line in BAD:
        controller.put_pillar(with_answers(shared(), **answers))
        result = controller.salt_call("state.apply", "octavia", check=False)
        states = {state["__id__"]: state for state in result.data.values()}
        if result.rc == 0 or changed(states) or fault(states) != f"octavia:{line}":
            said[line] = [state["comment"] for state in states.values() if not state["result"]]
    assert said == {}
    assert (_still(controller), pids(controller)) == (before, running)
    controller.put_pillar(wanted())
    assert changed(apply(controller)) == {}


def test_no_secret_shows_anywhere(lab, wanted):
    """From an empty machine on: in what Salt says, keeps and logs, among the processes, in files that others read."""
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    machine.write("/etc/salt/minion.d/log.conf", "cache_jobs: true\nlog_level_logfile: info\n")
    own = {
        "cache": {"security": {"enabled": True, "secret_key": "unique-cache-secret"}},
        "api": {"bind": {"address": "10.77.0.12"}},
        "manager": {"health_manager": {"bind_ip": "10.77.0.12", "heartbeat_key": "unique-heartbeat"}},
    }
    tree = wanted(own, {"database": {"name": "octavia_secrets"}})
    machine.put_pillar(tree)
    octavia = tree["octavia"]
    secrets = {
        octavia["cache"]["security"]["secret_key"],
        octavia["manager"]["health_manager"]["heartbeat_key"],
        octavia["manager"]["certificates"]["ca_private_key_passphrase"],
        octavia["certificates"]["server_certs_key_passphrase"],
        *(section["password"] for section in (octavia["database"], octavia["identity"], octavia["message_queue"])),
        octavia["db"]["admin"]["password"],
    }
    secrets |= {quote(secret, safe="") for secret in secrets} | {json.dumps(secret)[1:-1] for secret in secrets}
    machine.write("/root/secrets", "\n".join(sorted(secrets)) + "\n", 0o600)
    machine.run("salt-call --local saltutil.sync_all")
    # it sees itself, by the mark, or it would have seen nobody else
    watch = (
        "while sleep 0.05; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; done"
        " | grep --line-buffered -zaF -f /root/secrets -e mark-of-the-watch > /run/hits"
    )
    machine.run(["systemd-run", "--unit=watch", "sh", "-c", watch])
    said = [
        machine.salt_call(*call)
        for call in (
            ["state.show_low_sls", "octavia"],
            ["state.apply", "octavia", "test=True"],
            ["state.apply", "octavia"],
            ["octavia_conf.render"],
            ["octavia_pillar.settings"],
        )
    ]
    machine.run("systemctl stop watch")
    shown = "".join(answer.stdout + answer.stderr for answer in said)
    assert not [secret for secret in secrets if secret in shown]
    assert machine.read("/var/log/salt/minion")
    hits = [hit for hit in machine.run("cat /run/hits").stdout.split("\0") if hit]
    assert hits and not [hit for hit in hits if "mark-of-the-watch" not in hit]
    places = "/etc /var /run /srv /tmp /root /usr/local"
    found = machine.run(
        f"grep -rlF -f /root/secrets {places} 2>/dev/null | xargs -r stat -c '%a %n'", check=False
    ).stdout
    files = dict(line.split(maxsplit=1)[::-1] for line in found.splitlines())
    assert "/etc/octavia/octavia.conf" in files
    assert {name: mode for name, mode in files.items() if mode not in ("600", "640")} == {}
    assert not [name for name in files if name.startswith(("/var/cache/salt", "/var/log"))]
    machine.destroy()
