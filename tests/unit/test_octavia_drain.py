"""An API is taken out of its load balancer and put back: by HAProxy's socket, or by the file of /healthcheck."""

import contextlib
import http.server
import socket
import threading
import time

import pytest
from formula import Host, changed, closed_port, pillar, server, shared
from salt.exceptions import CommandExecutionError

# As HAProxy 3.0 answers, with the fields that count in their places.
STATE = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change
3 octavia_api 1 ctl01 10.0.0.11 2 {ctl01} 1 1 4711 6 3 4 6 0 0 0 - 9876 - 0 0 - - 0
3 octavia_api 2 ctl02 10.0.0.12 2 {ctl02} 1 1 4711 6 3 4 6 0 0 0 - 9876 - 0 0 - - 0

"""
STAT = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,
octavia_api,FRONTEND,,,7,9,4096,120,9000,8000,0,0,0,,,,,OPEN,,,,
octavia_api,ctl01,0,0,{ctl01},5,,60,4500,4000,,0,,0,0,0,0,UP,1,1,0,
octavia_api,ctl02,0,0,4,5,,60,4500,4000,,0,,0,0,0,0,UP,1,1,0,
octavia_api,BACKEND,0,0,7,9,410,120,9000,8000,0,0,,0,0,0,0,UP,2,2,0,

"""
FORCED_MAINT, CONFIG_MAINT, FORCED_DRAIN, DNS_MAINT = 0x01, 0x04, 0x08, 0x20


class Haproxy(threading.Thread):
    """Its admin socket: a command a connection, then it hangs up. `sessions` of ctl01, one number for each question."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.admin, self.sessions, self.commands = {"ctl01": 0, "ctl02": 0}, [0], []
        self.answer = self._answer
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                with self.socket.accept()[0] as connection:
                    command = connection.makefile().readline().strip()
                    self.commands.append(command)
                    connection.sendall(self.answer(command).encode())

    def _answer(self, command):
        words = command.split()
        if words[:2] == ["set", "server"]:
            backend, name = words[2].split("/")
            if backend != "octavia_api":
                return "No such backend.\n"
            if name not in self.admin:
                return "No such server.\n"
            forced = FORCED_DRAIN if words[4] == "drain" else 0
            self.admin[name] = self.admin[name] & ~(FORCED_DRAIN | FORCED_MAINT) | forced
            return "\n"
        if command == "show servers state octavia_api":
            return STATE.format(**self.admin)
        if command == "show stat":
            return STAT.format(ctl01=self.sessions.pop(0) if len(self.sessions) > 1 else self.sessions[0])
        return "Can't find backend.\n"


@pytest.fixture
def make(tmp_path):
    def _make(tree=None, **answers):
        return Host(tmp_path, changed(tree or pillar("api_single"), **answers), octavia="16.0.0")

    return _make


@pytest.fixture
def haproxy(tmp_path):
    found = Haproxy(str(tmp_path / "admin.sock"))
    yield found
    found.socket.close()


@pytest.fixture
def before(make, haproxy, tmp_path):
    """A host whose API stands behind HAProxy on the same host."""
    return make(**{
        "upgrade:drain:haproxy": {"socket": str(tmp_path / "admin.sock"), "backend": "octavia_api", "server": "ctl01"}
    })  # fmt: skip


@pytest.fixture
def sleeps(monkeypatch):
    found = []
    clock = time.monotonic
    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(found))
    return found


# --- which way


def test_the_file_of_healthcheck_is_the_way_by_default(make):
    assert make().drain.way() == {"file": "/etc/octavia/healthcheck_disable"}


@pytest.mark.parametrize(
    "answers",
    [
        {"api:healthcheck:enabled": False},
        {"api:healthcheck:backends": ["octavia_db_check"]},
        {"api:healthcheck:disable_by_file_path": ""},
    ],
)
def test_without_a_healthcheck_that_reads_it_a_file_is_no_way(make, answers):
    host = make(**answers)
    assert host.drain.way() == {}
    assert not host.drain.is_out()
    assert host.drain.out(10) == 0
    host.drain.back()


def test_a_host_without_the_api_has_nothing_to_take_out(make):
    host = make(shared(), **{"api:enabled": False, "upgrade:drain:haproxy:socket": "/run/haproxy/admin.sock"})
    assert host.drain.way() == {}
    assert not host.drain.is_out()


@pytest.mark.parametrize("name", ["socket", "backend", "server"])
def test_half_of_a_way_is_one_line_with_the_key(make, name):
    all_of_it = {"socket": "/run/haproxy/admin.sock", "backend": "octavia_api", "server": "ctl01"}
    del all_of_it[name]
    with pytest.raises(CommandExecutionError) as caught:
        make(**{"upgrade:drain:haproxy": all_of_it}).drain.way()
    assert str(caught.value) == f"octavia:upgrade:drain:haproxy:{name}: is not set"


# --- HAProxy


def test_haproxy_drains_one_server_and_takes_it_back(before, haproxy):
    assert not before.drain.is_out()
    assert before.drain.out(10) == 0
    assert haproxy.admin == {"ctl01": FORCED_DRAIN, "ctl02": 0}
    assert before.drain.is_out()
    before.drain.back()
    assert haproxy.admin == {"ctl01": 0, "ctl02": 0}
    assert not before.drain.is_out()
    assert "set server octavia_api/ctl01 state drain" in haproxy.commands
    assert "set server octavia_api/ctl01 state ready" in haproxy.commands


@pytest.mark.parametrize(
    ("state", "is_out"),
    [
        (0, False), (FORCED_MAINT, True), (FORCED_DRAIN, True), (FORCED_MAINT | CONFIG_MAINT, True),
        (CONFIG_MAINT, False), (DNS_MAINT, False),  # `ready` does not end these
    ],
)  # fmt: skip
def test_out_is_what_was_taken_out_by_order(before, haproxy, state, is_out):
    haproxy.admin["ctl01"] = state
    assert before.drain.is_out() is is_out


def test_sessions_may_end_before_the_api_stops(before, haproxy, sleeps):
    haproxy.sessions = [3, 1, 0]
    assert before.drain.out(10) == 0
    assert sleeps == [0.5, 0.5]


def test_sessions_that_do_not_end_are_counted(before, haproxy, sleeps):
    haproxy.sessions = [2]
    assert before.drain.out(3) == 2
    assert 2.5 <= sum(sleeps) <= 3.5


def test_a_server_that_haproxy_does_not_have_is_one_line(before, haproxy):
    before.tree["octavia"]["upgrade"]["drain"]["haproxy"]["server"] = "ctl09"
    with pytest.raises(CommandExecutionError) as caught:
        before.drain.is_out()
    assert str(caught.value) == "octavia:upgrade:drain:haproxy: HAProxy has no server octavia_api/ctl09"
    with pytest.raises(CommandExecutionError) as caught:
        before.drain.out(10)
    assert str(caught.value) == "octavia:upgrade:drain:haproxy: HAProxy answers: No such server."


def test_a_backend_that_haproxy_does_not_have_is_one_line(before):
    before.tree["octavia"]["upgrade"]["drain"]["haproxy"]["backend"] = "web"
    with pytest.raises(CommandExecutionError, match="HAProxy has no server web/ctl01$"):
        before.drain.is_out()


def test_a_socket_that_may_only_look_is_one_line(before, haproxy):
    haproxy.answer = lambda command: "Permission denied\n\n"
    with pytest.raises(CommandExecutionError) as caught:
        before.drain.back()
    assert str(caught.value) == "octavia:upgrade:drain:haproxy: HAProxy answers: Permission denied"


def test_a_socket_that_is_not_there_is_one_line(make):
    host = make(**{"upgrade:drain:haproxy": {"socket": "/none/admin.sock", "backend": "b", "server": "s"}})
    with pytest.raises(CommandExecutionError) as caught:
        host.drain.is_out()
    assert str(caught.value) == "octavia:upgrade:drain:haproxy:socket: /none/admin.sock: No such file or directory"


def test_a_haproxy_that_hangs_is_one_line(before, haproxy, monkeypatch):
    hangs = threading.Event()
    haproxy.answer = lambda command: hangs.wait(5) and "" or ""
    monkeypatch.setattr(before.drain, "_PATIENCE", 0.1)
    with pytest.raises(CommandExecutionError, match="octavia:upgrade:drain:haproxy:socket: .*admin.sock: timed out"):
        before.drain.is_out()
    hangs.set()


# --- the file


def test_a_file_takes_the_api_out_and_its_absence_puts_it_back(make, tmp_path, sleeps):
    path = tmp_path / "healthcheck_disable"
    host = make(**{"api:healthcheck:disable_by_file_path": str(path)})
    assert not host.drain.is_out()
    assert host.drain.out(10) == 0
    assert sleeps == [10], "for every load balancer to have asked"
    assert host.drain.is_out()
    assert path.stat().st_mode & 0o777 == 0o640
    host.drain.back()
    assert not path.exists()
    assert not host.drain.is_out()
    host.drain.back()


def test_a_file_that_cannot_be_written_is_one_line(make):
    host = make(**{"api:healthcheck:disable_by_file_path": "/none/disable"})
    with pytest.raises(CommandExecutionError) as caught:
        host.drain.out(0)
    assert str(caught.value) == "/none/disable: cannot be written: No such file or directory"


def test_a_file_that_cannot_be_removed_is_one_line(make, tmp_path):
    host = make(**{"api:healthcheck:disable_by_file_path": str(tmp_path)})
    with pytest.raises(CommandExecutionError, match=f"^{tmp_path}: "):
        host.drain.back()


# --- the API answers


@contextlib.contextmanager
def _api(status=200, port=0):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"versions": []}')

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", port), Answer) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving.server_address[1]
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("listens", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_an_api_that_answers_is_waited_for_no_longer(make, monkeypatch, listens):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    with _api() as port:
        make(**{"api:bind": {"address": listens, "port": port}}).drain.wait_for_api(5)


def test_an_api_that_does_not_answer_is_one_line(make):
    port = closed_port()
    with pytest.raises(CommandExecutionError) as caught:
        make(**{"api:bind": {"address": "127.0.0.1", "port": port}}).drain.wait_for_api(0)
    line = f"The API does not answer at http://127.0.0.1:{port}/ within 0 s: [Errno 111] Connection refused"
    assert str(caught.value) == line


def test_an_api_in_trouble_is_one_line(make):
    with _api(503) as port, pytest.raises(CommandExecutionError, match="within 0 s: Service Unavailable$"):
        make(**{"api:bind": {"address": "127.0.0.1", "port": port}}).drain.wait_for_api(0)


def test_what_is_no_api_is_one_line(make):
    with server(greeting=b"SSH-2.0-OpenSSH\r\n") as port, pytest.raises(CommandExecutionError) as caught:
        make(**{"api:bind": {"address": "127.0.0.1", "port": port}}).drain.wait_for_api(0)
    assert "\n" not in str(caught.value)


def test_an_api_that_comes_late_is_waited_for(make, monkeypatch):
    port = closed_port()
    host = make(**{"api:bind": {"address": "127.0.0.1", "port": port}})
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr(host.drain.time, "sleep", lambda seconds: stack.enter_context(_api(port=port)))
        host.drain.wait_for_api(5)


def test_a_host_without_the_api_waits_for_none(make):
    make(shared(), **{"api:enabled": False, "api:bind": {"port": closed_port()}}).drain.wait_for_api(0)


# --- heartbeats


@pytest.fixture
def manager(make, monkeypatch):
    host = make(shared())
    host.heartbeats = []
    host.salt["octavia_db.heartbeats"] = lambda saltenv: host.heartbeats
    # running since 20 seconds
    monkeypatch.setattr(host.service, "status", lambda unit: {"started": time.time() - 20})
    return host


def _amphora(**facts):
    return {"id": "a1", "lb_network_ip": "172.16.0.9", "status": "ALLOCATED", "heard": 5, **facts}


def test_amphorae_that_were_heard_of_since_the_start_are_fine(manager):
    manager.heartbeats = [_amphora(), _amphora(heard=None), _amphora(heard=900, status="ERROR")]
    assert manager.drain.wait_for_heartbeats(0) == []


def test_an_amphora_that_stays_silent_is_a_line(manager, sleeps):
    manager.heartbeats = [_amphora(heard=45)]
    assert manager.drain.wait_for_heartbeats(2) == ["amphora a1 (172.16.0.9) was not heard of for 45 s"]
    assert len(sleeps) == 2


def test_an_amphora_that_comes_late_is_waited_for(manager, monkeypatch):
    manager.heartbeats = [_amphora(heard=45)]
    monkeypatch.setattr(time, "sleep", lambda seconds: manager.heartbeats.clear())
    assert manager.drain.wait_for_heartbeats(30) == []


@pytest.mark.parametrize(
    "answers", [{"config:controller_worker:amphora_driver": "amphora_noop_driver"}, {"manager:components": ["worker"]}]
)
def test_nobody_waits_where_nobody_listens_or_nobody_talks(make, answers):
    assert make(shared(), **answers).drain.wait_for_heartbeats(0) == []
