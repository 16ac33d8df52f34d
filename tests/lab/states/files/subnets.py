#!/usr/bin/python3
"""The one answer of Neutron that the client of Octavia needs: a list with the lab's subnet in it."""

import http.server
import json
import pathlib
import urllib.parse

SUBNET = json.loads(pathlib.Path("/etc/octavia-lab/subnet.json").read_text())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        kind = url.path.rstrip("/").rpartition("/")[2].removesuffix(".json")
        found = kind == "subnets" and all(SUBNET.get(key, value) == value for key, value in asked.items())
        body = json.dumps({kind: [SUBNET] if found else []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", 9696), Handler).serve_forever()
