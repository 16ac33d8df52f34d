"""
What an octavia.conf is judged by: options as data, how a text is read, what a message may show, certificates.

These run in Salt's Python, which has oslo.config but neither Octavia nor keystoneauth; what needs those is in
tests/integration/test_gate.py.
"""

import getpass
import importlib.util
import os
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness import ROOT, Issued
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_config import types as kinds

OPTIONS = {
    "DEFAULT": [
        cfg.BoolOpt("debug", mutable=True),
        cfg.StrOpt("transport_url", secret=True),
        cfg.StrOpt("topic", deprecated_name="queue", deprecated_group="old_messaging"),
        cfg.StrOpt("queue", deprecated_name="old-queue", deprecated_group="old_messaging"),
        cfg.MultiStrOpt("driver"),
    ],
    "api_settings": [
        cfg.PortOpt("bind_port", default=9876),
        cfg.IPOpt("bind_host"),
        cfg.StrOpt("auth_strategy", choices=["noauth", "keystone"]),
        cfg.IntOpt("limit", min=1, max=100),
        cfg.FloatOpt("interval", min=0),
        cfg.ListOpt("versions", item_type=kinds.String(choices=["1.2", "1.3"])),
        cfg.StrOpt("passphrase", regex="^[a-z]{4}$", secret=True),
        cfg.StrOpt("short", max_length=3),
        cfg.DictOpt("providers"),
        cfg.StrOpt("useless", deprecated_for_removal=True, deprecated_reason="It  never\nworked."),
        cfg.Opt("auth-url", type=str, required=True),
    ],
    "certificates": [
        cfg.StrOpt("ca_certificate"),
        cfg.StrOpt("ca_private_key"),
        cfg.StrOpt("ca_private_key_passphrase", secret=True),
    ],
    "controller_worker": [cfg.StrOpt("client_ca")],
    "haproxy_amphora": [cfg.StrOpt("client_cert"), cfg.StrOpt("server_ca"), cfg.StrOpt("haproxy_template")],
    "health_manager": [cfg.ListOpt("controller_ip_port_list")],
    "audit": [cfg.BoolOpt("enabled"), cfg.StrOpt("audit_map_file", default="/default_map.conf")],
    "amphora_agent": [cfg.ListOpt("admin_log_targets"), cfg.StrOpt("logging_template_override")],
    "task_flow": [cfg.DictOpt("jobboard_redis_backend_ssl_options")],
}
FORM = "[section], or option = value"
GOOD = "[api_settings]\nauth_url = http://keystone\n"


@pytest.fixture(scope="module")
def gate():
    """octavia/host/gate.py, with the options above in place of Octavia's, and what needs Octavia switched off."""
    keystoneauth = types.ModuleType("keystoneauth1")
    keystoneauth.loading = types.ModuleType("keystoneauth1.loading")
    exceptions = types.ModuleType("keystoneauth1.exceptions")
    exceptions.ClientException = type("ClientException", (Exception,), {})
    cadf = types.ModuleType("pycadf")
    cadf.cadftaxonomy = types.ModuleType("pycadf.cadftaxonomy")
    cadf.cadftaxonomy.is_valid_action = lambda value: value.startswith(("create", "update", "unknown"))
    cadf.cadftaxonomy.is_valid_resource = lambda value: value.startswith(("service", "data", "unknown"))
    spec = importlib.util.spec_from_file_location("worker", ROOT / "octavia" / "host" / "worker.py")
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "keystoneauth1", keystoneauth)
        patch.setitem(sys.modules, "keystoneauth1.exceptions", exceptions)
        patch.setitem(sys.modules, "pycadf", cadf)
        gate = worker.load("gate")
        patch.setattr(
            gate.registry,
            "register",
            lambda _auth=None: [
                each for where, opts in OPTIONS.items() for each in gate.registry._register(where, opts)
            ],
        )
        patch.setattr(gate.judgements, "tls", _nothing)
        patch.setattr(gate.judgements, "libraries", _nothing)
        yield gate


def _nothing(_gate):
    """A check that needs Octavia."""


def _found(gate, text, **kwargs):
    return gate.check(text, **kwargs)["findings"]


def _lines(found):
    return [" ".join((each["level"], each["option"], each["what"], each["allowed"])).strip() for each in found]


# --- options as data


@pytest.mark.parametrize(
    ("opt", "entry", "allowed"),
    [
        (cfg.BoolOpt("a", mutable=True), {"type": "boolean", "mutable": True}, "true or false"),
        (cfg.PortOpt("a", default=80), {"type": "port", "default": 80}, "a port number from 0 to 65535"),
        (cfg.IntOpt("a", min=1, max=9), {"type": "integer", "min": 1, "max": 9}, "an integer from 1 to 9"),
        (cfg.FloatOpt("a", min=0), {"type": "number", "min": 0}, "a number from 0"),
        (cfg.IPOpt("a"), {"type": "address"}, "an IP address"),
        (cfg.HostAddressOpt("a"), {"type": "host"}, "a host name or IP address"),
        (cfg.URIOpt("a"), {"type": "uri"}, "a URI"),
        (cfg.DictOpt("a", default={"b": 1}), {"type": "dict", "default": {"b": 1}}, "key:value, separated by commas"),
        (cfg.ListOpt("a"), {"type": "list"}, "a list, separated by commas"),
        (
            cfg.ListOpt("a", item_type=kinds.Integer(min=3)),
            {"type": "list", "item": {"type": "integer", "min": 3}},
            "a list, separated by commas; each an integer from 3",
        ),
        (cfg.StrOpt("a", choices=["b", None]), {"type": "string", "choices": ["b"]}, "one of b"),
        (cfg.StrOpt("a", regex="^x$"), {"type": "pattern", "pattern": "^x$"}, "text that matches ^x$"),
        (cfg.StrOpt("a", max_length=3), {"type": "string", "length": 3}, "text of at most 3 characters"),
        (cfg.MultiStrOpt("a"), {"type": "string", "multi": True}, "text"),
        (cfg.StrOpt("a", secret=True, default="b"), {"type": "string", "secret": True}, "text"),
        (cfg.StrOpt("a", default="ctl1", sample_default="<host>"), {"type": "string", "default": "<host>"}, "text"),
        (cfg.Opt("a-b", type=int, required=True), {"type": "integer", "required": True}, "an integer"),
        (cfg.StrOpt("a", deprecated_name="a-c"), {"type": "string", "was": ["group/a_c"]}, "text"),
        (cfg.StrOpt("a", deprecated_for_removal=True), {"type": "string", "deprecated": "deprecated"}, "text"),
    ],
)
def test_an_option_is_data_without_what_is_default(gate, opt, entry, allowed):
    assert gate.registry._entry("group", opt, opt.default) == entry
    assert gate.registry.allowed(gate.registry.facts(opt)) == allowed


# --- a text


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("debug = true\n" + GOOD, "fault DEFAULT line 1: an option before the first section " + FORM),
        (GOOD + "nonsense\n", "fault api_settings line 3: no ':' or '=' found in assignment " + FORM),
        (GOOD + "= x\n y\n", "fault api_settings line 3: key cannot be empty " + FORM),
        ("  x\n" + GOOD, "fault DEFAULT line 1: unexpected continuation line " + FORM),
        (GOOD + "[x\n", "fault api_settings line 3: invalid section (must end with ]) " + FORM),
        (GOOD + "[]\n", "fault api_settings line 3: empty section name " + FORM),
        (GOOD + "[api_setting]\na = b\nc = d\n",
         "fault api_setting there is no such section nearest known: [api_settings]"),
        ("[default]\ndebug = true\n" + GOOD, "fault default there is no such section"),
        (GOOD + "[(x)]\n", "fault (no name) there is no such section"),
        (GOOD + "bindport = 1\n",
         "fault api_settings/bindport there is no such option nearest known: api_settings/bind_port"),
        (GOOD + "auth-url = 1\n",
         "fault api_settings/auth-url there is no such option nearest known: api_settings/auth_url"),
        (GOOD + "topic = 1\n", "fault api_settings/topic there is no such option nearest known: DEFAULT/topic"),
        (GOOD + "gone = 1\n", "fault api_settings/gone there is no such option: removed in 15.0.0"),
        (GOOD + "[old_messaging]\nqueue = a\n", "warning old_messaging/queue was renamed DEFAULT/topic"),
        (
            "[DEFAULT]\ntopic = a\n" + GOOD + "[old_messaging]\nqueue = b\n",
            "warning old_messaging/queue was renamed, and is ignored because the new name is set too DEFAULT/topic",
        ),
        (GOOD + "[old_messaging]\nold-queue = a\n", "warning old_messaging/old-queue was renamed DEFAULT/queue"),
        (GOOD + "[old_messaging]\nold_queue = a\n", "warning old_messaging/old_queue was renamed DEFAULT/queue"),
        (GOOD + "useless = 1\n", "warning api_settings/useless is deprecated: It never worked."),
        (GOOD + "limit = 1\nlimit = 2\n", "warning api_settings/limit is set 2 times, the last counts one line"),
        (GOOD + "bind_port = 9x\n", 'fault api_settings/bind_port "9x" is not a port number from 0 to 65535'),
        (GOOD + "bind_port = 65536\n", 'fault api_settings/bind_port "65536" is out of range'),
        (GOOD + "limit = 0\n", 'fault api_settings/limit "0" is out of range an integer from 1 to 100'),
        (GOOD + "limit = 1.5\n", 'fault api_settings/limit "1.5" is not an integer'),
        (GOOD + "interval = -0.5\n", 'fault api_settings/interval "-0.5" is out of range a number from 0'),
        (GOOD + "bind_host = ctl1\n", 'fault api_settings/bind_host "ctl1" is not an IP address'),
        (GOOD + "auth_strategy = no\n", 'fault api_settings/auth_strategy "no" is not among the choices one of'),
        (GOOD + "versions = 1.2,1.1\n", 'fault api_settings/versions "1.2,1.1" has an item that is not allowed a list'),
        (GOOD + "short = four\n", 'fault api_settings/short "four" is not text text of at most 3 characters'),
        (GOOD + "providers = a\n", 'fault api_settings/providers "a" is not key:value'),
        (GOOD + "passphrase = hunter2\n", "fault api_settings/passphrase the value does not match the pattern"),
        (
            GOOD + "bind_host = $bind_port\n",
            'fault api_settings/bind_host "$bind_port" is not an IP address',
        ),
        (
            GOOD + "short = $limit\nlimit = 5\n",
            "warning api_settings/short $ and a name stand for the value of that option $$ for a $",
        ),
        (
            GOOD + "short = ${oops}\n",
            "fault api_settings/short $ and a name stand for the value of that option, and there is none $$ for a $",
        ),
        (
            "[DEFAULT]\ntransport_url = a$topic\n" + GOOD,
            "fault DEFAULT/transport_url $ and a name stand for the value of that option $$ for a $",
        ),
        ("[DEFAULT]\n", "fault api_settings/auth_url is required and not set text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_text_is_one_finding(gate, text, finding):
    found = _found(gate, text, gone={"api_settings/gone": "removed in 15.0.0"})
    found = [line for line in _lines(found) if "transport_url is not" not in line and "driver" not in line]
    assert len(found) == 1, found
    assert found[0].startswith(finding), found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[DEFAULT]\ndebug = true\n# comment\ndriver = a\ndriver = b\n",
        "short = $$a\n",
        "short = \\$a\n",
        "short = $\n",
        "short = '$.'\n",
        "versions = 1.2,\n 1.3\n",
        "[API_SETTINGS]\nbind_port: 1\n",
    ],
)
def test_a_sound_text_has_no_finding(gate, text):
    assert _found(gate, GOOD + text) == []


def test_findings_come_all_at_once_and_in_the_order_of_the_text(gate):
    text = f"nonsense\n{GOOD}limit = 0\nlimt = 1\nshort = long\n[DEFAULT]\ndebug = perhaps\n[what]\n"
    assert [each["option"] for each in _found(gate, text)] == [
        "DEFAULT", "api_settings/limit", "api_settings/limt", "api_settings/short", "DEFAULT/debug", "what",
    ]  # fmt: skip


def test_nothing_of_a_text_stays_for_the_next(gate):
    assert _found(gate, GOOD + "limit = 0\n")
    assert _found(gate, GOOD) == []
    assert "limit" not in cfg.CONF


# --- secrets

SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    "text",
    [
        f"[DEFAULT]\ntransport_url = {SECRET}\n{GOOD}auth_strategy = {SECRET}\n",
        f"{GOOD}passwort = {SECRET}\nshort = {SECRET}\n",
        f"{GOOD}passphrase = {SECRET}\n[haproxy_amphora]\nserver_ca = /etc/{SECRET}\n",
        f"[DEFAULT]\ntransport_url = rabit://octavia:{SECRET}@mq:5672/\n{GOOD}bind_host = {SECRET}\n",
        f"{GOOD}{SECRET}\n{SECRET} {SECRET}: 1\n[{SECRET} {SECRET}]\n",
        f"{GOOD}passphrase = $x {SECRET}\n",
        f"[what]\nkey = {SECRET}\n{GOOD}versions = {SECRET}\n",
        f"{GOOD}short = http://user:{SECRET}@host/\n",
    ],
)
def test_no_finding_shows_a_secret(gate, text):
    found = _found(gate, text)
    assert found
    assert SECRET not in str(found)


PIECES = [
    "[", "]", "DEFAULT", "api_settings", "limit", "passphrase", "versions", "=", ":", "$", "{", "}", "%", "\\", "'",
    '"', "#", ",", "\n", "\n ", "\r", "\t", "\x00", "\x0c", "\u2028", "\ufeff", "\ud800", "é", "1", "[api_settings]\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=60).map("".join))
@settings(deadline=None)
def test_any_text_gives_findings_and_never_an_error(gate, text):
    found = _found(gate, f"{text}\n[api_settings]\npassphrase = {SECRET}\n{text}")
    assert all(each.keys() == {"option", "level", "what", "allowed"} for each in found)
    assert SECRET not in str(found)
    assert not [each for each in found if "ended with" in each["what"]]


# --- files, certificates, keys


@pytest.fixture(scope="module")
def pki():
    """What a controller with amphorae has, by path, and variations that are wrong."""
    ca, client_ca = Issued("amphora CA", passphrase="open"), Issued("controller CA")
    client = Issued("controller", by=client_ca, authority=False)
    old, twin = Issued("old CA", days=-1), Issued("controller CA")
    expired = Issued("controller", by=client_ca, authority=False, days=-1)
    early = Issued("early CA", begins=2)
    early_client = Issued("controller", by=client_ca, authority=False, begins=2)
    return {
        "/ca.pem": ca.certificate,
        "/ca.key": ca.key,
        "/client_ca.pem": client_ca.certificate,
        "/client.pem": client.certificate + client.key,
        "/old.pem": old.certificate,
        "/old.key": old.key,
        "/twin.pem": twin.certificate,
        "/bundle.pem": old.certificate + client_ca.certificate,
        "/expired.pem": expired.certificate + expired.key,
        "/mixed.pem": client.certificate + expired.key,
        "/locked.pem": client.certificate + ca.key,
        "/leaf.pem": client.certificate,
        "/leaf.key": client.key,
        "/broken.pem": ca.certificate.replace("MII", "AAA"),
        "/broken.key": client.key[:60] + client.key[70:],
        "/text": "hello\n",
        "/early.pem": early.certificate,
        "/early.key": early.key,
        "/early_client.pem": early_client.certificate + early_client.key,
        "/early_and_old.pem": old.certificate + early.certificate,
    }


SOUND = {
    "certificates/ca_certificate": "/ca.pem",
    "certificates/ca_private_key": "/ca.key",
    "certificates/ca_private_key_passphrase": "open",
    "controller_worker/client_ca": "/client_ca.pem",
    "haproxy_amphora/client_cert": "/client.pem",
    "haproxy_amphora/server_ca": "/ca.pem",
    "haproxy_amphora/haproxy_template": "/text",
}


def _conf(**options):
    return GOOD + "".join(
        "[{}]\n{} = {}\n".format(*option.split("/"), value) for option, value in {**SOUND, **options}.items() if value
    )


CA, KEY, PASSPHRASE = (
    "certificates/ca_certificate",
    "certificates/ca_private_key",
    "certificates/ca_private_key_passphrase",
)
CLIENT = "haproxy_amphora/client_cert"
IN_TWO_DAYS = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-}"


@pytest.mark.parametrize(
    ("options", "findings"),
    [
        ({}, []),
        ({"haproxy_amphora/server_ca": "/bundle.pem", KEY: None}, []),
        ({CA: "/none.pem"}, [f'fault {CA} "/none.pem" does not exist']),
        ({CA: "/"}, [f'fault {CA} "/" is not a file']),
        ({CA: "/text"}, [f'fault {CA} "/text" holds no certificate in PEM format']),
        ({CA: "/broken.pem"}, [f'fault {CA} "/broken.pem" holds a broken certificate']),
        ({CA: "/old.pem", KEY: "/old.key", PASSPHRASE: None}, [f'fault {CA} "/old.pem" holds a certificate that ex']),
        ({CA: "/twin.pem"}, [f'fault {CA} "/twin.pem" holds a certificate that does not match its key (ca_private_k']),
        (
            {CA: "/leaf.pem", KEY: "/leaf.key", PASSPHRASE: None},
            [f'fault {CA} "/leaf.pem" holds a certificate that is not one of a certificate authority'],
        ),
        ({KEY: "/ca.pem"}, [f'fault {KEY} "/ca.pem" holds no private key in PEM format']),
        ({KEY: "/broken.key", PASSPHRASE: None}, [f'fault {KEY} "/broken.key" holds a broken private key']),
        ({PASSPHRASE: "shut"}, [f'fault {KEY} "/ca.key" does not open with the passphrase']),
        (
            {PASSPHRASE: None},
            [f'fault {KEY} "/ca.key" holds an encrypted private key, and there is no passphrase for it'],
        ),
        (
            {CA: "/leaf.pem", KEY: "/leaf.key"},
            [
                f'fault {CA} "/leaf.pem" holds a certificate that is not one of a certificate authority',
                f'fault {KEY} "/leaf.key" holds a private key that is not encrypted, but there is a passphrase for it',
            ],
        ),
        ({CLIENT: "/expired.pem"}, [f'warning {CLIENT} "/expired.pem" holds a certificate that expired on']),
        ({CLIENT: "/mixed.pem"}, [f'fault {CLIENT} "/mixed.pem" holds a certificate that does not match its key']),
        ({CLIENT: "/locked.pem"}, [f'fault {CLIENT} "/locked.pem" holds an encrypted private key']),
        ({CLIENT: "/leaf.pem"}, [f'fault {CLIENT} "/leaf.pem" holds no private key in PEM format']),
        (
            {"controller_worker/client_ca": "/twin.pem"},
            [f'fault {CLIENT} "/client.pem" holds a certificate that none of client_ca has signed'],
        ),
        (
            {"haproxy_amphora/server_ca": "/old.pem"},
            ['fault haproxy_amphora/server_ca "/old.pem" holds only certificates that have expired, the last on'],
        ),
        (
            {CA: "/early.pem", KEY: "/early.key", PASSPHRASE: None},
            [f'fault {CA} "/early.pem" holds a certificate that is not valid before {IN_TWO_DAYS}'],
        ),
        (
            {CLIENT: "/early_client.pem"},
            [f'warning {CLIENT} "/early_client.pem" holds a certificate that is not valid before {IN_TWO_DAYS}'],
        ),
        (
            {"haproxy_amphora/server_ca": "/early_and_old.pem"},
            [
                'fault haproxy_amphora/server_ca "/early_and_old.pem" holds no certificate that is valid before '
                f"{IN_TWO_DAYS}"
            ],
        ),
        (
            {"haproxy_amphora/haproxy_template": "/none.j2"},
            ['fault haproxy_amphora/haproxy_template "/none.j2" does not exist'],
        ),
        (
            {"task_flow/jobboard_redis_backend_ssl_options": "ssl:True,ssl_ca_certs:/none.pem,ssl_keyfile:None"},
            ['fault task_flow/jobboard_redis_backend_ssl_options "/none.pem" does not exist'],
        ),
    ],
)  # fmt: skip
def test_certificates_and_keys_are_those_that_octavia_can_use(gate, pki, options, findings):
    found = _lines(_found(gate, _conf(**options), contents=pki))
    assert len(found) == len(findings), found
    assert all(line.startswith(start) for line, start in zip(found, findings, strict=True)), found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as somebody else")
def test_a_file_must_be_readable_for_the_user_of_the_services(gate, tmp_path, pki):
    secret = Path(tmp_path, "ca.pem")
    secret.write_text(pki["/ca.pem"])
    secret.chmod(0o600)
    text = _conf(**{CA: str(secret), KEY: None, PASSPHRASE: None})
    assert _found(gate, text, user=getpass.getuser(), contents=pki) == []
    assert _lines(_found(gate, text, user="nobody", contents=pki)) == [
        f'fault {CA} "{secret}" cannot be read by nobody'
    ]
    assert os.geteuid() == 0


def test_the_answer_names_the_files_that_were_read_for_it(gate, tmp_path, pki):
    """With the times of their last change, so that the same is not asked again while they stay."""
    names = ("store.pem", "client.pem", "10-rsyslog.conf.template", "beside.j2")
    store, client, template, beside = paths = [tmp_path / name for name in names]
    store.write_text(pki["/ca.pem"])
    client.write_text(pki["/ca.pem"])
    template.write_text("{% include 'beside.j2' %}")
    beside.write_text("")
    options = {
        "task_flow/jobboard_redis_backend_ssl_options": f"ssl:True,ssl_ca_certs:{store}",
        "haproxy_amphora/server_ca": client,
        "amphora_agent/logging_template_override": template,
    }
    answer = gate.check(_conf(**options), contents=pki)
    assert answer == {"findings": [], "files": {str(path): path.stat().st_ctime_ns for path in paths}}


def test_what_time_alone_mends_is_marked(gate, pki):
    """So that the warning is not remembered longer than it is true."""
    assert [each.get("passes") for each in _found(gate, _conf(**{CLIENT: "/early_client.pem"}), contents=pki)] == [True]
    assert [each.get("passes") for each in _found(gate, _conf(**{CLIENT: "/expired.pem"}), contents=pki)] == [None]


# --- what amphorae are told


@pytest.mark.parametrize(
    ("targets", "findings"),
    [
        ("10.0.0.1:5555, 10.0.0.2:5555,fd00::1:5555", []),
        ("10.0.0.1:5555,10.0.0.1:5556,fd00::5555:1:5555", []),
        ("ctl1:5555", ['"ctl1:5555" has no IP address, and an amphora may know no names']),
        ("10.0.0.256:5555", ['"10.0.0.256:5555" has no IP address']),
        ("10.0.0.1", ['"10.0.0.1" has no port']),
        ("fd00::1", ['"fd00::1" has no port']),
        ("ctl1", ['"ctl1" has no IP address']),
        ("10.0.0.1:", ['"10.0.0.1:" has no port']),
        ("10.0.0.1:http", ['"10.0.0.1:http" has no port']),
        ("10.0.0.1:0", ['"10.0.0.1:0" has no port']),
        ("10.0.0.1:65536", ['"10.0.0.1:65536" has no port']),
        ("[fd00::1]:5555", ['"[fd00::1]:5555" has brackets address:port, an IPv6 address without brackets']),
        ("0.0.0.0:5555", ['"0.0.0.0:5555" is no address that an amphora can send to']),
        (":::5555", ['":::5555" is no address that an amphora can send to']),
        ("fd00::1:5555,10.0.0.1:5555,fd00:0::1:5555", ['"fd00:0::1:5555" is there twice each health manager once']),
        ("ctl1:5555,10.0.0.1", ['"ctl1:5555" has no IP address', '"10.0.0.1" has no port']),
    ],
)
def test_health_managers_are_those_that_an_amphora_can_reach(gate, targets, findings):
    found = _lines(_found(gate, f"{GOOD}[health_manager]\ncontroller_ip_port_list = {targets}\n"))
    assert len(found) == len(findings), found
    start = "fault health_manager/controller_ip_port_list "
    assert all(line.startswith(start + end) for line, end in zip(found, findings, strict=True)), found


def test_a_log_target_needs_a_port(gate):
    text = f"{GOOD}[amphora_agent]\nadmin_log_targets = 10.0.0.1:514,log.example.org\n"
    assert _lines(_found(gate, text)) == [
        'fault amphora_agent/admin_log_targets "log.example.org" has no port host:port, separated by commas'
    ]


# --- audit maps and templates

MAP = """[DEFAULT]
target_endpoint_type = load-balancer
[custom_actions]
failover = update/failover
[path_keywords]
loadbalancers = loadbalancer
[service_endpoints]
load-balancer = service/load-balancer
"""
MAPS = [
    (MAP, None),
    ("", None),
    ("# nothing\n[path_keywords]\nquotas = None\n", None),
    (MAP + "nonsense\n", "has neither [section] nor name = value on line 9"),
    ("failover = update\n" + MAP, "has neither [section] nor name = value on line 1"),
    (MAP + "[custom_actions]\n", "says on line 9 what it has said before"),
    (MAP + "Load-Balancer = service\n", "says on line 9 what it has said before"),
    (
        MAP.replace("custom_actions", "custom_action"),
        "has a section [custom_action], and those that count are DEFAULT,",
    ),
    (MAP.replace("load-balancer\n[c", "100%\n[c"), "has a % in [DEFAULT] that stands for nothing; %% for a %"),
    (MAP.replace("= loadbalancer\n", "= %(none)s\n"), "has a % in [path_keywords] that stands for nothing; %% for"),
    (MAP.replace("update/", "do/"), "gives failover of [custom_actions] a value that is no action of CADF"),
    (MAP.replace("service/", "lb/"), "gives load-balancer of [service_endpoints] a value that is no type of resource"),
]


@pytest.mark.parametrize(("text", "what"), MAPS, ids=[f"{what}"[:50] for _, what in MAPS])
def test_an_audit_map_is_one_that_the_middleware_reads_all_of(gate, text, what):
    conf = GOOD + "[audit]\nenabled = true\naudit_map_file = /map.conf\n"
    found = _lines(_found(gate, conf, contents={"/map.conf": text}))
    assert len(found) == (1 if what else 0), found
    assert not what or found[0].startswith(f'fault audit/audit_map_file "/map.conf" {what}'), found
    assert _found(gate, conf.replace("true", "false"), contents={"/map.conf": text}) == []


def test_the_default_map_must_be_there_where_audit_is_on(gate):
    conf = GOOD + "[audit]\nenabled = true\n"
    assert _lines(_found(gate, conf)) == ['fault audit/audit_map_file "/default_map.conf" does not exist']
    assert _found(gate, conf, contents={"/default_map.conf": MAP}) == []


LOOP = "global\n{% for listener in listeners %}\n    bind {{ listener | hash_amp_id }}\n{% endfor %}\n"
TEMPLATES = [
    (LOOP, None),
    ("{% include 'none.j2' ignore missing %}{% include name %}{% include 't.j2' %}", None),
    ("{% extends 'base.j2' %}", None),
    (LOOP.replace("endfor", "endif"), "is no template that Jinja reads: line 4: Encountered unknown tag 'endif'"),
    (LOOP.replace("hash_amp_id", "hash"), "is no template that Jinja reads: line 3: No filter named 'hash'"),
    ("\n{{ a b }}", "is no template that Jinja reads: line 2: expected token 'end of print statement', got 'b'"),
    ("{% extends 'none.j2' %}", "needs none.j2 beside it, which does not exist"),
    ("{% from 'bad.j2' import a %}", "needs bad.j2 beside it, which is no template that Jinja reads: line 1: "),
]


@pytest.mark.parametrize(("text", "what"), TEMPLATES, ids=[text[:40] for text, _ in TEMPLATES])
def test_a_template_is_one_that_jinja_reads(gate, text, what):
    beside = {"/etc/base.j2": "{% import 'macros.j2' as m %}", "/etc/macros.j2": "{# #}", "/etc/bad.j2": "{% if %}"}
    for option, path in {
        "haproxy_amphora/haproxy_template": "/etc/t.j2",
        "amphora_agent/logging_template_override": "/etc/10-rsyslog.conf.template",
    }.items():
        if "hash_amp_id" in text and "logging" in option:
            continue
        conf = GOOD + "[{}]\n{} = {}\n".format(*option.split("/"), path)
        found = _lines(_found(gate, conf, contents={**beside, "/etc/t.j2": "", path: text}))
        assert len(found) == (1 if what else 0), found
        assert not what or found[0].startswith(f'fault {option} "{path}" {what}'), found


def test_a_logging_template_has_the_name_that_octavia_looks_for(gate):
    conf = GOOD + "[amphora_agent]\nlogging_template_override = /text\n"
    [line] = _lines(_found(gate, conf, contents={"/text": "hello"}))
    assert '"/text" must be called 10-rsyslog.conf.template' in line


def test_a_text_is_judged_before_it_is_written(gate):
    texts = gate.load("texts")
    planned = {
        "audit/audit_map_file": ["/etc/octavia/none/audit_map.conf", MAP + "nonsense\n"],
        "haproxy_amphora/haproxy_template": ["/etc/octavia/none/t.j2", LOOP],
    }
    assert texts.check(planned, user="nobody") == [
        {
            "option": "audit/audit_map_file", "level": "fault", "allowed": "",
            "what": "has neither [section] nor name = value on line 9",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["audit/audit_map_file", "haproxy_amphora/haproxy_template"])
def test_a_text_in_another_encoding_is_a_fault(gate, tmp_path, option):
    path = tmp_path / "10-rsyslog.conf.template"
    path.write_bytes(b"# f\xfcr\n")
    conf = (
        GOOD + "[audit]\nenabled = true\naudit_map_file = /map\n" + "[{}]\n{} = {}\n".format(*option.split("/"), path)
    )
    found = _found(gate, conf, contents={"/map": ""})
    assert [each["what"] for each in found if each["level"] == "fault"] == [f'"{path}" is not UTF-8']


@given(st.lists(st.sampled_from([*PIECES, "{%", "%}", "{{", "}}", "if", "for", "[custom_actions]\n"]), max_size=40))
@settings(deadline=None)
def test_any_text_is_judged_in_one_line_or_found_sound(gate, pieces):
    text = "".join(pieces)
    texts = gate.load("texts")
    for option in ("audit/audit_map_file", "haproxy_amphora/haproxy_template"):
        found = texts.check({option: ["/none/t.j2", text]})
        assert len(found) <= 1
        assert not found or found[0]["what"].isprintable(), found
