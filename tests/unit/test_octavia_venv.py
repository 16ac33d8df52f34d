"""Octavia in virtualenvs: which one, whole or not at all, and the link to the one in use."""

import os
import re
import signal
import threading
import time

import pytest
import yaml
from formula import Host, shared
from harness import ROOT
from salt.exceptions import CommandExecutionError

# What makes a virtualenv here: `python -m venv` makes a directory whose Python plays pip.
MAKER = """#!/bin/sh
echo "$@" >> {log}
[ -e {broken} ] && {{ echo "Error: ensurepip is not available"; exit 1; }}
for place; do :; done
mkdir -p $place/bin $place/lib/python3.11/site-packages
cp {root}/python $place/bin/python
"""
PYTHON = """#!/bin/sh
place=$(dirname $(dirname $0))
echo "$@" >> {log}
case "$*" in
*pip\\ install*)
    umask > {root}/umask
    for word; do case $word in octavia==*) version=${{word#octavia==}};; esac; done
    info=$place/lib/python3.11/site-packages/octavia-$version.dist-info
    mkdir -p $info
    printf 'Metadata-Version: 2.1\\nName: octavia\\nVersion: %s\\n' $version > $info/METADATA
    [ -e {root}/pip ] && {{ cat {root}/pip; exit 1; }}
    [ -e {root}/hang ] && {{ touch {root}/hangs; while [ -e {root}/hang ]; do sleep 0.05; done; }}
    true;;
*importlib*) [ -e {root}/import ] && {{ cat {root}/import; exit 1; }}
    basename $place/lib/python3.11/site-packages/octavia-* .dist-info | sed s/octavia-//;;
esac
"""


@pytest.fixture
def make(tmp_path):
    root = tmp_path / "tools"
    root.mkdir()
    names = {"root": root, "log": root / "log", "broken": root / "broken"}
    for name, text in (("maker", MAKER), ("python", PYTHON)):
        (root / name).write_text(text.format(**names))
        (root / name).chmod(0o755)

    def _make(octavia=None, **said):
        tree = shared()
        tree["octavia"] |= {"install_method": "venv", "venv": {"directory": str(tmp_path / "opt"), **said}}
        if octavia:
            tree["octavia"]["version"] = octavia
        host = Host(tmp_path, tree, octavia=None)
        host.tree["octavia"]["host"].pop("metadata_path")
        host.salt["octavia_host.stop"] = lambda: None
        host.salt["cp.cache_file"] = lambda url, saltenv: (
            str(path) if (path := ROOT / url.removeprefix("salt://")).is_file() else False
        )
        host.pillar.data()["osfamilymap"]["Debian"]["venv"]["python"] = str(root / "maker")
        host.opt, host.tools = tmp_path / "opt", root
        host.log = lambda: (root / "log").read_text().splitlines() if (root / "log").exists() else []
        return host

    return _make


def fault(call, *args):
    with pytest.raises(CommandExecutionError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- which one


@pytest.mark.parametrize(
    ("octavia", "said", "version"),
    [
        (None, {}, "19.0.0"),
        ("zed", {}, "11.0.3"),
        ("2025.1", {}, "16.1.0"),
        ("2025.1", {"version": "16.0.0"}, "16.0.0"),
        (None, {"version": "18.0.0"}, "18.0.0"),
    ],
)
def test_the_pillar_names_a_version_or_its_release_has_one(make, octavia, said, version):
    host = make(octavia, **said)
    assert host.venv.wanted() == version == host.release.offered()


def test_the_one_in_use_stays_where_the_pillar_names_none(make):
    host = make("epoxy")
    host.venv.use(os.path.basename(host.venv.build("16.0.1")))
    assert host.venv.wanted() == "16.0.1" == host.release.installed()
    assert host.venv.wanted("2025.1") == "16.1.0"
    assert host.venv.wanted("2026.1") == "18.0.1"


def test_the_version_of_the_pillar_is_not_that_of_another_release(make):
    assert make("epoxy", version="16.0.0").venv.wanted("gazpacho") == "18.0.1"


def test_a_release_without_pins_is_told(make):
    host = make("bobcat")
    line = (
        "octavia:venv:version: is not set, and the formula pins no Octavia 13 (bobcat); set it, and "
        "octavia:venv:constraints"
    )
    assert fault(host.venv.wanted) == line
    assert host.venv.faults() == [line]
    host = make("bobcat", version="13.0.1")
    assert host.venv.faults() == [
        "octavia:venv:constraints: is not set, and the formula has no pins for Octavia 13.0.1"
    ]


@pytest.mark.parametrize("url", ["/nowhere/pins.txt", "salt://nowhere/pins.txt"])
def test_constraints_that_are_not_there_are_told(make, url):
    host = make(version="13.0.1", constraints=url)
    assert re.fullmatch(f"octavia:venv:constraints: there is no (file )?{url}", host.venv.faults()[0])


@pytest.mark.parametrize("name", ["--index-url=https://me:secret@example.org", "x @ https://me:secret@example.org", ""])
def test_what_is_no_name_of_a_package_is_refused_and_not_shown(make, name):
    assert make(packages=["redis", name]).venv.faults() == [
        "octavia:venv:packages: must hold names of PyPI, with a version or without, and no options or URLs"
    ]


def test_names_of_packages_may_have_extras_and_versions(make):
    assert make(packages=["redis", "oslo.messaging[kafka]", "etcd3gw==2.4.2", "kazoo>=2"]).venv.faults() == []


def test_another_version_in_use_is_refused(make):
    host = make()
    host.venv.use(os.path.basename(host.venv.build("18.0.1")))
    host.tree["octavia"]["venv"]["version"] = "19.0.0"
    assert host.venv.faults() == [
        "octavia:venv:version: is 19.0.0, but this host uses Octavia 18.0.1; go there by the phases of an upgrade, or "
        "set it to 18.0.1"
    ]
    assert host.venv.faults() == list(host.check._release_faults(None, False))
    # a phase of an upgrade is on its way there
    assert host.venv.faults(upgrades=True) == []
    host.tree["octavia"]["venv"].pop("version")
    assert host.venv.faults() == list(host.check._release_faults(None, False)) == []
    host.tree["octavia"]["version"] = "2026.2"
    assert len(list(host.check._release_faults(None, False))) == 1


def test_another_system_is_refused(make):
    host = make()
    host.grains["os_family"] = "RedHat"
    assert host.venv.faults() == ["octavia:install_method: is venv, which the formula cannot do on RedHat"]


# --- whole or not at all


def test_a_virtualenv_is_built_once(make):
    host = make(packages=["ovn-octavia-provider"])
    assert not host.venv.present() and host.venv.versions() == {}
    place = host.venv.build()
    assert place == f"{host.opt}/19.0.0" == host.venv.path()
    assert host.venv.present() and host.venv.versions() == {"19.0.0": "19.0.0"}
    pip = next(line for line in host.log() if "pip install" in line)
    assert f"--constraint {ROOT}/octavia/pins/19.txt octavia==19.0.0 PyMySQL " in pip
    assert pip.endswith(" ovn-octavia-provider")
    assert any("compileall" in line for line in host.log())
    assert (host.tools / "umask").read_text() == "0022\n"
    before = host.log()
    assert host.venv.build() == place and host.log() == before
    # nobody was asked to use it
    assert host.venv.current() is None


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("WARNING: slow\nERROR: No matching distribution found for octavia==19.0.0\n",
         "No matching distribution found for octavia==19.0.0"),
        ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnection(refused)': /simple/octavia/\n"
         "ERROR: Could not find a version that satisfies the requirement octavia==19.0.0 (from versions: none)\n"
         "ERROR: No matching distribution found for octavia==19.0.0\n",
         "pip's index does not answer ('NewConnection(refused)': /simple/octavia/)"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n\n",
         "Could not install packages due to an OSError: [Errno 28] No space left on device"),
        ("", "exit status 1"),
    ],
)  # fmt: skip
def test_a_pip_that_fails_is_one_line_and_leaves_nothing(make, says, why):
    host = make()
    (host.tools / "pip").write_text(says)
    line = fault(host.venv.build)
    assert line == f"octavia:venv:version: Octavia 19.0.0 cannot be put into {host.opt}/19.0.0: {why}"
    assert not (host.opt / "19.0.0").exists() and not host.venv.present()
    (host.tools / "pip").unlink()
    host.venv.build()
    assert host.venv.present()


def test_a_python_that_makes_no_virtualenv_is_one_line(make):
    host = make()
    (host.tools / "broken").touch()
    assert fault(host.venv.build).endswith("/19.0.0: Error: ensurepip is not available")
    host.pillar.data()["osfamilymap"]["Debian"]["venv"]["python"] = "/nowhere/python3"
    assert fault(host.venv.build).endswith("/19.0.0: /nowhere/python3: No such file or directory")


def test_an_octavia_that_does_not_load_is_not_complete(make):
    host = make()
    (host.tools / "import").write_text("Traceback\nModuleNotFoundError: No module named 'pkg_resources'\n")
    assert fault(host.venv.build).endswith("/19.0.0: ModuleNotFoundError: No module named 'pkg_resources'")
    assert host.venv.versions() == {}


def test_what_a_killed_build_has_left_does_not_count(make):
    host = make()
    left = host.opt / "19.0.0" / "bin"
    left.mkdir(parents=True)
    (left / "octavia-worker").touch()
    (host.opt / "current").symlink_to("19.0.0")
    assert not host.venv.present() and host.venv.current() is None
    host.venv.build()
    assert host.venv.present() and not (left / "octavia-worker").exists()
    assert host.venv.current() == "19.0.0"


def test_a_pip_whose_salt_run_was_killed_is_waited_for(make):
    """It goes on writing: what is built meanwhile would be a mixture."""
    host = make()
    hang = host.tools / "hang"
    hang.touch()
    killed = os.fork()
    if not killed:
        host.venv.build()
        os._exit(0)
    while not (host.tools / "hangs").exists():
        time.sleep(0.02)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    host.venv._PATIENCE = 0
    assert fault(host.venv.build) == f"octavia:venv:directory: pip of an earlier run is still at work in {host.opt}"
    host.venv._PATIENCE = 30
    timer = threading.Timer(0.3, hang.unlink)
    timer.start()
    host.venv.build()
    timer.join()
    assert host.venv.versions() == {"19.0.0": "19.0.0"}


def test_other_packages_make_another_virtualenv_of_the_same_version(make):
    """The one in use is not touched, and is the way back."""
    host = make()
    host.venv.use(os.path.basename(host.venv.build()))
    host.tree["octavia"]["venv"]["packages"] = ["redis"]
    assert not host.venv.present()
    second = os.path.basename(host.venv.build())
    assert re.fullmatch("19.0.0-[0-9a-f]{12}", second)
    assert host.venv.current() == "19.0.0"
    assert host.venv.use("19.0.0") == {"old": "19.0.0", "new": second}
    assert host.venv.versions() == {"19.0.0": "19.0.0", second: "19.0.0"}
    host.tree["octavia"]["venv"].pop("packages")
    assert host.venv.path() == f"{host.opt}/19.0.0" and host.venv.present()


# --- the link


def test_to_use_another_one_replaces_the_link(make):
    host = make()
    for version in ("18.0.1", "19.0.0"):
        host.venv.build(version)
    host.context["octavia_release.installed"] = "11.0.0"
    assert host.venv.use("18.0.1") == {"old": None, "new": "18.0.1"}
    assert host.release.installed() == "18.0.1"
    assert host.venv.use("19.0.0") == {"old": "18.0.1", "new": "19.0.0"}
    assert os.readlink(host.opt / "current") == "19.0.0"
    assert host.release.installed() == host.pillar.settings()["release"] == "19.0.0"
    assert host.venv.use("19.0.0") == {"old": "19.0.0", "new": "19.0.0"}
    assert host.venv.use("18.0.1")["new"] == "18.0.1"
    assert sorted(path.name for path in host.opt.iterdir()) == [".lock", "18.0.1", "19.0.0", "current"]


def test_the_way_back_is_open_without_pins(make, tmp_path):
    """What was built with constraints of the operator's, which are gone."""
    pins = tmp_path / "pins.txt"
    pins.write_text("oslo.config==9.0.0\n")
    host = make(version="13.0.1", constraints=str(pins))
    host.venv.use(os.path.basename(host.venv.build()))
    host.tree["octavia"]["venv"] = {"directory": str(host.opt)}
    host.venv.build("19.0.0")
    assert host.venv.use("19.0.0") == {"old": "13.0.1", "new": "19.0.0"}
    assert host.venv.use("13.0.1") == {"old": "19.0.0", "new": "13.0.1"}


def test_what_is_not_there_is_not_used(make):
    host = make()
    host.venv.build("18.0.1")
    assert fault(host.venv.use, "19.0.0") == f"octavia:venv: there is no Octavia 19.0.0 in {host.opt}: build it first"


def test_names_and_paths_are_those_of_the_one_in_use(make):
    host = make()
    assert host.pillar.settings()["metadata_path"] == []
    host.venv.use(os.path.basename(host.venv.build()))
    settings = host.pillar.settings()
    current = f"{host.opt}/current"
    assert (settings["python"], settings["bin_dir"]) == (f"{current}/bin/python", f"{current}/bin")
    assert settings["metadata_path"] == [f"{current}/lib/python3.11/site-packages"]
    assert settings["db_manage"] == f"{current}/bin/octavia-db-manage"
    assert host.pillar.packages(["api", "worker", "client"]) == [
        *("python3-venv", "uwsgi-core", "uwsgi-plugin-python3", "python3-octaviaclient"),
    ]


# --- the pins


@pytest.mark.lint
def test_every_pinned_release_has_its_constraints():
    releases = yaml.safe_load((ROOT / "octavia/releasemap.yaml").read_text())["releases"]
    pinned = {entry["octavia"]: entry["pypi"] for entry in releases if "pypi" in entry}
    assert {f"{major}.txt" for major in pinned} == {path.name for path in (ROOT / "octavia/pins").iterdir()}
    assert all(version.startswith(f"{major}.") for major, version in pinned.items())
    # the sequence of an operator who stays on Debian 12
    assert set(pinned) >= {11, 12, 14, 16, 18, 19}


@pytest.mark.lint
@pytest.mark.parametrize("path", sorted((ROOT / "octavia/pins").iterdir()), ids=lambda path: path.stem)
def test_constraints_are_exact_and_know_what_is_installed(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    names = [re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines]
    assert len(set(names)) == len(names) and "octavia" not in names and "pip" not in names
    beside = yaml.safe_load((ROOT / "octavia/osfamilymap.yaml").read_text())["Debian"]["venv"]["pypi"]
    assert {name.lower() for name in [*beside, "octavia-lib", "ovn-octavia-provider"]} <= set(names)
