"""What the preflight says to a bad pillar, in one line each, and to a host that cannot serve a good one."""

import datetime
from unittest import mock

import pytest
from bad_pillars import BAD, RAND16
from formula import GONE, Host, changed, closed_port, pillar, server, shared


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, tree, **kwargs)


@pytest.mark.parametrize(("answers", "line"), BAD, ids=[line.split(": is ")[0][:60] for _, line in BAD])
def test_a_bad_pillar_is_one_line_that_names_the_key(make, answers, line):
    faults = make(changed(shared(), **answers)).faults()
    assert faults == [f"octavia:{line}"]
    assert "hunter" not in faults[0] and "\n" not in faults[0]


@pytest.mark.parametrize(
    ("tree", "line"),
    [([], "a list"), ("text", "a text"), (5, "a number"), (True, "a boolean"), (datetime.date(2026, 1, 1), "date")],
)
def test_octavia_that_is_no_mapping_is_one_line(make, tree, line):
    assert make({"octavia": tree}).faults() == [f"octavia: is {line}, must be a mapping"]


def test_each_fault_has_its_line(make):
    tree = changed(shared(), **{"debug": "yes", "database:port": 0, "api:database:port": 0})
    assert make(tree).faults() == [
        "octavia:debug: is a text, must be a boolean",
        "octavia:database:port: is 0, must be a port between 1 and 65535",
        "octavia:api:database:port: is 0, must be a port between 1 and 65535",
    ]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"debug": None, "api:bind": None, "config": {"nova": None}, "units": None},
        {"api:database:host": "db.example.org", "manager:database:host": "db.example.org"},
        # the role that is off is not asked
        {"api:enabled": False, "api:database:host": "one", "manager:database:host": "two"},
        {"certificates:server_certs_key_passphrase": ["0123456789abcdef" * 2, "fedcba9876543210" * 2]},
        {"manager:jobboard": {"enabled": True, "backend_hosts": ["r1"], "persistence_connection": "mysql://u:p@h/d"}},
        # what is off may be half said
        {"manager:jobboard": {"enabled": False, "backend_driver": "etcd_taskflow_driver"}},
        {"manager:jobboard": {"redis_backend_ssl_options": {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}}},
        {"logging": {"use_syslog": True, "syslog_log_facility": "LOG_LOCAL3"}},
        {"api:tls": {"minimum_tls_version": "TLSv1.1"}}, {"api:pagination_max_limit": "infinite"},
        {"api:enabled_provider_drivers": {"amphora": "a: text", "own": "b"}, "api:default_provider_driver": "own"},
        {"api:cors:allowed_origin": "https://a.example.org"}, {"notification": {"topics": "one"}},
        {"config": {"api_settings": {"enabled_provider_drivers": "amphora:text"}}},
        {"version": "zed"}, {"version": 2025.1}, {"version": "2025.1"},
        {"database:host": "fd00::1"}, {"database:host": "db"}, {"database:host": "10.0.0.1"},
        {"message_queue:host": GONE, "message_queue:members": ["mq1", "mq2:5671", "[fd00::1]:5671", "fd00::1"]},
        {"message_queue:members": [{"host": "mq1", "port": None}]},
        {"manager:controller_worker:amp_flavor_id": 200},
        {"config": {"nova": {"a": "", "b": [], "c": None, "d": 0.5, "e": [1, "x"]}}},
        {"config": {"api_settings": {"bind_port": "9877", "healthcheck_enabled": "False"}}},
        {"notification": {"driver": "log", "topics": ["one"]}}, {"notification": True}, {"api:notification": {}},
        {"manager:components": ["health_manager"], "api:enabled": False, "message_queue": GONE},
        {"config:controller_worker": {"amphora_driver": "amphora_noop_driver"},
         "manager:controller_worker": GONE, "manager:health_manager:controller_ip_port_list": GONE},
    ],
)  # fmt: skip
def test_a_good_pillar_has_no_fault_and_can_be_rendered(make, answers):
    host = make(changed(shared(), **answers))
    assert host.faults() == []
    assert host.conf.render().startswith("# Managed by Salt")


GOOD = [
    "all_in_one", "api_cluster", "api_cluster_predecessor", "api_predecessor", "api_single", "certificates_pillar",
    "client", "disabled", "empty", "every_key", "external", "manager_single", "resources", "resources_purge",
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_the_pillars_of_the_tests_are_sound(make, name):
    assert make(pillar(name)).faults() == []


def test_the_predecessors_manager_is_refused_for_its_published_key_alone(make):
    found = make(pillar("manager_predecessor")).check.pillar()
    assert found["faults"] == [
        f"octavia:manager:health_manager:heartbeat_key: is a published value that everybody knows; {RAND16}"
    ]
    assert [line.split(": ")[0] for line in found["warnings"]] == [
        "octavia:manager:haproxy_amphora:client_cert",
        "octavia:manager:haproxy_amphora:client_cert_key",
        "octavia:manager:house_keeping:spare_amphora_pool_size",
        *found["warnings"][3:],
    ]


def test_keys_that_octavia_dropped_are_reported_and_do_not_count(make):
    tree = changed(shared(), **{"api:api_v1_enabled": True, "manager:house_keeping:spare_amphora_pool_size": 3})
    assert make(tree).check.pillar() == {
        "faults": [],
        "warnings": [
            "octavia:api:api_v1_enabled: has no effect, version 1 of the API was removed in Octavia 6",
            "octavia:manager:house_keeping:spare_amphora_pool_size: has no effect, "
            "spare amphorae were removed in Octavia 9",
        ],
    }


@pytest.mark.parametrize("lenient", [True, False])
def test_a_lab_may_use_published_secrets_and_is_warned(make, lenient):
    answers = {"manager:health_manager:heartbeat_key": "insecure", "allow_insecure": lenient}
    found = make(changed(shared(), **answers)).check.pillar()
    line = f"octavia:manager:health_manager:heartbeat_key: is a published value that everybody knows; {RAND16}"
    assert found == {"faults": [] if lenient else [line], "warnings": [line] if lenient else []}


def test_octavias_own_passphrase_in_the_database_is_a_warning(make):
    found = make(changed(shared(), **{"certificates:server_certs_key_passphrase": GONE})).check.pillar()
    assert found["faults"] == []
    assert found["warnings"][0] == (
        "octavia:certificates:server_certs_key_passphrase: is not set, so Octavia's published default, which everybody "
        "knows, encrypts the keys of certificates; make one with: openssl rand -hex 16"
    )


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"api:auth_strategy": "noauth"}, "api:auth_strategy: is noauth, so the API lets everybody in"),
        (
            {"identity:insecure": True},
            "identity:insecure: is true, so whoever answers for Keystone learns the password",
        ),
    ],
)
def test_what_lets_others_in_is_a_warning(make, answers, line):
    assert make(changed(shared(), **answers)).check.pillar() == {"faults": [], "warnings": [f"octavia:{line}"]}


# --- the release


@pytest.mark.parametrize(
    ("installed", "answers", "lines"),
    [
        ("11.0.0", {"manager:controller_worker:db_commit_retry_max": 9},
         ["manager:controller_worker:db_commit_retry_max: has no effect, Octavia 11.0.0 has no such option"]),
        ("14.0.0", {"manager:controller_worker:db_commit_retry_max": 9}, []),
        ("18.0.1", {"manager:networking:denylist_vip_networks": ["a"]},
         ["manager:networking:denylist_vip_networks: has no effect, Octavia 18.0.1 has no such option"]),
        # renamed, so there is one everywhere
        ("11.0.0", {"neutron:endpoint": "http://n"}, []),
        ("19.0.0", {"neutron:endpoint": "http://n"}, []),
        (None, {"networking:denylist_vip_networks": ["a"]}, []),
    ],
)  # fmt: skip
def test_a_key_that_the_release_has_no_option_for_is_reported(make, installed, answers, lines):
    host = make(changed(shared(), **answers), octavia=installed)
    assert host.check.pillar() == {"faults": [], "warnings": [f"octavia:{line}" for line in lines]}
    host.latest_version.assert_not_called()


TWO = ["0123456789abcdef" * 2, "fedcba9876543210" * 2]
ETCD = {"enabled": True, "backend_driver": "etcd_taskflow_driver", "backend_hosts": ["e1"]}


@pytest.mark.parametrize(
    ("installed", "offered", "answers", "line"),
    [
        ("16.0.0", "", {"manager:certificates:server_certs_key_passphrase": TWO},
         "manager:certificates:server_certs_key_passphrase: holds 2, but Octavia 16.0.0 knows one only"),
        (None, "11.0.0-2", {"manager:certificates:server_certs_key_passphrase": TWO},
         "manager:certificates:server_certs_key_passphrase: holds 2, but Octavia 11.0.0 knows one only"),
        ("17.0.0", "", {"manager:certificates:server_certs_key_passphrase": TWO}, None),
        ("16.0.0", "", {"manager:certificates:server_certs_key_passphrase": TWO[:1]}, None),
        ("15.0.0", "", {"manager:jobboard": ETCD | {"persistence_connection": "mysql://u:p@h/d"}},
         "manager:jobboard:backend_driver: is etcd_taskflow_driver, which Octavia 16 and later know, but not Octavia "
         "15.0.0"),
        ("16.0.0", "", {"manager:jobboard": ETCD | {"persistence_connection": "mysql://u:p@h/d"}}, None),
        ("13.0.0", "", {"message_queue:rabbit_transient_queues_ttl": 0},
         "message_queue:rabbit_transient_queues_ttl: is 0, which Octavia 14 and later know, but not Octavia 13.0.0"),
        ("14.0.0", "", {"message_queue:rabbit_transient_queues_ttl": 0}, None),
    ],
)  # fmt: skip
def test_a_value_that_the_release_does_not_understand_is_refused(make, installed, offered, answers, line):
    host = make(changed(pillar("all_in_one"), **answers), octavia=installed, offered=offered)
    assert host.faults() == []
    faults = [fault for fault in host.check.host() if "there is no file" not in fault]
    assert faults == ([f"octavia:{line}"] if line else [])


def test_a_list_of_one_passphrase_is_written_as_a_text(make):
    options = make(changed(shared(), **{"certificates:server_certs_key_passphrase": TWO[:1]})).options()
    assert options["certificates/server_certs_key_passphrase"] == TWO[0]


# --- the host


def test_a_host_without_roles_is_asked_nothing(make):
    host = make(pillar("client"), octavia=None)
    assert host.check.host() == []
    host.latest_version.assert_not_called()
    host.due.assert_not_called()


@pytest.mark.parametrize(
    ("version", "installed", "offered", "line"),
    [
        ("zed", "11.0.0", "", None),
        ("2023.1", "12.0.0", "", None),
        (2025.1, None, "16.0.0-2", None),
        ("ocata", "11.0.0", "", "ocata (Octavia 0), but this host has Octavia 11.0.0 (zed); set it to zed, or"),
        (2025.1, "11.0.0", "", "2025.1 (Octavia 16), but this host has Octavia 11.0.0 (zed); set it to zed, or"),
        ("zed", None, "16.0.0-2", "zed (Octavia 11), but this host is offered Octavia 16.0.0 (2025.1); set it to"),
    ],
)  # fmt: skip
def test_the_release_that_the_pillar_wants_must_be_the_hosts(make, version, installed, offered, line):
    host = make(changed(pillar("api_single"), **{"api:version": version}), octavia=installed, offered=offered)
    assert host.faults() == []
    faults = host.check.host()
    assert len(faults) == bool(line)
    assert not line or faults[0].startswith(f"octavia:api:version: is {line}")


@pytest.fixture
def upgrading(make):
    """A host with Octavia 16 that has packages of 19 in a source; `offers` has what the package manager knows."""

    def _make(version):
        host = make(changed(pillar("api_single"), **{"api:version": version}), octavia="16.0.0")
        host.offers = {"after": {"octavia": 19}}
        host.hop.facts = mock.Mock(side_effect=lambda saltenv: host.offers)
        return host

    return _make


@pytest.mark.parametrize("version", ["2025.1", "2026.2"])
def test_while_it_is_upgraded_a_host_may_have_either_release(upgrading, version):
    assert upgrading(version).check.host(upgrades=True) == []


def test_outside_of_an_upgrade_the_next_release_is_not_the_hosts(upgrading):
    [fault] = upgrading("2026.2").check.host()
    assert fault.startswith("octavia:api:version: is 2026.2 (Octavia 19), but this host has Octavia 16.0.0 (2025.1)")


def test_a_release_that_the_upgrade_does_not_lead_to_is_a_fault(upgrading):
    host = upgrading("2026.1")
    host.opts["test"] = False
    [fault] = host.check.host(upgrades=True)
    assert fault.startswith("octavia:api:version: is 2026.1 (Octavia 18), but this host has Octavia 16.0.0 (2025.1)")


def test_the_package_manager_is_asked_for_another_release_alone(upgrading):
    host = upgrading("2025.1")
    host.check.host(upgrades=True)
    host.hop.facts.assert_not_called()


@pytest.mark.parametrize("test", [True, False])
def test_a_package_source_may_be_new_since_the_last_refresh(upgrading, test):
    host = upgrading("2026.2")
    host.opts["test"], host.offers = test, {"after": {"octavia": 16}}
    host.hop.refresh = mock.Mock(
        name="octavia_hop.refresh", side_effect=lambda saltenv: setattr(host, "offers", {"after": {"octavia": 19}})
    )
    assert len(host.check.host(upgrades=True)) == test
    assert host.hop.refresh.call_count == (not test)


def test_octavia_that_is_offered_nowhere_is_one_line(make):
    assert make(changed(pillar("api_single"), **{"api:version": GONE}), octavia=None).check.host() == [
        "Octavia is not installed, and no package source of this host offers octavia-common"
    ]


def test_files_that_octavia_needs_and_nobody_puts_there(make, tmp_path):
    there = tmp_path / "there.pem"
    there.write_text("x")
    tree = changed(shared(), **{
        "manager:certificates:ca_certificate": str(there), "manager:haproxy_amphora:server_ca": str(there),
        "manager:certificates:ca_private_key": "/none/ca.key", "manager:controller_worker:client_ca": str(tmp_path),
        "manager:haproxy_amphora:client_cert_all": str(there),
        "database:ssl": {"enabled": False, "ca": "/none/of/a/feature/that/is/off.pem"},
        "identity:ca": "/none/identity.pem",
    })  # fmt: skip
    assert make(tree).check.host() == [
        "octavia:identity:ca: there is no file /none/identity.pem",
        "octavia:manager:certificates:ca_private_key: there is no file /none/ca.key",
        f"octavia:manager:controller_worker:client_ca: there is no file {tmp_path}",
    ]


def test_a_noop_driver_needs_certificates_too(make):
    """The worker signs one for every amphora."""
    faults = make(pillar("all_in_one")).check.host()
    assert [fault.split(": ")[0] for fault in faults] == [
        "octavia:manager:certificates:ca_certificate",
        "octavia:manager:certificates:ca_private_key",
        "octavia:manager:controller_worker:client_ca",
        "octavia:manager:haproxy_amphora:client_cert_all",
    ]


@pytest.mark.parametrize("content", [GONE, "", None])
def test_a_certificate_that_the_pillar_lacks_is_named_once(make, content):
    tree = changed(pillar("certificates_pillar"), **{"certificates:server_ca.cert.pem": content})
    assert make(tree).check.host() == [
        "octavia:certificates:server_ca.cert.pem: is not set, and octavia:certificates:source is pillar"
    ]


# --- the database


def _database(make, port, host="127.0.0.1"):
    tree = changed(pillar("api_single"), **{"api:database:port": port, "api:database:host": host})
    minion = make(changed(tree, **{"api:version": GONE}))
    minion.check._PATIENCE = 0.2
    minion.due.return_value = True
    return minion.check.host()


def test_a_database_that_says_hello_is_fine(make):
    with server(b"\x4a") as port:
        assert _database(make, port) == []


def test_a_port_where_nobody_listens(make):
    port = closed_port()
    line = f"octavia:database:host: no database answers at 127.0.0.1:{port} (Connection refused)"
    assert _database(make, port) == [line]


def test_a_server_that_says_nothing(make):
    with server(hang=True) as port:
        line = f"octavia:database:host: no database answers at 127.0.0.1:{port} (timed out)"
        assert _database(make, port) == [line]


def test_a_server_that_closes_the_connection(make):
    with server() as port:
        line = f"octavia:database:host: 127.0.0.1:{port} closes the connection, it is no MySQL server"
        assert _database(make, port) == [line]


def test_a_name_that_nobody_knows(make):
    faults = _database(make, 3306, "no-such-host.invalid")
    assert len(faults) == 1
    assert faults[0].startswith("octavia:database:host: no database answers at no-such-host.invalid:3306 (")


def test_a_converged_host_does_not_need_its_database(make):
    host = make(changed(pillar("api_single"), **{"api:database:port": closed_port()}))
    assert host.check.host() == []
