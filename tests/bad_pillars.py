"""A small sound pillar, ways to change it, and pillars that are refused, each with the one line that it gets."""

import copy

RAND16 = "make one with: openssl rand -hex 16"
TOPOLOGIES = ", must be one of SINGLE, ACTIVE_STANDBY"
CONTROL = "has a line break or another control character, which octavia.conf cannot hold"

#: In `changed`: take the key out.
GONE = object()


def shared():
    """A small sound pillar of both roles that says at octavia: what they share."""
    return {
        "octavia": {
            "database": {"host": "db.example.org", "password": "pw-of-the-database"},
            "identity": {"host": "keystone.example.org", "password": "pw-of-keystone"},
            "message_queue": {"host": "mq.example.org", "password": "pw-of-rabbitmq"},
            "certificates": {"server_certs_key_passphrase": "0123456789abcdef0123456789abcdef"},
            "api": {"enabled": True},
            "manager": {
                "enabled": True,
                "controller_worker": {
                    "amp_flavor_id": "2f0b1f4e-6f0c-4b8e-9a55-0d6c3a4b7e11",
                    "amp_image_owner_id": "7d3e9c5ab1f84a7f9f0c2d1b6a8e4c30",
                    "amp_boot_network_list": ["5a1de6a8-1c3f-4b0a-9b77-2f3f1d6c8e90"],
                    "amp_secgroup_list": ["c9f7b2de-83a1-4c55-8d0e-64f1b7a2c913"],
                },
                "health_manager": {
                    "heartbeat_key": "8a0b3a1f2c4d4e5f8a0b3a1f2c4d4e5f",
                    "controller_ip_port_list": ["172.16.0.12:5555"],
                },
            },
        }
    }


def changed(tree, **answers):
    """A copy of a pillar with other answers: `changed(tree, **{"api:bind:port": 0})`, below octavia: all of them."""
    tree = copy.deepcopy(tree)
    for key, value in answers.items():
        node = tree["octavia"]
        *parents, last = key.split(":")
        for part in parents:
            node = node.setdefault(part, {})
        if value is GONE:
            node.pop(last, None)
        else:
            node[last] = value
    return tree


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
    ({"manager:health_manager:controller_ip_port_list": ["ctl1:5555"]},
     "manager:health_manager:controller_ip_port_list: entry 1 has no host that is an IP address; an amphora may know "
     "no names"),
    ({"manager:health_manager:controller_ip_port_list": ["172.16.0.12", {"host": "::"}]},
     "manager:health_manager:controller_ip_port_list: entry 2 has an unspecified address, to which no amphora can "
     "send"),
    ({"manager:health_manager:controller_ip_port_list": ["172.16.0.12:0"]},
     "manager:health_manager:controller_ip_port_list: entry 1 has port 0, must be between 1 and 65535"),
    ({"manager:health_manager:controller_ip_port_list": [{"port": 5555}]},
     "manager:health_manager:controller_ip_port_list: entry 1 has no host that is an IP address"),
    ({"manager:health_manager:controllers": 3},
     "manager:health_manager:controllers: is 3, and octavia:manager:health_manager:controller_ip_port_list holds 1"),
    ({"manager:health_manager:controller_ip_port_list": ["fd00::c", "[fd00:0::c]:5555", "172.16.0.12"]},
     "manager:health_manager:controller_ip_port_list: holds fd00:0::c:5555 twice"),
    ({"manager:health_manager:controller_ip_port_list": ["172.16.0.12", "172.16.0.12:5555"]},
     "manager:health_manager:controller_ip_port_list: holds 172.16.0.12:5555 twice"),
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
