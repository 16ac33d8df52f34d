"""What a hop to another release means for a pillar: one line for each thing, by the tables of the formula."""

import json
import re

import pytest
import yaml
from formula import GONE, Host, changed, pillar, shared
from harness import ROOT
from salt.exceptions import CommandExecutionError

MAP = yaml.safe_load((ROOT / "octavia/releasemap.yaml").read_text())
OPTIONS = yaml.safe_load((ROOT / "octavia/options.yaml").read_text())
PARTS = ("removed", "renamed", "changed", "notes")


@pytest.fixture
def make(tmp_path):
    return lambda tree=None, **kwargs: Host(tmp_path, shared() if tree is None else tree, **kwargs)


def config(section, **options):
    return changed(shared(), config={section: options})


def about(lines, text):
    return [line for line in lines if text in line]


# --- which release


@pytest.mark.parametrize(
    ("version", "octavia", "name", "number"),
    [("11.0.0", 11, "zed", None), ("16.0.0", 16, "epoxy", "2025.1"), ("19.0.1", 19, "hibiscus", "2026.2"),
     ("23.0.0", 23, "hibiscus", "2026.2")],
)  # fmt: skip
def test_what_is_known_of_a_version(make, version, octavia, name, number):
    known = make().release.known(version)
    assert (known["version"], known["octavia"], known["name"], known.get("number")) == (version, octavia, name, number)
    assert known["wsgi"] == ({"script": "octavia-wsgi"} if octavia < 17 else {"module": "octavia.wsgi.api:application"})


def test_every_second_release_since_antelope_is_slurp():
    assert [entry["octavia"] for entry in MAP["releases"] if entry.get("slurp")] == [12, 14, 16, 18]


def test_a_rolling_upgrade_begins_at_a_release_that_there_is():
    for entry in MAP["releases"]:
        assert all(MAP["oldest"] <= before < entry["octavia"] for before in entry.get("rolling", ()))


@pytest.mark.parametrize("release", ["epoxy", "2025.1", 2025.1])
def test_a_release_is_known_by_name_and_number(make, release):
    assert make().release.named(release)["octavia"] == 16


@pytest.mark.parametrize(
    ("wrong", "near"), [("epoxi", "epoxy"), ("2024.3", "2024.2"), ("Zed", "zed"), ("moon", "2026.2")]
)
def test_an_unknown_release_is_an_error_that_names_the_nearest(make, wrong, near):
    with pytest.raises(CommandExecutionError, match=rf"^{wrong} is no release .*; nearest known: {near}$"):
        make().conf.check_release(wrong)


@pytest.mark.parametrize("old", ["ocata", "queens", "yoga"])
def test_a_release_that_is_known_by_name_only_is_no_target(make, old):
    with pytest.raises(
        CommandExecutionError, match=rf"^{old} \(Octavia \d+\) is known by name only: .* Octavia 11 \(zed\)$"
    ):
        make().conf.check_release(old)


def test_an_installed_octavia_without_a_table_is_an_error_too(make):
    with pytest.raises(CommandExecutionError, match=r"^yoga \(Octavia 10\) is known by name only"):
        make(octavia="10.0.0").conf.check_release("zed")


def test_there_is_no_way_back(make):
    with pytest.raises(
        CommandExecutionError, match=r"^caracal \(Octavia 14\) is older than the Octavia 16 \(2025.1, epoxy\)"
    ):
        make(octavia="16.0.0").conf.check_release("caracal")


@pytest.mark.parametrize("tree", [shared(), pillar("all_in_one"), {"octavia": {}}])
def test_the_release_of_the_host_needs_nothing(make, tree):
    assert make(tree, octavia="16.0.1").conf.check_release("2025.1") == {part: [] for part in PARTS}


@pytest.mark.parametrize(
    ("installed", "version", "offered", "start"),
    [
        ("13.0.0", "zed", "17.0.0", 13),
        (None, "caracal", "17.0.0", 14),
        (None, GONE, "1:15.0.0-2", 15),
    ],
    ids=["installed", "said", "offered"],
)
def test_the_hop_starts_at_what_is_installed_said_or_offered(make, installed, version, offered, start):
    host = make(changed(shared(), version=version), octavia=installed, offered=offered)
    text = json.dumps(host.conf.check_release("2026.2"))
    assert min(int(number) for number in re.findall(r"Octavia (\d+) \(", text)) == start + 1


def test_the_answer_prints_well(make):
    found = make().conf.check_release("2026.2")
    assert tuple(found) == PARTS
    assert all(isinstance(line, str) and "\n" not in line for lines in found.values() for line in lines)


@pytest.mark.parametrize("octavia", ["11.0.0", "12.0.1", "13.0.0", "16.0.0", "19.0.0"])
def test_options_of_a_named_release_are_those_of_a_host_that_has_it(tmp_path, octavia):
    name = next(entry["name"] for entry in MAP["releases"] if entry["octavia"] == int(octavia.split(".")[0]))
    elsewhere = Host(tmp_path, pillar("all_in_one"), octavia="14.0.0").conf.options(release=name)
    assert elsewhere == Host(tmp_path, pillar("all_in_one"), octavia=octavia).conf.options()


# --- removed


def test_an_option_that_is_gone(make):
    host = make(config("haproxy_amphora", use_upstart=True))
    line = (
        "octavia:config:haproxy_amphora:use_upstart: haproxy_amphora/use_upstart is gone since "
        "Octavia 15 (2024.2, dalmatian): take it out"
    )
    assert host.conf.check_release("caracal")["removed"] == []
    assert host.conf.check_release("2024.2")["removed"] == [line]
    assert host.conf.check_release("2026.2")["removed"] == [line]


def test_an_option_that_was_gone_before_is_told_as_well(make):
    host = make(config("haproxy_amphora", use_upstart=True), octavia="17.0.0")
    [line] = host.conf.check_release("2026.1")["removed"]
    assert "gone since Octavia 15" in line


@pytest.mark.parametrize(
    ("name", "do"),
    [("heartbeat_kay", "say health_manager/heartbeat_key if that is meant, else take it out"), ("qqq", "take it out")],
)
def test_an_option_that_never_was(make, name, do):
    assert make(config("health_manager", **{name: 1})).conf.check_release("2026.1")["removed"] == [
        f"octavia:config:health_manager:{name}: health_manager/{name} is no option of "
        f"Octavia 18 (2026.1, gazpacho): {do}"
    ]


def test_an_option_of_a_driver_that_is_gone_altogether(make):
    [line] = make(config("oslo_messaging_amqp", trace=True), octavia="18.0.0").conf.check_release("2026.2")["removed"]
    assert re.search(r"oslo_messaging_amqp/trace is gone since Octavia 1[5-8] \(.*\): take it out$", line)


def _feed(host, key, option, **span):
    """Have a key feed another option than conf.yaml says."""
    host.pillar.data()["conf"]["keys"][key].update(option=option, options=[option], **span)


def test_a_key_whose_option_is_gone_is_named(make):
    host = make()
    _feed(host, "message_queue:topic", "haproxy_amphora/use_upstart", until=14)
    host.tree["octavia"]["api"]["message_queue"] = {"topic": "x"}
    [line] = host.conf.check_release("2025.1")["removed"]
    assert line.startswith("octavia:api:message_queue:topic: haproxy_amphora/use_upstart is gone since Octavia 15 ")
    assert line.endswith(": take it out")


def test_a_default_whose_option_is_gone_is_the_formulas_own_business(make):
    host = make()
    _feed(host, "message_queue:topic", "haproxy_amphora/use_upstart", until=14)
    [line] = host.conf.check_release("2025.1")["removed"]
    assert line.startswith("octavia:message_queue:topic: ") and line.endswith(": nothing, the formula leaves it out")


# --- renamed


@pytest.mark.parametrize(
    ("section", "old", "new", "since"),
    [
        ("neutron", "endpoint", "neutron/endpoint_override", "Octavia 13 (2023.2, bobcat)"),
        (
            "health_manager",
            "stats_update_driver",
            "controller_worker/statistics_drivers",
            "Octavia 15 (2024.2, dalmatian)",
        ),
        ("oslo_messaging_rabbit", "rabbit_use_ssl", "oslo_messaging_rabbit/ssl", "Octavia 16 (2025.1, epoxy)"),
    ],
)
def test_an_option_under_an_old_name(make, section, old, new, since):
    found = make(config(section, **{old: "x"})).conf.check_release("2026.1")
    assert about(found["renamed"], f"{section}:{old}:") == [
        f"octavia:config:{section}:{old}: {section}/{old} is {new} since {since}: say {new}"
    ]
    assert about(found["removed"] + found["changed"], f"/{old} ") == []


def test_an_old_name_that_still_counts(make):
    assert about(make(config("DEFAULT", logdir="/x")).conf.check_release("2026.1")["renamed"], "logdir") == [
        "octavia:config:DEFAULT:logdir: DEFAULT/logdir is DEFAULT/log_dir, and this an old name of it: "
        "say DEFAULT/log_dir"
    ]


def test_a_name_that_the_formula_changes_itself(make):
    host = make(changed(shared(), **{"api:identity": {"ca": "/ca.pem"}}), octavia="12.0.0")
    found = host.conf.check_release("2023.2")
    since = "since Octavia 13 (2023.2, bobcat): nothing, the formula writes the new name"
    assert found["renamed"] == [
        f"octavia:api:identity:ca: neutron/ca_certificates_file is neutron/cafile {since}",
        f"octavia:identity:endpoint_type: neutron/endpoint_type is neutron/valid_interfaces {since}",
    ]
    assert about(found["removed"] + found["changed"], " neutron/") == []


# --- changed


def test_another_type(make):
    lines = make().conf.check_release("2025.2")["changed"]
    assert about(lines, "passphrase") == [
        "octavia:certificates:server_certs_key_passphrase: certificates/server_certs_key_passphrase is of type list "
        "since Octavia 17 (2025.2, flamingo), of type string before: see that the value fits"
    ]
    assert about(make().conf.check_release("2025.1")["changed"], "passphrase") == []


def test_an_option_that_becomes_deprecated(make):
    host = make(config("haproxy_amphora", respawn_count=3))
    [line] = about(host.conf.check_release("2026.1")["changed"], "respawn_count")
    assert "is deprecated since Octavia 15 (2024.2, dalmatian) (upstart support has been removed" in line
    assert line.endswith("): take it out")
    host.again()
    host.install("15.0.0")
    assert about(host.conf.check_release("2026.1")["changed"], "respawn_count") == []


@pytest.mark.parametrize(("size", "told"), [(0, 1), ("0", 1), (1, 0), (16, 0)])
def test_a_value_that_is_out_of_range(make, size, told):
    lines = about(make(config("cinder", volume_size=size)).conf.check_release("2026.2")["changed"], "volume_size")
    line = "is 0, must be at least 1 since Octavia 18 (2026.1, gazpacho): change it"
    assert lines == [f"octavia:config:cinder:volume_size: cinder/volume_size {line}"] * told


@pytest.mark.parametrize(
    ("names", "told"), [(["TLSv1.2", "TLSv9"], 1), ("TLSv1.2,TLSv9", 1), (["TLSv1.2"], 0), ("TLSv1.2,TLSv1.3", 0)]
)
def test_a_value_that_is_not_among_the_choices(make, names, told):
    tree = config("api_settings", default_pool_tls_versions=names)
    lines = about(make(tree).conf.check_release("2026.2")["changed"], "default_pool_tls_versions")
    assert [" is TLSv9, must be one of SSLv3, TLSv1, " in line for line in lines] == [True] * told


def test_another_default_counts_for_who_says_nothing(make):
    line = (
        "octavia:message_queue:heartbeat_rate: oslo_messaging_rabbit/heartbeat_rate is not said, and "
        "its default is 3 since Octavia 14 (2024.1, caracal), 2 before: say it to keep that"
    )
    tree = changed(shared(), **{"message_queue:quorum": True})
    assert about(make(tree).conf.check_release("2025.1")["changed"], "heartbeat_rate") == [line]
    tree = changed(tree, config={"oslo_messaging_rabbit": {"heartbeat_rate": 2}})
    assert about(make(tree).conf.check_release("2025.1")["changed"], "heartbeat_rate") == []


def test_another_default_of_cors_counts_where_cors_is_on(make):
    assert about(make().conf.check_release("2025.2")["changed"], "cors/") == []
    tree = changed(shared(), **{"api:cors:allowed_origin": ["https://a.example.org"]})
    assert len(about(make(tree).conf.check_release("2025.2")["changed"], "cors/")) == 3


def test_a_default_of_a_library_that_the_pillar_does_not_mention(make):
    assert about(make().conf.check_release("2024.2")["changed"], "enforce_new_defaults") == [
        "octavia:config:oslo_policy:enforce_new_defaults: oslo_policy/enforce_new_defaults is not said, and its "
        "default is true since Octavia 15 (2024.2, dalmatian), false before: say it to keep that"
    ]


def test_an_option_that_becomes_secret_has_not_changed_its_default(make):
    """The table has no defaults of secrets."""
    before, after = OPTIONS["task_flow/persistence_connection"]
    assert "default" in before and after == {"type": "string", "secret": True, "since": 17}
    assert about(make().conf.check_release("2026.1")["changed"], "persistence_connection") == []


def test_what_was_so_before_the_hop_does_not_count(make):
    host = make(octavia="13.0.0")
    quota = [{"type": "integer", "default": n} for n in (5, 7, 5)]
    host.context["octavia_release.options"] = {
        "quotas/default_pool_quota": [
            quota[0] | {"until": 11},
            quota[1] | {"since": 12, "until": 15},
            quota[2] | {"since": 16},
        ]
    }
    [line] = host.conf.check_release("2026.1")["changed"]
    assert "default is 5 since Octavia 16 (2025.1, epoxy), 7 before" in line


def test_a_default_counts_not_where_its_driver_is_off(make):
    lines = {name: make(tree, octavia="12.0.0").conf.check_release("2026.2")["changed"] for name, tree in {
        "off": shared(), "on": config("ovn", ovn_nb_private_key="/k"),
    }.items()}  # fmt: skip
    assert (len(about(lines["off"], " ovn/")), len(about(lines["on"], " ovn/ovn_nb_connection "))) == (0, 1)


def test_a_default_that_no_service_of_this_host_reads_does_not_count(make):
    assert about(make().conf.check_release("2025.2")["changed"], "default_listener_ciphers")
    alone = make(pillar("manager_single"), octavia="16.0.0").conf.check_release("2025.2")
    assert about(alone["changed"] + alone["notes"], "default_listener_ciphers") == []


def test_a_key_whose_option_comes(make):
    host = make(changed(shared(), **{"manager:controller_worker:workers": 2}))
    _feed(host, "manager:controller_worker:workers", "controller_worker/db_commit_retry_max", since=14)
    assert about(host.conf.check_release("2024.2")["changed"], "db_commit_retry_max") == [
        "octavia:manager:controller_worker:workers: controller_worker/db_commit_retry_max takes effect since "
        "Octavia 14 (2024.1, caracal): see that it is meant"
    ]


# --- notes


@pytest.mark.parametrize("note", MAP["notes"], ids=[f"{note['since']} {note['what'][:40]}" for note in MAP["notes"]])
def test_a_note_says_what_the_formula_understands(note):
    assert set(note) <= {"since", "roles", "set", "unset", "is", "what", "do"}
    assert MAP["oldest"] < note["since"] <= MAP["releases"][-1]["octavia"]
    assert set(note.get("roles", ())) <= {"api", "manager", "driver_agent"}
    assert note["what"] and note["do"] and not note["what"].endswith(".") and not note["do"].endswith(".")
    named = [note[name] for name in ("set", "unset") if name in note] + list(note.get("is", ()))
    assert len(named) <= 1 and [name for name in named if "/" in name and name not in OPTIONS] == []


def test_notes_of_the_hop_and_no_others(make):
    for note in MAP["notes"]:
        assert isinstance(note["since"], int)
    lines = make(octavia="15.0.0").conf.check_release("2025.2")["notes"]
    assert {int(number) for line in lines for number in re.findall(r"Octavia (\d+) \(", line)} == {16, 17}


@pytest.mark.parametrize(
    ("start", "target", "text", "answers", "others"),
    [
        ("15.0.0", "2025.1", "the default policy", {}, {"policy": {"rules": {"x": "y"}}}),
        ("16.0.0", "2025.2", "octavia-wsgi is gone", {}, {"api:enabled": False}),
        ("16.0.0", "2025.2", "Ubuntu Noble", {}, {"manager:enabled": False}),
        (
            "13.0.0", "2024.1", "requests that are longer", {},
            {"config": {"oslo_middleware": {"max_request_body_size": 9}}},
        ),
        (
            "13.0.0", "2024.1", "containers_driver is removed",
            {"controller_worker:network_driver": "containers_driver"}, {},
        ),
        (
            "12.0.0", "2023.2", "amphorav1 is removed",
            {"config": {"api_settings": {"enabled_provider_drivers": {"amphora": "a", "amphorav1": "b"}}}}, {},
        ),
        (
            "18.0.0", "2026.2", "None is no choice",
            {"config": {"api_settings": {"minimum_tls_version": "None"}}}, {},
        ),
        (
            "17.0.0", "2026.1", "default_listener_tls_versions: it is checked",
            {"config": {"api_settings": {"default_listener_tls_versions": ["TLSv1.3"]}}}, {},
        ),
    ],
)  # fmt: skip
def test_a_note_for_whom_it_concerns(make, start, target, text, answers, others):
    concerned = make(changed(shared(), **answers), octavia=start).conf.check_release(target)["notes"]
    not_concerned = make(changed(shared(), **others), octavia=start).conf.check_release(target)["notes"]
    assert (len(about(concerned, text)), len(about(not_concerned, text))) == (1, 0)


def test_a_note_about_an_option_names_its_key(make):
    assert about(make(octavia="16.0.0").conf.check_release("2025.2")["notes"], "passphrase") == [
        "octavia:certificates:server_certs_key_passphrase: certificates/server_certs_key_passphrase: it is a list, "
        "whose first item encrypts and all of which decrypt, since Octavia 17 (2025.2, flamingo): nothing for the hop; "
        "to rotate it, put a new one before the old one"
    ]


def test_a_section_of_a_driver_that_the_tables_do_not_know(make):
    found = make(config("my_driver", secret="pw-of-mine", other=1)).conf.check_release("2025.1")
    assert about(found["notes"], "my_driver") == [
        "octavia:config:my_driver: the formula's tables have no section [my_driver]: "
        "see the release notes of the driver that reads it"
    ]
    assert about(found["removed"] + found["changed"], "my_driver") == []


# --- secrets, and every pillar


@pytest.mark.parametrize("start", ["11.0.0", "15.0.0", "18.0.0"])
def test_no_secret_is_shown(make, start):
    tree = changed(
        shared(),
        config={
            "task_flow": {"persistence_connection": "mysql://u:pw-of-jobs@x/y", "jobboard_backend_passwort": "pw-typo"},
            "keystone_authtoken": {"admin_password": "pw-admin", "admin_token": "pw-token"},
            "vault": {"root_token_id": "pw-vault", "approle_secret_id": "pw-approle"},
            "DEFAULT": {"notification_transport_url": "rabbit://u:pw-bus@x"},
        },
    )
    text = json.dumps(make(tree, octavia=start).conf.check_release("2026.2"))
    secrets = [*re.findall(r"pw-[a-z-]+", json.dumps(tree)), "0123456789abcdef", "8a0b3a1f2c4d4e5f"]
    assert len(secrets) > 8 and [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "tests/pillar").glob("*.sls")))
def test_every_pillar_gets_an_answer_that_names_its_keys(make, name):
    for lines in make(pillar(name), offered="11.0.0").conf.check_release("2026.2").values():
        assert [line for line in lines if not re.match(r"(octavia:[\w:]+: |Octavia \d+ \()", line)] == []
