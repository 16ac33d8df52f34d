"""
Debian's Horizon with the panel of octavia.dashboard, in a real browser, beside an API of Octavia on the same host.
"""

import json
import re
from pathlib import Path

import pytest
from control_plane import Api, apply, changed
from harness import ROOT

pytestmark = pytest.mark.slow
SCRIPT = (Path(__file__).parent / "horizon_browser.py").read_text()
#: What a test has made for people to look at: git ignores it.
PICTURE = ROOT / "build" / "horizon-load-balancers.png"
HORIZON = "openstack-dashboard-apache chromium chromium-driver python3-selenium"
SETTINGS = """\
ALLOWED_HOSTS = ["*"]
OPENSTACK_KEYSTONE_URL = "{url}"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
CACHES = {{"default": {{"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}}
"""


@pytest.fixture(scope="module")
def controller(lab, pillar):
    """A controller with Octavia by Apache, and with Horizon, which nobody has told of Octavia."""
    machine = lab.machine("controller1", tree="libraries-12")
    # Horizon compresses its files in threads, which now and then trip over one another
    install = f"apt-get -qq install --yes --no-install-recommends {HORIZON} || dpkg --configure -a"
    machine.run(f"apt-get -qq update; {install}", env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=1500)
    machine.write("/etc/openstack-dashboard/local_settings.d/_9999_lab.py", SETTINGS.format(**lab.facts["keystone"]))
    # which Horizon's package switches on, without the module that it needs
    machine.run("a2dissite --quiet default-ssl && systemctl restart apache2")
    machine.put_formula()
    machine.put_pillar(pillar({"api": {"server": "apache"}, "database": {"name": "octavia_dashboard"}}))
    apply(machine)
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def balancer(controller, services, lab):
    api = Api(services, lab.facts)
    made = api.make(
        "loadbalancer", {"name": "seen-in-horizon", "vip_subnet_id": "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"}
    )
    yield "seen-in-horizon"
    api.call("DELETE", f"/v2/lbaas/loadbalancers/{made}")


def test_a_user_sees_the_load_balancer_that_exists(controller, pillar, lab, balancer):
    controller.put_pillar(
        pillar(
            {"api": {"server": "apache"}, "database": {"name": "octavia_dashboard"}},
            {"dashboard": {"enabled": True}},
        )
    )
    before = controller.run("systemctl show --property=MainPID --value octavia-api apache2").stdout
    states = apply(controller, "octavia.dashboard")
    assert changed(states)["octavia_dashboard"] == {"apache2": {"old": "without the panel", "new": "reloaded"}}
    # a reload leaves the process, and the API was not touched
    assert controller.run("systemctl show --property=MainPID --value octavia-api apache2").stdout == before
    assert changed(apply(controller, "octavia.dashboard")) == {}
    assert changed(apply(controller)) == {}
    controller.write("/srv/horizon_browser.py", SCRIPT)
    user = lab.facts["keystone"]["demo"]
    done = controller.run(
        ["python3", "/srv/horizon_browser.py", "http://127.0.0.1/horizon", "/srv/horizon.png"],
        input=json.dumps({"user": user["user"], "password": user["password"]}) + "\n",
        check=False,
    )
    PICTURE.parent.mkdir(exist_ok=True)
    picture = controller.path("/srv/horizon.png")
    if picture.exists():
        PICTURE.write_bytes(picture.read_bytes())
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["names"] == [balancer] and re.search("Load Balancers", found["title"])
