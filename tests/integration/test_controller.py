"""
A controller from an empty machine to the end of its roles: API, worker, health manager and housekeeping on one host.
"""

import pytest
from bench import measure, subject
from control_plane import PLATFORMS, UNITS, Api, apply, changed, listening, pids, unit_state


@pytest.fixture(scope="class", params=PLATFORMS, ids=lambda p: f"debian{p[0]}-salt{p[1]}")
def platform(request):
    return request.param


class Wanted:
    """The pillar of the controller. What a test says stays said, as on a host that lives."""

    def __init__(self, machine, make, changes):
        self.machine, self.make, self.changes = machine, make, changes
        self.say({})

    def say(self, change):
        self.changes.append(change)
        self.machine.put_pillar(self.pillar)

    @property
    def pillar(self):
        return self.make(*self.changes)


@pytest.fixture(scope="class")
def controller(lab, platform):
    debian, salt = platform
    machine = lab.machine("controller1", debian=debian, salt=salt)
    machine.put_formula()
    yield machine
    machine.destroy()


@pytest.fixture(scope="class")
def wanted(controller, pillar, platform):
    """Each platform has a database of its own, so that each makes and migrates one from nothing."""
    return Wanted(controller, pillar, [{"database": {"name": f"octavia_{'_'.join(platform)}"}}])


@pytest.fixture(scope="class")
def first_run(controller, wanted):
    return apply(controller)


@pytest.fixture(scope="class")
def api(first_run, services, lab):
    return Api(services, lab.facts)


class TestController:
    def test_a_fresh_machine_becomes_a_controller_in_one_run(self, first_run):
        assert first_run["octavia_db_create"]["changes"] and first_run["octavia_db_schema"]["changes"]
        order = sorted(first_run, key=lambda name: first_run[name]["__run_num__"])
        for role in UNITS:
            assert first_run[f"octavia_{role}_service"]["changes"]["running"] == {"old": False, "new": True}
            assert order.index("octavia_conf") < order.index(f"octavia_{role}_service")
            assert order.index("octavia_db_schema") < order.index(f"octavia_{role}_service")

    def test_no_service_ran_before_its_configuration(self, controller, first_run):
        written = controller.path("/etc/octavia/octavia.conf").stat().st_mtime
        for unit in UNITS.values():
            started = controller.run(f"journalctl -b -o short-unix -u {unit} | grep -m1 Started | cut -d' ' -f1").stdout
            assert float(started) >= written, unit

    def test_no_secret_in_what_the_run_says(self, controller, wanted, first_run):
        said = repr(first_run)
        pillar = wanted.pillar["octavia"]
        for secret in (
            pillar["database"]["password"],
            pillar["identity"]["password"],
            pillar["message_queue"]["password"],
            pillar["manager"]["health_manager"]["heartbeat_key"],
            pillar["db"]["admin"]["password"],
        ):
            assert secret not in said and repr(secret)[1:-1] not in said

    def test_a_second_run_changes_nothing(self, controller, first_run):
        before = pids(controller)
        assert changed(apply(controller)) == {}
        assert changed(apply(controller, test=True)) == {}
        assert pids(controller) == before

    def test_a_converged_run_stays_within_the_goals_of_the_bench(self, controller, wanted, platform, first_run):
        """Counters, which do not move with the host's load. A host that makes the database asks it on every run."""
        wanted.say({"db": {"create": False}})
        subject.bring_tools(controller)
        subject.use_salt(controller, platform[1])
        goals = measure.goals(measure.counters(controller, subject.FLOOR))
        assert {what: n for what, n in measure.counters(controller).items() if n > goals[what]} == {}

    def test_services_are_active_and_enabled(self, controller, first_run):
        assert {unit: unit_state(controller, unit) for unit in UNITS.values()} == {
            unit: ("active", "enabled") for unit in UNITS.values()
        }

    def test_services_listen_where_the_pillar_says_and_nowhere_else(self, controller, api):
        assert listening(controller) == {("tcp", "10.77.0.11:9876"), ("udp", "10.77.0.11:5555")}

    def test_files_are_readable_by_octavia_only(self, controller, first_run):
        out = controller.run("stat -c '%U:%G %a %n' /etc/octavia/octavia.conf /etc/octavia/octavia-api-uwsgi-salt.ini")
        assert out.stdout.splitlines() == [
            "root:octavia 640 /etc/octavia/octavia.conf",
            "root:octavia 640 /etc/octavia/octavia-api-uwsgi-salt.ini",
        ]
        # the lab leaves documentation out
        verified = controller.run("dpkg --verify octavia-api octavia-common octavia-worker", check=False).stdout
        assert [line for line in verified.splitlines() if "/usr/share/doc/" not in line] == []

    def test_the_api_asks_keystone_who_is_there(self, api):
        assert api.call("GET", "/v2/lbaas/loadbalancers", token=False)[0] == 401
        status, answer = api.call("GET", "/v2/lbaas/loadbalancers")
        assert (status, answer["loadbalancers"]) == (200, [])
        assert api.call("GET", "/healthcheck", token=False)[0] == 200

    def test_a_load_balancer_goes_from_post_to_active_and_away(self, api):
        lb = api.make("loadbalancer", {"name": "lb", "vip_subnet_id": "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"})
        listener = api.make("listener", {"protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": lb})
        pool = api.make("pool", {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "listener_id": listener})
        api.make(f"pools/{pool}/members", {"address": "10.88.0.10", "protocol_port": 8080})
        path = f"/v2/lbaas/loadbalancers/{lb}"
        assert api.call("PUT", path, {"loadbalancer": {"name": "renamed"}})[1]["loadbalancer"]["name"] == "renamed"
        api.wait(path, "loadbalancer", "ACTIVE")
        assert api.call("DELETE", f"{path}?cascade=true")[0] == 204
        api.wait(path, "loadbalancer", "DELETED")

    @pytest.mark.parametrize(
        ("change", "restarted"),
        [
            pytest.param({"api": {"threads": 3}}, {"api"}, id="uwsgi"),
            pytest.param({"api": {"quotas": {"load_balancer": 7}}}, {"api"}, id="quotas", marks=pytest.mark.once),
            pytest.param(
                {"config": {"house_keeping": {"cleanup_interval": 33}}},
                {"housekeeping"},
                id="house_keeping",
                marks=pytest.mark.once,
            ),
            pytest.param(
                {"manager": {"haproxy_amphora": {"connection_max_retries": 119}}},
                {"worker", "health_manager", "housekeeping"},
                id="haproxy_amphora",
            ),
        ],
    )
    def test_a_dry_run_announces_what_the_run_does(self, controller, wanted, first_run, change, restarted):
        wanted.say(change)
        before = pids(controller)
        plan = changed(apply(controller, test=True))
        assert pids(controller) == before
        done = changed(apply(controller))
        after = pids(controller)
        assert {role for role in UNITS if after[role] != before[role]} == restarted
        assert plan.keys() == done.keys()
        ours = [name for name in done if not name.startswith("octavia_api_u")]
        assert {name: plan[name] for name in ours} == {name: done[name] for name in ours}

    def test_everything_is_back_after_a_reboot(self, controller, services, lab, first_run):
        controller.reboot()
        assert {unit_state(controller, unit) for unit in UNITS.values()} == {("active", "enabled")}
        assert changed(apply(controller)) == {}
        assert Api(services, lab.facts).call("GET", "/v2/lbaas/loadbalancers")[0] == 200

    @pytest.mark.once
    def test_a_change_after_a_reboot_restarts_only_its_readers(self, controller, wanted, first_run):
        controller.reboot()
        wanted.say({"api": {"healthcheck": {"enabled": False}}})
        plan = changed(apply(controller, test=True))
        assert set(plan) == set(changed(apply(controller))) == {"octavia_conf", "octavia_api_service"}

    @pytest.mark.once
    def test_database_and_queue_are_reached_by_tls(self, controller, wanted, services, lab, first_run):
        authority = "/etc/ssl/lab-ca.pem"
        controller.write(authority, lab.facts["ca"])
        tls = {"enabled": True, "ca": authority}
        wanted.say({"database": {"ssl": tls}, "message_queue": {"port": lab.facts["rabbitmq"]["tls_port"], "ssl": tls}})
        apply(controller)
        api = Api(services, lab.facts)
        lb = api.make("loadbalancer", {"name": "tls", "vip_subnet_id": "7f0d5a1e-6f0c-4d0e-9a53-2f6a4c9b7d10"})
        assert api.call("DELETE", f"/v2/lbaas/loadbalancers/{lb}")[0] == 204
        assert "?ssl_ca=" in controller.read("/etc/octavia/octavia.conf")
        talks = {line.split()[3] for line in controller.run("ss -Hnt state established").stdout.splitlines()}
        assert "10.77.0.2:5671" in talks and "10.77.0.2:5672" not in talks
        assert changed(apply(controller)) == {}

    @pytest.mark.once
    def test_a_certificate_that_changes_restarts_those_who_read_it(self, controller, wanted, first_run):
        text = wanted.pillar["octavia"]["certificates"]["client_ca.cert.pem"]
        wanted.say({"certificates": {"client_ca.cert.pem": f"# renewed\n{text}"}})
        plan = changed(apply(controller, test=True))
        services = {f"octavia_{role}_service" for role in ("worker", "health_manager", "housekeeping")}
        assert set(plan) == set(changed(apply(controller))) == {"octavia_certificates", *services}

    def test_roles_that_are_switched_off_stop_and_leave_their_files(self, controller, wanted, first_run):
        wanted.say({"api": {"enabled": False}, "manager": {"enabled": False}})
        plan = changed(apply(controller, test=True))
        assert changed(apply(controller)) == plan
        assert {unit_state(controller, unit) for unit in UNITS.values()} == {("inactive", "disabled")}
        assert controller.exists("/etc/octavia/octavia.conf")
        assert changed(apply(controller)) == {}
