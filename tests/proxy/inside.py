"""
A proxy between the formula and the services of a cloud that counts what is asked, and spoils some of it.

Runs in a machine of the lab: `python3 proxy.py '{"15000": "http://10.77.0.2:5000", ...}'` with a port for each
service, and 10999 for orders: GET /log says what was asked since the last order, POST /orders takes a list of faults,
each a mapping:

method, path
    Regular expressions for what it meets.
fault
    `status` (with `status` and `body`), `timeout` (no answer), `reset`, `slow` (with `seconds`), `page` (lists come in
    pages of `size`), `lost` (the service does what it is asked, and the answer is lost by a reset), `late` (likewise,
    and no answer comes), `broken` (likewise, and the answer is a 502).
times
    How often; always by default.
skip
    How many to let pass first.
"""

import contextlib
import http.client
import json
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

CONTROL = 10999
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}
SILENCE = 300
lock = threading.Lock()
asked, orders = [], []


class Reset(Exception):
    pass


def due(method, path):
    """The fault that a request meets, if any."""
    with lock:
        for order in orders:
            if not re.search(order.get("method", ""), method) or not re.search(order.get("path", ""), path):
                continue
            if order.get("skip", 0) > 0:
                order["skip"] -= 1
                continue
            if order.get("times", 1) > 0:
                order["times"] = order.get("times", 10**9) - 1
                return order
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = None

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        order = due(self.command, self.path) or {}
        fault, path = order.get("fault"), self.path
        with lock:
            asked.append([self.command, f"{urlsplit(self.target).port}{self.path}", fault])
        if fault == "timeout":
            time.sleep(SILENCE)
            return
        if fault == "reset":
            self.reset()
            return
        if fault == "status":
            self.answer(order["status"], [("Content-Type", "application/json"), *order.get("headers", {}).items()],
                        json.dumps(order.get("body", {})).encode())  # fmt: skip
            return
        if fault == "slow":
            time.sleep(order["seconds"])
        if fault == "page":
            split = urlsplit(path)
            query = {**dict(parse_qsl(split.query)), "limit": order["size"]}
            path = f"{split.path}?{urlencode(query)}"
        status, headers, text = self.forward(path, body)
        if fault == "lost":
            self.reset()
        elif fault == "late":
            time.sleep(SILENCE)
        elif fault == "broken":
            self.answer(502, [], b"")
        else:
            self.answer(status, headers, text)

    def forward(self, path, body):
        target = urlsplit(self.target)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=120)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        connection.request(self.command, path, body or None, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def reset(self):
        # closing with a linger of zero sends a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve


class Control(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        with lock:
            self.say(asked)
            asked.clear()

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            orders[:] = json.loads(text)
            asked.clear()
            self.say(orders)

    def say(self, what):
        text = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main():
    servers = [ThreadingHTTPServer(("127.0.0.1", CONTROL), Control)]
    for port, target in json.loads(sys.argv[1]).items():
        handler = type("Handler", (Handler,), {"target": target})
        servers.append(ThreadingHTTPServer(("", int(port)), handler))
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
