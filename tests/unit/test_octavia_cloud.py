"""Who asks OpenStack's APIs; what these answer is seen in the lab."""

import pytest
from formula import GONE, Host, changed, shared
from salt.exceptions import CommandExecutionError


def _login(host):
    host.cloud.amphorae()
    assert host.ask.call_args.args == ("cloud", "amphorae")
    return host.ask.call_args.kwargs["login"]


def test_the_service_user_asks_as_octavia_conf_has_it(tmp_path):
    answers = {"identity:ca": "/ca.pem", "identity:endpoint_type": "internalURL", "identity:timeout": 9}
    assert _login(Host(tmp_path, changed(shared(), **answers))) == {
        "options": {
            "auth_type": "password", "auth_url": "http://keystone.example.org:5000/v3", "username": "octavia",
            "password": "pw-of-keystone", "project_name": "service", "project_domain_id": "default",
            "user_domain_id": "default", "cafile": "/ca.pem", "timeout": 9,
        },
        "region": "RegionOne",
        "interface": "internal",
    }  # fmt: skip


def test_free_options_count_here_too(tmp_path):
    tree = changed(shared(), config={"service_auth": {"username": "other", "insecure": True}})
    options = _login(Host(tmp_path, tree))["options"]
    assert (options["username"], options["insecure"]) == ("other", True)


@pytest.mark.parametrize("key", ["identity:host", "identity:password"])
def test_a_pillar_without_credentials_is_one_line_and_no_question(tmp_path, key):
    host = Host(tmp_path, changed(shared(), **{key: GONE}))
    with pytest.raises(CommandExecutionError, match=f"^Not set in the pillar: octavia:{key}$"):
        host.cloud.amphorae()
    host.ask.assert_not_called()


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("CloudError: Keystone at http://k does not answer", "Keystone at http://k does not answer"),
        ("python3 lacks the Python library openstack", "python3 lacks the Python library openstack"),
    ],
)
def test_what_is_wrong_is_said_without_the_name_of_a_class(tmp_path, said, line):
    host = Host(tmp_path, shared())
    host.ask.side_effect = CommandExecutionError(said)
    with pytest.raises(CommandExecutionError) as caught:
        host.cloud.amphorae()
    assert str(caught.value) == line


def test_an_amphora_is_configured_by_its_id(tmp_path):
    host = Host(tmp_path, shared())
    host.cloud.configure_amphora("45f40289")
    assert host.ask.call_args.args == ("cloud", "configure_amphora")
    assert host.ask.call_args.kwargs["amphora"] == "45f40289"
