"""octavia.conf from the pillar: every key, every release, every password, and who reads what."""

import os
import string
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from formula import GONE, RELEASES, Host, changed, oslo, pillar, shared
from harness import ROOT
from salt.utils.dictupdate import update

KEYS = yaml.safe_load((ROOT / "octavia" / "conf.yaml").read_text())["keys"]
DEFAULTS = yaml.safe_load((ROOT / "octavia" / "defaults.yaml").read_text())
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "
PASSWORDS = [
    PRINTABLE, "$", "\\$", "$$", "\\", "\\\\$x", "${user}", "$user", "a$", " both ends ", '"quoted"', "'quoted'", '"',
    "'", "''", "%", "%(user)s", "%24", "#no comment", ";", "[section]", "a=b:c", "a,b", "@/:?#", "é ü 漢字",
    "12345", "+ +",
]  # fmt: skip


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, tree, **kwargs)


# --- each key in its option


def _sample(spec):
    """An answer that is no default, and how octavia.conf writes it."""
    if "choices" in spec:
        one = spec["choices"][-1]
        return ([one], one) if spec["type"] == "list" else (one, one)
    if "secret" in spec and "pattern" in spec:
        return "0123456789abcdef" * 2, "0123456789abcdef" * 2
    return {
        "boolean": (True, "true"),
        "integer": (7, "7"),
        "number": (0.5, "0.5"),
        "port": (4711, "4711"),
        "list": (["one", "two"], "one,two"),
        "texts": (["one", "two"], "one,two"),
        "mapping": ({"one": "/two", "three": True}, "one:/two,three:true"),
        "address": ("192.0.2.7", "192.0.2.7"),
        "file": ("/some/where.pem", "/some/where.pem"),
        "path": ("/some/where", "/some/where"),
        "string": ("7", "7"),
        "host": ("ctl07", "ctl07"),
    }[spec["type"]]


DIRECT = [(key, spec) for key, spec in KEYS.items() if "option" in spec]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """A host of each release, whose pillar the next test replaces: hundreds of keys, and data that do not change."""
    made = {}

    def options(release, tree):
        if release not in made:
            made[release] = Host(tmp_path_factory.mktemp("host"), tree, octavia=f"{release}.0.0")
        host = made[release]
        host.tree["octavia"] = tree["octavia"] | {"host": host.paths()}
        return host, host.options()

    return options


@pytest.mark.parametrize("release", [11, 16, 19])
@pytest.mark.parametrize(("key", "spec"), DIRECT, ids=[key for key, _ in DIRECT])
def test_a_key_lands_in_the_option_that_the_data_file_says(hosts, key, spec, release):
    answer, written = _sample(spec)
    switch = f"{key.rpartition(':')[0]}:enabled"
    on = {switch: True} if switch in KEYS else {}
    tree = changed(shared(), **{"driver_agent:enabled": True} | on | {key: answer})
    host, options = hosts(release, tree)
    assert host.check._wrong(spec, answer, host.pillar.data()) is None
    entries = spec["option"] if isinstance(spec["option"], list) else [spec["option"]]
    entries = [spec | (entry if isinstance(entry, dict) else {"name": entry}) for entry in entries]
    has = {e["name"]: e.get("since", 0) <= release <= e.get("until", 99) for e in entries}
    assert {name: options.get(name) for name in has} == {name: written if has[name] else None for name in has}


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("neutron:endpoint", {12: "neutron/endpoint", 13: "neutron/endpoint_override"}),
        (
            "message_queue:rabbit_quorum_max_memory_length",
            {
                11: "oslo_messaging_rabbit/rabbit_quroum_max_memory_length",
                12: "oslo_messaging_rabbit/rabbit_quorum_max_memory_length",
            },
        ),
    ],
)
def test_an_option_that_was_renamed_has_the_name_that_the_release_knows(hosts, key, names):
    for release, name in names.items():
        _host, options = hosts(release, changed(shared(), **{key: 4711}))
        assert [option for option, value in options.items() if value == "4711"] == [name]


SHARED = [(key, spec) for key, spec in DIRECT if not key.startswith(("api:", "manager:", "driver_agent:"))]


@pytest.mark.parametrize("role", ["api", "manager"])
@pytest.mark.parametrize(("key", "spec"), SHARED, ids=[key for key, _ in SHARED])
def test_a_shared_key_may_stand_in_a_role_which_counts_more_than_octavia(hosts, role, key, spec):
    answer, _ = _sample(spec)
    said = {"message_queue:ssl:enabled": True, key: "general", f"{role}:{key}": answer}
    host, _ = hosts(19, changed(shared(), **said))
    assert host.pillar.values()[key] == answer
    places = [f"octavia:{role}:{key}", f"octavia:{key}"]
    assert [list(place) for place in host.pillar.said()[key]] == [[places[0], answer], [places[1], "general"]]


def test_a_role_that_is_off_says_nothing(make):
    host = make(changed(shared(), **{"manager:enabled": False, "manager:database:host": "elsewhere"}))
    assert host.pillar.values()["database:host"] == "db.example.org"
    assert not [option for option in host.options() if option.startswith(("health_manager/", "haproxy_amphora/"))]


def test_the_api_alone_is_not_told_what_the_manager_reads(make):
    host = make(pillar("api_single"))
    assert host.pillar.roles() == ["api"]
    assert {option.split("/")[0] for option in host.options()}.isdisjoint({"health_manager", "haproxy_amphora"})


def test_the_manager_alone_is_not_told_where_the_api_listens(make):
    assert not [option for option in make(pillar("manager_single")).options() if option.startswith("api_settings/")]


def _leaves(tree, path=()):
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield ":".join((*path, name)), value


@pytest.mark.parametrize("key", [key for key, _ in _leaves({k: v for k, v in DEFAULTS.items() if k != "config"})])
def test_a_default_belongs_to_a_key_that_exists(key):
    assert key in KEYS or key in ("driver_agent", "client")


def test_a_silent_pillar_gets_the_defaults(make):
    host = make({"octavia": {}})
    # what is off has no value
    said = {key: value for key, value in _leaves(DEFAULTS) if key in KEYS}
    sections = {key.removesuffix(":enabled") for key, value in said.items() if key.endswith(":enabled") and not value}
    beside = {key for key in said if key.rpartition(":")[0] in sections - {"resources"}}
    off = {key for key in beside if not key.endswith(":enabled")}
    values = host.pillar.values()
    assert said.keys() - values.keys() == off != set()
    assert {key: values[key] for key in said.keys() - off} == {key: said[key] for key in said.keys() - off}


def test_null_is_not_an_answer(make):
    assert make(changed(shared(), **{"database:port": None})).pillar.values()["database:port"] == 3306


@pytest.mark.parametrize("name", ["password", "passphrase", "secret", "heartbeat"])
def test_no_secret_has_a_default(name):
    assert not [key for key, value in _leaves(DEFAULTS) if name in key.rpartition(":")[2] and value]


# --- the predecessor's pillars, key by key


def test_the_predecessors_api_pillar_counts_key_by_key(make):
    options = make(pillar("api_predecessor")).options()
    expected = {
        "api_settings/bind_host": "127.0.0.1",
        "api_settings/bind_port": "9876",
        "database/connection": "mysql+pymysql://octavia:password@127.0.0.1:3306/octavia",
        "DEFAULT/transport_url": "rabbit://openstack:password@127.0.0.1:5672/%2Fopenstack",
        "keystone_authtoken/auth_url": "http://127.0.0.1:35357/v3",
        "keystone_authtoken/www_authenticate_uri": "http://127.0.0.1:5000/v3",
        "keystone_authtoken/username": "octavia",
        "keystone_authtoken/password": "password",
        "keystone_authtoken/project_name": "service",
        "keystone_authtoken/region_name": "RegionOne",
        "service_auth/auth_url": "http://127.0.0.1:35357/v3",
        "service_auth/username": "octavia",
        "service_auth/password": "password",
        "service_auth/project_name": "service",
        "service_auth/auth_type": "password",
        "service_auth/project_domain_id": "default",
        "service_auth/user_domain_id": "default",
        "neutron/region_name": "RegionOne",
    }
    assert {option: options.get(option) for option in expected} == expected


def test_three_rabbitmq_members_without_ports_all_count(make):
    url = make(pillar("api_cluster_predecessor")).options()["DEFAULT/transport_url"]
    hosts = [f"openstack:password@127.0.{n}.1:5672" for n in (0, 1, 2)]
    assert url == f"rabbit://{','.join(hosts)}/%2Fopenstack"


def test_the_predecessors_manager_pillar_counts_key_by_key(make):
    # what it has left to the mine
    left = {
        "manager:controller_worker:amp_image_owner_id": "7d3e9c5ab1f84a7f9f0c2d1b6a8e4c30",
        "manager:controller_worker:amp_boot_network_list": ["5a1de6a8-1c3f-4b0a-9b77-2f3f1d6c8e90"],
        "manager:controller_worker:amp_secgroup_list": ["c9f7b2de-83a1-4c55-8d0e-64f1b7a2c913"],
        "manager:health_manager:controllers": 1,
    }
    options = make(changed(pillar("manager_predecessor"), **left)).options()
    expected = {
        "certificates/ca_private_key": "/etc/octavia/certs/private/cakey.pem",
        "certificates/ca_certificate": "/etc/octavia/certs/ca_01.pem",
        "controller_worker/amp_flavor_id": "967972bb-ab54-4679-9f53-bf81d5e28154",
        "controller_worker/amp_image_tag": "amphora",
        "controller_worker/amp_ssh_key_name": "octavia_ssh_key",
        "controller_worker/loadbalancer_topology": "SINGLE",
        "haproxy_amphora/client_cert": "/etc/octavia/certs/client_all.pem",
        "haproxy_amphora/server_ca": "/etc/octavia/certs/ca_01.pem",
        "health_manager/bind_ip": "192.168.0.12",
        "health_manager/heartbeat_key": "insecure",
        "health_manager/controller_ip_port_list": "192.168.0.12:5555",
    }
    assert {option: options.get(option) for option in expected} == expected
    assert not [option for option in options if "spare" in option or "client_cert_" in option]


# --- addresses


@pytest.mark.parametrize(
    ("answers", "option", "written"),
    [
        ({"database:host": "fd00::1"}, "database/connection", "@[fd00::1]:3306/"),
        ({"message_queue:host": "fd00::1"}, "DEFAULT/transport_url", "@[fd00::1]:5672/"),
        ({"message_queue:members": [{"host": "fd00::1"}, {"host": "mq2", "port": 5671}]}, "DEFAULT/transport_url",
         "@[fd00::1]:5672,openstack:pw-of-rabbitmq@mq2:5671/"),
        ({"message_queue:members": ["[fd00::1]:5671", "mq2:5673", "mq3", "fd00::4"]}, "DEFAULT/transport_url",
         "@[fd00::1]:5671,openstack:pw-of-rabbitmq@mq2:5673,openstack:pw-of-rabbitmq@mq3:5672,"
         "openstack:pw-of-rabbitmq@[fd00::4]:5672/"),
        ({"message_queue:members": [{"host": "mq", "port": None}]}, "DEFAULT/transport_url", "@mq:5672/"),
        ({"identity:host": "fd00::1"}, "keystone_authtoken/auth_url", "http://[fd00::1]:5000/v3"),
        ({"identity:host": "fd00::1", "identity:protocol": "https", "identity:port": 35357},
         "keystone_authtoken/www_authenticate_uri", "https://[fd00::1]:5000/v3"),
        ({"identity:port": 443}, "keystone_authtoken/www_authenticate_uri", ":443/v3"),
        ({"cache:members": [{"host": "mc1"}, {"host": "mc2", "port": 11212}]}, "keystone_authtoken/memcached_servers",
         "mc1:11211,mc2:11212"),
        # python-memcached takes an IPv6 address in this form only
        ({"cache:members": [{"host": "fd00::1"}]}, "keystone_authtoken/memcached_servers", "inet6:[fd00::1]:11211"),
    ],
)  # fmt: skip
def test_servers_are_written_as_their_clients_read_them(make, answers, option, written):
    assert written in make(changed(shared(), **answers)).options()[option]


@pytest.mark.parametrize(
    ("answers", "targets"),
    [
        ({"controller_ip_port_list": ["10.0.0.1:5556", "10.0.0.2"]}, "10.0.0.1:5556,10.0.0.2:5555"),
        ({"controller_ip_port_list": [{"host": "10.0.0.1"}], "bind_port": 7777}, "10.0.0.1:7777"),
        ({"controllers": 1, "controller_ip_port_list": GONE, "bind_ip": "10.0.0.9"}, "10.0.0.9:5555"),
        # an amphora older than Octavia 13 splits at the last colon and resolves the rest as it is
        ({"controllers": 1, "controller_ip_port_list": GONE, "bind_ip": "fd00::9"}, "fd00::9:5555"),
        ({"controller_ip_port_list": ["[fd00::9]:5556"]}, "fd00::9:5556"),
    ],
)
def test_amphorae_are_told_every_health_manager(make, answers, targets):
    answers = {f"manager:health_manager:{name}": value for name, value in answers.items()}
    assert make(changed(shared(), **answers)).options().get("health_manager/controller_ip_port_list") == targets


@pytest.mark.parametrize(("address", "where"), [("10.0.0.1", "10.0.0.1:9876"), ("fd00::1", "[fd00::1]:9876")])
def test_the_api_listens_where_the_pillar_says(make, address, where):
    assert make(changed(shared(), **{"api:bind:address": address})).conf.listen() == where


# --- passwords


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_reaches_octavia_as_the_pillar_says_it(make, tmp_path, password):
    # oslo.messaging loses a slash of these two on its way to RabbitMQ, so the preflight refuses it there
    queue = password.replace("/", "")
    # and PyMySQL hands no others than ASCII on to MariaDB
    database = password.encode("ascii", "ignore").decode()
    answers = {
        **{f"identity:{name}": password for name in ("user", "password")},
        "database:user": database,
        "database:password": database,
        "message_queue:user": queue, "message_queue:password": queue, "message_queue:virtual_host": password,
        "manager:health_manager:heartbeat_key": password,
    }  # fmt: skip
    host = make(changed(shared(), **answers))
    assert host.faults() == []
    read = oslo(
        host.conf.render(mask=False), tmp_path / "try.conf", "database/connection", "DEFAULT/transport_url",
        "keystone_authtoken/username", "keystone_authtoken/password", "service_auth/password",
        "health_manager/heartbeat_key",
    )  # fmt: skip

    assert read["keystone_authtoken/username"] == read["keystone_authtoken/password"] == password
    assert read["service_auth/password"] == read["health_manager/heartbeat_key"] == password
    for option, text in (("database/connection", database), ("DEFAULT/transport_url", queue)):
        url = urlsplit(read[option])
        assert [unquote(part) for part in (url.username, url.password)] == [text, text]
        assert (url.query, url.fragment) == ("", "")
    assert unquote(urlsplit(read["DEFAULT/transport_url"]).path.removeprefix("/")) == password


@pytest.mark.parametrize("password", PASSWORDS)
def test_render_and_parse_are_inverse_as_far_as_octavia_writes(make, password):
    host = make(changed(shared(), **{"identity:password": password}))
    text = host.conf.render(mask=False)
    flat = {
        f"{section}/{name}": host.conf._printed(value)
        for section, names in host.conf.options(mask=False).items()
        for name, value in names.items()
    }
    assert host.diff.parse(text) == flat


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        (["a b", "c$d", "e%f"], "ListOpt", ["a b", "c$d", "e%f"]),
        (True, "BoolOpt", True),
        (0.5, "FloatOpt", 0.5),
        (7, "IntOpt", 7),
        ("", "StrOpt", ""),
        ([], "ListOpt", []),
        ("key:value,other:thing", "DictOpt", {"key": "value", "other": "thing"}),
    ],
)
def test_any_option_of_octavia_can_be_set(make, tmp_path, value, kind, read):
    host = make(changed(shared(), **{"config": {"a_section": {"an_option": value}}}))
    assert oslo(host.conf.render(mask=False), tmp_path / "t", ("a_section/an_option", kind)) == {
        "a_section/an_option": read
    }


def test_config_counts_more_than_every_key(make):
    config = {
        "api_settings": {"bind_port": 1},
        "database": {"connection": "sqlite://"},
        "DEFAULT": {"debug": True},
    }
    options = make(changed(shared(), **{"config": config})).options()
    assert options["api_settings/bind_port"] == "1"
    assert options["database/connection"] == "sqlite://"
    assert options["DEFAULT/debug"] == "true"


@pytest.mark.parametrize("config", [{"api_settings": {"bind_port": None}}, {"api_settings": None}, None])
def test_null_in_config_takes_nothing_away(make, config):
    assert make(changed(shared(), **{"config": config})).options()["api_settings/bind_port"] == "9876"


# --- features


def test_tls_to_the_database(make):
    tls = {"enabled": True, "ca": "/etc/ssl/a b&c.pem", "cert": "/c.pem", "key": "/k.pem"}
    url = make(changed(shared(), **{"database:ssl": tls})).options()["database/connection"]
    assert url.endswith("/octavia?ssl_ca=/etc/ssl/a%20b%26c.pem&ssl_cert=/c.pem&ssl_key=/k.pem")


def test_tls_that_is_off_leaves_the_url_alone(make):
    url = make(changed(shared(), **{"database:ssl": {"enabled": False, "ca": "/a"}})).options()["database/connection"]
    assert url.endswith("/octavia")


def test_tls_and_quorum_queues_of_rabbitmq(make):
    options = make(pillar("external")).options()
    assert options["oslo_messaging_rabbit/ssl"] == "true"
    assert options["oslo_messaging_rabbit/ssl_ca_file"] == "/etc/ssl/certs/mq-ca.pem"
    assert options["oslo_messaging_rabbit/rabbit_quorum_queue"] == "true"


def test_what_is_cached_can_be_encrypted(make):
    options = make(pillar("external")).options()
    assert options["keystone_authtoken/memcache_security_strategy"] == "ENCRYPT"
    assert options["keystone_authtoken/memcache_secret_key"] == "cwX0yXsJ4Yxyi5t0OYEEVtHuaGuhzqXI"
    assert options["keystone_authtoken/memcached_servers"] == "10.0.0.11:11211"


def test_without_members_nothing_is_said_of_memcached(make):
    assert not [option for option in make(shared()).options() if "memcache" in option]


@pytest.mark.parametrize(
    ("answers", "driver", "topics"),
    [
        ({}, None, None),
        ({"notification": False}, None, None),
        ({"notification": True}, "messagingv2", None),
        ({"notification": {"driver": "log"}}, "log", None),
        ({"notification": {"topics": ["one", "two"]}}, "messagingv2", "one,two"),
        ({"api:notification": {"topics": "one"}}, "messagingv2", "one"),
        ({"api:notification": {"driver": "log"}, "notification": {"topics": "one"}}, "log", "one"),
        ({"api:notification": False, "notification": {"topics": "one"}}, None, None),
    ],
)
def test_notifications(make, answers, driver, topics):
    options = make(changed(shared(), **answers)).options()
    assert options.get("oslo_messaging_notifications/driver") == driver
    assert options.get("oslo_messaging_notifications/topics") == topics


@pytest.mark.parametrize("endpoint", ["public", "publicURL", "internal", "admin"])
@pytest.mark.parametrize("version", RELEASES)
def test_neutron_is_asked_in_the_form_of_the_release(make, version, endpoint):
    answers = {"identity:ca": "/ca.pem", "identity:endpoint_type": endpoint}
    options = make(changed(shared(), **answers), octavia=version).options()
    neutron = {option.split("/")[1]: value for option, value in options.items() if option.startswith("neutron/")}
    short = endpoint.removesuffix("URL")
    old = {"endpoint_type": f"{short}URL", "ca_certificates_file": "/ca.pem", "region_name": "RegionOne"}
    new = {
        "valid_interfaces": short, "cafile": "/ca.pem", "region_name": "RegionOne", "auth_type": "password",
        "auth_url": "http://keystone.example.org:5000/v3", "username": "octavia", "password": "pw-of-keystone",
        "project_name": "service", "project_domain_id": "default", "user_domain_id": "default",
    }  # fmt: skip
    assert neutron == (old if int(version.split(".")[0]) < 13 else new)
    assert options["nova/endpoint_type"] == options["glance/endpoint_type"] == f"{short}URL"
    assert options["keystone_authtoken/interface"] == short


@pytest.mark.parametrize(
    ("cpus", "answers", "size"),
    [
        (1, {}, (2, 4)), (4, {}, (4, 4)), (64, {}, (8, 4)),
        (64, {"api:processes": 3, "api:threads": 9}, (3, 9)),
    ],
)  # fmt: skip
def test_the_size_of_the_api(make, cpus, answers, size):
    found = make(changed(shared(), **answers), grains={"num_cpus": cpus}).conf.size()
    assert (found["processes"], found["threads"]) == size


def test_the_secrets_that_are_made_are_a_sound_pillar_and_never_the_same(make):
    fragments = [yaml.safe_load(make(shared()).conf.generate_secrets()) for _ in range(2)]
    leaves = [{value for _key, value in _leaves(fragment)} for fragment in fragments]
    assert len(leaves[0]) == 4 and not leaves[0] & leaves[1]
    tree = shared()
    update(tree, fragments[0])
    assert make(tree).check.pillar() == {"faults": [], "warnings": []}


# --- where an option comes from


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("api_settings/bind_port", "api:bind:port"),
        ("house_keeping/cleanup_interval", "config:house_keeping:cleanup_interval"),
        ("nova/endpoint_type", "identity:endpoint_type"),
        ("keystone_authtoken/interface", "identity:endpoint_type"),
        ("neutron/valid_interfaces", "identity:endpoint_type"),
        ("keystone_authtoken/auth_url", "identity:host"),
        ("keystone_authtoken/user_domain_name", "identity:domain"),
        ("service_auth/username", "identity:user"),
        ("neutron/password", "manager:identity:password"),
        ("neutron/cafile", "identity:ca"),
        ("neutron/timeout", "identity:timeout"),
        ("database/connection", "database"),
        ("DEFAULT/transport_url", "api:message_queue"),
        ("keystone_authtoken/memcached_servers", "cache:members"),
        ("oslo_messaging_notifications/driver", "notification"),
        ("nova/region_name", "api:identity:region"),
        ("controller_worker/amp_flavor_id", "manager:controller_worker:amp_flavor_id"),
        ("audit/audit_map_file", "api:audit:map"),
        ("oslo_policy/policy_file", "policy"),
        ("glance/endpoint", "config:glance:endpoint"),
        # made from nothing that the pillar says, or not made at all: it can be said there
        ("keystone_authtoken/auth_type", "config:keystone_authtoken:auth_type"),
        ("neutron/no_such", "config:neutron:no_such"),
        ("no_such_section", "config:no_such_section"),
    ],
)
def test_an_option_is_led_back_to_the_key_that_the_operator_wrote(make, option, key):
    tree = changed(shared(), **{
        "config": {"glance": {"endpoint": "x"}, "house_keeping": {"cleanup_interval": 3}, "nova": None},
        "api:identity:region": "r", "manager:identity:password": "other",
        "message_queue": GONE, "api:message_queue": {"host": "mq", "password": "pw"},
        # of two places that say a part each, neither is all of it
        "database:password": GONE, "manager:database:password": "pw",
    })  # fmt: skip
    assert make(tree).conf.origin(option) == f"octavia:{key}"


def test_an_option_that_is_made_from_keys_is_led_back_to_one_section(make):
    made, parts = {}, make().pillar.parts
    for key, spec in KEYS.items():
        for option in parts(spec):
            made.setdefault(option, []).append(key.split(":"))
    several = {option: os.path.commonprefix(keys) for option, keys in made.items() if len(keys) > 1}
    assert len(several) > 5 and all(several.values())


def test_all_that_is_rendered_leads_back_to_a_key_but_for_what_is_always_so(make):
    always = {
        *(f"{section}/auth_type" for section in ("keystone_authtoken", "service_auth", "neutron")),
        "keystone_authtoken/service_token_roles_required",
    }
    for octavia in RELEASES:
        host = make(pillar("every_key"), octavia=octavia)
        config = pillar("every_key")["octavia"].get("config", {})
        found = {option for option in host.options() if host.conf.origin(option).startswith("octavia:config:")}
        assert found - {f"{section}/{name}" for section in config for name in config[section]} <= always
