"""
The gate in the Python of Debian 12, of Debian 13, and with the newest Octavia of PyPI: the table of options, and what
it finds in an octavia.conf.

The machines are none of a controller, just hosts with the packages installed: see the trees gate-12 and gate-13.
"""

import json
import os
import re
import sys

import pytest
import yaml
from harness import ROOT, Issued
from lab import Lab, trees

sys.path.insert(0, str(ROOT / "tests" / "unit"))
from formula import Host

PYTHONS = {
    "Debian 12": ("controller1", "gate-12", "/usr/bin/python3"),
    "Debian 13": ("controller2", "gate-13", "/usr/bin/python3"),
    "newest": ("controller2", "gate-13", "/opt/octavia/bin/python3"),
}
BOUND = 1.8  # seconds of CPU; a machine with nothing else to do needs half of it


class Python:
    """One Python with Octavia in it: ``python.ask((module, function, kwargs), ...)`` runs a worker."""

    def __init__(self, machine, path):
        self.machine, self.path = machine, path
        self.table, self.cpu = None, None

    def ask(self, *requests):
        lines = [json.dumps(dict(zip(("module", "function", "kwargs"), each, strict=True))) for each in requests]
        timed = f"TIMEFORMAT='%U %S'; time {self.path} -IB /srv/host/worker.py"
        done = self.machine.run(["bash", "-c", timed], input="".join(line + "\n" for line in lines))
        self.cpu = sum(map(float, done.stderr.split()[-2:]))
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert not [answer for answer in answers if "error" in answer]
        return [answer["return"] for answer in answers]

    def check(self, *texts, **kwargs):
        requests = (("gate", "check", {"text": text, "user": "octavia", **kwargs}) for text in texts)
        return [answer["findings"] for answer in self.ask(*requests)]


@pytest.fixture(scope="module")
def machines():
    with Lab(f"gate{os.getpid()}") as lab:
        for name, tree in dict(each[:2] for each in PYTHONS.values()).items():
            lab.bare(name, trees.prepared(tree)).put_tree(ROOT / "octavia" / "host", "/srv/host")
        yield lab.machines


@pytest.fixture(scope="module", params=PYTHONS)
def python(request, machines):
    name, _, path = PYTHONS[request.param]
    found = Python(machines[name], path)
    found.table = found.ask(("registry", "table", {}))[0]
    return found


# --- the table


def test_the_table_has_the_options_of_octavia_and_of_its_libraries(python):
    options = python.table["options"]
    major = int(python.table["octavia"].split(".")[0])
    assert major == 11 or major >= 16
    assert options["api_settings/bind_port"] == {"type": "port", "default": 9876}
    assert options["controller_worker/loadbalancer_topology"]["choices"] == ["ACTIVE_STANDBY", "SINGLE"]
    assert options["database/connection"]["secret"]
    assert "default" not in options["certificates/server_certs_key_passphrase"]
    assert options["certificates/server_certs_key_passphrase"]["type"] == ("list" if major >= 17 else "pattern")
    assert options["DEFAULT/debug"] == {"type": "boolean", "mutable": True}
    assert {
        "DEFAULT/transport_url", "DEFAULT/log_dir", "audit/enabled", "cors/allowed_origin", "healthcheck/backends",
        "keystone_authtoken/auth_url", "keystone_authtoken/memcached_servers", "keystone_authtoken/username",
        "oslo_concurrency/lock_path", "oslo_messaging_notifications/driver", "oslo_messaging_rabbit/ssl",
        "oslo_middleware/max_request_body_size", "oslo_policy/policy_file", "service_auth/auth_url",
        "service_auth/cafile", "service_auth/password",
    } <= options.keys()  # fmt: skip
    assert all((name in options) is (major >= 13) for name in ("neutron/auth_url", "service_auth/region_name"))
    assert "user_name" in str(options["keystone_authtoken/username"]["was"])


def test_the_file_is_a_script_that_prints_the_table(python):
    printed = python.machine.run([python.path, "-IB", "/srv/host/registry.py"]).stdout
    assert json.loads(printed) == python.table
    assert printed == json.dumps(python.table, indent=1, sort_keys=True) + "\n"


# --- what the formula renders


@pytest.fixture(scope="module")
def contents():
    """The files that pillar.example names."""
    ca = Issued("amphora CA", passphrase="fake-ca-passphrase-fake-ca-passphrase")
    client_ca = Issued("controller CA")
    client = Issued("controller", by=client_ca, authority=False)
    where = "/etc/octavia/certs"
    return {
        f"{where}/server_ca.cert.pem": ca.certificate,
        f"{where}/server_ca.key.pem": ca.key,
        f"{where}/client_ca.cert.pem": client_ca.certificate,
        f"{where}/client.cert-and-key.pem": client.certificate + client.key,
    }


@pytest.fixture
def example(python, tmp_path):
    """octavia.conf of pillar.example, for the Octavia of this Python."""
    tree = yaml.safe_load((ROOT / "pillar.example").read_text())
    tree["octavia"].pop("version")
    if not any(option.startswith("ovn/") for option in python.table["options"]):
        # OVN's provider has a package of its own
        del tree["octavia"]["ovn"], tree["octavia"]["driver_agent"]["enabled_provider_agents"]
    return Host(tmp_path, tree, octavia=python.table["octavia"]).conf.render(mask=False)


def test_octavia_itself_loads_it(python, example):
    python.machine.write("/srv/octavia.conf", example, 0o600)
    init = "from octavia.common import config; config.init([], default_config_files=['/srv/octavia.conf'])"
    python.machine.run([python.path, "-IBc", init])


def test_all_that_the_formula_renders_from_the_example_is_sound(python, contents, example, record_property):
    assert example.count(" = ") > 80
    other = Issued("somebody")
    for path in re.findall("= (/\\S+[.](?:pem|conf|j2|yaml|template))$", example, re.M):
        contents.setdefault(path, other.key if "key" in path else other.certificate)
    assert python.check(example, contents=contents) == [[]]
    record_property("cpu", python.cpu)
    print(f"{python.cpu} s of CPU for one check with Octavia {python.table['octavia']}")
    assert python.cpu < BOUND


# --- what is wrong

ISSUED = Issued("some CA")
EARLY = Issued("early CA", begins=2)
CONTENTS = {
    "/ca.pem": ISSUED.certificate,
    "/ca.key": ISSUED.key,
    "/other.key": Issued("other").key,
    "/text": "hello",
    "/early.pem": EARLY.certificate,
    "/early.key": EARLY.key,
    "/map.conf": "[path_keywords]\nloadbalancers = loadbalancer\n",
    "/nonsense.conf": "[path_keywords]\nnonsense\n",
    "/twice.conf": "[path_keywords]\na = b\nA = b\n",
    "/percent.conf": "[custom_actions]\na = 100%\n",
    "/action.conf": "[custom_actions]\nfailover = do/failover\n",
    "/resource.conf": "[service_endpoints]\nload-balancer = lb\n",
    "/good.j2": "{{ listener.id | hash_amp_id }}\n{% include 'text' %}",
    "/bad.j2": "global\n{% if x %}\n{% endfor %}\n",
    "/filter.j2": "{{ x | nonsense }}",
    "/lonely.j2": "{% extends 'base.j2' %}",
}
SECRET = "correct-horse-battery"
# section, lines, the findings; a tuple of releases at the end where it is not the same in all
BAD = [
    ("octavia", "region_name = a", "fault octavia there is no such section"),
    ("octavia", "auth_type = password", "fault octavia there is no such section"),
    ("api_setting", "bind_port = 1", "fault api_setting there is no such section nearest known: [api_settings]"),
    ("api_settings", "bind_prot = 1",
     "fault api_settings/bind_prot there is no such option nearest known: api_settings/bind_port"),
    ("api_settings", "api_handler = a", "fault api_settings/api_handler there is no such option"),
    ("api_settings", "topic = a",
     "fault api_settings/topic there is no such option nearest known: oslo_messaging/topic"),
    ("oslo_messaging_rabbit", "rabbit_quorum_queues = true",
     "fault oslo_messaging_rabbit/rabbit_quorum_queues there is no such option "
     "nearest known: oslo_messaging_rabbit/rabbit_quor"),
    ("keystone_authtoken", "memcache_servers = a",
     "warning keystone_authtoken/memcache_servers was renamed keystone_authtoken/memcached_servers"),
    ("keystone_authtoken", "auth-url = a",
     "fault keystone_authtoken/auth-url there is no such option nearest known: keystone_authtoken/auth_url"),
    ("service_auth", "memcached_servers = a", "fault service_auth/memcached_servers there is no such option"),
    ("api_settings", "bind_port = x", 'fault api_settings/bind_port "x" is not a port number'),
    ("api_settings", "bind_port = 65536", 'fault api_settings/bind_port "65536" is out of range'),
    ("api_settings", "bind_host = ctl1", 'fault api_settings/bind_host "ctl1" is not an IP address an IP address'),
    ("api_settings", "allow_sorting = maybe", 'fault api_settings/allow_sorting "maybe" is not true or false'),
    ("DEFAULT", "debug = maybe", 'fault DEFAULT/debug "maybe" is not true or false true or false'),
    ("controller_worker", "workers = 0", 'fault controller_worker/workers "0" is out of range an integer from 1'),
    ("controller_worker", "loadbalancer_topology = TRIPLE",
     'fault controller_worker/loadbalancer_topology "TRIPLE" is not among the choices one of ACTIVE_STANDBY, SINGLE'),
    ("nova", "anti_affinity_policy = x", 'fault nova/anti_affinity_policy "x" is not among the choices one of'),
    ("api_settings", "bind_port = 1\nbind_port = 2", "warning api_settings/bind_port is set 2 times"),
    ("DEFAULT", "debug = true\nnonsense", "fault DEFAULT line 3: no ':' or '=' found in assignment"),
    ("controller_worker", "user_data_config_drive = true",
     "warning controller_worker/user_data_config_drive is deprecated: ", range(12, 99)),
    ("keystone_authtoken", "user_name = a", "warning keystone_authtoken/user_name was renamed keystone_authtoken/user"),
    ("neutron", "endpoint_type = publicURL", "warning neutron/endpoint_type is deprecated: ", range(13, 99)),
    ("task_flow", "jobboard_etcd_timeout = 5",
     "fault task_flow/jobboard_etcd_timeout there is no such option", range(11, 16)),
    ("nova", "availability_zone = $no", "fault nova/availability_zone $ and a name stand for"),
    ("nova", "availability_zone = $region_name", "warning nova/availability_zone $ and a name stand for"),
    ("database", f"connection = mysql+pymysql://octavia:{SECRET}$debug@db/octavia",
     "fault database/connection $ and a name stand for"),
    ("database", f"connection = mysql+none://octavia:{SECRET}@db/octavia",
     "fault database/connection names a database that SQLAlchemy does not know"),
    ("database", f"connection = postgresql+pg8000://octavia:{SECRET}@db/octavia",
     "fault database/connection needs the Python library pg8000, which is not installed"),
    ("database", f"connection = {SECRET}", "fault database/connection is not the URL of a database"),
    ("database", f"connection = mysql+pymysql://octavia:{SECRET}@db/octavia?ssl_ca=/none.pem",
     'fault database/connection "/none.pem" does not exist'),
    ("database", f"connection = mysql+pymysql://octavia:{SECRET}@db/octavia?ssl_cert=/ca.pem&ssl_key=/other.key",
     'fault database/connection "/ca.pem" holds a certificate that does not match its key'),
    ("DEFAULT", f"transport_url = rabit://octavia:{SECRET}@mq:5672/",
     'fault DEFAULT/transport_url the driver "rabit" is not installed one of '),
    ("DEFAULT", f"transport_url = {SECRET}", "fault DEFAULT/transport_url is not the URL of a message queue"),
    ("DEFAULT", f"transport_url = rabbit://octavia:{SECRET}@mq:port/",
     "fault DEFAULT/transport_url is not the URL of a message queue"),
    ("oslo_messaging_notifications", "driver = messagingv3",
     'fault oslo_messaging_notifications/driver "messagingv3" is not installed one of log, '),
    ("oslo_messaging_rabbit", "ssl_cert_file = /ca.pem\nssl_key_file = /other.key",
     'fault oslo_messaging_rabbit/ssl_cert_file "/ca.pem" holds a certificate that does not match its key'),
    ("oslo_messaging_rabbit", "rabbit_quorum_queue = true\nrabbit_ha_queues = true",
     "fault oslo_messaging_rabbit/rabbit_ha_queues excludes rabbit_quorum_queue"),
    ("keystone_authtoken", "auth_type = passwort\nauth_url = http://k\nusername = octavia",
     'fault keystone_authtoken/auth_type "passwort" is not installed one of '),
    ("keystone_authtoken", "auth_type = password", "fault keystone_authtoken/auth_url is required and not set"),
    ("service_auth", "auth_type = v3applicationcredential\nauth_url = http://k\napplication_credential_id = a\n"
     f"application_credential_secret = {SECRET}\nuser_domain_id = default", None),
    ("service_auth", "auth_type = v3applicationcredential\nauth_url = http://k\napplication_credential_id = a\n",
     "fault service_auth/application_credential_secret is required and not set"),
    ("keystone_authtoken", "auth_section = identity\n[identity]\nauth_type = password\nauth_url = http://k", None),
    ("neutron", "auth_type = password", "fault neutron/auth_type there is no such option", range(11, 13)),
    ("neutron", "auth_type = v3token\ntoken = a", None, range(13, 99)),
    ("keystone_authtoken", "cafile = /none.pem", 'fault keystone_authtoken/cafile "/none.pem" does not exist'),
    ("keystone_authtoken", "memcache_security_strategy = ENCRYPT",
     "fault keystone_authtoken/memcache_security_strategy needs memcache_secret_key, which is not set"),
    ("certificates", "ca_certificate = /ca.pem\nca_private_key = /other.key",
     'fault certificates/ca_certificate "/ca.pem" holds a certificate that does not match its key (ca_private_key)'),
    ("certificates", "ca_certificate = /text", 'fault certificates/ca_certificate "/text" holds no certificate'),
    ("certificates", "ca_private_key = /etc/shadow",
     'fault certificates/ca_private_key "/etc/shadow" cannot be read by octavia'),
    ("certificates", f"ca_private_key = /ca.key\nca_private_key_passphrase = {SECRET}",
     'fault certificates/ca_private_key "/ca.key" holds a private key that is not encrypted'),
    ("certificates", f"server_certs_key_passphrase = {SECRET}", "fault certificates/server_certs_key_passphrase the"),
    ("certificates", "server_certs_key_passphrase = insecure-key-do-not-use-this-key",
     "fault certificates/server_certs_key_passphrase is the default that Octavia's source shows to everybody"),
    ("certificates", "signing_digest = md6", 'fault certificates/signing_digest "md6" is no digest'),
    ("certificates", "cert_manager = vault", 'fault certificates/cert_manager "vault" is not installed one of barb'),
    ("certificates", "cert_generator = x", 'fault certificates/cert_generator "x" is not installed'),
    ("certificates", "barbican_auth = x", 'fault certificates/barbican_auth "x" is not installed'),
    *(("controller_worker", f"{kind}_driver = x", f'fault controller_worker/{kind}_driver "x" is not')
      for kind in ("amphora", "compute", "network", "image", "volume", "distributor")),
    ("controller_worker", "statistics_drivers = stats_db,x",
     'fault controller_worker/statistics_drivers "x" is not installed one of stats_db'),
    ("driver_agent", "enabled_provider_agents = x", 'fault driver_agent/enabled_provider_agents "x" is not installed'),
    ("task_flow", "jobboard_backend_driver = x", 'fault task_flow/jobboard_backend_driver "x" is not among'),
    ("api_settings", "enabled_provider_drivers = amphora:a,f5:b",
     'fault api_settings/enabled_provider_drivers "f5" is not installed one of amphora'),
    ("api_settings", "default_provider_driver = noop_driver",
     'fault api_settings/default_provider_driver "noop_driver" is not in enabled_provider_drivers one of amphora'),
    ("api_settings", "minimum_tls_version = TLSv1.2\ndefault_pool_tls_versions = TLSv1.1,TLSv1.2",
     'fault api_settings/default_pool_tls_versions "TLSv1.1" is below minimum_tls_version TLSv1.2 and newer'),
    ("api_settings", "default_pool_ciphers = AES128-SHA:A\ntls_cipher_prohibit_list = A",
     "fault api_settings/default_pool_ciphers A is in tls_cipher_prohibit_list other ciphers"),
    ("api_settings", "default_listener_alpn_protocols = h3", "fault api_settings/default_listener_alpn_protocols "),
    ("DEFAULT", "shell_completion = x", "fault DEFAULT/shell_completion there is no such option"),
    ("DEFAULT", "config_source = vault\n[vault]\ndriver = remote_file\nuri = http://192.0.2.1/", None),
    ("haproxy_amphora", "haproxy_template = /none.j2", 'fault haproxy_amphora/haproxy_template "/none.j2" does not'),
    ("haproxy_amphora", "haproxy_template = /good.j2", None),
    ("haproxy_amphora", "haproxy_template = /bad.j2",
     'fault haproxy_amphora/haproxy_template "/bad.j2" is no template that Jinja reads: line 3: Encountered unknown '
     "tag 'endfor'"),
    ("haproxy_amphora", "haproxy_template = /filter.j2",
     'fault haproxy_amphora/haproxy_template "/filter.j2" is no template that Jinja reads: line 1: No filter named'),
    ("haproxy_amphora", "haproxy_template = /lonely.j2",
     'fault haproxy_amphora/haproxy_template "/lonely.j2" needs base.j2 beside it, which does not exist'),
    ("amphora_agent", "logging_template_override = /text",
     'fault amphora_agent/logging_template_override "/text" must be called 10-rsyslog.conf.template'),
    ("amphora_agent", "tenant_log_targets = 10.0.0.1:514,10.0.0.2",
     'fault amphora_agent/tenant_log_targets "10.0.0.2" has no port host:port'),
    ("health_manager", "controller_ip_port_list = 10.0.0.1:5555,fd00::1:5555", None),
    ("health_manager", "controller_ip_port_list = 10.0.0.1:5555,ctl2:5555",
     'fault health_manager/controller_ip_port_list "ctl2:5555" has no IP address'),
    ("health_manager", "controller_ip_port_list = 10.0.0.1",
     'fault health_manager/controller_ip_port_list "10.0.0.1" has no port address:port'),
    ("health_manager", "controller_ip_port_list = [fd00::1]:5555",
     'fault health_manager/controller_ip_port_list "[fd00::1]:5555" has brackets'),
    ("health_manager", "controller_ip_port_list = 0.0.0.0:5555",
     'fault health_manager/controller_ip_port_list "0.0.0.0:5555" is no address that an amphora can send to'),
    ("health_manager", "controller_ip_port_list = 10.0.0.1:5555,10.0.0.1:5555",
     'fault health_manager/controller_ip_port_list "10.0.0.1:5555" is there twice'),
    ("certificates", "ca_certificate = /early.pem\nca_private_key = /early.key",
     'fault certificates/ca_certificate "/early.pem" holds a certificate that is not valid before 2'),
    ("oslo_messaging_rabbit", "ssl_cert_file = /early.pem",
     'warning oslo_messaging_rabbit/ssl_cert_file "/early.pem" holds a certificate that is not valid before 2'),
    ("haproxy_amphora", "server_ca = /early.pem",
     'fault haproxy_amphora/server_ca "/early.pem" holds no certificate that is valid before 2'),
    ("audit", "enabled = true\naudit_map_file = /none.conf", 'fault audit/audit_map_file "/none.conf" does not exist'),
    ("audit", "enabled = true", 'fault audit/audit_map_file "/etc/octavia/octavia_api_audit_map.conf" does not exist'),
    ("audit", "enabled = true\naudit_map_file = /map.conf", None),
    ("audit", "enabled = true\naudit_map_file = /nonsense.conf",
     'fault audit/audit_map_file "/nonsense.conf" has neither [section] nor name = value on line 2'),
    ("audit", "enabled = true\naudit_map_file = /twice.conf",
     'fault audit/audit_map_file "/twice.conf" says on line 3 what it has said before'),
    ("audit", "enabled = true\naudit_map_file = /percent.conf",
     'fault audit/audit_map_file "/percent.conf" has a % in [custom_actions] that stands for nothing'),
    ("audit", "enabled = true\naudit_map_file = /action.conf",
     'fault audit/audit_map_file "/action.conf" gives failover of [custom_actions] a value that is no action'),
    ("audit", "enabled = true\naudit_map_file = /resource.conf",
     'fault audit/audit_map_file "/resource.conf" gives load-balancer of [service_endpoints] a value that is no type'),
    ("DEFAULT", "logging_default_format_string = %(message)s %z",
     "fault DEFAULT/logging_default_format_string is no format"),
    ("DEFAULT", "default_log_levels = octavia=LOUD", 'fault DEFAULT/default_log_levels "octavia=LOUD" has no level'),
    ("DEFAULT", "syslog_log_facility = LOG_NOWHERE", "fault DEFAULT/syslog_log_facility "),
    ("DEFAULT", "log_dir = /etc", 'fault DEFAULT/log_dir "/etc" cannot be written to by octavia'),
]  # fmt: skip


@pytest.fixture(scope="module")
def verdicts(python):
    """All of BAD by one worker, as texts of a line for each finding."""
    found = python.check(*(f"[{section}]\n{lines}\n" for section, lines, *_ in BAD), contents=CONTENTS)
    return [[" ".join((each["level"], each["option"], each["what"], each["allowed"])) for each in one] for one in found]


@pytest.mark.parametrize("case", range(len(BAD)), ids=[f"{each[0]} {each[1].split(' ')[0]}" for each in BAD])
def test_what_is_wrong_is_one_line(python, verdicts, case):
    _, _, expected, *releases = BAD[case]
    major = int(python.table["octavia"].split(".")[0])
    found = verdicts[case]
    assert SECRET not in str(found)
    as_said = len(found) == (1 if expected else 0) and (not expected or found[0].startswith(expected))
    # what is said of some releases is not so in the others
    assert as_said is (not releases or major in releases[0]), found


def test_all_of_it_at_once_is_found_too(python, verdicts):
    text = "".join(f"[{section}]\n{lines}\n" for section, lines, *_ in BAD)
    found = python.check(text, contents=CONTENTS)[0]
    assert len(found) > len(BAD) / 2
    assert not [each for each in found if "ended with" in each["what"]]
    assert SECRET not in str(found)


def test_what_octavia_and_its_libraries_bring_themselves_is_sound(python):
    """Octavia's own template with those beside it, and the audit maps of pycadf for other services."""
    here = "import octavia.common.jinja.haproxy.combined_listeners as c; print(c.__path__[0])"
    templates = python.machine.run([python.path, "-Ic", here]).stdout.strip()
    prefix = python.path.removesuffix("/bin/python3").removesuffix("/usr")
    maps = python.machine.run(["find", f"{prefix}/etc/pycadf", "-name", "*_audit_map.conf"]).stdout.split()
    assert len(maps) > 5
    text = f"[haproxy_amphora]\nhaproxy_template = {templates}/templates/haproxy.cfg.j2\n[audit]\nenabled = true\n"
    assert python.check(*(f"{text}audit_map_file = {path}\n" for path in maps)) == [[]] * len(maps)


def test_a_map_is_refused_where_the_middleware_fails_or_leaves_something_out(python):
    """What it does with one is asked of itself."""
    ask = (
        "import sys; from keystonemiddleware.audit import _api;"
        "print(_api.OpenStackAuditApi('/dev/stdin')._MAP.custom_actions)"
    )
    for name in ("/nonsense.conf", "/twice.conf", "/percent.conf", "/map.conf"):
        done = python.machine.run([python.path, "-Ic", ask], input=CONTENTS[name], check=False)
        assert (done.returncode == 0) is (name in ("/percent.conf", "/map.conf")), done.stderr
        if name == "/percent.conf":
            assert done.stdout.strip() == "{}"


def test_texts_are_judged_alone_too(python):
    planned = {
        "audit/audit_map_file": ["/etc/octavia/audit_map.conf", CONTENTS["/action.conf"]],
        "haproxy_amphora/haproxy_template": ["/etc/octavia/haproxy_template.cfg.j2", CONTENTS["/good.j2"]],
    }
    found = python.ask(("texts", "check", {"texts": planned, "user": "octavia"}))[0]
    assert [(each["option"], each["what"].split(" ")[0]) for each in found] == [
        ("audit/audit_map_file", "gives"),
        ("haproxy_amphora/haproxy_template", "needs"),
    ]


DRIVER = """
from oslo_config import cfg
cfg.CONF.register_opts([cfg.StrOpt("name")], group="other")
"""


def test_a_provider_driver_that_lists_no_options_brings_its_section(python):
    text = "[api_settings]\nenabled_provider_drivers = amphora:a,other:b\n[other]\nname = a\n"
    assert [each["option"] for each in python.check(text)[0]] == ["api_settings/enabled_provider_drivers", "other"]
    where = python.machine.run([python.path, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout
    where = where.strip()
    python.machine.write(f"{where}/other_driver.py", DRIVER)
    python.machine.write(f"{where}/other_driver-1.dist-info/METADATA", "Name: other-driver\nVersion: 1\n")
    entry = "[octavia.api.drivers]\nother = other_driver:Driver\n"
    python.machine.write(f"{where}/other_driver-1.dist-info/entry_points.txt", entry)
    assert python.check(text) == [[]]
