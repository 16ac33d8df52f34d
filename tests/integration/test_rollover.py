"""
A controller that makes its own certificates: issued, renewed, rolled over, with services that go on all the while.
"""

import pytest
from control_plane import UNITS, Api, apply, changed, fault, pids, unit_state
from salt.utils.dictupdate import update

CERTS = "/etc/octavia/certs"
READERS = {"worker", "health_manager", "housekeeping"}
STAGES = ("trust", "sign", "client", "drop")


@pytest.fixture(scope="module")
def controller(lab, services):
    machine = lab.machine("controller1", tree="libraries-12")
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def say(controller, pillar):
    """Change the pillar of the controller; what is None is taken out."""
    own = {"source": "generate", "generate": {"key": "ec-256"}, "server_certs_key_passphrase": "0" * 32}
    tree = pillar({"database": {"name": "octavia_rollover"}})
    tree["octavia"]["certificates"] = own

    def _say(change):
        update(tree["octavia"], change)
        controller.put_pillar(tree)

    return _say


@pytest.fixture(scope="module")
def first_run(controller, say):
    say({})
    return apply(controller)


@pytest.fixture
def api(controller, services, lab, first_run):
    return Api(services, lab.facts)


def use(api):
    """Make a load balancer and delete it: the worker signs a certificate for its amphora."""
    lb = api.make("loadbalancer", {"name": "use", "vip_subnet_id": "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"})
    assert api.call("DELETE", f"/v2/lbaas/loadbalancers/{lb}")[0] == 204


def restarted(controller, before):
    now = pids(controller)
    return {role for role in UNITS if now[role] != before[role]}


def test_a_controller_makes_its_certificates_in_the_first_run(controller, first_run, api):
    found = controller.run(f"stat -c '%n %U:%G %a' {CERTS}/*").stdout.replace(f"{CERTS}/", "").splitlines()
    assert found == [
        "client.cert-and-key.pem octavia:octavia 600",
        "client_ca.cert.pem octavia:octavia 640",
        "client_ca.key.pem root:root 600",
        "server_ca.cert.pem octavia:octavia 640",
        "server_ca.key.pem octavia:octavia 600",
    ]
    chain = f"openssl verify -purpose sslclient -CAfile {CERTS}/client_ca.cert.pem {CERTS}/client.cert-and-key.pem"
    assert controller.run(chain).stdout.endswith(": OK\n")
    use(api)
    assert changed(apply(controller)) == {}


def test_what_is_issued_again_restarts_those_who_read_it(controller, say, api):
    before = pids(controller)
    say({"certificates": {"generate": {"client_names": ["octavia.example.org"]}}})
    plan = changed(apply(controller, test=True))
    assert pids(controller) == before
    assert changed(apply(controller)) == plan
    assert restarted(controller, before) == READERS
    assert changed(apply(controller)) == {}


@pytest.mark.parametrize(
    ("change", "back", "line"),
    [
        (
            {"manager": {"certificates": {"ca_private_key_passphrase": "another-passphrase"}}},
            None,
            f"octavia:manager:certificates:ca_private_key: {CERTS}/server_ca.key.pem does not open with the passphrase",
        ),
        (
            {"certificates": {"source": "pillar"}},
            {"certificates": {"source": "generate"}},
            "octavia:certificates:client.cert-and-key.pem: is not set",
        ),
        (
            {"certificates": {"rollover": {"stage": "client"}}},
            {"certificates": {"rollover": None}},
            "octavia:certificates:rollover:stage: is client, and there are no next certificates; begin with trust",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_touched(controller, say, lab, api, change, back, line):
    before, files = pids(controller), controller.run(f"md5sum {CERTS}/*").stdout
    say(change)
    try:
        assert line in fault(apply(controller, check=False))
        assert pids(controller) == before
        assert controller.run(f"md5sum {CERTS}/*").stdout == files
    finally:
        say(back or {"manager": {"certificates": {"ca_private_key_passphrase": lab.facts["amphora_ca_passphrase"]}}})
    assert changed(apply(controller)) == {}


def test_a_full_disk_leaves_the_old_certificates(controller, say, api):
    controller.run(
        f"mkdir /tmp/kept && cp -a {CERTS}/. /tmp/kept && mount -t tmpfs -o size=32k,mode=750 tmpfs {CERTS}"
        f" && chown octavia:octavia {CERTS} && cp -a /tmp/kept/. {CERTS}"
        f" && {{ dd if=/dev/zero of={CERTS}/full bs=1k 2>/dev/null || true; }}"
    )
    before, files = pids(controller), controller.run(f"md5sum {CERTS}/*.pem").stdout
    say({"certificates": {"generate": {"client_names": ["another.example.org"]}}})
    try:
        assert fault(apply(controller, "octavia.certificates", check=False)).endswith("No space left on device")
        assert controller.run(f"md5sum {CERTS}/*.pem").stdout == files
        assert pids(controller) == before
    finally:
        controller.run(f"umount {CERTS}")
        say({"certificates": {"generate": {"client_names": ["octavia.example.org"]}}})
    assert changed(apply(controller)) == {}


def test_authorities_are_rolled_over_and_load_balancers_are_made_at_every_stage(controller, say, api):
    old = controller.read(f"{CERTS}/server_ca.cert.pem")
    for stage in STAGES:
        if stage == "sign":
            say({"certificates": {"rollover": {"stage": "client"}}})
            line = "octavia:certificates:rollover:stage: is client, but this host is at trust: the next one is sign"
            assert line in fault(apply(controller, check=False))
        before = pids(controller)
        say({"certificates": {"rollover": {"stage": stage}}})
        plan = changed(apply(controller, "octavia.certificates.rollover", test=True))
        states = apply(controller, "octavia.certificates.rollover")
        assert changed(states) == plan
        assert states["octavia_certificates_rollover"]["comment"].startswith(f"this host is at stage {stage}: ")
        assert restarted(controller, before) == READERS
        assert changed(apply(controller)) == {}
        use(api)
    say({"certificates": {"rollover": None}})
    assert changed(apply(controller)) == {}
    assert controller.read(f"{CERTS}/server_ca.cert.pem") != old
    assert not controller.exists(f"{CERTS}/rollover")
    assert {unit_state(controller, unit) for unit in UNITS.values()} == {("active", "enabled")}
