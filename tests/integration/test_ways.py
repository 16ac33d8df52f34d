"""
The ways to the formula: as installed by `make install`, on a minion that never synced a module, by salt-ssh, and from a
branch of a Git repository.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from control_plane import apply, changed, unit_state
from harness import ROOT
from kitchen_verifier import inside, opened, verify

TREE = "/usr/share/salt-formulas/env"
SSH = """\
root_dir: {home}
pki_dir: {home}/pki
file_roots: {{base: [{home}/env]}}
pillar_roots: {{base: [{home}/pillar]}}
roster_file: {home}/roster
ssh_log_file: {home}/ssh.log
log_file: {home}/log
"""
ROSTER = """\
controller2:
  host: 10.77.0.12
  user: root
  priv: {key}
  minion_opts: {{state_output: changes}}
"""


@pytest.fixture(scope="module")
def wanted(pillar):
    return pillar(
        {
            "database": {"name": "octavia_ways"},
            "api": {"bind": {"address": "10.77.0.12"}},
            "manager": {"enabled": False},
        }
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `make install` puts on a machine."""
    target = tmp_path_factory.mktemp("install")
    subprocess.run(["make", "-s", "-C", ROOT, "install", f"DESTDIR={target}"], check=True)
    return Path(f"{target}{TREE}")


@pytest.fixture(scope="module")
def key(machine, tmp_path_factory):
    """A key that opens the machine by ssh."""
    return opened(machine, tmp_path_factory.mktemp("ssh"))


@pytest.fixture(scope="module")
def machine(lab, installed, wanted):
    machine = lab.machine("controller2", tree="libraries-12")
    machine.put_formula()
    machine.run("rm -r /srv/salt")
    machine.put_tree(installed, TREE)
    machine.write("/etc/salt/minion", machine.read("/etc/salt/minion").replace("/srv/salt", TREE))
    machine.put_pillar(wanted)
    yield machine
    machine.destroy()


def test_the_installed_formula_brings_up_the_api_on_a_minion_that_never_synced(machine):
    apply(machine, "octavia.db.create")
    machine.run("rm -r /var/cache/salt")
    states = apply(machine, "octavia.api")
    assert states["octavia_sync"]["changes"] and states["octavia_api_service"]["changes"]
    assert unit_state(machine, "octavia-api") == ("active", "enabled")
    assert changed(apply(machine, "octavia.api")) == {}


def test_the_verifier_of_kitchen_is_content(lab, machine, key):
    assert "4 passed" in verify(lab, machine, "api_single", key)


def test_salt_ssh_finds_nothing_to_do_and_then_does_what_the_pillar_says(
    lab, machine, key, installed, wanted, tmp_path
):
    home = tmp_path
    shutil.copytree(installed, home / "env")
    (home / "pillar").mkdir()
    (home / "pillar" / "top.sls").write_text("base: {'*': [octavia]}\n")
    (home / "master").write_text(SSH.format(home=home))
    (home / "roster").write_text(ROSTER.format(key=key))

    def ssh():
        (home / "pillar" / "octavia.sls").write_text("#!json\n" + json.dumps(wanted))
        salt = [str(Path(sys.executable).parent / "salt-ssh"), "-c", str(home), "-i", "--out=json", "controller2"]
        done = subprocess.run(
            [*inside(lab), *salt, "state.apply", "octavia.api"],
            capture_output=True, text=True, timeout=300, env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        data = json.loads(done.stdout)["controller2"]
        assert isinstance(data, dict), done.stdout + done.stderr
        states = {state["__id__"]: state for state in data.get("return", data).values()}
        assert [state["comment"] for state in states.values() if state["result"] is False] == []
        return changed(states)

    assert ssh() == {}
    wanted["octavia"]["api"]["threads"] = 3
    assert ssh().keys() == {"octavia_api_uwsgi", "octavia_api_service"}
    assert ssh() == {}


GITFS = """\
file_client: local
fileserver_backend: [gitfs]
gitfs_remotes: [file:///srv/formula]
gitfs_base: main
pillar_roots: {base: [/srv/pillar]}
id: controller2
"""
#: A repository whose branch `main` has no formula, as an operator's who tries a newer one in an environment of its own.
REPOSITORY = """
git init --quiet --initial-branch main /srv/formula
cd /srv/formula
git config user.name lab && git config user.email lab@example.org
git commit --quiet --allow-empty --message nothing
git checkout --quiet -b next
cp -r /srv/salt/* .
git add . && git commit --quiet --message formula
git checkout --quiet main
"""


@pytest.mark.slow
def test_a_branch_of_a_git_repository_is_an_environment_of_salt(machine, wanted):
    machine.run("apt-get -qq install --no-install-recommends git")
    machine.put_formula()
    apply(machine, "octavia.db.create")
    machine.run(REPOSITORY + "rm -rf /srv/salt /var/cache/salt")
    machine.write("/etc/salt/minion", GITFS)
    wanted["octavia"]["api"]["threads"] = 4
    machine.put_pillar(wanted)
    done = machine.salt_call("state.apply", "octavia.api", check=False)
    assert done.rc != 0 and "octavia.api" in str(done.data)
    planned = machine.salt_call("state.apply", "octavia.api", "saltenv=next", "test=True", check=False).data.values()
    assert any("salt-call saltutil.sync_all saltenv=next (a dry run" in state["name"] for state in planned)
    states = machine.salt_call("state.apply", "octavia.api", "saltenv=next").data.values()
    assert [state["comment"] for state in states if state["result"] is False] == []
    assert {state["__id__"] for state in states if state["changes"]} >= {"octavia_api_uwsgi", "octavia_api_service"}
    states = machine.salt_call("state.apply", "octavia.api", "saltenv=next").data.values()
    assert [state["__id__"] for state in states if state["changes"]] == []
