"""
The Debian package: `make deb` builds it and lintian has nothing to say, its own tests pass where it is installed, and a
machine that has the formula from it gets its services, loses none of them with it, and keeps nothing of it.
"""

import re
import shutil

import pytest
from control_plane import UNITS, Api, apply, changed, pids, unit_state
from harness import ROOT

NAME, TREE = "salt-formula-octavia", "/usr/share/salt-formulas"
#: What stands in a tarball beside the tests.
SOURCE = ("Makefile", "LICENSE", "README.rst", "pillar.example", "debian", "metadata", "octavia", "_modules", "_states")


@pytest.fixture(scope="module")
def workshop(lab):
    machine = lab.machine("controller1", debian=13, tree="tools-13")
    yield machine
    machine.destroy()


@pytest.fixture(scope="module")
def built(workshop):
    """Where the package lies in the workshop, and what its making said."""
    workshop.run("mkdir /root/source")
    for name in SOURCE:
        if (ROOT / name).is_dir():
            workshop.put_tree(ROOT / name, f"/root/source/{name}")
        else:
            shutil.copy2(ROOT / name, workshop.path("/root/source") / name)
    # no name server, no archive: whatever it needs is there
    workshop.run(["rm", "/etc/resolv.conf"])
    said = workshop.run("make -C /root/source deb").stdout
    [package] = workshop.path("/root/source/build").glob(f"{NAME}_*_all.deb")
    return package, said


@pytest.fixture(scope="module")
def machine(lab, built, pillar):
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    machine.run("rm -r /srv/salt")
    machine.write("/etc/salt/minion", machine.read("/etc/salt/minion").replace("/srv/salt", f"{TREE}/env"))
    here = {"api": {"bind": {"address": machine.address}}, "manager": {"health_manager": {"bind_ip": machine.address}}}
    machine.put_pillar(pillar({"database": {"name": "octavia_package"}}, here))
    shutil.copy2(built[0], machine.path("/root"))
    yield machine
    machine.destroy()


def test_make_deb_builds_it_and_lintian_is_content(built):
    package, said = built
    assert not re.search(r"^[EW]: ", said, re.M)
    version = re.match(rf"{NAME} \((\S+)\)", (ROOT / "debian/changelog").read_text())[1]
    assert package.name == f"{NAME}_{version}_all.deb"


def test_it_has_the_layout_of_make_install(workshop, built):
    workshop.run(f"dpkg-deb -x /root/source/build/{built[0].name} /root/package")
    workshop.run("make -s -C /root/source install DESTDIR=/root/installed")
    workshop.run(f"diff -r /root/package{TREE} /root/installed{TREE}")
    doc = "usr/share/doc/salt-formula-octavia"
    there = {path.name for path in workshop.path(f"/root/package/{doc}").rglob("*") if path.is_file()}
    assert there == {"README.rst.gz", "changelog.gz", "copyright", "pillar.example"}


@pytest.mark.slow
def test_its_own_tests_pass(workshop, built):
    """The lab leaves documentation out of its machines, and one of them reads the example."""
    keep = "sed -i '/path-exclude=.usr.share.doc/d' /etc/dpkg/dpkg.cfg.d/* /etc/dpkg/dpkg.cfg"
    workshop.run(f"{keep}; cd /root && autopkgtest -B source/build/{built[0].name} source/ -- null", timeout=300)


@pytest.mark.slow
def test_the_formula_of_the_package_makes_a_controller_which_outlives_the_package(machine, lab):
    machine.run(f"dpkg -i /root/{NAME}_*.deb")
    apply(machine)
    assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
    api = Api(lab.services(), lab.facts, f"http://{machine.address}:9876")
    assert api.call("GET", "/v2/lbaas/loadbalancers")[0] == 200

    before, conf = pids(machine), machine.read("/etc/octavia/octavia.conf")
    machine.run(f"dpkg --purge {NAME}")
    assert not machine.exists(TREE)
    assert (pids(machine), machine.read("/etc/octavia/octavia.conf")) == (before, conf)

    machine.run(f"dpkg -i /root/{NAME}_*.deb")
    assert machine.run(f"dpkg --verify {NAME} | grep -v /usr/share/doc/", check=False).stdout == ""
    assert changed(apply(machine)) == {}
    assert pids(machine) == before
