"""
The API by uWSGI and by Apache, with TLS and without, each asked by a client with a token; and from one to the other.
"""

import re

import pytest
from control_plane import Api, apply, changed, unit_state
from harness import Issued

#: An application that takes its time.
SLOW = """\
import time

def application(environ, start):
    time.sleep(3)
    start('200 OK', [])
    return [b'late']
"""

#: Each by a change of the pillar alone.
WAYS = (("uwsgi", False), ("uwsgi", True), ("apache", True), ("apache", False), ("uwsgi", False))
PATH = "/v2/lbaas/loadbalancers"
ROOT_FILE = "/srv/serving-root.pem"


@pytest.fixture(scope="module")
def root():
    return Issued("serving root")


@pytest.fixture(scope="module")
def texts(root):
    """Makes a certificate of the API, by an authority that its clients do not know, and that one behind it."""

    def _texts():
        between = Issued("serving authority", by=root)
        own = Issued("controller1", by=between, authority=False, names=["controller1"])
        return {"cert_text": own.certificate + between.certificate, "key_text": own.key}

    return _texts


@pytest.fixture(scope="module")
def controller(lab):
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def say(controller, pillar):
    """Says how the API is served; another database than that of other tests, so that it is made and migrated once."""

    def _say(server, ssl=None, **api):
        api = {"server": server, "ssl": {"enabled": bool(ssl), **(ssl or {})}, **api}
        controller.put_pillar(
            pillar({"manager": {"enabled": False}, "database": {"name": "octavia_serving"}, "api": api})
        )

    return _say


class Client(Api):
    """A client that verifies the certificate, by the root alone."""

    def __init__(self, services, facts, root, tls):
        services.write(ROOT_FILE, root.certificate)
        super().__init__(services, facts, "https://controller1:9876" if tls else "http://10.77.0.11:9876")

    def _curl(self, *args, body=None):
        return super()._curl("--cacert", ROOT_FILE, "--resolve", "controller1:9876:10.77.0.11", *args, body=body)


def listeners(machine):
    """``{(address, program)}`` of the API's port."""
    lines = machine.run("ss -Hltnp 'sport = :9876'").stdout.splitlines()
    return {(line.split()[3], name) for line in lines for name in re.findall(r'\("([^"]+)",', line)}


def asked(client):
    """What the API answers with a token and without, and its /healthcheck without."""
    found = (
        client.call("GET", PATH),
        client.call("GET", PATH, token=False),
        client.call("GET", "/healthcheck", token=False),
    )
    assert found[0][1] == {"loadbalancers": [], "loadbalancers_links": []}
    return [status for status, _answer in found]


def test_apache_with_tls_on_an_empty_machine(controller, services, lab, say, root, texts):
    ssl = texts()
    say("apache", ssl)
    states = apply(controller)
    assert ssl["key_text"] not in repr(states) and ssl["key_text"].splitlines()[1] not in repr(states)
    assert asked(Client(services, lab.facts, root, tls=True)) == [200, 401, 200]
    assert listeners(controller) == {("10.77.0.11:9876", "apache2")}
    out = controller.run("stat -c '%U:%G %a' /etc/octavia/certs/api.key.pem; ps -o user= -C apache2 | sort -u")
    assert out.stdout.splitlines() == ["octavia:octavia 600", "octavia"]
    # no Apache but this one
    assert controller.run("systemctl show --property=LoadState --value apache2").stdout.strip() == "not-found"
    assert changed(apply(controller)) == changed(apply(controller, test=True)) == {}


@pytest.fixture(scope="class")
def _installed(controller, say):
    say("apache")
    apply(controller)


@pytest.mark.slow
@pytest.mark.usefixtures("_installed")
class TestSwitches:
    @pytest.mark.parametrize(("server", "tls"), WAYS)
    def test_one_way_follows_another(self, controller, services, lab, say, root, texts, server, tls):
        say(server, texts() if tls else None)
        plan = changed(apply(controller, test=True))
        done = changed(apply(controller))
        assert plan.keys() == done.keys() and "octavia_api_service" in done
        assert asked(Client(services, lab.facts, root, tls)) == [200, 401, 200]
        assert listeners(controller) == {("10.77.0.11:9876", "apache2" if server == "apache" else "uwsgi")}
        assert unit_state(controller, "octavia-api") == ("active", "enabled")
        assert changed(apply(controller)) == {}

    @pytest.mark.parametrize("server", ["uwsgi", "apache"])
    def test_a_new_certificate_restarts_the_api(self, controller, services, lab, say, root, texts, server):
        say(server, texts())
        apply(controller)
        assert changed(apply(controller)) == {}
        say(server, texts())
        wanted = {"octavia_api_cert", "octavia_api_key", "octavia_api_service"}
        assert changed(apply(controller, test=True)).keys() == wanted
        assert changed(apply(controller)).keys() == wanted
        assert asked(Client(services, lab.facts, root, tls=True)) == [200, 401, 200]
        status = controller.salt_call("octavia_pki.status").data
        assert [each["what"] for each in status["findings"]] == ["octavia:api:ssl:cert"] * 2

    def test_the_phases_of_an_upgrade_know_apache(self, controller, services, lab, say, root):
        say("apache")
        apply(controller)
        apply(controller, "octavia.upgrade.service_stopped")
        assert listeners(controller) == set()
        apply(controller, "octavia.upgrade.service_running")
        assert asked(Client(services, lab.facts, root, tls=False)) == [200, 401, 200]
        apply(controller, "octavia.upgrade.verify")

    def test_a_request_in_hand_is_answered(self, controller, services, lab, say, root):
        """While Apache stops."""
        say("apache")
        apply(controller)
        controller.write("/etc/octavia/octavia-api-salt.wsgi", SLOW)
        controller.run("systemctl restart octavia-api; sleep 2")
        out = controller.run("curl -sS http://10.77.0.11:9876/ & sleep 1; systemctl stop octavia-api; wait").stdout
        assert out == "late"
        apply(controller)
        assert asked(Client(services, lab.facts, root, tls=False)) == [200, 401, 200]

    def test_an_apache_without_its_application_fails_the_run(self, controller, pillar):
        controller.run("mv /usr/bin/octavia-wsgi /usr/bin/octavia-wsgi.away")
        try:
            controller.put_pillar(
                pillar(
                    {"manager": {"enabled": False}, "database": {"name": "octavia_serving"}},
                    {"api": {"server": "apache", "threads": 3}, "upgrade": {"patience": 5}},
                )
            )
            states = apply(controller, check=False)
            alive = states["octavia_services_alive"]
            assert alive["result"] is False and "The API does not answer at http://10.77.0.11:9876/" in alive["comment"]
            assert "octavia-wsgi" in alive["comment"]
        finally:
            controller.run("mv /usr/bin/octavia-wsgi.away /usr/bin/octavia-wsgi")

    def test_what_is_switched_off_frees_the_port(self, controller, say):
        say("apache")
        apply(controller)
        say("apache", enabled=False)
        assert changed(apply(controller)).keys() == {"octavia_api_disabled"}
        assert listeners(controller) == set()
        assert unit_state(controller, "octavia-api") == ("inactive", "disabled")
        assert changed(apply(controller)) == {}
