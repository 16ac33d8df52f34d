"""How the API is served: what uWSGI and Apache read, their packages, and whether the certificate is good for it."""

import http.server
import os
import ssl
import sys
import threading
import types

import pytest
from formula import Host, changed, pillar
from harness import Issued
from systemd import Systemd

API = "octavia-api"


@pytest.fixture
def make(tmp_path):
    """A host with an API, with what a test says of it."""

    def _make(octavia="11.0.0", **answers):
        return Host(tmp_path, changed(pillar("api_single"), **answers), octavia=octavia)

    return _make


def text(host, name):
    return host.file.fill(f"{name}.jinja", {"salt": host.salt})


def tls(host_or_path, own=None, **answers):
    """Answers of a pillar whose API has the files of a certificate below a path."""
    own = own or Issued("api.example.org", authority=False)
    for name, content in (("cert", own.certificate), ("key", own.key)):
        path = host_or_path / f"api.{name}.pem"
        path.write_text(content)
        path.chmod(0o640)
        answers[f"api:ssl:{name}"] = str(path)
    return {"api:ssl:enabled": True, **answers}


# --- what a server reads


def test_uwsgi_speaks_plain_http_by_default(make):
    ini = text(make(), "octavia-api-uwsgi.ini")
    assert "\nhttp-socket = 127.0.0.1:9876\n" in ini and "https" not in ini


def test_uwsgi_speaks_https_where_the_pillar_says_so(make, tmp_path):
    ini = text(make(**tls(tmp_path)), "octavia-api-uwsgi.ini")
    assert f"\nhttps-socket = 127.0.0.1:9876,{tmp_path}/api.cert.pem,{tmp_path}/api.key.pem\n" in ini
    assert "http-socket" not in ini


def test_apache_listens_once_and_speaks_plain_http_by_default(make):
    conf = text(make(**{"api:server": "apache"}), "octavia-api-apache.conf").splitlines()
    assert [line for line in conf if line.startswith("Listen")] == ["Listen 127.0.0.1:9876"]
    assert not [line for line in conf if "SSL" in line or "ssl" in line]


def test_apache_speaks_https_where_the_pillar_says_so(make, tmp_path):
    conf = text(make(**tls(tmp_path, **{"api:server": "apache"})), "octavia-api-apache.conf").splitlines()
    assert f'SSLCertificateKeyFile "{tmp_path}/api.key.pem"' in conf and "SSLEngine On" in conf


def test_both_have_the_size_of_the_pillar(make):
    host = make(**{"api:processes": 3, "api:threads": 5})
    assert "\nprocesses = 3\nthreads = 5\n" in text(host, "octavia-api-uwsgi.ini")
    assert " processes=3 threads=5 " in text(host, "octavia-api-apache.conf")


def test_both_take_octavia_of_a_virtualenv(make):
    host = make(**{"install_method": "venv", "venv:directory": "/srv/octavia"})
    assert "\nhome = /srv/octavia/current\n" in text(host, "octavia-api-uwsgi.ini")
    assert " python-home=/srv/octavia/current \\\n" in text(host, "octavia-api-apache.conf")


@pytest.mark.parametrize("server", ["uwsgi", "apache"])
def test_an_ipv6_address_has_its_brackets(make, server):
    host = make(**{"api:server": server, "api:bind:address": "fd00::11"})
    name = {"uwsgi": "octavia-api-uwsgi.ini", "apache": "octavia-api-apache.conf"}[server]
    assert " [fd00::11]:9876\n" in text(host, name)


@pytest.mark.parametrize("octavia", ["11.0.0", "18.0.1"])
def test_mod_wsgi_finds_the_application_of_each_release(make, tmp_path, monkeypatch, octavia):
    host = make(octavia, **{"host:bin_dir": str(tmp_path)})
    (tmp_path / "octavia-wsgi").write_text("import sys\napplication = __name__ != '__main__' and [*sys.argv]\n")
    module = types.ModuleType("octavia.wsgi.api")
    for name in ("octavia", "octavia.wsgi"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "octavia.wsgi.api", module)
    monkeypatch.setattr(sys, "argv", ["mod_wsgi"])
    wanted = ["octavia-api", f"--config-file={host.conf_file}", "--log-file=/var/log/octavia/octavia-api.log"]
    module.application = wanted
    found = {}
    exec(compile(text(host, "octavia-api.wsgi"), "api.wsgi", "exec"), found)  # noqa: S102
    # the script has a name of its own
    assert found["application"][1:] == wanted[1:] == sys.argv[1:]


@pytest.mark.parametrize(("server", "starts"), [("uwsgi", "/usr/bin/uwsgi --ini"), ("apache", "/usr/sbin/apache2 -f")])
def test_the_unit_starts_the_server_of_the_pillar_alone(make, server, starts):
    unit = text(make(**{"api:server": server}), "octavia-api.service").splitlines()
    orders = [line.removeprefix("ExecStart=") for line in unit if line.startswith("ExecStart=")]
    # an empty one takes that of the package away
    assert orders[0] == "" and len(orders) == 2 and orders[1].startswith(starts)
    assert ("KillSignal=SIGWINCH" in unit) is (server == "apache")


def test_the_packages_are_those_of_the_server(make):
    assert make().pillar.packages(["api"]) == [
        *("octavia-api", "python3-memcache"),
        *("uwsgi-core", "uwsgi-plugin-python3", "python3-pastescript"),
    ]
    apache = make(**{"api:server": "apache"}).pillar.packages(["api"])
    assert apache == ["octavia-api", "python3-memcache", "apache2-bin", "libapache2-mod-wsgi-py3"]
    assert make(**{"api:server": "apache", "api:pkgs": ["mine"]}).pillar.packages(["api"]) == ["mine"]


# --- the process and what it has read


def serving(host):
    host.systemd = Systemd(host)
    host.conf_file.write_text(host.conf.render(mask=False))
    host.systemd.run(API)
    host.service.mark(API, "api")
    host.again()
    return host


def test_another_certificate_is_a_reason_for_the_api_alone(make, tmp_path):
    host = serving(make(**tls(tmp_path), **{"driver_agent:enabled": True}))
    host.systemd.run("octavia-driver-agent")
    host.service.mark("octavia-driver-agent", "driver_agent")
    assert host.service.outdated(API, "api") == []
    tls(tmp_path)
    host.again()
    assert host.service.outdated(API, "api") == [f"{tmp_path}/api.cert.pem", f"{tmp_path}/api.key.pem"]
    assert host.service.outdated("octavia-driver-agent", "driver_agent") == []


def test_another_server_is_a_change(make, tmp_path):
    host = serving(make())
    host.tree["octavia"]["api"]["server"] = "apache"
    for name in ("apache.conf", "api.wsgi"):
        (tmp_path / "etc" / name).write_text("")
    assert f"{tmp_path}/etc/apache.conf" in host.service.outdated(API, "api")


@pytest.mark.parametrize("server", ["uwsgi", "apache"])
def test_an_apache_without_its_application_has_fallen(make, monkeypatch, server):
    host = serving(make(**{"api:server": server, "upgrade:patience": 0, "api:bind:port": 9}))
    host.service.start(API)
    lines = host.service.fallen(settle=0)
    assert len(lines) == (server == "apache")
    assert all(line.startswith("The API does not answer at http://127.0.0.1:9/ within 0 s: ") for line in lines)


def test_what_an_application_says_is_found_in_apaches_log(make):
    before = "[Thu Nov 26 06:54:36.681528 2026] [wsgi:error] [pid 947:tid 947] [remote 10.0.0.1:3333] "
    lines = ["Traceback (most recent call last):", "FileNotFoundError: [Errno 2] No such file", "no more of it"]
    assert make().log.error("\n".join(before + line for line in lines)) == lines[1]


# --- is the certificate good for it


def faults(host, tmp_path):
    return [line.replace(str(tmp_path), "") for line in host.tls.faults()]


def test_a_good_certificate_has_no_fault(make, tmp_path):
    authority = Issued("authority")
    own = Issued("api.example.org", by=authority, authority=False)
    own.certificate += authority.certificate
    assert faults(make(**tls(tmp_path, own)), tmp_path) == []


def test_what_is_off_is_not_looked_at(make):
    assert make(**{"api:ssl:key": "/none"}).tls.faults() == []
    assert make(**{"api:ssl:enabled": True, "api:enabled": False}).tls.faults() == []


def test_files_that_nobody_has_put_there(make):
    missing = make(**{"api:ssl:enabled": True})
    lines = [f"octavia:api:ssl:{name}: /etc/octavia/certs/api.{name}.pem does not exist" for name in ("cert", "key")]
    assert missing.tls.faults() == lines
    assert [line for line in missing.check.host() if ":ssl:" in line] == lines


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (Issued("old", days=-1, begins=-9), "octavia:api:ssl:cert: /api.cert.pem holds a certificate that expired on "),
        (Issued("new", days=9, begins=2), "octavia:api:ssl:cert: /api.cert.pem holds a certificate that is not valid "),
        (Issued("locked", passphrase="fake"), "octavia:api:ssl:key: /api.key.pem holds an encrypted private key, and "),
    ],
    ids=["expired", "early", "encrypted"],
)
def test_a_certificate_that_no_client_takes(make, tmp_path, own, line):
    [found] = faults(make(**tls(tmp_path, own)), tmp_path)
    assert found.startswith(line)


def test_texts_of_the_pillar_are_judged_before_they_are_written(make):
    one, other = Issued("one", authority=False), Issued("other", authority=False)
    answers = {"api:ssl:enabled": True, "api:ssl:cert_text": one.certificate}
    host = make(**answers, **{"api:ssl:key_text": other.key})
    assert host.tls.faults() == ["octavia:api:ssl:key_text: is not the key of the certificate"]
    assert make(**answers, **{"api:ssl:key_text": one.key}).tls.faults() == []
    assert make(**answers, **{"api:ssl:key_text": "x"}).tls.faults() == [
        "octavia:api:ssl:key_text: holds no private key in PEM format"
    ]


def test_a_key_that_everybody_reads_is_refused(make, tmp_path):
    answers = tls(tmp_path)
    os.chmod(tmp_path / "api.key.pem", 0o644)
    assert faults(make(**answers), tmp_path) == [
        "octavia:api:ssl:key: /api.key.pem is open to everybody, and it holds a private key"
    ]


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        ({"api:server": "nginx"}, "octavia:api:server: is 'nginx', must be one of uwsgi, apache"),
        ({"api:ssl:enabled": "yes"}, "octavia:api:ssl:enabled: is a text, must be a boolean"),
        ({"api:ssl:cert": "/a,b"}, "octavia:api:ssl:cert: must be an absolute path without commas and quotes"),
        ({"api:ssl:key": "api.pem"}, "octavia:api:ssl:key: is 'api.pem', must be an absolute path"),
        ({"api:ssl:chain": "/a"}, "octavia:api:ssl:chain: is not a key; nearest known: octavia:api:ssl:"),
    ],
)
def test_what_the_pillar_cannot_say(make, answers, line):
    [found] = make(**answers).faults()
    assert found.startswith(line)


def test_the_end_of_the_certificate_is_watched(make, tmp_path):
    host = make(**tls(tmp_path, Issued("api.example.org", authority=False, days=5.5)))
    host.conf_file.write_text("[DEFAULT]\n")
    [finding] = host.pki.status()["findings"]
    assert (finding["what"], finding["level"], finding["days"]) == ("octavia:api:ssl:cert", "critical", 5)
    assert finding["path"] == f"{tmp_path}/api.cert.pem"


# --- who calls it


def test_this_hosts_own_api_is_asked_by_https(make, tmp_path):
    """Whatever name its certificate has."""
    answers = tls(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(answers["api:ssl:cert"], answers["api:ssl:key"])

    class Ok(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Ok) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        make(**answers, **{"api:bind:port": listening.server_address[1]}).drain.wait_for_api(5)
        listening.shutdown()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_catalogue_names_the_way_of_the_api(make, enabled):
    host = make(**{"resources:enabled": True, "api:bind:address": "10.0.0.11", "api:ssl:enabled": enabled})
    urls = {entry["initial"]["url"] for entry in host.identity.wanted() if entry["kind"] == "endpoint"}
    assert urls == {f"http{'s' * enabled}://10.0.0.11:9876"}
