"""Run in the services machine: wait until each service answers; name the one that does not."""

import socket
import sys
import time
import urllib.request

HOST = "services"


def talk(port, send, expect):
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(send)
        return expect in connection.recv(512)


def http(port, path):
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=20) as answer:  # noqa: S310
        return answer.status == 200


CHECKS = {
    "memcached": lambda: talk(11211, b"version\r\n", b"VERSION"),
    # The server speaks first in MariaDB's protocol; in RabbitMQ's it answers with Connection.Start.
    "mariadb": lambda: talk(3306, b"", b"mysql_native_password"),
    "rabbitmq": lambda: talk(5672, b"AMQP\x00\x00\x09\x01", b"RabbitMQ"),
    "keystone": lambda: http(5000, "/v3"),
    "neutron": lambda: http(9696, "/"),
}
deadline = time.monotonic() + float(sys.argv[1])
for name, answers in CHECKS.items():
    problem = "no answer"
    while True:
        try:
            if answers():
                break
        except OSError as error:
            problem = str(error)
        if time.monotonic() > deadline:
            sys.exit(f"{name} does not answer: {problem}; look at: journalctl -u {name}*")
        time.sleep(0.1)
