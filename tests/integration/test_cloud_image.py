"""
An image that the formula builds: made once, uploaded, and booted by Nova as the amphora that serves a tenant.
"""

import pytest
from control_plane import DEMO_WITH_SSH, Api, answers, apply, changed, demo_controller, leave

# A quarter of an hour with emulated processors: for `make test-all`.
pytestmark = pytest.mark.slow
#: That of the demo, with an image made on the controller, which has no device mapper.
HEAD, _, IMAGE = DEMO_WITH_SSH.partition("    image:\n")
assert IMAGE.count("\n") == 2
PILLAR = f"""{HEAD}    image:
      build:
        enabled: true
        elements: [octavia-agent, baremetal]
"""
DIRECTORY = "/var/lib/octavia-image"
VIP = "10.88.0.130"


@pytest.fixture(scope="module")
def controller(cloud):
    """A machine that had nothing of Octavia when the image was made; the cloud knows nothing of it afterwards."""
    machine = demo_controller(cloud, PILLAR)
    yield machine
    leave(machine, PILLAR)
    assert machine.run(["ls", DIRECTORY], check=False).stdout == ""
    assert images(machine) == []
    cloud.machines.pop("controller1").destroy()


def images(controller):
    return controller.salt_call("octavia_cloud.resources", "image").data


@pytest.fixture(scope="module")
def shop(cloud, controller):
    """The tenant and its load balancer."""
    tenant = cloud.tenant()
    api = Api(cloud.machines["services"], cloud.facts)
    shop = api.shop(cloud.facts["subnet"]["id"], VIP, tenant)
    yield tenant
    api.close(shop)
    tenant.remove()


def test_an_image_is_made_once_though_octavia_came_after_it(controller):
    assert sorted((each["name"], "amphora" in each["tags"]) for each in images(controller)) == [
        ("amphora", True), ("amphora-kernel", False), ("amphora-ramdisk", False),
    ]  # fmt: skip
    assert changed(apply(controller)) == {}
    line = controller.run(f"cd {DIRECTORY} && sha256sum --check --quiet *.sha256 && ls -d *.work", check=False).stdout
    assert line == ""


def test_it_serves_a_tenant(shop):
    answers(shop, VIP)


@pytest.fixture(scope="module")
def amphora(controller, shop):
    """``amphora(command)``: what a command in the one amphora says, and its errors."""
    [address] = [each["lb_network_ip"] for each in controller.salt_call("octavia_db.heartbeats").data]
    controller.salt_call("state.single", "pkg.installed", "openssh-client")
    ssh = ["ssh", "-q", "-i", "/etc/octavia/.ssh/octavia_ssh_key", "-o", "StrictHostKeyChecking=no"]
    return lambda command: controller.run([*ssh, f"debian@{address}", f"{command} 2>&1"], timeout=600).stdout


def test_in_it_runs_the_agent_of_the_controllers_release_and_nothing_failed(controller, amphora):
    assert amphora("cloud-init status --wait").strip().endswith("done")
    version = "dpkg-query -W -f '${Version}' "
    assert amphora(f"{version} octavia-agent") == controller.run(f"{version} octavia-common").stdout != ""
    assert amphora("systemctl list-units --failed --plain --no-legend") == ""
    assert amphora("sudo sysctl -n net.ipv4.ip_local_port_range").split() == ["1025", "65534"]


def test_somebody_renews_the_lease_of_its_management_address(amphora):
    assert "valid_lft forever" not in amphora("ip -4 address show dynamic") != ""
    assert amphora("pgrep -c dhclient").strip() == "1"


def test_it_serves_again_after_a_reboot(cloud, controller, amphora, shop):
    [server] = controller.salt_call("octavia_cloud.resources", "server", "all_tenants=1").data
    # or it would be failed over: with an emulated processor a boot takes longer than heartbeats may be missing
    controller.run("systemctl stop octavia-health-manager")
    boot = amphora("cat /proc/sys/kernel/random/boot_id")
    nova = ["openstack", "--os-cloud", "admin", "server"]
    cloud.machines["services"].run([*nova, "reboot", "--hard", "--wait", server["id"]], timeout=300)
    answers(shop, VIP, within=600)
    assert amphora("cat /proc/sys/kernel/random/boot_id") != boot
    assert amphora("systemctl list-units --failed --plain --no-legend") == ""
    controller.salt_call("octavia_db.refresh_heartbeats")
    controller.run("systemctl start octavia-health-manager")
