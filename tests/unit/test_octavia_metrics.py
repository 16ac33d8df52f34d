"""What the timer's command asks of this host, and that an operator is told the same."""

import pytest
from formula import Host, changed, shared

CONFIG = "--config-file {root}/etc/octavia.conf"


@pytest.fixture
def make(tmp_path):
    return lambda **answers: Host(tmp_path, changed(shared(), **answers))


def test_the_command_names_units_and_api_of_the_enabled_roles(make, tmp_path):
    host = make(**{"driver_agent:enabled": True, "manager:components": ["worker"]})
    assert host.metrics.command() == (
        f"/usr/bin/python3 -IB /usr/local/lib/salt-formula-octavia/metrics.py {CONFIG.format(root=tmp_path)}"
        " --unit api=octavia-api --unit worker=octavia-worker --unit driver_agent=octavia-driver-agent"
        " --api http://127.0.0.1:9876/"
    )


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:9876/"),  # noqa: S104
        ("::", "http://[::1]:9876/"),
        ("10.0.0.1", "http://10.0.0.1:9876/"),
        ("fd00::1", "http://[fd00::1]:9876/"),
    ],
)
def test_the_api_is_asked_where_it_listens_on_this_host(make, address, url):
    assert make(**{"api:bind:address": address}).metrics.command().endswith(f" --api {url}")


def test_a_host_without_an_api_asks_none(make):
    assert "--api" not in make(**{"api:enabled": False}).metrics.command()


def test_no_secret_is_in_the_command(make):
    host = make()
    for key in ("database:password", "identity:password", "message_queue:password"):
        assert host.pillar.values()[key] not in host.metrics.command()


def test_an_operator_is_told_what_the_timer_writes(make, tmp_path):
    host = make(**{"manager:enabled": False})
    host.ask.return_value = "octavia_api_up 1\n"
    assert host.metrics.text() == "octavia_api_up 1\n"
    module, function = host.ask.call_args.args
    asked = host.ask.call_args.kwargs
    assert (module, function, asked["config_file"]) == ("metrics", "text", f"{tmp_path}/etc/octavia.conf")
    assert asked["units"] == [["api", "octavia-api"]] and asked["api"].endswith(":9876/")
