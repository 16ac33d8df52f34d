"""
The lab for the integration tests: one per session, with MariaDB, RabbitMQ, memcached and Keystone in it, and the
machines that the tests ask for.
"""

import copy
import os

import pytest
from harness import Pem
from lab import Lab
from salt.utils.dictupdate import update


@pytest.fixture(scope="session")
def lab():
    with Lab(f"test{os.getpid()}", in_memory=True) as lab:
        lab.services()
        yield lab


@pytest.fixture(scope="session")
def services(lab):
    return lab.machines["services"]


@pytest.fixture(scope="session")
def cloud():
    """
    A lab with real Placement, Glance, Neutron and Nova, in which nothing knows of Octavia yet. It takes gigabytes: all
    tests that need it are in files test_cloud_*.py, which one process runs.
    """
    with Lab(f"cloud{os.getpid()}") as lab:
        lab.cloud()
        yield lab


@pytest.fixture(scope="session")
def pillar(lab):
    """``pillar(change, ...)``: the pillar of a controller with all roles, with changes merged over it."""
    facts = lab.facts
    queue = facts["rabbitmq"]["users"]["hard"]
    base = {
        "database": {"host": facts["mariadb"]["host"], **facts["database"]},
        "identity": {"host": facts["keystone"]["host"], "password": facts["keystone"]["octavia"]["password"]},
        "message_queue": {
            "host": facts["rabbitmq"]["host"],
            "user": queue["user"],
            "password": queue["password"],
            "virtual_host": queue["vhost"],
        },
        "cache": {"members": [{"host": facts["memcached"]["host"]}]},
        "certificates": {
            "source": "pillar",
            **facts["certificates"],
            "server_certs_key_passphrase": "integration-test-passphrase-0001",
        },
        "controller_worker": {
            "amphora_driver": "amphora_noop_driver",
            "compute_driver": "compute_noop_driver",
            "network_driver": "network_noop_driver",
        },
        "db": {"create": True, "admin": {"host": facts["mariadb"]["host"], **facts["mariadb"]["admin"]}},
        "api": {"enabled": True, "bind": {"address": "10.77.0.11"}, "processes": 2},
        "manager": {
            "enabled": True,
            "certificates": {"ca_private_key_passphrase": facts["amphora_ca_passphrase"]},
            "health_manager": {"bind_ip": "10.77.0.11", "heartbeat_key": "integration-test-heartbeat"},
            "controller_worker": {"image_driver": "image_noop_driver", "volume_driver": "volume_noop_driver"},
        },
    }

    def make(*changes):
        wanted = copy.deepcopy(base)
        for change in changes:
            update(wanted, copy.deepcopy(change))
        return {"octavia": wanted}

    return make


@pytest.fixture(scope="session")
def real_amphorae():
    """What a pillar says of a controller that manages real amphorae; the SSH key is made for the run."""
    return {
        "controller_worker": {
            "amphora_driver": "amphora_haproxy_rest_driver",
            "compute_driver": "compute_nova_driver",
            "network_driver": "allowed_address_pairs_driver",
        },
        "manager": {
            "controller_worker": {
                "amp_flavor_id": "967972bb-ab54-4679-9f53-bf81d5e28154",
                "amp_image_owner_id": "2a3f0e6b1d3c4b0c9e55d7a1e8a90b11",
                "amp_boot_network_list": ["0d9c9d4e-6f0e-4f6c-9a07-3b8f3f0c9a55"],
                "amp_secgroup_list": ["5b1f7a38-96d0-4f1c-8e0b-0a1f5e0f7c01"],
                "amp_ssh_key_name": "octavia_ssh_key",
            },
            "health_manager": {"controller_ip_port_list": ["10.77.0.11:5555", "10.77.0.12:5555"]},
            "ssh": {"private_key": Pem.texts()["PRIVATE_KEY"]},
        },
    }
