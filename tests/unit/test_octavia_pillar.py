"""What a host is to be and what it has: roles, packages, the release."""

import pytest
from formula import Host, changed, shared
from salt.exceptions import CommandExecutionError


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, tree, **kwargs)


# --- roles


@pytest.mark.parametrize(
    ("answers", "roles"),
    [
        ({}, ["api", "worker", "health_manager", "housekeeping"]),
        ({"manager:components": ["housekeeping", "worker"]}, ["api", "worker", "housekeeping"]),
        ({"manager:services": ["octavia-worker"]}, ["api", "worker"]),
        ({"api:enabled": False, "driver_agent:enabled": True, "manager:enabled": False}, ["driver_agent"]),
        ({"api:enabled": "yes", "manager": None}, []),
    ],
)
def test_the_roles_of_a_host(make, answers, roles):
    assert make(changed(shared(), **answers)).pillar.roles() == roles


@pytest.mark.parametrize("tree", [{}, {"octavia": None}, {"octavia": []}, {"octavia": "text"}])
def test_a_pillar_without_octavia_has_no_roles(make, tree):
    assert make(tree).pillar.roles() == []


# --- the release


def test_the_installed_octavia_is_read_from_its_metadata_and_nobody_is_asked(make):
    host = make(shared(), octavia="16.0.0")
    assert host.release.installed() == "16.0.0"
    assert host.release.facts()["name"] == "epoxy"
    host.latest_version.assert_not_called()
    host.run_all.assert_not_called()


@pytest.mark.parametrize(
    ("offered", "version"),
    [("11.0.0-2+deb12u1", "11.0.0"), ("1:16.0.0-2", "16.0.0"), ("19.0.0~rc1-1", "19.0.0~rc1")],
)
def test_on_an_empty_host_the_package_source_counts(make, offered, version):
    host = make(shared(), octavia=None, offered=offered)
    assert host.release.installed() is None
    assert host.release.offered() == version
    assert host.release.facts()["octavia"] == int(version.split(".")[0])
    host.latest_version.assert_called_once()
    host.refresh_db.assert_not_called()


def test_package_lists_that_know_nothing_of_octavia_are_refreshed_once(make):
    host = make(shared(), octavia=None)
    host.latest_version.side_effect = ["", "11.0.0-2"]
    assert (host.release.offered(), host.release.offered()) == ("11.0.0", "11.0.0")
    host.refresh_db.assert_called_once()


def test_octavia_that_is_nowhere_is_one_line(make):
    with pytest.raises(CommandExecutionError, match="^Octavia is not installed, and no package source .*-common$"):
        make(shared(), octavia=None).release.facts()


def test_an_octavia_newer_than_this_formula_gets_the_newest_facts(make):
    found = make(shared(), octavia="23.1.0").release.facts()
    assert (found["octavia"], found["version"]) == (23, "23.1.0")
    assert found["wsgi"] == {"module": "octavia.wsgi.api:application"}


# --- names of the distribution


@pytest.mark.parametrize(
    ("answers", "role", "found"),
    [
        ({}, "client", ["python3-octaviaclient"]),
        ({"client": {"pkgs": ["mine"]}}, "client", ["mine"]),
        ({"manager:pkgs": ["mine"]}, "worker", ["mine"]),
        ({"packages": {"client": ["mine"]}}, "client", ["mine"]),
    ],
)
def test_the_pillar_may_name_other_packages(make, answers, role, found):
    assert make(changed(shared(), **answers)).pillar.packages([role]) == found


def test_packages_that_roles_share_are_named_once(make):
    found = make(shared()).pillar.packages(["api", "worker", "health_manager", "client"])
    assert len(found) == len(set(found))


def test_the_pillar_may_name_other_units_and_paths(make):
    tree = changed(shared(), **{"units": {"worker": "my-worker"}, "offered_by": "my-octavia"})
    host = make(tree, octavia=None, offered="11.0.0")
    settings = host.pillar.settings()
    assert (settings["units"]["worker"], settings["units"]["api"]) == ("my-worker", "octavia-api")
    assert settings["conf_file"] == str(host.conf_file)
    host.release.offered()
    assert host.latest_version.call_args.args == ("my-octavia",)


@pytest.mark.parametrize(
    ("family", "package"), [("RedHat", "python3-octaviaclient"), ("Suse", "python3-octaviaclient")]
)
def test_a_family_that_nobody_knows_is_taken_for_debian(make, family, package):
    host = make(shared(), grains={"os_family": family})
    assert host.pillar.packages(["client"]) == [package]
    assert host.pillar.packages(["worker"])[0] == (
        "openstack-octavia-worker" if family == "RedHat" else "octavia-worker"
    )


# --- data files


def test_a_data_file_is_parsed_once_and_again_when_it_changes(make, tmp_path, monkeypatch):
    host = make(shared())
    file = tmp_path / "facts.yaml"
    host.salt["cp.cache_file"] = lambda url, saltenv: str(file)
    file.write_text("a: 1")
    assert host.pillar.load("facts") == {"a": 1}
    with monkeypatch.context() as patch:
        patch.setattr(host.pillar.yaml, "load", None)
        assert host.pillar.load("facts") == {"a": 1}
    file.write_text("a: [1, 2]")
    assert host.pillar.load("facts") == {"a": [1, 2]}


@pytest.mark.parametrize("text", ["", "{}", "[]", '["x"]', "[1, 2, 3]", "\xff"])
def test_a_copy_that_somebody_spoilt_counts_as_none(make, tmp_path, text):
    host = make(shared())
    host.pillar.load("defaults")
    copy = tmp_path / "cache" / "octavia" / "defaults.json"
    copy.write_bytes(text.encode("latin-1"))
    assert host.pillar.load("defaults")["database"]["port"] == 3306
    assert copy.stat().st_size > 100


@pytest.mark.parametrize("name", ["conf", "defaults", "options", "osfamilymap", "policy", "releasemap"])
def test_a_data_file_is_the_same_read_from_its_copy(make, name):
    host = make(shared())
    assert host.pillar.load(name) == host.pillar.load(name)


def test_a_cache_that_cannot_be_written_does_no_harm(make, tmp_path):
    host = make(shared())
    host.opts["cachedir"] = "/proc/nowhere"
    assert host.pillar.load("defaults")["database"]["port"] == 3306
