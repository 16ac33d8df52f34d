"""
A client that calls the API ten times a second, whatever becomes of it, and tells how many of its requests failed, when,
and for how long nobody answered. Beside those that read goes one that makes, changes and deletes load balancers.

This file is also what runs in the machine that has the services: with nothing but Python's own library.
"""

import collections
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

STOP = "/srv/steady-client-stop"
PACE = 0.1
PATIENCE = 90  # seconds for a request, and for a load balancer to be ready
TREE = "/v2/lbaas/loadbalancers"


class SteadyClient:
    """``with SteadyClient(services, url, token, balancer, subnet) as client: ...``; afterwards `client.found`."""

    def __init__(self, services, url, token, balancer, subnet):
        self.services, self.found = services, None
        self.arguments = {"url": url, "token": token, "balancer": balancer, "subnet": subnet}

    def __enter__(self):
        self.services.run(["rm", "-f", STOP])
        with open(__file__, encoding="utf-8") as own:
            self.services.write("/srv/steady_client.py", own.read(), 0o600)
        self.process = self.services.popen(
            ["python3", "/srv/steady_client.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        # a token stands in no command line
        self.process.stdin.write(json.dumps(self.arguments) + "\n")
        self.process.stdin.flush()
        return self

    def __exit__(self, *_):
        self.services.write(STOP, "")
        out, _ = self.process.communicate(timeout=3 * PATIENCE)
        # what became of it must not hide what the block has to say
        self.found = json.loads(out or "null")


class Client:
    def __init__(self, url, token, balancer, subnet):
        self.url, self.token, self.balancer, self.subnet = url, token, balancer, subnet
        self.began = time.monotonic()
        self.log, self.done = [], collections.Counter()

    def call(self, method, path, body=None):
        """The answer of one request, None where it failed; it is noted."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310
        request.add_header("X-Auth-Token", self.token)
        request.add_header("Content-Type", "application/json")
        begin, answer = time.monotonic(), None
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:  # noqa: S310
                answer = json.loads(reply.read() or b"{}")
                why = ""
        except urllib.error.HTTPError as error:
            why = f"{error.code} {error.read()[:120].decode(errors='replace')}"
        except Exception as error:
            why = repr(error)
        self.log.append((begin, time.monotonic(), method, why))
        return answer

    def read(self):
        """One request after the other, in threads of their own: a slow one holds up no other."""
        number, due, threads = 0, time.monotonic(), []
        while not os.path.exists(STOP):
            path = f"{TREE}/{self.balancer}" if number % 2 else TREE
            threads.append(threading.Thread(target=self.call, args=("GET", path)))
            threads[-1].start()
            number, due = number + 1, due + PACE
            time.sleep(max(0.0, due - time.monotonic()))
        for thread in threads:
            thread.join()

    def write(self):
        """Make a load balancer, change it, delete it, and again. What has no answer is left behind."""
        while not os.path.exists(STOP):
            body = {"name": "steady", "vip_subnet_id": self.subnet}
            made = self.call("POST", TREE, {"loadbalancer": body})
            path = made and f"{TREE}/{made['loadbalancer']['id']}"
            if path and self.settled(path, "POST"):
                if self.call("PUT", path, {"loadbalancer": {"name": "changed"}}) and self.settled(path, "PUT"):
                    self.done["changed"] += 1
                if self.call("DELETE", path) is not None:
                    self.done["deleted"] += 1
            time.sleep(1)

    def settled(self, path, after):
        """Whether a worker has done what it was told; where nobody does so in time, that is a failure."""
        until, status = time.monotonic() + PATIENCE, None
        while time.monotonic() < until:
            answer = self.call("GET", path)
            status = answer and answer["loadbalancer"]["provisioning_status"]
            if status in ("ACTIVE", "ERROR"):
                break
            time.sleep(0.5)
        if status != "ACTIVE":
            now = time.monotonic()
            self.log.append((now, now, after, f"nobody has done it: {status}"))
        return status == "ACTIVE"

    def found(self):
        """What there is to tell, seconds since the beginning."""
        log = sorted(self.log)
        good = sorted(end for _begin, end, _method, why in log if not why)
        bad = [(begin, end, method, why) for begin, end, method, why in log if why]
        edges = [log[0][0], *good, max(end for _begin, end, _method, _why in log)]
        gap, at = max((after - before, before) for before, after in zip(edges, edges[1:], strict=False))
        times = sorted(end - begin for begin, end, _method, why in log if not why)
        return {
            "requests": len(log),
            "failed": len(bad),
            "gap": round(gap, 2),
            "gap_at": round(at - self.began, 1),
            "seconds": round(edges[-1] - edges[0], 1),
            "slowest": round(times[-1], 2) if times else None,
            **self.done,
            "when": [round(bad[index][0] - self.began, 1) for index in (0, -1)] if bad else [],
            "why": sorted({f"{method} {why}" for _begin, _end, method, why in bad})[:8],
        }


def main():
    client = Client(**json.loads(sys.stdin.readline()))
    writer = threading.Thread(target=client.write)
    writer.start()
    client.read()
    writer.join()
    print(json.dumps(client.found()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
