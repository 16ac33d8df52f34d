"""
What kitchen's verifier asks of a machine that it converged: the services of its suite, and that no secret is open.

Runs against KITCHEN_HOSTNAME by ssh, as any machine that the formula was applied to.
"""

import os

import pytest
import testinfra

MANAGER = ("octavia-worker", "octavia-health-manager", "octavia-housekeeping")
SUITES = {
    "api_single": ("octavia-api",),
    "api_cluster": ("octavia-api",),
    "manager_single": MANAGER,
    "all_in_one": ("octavia-api", *MANAGER, "octavia-driver-agent"),
}
UNITS = SUITES[os.environ["KITCHEN_SUITE"]]


@pytest.fixture(scope="session")
def host():
    user, name = os.environ.get("KITCHEN_USERNAME", "root"), os.environ["KITCHEN_HOSTNAME"]
    return testinfra.get_host(
        f"ssh://{user}@{name}:{os.environ.get('KITCHEN_PORT', 22)}",
        ssh_identity_file=os.environ.get("KITCHEN_SSH_KEY"),
        ssh_extra_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        sudo=user != "root",
    )


@pytest.mark.parametrize("unit", UNITS)
def test_service_runs_and_starts_at_boot(host, unit):
    assert host.service(unit).is_running and host.service(unit).is_enabled


def test_api_listens_where_there_is_one(host):
    sockets = host.socket.get_listening_sockets()
    assert any(socket.startswith("tcp") and socket.endswith(":9876") for socket in sockets) == ("octavia-api" in UNITS)


def test_configuration_is_for_octavia_only(host):
    conf = host.file("/etc/octavia/octavia.conf")
    assert (conf.user, conf.group, conf.mode) == ("root", "octavia", 0o640)


def test_no_file_of_octavia_that_may_hold_a_secret_is_open_to_all(host):
    out = host.run("find /etc/octavia -type f -perm /004 -not -name '*-uwsgi.ini' -not -path '*/policy.d/*'")
    assert (out.rc, out.stdout) == (0, "")
