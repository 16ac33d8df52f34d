"""What becomes of the older formula's pillar keys, as the README's table says it."""

import itertools
import re

import docutils.nodes
import pytest
import yaml
from formula import Host, changed, shared
from harness import ROOT, Pem, readme

#: A value of each key that the older formula's states and templates read, as its own examples have it.
KEYS = {
    "enabled": True,
    "version": "queens",
    "debug": True,
    "role": "primary",
    "pkgs": ["octavia-common"],
    "services": ["octavia-api"],
    "api_v1_enabled": True,
    "api_v2_enabled": True,
    "bind:address": "10.0.0.11",
    "bind:port": 9876,
    "database:engine": "mysql",
    "database:host": "db1",
    "database:port": 3306,
    "database:name": "octavia",
    "database:user": "octavia",
    "database:password": "word",
    "identity:engine": "keystone",
    "identity:region": "RegionOne",
    "identity:host": "identity1",
    "identity:port": 35357,
    "identity:user": "octavia",
    "identity:password": "word",
    "identity:tenant": "service",
    "identity:domain": "default",
    "identity:endpoint_type": "internal",
    "message_queue:engine": "rabbitmq",
    "message_queue:host": "mq1",
    "message_queue:port": 5672,
    "message_queue:user": "openstack",
    "message_queue:password": "word",
    "message_queue:virtual_host": "/openstack",
    "message_queue:members": [{"host": "mq1"}, {"host": "mq2"}],
    "cache:members": [{"host": "mc1"}],
    "notification": True,
    "notification:driver": "messagingv2",
    "notification:topics": "notifications",
    "cors:allowed_origin": "https://dashboard.example.org",
    "cors:allow_credentials": True,
    "cors:expose_headers": "X-Auth-Token",
    "cors:max_age": 3600,
    "cors:allow_methods": "GET,PUT",
    "cors:allow_headers": "X-Auth-Token",
    "audit:enabled": False,
    "certificates:ca_private_key": "/etc/octavia/certs/private/cakey.pem",
    "certificates:ca_certificate": "/etc/octavia/certs/ca_01.pem",
    "controller_worker:amp_flavor_id": "967972bb-ab54-4679-9f53-bf81d5e28154",
    "controller_worker:amp_image_tag": "amphora",
    "controller_worker:amp_ssh_key_name": "octavia_ssh_key",
    "controller_worker:loadbalancer_topology": "SINGLE",
    "haproxy_amphora:client_cert": "/etc/octavia/certs/client.pem",
    "haproxy_amphora:client_cert_key": "/etc/octavia/certs/client.key",
    "haproxy_amphora:client_cert_all": "/etc/octavia/certs/client_all.pem",
    "haproxy_amphora:server_ca": "/etc/octavia/certs/ca_01.pem",
    "health_manager:bind_ip": "192.168.0.12",
    "health_manager:heartbeat_key": "insecure",
    "house_keeping:spare_amphora_pool_size": 0,
    "ssh:private_key": Pem.texts()["PRIVATE_KEY"],
    "ssh:private_key_file": "/etc/octavia/.ssh/octavia_ssh_key",
    "ssh:user": "octavia",
    "ssh:group": "octavia",
    "error_log_rate": 0.2,
}


def expanded(text):
    """`a:{b,c}` as ["a:b", "a:c"], with any number of braces."""
    parts = [part.split(",") if index % 2 else [part] for index, part in enumerate(re.split(r"[{}]", text))]
    return ["".join(each) for each in itertools.product(*parts)]


def rows():
    """`[(key, what the README's table says of it)]`."""
    document = readme()
    [section] = [
        each for each in document.findall(docutils.nodes.section) if "moving from the older formula" in each["names"]
    ]
    table = section.next_node(docutils.nodes.tbody)
    assert table, "the section has no table"
    for row in table.children:
        keys, now = row.children
        for literal in keys.findall(docutils.nodes.literal):
            yield from ((key, now.astext()) for key in expanded(literal.astext()))


TABLE = list(rows())


def test_every_key_that_it_had_is_in_the_table_once():
    keys = [key for key, _now in TABLE]
    assert sorted(keys) == sorted(set(keys))
    assert {key.partition(":")[2] for key in keys} == set(KEYS)


def test_what_has_no_effect_is_what_the_data_say():
    keys = yaml.safe_load((ROOT / "octavia/conf.yaml").read_text())["keys"]
    gone = {key for key, spec in keys.items() if "gone" in spec}
    assert gone == {key for key, now in TABLE if now.startswith("no effect")}


@pytest.mark.parametrize(("key", "now"), TABLE, ids=[key for key, _ in TABLE])
def test_a_key_does_what_the_readme_says(tmp_path, key, now):
    found = Host(tmp_path, changed(shared(), **{key: KEYS[key.partition(":")[2]]})).check.pillar()
    named = [line.startswith(f"octavia:{key}: ") for line in (*found["faults"], *found["warnings"])]
    if now.startswith("as before"):
        assert not any(named), found
    elif now.startswith("no effect"):
        assert found["faults"] == [] and any("has no effect" in line for line in found["warnings"])
    else:
        assert now.startswith("refused: ") and any(named) and found["faults"]
