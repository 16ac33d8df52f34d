"""Which certificates end soon: those in files, made here, and those of amphorae, as the API would tell of them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from formula import Host, changed, pillar, shared
from harness import ROOT, Issued
from salt.exceptions import CommandExecutionError

CA = "octavia:manager:certificates:ca_certificate"
CLIENT = "octavia:manager:haproxy_amphora:client_cert_all"


@pytest.fixture
def host(tmp_path):
    """A controller that reads no file yet, and has no amphora."""
    host = Host(tmp_path, shared())
    host.conf_file.write_text("[DEFAULT]\n")
    host.ask.return_value = []
    return host


@pytest.fixture
def place(host):
    """Have octavia.conf name a file with this text: ``place("haproxy_amphora/client_cert", text)``; its path."""

    def _place(option, text, name=None):
        section, option = option.split("/")
        path = host.root / (name or f"{option}.pem")
        if text is not None:
            path.write_text(text)
        with host.conf_file.open("a") as stream:
            stream.write(f"[{section}]\n{option} = {path}\n")
        return str(path)

    return _place


def of(days, name="octavia", **kwargs):
    """A certificate that ends in so many days and some hours."""
    return Issued(name, days=days + 0.5, **kwargs)


def amphora(days, **answers):
    end = datetime.now(UTC) + timedelta(days=days + 0.5)
    return {
        "id": "amp1",
        "status": "ALLOCATED",
        "role": "MASTER",
        "lb_network_ip": "172.16.0.31",
        "loadbalancer_id": "lb1",
        "cert_expiration": f"{end:%Y-%m-%dT%H:%M:%S}",
        "cert_busy": False,
        "created_at": "2026-01-01T00:00:00",
    } | answers


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        (400, "ok", "in 400 days"),
        (30, "ok", "in 30 days"),
        (29, "warning", "in 29 days"),
        (7, "warning", "in 7 days"),
        (6, "critical", "in 6 days"),
        (1, "critical", "in 1 day"),
        (0, "critical", "in less than a day"),
        (-1, "critical", "1 day ago"),
        (-5, "critical", "5 days ago"),
    ],
)
def test_a_certificate_is_judged_by_the_days_it_has(host, place, days, level, said):
    path = place("haproxy_amphora/client_cert", of(days).certificate)
    found = host.pki.status()
    [finding] = found["findings"]
    end = datetime.now(UTC) + timedelta(days=days + 0.5)
    word = "expired" if days < 0 else "expires"
    assert finding == {
        "what": CLIENT, "path": path, "days": days, "level": level, "expires": finding["expires"],
        "line": f"{path}: CN=octavia, {word} {finding['expires'][:10]}, {said}",
    }  # fmt: skip
    assert abs(datetime.strptime(finding["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - end) < timedelta(
        minutes=1
    )
    assert found["level"] == level


@pytest.mark.parametrize(
    ("check", "arguments", "level"),
    [
        ({}, {}, "ok"),
        ({"warn_days": 60}, {}, "warning"),
        ({"critical_days": 60}, {}, "critical"),
        ({"critical_days": 60}, {"critical_days": 0}, "ok"),
        ({}, {"warn_days": 60}, "warning"),
        ({"warn_days": 60}, {"warn_days": 0}, "ok"),
    ],
)
def test_limits_come_from_the_call_else_the_pillar(tmp_path, check, arguments, level):
    host = Host(tmp_path, changed(shared(), **{f"certificates:check:{name}": days for name, days in check.items()}))
    host.ask.return_value = []
    path = host.root / "a.pem"
    path.write_text(of(50).certificate)
    host.conf_file.write_text(f"[haproxy_amphora]\nserver_ca = {path}\n")
    assert host.pki.status(**arguments)["level"] == level


def test_what_has_ended_is_critical_whatever_the_limits(host, place):
    place("haproxy_amphora/client_cert", of(-1).certificate)
    assert host.pki.status(warn_days=0, critical_days=0)["level"] == "critical"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "does not exist"),
        ("", "holds no certificate in PEM format"),
        (Issued("key").key, "holds no certificate in PEM format"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds a broken certificate"),
        (Issued("cut").certificate.replace("M", "N", 1), "holds a broken certificate"),
    ],
)
def test_a_file_that_holds_none_is_critical_and_no_exception(host, place, text, why):
    path = place("haproxy_amphora/client_cert", text)
    assert host.pki.status() == {
        "level": "critical",
        "findings": [
            {"what": CLIENT, "path": path, "expires": None, "days": None, "level": "critical", "line": f"{path}: {why}"}
        ],
    }


def test_a_directory_cannot_be_read(host):
    host.conf_file.write_text(f"[haproxy_amphora]\nclient_cert = {host.root}\n")
    assert host.pki.status()["findings"][0]["line"] == f"{host.root}: is not a file"


def test_one_that_begins_later_is_critical(host, place):
    place("haproxy_amphora/client_cert", of(50, begins=2).certificate)
    [finding] = host.pki.status()["findings"]
    begin = datetime.now(UTC) + timedelta(days=2)
    assert finding["level"] == "critical" and f"; it is not valid before {begin:%Y-%m-%d}" in finding["line"]


def test_no_key_is_shown(host, place):
    client = of(5)
    place("haproxy_amphora/client_cert", client.certificate + client.key)
    shown = json.dumps(host.pki.status())
    assert not [line for line in client.key.splitlines() if line in shown]


def test_a_file_that_two_keys_name_is_looked_at_once(host, place):
    text = of(50).certificate
    place("certificates/ca_certificate", text, "ca.pem")
    place("haproxy_amphora/server_ca", text, "ca.pem")
    [finding] = host.pki.status()["findings"]
    assert finding["what"] == f"{CA}, octavia:manager:haproxy_amphora:server_ca"


def test_all_of_a_file_count_and_the_bundle_of_the_system_does_not(host, place):
    old, new = of(3, "old"), of(300, "new")
    place("haproxy_amphora/server_ca", new.certificate + "# text\n" + old.certificate)
    place("keystone_authtoken/cafile", of(1).certificate * 21, "bundle.pem")
    place("keystone_authtoken/certfile", of(8, "small").certificate * 20, "small.pem")
    found = host.pki.status()["findings"]
    assert [each["line"].split("CN=")[1].split(",")[0] for each in found] == ["old", *["small"] * 20, "new"]


def test_the_most_urgent_is_first(host, place):
    place("haproxy_amphora/client_cert", of(20).certificate)
    place("haproxy_amphora/server_ca", of(5).certificate)
    place("controller_worker/client_ca", of(500).certificate)
    place("certificates/ca_certificate", of(-5).certificate)
    place("ovn/ovn_nb_certificate", None)
    assert [each["days"] for each in host.pki.status()["findings"]] == [None, -5, 5, 20, 500]


def test_what_the_pillar_sets_below_config_is_named_so(tmp_path, place, host):
    host.tree["octavia"]["config"] = {"oslo_messaging_rabbit": {"ssl_ca_file": "/x"}}
    place("oslo_messaging_rabbit/ssl_ca_file", of(50).certificate)
    assert host.pki.status()["findings"][0]["what"] == "octavia:config:oslo_messaging_rabbit:ssl_ca_file"


@pytest.mark.parametrize(("enabled", "count"), [(True, 2), (False, 0)])
def test_files_of_the_database_url_count_while_it_uses_them(tmp_path, enabled, count):
    path = tmp_path / "db.pem"
    path.write_text(of(50).certificate)
    ssl = {"enabled": enabled, "ca": str(path), "cert": f"{path}.none", "key": str(path)}
    host = Host(tmp_path, changed(shared(), **{"database:ssl": ssl}))
    host.ask.return_value = []
    host.conf_file.write_text("[database]\nconnection = mysql+pymysql://octavia:secret@db/octavia\n")
    found = host.pki.status()["findings"]
    assert [each["what"] for each in found] == ["octavia:database:ssl:cert", "octavia:database:ssl:ca"][:count]


def test_every_key_of_a_file_is_known_to_hold_certificates_or_none(host):
    keys = host.pillar.data()["conf"]["keys"]
    others = {key for key, spec in keys.items() if spec["type"] == "file" and spec.get("holds") != "certificates"}
    others = {key.rpartition(":")[2] for key in others}
    assert others == {
        "key", "keyfile", "memcache_tls_keyfile", "ovn_nb_private_key", "ovn_sb_private_key", "ca_private_key",
        "log_config_append", "logging_template_override",
    }  # fmt: skip
    # octavia.conf does not name that of the API
    assert {key for key, spec in keys.items() if "holds" in spec and spec["type"] != "file"} == {"api:ssl:cert"}


# --- amphorae


@pytest.mark.parametrize(
    ("days", "critical_days", "level"),
    [
        (29, 3, "ok"),
        (13, 7, "ok"),  # due, and housekeeping looks every hour and needs some time
        (12, 7, "warning"),
        (7, 7, "warning"),
        (6, 7, "critical"),
        (3, 3, "warning"),
        (2, 3, "critical"),
        (8, 30, "warning"),  # more than an amphora's life is no limit for it
        (0, 0, "warning"),
        (-1, 0, "critical"),
    ],
)
def test_an_amphora_is_judged_by_the_time_in_which_it_is_renewed(host, days, critical_days, level):
    host.ask.return_value = [amphora(days)]
    [finding] = host.pki.status(critical_days=critical_days)["findings"]
    assert (finding["level"], finding["days"], finding["what"]) == (level, days, "amphora")
    assert finding["amphora"] == "amp1" and "path" not in finding
    assert ("housekeeping has stalled" in finding["line"]) is (level != "ok")


def test_the_line_of_an_amphora_says_what_to_do(host):
    host.ask.return_value = [amphora(5), amphora(4, status="ERROR"), amphora(3, cert_busy=True, lb_network_ip=None)]
    lines = [each["line"].split(": ", 2) for each in host.pki.status()["findings"]]
    assert [line[0] for line in lines] == ["amphora amp1 (no address)", *["amphora amp1 (172.16.0.31)"] * 2]
    assert lines[0][1].endswith(", in 3 days") and lines[0][1].startswith("its certificate expires ")
    assert [line[2] for line in lines] == [
        "housekeeping has stalled while it renewed it (cert_busy), and will not try again",
        "the amphora is in ERROR, fail load balancer lb1 over",
        "housekeeping has stalled, it renews 14 days before the end",
    ]


@pytest.mark.parametrize(
    ("conf", "level"),
    [
        ("", "warning"),
        ("[house_keeping]\ncert_expiry_buffer = 518400\n", "ok"),
        ("[house_keeping]\ncert_expiry_buffer = ten\n", "warning"),
        ("[house_keeping]\ncert_interval = 864000\n", "ok"),
        ("[certificates]\ncert_validity_time = 518400\n", "ok"),
        # no room for a day
        ("[house_keeping]\ncert_expiry_buffer = 86400\n", "ok"),
    ],
)
def test_the_time_of_housekeeping_is_that_of_octavia_conf(host, conf, level):
    host.conf_file.write_text(conf)
    host.ask.return_value = [amphora(5)]
    assert host.pki.status(critical_days=1)["level"] == level


@pytest.mark.parametrize(("days", "level"), [(0.9, "ok"), (0.4, "critical"), (-0.1, "critical")])
def test_a_short_life_has_limits_of_its_own(host, days, level):
    host.conf_file.write_text("[house_keeping]\ncert_expiry_buffer = 86400\n")
    host.ask.return_value = [amphora(days - 0.5)]
    assert host.pki.status()["level"] == level


def test_what_housekeeping_never_has_time_for_is_critical_when_it_has_ended(host):
    host.conf_file.write_text("[house_keeping]\ncert_expiry_buffer = 3600\n")
    for days, level in ((0.01, "ok"), (-0.01, "critical")):
        host.ask.return_value = [amphora(days - 0.5)]
        assert host.pki.status()["level"] == level


def test_amphorae_that_go_or_come_have_no_certificate_to_renew(host):
    host.ask.return_value = [
        amphora(-1, status="DELETED"),
        amphora(-1, status="PENDING_DELETE"),
        amphora(0, status="BOOTING", cert_expiration=None),
    ]
    assert host.pki.status() == {"level": "ok", "findings": []}


def test_an_api_that_does_not_answer_is_a_finding(host, place):
    place("haproxy_amphora/client_cert", of(50).certificate)
    host.ask.side_effect = CommandExecutionError("CloudError: Keystone at http://k does not answer: see pillar x")
    found = host.pki.status()
    assert found["level"] == "warning" and len(found["findings"]) == 2
    line = "The certificates of amphorae cannot be looked at: Keystone at http://k does not answer: see pillar x"
    assert found["findings"][0] == {
        "what": "amphorae", "expires": None, "days": None, "level": "warning", "line": line
    }  # fmt: skip


def test_without_the_manager_role_nobody_is_asked(tmp_path):
    host = Host(tmp_path, pillar("api_single"))
    host.conf_file.write_text("[DEFAULT]\n")
    assert host.pki.status() == {"level": "ok", "findings": []}
    host.ask.assert_not_called()


def test_a_host_without_octavia_conf_is_told_what_to_apply(tmp_path):
    host = Host(tmp_path, shared())
    [finding] = host.pki.status()["findings"]
    assert finding["level"] == "warning" and finding["line"].startswith(f"{host.conf_file}: does not exist")


def test_octavias_own_times_are_where_they_are_looked_for():
    with (ROOT / "octavia" / "options.yaml").open() as stream:
        options = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert options["house_keeping/cert_expiry_buffer"]["default"] == 14 * 86400
    assert options["house_keeping/cert_interval"]["default"] == 3600
    assert options["certificates/cert_validity_time"]["default"] == 30 * 86400
