"""What the preflight says to a bad pillar, in one line each, and to a host that cannot serve a good one."""

import datetime

import pytest
from formula import GONE, Host, changed, closed_port, pillar, server, shared

RAND16 = "make one with: openssl rand -hex 16"
TOPOLOGIES = ", must be one of SINGLE, ACTIVE_STANDBY"
CONTROL = "has a line break or another control character, which octavia.conf cannot hold"


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, tree, **kwargs)


# (answers below octavia:, the one line without "octavia:" before it)
BAD = [
    # required
    ({"database:password": GONE}, "database:password: is not set"),
    ({"database:password": None}, "database:password: is not set"),
    ({"database:host": GONE}, "database:host: is not set"),
    ({"identity:host": GONE}, "identity:host: is not set"),
    ({"identity:password": GONE}, "identity:password: is not set"),
    ({"message_queue:password": GONE}, "message_queue:password: is not set"),
    ({"message_queue:host": GONE}, "message_queue:host: is not set, nor is octavia:message_queue:members"),
    ({"manager:health_manager:heartbeat_key": GONE}, f"manager:health_manager:heartbeat_key: is not set; {RAND16}"),
    ({"manager:controller_worker:amp_flavor_id": GONE}, "manager:controller_worker:amp_flavor_id: is not set"),
    ({"manager:controller_worker:amp_secgroup_list": []}, "manager:controller_worker:amp_secgroup_list: is not set"),
    ({"manager:health_manager:controller_ip_port_list": GONE},
     "manager:health_manager:controller_ip_port_list: is not set, and bind_ip is no address"),
    ({"database:ssl:enabled": True}, "database:ssl:ca: is not set, and octavia:database:ssl:enabled needs it"),
    ({"cache:security:enabled": True},
     "cache:security:secret_key: is not set, and octavia:cache:security:enabled needs it"),
    # a type each
    ({"debug": "yes"}, "debug: is a text, must be a boolean"),
    ({"api:enabled": 1}, "api:enabled: is a number, must be a boolean"),
    ({"api:processes": "2"}, "api:processes: is a text, must be an integer"),
    ({"api:threads": True}, "api:threads: is a boolean, must be an integer"),
    ({"api:processes": 0}, "api:processes: is 0, must be at least 1"),
    ({"api:threads": 513}, "api:threads: is 513, must be at most 512"),
    ({"monitoring": {"error_log_rate": "often"}}, "monitoring:error_log_rate: is a text, must be a number"),
    ({"database:port": 0}, "database:port: is 0, must be a port between 1 and 65535"),
    ({"api:bind:port": 70000}, "api:bind:port: is 70000, must be a port between 1 and 65535"),
    ({"message_queue:port": "3306"}, "message_queue:port: is a text, must be a port"),
    ({"identity:port": True}, "identity:port: is a boolean, must be a port"),
    ({"identity:user": ["octavia"]}, "identity:user: is a list, must be a text"),
    ({"identity:user": ""}, "identity:user: is empty"),
    ({"identity:user": "a\nb"}, f"identity:user: {CONTROL}"),
    ({"database:password": "a\x7f"}, f"database:password: {CONTROL}"),
    ({"database:password": False}, "database:password: is a boolean, must be a text"),
    ({"database:host": "db example"}, "database:host: is 'db example', must be a host name or an IP address"),
    ({"database:host": "10.0.0.256"}, "database:host: is '10.0.0.256', must be a host name or an IP address"),
    ({"database:host": "db..example"}, "database:host: is 'db..example', must be a host name or an IP address"),
    ({"database:host": "mysql://octavia:hunter2@db/"},
     "database:host: is this value, must be a host name or an IP address"),
    ({"api:bind:address": "everywhere"}, "api:bind:address: is 'everywhere', must be an IP address"),
    ({"api:bind:address": 0}, "api:bind:address: is 0, must be an IP address"),
    ({"database:name": "octavia;"}, "database:name: is 'octavia;', must be a name of letters, digits, '_', '-', '.'"),
    ({"identity:ca": "certs/ca.pem"}, "identity:ca: is 'certs/ca.pem', must be an absolute path"),
    ({"manager:ssh:private_key_file": "~/.ssh/id"},
     "manager:ssh:private_key_file: is '~/.ssh/id', must be an absolute path"),
    ({"database:grant_hosts": "%"}, "database:grant_hosts: is a text, must be a list"),
    ({"api:pkgs": {"octavia-api": None}}, "api:pkgs: is a mapping, must be a list"),
    ({"manager:controller_worker:amp_boot_network_list": [{"id": 1}]},
     "manager:controller_worker:amp_boot_network_list: holds a mapping, must hold texts"),
    ({"manager:controller_worker:amp_boot_network_list": ["a\n[database]"]},
     f"manager:controller_worker:amp_boot_network_list: {CONTROL}"),
    ({"api:cors:allowed_origin": "a\nb"}, f"api:cors:allowed_origin: {CONTROL}"),
    ({"api:cors:allowed_origin": {"a": 1}}, "api:cors:allowed_origin: is a mapping, must be a text or a list"),
    ({"notification": "yes"}, "notification: is a text, must be a boolean or a mapping"),
    ({"version": "octa"}, "version: is 'octa', which is no release of OpenStack; nearest known: ocata"),
    ({"version": "9999.1"}, "version: is '9999.1', which is no release of OpenStack"),
    ({"certificates:server_certs_key_passphrase": "short"},
     "certificates:server_certs_key_passphrase: must be 32 letters, digits, '_', '-' or '='"),
    ({"certificates:server_ca.key.pem": 5}, "certificates:server_ca.key.pem: is a number, must be a text"),
    # choices
    ({"controller_worker:loadbalancer_topology": "SINGEL"},
     f"controller_worker:loadbalancer_topology: is 'SINGEL'{TOPOLOGIES}"),
    ({"manager:controller_worker:loadbalancer_topology": "PAIR"},
     f"manager:controller_worker:loadbalancer_topology: is 'PAIR'{TOPOLOGIES}"),
    ({"identity:protocol": "ftp"}, "identity:protocol: is 'ftp', must be one of http, https"),
    ({"message_queue:engine": "zeromq"}, "message_queue:engine: is 'zeromq', must be one of rabbitmq"),
    ({"manager:components": ["worker", "driver"]},
     "manager:components: is 'driver', must be one of worker, health_manager, housekeeping"),
    # servers
    ({"message_queue:members": "mq1,mq2"}, "message_queue:members: is a text, must be a list of {host, port}"),
    ({"message_queue:members": {"host": "mq1"}},
     "message_queue:members: is a mapping, must be a list of {host, port}"),
    ({"message_queue:members": [{"host": "mq1"}, {"port": 1}]},
     "message_queue:members: entry 2 has no host that is a host name or an IP address"),
    ({"message_queue:members": [{"host": "mq1", "port": 70000}]},
     "message_queue:members: entry 1 has port 70000, must be between 1 and 65535"),
    ({"message_queue:members": [{"host": "mq1", "port": "5672"}]},
     "message_queue:members: entry 1 has port as a text, must be between 1 and 65535"),
    ({"cache:members": [{"host": "mc", "prot": 1}]}, "cache:members: entry 1 has prot, must have host and port only"),
    ({"cache:members": [7]}, "cache:members: entry 1 is a number, must be {host, port}"),
    ({"cache:members": ["mc:0"]}, "cache:members: entry 1 has port 0, must be between 1 and 65535"),
    ({"message_queue:members": ["openstack:hunter2@mq"]},
     "message_queue:members: entry 1 has no host that is a host name or an IP address"),
    # unknown keys, wrong shapes
    ({"databse": {"host": "x"}}, "databse: is not a key; nearest known: octavia:database"),
    ({"database:passwrd": "hunter2"}, "database:passwrd: is not a key; nearest known: octavia:database:password"),
    ({"xyzzy": 1}, "xyzzy: is not a key"),
    ({"api:health_manager": {"heartbeat_key": "hunter2"}},
     "api:health_manager: is not a key; nearest known: octavia:manager:health_manager"),
    ({"message_queue:password": "hunter2/"}, "message_queue:password: must be without /, which oslo.messaging of "
     "every release fails to hand on to RabbitMQ"),
    ({"notification": {"drvier": "log"}},
     "notification:drvier: is not a key; nearest known: octavia:notification:driver"),
    ({"certificates:servr_ca.key.pem": "text"},
     "certificates:servr_ca.key.pem: is not a key; nearest known: octavia:certificates:server_ca.key.pem"),
    ({"a\nb": 1}, "'a\\nb': is not a key"),
    ({"api": "on"}, "api: is a text, must be a mapping"),
    ({"manager": True}, "manager: is a boolean, must be a mapping"),
    ({"database": []}, "database: is a list, must be a mapping"),
    ({"database:ssl": True}, "database:ssl: is a boolean, must be a mapping"),
    ({"certificates": "files"}, "certificates: is a text, must be a mapping"),
    ({"config": []}, "config: is a list, must be a mapping of sections"),
    ({"config": {"nova": "on"}}, "config:nova: is a text, must be a mapping of options"),
    ({"config": {"nova": {"a": {"b": 1}}}}, "config:nova:a: is a mapping, must be a value or a list"),
    ({"config": {"nova": {"a": [{"b": 1}]}}}, "config:nova:a: holds a mapping, must hold texts"),
    ({"config": {"nova": {"a": [None]}}}, "config:nova:a: holds empty, must hold texts"),
    ({"config": {"nova": {"a": "b\r[database]"}}}, f"config:nova:a: {CONTROL}"),
    ({"config": {"nova": {"a\nb": 1}}}, "config:nova:'a\\nb': is no name of an option"),
    ({"config": {"nova": {"a/b": 1}}}, "config:nova:a/b: is no name of an option"),
    ({"config": {"nova]": {"a": 1}}}, "config:nova]: is no name of a section"),
    ({"database:password": 12345}, "database:password: is a number, must be a text; put it in quotes"),
    ({"config": {"api_settings": {"bind_port": 70000}}},
     "config:api_settings:bind_port: is 70000, must be a port between 1 and 65535"),
    ({"units": {"wroker": "x"}}, "units:wroker: is not a key; nearest known: octavia:units:worker"),
    ({"units": {"worker": 5}}, "units:worker: is a number, must be a text"),
    ({"packages": {"api": "octavia-api"}}, "packages:api: is a text, must be a list"),
    ({"host:python": None}, "host:python: is empty, must be a text"),
    ({"host:bin_dir": ["/usr/bin"]}, "host:bin_dir: is a list, must be a text"),
    # the kinds of value that Octavia's own options have
    ({"networking:allow_vip_port_id": "no"}, "networking:allow_vip_port_id: is a text, must be a boolean"),
    ({"manager:compute:max_retries": 1.5}, "manager:compute:max_retries: is a number, must be an integer"),
    ({"manager:haproxy_amphora:rest_request_conn_timeout": "10"},
     "manager:haproxy_amphora:rest_request_conn_timeout: is a text, must be a number"),
    ({"driver_agent:max_process_warning_percent": 1},
     "driver_agent:max_process_warning_percent: is 1, must be at most 0.99"),
    ({"cinder:volume_size": 0}, "cinder:volume_size: is 0, must be at least 1"),
    ({"manager:jobboard:backend_port": 0}, "manager:jobboard:backend_port: is 0, must be a port between 1 and 65535"),
    ({"nova:anti_affinity_policy": "affinity"},
     "nova:anti_affinity_policy: is 'affinity', must be one of anti-affinity, soft-anti-affinity"),
    ({"api:tls:default_pool_tls_versions": ["TLSv1.2", "TLS1.3"]},
     "api:tls:default_pool_tls_versions: is 'TLS1.3', must be one of SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
    ({"api:pagination_max_limit": "all"}, "api:pagination_max_limit: must be a number, or infinite"),
    ({"manager:haproxy_amphora:haproxy_stick_size": "10x"},
     "manager:haproxy_amphora:haproxy_stick_size: must be a number, with k, m or g behind it if it is large"),
    ({"manager:amphora_agent:user_log_facility": 8},
     "manager:amphora_agent:user_log_facility: is 8, must be at most 7"),
    ({"manager:amphora_agent:logging_template_override": "rsyslog.j2"},
     "manager:amphora_agent:logging_template_override: is 'rsyslog.j2', must be an absolute path"),
    ({"manager:jobbord": {"enabled": True}}, "manager:jobbord: is not a key; nearest known: octavia:manager:jobboard"),
    ({"networking:denylist_vip_network": ["a"]},
     "networking:denylist_vip_network: is not a key; nearest known: octavia:networking:denylist_vip_networks"),
    ({"certificates:server_certs_key_passphrase": ["0123456789abcdef0123456789abcdef", "short"]},
     "certificates:server_certs_key_passphrase: entry 2 must be 32 letters, digits, '_', '-' or '='"),
    ({"certificates:server_certs_key_passphrase": {"a": "b"}},
     "certificates:server_certs_key_passphrase: is a mapping, must be a text or a list"),
    ({"certificates:server_certs_key_passphrase": [10**31]},
     "certificates:server_certs_key_passphrase: entry 1 is a number, must be a text; put it in quotes"),
    ({"manager:jobboard:etcd_ssl_options": "use_ssl"},
     "manager:jobboard:etcd_ssl_options: is a text, must be a mapping"),
    ({"manager:jobboard:etcd_ssl_options": {"use_ssl": False}},
     "manager:jobboard:etcd_ssl_options: has use_ssl: false, which Octavia reads as a text, and any text as true; "
     "leave use_ssl out"),
    ({"manager:jobboard:zookeeper_ssl_options": {"keyfile_password": "hunter2,"}},
     "manager:jobboard:zookeeper_ssl_options: has keyfile_password with a comma, which octavia.conf cannot hold there"),
    ({"manager:jobboard:zookeeper_ssl_options": {"keyfile_password": None}},
     "manager:jobboard:zookeeper_ssl_options: has keyfile_password as empty, must be a text"),
    ({"manager:jobboard:redis_backend_ssl_options": {"ssl": "a\nb"}},
     f"manager:jobboard:redis_backend_ssl_options: has ssl, which {CONTROL}"),
    ({"api:enabled_provider_drivers": {"am:phora": "text"}},
     "api:enabled_provider_drivers: has am:phora, which is no name"),
    # keys that say things against each other
    ({"manager:jobboard": {"enabled": True, "persistence_connection": "mysql://u:hunter2@db/p"}},
     "manager:jobboard:backend_hosts: is not set, and octavia:manager:jobboard:enabled needs it"),
    ({"manager:jobboard": {"enabled": True, "backend_hosts": ["redis1"]}},
     "manager:jobboard:persistence_connection: is not set, and octavia:manager:jobboard:enabled needs it"),
    ({"api:default_provider_driver": "ovn"},
     "api:default_provider_driver: is 'ovn', must be one of amphora, octavia"),
    ({"api:enabled_provider_drivers": {"amphora": "x", "ovn": "y"}, "ovn:ovn_nb_connection": "ssl:10.0.0.1:6641"},
     "ovn:ovn_sb_connection: is not set, and octavia:api:enabled_provider_drivers names ovn"),
    ({"logging:syslog_log_facility": "LOG_LOCAL3"},
     "logging:syslog_log_facility: has no effect unless octavia:logging:use_syslog is true"),
    ({"api:tls:minimum_tls_version": "TLSv1.3", "api:tls:default_pool_tls_versions": ["TLSv1.3"]},
     "api:tls:default_listener_tls_versions: holds TLSv1.2, below the octavia:api:tls:minimum_tls_version of TLSv1.3"),
    ({"api:tls": {"minimum_tls_version": "TLSv1.2", "default_pool_tls_versions": ["TLSv1", "TLSv1.1", "TLSv1.2"]}},
     "api:tls:default_pool_tls_versions: holds TLSv1, TLSv1.1, below the "
     "octavia:api:tls:minimum_tls_version of TLSv1.2"),
    ({"api:tls": {"default_listener_ciphers": "A:B:C", "tls_cipher_prohibit_list": "X:B"}},
     "api:tls:default_listener_ciphers: holds B, which octavia:api:tls:tls_cipher_prohibit_list prohibits"),
    ({"networking": {"valid_vip_networks": ["one", "two"], "denylist_vip_networks": ["two"]}},
     "networking:denylist_vip_networks: holds two, which valid_vip_networks beside it holds too"),
    ({"manager:health_manager:heartbeat_interval": 60},
     "manager:health_manager:heartbeat_timeout: must be above the 60 s of "
     "octavia:manager:health_manager:heartbeat_interval, else every amphora fails over"),
    ({"certificates:cert_validity_time": 86400},
     "manager:house_keeping:cert_expiry_buffer: must be below the 86400 s of octavia:certificates:cert_validity_time, "
     "else every certificate is rotated all the time"),
    ({"message_queue:quorum": True, "message_queue:rabbit_ha_queues": True},
     "message_queue:rabbit_ha_queues: is true, and so is octavia:message_queue:quorum; a queue is one or other"),
    ({"message_queue:rabbit_stream_fanout": True, "message_queue:rabbit_qos_prefetch_count": 1},
     "message_queue:rabbit_stream_fanout: is true and needs octavia:message_queue:rabbit_transient_quorum_queue: true"),
    ({"message_queue:rabbit_stream_fanout": True, "message_queue:rabbit_transient_quorum_queue": True},
     "message_queue:rabbit_qos_prefetch_count: must be above 0 where "
     "octavia:message_queue:rabbit_stream_fanout is true"),
    # published
    ({"manager:certificates:ca_private_key_passphrase": "foobar"},
     f"manager:certificates:ca_private_key_passphrase: is a published value that everybody knows; {RAND16}"),
    ({"certificates:server_certs_key_passphrase": ["0123456789abcdef" * 2, "insecure-key-do-not-use-this-key"]},
     f"certificates:server_certs_key_passphrase: is a published value that everybody knows; {RAND16}"),
    ({"manager:health_manager:heartbeat_key": "insecure"},
     f"manager:health_manager:heartbeat_key: is a published value that everybody knows; {RAND16}"),
    ({"certificates:server_certs_key_passphrase": "insecure-key-do-not-use-this-key"},
     f"certificates:server_certs_key_passphrase: is a published value that everybody knows; {RAND16}"),
    ({"manager:certificates:server_certs_key_passphrase": "insecure-key-do-not-use-this-key"},
     f"manager:certificates:server_certs_key_passphrase: is a published value that everybody knows; {RAND16}"),
    ({"manager:certificates:ca_private_key_passphrase": "not-secure-passphrase"},
     f"manager:certificates:ca_private_key_passphrase: is a published value that everybody knows; {RAND16}"),
    ({"config": {"health_manager": {"heartbeat_key": "insecure"}}},
     f"config:health_manager:heartbeat_key: is a published value that everybody knows; {RAND16}"),
    # two roles, one octavia.conf
    ({"api:database:host": "one", "manager:database:host": "two"},
     "api:database:host and octavia:manager:database:host differ, and this host has one octavia.conf"),
    ({"api:database:password": "hunter2", "manager:database:password": "hunter3"},
     "api:database:password and octavia:manager:database:password differ, and this host has one octavia.conf"),
]  # fmt: skip


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
    "client", "disabled", "empty", "every_key", "external", "manager_single",
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
    assert found["warnings"][0].startswith("octavia:certificates:server_certs_key_passphrase: is not set, so the keys")


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
        "octavia:manager:haproxy_amphora:server_ca",
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
