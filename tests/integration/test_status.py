"""
When certificates end, as an operator and as monitoring ask it: files of the controller, and amphorae by the real API,
with the openstacksdk of each Debian.
"""

import pytest
from control_plane import Api, apply, fault

PLATFORMS = (("12", "3006"), ("13", "3008"))
SUBNET = "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"
STATE = "octavia.certificates.check"


@pytest.fixture(scope="module", params=PLATFORMS, ids=lambda p: f"debian{p[0]}-salt{p[1]}")
def platform(request):
    return request.param


@pytest.fixture(scope="module")
def database(platform):
    return f"octavia_status_{'_'.join(platform)}"


@pytest.fixture(scope="module")
def make(pillar, database):
    """Two amphorae for each load balancer, and a page for each amphora."""
    base = {
        "database": {"name": database},
        "controller_worker": {"loadbalancer_topology": "ACTIVE_STANDBY"},
        "api": {"pagination_max_limit": "1"},
    }
    return lambda *changes: pillar(base, *changes)


@pytest.fixture(scope="module")
def machine(lab, platform, make):
    debian, salt = platform
    machine = lab.machine("controller1", debian=debian, salt=salt, tree=f"libraries-{debian}")
    machine.put_formula()
    machine.put_pillar(make())
    apply(machine)
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def load_balancer(machine, services, lab):
    return Api(services, lab.facts).make("loadbalancer", {"name": "lb", "vip_subnet_id": SUBNET})


@pytest.fixture
def say(machine, make):
    """The pillar with changes, for one test."""
    yield lambda *changes: machine.put_pillar(make(*changes))
    machine.put_pillar(make())


def status(machine, *args):
    found = machine.salt_call("octavia_pki.status", *args).data
    assert isinstance(found, dict), found
    return found


def unseen(found):
    """The one line about amphorae that could not be looked at."""
    lines = [each["line"] for each in found["findings"] if each["what"] == "amphorae"]
    assert len(lines) == 1 and found["level"] == "warning", found
    return lines[0].removeprefix("The certificates of amphorae cannot be looked at: ")


def test_a_controller_whose_certificates_are_fresh_is_well(machine, load_balancer):
    found = status(machine)
    assert found["level"] == "ok"
    paths = {each["path"].rpartition("/")[2] for each in found["findings"] if "path" in each}
    assert paths == {"client.cert-and-key.pem", "client_ca.cert.pem", "server_ca.cert.pem"}
    amphorae = [each for each in found["findings"] if each["what"] == "amphora"]
    assert len(amphorae) == 2
    assert {each["days"] for each in amphorae} <= {29, 30}
    assert apply(machine, STATE)["octavia_certificates_check"]["changes"] == {}


def test_all_of_an_amphora_is_told(machine, load_balancer):
    found = machine.salt_call("octavia_cloud.amphorae").data
    assert {each["loadbalancer_id"] for each in found} == {load_balancer}
    assert {each["role"] for each in found} == {"MASTER", "BACKUP"}
    assert {each["status"] for each in found} == {"ALLOCATED"}
    assert all(each["lb_network_ip"] and each["cert_expiration"] and each["created_at"] for each in found)


def test_limits_are_those_of_the_call(machine, load_balancer):
    found = status(machine, "warn_days=100000")
    assert {each["level"] for each in found["findings"] if "path" in each} == {"warning"}
    assert {each["level"] for each in found["findings"] if "amphora" in each} == {"ok"}


@pytest.mark.parametrize("test", [True, False])
def test_a_certificate_that_housekeeping_did_not_renew_fails_the_check(
    machine, load_balancer, services, database, test
):
    # or it is renewed at the next look
    machine.run("systemctl stop octavia-housekeeping")
    sql = f"UPDATE {database}.amphora SET cert_expiration = NOW() - INTERVAL 3 DAY WHERE role = 'MASTER'"
    services.run(["mysql", "-e", sql])
    found = status(machine)
    assert (found["level"], found["findings"][0]["level"]) == ("critical", "critical")
    first = found["findings"][0]
    assert first["days"] in (-3, -4) and "housekeeping has stalled" in first["line"]
    states = apply(machine, STATE, test=test, check=False)
    assert fault(states) == first["line"]
    assert states["octavia_certificates_check"]["changes"] == {}
    result = machine.salt_call("state.apply", STATE, check=False)
    assert result.rc != 0
    services.run(["mysql", "-e", sql.replace("- INTERVAL 3", "+ INTERVAL 30")])
    assert status(machine)["level"] == "ok"


def test_an_api_that_is_down_is_said(machine, load_balancer):
    machine.run("systemctl stop octavia-api")
    try:
        line = unseen(status(machine))
        states = apply(machine, STATE)
    finally:
        machine.run("systemctl start octavia-api")
    assert line.startswith("The load-balancing API at http://10.77.0.11:9876 does not answer: see pillar octavia:")
    assert line in states["octavia_certificates_check"]["warnings"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"identity": {"port": 5999}},
         "Keystone at http://10.77.0.2:5999/v3 does not answer: see pillar octavia:identity:host"),
        ({"identity": {"protocol": "https", "timeout": 5}}, "Keystone at https://10.77.0.2:5000/v3 "),
        ({"identity": {"password": "wrong-horse-battery"}},
         "Keystone at http://10.77.0.2:5000/v3 refuses the user octavia (401): see pillar octavia:identity:user and"),
        ({"identity": {"region": "Elsewhere"}},
         "Keystone's catalogue has no internal endpoint of type load-balancer in region Elsewhere: see pillar"),
        ({"identity": {"user": "outsider", "password": "outsider", "tenant": "demo"}},
         "The load-balancing API at http://10.77.0.11:9876 refuses the user outsider (403): see pillar octavia:policy"),
    ],
    ids=["port", "tls", "password", "region", "rights"],
)  # fmt: skip
def test_what_keeps_the_cloud_from_answering_is_one_line_with_the_key(machine, load_balancer, say, change, expected):
    say(change)
    line = unseen(status(machine))
    assert line.startswith(expected) and "wrong-horse" not in line


SILENT = "import socket, time; s = socket.create_server(('10.77.0.2', 5998)); print(1, flush=True); time.sleep(60)"


def test_a_keystone_that_says_nothing_is_not_waited_for_long(machine, load_balancer, services, say):
    server = services.popen(["timeout", "60", "python3", "-c", SILENT])
    try:
        say({"identity": {"port": 5998, "timeout": 3}})
        line = unseen(status(machine))
    finally:
        server.kill()
        server.wait()
    assert line.startswith("Keystone at http://10.77.0.2:5998/v3 does not answer within 3 s: see pillar octavia:")


def test_the_check_can_be_applied_alone_on_a_minion_that_never_synced(machine, load_balancer):
    machine.run("rm -rf /var/cache/salt")
    states = apply(machine, STATE)
    assert states["octavia_certificates_check"]["comment"].startswith("No certificate ends soon; the first: amphora ")
    assert len(states) == 2


def test_a_host_without_roles_has_a_state_that_says_so(machine, load_balancer, say):
    say({"api": {"enabled": False}, "manager": {"enabled": False}})
    assert set(apply(machine, STATE)) == {"octavia_sync", "octavia_certificates_check_disabled"}
