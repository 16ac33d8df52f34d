"""
OpenStack's APIs as the worker asks them: how many requests, what is repeated, what is never made twice, what is said.

A fake of Keystone and its neighbours answers here, so that each answer can be spoiled; the real ones are in
tests/integration. The Salt of each virtualenv has another openstacksdk beside it: those of Debian 12 and 13.
"""

import contextlib
import importlib.util
import json
import re
import socket
import struct
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from formula import closed_port
from harness import ROOT

PROJECT = "5" * 32
#: Paths of lists, and the names around them and around one of them.
NAMES = {
    "/v3/projects": "projects", "/v3/users": "users", "/v3/roles": "roles", "/v3/services": "services",
    "/v3/role_assignments": "role_assignments", "/v2.0/networks": "networks", "/v2.0/ports": "ports",
    "/v2.0/security-group-rules": "security_group_rules", "/v2.1/flavors": "flavors", "/v2.1/flavors/detail": "flavors",
    "/v2.1/os-keypairs": "keypairs", "/v2/images": "images", "/v2.0/octavia/amphorae": "amphorae",
}  # fmt: skip


class Fake:
    """`fake.things[path]` is what there is, `fake.asked` what was asked, `fake.spoil` what to do about it."""

    def __init__(self):
        self.things = {path: [] for path in NAMES}
        self.asked, self.faults, self.bodies = [], [], []
        self.headers, self.links = [], "http://internal.example.org"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def serve(self):
                outer.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.over = threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spoil(self, method, path, *what):
        """Each of `what` once: a status, a pair of status and body, "reset", "lost" (done, then reset), "hang"."""
        self.faults += [[method, path, one] for one in what]

    def count(self, method, path=""):
        return len([1 for one, where in self.asked if one == method and re.search(path, where)])

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        split = urlsplit(handler.path)
        self.asked.append((handler.command, handler.path))
        self.headers.append(handler.headers)
        self.bodies.append(json.loads(body) if body.startswith((b"{", b"[")) else body)
        fault = None
        for each in self.faults:
            if each[0] == handler.command and re.search(each[1], handler.path):
                self.faults.remove(each)
                fault = each[2]
                break
        if fault == "hang":
            self.over.wait(20)
        elif fault == "reset":
            self.reset(handler)
        elif isinstance(fault, int):
            self.say(handler, fault, {})
        elif isinstance(fault, tuple):
            self.say(handler, *fault)
        else:
            status, answer = self.answer(handler.command, split.path, dict(parse_qsl(split.query)), self.bodies[-1])
            if fault == "lost":
                self.reset(handler)
            else:
                self.say(handler, status, answer)

    def answer(self, method, path, query, body):
        if path == "/v3/auth/tokens":
            return 201, self.token()
        known = NAMES.get(path)
        if known and method == "GET":
            return 200, self.page(path, known, query)
        if known and method == "POST":
            [(one, fields)] = body.items() if len(body) == 1 else [(None, body)]
            made = {"id": str(uuid.uuid4()), **fields}
            self.things[path].append(made)
            return 201, {one: made} if one else made
        parent, _, id = path.rpartition("/")
        found = next((each for each in self.things.get(parent, ()) if each["id"] == id), None)
        if not found:
            return (204, None) if method == "PUT" else (404, {"NeutronError": {"message": "Not found"}})
        if method == "DELETE":
            self.things[parent].remove(found)
            return 204, None
        if method == "GET":
            return 200, {NAMES[parent][:-1]: found}
        [(one, fields)] = body.items()
        found.update(fields)
        return 200, {one: found}

    def page(self, path, known, query):
        asked = {name: value for name, value in query.items() if name not in ("limit", "marker")}
        found = [
            each
            for each in self.things[path]
            if all(str(each.get(name, value)) == value for name, value in asked.items())
        ]
        size = int(query.get("limit", 10**6))
        if known == "networks" and self.paged:
            size = 2
        start = [each["id"] for each in found].index(query["marker"]) + 1 if "marker" in query else 0
        page, more = found[start : start + size], found[start + size :]
        answer = {known: page}
        if more:
            href = f"{self.links}{path}?marker={page[-1]['id']}&limit={size}"
            answer.update({"next": href} if known == "images" else {f"{known}_links": [{"rel": "next", "href": href}]})
        return answer

    paged = False

    def token(self):
        endpoints = {"identity": "", "network": "", "compute": "/v2.1/" + PROJECT, "image": "/", "load-balancer": "/v2"}
        return {
            "token": {
                "expires_at": "2999-01-01T00:00:00.000000Z", "issued_at": "2020-01-01T00:00:00.000000Z",
                "methods": ["password"], "user": {"id": "u1", "name": "octavia", "domain": {"id": "default"}},
                "project": {"id": PROJECT, "name": "service", "domain": {"id": "default", "name": "Default"}},
                "catalog": [
                    {"type": kind, "id": kind, "name": kind, "endpoints": [
                        {"interface": "internal", "region_id": "R", "region": "R", "id": kind, "url": self.url + path}
                    ]}
                    for kind, path in endpoints.items()
                ],
            }
        }  # fmt: skip

    def say(self, handler, status, body):
        text = b"" if body is None else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.send_header("X-Subject-Token", uuid.uuid4().hex)
        handler.end_headers()
        handler.wfile.write(text)

    def reset(self, handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.connection.close()


@pytest.fixture
def fake():
    found = Fake()
    yield found
    found.over.set()
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def cloud(monkeypatch):
    """octavia/host/cloud.py, in no hurry to wait."""
    spec = importlib.util.spec_from_file_location("worker", ROOT / "octavia" / "host" / "worker.py")
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    module = worker.load("cloud")
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


@pytest.fixture
def login(fake):
    return {
        "options": {
            "auth_type": "password", "auth_url": f"{fake.url}/v3", "username": "octavia", "password": "a-secret-one",
            "project_name": "service", "project_domain_id": "default", "user_domain_id": "default", "timeout": 1,
        },
        "region": "R",
        "interface": "internal",
    }  # fmt: skip


# --- how much is asked


def test_one_token_one_list_of_each_kind_and_nothing_is_discovered(cloud, fake, login):
    for _ in range(3):
        for kind in ("network", "port", "flavor", "image", "project", "amphora"):
            cloud.resources(login, kind)
    assert fake.count("POST", "/v3/auth/tokens") == 1
    assert sorted(path.partition("?")[0] for method, path in fake.asked if method == "GET") == [
        "/v2.0/networks", "/v2.0/octavia/amphorae", "/v2.0/ports", "/v2.1/flavors/detail", "/v2/images", "/v3/projects",
    ]  # fmt: skip


def test_what_we_write_is_in_the_lists_without_another_question(cloud, fake, login):
    cloud.resources(login, "network")
    made = cloud.create(login, "network", {"name": "a", "mtu": 1500}, project=PROJECT)
    assert made["project_id"] == PROJECT
    cloud.update(login, "network", made["id"], {"mtu": 1400})
    assert cloud.find(login, "network", "a")["mtu"] == 1400
    cloud.delete(login, "network", made["id"])
    assert cloud.find(login, "network", "a") is None
    assert fake.count("GET", "networks") == 1


def test_a_restricted_list_is_cut_from_a_whole_one_that_is_there(cloud, fake, login):
    fake.things["/v2.0/networks"] = [{"id": "1", "name": "a", "project_id": "p"}, {"id": "2", "name": "b"}]
    assert len(cloud.resources(login, "network")) == 2
    assert [each["id"] for each in cloud.resources(login, "network", project_id="p")] == ["1"]
    assert fake.count("GET", "networks") == 1


def test_pages_are_read_to_the_end_by_the_address_that_we_know(cloud, fake, login):
    """The host in a link may be one that only the service itself can reach."""
    fake.things["/v2.0/networks"] = [{"id": str(number), "name": "n"} for number in range(5)]
    fake.paged = True
    assert [each["id"] for each in cloud.resources(login, "network")] == ["0", "1", "2", "3", "4"]
    assert fake.count("GET", "networks") == 3


def test_glance_is_asked_for_more_than_it_lists_by_itself(cloud, fake, login):
    cloud.resources(login, "image", owner=PROJECT)
    assert fake.asked[-1][1] == f"/v2/images?limit=1000&owner={PROJECT}"


def test_nova_is_asked_for_descriptions_and_extra_specs(cloud, fake, login):
    cloud.resources(login, "flavor")
    assert fake.headers[-1]["OpenStack-API-Version"] == "compute 2.61"
    assert fake.asked[-1][1] == "/v2.1/flavors/detail?is_public=None"


# --- who is meant


def test_by_id_else_by_name_in_the_project(cloud, fake, login):
    id, other = "a" * 32, "b" * 32
    fake.things["/v2.0/networks"] = [
        {"id": id, "name": "net", "project_id": PROJECT}, {"id": other, "name": "net", "project_id": "x"}
    ]  # fmt: skip
    assert cloud.find(login, "network", other)["id"] == other
    # the project of the token needs no right to list projects
    assert cloud.find(login, "network", "net", project="service", domain="default")["id"] == id
    assert fake.count("GET", "projects") == 0
    assert cloud.find(login, "network", "none", project="service") is None


def test_two_of_one_name_are_an_error_that_names_both(cloud, fake, login):
    fake.things["/v2.0/networks"] = [{"id": "1", "name": "net"}, {"id": "2", "name": "net"}]
    with pytest.raises(cloud.CloudError, match="has 2 of kind network called net: 1, 2: say the id, or delete"):
        cloud.find(login, "network", "net")


def test_in_a_project_that_is_not_there_nothing_is(cloud, fake, login):
    assert cloud.find(login, "network", "net", project="nowhere") is None
    with pytest.raises(cloud.CloudError, match="has no project nowhere"):
        cloud.create(login, "network", {"name": "net"}, project="nowhere")
    assert fake.count("GET", "networks") == 0


def test_users_are_sought_by_their_service(cloud, fake, login):
    """A directory with all users of a company would be a long list."""
    cloud.find(login, "user", "octavia", domain="default")
    assert fake.asked[-1][1] == "/v3/users?domain_id=default&name=octavia"


def test_an_assignment_is_flat_and_is_made_and_taken_by_its_path(cloud, fake, login):
    fake.things["/v3/role_assignments"] = [
        {"role": {"id": "r"}, "user": {"id": "u"}, "scope": {"project": {"id": "p"}}, "links": {}}
    ]
    [found] = cloud.resources(login, "role_assignment", user_id="u")
    assert (found["role_id"], found["user_id"], found["project_id"]) == ("r", "u", "p")
    assert fake.asked[-1][1] == "/v3/role_assignments?user.id=u"
    cloud.create(login, "role_assignment", {"role_id": "r2", "user_id": "u", "project_id": "p"})
    assert fake.asked[-1] == ("PUT", "/v3/projects/p/users/u/roles/r2")
    assert len(cloud.resources(login, "role_assignment", user_id="u")) == 2


def test_tags_are_set_by_a_request_of_their_own(cloud, fake, login):
    made = cloud.create(login, "network", {"name": "net", "tags": ["a"]})
    assert fake.asked[-1] == ("PUT", f"/v2.0/networks/{made['id']}/tags") and made["tags"] == ["a"]
    assert "tags" not in fake.bodies[-2]["network"]


# --- what is repeated


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, "reset"])
def test_a_question_is_repeated(cloud, fake, login, fault):
    fake.spoil("GET", "networks", fault, fault)
    assert cloud.resources(login, "network") == []
    assert fake.count("GET", "networks") == 3


def test_a_question_is_repeated_so_often_only(cloud, fake, login):
    fake.spoil("GET", "networks", *[(503, {"NeutronError": {"message": "Too busy"}})] * 9)
    with pytest.raises(cloud.CloudError) as caught:
        cloud.resources(login, "network")
    assert str(caught.value) == (
        f"Neutron at {fake.url} answers with an error (503: Too busy): "
        "see pillar octavia:identity:endpoint_type, which chooses it"
    )
    assert fake.count("GET", "networks") == 5


def test_an_answer_that_does_not_come_is_waited_for_twice(cloud, fake, login):
    fake.spoil("GET", "networks", "hang", "hang", "hang")
    with pytest.raises(cloud.CloudError, match="does not answer within 1 s: see pillar octavia:identity:endpoint_type"):
        cloud.resources(login, "network")
    assert fake.count("GET", "networks") == 2


def test_a_token_that_ends_in_the_middle_is_asked_for_again(cloud, fake, login):
    cloud.resources(login, "port")
    fake.spoil("GET", "networks", 401)
    assert cloud.resources(login, "network") == []
    assert fake.count("POST", "/v3/auth/tokens") == 2


def test_a_token_is_asked_for_again_where_keystone_says_later(cloud, fake, login):
    fake.spoil("POST", "tokens", 503, "reset")
    assert cloud.resources(login, "network") == []


@pytest.mark.parametrize("fault", ["lost", 500, 502, 503, "reset"])
def test_what_is_to_be_made_is_made_once(cloud, fake, login, fault):
    fake.spoil("POST", "networks", fault)
    made = cloud.create(login, "network", {"name": "net"}, project=PROJECT)
    assert [each["id"] for each in fake.things["/v2.0/networks"]] == [made["id"]]
    assert fake.count("POST", "networks") == (1 if fault == "lost" else 2)


def test_one_that_was_there_before_is_not_taken_for_the_one_that_was_made(cloud, fake, login):
    fake.things["/v2.0/networks"] = [{"id": "1", "name": "net", "project_id": PROJECT}]
    cloud.resources(login, "network")
    fake.spoil("POST", "networks", "lost")
    assert cloud.create(login, "network", {"name": "net"}, project=PROJECT)["id"] != "1"
    assert len(fake.things["/v2.0/networks"]) == 2


def test_what_may_still_be_being_made_is_not_made_again(cloud, fake, login):
    fake.spoil("POST", "networks", "hang")
    with pytest.raises(cloud.CloudError, match="whether the network was made is not known: run this again"):
        cloud.create(login, "network", {"name": "net"})
    assert fake.count("POST", "networks") == 1


def test_a_change_is_repeated_and_what_is_gone_already_is_gone(cloud, fake, login):
    fake.things["/v2.0/networks"] = [{"id": "1", "name": "net", "mtu": 1}]
    fake.spoil("PUT", "networks", "lost", 502)
    assert cloud.update(login, "network", "1", {"mtu": 2})["mtu"] == 2
    fake.spoil("DELETE", "networks", "lost")
    cloud.delete(login, "network", "1")
    assert fake.things["/v2.0/networks"] == []


def test_a_plain_request_that_makes_something_is_sent_once(cloud, fake, login):
    fake.spoil("POST", "networks", 502)
    with pytest.raises(cloud.Lost):
        cloud.request(login, "network", "POST", "/networks", {"network": {"name": "net"}})
    assert fake.count("POST", "networks") == 1


def test_a_plain_request_that_changes_something_makes_lists_old(cloud, fake, login):
    fake.things["/v2.0/networks"] = [{"id": "1", "name": "net"}]
    cloud.resources(login, "network")
    cloud.request(login, "network", "PUT", "/networks/1", {"network": {"name": "other"}})
    assert cloud.resources(login, "network")[0]["name"] == "other"


# --- what is said


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (409, {"NeutronError": {"type": "X", "message": "In use\nby a port"}},
         "Neutron at {url} refuses POST /networks (409): In use by a port"),
        (409, {"NeutronError": {"message": "Quota exceeded for resources: ['network']."}},
         "Neutron at {url} refuses POST /networks (409): a quota of the project is used up: Quota exceeded for "
         "resources: ['network']."),
        (403, {"NeutronError": {"message": "policy"}},
         "Neutron at {url} refuses the user octavia (403): see pillar octavia:resources:cloud, or the roles of "
         "this user"),
        (400, {"badRequest": {"message": "no"}}, "Neutron at {url} refuses POST /networks (400): no"),
        (400, {"faultstring": "bad"}, "Neutron at {url} refuses POST /networks (400): bad"),
        (400, {"errors": [{"detail": "worse"}]}, "Neutron at {url} refuses POST /networks (400): worse"),
        (400, [], "Neutron at {url} refuses POST /networks (400): without a word"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_with_the_words_of_the_api(cloud, fake, login, status, body, line):
    fake.spoil("POST", "networks", (status, body))
    with pytest.raises(cloud.CloudError) as caught:
        cloud.create(login, "network", {"name": "net"})
    assert str(caught.value) == line.format(url=fake.url)


def test_no_secret_is_in_the_words_of_an_api(cloud, fake, login):
    words = f"Invalid input for field password: 'new-secret-two', of a-secret-one; {'x' * 999}"
    fake.spoil("POST", "users", (400, {"error": {"message": words}}))
    with pytest.raises(cloud.CloudError) as caught:
        cloud.create(login, "user", {"name": "octavia", "password": "new-secret-two"})
    assert "'(hidden)', of (hidden); xxx" in str(caught.value)
    assert "secret" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_wrong_password_names_the_keys(cloud, fake, login):
    fake.spoil("POST", "tokens", 401)
    with pytest.raises(cloud.CloudError) as caught:
        cloud.resources(login, "network")
    assert str(caught.value) == (
        f"Keystone at {fake.url}/v3 refuses the user octavia (401): "
        "see pillar octavia:identity:user and octavia:identity:password"
    )


def test_a_service_that_the_catalogue_lacks(cloud, fake, login):
    with pytest.raises(
        cloud.CloudError, match="no internal endpoint of type dns in region R: see pillar octavia:ident"
    ):
        cloud.request(login, "dns", "GET", "/zones")


def test_a_kind_that_nobody_knows(cloud, login):
    with pytest.raises(cloud.CloudError, match="^netwrk is no kind of resource; known: agent, "):
        cloud.resources(login, "netwrk")


def test_whether_a_password_is_right(cloud, fake, login):
    assert cloud.authenticates(login, "u2", "pw") is True
    body = fake.bodies[-1]["auth"]
    assert body["identity"]["password"]["user"] == {"password": "pw", "id": "u2"} and "scope" not in body
    fake.spoil("POST", "tokens", 401)
    assert cloud.authenticates(login, "u2", "pw") is False
    fake.spoil("POST", "tokens", *[500] * 9)
    with pytest.raises(cloud.CloudError, match="500"):
        cloud.authenticates(login, "u2", "pw")


# --- other logins


def entry(fake, **more):
    auth = {
        "auth_url": f"{fake.url}/v3", "username": "admin", "password": "pw", "project_name": "admin",
        "user_domain_id": "default", "project_domain_id": "default",
    }  # fmt: skip
    return {"auth": auth, "region_name": "R", "interface": "internal", **more}


def test_an_entry_of_clouds_yaml_by_its_name(cloud, fake, tmp_path, monkeypatch):
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"admin_identity": entry(fake)}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    assert cloud.resources({"cloud": "admin_identity"}, "network") == []
    assert fake.count("GET") == 1
    with pytest.raises(cloud.CloudError, match="^clouds.yaml has no usable entry none: .*octavia:resources:cloud$"):
        cloud.resources({"cloud": "none"}, "network")


def test_such_an_entry_as_a_mapping(cloud, fake):
    login = {"cloud": entry(fake, network_endpoint_override=f"{fake.url}/networking")}
    with pytest.raises(cloud.CloudError, match=r"refuses GET /networks \(404\)"):
        cloud.resources(login, "network")
    assert fake.asked[-1] == ("GET", "/networking/v2.0/networks")
    assert cloud.resources(login, "flavor") == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"auth": {"auth_url": "http://127.0.0.1:1/v3", "username": "admin"}}, "You have provided a username"),
        ({"auth": {"auth_url": "http://127.0.0.1:1/v3", "user_id": "u1"}}, "needs auth_url, password"),
        ({"auth_type": "nonsense"}, "octavia:resources:cloud"),
        ({"region_name": "Elsewhere"}, "no internal endpoint of type network in region Elsewhere"),
    ],
)
def test_an_entry_that_is_no_good_names_the_key(cloud, fake, change, line):
    with pytest.raises(cloud.CloudError, match=line) as caught:
        cloud.resources({"cloud": {**entry(fake), **change}}, "network")
    assert str(caught.value).endswith("see pillar octavia:resources:cloud")


def test_two_logins_have_a_token_each(cloud, fake, login):
    for _ in range(2):
        cloud.resources(login, "network")
        cloud.resources({"cloud": entry(fake)}, "network")
    assert fake.count("POST", "tokens") == 2


def test_nobody_listens(cloud, login):
    login["options"]["auth_url"] = f"http://127.0.0.1:{closed_port()}/v3"
    with pytest.raises(cloud.CloudError, match="does not answer: see pillar octavia:identity:host$"):
        cloud.resources(login, "network")
