"""Ids that the pillar does not say: who is asked for them, in which order, and what is said when nobody knows."""

import pytest
from formula import GONE, Host, changed, shared, with_certificates
from salt.exceptions import CommandExecutionError, SaltReqTimeoutError

FLAVOR = "manager:controller_worker:amp_flavor_id"
OWNER = "manager:controller_worker:amp_image_owner_id"
NETWORKS = "manager:controller_worker:amp_boot_network_list"
GROUPS = "manager:controller_worker:amp_secgroup_list"
KEYPAIR = "manager:controller_worker:amp_ssh_key_name"
BIND_IP = "manager:health_manager:bind_ip"
TARGETS = "manager:health_manager:controller_ip_port_list"
COUNT = "manager:health_manager:controllers"
CLOUD = "keystone.example.org RegionOne"
SERVICE = "5e9f6c1b0a1f4f0e8a5a3c2b1d0e9f88"
NETWORK = "0d9c9d4e-6f0e-4f6c-9a07-3b8f3f0c9a55"


class Cloud:
    """A cloud of dicts behind octavia_cloud's functions; `asked` are the questions."""

    def __init__(self, **kinds):
        self.kinds, self.asked, self.error = kinds, [], None

    def connect(self, host):
        host.salt.update({f"octavia_cloud.{name}": getattr(self, name) for name in ("find", "resources", "identity")})
        return self

    def _ask(self, *question):
        self.asked.append(question)
        if self.error:
            raise self.error

    def find(self, kind, name, project=None, cloud_name=None, saltenv=None):
        assert cloud_name is False
        self._ask("find", kind, name)
        found = [each for each in self.kinds.get(kind, ()) if name in (each["id"], each.get("name"))]
        assert len(found) < 2
        return found[0] if found and project in (None, found[0].get("project")) else None

    def resources(self, kind, cloud_name=None, saltenv=None, **scope):
        assert cloud_name is False
        self._ask("resources", kind)
        return [each for each in self.kinds.get(kind, ()) if scope.items() <= each.items()]

    def identity(self, cloud_name=None, saltenv=None):
        self._ask("identity")
        return {"project_id": SERVICE, "project_name": "service"}


def port(host, *addresses, network=NETWORK):
    return {
        "id": f"port-of-{host}", "name": f"octavia-health-manager-{host}", "network_id": network,
        "device_owner": "Octavia:health-mgr",
        "fixed_ips": [{"ip_address": each, "subnet_id": f"subnet{number}"} for number, each in enumerate(addresses)],
    }  # fmt: skip


def image(owner, tags=("amphora",), visibility="private", status="active"):
    return {"id": "i1", "owner": owner, "tags": list(tags), "visibility": visibility, "status": status}


def full():
    """A cloud in which octavia.resources has made everything."""
    return Cloud(
        flavor=[{"id": "f1", "name": "amphora"}],
        image=[image(SERVICE)],
        network=[{"id": NETWORK, "name": "lb-mgmt-net", "project": "service"}],
        security_group=[{"id": "g1", "name": "lb-mgmt-sec-grp", "project": "service"}],
        subnet=[{"id": "subnet0", "name": "lb-mgmt-subnet"}],
        keypair=[{"id": "octavia_ssh_key", "name": "octavia_ssh_key"}],
        port=[port("ctl1", "172.16.0.11"), port("ctl2", "172.16.0.12")],
    )


def _listed(*addresses):
    return [{"host": each, "port": 5555} for each in addresses]


IDS = {FLAVOR: "f1", OWNER: SERVICE, NETWORKS: [NETWORK], GROUPS: ["g1"]}
SILENT = dict.fromkeys([FLAVOR, OWNER, NETWORKS, GROUPS, TARGETS], GONE)


@pytest.fixture
def make(tmp_path):
    """``make(cloud, answers, ...)``: a host ctl1 whose pillar says no ids."""

    def _make(cloud=None, answers=(), local=True, **kwargs):
        answers = {**SILENT, BIND_IP: "172.16.0.11", **dict(answers)}
        host = Host(tmp_path, with_certificates(changed(shared(), **answers)), **kwargs)
        host.opts.update(id="ctl1", file_client="local" if local else "remote")
        host.salt["octavia_port.name"] = lambda saltenv: "octavia-health-manager-ctl1"
        host.cloud = (cloud or full()).connect(host)
        return host

    return _make


# --- who is asked


def test_a_pillar_that_says_all_asks_nobody(make):
    host = make(local=False, answers={**IDS, TARGETS: ["172.16.0.11"], BIND_IP: GONE})
    assert host.pillar.unsaid() == []
    assert host.options()["controller_worker/amp_flavor_id"] == "f1"
    assert host.check.host() == []
    assert (host.cloud.asked, host.mine.call_count) == ([], 0)


def test_a_pillar_of_noop_drivers_asks_nobody(make):
    host = make(answers={"controller_worker": {"amphora_driver": "amphora_noop_driver"}})
    assert host.pillar.unsaid() == []


def test_a_single_controller_that_says_its_address_says_all_health_managers(make):
    assert TARGETS not in make(answers={COUNT: 1}).pillar.unsaid()
    assert TARGETS in make(answers={COUNT: 1, BIND_IP: GONE}).pillar.unsaid()
    assert TARGETS in make().pillar.unsaid()


def test_a_free_option_is_an_answer_too(make):
    config = {"controller_worker": {"amp_flavor_id": "f9"}}
    assert FLAVOR not in make(answers={"config": config}).pillar.unsaid()


def test_the_address_is_left_to_others_only_where_somebody_needs_it(make):
    said = {TARGETS: ["172.16.0.11"], BIND_IP: GONE}
    assert BIND_IP not in make(answers=said).pillar.unsaid()
    assert BIND_IP in make(answers={**said, "manager:interface:enabled": True}).pillar.unsaid()
    assert BIND_IP in make(answers={BIND_IP: GONE}).pillar.unsaid()
    assert BIND_IP not in make(answers={BIND_IP: GONE, "manager:components": ["worker"]}).pillar.unsaid()


def test_the_key_pair_is_sought_where_operators_have_an_ssh_key(make):
    assert KEYPAIR not in make().pillar.unsaid()
    host = make(answers={"manager:ssh": {"private_key": "fake"}})
    assert host.ids.found()[KEYPAIR] == "octavia_ssh_key"


def test_who_looks_at_the_pillar_alone_asks_nobody(make):
    host = make(local=False, answers={"resources:enabled": True, "api:bind:address": "172.16.10.1"})
    assert host.faults() == []
    assert host.conf.options()["service_auth"]["username"] == "octavia"
    assert (host.cloud.asked, host.mine.call_count) == ([], 0)


# --- the cloud


def test_the_cloud_says_what_the_pillar_does_not(make):
    host = make()
    assert host.ids.found() == {**IDS, TARGETS: _listed("172.16.0.11", "172.16.0.12")}
    options = host.options()
    assert options["controller_worker/amp_boot_network_list"] == NETWORK
    assert options["health_manager/controller_ip_port_list"] == "172.16.0.11:5555,172.16.0.12:5555"


def test_what_the_cloud_does_not_have_is_a_line_that_names_the_key(make):
    host = make(Cloud(network=[{"id": NETWORK, "name": "lb-mgmt-net", "project": "service"}]))
    lines = [
        f"octavia:{FLAVOR}: is not set, and Nova has no flavor amphora; say it, or apply octavia.resources",
        f"octavia:{OWNER}: is not set, and Glance has no image tagged amphora; say it, or apply octavia.resources",
        f"octavia:{GROUPS}: is not set, and Neutron has no security group lb-mgmt-sec-grp; say it, or apply "
        "octavia.resources",
    ]
    assert host.check.host() == lines
    with pytest.raises(CommandExecutionError) as caught:
        host.conf.render()
    assert str(caught.value).splitlines() == lines


def test_a_network_of_another_project_is_not_ours(make):
    cloud = full()
    cloud.kinds["network"][0]["project"] = "demo"
    assert make(cloud).ids.missing()[0].startswith(f"octavia:{NETWORKS}")


@pytest.mark.parametrize(
    ("images", "owner"),
    [
        # an administrator sees those of everybody, and anybody may tag an image of his own
        ([image("somebody"), image(SERVICE)], SERVICE),
        ([image("somebody", visibility="public"), image(SERVICE)], SERVICE),
        ([image("vendor", visibility="public"), image("somebody")], "vendor"),
        ([image(SERVICE), image(SERVICE)], SERVICE),
    ],
)
def test_the_owner_of_the_image_is_the_service_project_or_who_has_made_it_public(make, images, owner):
    cloud = full()
    cloud.kinds["image"] = images
    assert make(cloud).ids.found()[OWNER] == owner


@pytest.mark.parametrize(
    "images",
    [[image("somebody")], [image(SERVICE, tags=["other"])], [image(SERVICE, status="queued")], []],
)
def test_no_image_of_ours_has_no_owner(make, images):
    cloud = full()
    cloud.kinds["image"] = images
    assert make(cloud).ids.missing() == [
        f"octavia:{OWNER}: is not set, and Glance has no image tagged amphora; say it, or apply octavia.resources"
    ]


def test_public_images_of_two_owners_are_a_line(make):
    cloud = full()
    cloud.kinds["image"] = [image("one", visibility="public"), image("two", visibility="public")]
    assert make(cloud).ids.missing() == [
        f"octavia:{OWNER}: is not set, and public images tagged amphora have several owners: one, two"
    ]


def test_a_cloud_that_does_not_answer_is_one_line_for_all_keys_and_asked_once(make):
    host = make()
    host.cloud.error = CommandExecutionError("Keystone at http://k does not answer: see pillar octavia:identity:host")
    [line] = host.check.host()
    assert line.startswith(f"octavia:{FLAVOR}, octavia:{OWNER}, ") and line.endswith(
        ": are not set, and Keystone at http://k does not answer: see pillar octavia:identity:host"
    )
    assert len(host.cloud.asked) == 1


def test_what_is_found_is_remembered_and_what_is_not_is_asked_again(make):
    cloud = full()
    flavors, cloud.kinds["flavor"] = cloud.kinds["flavor"], []
    host = make(cloud)
    assert len(host.ids.missing()) == 1
    cloud.asked.clear()
    cloud.kinds["flavor"] = flavors
    assert host.ids.found()[FLAVOR] == "f1"
    # health managers come to be while a run lasts; their list is kept where the cloud is asked
    assert {kind for _, kind, *_ in cloud.asked} == {"flavor", "port"}


def test_a_host_that_cannot_ask_yet_is_no_fault_before_its_packages_are_there(make):
    host = make()
    host.cloud.error = CommandExecutionError("python3 lacks the Python library keystoneauth1")
    host.cloud.error.library = "keystoneauth1"
    assert host.ids.missing() == []
    with pytest.raises(CommandExecutionError, match="lacks the Python library keystoneauth1"):
        host.ids.found()
    host.opts["test"] = True
    assert host.ids.found()[FLAVOR] == "(not known before the library keystoneauth1 is installed)"


def test_without_a_key_pair_octavia_runs_and_the_operator_is_told(make):
    cloud = full()
    cloud.kinds["keypair"] = []
    host = make(cloud, {"manager:ssh": {"private_key": "fake"}})
    assert KEYPAIR not in host.ids.found()
    assert host.ids.warnings() == [
        f"octavia:{KEYPAIR}: is not set, and Nova has no key pair octavia_ssh_key; say it, or apply "
        "octavia.resources: amphorae get no SSH key"
    ]


# --- what the run makes


@pytest.mark.parametrize("test", [True, False])
def test_what_the_run_makes_is_no_fault_at_its_begin(make, test):
    host = make(Cloud(), test=test)
    host.context["octavia_ids.made"] = ["octavia.manager.interface", "octavia.resources"]
    assert host.check.host() == []
    assert host.cloud.asked == []


def test_a_dry_run_says_what_only_the_run_can_know(make):
    host = make(Cloud(), test=True)
    host.context["octavia_ids.made"] = ["octavia.manager.interface", "octavia.resources"]
    remark = "(not known before octavia.resources)"
    options = host.options()
    assert options["controller_worker/amp_flavor_id"] == remark
    assert options["controller_worker/amp_boot_network_list"] == remark
    assert options["health_manager/controller_ip_port_list"] == "(not known before octavia.manager.interface)"
    assert "not known" not in host.conf.render(awaited=False)


def test_a_dry_run_announces_what_the_run_changes_and_has_no_remark_judged(make):
    host = make(Cloud(), {BIND_IP: GONE, "manager:interface:enabled": True}, test=True)
    host.salt["octavia_interface.address"] = lambda saltenv: None
    host.context["octavia_ids.made"] = ["octavia.resources", "octavia.manager.interface"]
    dry = host.state("octavia_conf").managed("octavia_conf")
    assert dry["result"] is None
    assert dry["changes"]["controller_worker/amp_flavor_id"] == {
        "old": None, "new": "(not known before octavia.resources)",
    }  # fmt: skip
    [judged] = [call.kwargs["text"] for call in host.ask.call_args_list if "text" in call.kwargs]
    assert "amp_image_tag" in judged and "not known" not in judged

    full().connect(host)
    host.salt["octavia_interface.address"] = lambda saltenv: "172.16.0.11"
    host.opts["test"] = False
    real = host.state("octavia_conf").managed("octavia_conf")
    assert real["result"] is True and real["changes"].keys() == dry["changes"].keys()


def test_what_nobody_knows_keeps_the_old_file(make):
    host = make(Cloud())
    host.conf_file.write_text("[DEFAULT]\n")
    ret = host.state("octavia_conf").managed("octavia_conf")
    assert (ret["result"], ret["changes"], host.conf_file.read_text()) == (False, {}, "[DEFAULT]\n")
    assert ret["comment"].startswith(f"octavia:{FLAVOR}: is not set, and Nova has no flavor amphora")


def test_a_missing_key_pair_is_a_warning_of_the_state(make):
    cloud = full()
    cloud.kinds["keypair"] = []
    ret = make(cloud, {"manager:ssh": {"private_key": "fake"}}).state("octavia_conf").managed("octavia_conf")
    assert ret["result"] is True and ret["warnings"][0].startswith(f"octavia:{KEYPAIR}: is not set")


def test_the_run_itself_fails_when_it_was_not_made_after_all(make):
    host = make(Cloud())
    host.context["octavia_ids.made"] = ["octavia.resources"]
    with pytest.raises(CommandExecutionError, match="Nova has no flavor amphora"):
        host.ids.found()


def test_without_a_run_the_pillar_says_what_is_made(make):
    host = make(Cloud(network=full().kinds["network"]), {"resources:enabled": True})
    assert host.check.host() == []


# --- health managers


def _targets(host):
    return host.options()["health_manager/controller_ip_port_list"]


def test_all_health_managers_are_told_each_once_in_a_fixed_order(make):
    cloud = full()
    addresses = ("172.16.0.2", "172.16.0.11", "172.16.0.100", "fd00::b", "fd00:0::b", "fd00::a")
    cloud.kinds["port"] = [port(f"ctl{number}", address) for number, address in enumerate(addresses)]
    assert _targets(make(cloud)).split(",") == [
        "172.16.0.2:5555", "172.16.0.11:5555", "172.16.0.100:5555", "fd00::a:5555", "fd00::b:5555",
    ]  # fmt: skip


def test_ports_of_another_network_or_owner_are_none(make):
    cloud = full()
    cloud.kinds["port"] += [port("ctl8", "10.0.0.8", network="other"), {**port("c", "10.0.0.9"), "device_owner": "x"}]
    assert _targets(make(cloud)) == "172.16.0.11:5555,172.16.0.12:5555"


def test_ports_are_sought_in_the_network_that_the_pillar_says(make):
    cloud = full()
    cloud.kinds["port"] = [port("ctl8", "10.0.0.8", network="own"), port("ctl9", "10.0.0.9")]
    assert _targets(make(cloud, {NETWORKS: ["own", "second"]})) == "10.0.0.8:5555,172.16.0.11:5555"


def test_an_address_that_no_port_has_is_told_too(make):
    cloud = full()
    cloud.kinds["port"] = []
    assert _targets(make(cloud, {BIND_IP: "192.0.2.9"})) == "192.0.2.9:5555"


def test_a_host_without_an_address_in_the_pillar_has_that_of_its_port(make):
    options = make(answers={BIND_IP: GONE}).options()
    assert options["health_manager/bind_ip"] == "172.16.0.11"


def test_a_host_has_the_address_of_its_interface(make):
    host = make(answers={BIND_IP: GONE, "manager:interface:enabled": True})
    host.salt["octavia_interface.address"] = lambda saltenv: "172.16.3.3"
    assert host.options()["health_manager/bind_ip"] == "172.16.3.3"
    assert _targets(host) == "172.16.0.11:5555,172.16.0.12:5555,172.16.3.3:5555"


def test_an_interface_without_an_address_is_one_line_for_both_keys(make):
    host = make(answers={BIND_IP: GONE, "manager:interface:enabled": True})
    host.salt["octavia_interface.address"] = lambda saltenv: None
    host.context["octavia_ids.made"] = []
    assert host.ids.missing() == [
        f"octavia:{BIND_IP}, octavia:{TARGETS}: are not set, and this host has no address in the management network "
        "yet; apply octavia.manager.interface"
    ]


def test_a_host_without_a_port_is_one_line_for_both_keys(make):
    cloud = full()
    cloud.kinds["port"] = []
    assert make(cloud, {BIND_IP: GONE}).ids.missing() == [
        f"octavia:{BIND_IP}, octavia:{TARGETS}: are not set, and Neutron has no port octavia-health-manager-ctl1 of a "
        "health manager; say it, or apply octavia.manager.interface"
    ]


def test_of_a_port_with_two_addresses_that_of_our_subnet_counts(make):
    cloud = full()
    cloud.kinds["port"] = [port("ctl1", "172.16.0.11", "10.9.9.9")]
    assert _targets(make(cloud, {BIND_IP: GONE})) == "172.16.0.11:5555"
    cloud.kinds["subnet"] = []
    assert (
        make(cloud, {BIND_IP: GONE})
        .ids.missing()[0]
        .endswith("port octavia-health-manager-ctl1 has 2 addresses: 172.16.0.11, 10.9.9.9")
    )


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (2, None),
        (3, f"octavia:{TARGETS}: is not set, and octavia:{COUNT} says 3, and there are 172.16.0.11, "
         "172.16.0.12; say them, or apply octavia.manager.interface on all controllers"),
    ],
)  # fmt: skip
def test_a_health_manager_that_is_missed_is_a_line(make, count, line):
    assert make(answers={COUNT: count}).ids.missing() == ([line] if line else [])


def test_a_worker_alone_has_no_address_of_its_own_to_tell(make):
    host = make(answers={"manager:components": ["worker"], BIND_IP: GONE})
    assert _targets(host) == "172.16.0.11:5555,172.16.0.12:5555"


# --- the mine


def _mine(host, **entries):
    host.mine.return_value = {minion: {"cloud": CLOUD, **entry} for minion, entry in entries.items()}
    return host


def _manager(name, address, port=5555):
    return {TARGETS: {"host": address, "port": port} if address else None, "port": f"octavia-health-manager-{name}"}


def test_the_mine_goes_before_the_cloud(make):
    host = _mine(make(local=False), ctl2=_manager("ctl2", "172.16.0.22"), cloud1={**IDS, FLAVOR: "f2"})
    assert host.ids.found() == {**IDS, FLAVOR: "f2", TARGETS: _listed("172.16.0.11", "172.16.0.22")}
    assert host.cloud.asked == []
    host.mine.assert_called_once_with("*", "octavia_ids", "compound")


def test_without_a_master_there_is_no_mine(make):
    host = make()
    assert host.ids.found()[FLAVOR] == "f1"
    host.mine.assert_not_called()


def test_what_the_mine_lacks_the_cloud_says(make):
    host = _mine(make(local=False), cloud1={FLAVOR: "f2"})
    assert (host.ids.found()[FLAVOR], host.ids.found()[OWNER]) == ("f2", SERVICE)


def test_hosts_of_another_cloud_are_passed_over(make):
    host = _mine(make(local=False), other={**IDS, FLAVOR: "f9", "cloud": "other RegionOne"}, odd={"cloud": None})
    assert host.ids.found()[FLAVOR] == "f1"


@pytest.mark.parametrize(
    "entry",
    ["a text", {TARGETS: "172.16.0.9", "port": "p"}, {TARGETS: {"host": "::", "port": 1}, "port": "p"},
     {TARGETS: {"host": [], "port": 1}, "port": "p"}, {TARGETS: {"host": "10.0.0.1", "port": "1"}, "port": "p"},
     {TARGETS: None}],
)  # fmt: skip
def test_what_is_no_answer_of_ours_is_passed_over(make, entry):
    host = _mine(make(local=False))
    host.mine.return_value["odd"] = {"cloud": CLOUD, **entry} if isinstance(entry, dict) else entry
    assert host.ids.found()[TARGETS] == _listed("172.16.0.11", "172.16.0.12")


def test_two_answers_in_the_mine_are_a_line_and_none_is_taken(make):
    host = _mine(make(local=False), one={**IDS, FLAVOR: "f1"}, two={**IDS, FLAVOR: "f2"})
    assert host.ids.missing() == [
        f"octavia:{FLAVOR}: is not set, and hosts share different ones in the mine: f1 (one), f2 (two)"
    ]


def test_a_mine_that_does_not_answer_is_as_good_as_none(make):
    host = make(local=False)
    host.mine.side_effect = SaltReqTimeoutError("Message timed out")
    assert host.ids.found()[FLAVOR] == "f1"


def test_nobody_who_knows_is_said_with_the_mine(make):
    assert make(Cloud(), local=False).ids.missing()[0] == (
        f"octavia:{FLAVOR}: is not set, and nobody shares it in the mine, and Nova has no flavor amphora; say it, or "
        "apply octavia.resources"
    )


def test_who_makes_the_resources_does_not_believe_what_was_shared_once(make):
    host = _mine(make(local=False, answers={"resources:enabled": True}), ctl1={FLAVOR: "gone"})
    assert host.ids.found()[FLAVOR] == "f1"


def test_this_host_counts_with_the_address_that_it_has_now(make):
    host = _mine(make(local=False), ctl1=_manager("ctl1", "172.16.9.9"), ctl2=_manager("ctl2", "172.16.0.12", 5556))
    assert _targets(host) == "172.16.0.11:5555,172.16.0.12:5556"


def test_a_health_manager_that_shares_no_address_is_sought_in_the_cloud(make):
    host = _mine(make(local=False), ctl2=_manager("ctl2", None))
    assert host.ids.found()[TARGETS] == _listed("172.16.0.11", "172.16.0.12")


def test_a_health_manager_whose_address_nobody_knows_is_a_line(make):
    host = _mine(make(local=False), ctl3=_manager("ctl3", None))
    assert host.ids.missing() == [
        f"octavia:{TARGETS}: is not set, and ctl3, by the mine a health manager, has no address yet: apply "
        "octavia.manager.interface there, and run mine.update"
    ]


def test_a_mine_of_too_few_is_completed_by_the_cloud(make):
    host = _mine(make(local=False, answers={COUNT: 3}), ctl3=_manager("ctl3", "172.16.0.13"))
    assert host.ids.found()[TARGETS] == _listed("172.16.0.11", "172.16.0.12", "172.16.0.13")


def test_a_host_that_has_left_is_a_line_where_the_number_is_said(make):
    host = _mine(
        make(local=False, answers={COUNT: 2}), ctl2=_manager("ctl2", "172.16.0.12"), ctl9=_manager("ctl9", "172.16.0.9")
    )
    assert "says 2, and there are 172.16.0.9, 172.16.0.11, 172.16.0.12" in host.ids.missing()[0]


# --- what a host shares


def test_a_controller_shares_its_address(make):
    assert make().ids.share() == {"cloud": CLOUD, **_manager("ctl1", "172.16.0.11")}


def test_a_controller_without_an_address_shares_that_it_is_one(make):
    host = make(answers={BIND_IP: GONE, "manager:interface:enabled": True})
    host.salt["octavia_interface.address"] = lambda saltenv: None
    assert host.ids.share() == {"cloud": CLOUD, **_manager("ctl1", None)}


def test_who_makes_the_resources_shares_their_ids_and_no_secret(make):
    host = make(answers={"resources:enabled": True, "manager:enabled": False, FLAVOR: "own"})
    assert host.ids.share() == {"cloud": CLOUD, **IDS, FLAVOR: "own"}
    assert "pw-of" not in str(host.ids.share())


def test_what_is_not_made_yet_is_not_shared(make):
    host = make(Cloud(flavor=[{"id": "f1", "name": "amphora"}]), {"resources:enabled": True, "manager:enabled": False})
    assert host.ids.share() == {"cloud": CLOUD, FLAVOR: "f1"}


def test_other_hosts_share_nothing(make):
    assert make(answers={"manager:enabled": False}).ids.share() == {}


# --- in messages


@pytest.mark.parametrize(("local", "source"), [(True, "the cloud"), (False, "the mine")])
def test_a_message_tells_who_has_said_it(make, local, source):
    host = _mine(make(local=local), cloud1=IDS)
    host.conf.render()
    assert host.conf.origin("controller_worker/amp_flavor_id") == f"octavia:{FLAVOR}, which {source} says"
    assert host.conf.origin("controller_worker/amp_image_tag") == "octavia:manager:controller_worker:amp_image_tag"
