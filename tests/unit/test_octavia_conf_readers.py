"""Who reads what of octavia.conf, what of it is secret, and how text of it is understood."""

from operator import attrgetter

import pytest
from formula import Host, changed, pillar, shared

SERVICES = ("api", "worker", "health_manager", "housekeeping", "driver_agent")
CONTROLLERS = {"worker", "health_manager", "housekeeping"}
EVERYBODY = set(SERVICES)


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, tree, **kwargs)


def _read(host, tree=None, **answers):
    """Each service's fingerprints, once octavia.conf is as a pillar says."""
    host.tree["octavia"] = changed(tree or shared(), **answers)["octavia"] | {"host": host.paths()}
    host.again()
    host.conf_file.write_text(host.conf.render(mask=False))
    return {service: host.conf.fingerprints(service) for service in SERVICES}


def _restarted(before, after):
    return {service for service in SERVICES if before[service] != after[service]}


@pytest.mark.parametrize(
    ("answers", "readers"),
    [
        ({"api:bind:port": 9877}, {"api"}),
        ({"api:quotas:pool": 5}, {"api"}),
        ({"api:cors:allowed_origin": "https://horizon.example.org"}, {"api"}),
        ({"config": {"api_settings": {"pagination_max_limit": 10}}}, {"api"}),
        ({"manager:health_manager:bind_ip": "172.16.0.12"}, {"health_manager"}),
        ({"manager:health_manager:bind_port": 5556}, {"health_manager"}),
        ({"config": {"house_keeping": {"cleanup_interval": 9}}}, {"housekeeping"}),
        ({"manager:controller_worker:amp_flavor_id": "other"}, CONTROLLERS),
        ({"manager:health_manager:controller_ip_port_list": ["172.16.0.13"]}, CONTROLLERS),
        ({"manager:certificates:ca_private_key": "/other.pem"}, CONTROLLERS),
        ({"controller_worker:loadbalancer_topology": "ACTIVE_STANDBY"}, {"api", *CONTROLLERS}),
        ({"config": {"driver_agent": {"status_max_processes": 9}}}, {"api", "driver_agent"}),
        ({"api:tls:default_pool_ciphers": "A:B"}, {"api", *CONTROLLERS}),
        ({"api:tls:minimum_tls_version": "TLSv1.2"}, {"api"}),
        ({"api:healthcheck:detailed": True}, {"api"}),
        ({"api:oslo_middleware:enable_proxy_headers_parsing": True}, {"api"}),
        ({"api:audit:enabled": True, "api:audit:map": "[DEFAULT]"}, {"api"}),
        ({"identity:http_connect_timeout": 5, "cache:memcache_pool_maxsize": 5}, {"api"}),
        ({"networking:allow_vip_port_id": False}, {"api", *CONTROLLERS}),
        ({"nova:availability_zone": "az1"}, {"api", *CONTROLLERS}),
        ({"cinder:volume_size": 5}, {"api", *CONTROLLERS}),
        ({"certificates:cert_validity_time": 9999999}, {"api", *CONTROLLERS}),
        ({"haproxy_amphora:timeout_client_data": 5}, {"api", *CONTROLLERS}),
        ({"manager:haproxy_amphora:connection_max_retries": 5}, CONTROLLERS),
        ({"manager:compute:max_retries": 5}, CONTROLLERS),
        ({"manager:amphora_agent:log_protocol": "TCP"}, CONTROLLERS),
        ({"manager:keepalived_vrrp:vrrp_advert_int": 5}, CONTROLLERS),
        ({"manager:task_flow:max_workers": 9}, CONTROLLERS),
        ({"manager:jobboard:backend_password": "another"}, CONTROLLERS),
        ({"manager:health_manager:heartbeat_interval": 9}, CONTROLLERS),
        ({"manager:health_manager:failover_threshold": 9}, {"health_manager"}),
        ({"manager:house_keeping:cert_interval": 9}, {"housekeeping"}),
        ({"message_queue:topic": "other"}, {"api", "worker"}),
        ({"message_queue:heartbeat_rate": 4}, EVERYBODY),
        ({"logging:use_json": True}, EVERYBODY),
        ({"driver_agent:enabled": True, "driver_agent:get_max_processes": 9}, {"api", "driver_agent"}),
        ({"ovn:ovsdb_probe_interval": 9}, {"api", "driver_agent"}),
        ({"database:password": "another"}, EVERYBODY),
        ({"debug": True}, EVERYBODY),
        ({"config": {"a_section_that_nobody_knows": {"a": "b"}}}, EVERYBODY),
        # no service reads these
        ({"api:threads": 9, "manager:ssh:user": "somebody", "db:create": True, "version": "zed"}, set()),
    ],
)
def test_a_change_concerns_those_who_read_it_and_nobody_else(make, answers, readers):
    host = make()
    assert _restarted(_read(host), _read(host, **answers)) == readers


FILES = {
    "manager:certificates:ca_private_key": CONTROLLERS,
    "manager:haproxy_amphora:client_cert_all": CONTROLLERS,
    "manager:controller_worker:client_ca": CONTROLLERS,
    "identity:ca": EVERYBODY,
    "message_queue:ssl:ca": EVERYBODY,
    "database:ssl:ca": EVERYBODY,
}


@pytest.mark.parametrize(("key", "readers"), FILES.items(), ids=FILES)
def test_other_content_of_a_file_concerns_those_who_read_the_file(make, tmp_path, key, readers):
    host, path = make(), tmp_path / "file.pem"
    answers = {key: str(path), "database:ssl:enabled": True, "message_queue:ssl:enabled": True}
    path.write_text("one")
    before = _read(host, **answers)
    path.write_text("two")
    assert _restarted(before, _read(host, **answers)) == readers


def test_a_file_that_config_names_counts_like_one_that_a_key_names(make, tmp_path):
    host, path = make(), tmp_path / "file.pem"
    answers = {"config": {"haproxy_amphora": {"client_cert": str(path)}}}
    before = _read(host, **answers)
    path.write_text("now it is there")
    assert _restarted(before, _read(host, **answers)) == CONTROLLERS


def test_a_file_of_a_feature_that_is_off_concerns_nobody(make, tmp_path):
    host, path = make(), tmp_path / "ca.pem"
    answers = {"database:ssl": {"enabled": False, "ca": str(path)}}
    before = _read(host, **answers)
    path.write_text("now it is there")
    assert _restarted(before, _read(host, **answers)) == set()


def test_comments_and_order_concern_nobody(make):
    host = make()
    before = _read(host)
    host.conf_file.write_text("# by hand\n" + host.conf_file.read_text().replace(" = ", "="))
    assert {service: host.conf.fingerprints(service) for service in SERVICES} == before


def test_what_is_not_there_yet_has_a_fingerprint_too(make):
    host = make(shared())
    assert host.conf.fingerprints("api") == {}


# --- a dry run


def test_a_dry_run_sees_what_octavia_conf_is_about_to_be(make):
    host = make()
    before = _read(host)
    host.opts["test"] = True
    host.context["octavia_conf.pending"] = {str(host.conf_file): host.conf_file.read_text() + "[house_keeping]\na = b"}
    after = {service: host.conf.fingerprints(service) for service in SERVICES}
    assert _restarted(before, after) == {"housekeeping"}


@pytest.mark.parametrize("test", [True, False])
def test_a_dry_run_sees_a_certificate_that_is_about_to_be_written(make, tmp_path, test):
    host, path = make(test=test), tmp_path / "client_ca.pem"
    tree = changed(pillar("certificates_pillar"), **{"manager:controller_worker:client_ca": str(path)})
    path.write_text("one\n")
    before = _read(host, tree)
    host.context["octavia_certificates.planned"] = {str(path): "another\n"}
    after = {service: host.conf.fingerprints(service) for service in SERVICES}
    # in the real run the file itself has changed by the time that a service state asks
    assert _restarted(before, after) == (CONTROLLERS if test else set())


def test_a_certificate_that_the_pillar_writes_as_it_stands_is_no_change(make, tmp_path):
    host = make(test=True)
    path = tmp_path / "client_ca.pem"
    tree = changed(pillar("certificates_pillar"), **{"manager:controller_worker:client_ca": str(path)})
    content = tree["octavia"]["certificates"]["client_ca.cert.pem"]
    path.write_text(content)
    # file.managed ends a file with a line break
    assert _read(host, tree) == _read(host, tree, **{"certificates:client_ca.cert.pem": content.rstrip("\n")})


# --- secrets


@pytest.mark.parametrize(
    "option",
    [
        "database/connection", "DEFAULT/transport_url", "oslo_messaging_notifications/transport_url",
        "keystone_authtoken/password", "service_auth/password", "neutron/password",
        "keystone_authtoken/memcache_secret_key", "health_manager/heartbeat_key",
        "certificates/server_certs_key_passphrase", "certificates/ca_private_key_passphrase",
        "task_flow/persistence_connection", "task_flow/jobboard_backend_password", "database/slave_connection",
        "task_flow/jobboard_zookeeper_ssl_options", "task_flow/jobboard_redis_sentinel_password",
        "keystone_authtoken/memcache_password",
        "oslo_messaging_rabbit/ssl_key_password", "service_auth/token", "service_auth/client_secret",
    ],
)  # fmt: skip
def test_a_secret_is_known_by_its_name(make, option):
    assert make().diff.is_secret(option)


@pytest.mark.parametrize(
    "option",
    [
        "keystone_authtoken/username", "keystone_authtoken/auth_url", "keystone_authtoken/service_token_roles",
        "api_settings/bind_port", "certificates/ca_private_key", "haproxy_amphora/connection_max_retries",
        "keystone_authtoken/memcache_security_strategy", "controller_worker/amp_ssh_key_name",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_shown(make, option):
    assert not make().diff.is_secret(option)


@pytest.mark.parametrize("show", ["conf.render", "conf.options", "pillar.settings"])
def test_nothing_shows_a_secret_unless_it_is_asked_to(make, show):
    tree = pillar("external")
    tree["octavia"]["config"]["task_flow"] = {"persistence_connection": "mysql://u:FromConfig@h/d"}
    host = make(tree)
    octavia = tree["octavia"]
    secrets = [octavia[section]["password"] for section in ("database", "identity", "message_queue")]
    shown = str(attrgetter(show)(host)())
    assert "(hidden)" in shown
    assert not [secret for secret in (*secrets, "FromConfig", "cwX0yXsJ4Yxyi5t0OYEEVtHuaGuhzqXI") if secret in shown]


def test_the_settings_of_another_module_hold_secrets(make):
    settings = make(shared()).pillar.settings(mask=False)
    assert settings["database"]["password"] == "pw-of-the-database"
    assert settings["roles"] == ["api", *("worker", "health_manager", "housekeeping")]
    assert settings["release"] == "11.0.0"


# --- text of octavia.conf


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a = b", {"DEFAULT/a": "b"}),
        ("[s]\na=b=c", {"s/a": "b=c"}),
        ("[s]\na: b=c", {"s/a": "b=c"}),
        ("[s]\n# a = b\n; a = b\n\nc = d", {"s/c": "d"}),
        ("[s]\na = b\n  c\n\td", {"s/a": "b\nc\nd"}),
        ("[s]\na = b\n\n  c", {"s/a": "b", "s/line 4": ""}),
        ("[s]\na = b\n#\n  c", {"s/a": "b", "s/line 4": ""}),
        ("[s]\na = b\na = c", {"s/a": "b\nc"}),
        ("[s]\r\na = b\r\n", {"s/a": "b"}),
        ("[s]\na =", {"s/a": ""}),
        ("[s]\na = one\u2028two\x85three", {"s/a": "one\u2028two\x85three"}),
        ("no sign at all", {"DEFAULT/line 1": ""}),
        ("a = b\n[s]\n  from nothing", {"DEFAULT/a": "b", "s/line 3": ""}),
    ],
)
def test_text_is_understood_as_oslo_config_does(make, text, found):
    assert make().diff.parse(text) == found


def test_the_same_pillar_gives_the_same_bytes_in_whatever_order_it_says_it(make):
    def backwards(tree):
        return {k: backwards(tree[k]) for k in reversed(tree)} if isinstance(tree, dict) else tree

    assert make(shared()).conf.render() == make(backwards(shared())).conf.render()


def test_default_stands_first_and_all_else_in_order(make):
    sections = [line for line in make(shared()).conf.render().splitlines() if line.startswith("[")]
    assert sections == ["[DEFAULT]", *sorted(sections[1:])]


def test_a_formula_that_is_not_on_the_file_server_is_one_line(make):
    host = make(shared())
    host.salt["cp.cache_file"] = lambda url, saltenv: ""
    with pytest.raises(Exception, match=r"^salt://octavia/conf.yaml is not on the file server \(saltenv base\)$"):
        host.pillar.data()
