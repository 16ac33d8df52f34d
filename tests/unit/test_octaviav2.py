"""Load balancers by the calls of the older formula, and by states: what is asked, what is changed, what is said."""

import pytest
from formula import Host, shared
from load_balancing import OTHER, PROJECT, SUBNET, Api, refusal
from salt.exceptions import CommandExecutionError


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path, shared(), test=False)
    host.api = Api(host, monkeypatch)
    return host


def present(host, name="lb", test=False, **want):
    host.opts["test"] = test
    return host.state("octaviav2").loadbalancer_present(name, **want)


def absent(host, name="lb", test=False, **kwargs):
    host.opts["test"] = test
    return host.state("octaviav2").loadbalancer_absent(name, **kwargs)


# --- the calls


def test_the_older_calls_have_their_bodies_in_and_out(host):
    v2 = host.octaviav2
    made = v2.loadbalancer_create(
        name="lb", vip_subnet_id=SUBNET, project_id=PROJECT, cloud_name="admin", __pub_fun="x"
    )["loadbalancer"]
    assert host.api.calls == [
        (
            "POST",
            "/lbaas/loadbalancers",
            {"loadbalancer": {"name": "lb", "vip_subnet_id": SUBNET, "project_id": PROJECT}},
        )
    ]
    assert [each["id"] for each in v2.loadbalancer_list(name="lb", cloud_name="admin")["loadbalancers"]] == [made["id"]]
    for by in ([made["id"]], ["lb"]):
        assert v2.loadbalancer_get_details(*by, cloud_name="admin")["loadbalancer"]["name"] == "lb"
    assert v2.loadbalancer_get_details(name="lb", cloud_name="admin")["loadbalancer"]["id"] == made["id"]
    host.api._sleep(9)
    changed = v2.loadbalancer_update("lb", description="new", cloud_name="admin")
    assert changed["loadbalancer"]["description"] == "new"
    assert host.api.calls[-1] == ("PUT", f"/lbaas/loadbalancers/{made['id']}", {"loadbalancer": {"description": "new"}})
    host.api._sleep(9)
    assert v2.loadbalancer_delete(name="lb", cloud_name="admin") == {}
    assert host.api.calls[-1] == ("DELETE", f"/lbaas/loadbalancers/{made['id']}", None)


def test_a_name_that_nobody_or_two_have_is_an_error(host):
    with pytest.raises(CommandExecutionError, match=r"^Load balancer lb: there is none$"):
        host.octaviav2.loadbalancer_update("lb", description="x")
    ids = [host.api.put("lb"), host.api.put("lb", project=OTHER)]
    with pytest.raises(CommandExecutionError, match=f"2 have that name, say an id: {ids[0]} .*{OTHER}"):
        host.octaviav2.loadbalancer_delete("lb")
    assert host.api.calls == []


def test_a_list_has_all_pages_and_one_page_where_somebody_turns_them(host):
    pages = {
        "": ["a", [{"rel": "next", "href": "http://inside/v2.0/lbaas/loadbalancers?marker=a&limit=1"}]],
        "?marker=a": ["b", [{"rel": "previous", "href": "x"}]],
    }
    asked = []

    def request(service, method, path, body=None, cloud_name=None):
        query = path.removeprefix("/lbaas/loadbalancers")
        asked.append(query)
        name, links = pages[query.removesuffix("&limit=1").replace("?limit=1", "")]
        return {"loadbalancers": [{"id": name}], "loadbalancers_links": links}

    host.salt["octavia_cloud.request"] = request
    assert host.octaviav2.loadbalancer_list() == {"loadbalancers": [{"id": "a"}, {"id": "b"}]}
    assert asked == ["", "?marker=a"]
    assert host.octaviav2.loadbalancer_list(limit=1)["loadbalancers"] == [{"id": "a"}]


def test_waiting_ends_with_what_there_is(host):
    ident = host.octaviav2.loadbalancer_create(name="lb", project_id=PROJECT)["loadbalancer"]["id"]
    assert host.octaviav2.settled("loadbalancer", ident, timeout=60)["provisioning_status"] == "ACTIVE"
    assert 5 <= host.api.clock < 10
    host.octaviav2.loadbalancer_delete(ident)
    assert host.octaviav2.settled("loadbalancer", ident, timeout=60) is None
    stuck = host.api.put("stuck", "PENDING_UPDATE")
    begin = host.api.clock
    with pytest.raises(CommandExecutionError, match="is still PENDING_UPDATE after 30 s"):
        host.octaviav2.settled("loadbalancer", stuck, timeout=30)
    assert host.api.clock - begin == pytest.approx(30)


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("fd00::7", "FD00:0:0::7"),
        (PROJECT, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"),
        (["a", "b"], ["b", "a"]),
        ("", None),
        (None, ""),
        (False, False),
    ],
)
def test_what_is_the_same_in_other_words_is_no_difference(host, have, want):
    assert host.octaviav2.difference("loadbalancer", {"description": have}, {"description": want})["new"] == {}


@pytest.mark.parametrize(
    ("have", "want"), [(True, False), ("a", ""), ("x", None), (["a"], []), (["a"], ["a", "b"]), (None, SUBNET)]
)
def test_what_differs_is_a_difference(host, have, want):
    found = host.octaviav2.difference("loadbalancer", {"vip_qos_policy_id": have}, {"vip_qos_policy_id": want})
    assert found == {"old": {"vip_qos_policy_id": have}, "new": {"vip_qos_policy_id": want}, "fixed": []}


def test_names_become_ids_and_the_project_is_the_users_own(host):
    found = host.octaviav2.resolved({"vip_subnet_id": "private", "project_id": "demo"})
    assert found == {"vip_subnet_id": SUBNET, "project_id": OTHER}
    assert host.octaviav2.resolved({}) == host.octaviav2.resolved({"project_id": "service"}) == {"project_id": PROJECT}
    with pytest.raises(CommandExecutionError, match="^vip_subnet_id: there is no subnet public$"):
        host.octaviav2.resolved({"vip_subnet_id": "public"})


# --- present


def test_what_is_not_there_is_made_once_and_waited_for(host):
    want = {"vip_subnet_id": "private", "description": "shop", "vip_qos_policy_id": None}
    dry = present(host, test=True, **want)
    assert dry["result"] is None and host.api.calls == []
    real = present(host, **want)
    new = {"vip_subnet_id": SUBNET, "description": "shop", "project_id": PROJECT}
    assert dry["changes"] == real["changes"] == {"loadbalancer lb": {"old": None, "new": new}}
    assert real["result"] is True and "10.88.0.7, ACTIVE" in real["comment"]
    assert [each[0] for each in host.api.calls] == ["POST"]
    for test in (True, False):
        again = present(host, test=test, **want)
        assert (again["result"], again["changes"]) == (True, {})
    assert len(host.api.calls) == 1


def test_only_what_differs_is_changed(host):
    ident = host.api.put("lb", description="old")
    want = {"description": "new", "admin_state_up": True, "vip_subnet_id": SUBNET}
    dry, real = present(host, test=True, **want), present(host, **want)
    change = {"old": {"description": "old"}, "new": {"description": "new"}}
    assert dry["changes"] == real["changes"] == {"loadbalancer lb": change}
    assert (dry["result"], real["result"]) == (None, True)
    assert host.api.calls == [("PUT", f"/lbaas/loadbalancers/{ident}", {"loadbalancer": {"description": "new"}})]


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("want", "line"),
    [
        ({"vip_address": "10.88.0.9"}, "vip_address: is 10.88.0.7, and cannot become 10.88.0.9: it takes another "),
        ({"provider": "ovn", "description": "x"}, "provider: is amphora, and cannot become ovn: it takes another "),
        ({"colour": "red"}, "colour: is no field of a "),
    ],
)
def test_what_cannot_be_changed_is_refused_in_one_line(host, test, want, line):
    host.api.put("lb")
    ret = present(host, test=test, **want)
    assert (ret["result"], ret["changes"], host.api.calls) == (False, {}, [])
    assert ret["comment"].startswith(f"loadbalancer lb: {line}") and "\n" not in ret["comment"]


def test_one_in_another_project_is_another_one(host):
    host.api.put("lb", project=OTHER)
    assert present(host, test=True)["changes"]
    assert not present(host, test=True, project_id="demo")["changes"]


def test_an_id_is_one_of_any_project_and_none_is_made_with_it(host):
    ident = host.api.put("lb", project=OTHER)
    assert present(host, name=ident)["result"] is True
    ret = present(host, name=SUBNET)
    assert (ret["result"], ret["changes"], host.api.calls) == (False, {}, [])
    assert absent(host, name=ident)["result"] is True and absent(host, name=SUBNET)["result"] is True


def test_two_of_one_name_are_an_error(host):
    ids = [host.api.put("lb"), host.api.put("lb")]
    for ret in (present(host), absent(host)):
        assert (ret["result"], ret["changes"]) == (False, {})
        assert all(ident in ret["comment"] for ident in ids)
    assert host.api.calls == []


def test_one_in_error_is_reported_and_left_alone(host):
    ident = host.api.put("lb", "ERROR", description="old")
    for test in (True, False):
        ret = present(host, test=test, description="new")
        assert (ret["result"], ret["changes"], host.api.calls) == (False, {}, [])
        assert f"({ident}) is in ERROR: look for {ident} in /var/log/octavia/octavia-worker.log" in ret["comment"]


def test_an_error_is_said_with_the_reason_that_the_worker_has_logged(host):
    log = host.root / "octavia-worker.log"
    host.tree["octavia"]["host"]["log_dir"] = str(host.root)
    log.write_text("octavia.common.exceptions.ComputeBuildException: long ago\n")
    host.api.outcome["loadbalancer"] = "ERROR"
    fail = host.api._post

    def post(*args):
        with log.open("a") as stream:
            stream.write("2026 WARNING task 'x' FAILURE\nTraceback\n  octavia.common.exceptions.ComputeBuildException: "
                         "No valid host was found.\nnovaclient.exceptions.NotFound: on the way back\n")  # fmt: skip
        return fail(*args)

    host.api._post = post
    ret = present(host)
    assert ret["result"] is False and ret["changes"]["loadbalancer lb"]["old"] is None
    assert f"is in ERROR: {log} has: No valid host was found.;" in ret["comment"]


def test_one_that_is_being_changed_is_waited_for(host):
    ident = host.api.put("lb", description="old")
    host.api._busy(host.api.things[ident], "PENDING_UPDATE", "ACTIVE")
    assert present(host, description="new")["result"] is True
    assert [each[0] for each in host.api.calls] == ["PUT"]


def test_an_order_that_comes_at_the_wrong_moment_is_given_again(host):
    host.api.put("lb", description="old")
    host.api.faults["PUT"] = [refusal(409), refusal(409)]
    assert present(host, description="new")["result"] is True
    assert [each[0] for each in host.api.calls] == ["PUT", "PUT", "PUT"]
    host.api.faults["PUT"] = [refusal(400)]
    ret = present(host, description="newer")
    assert (ret["result"], ret["changes"]) == (False, {}) and "(400)" in ret["comment"]


def test_waiting_has_an_end_and_what_was_ordered_stays_said(host):
    host.api.takes = 1000
    ret = present(host, timeout=60)
    assert ret["result"] is False and ret["changes"]
    assert "is still PENDING_CREATE after" in ret["comment"] and host.api.clock < 65
    # the next run goes on where this one stopped
    host.api._sleep(1000)
    assert (present(host)["changes"], len(host.api.calls)) == ({}, 1)


# --- absent


def test_what_is_there_is_removed_and_waited_for(host):
    ident = host.api.put("lb")
    dry, real = absent(host, test=True), absent(host)
    assert dry["changes"] == real["changes"] == {"loadbalancer lb": {"old": {"id": ident}, "new": None}}
    assert (dry["result"], real["result"], host.api.balancers()) == (None, True, [])
    again = absent(host)
    assert (again["result"], again["changes"], len(host.api.calls)) == (True, {}, 1)


def test_what_has_something_in_it_takes_a_word(host):
    host.api.put("lb", listeners=[{"id": "l"}], pools=[{"id": "p"}, {"id": "q"}])
    for test in (True, False):
        ret = absent(host, test=test)
        assert (ret["result"], ret["changes"], host.api.calls) == (False, {}, [])
        assert ret["comment"] == "loadbalancer lb is not empty (listeners: 1, pools: 2): it takes cascade: true"
    ret = absent(host, cascade=True)
    old = ret["changes"]["loadbalancer lb"]["old"]
    assert (old["listeners"], old["pools"]) == (1, 2)
    assert host.api.calls[0][1].endswith("?cascade=true") and host.api.balancers() == []


def test_what_goes_already_is_not_asked_to_go(host):
    ident = host.api.put("lb")
    host.api._busy(host.api.things[ident], "PENDING_DELETE", "DELETED")
    assert absent(host)["result"] is True
    assert host.api.calls == [] and host.api.balancers() == []


def test_a_removal_that_fails_is_said(host):
    host.api.put("lb")
    host.api.outcome["DELETE"] = "ERROR"
    ret = absent(host)
    assert ret["result"] is False and "is ERROR and not gone" in ret["comment"]


def test_an_api_that_refuses_is_one_line(host):
    for call in (present, absent):
        host.salt["octavia_cloud.identity"] = lambda cloud_name=None: (_ for _ in ()).throw(refusal(401, "Keystone"))
        ret = call(host)
        assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "Keystone (401)")
