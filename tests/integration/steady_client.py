"""
A client that calls the API ten times a second, whatever becomes of it, and tells how many of its requests failed and
for how long nobody answered.
"""

import json
import subprocess

#: Runs in the machine that has the services: one thread for each request, so that a slow one holds up no other.
SCRIPT = r"""
import json, os, sys, threading, time, urllib.error, urllib.request
url, token, balancer, stop = sys.argv[1:]
lock, log = threading.Lock(), []
def ask(number):
    change = number % 5 == 4
    path = f"/v2/lbaas/loadbalancers/{balancer}" if number % 2 else "/v2/lbaas/loadbalancers"
    body = json.dumps({"loadbalancer": {"description": str(number)}}).encode() if change else None
    path = f"/v2/lbaas/loadbalancers/{balancer}" if change else path
    request = urllib.request.Request(url + path, body, method="PUT" if change else "GET")
    request.add_header("X-Auth-Token", token)
    request.add_header("Content-Type", "application/json")
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            status = answer.status
    except urllib.error.HTTPError as error:
        # a change before the one before it has ended is refused, and well
        status = 200 if error.code == 409 else error.code
    except Exception as error:
        status = repr(error)
    with lock:
        log.append((begin, time.monotonic(), status, request.get_method()))
number, due = 0, time.monotonic()
while not os.path.exists(stop):
    threading.Thread(target=ask, args=(number,), daemon=True).start()
    number, due = number + 1, due + 0.1
    time.sleep(max(0, due - time.monotonic()))
until = time.monotonic() + 60
while len(log) < number and time.monotonic() < until:
    time.sleep(0.1)
good = sorted(end for begin, end, status, method in log if status == 200)
bad = [entry for entry in log if entry[2] != 200]
edges = [min(entry[0] for entry in log), *good, max(entry[1] for entry in log)]
gap = max(after - before for before, after in zip(edges, edges[1:]))
print(json.dumps({
    "requests": number, "unanswered": number - len(log), "failed": len(bad), "gap": round(gap, 2),
    "why": sorted({f"{method} {status}" for begin, end, status, method in bad})[:5],
}))
"""
STOP = "/run/steady-client-stop"


class SteadyClient:
    """``with SteadyClient(services, url, token, balancer) as client: ...``; afterwards `client.found`."""

    def __init__(self, services, url, token, balancer):
        self.services, self.arguments, self.found = services, [url, token, balancer, STOP], None

    def __enter__(self):
        self.services.run(["rm", "-f", STOP])
        self.services.write("/run/steady_client.py", SCRIPT, 0o600)
        self.process = self.services.popen(
            ["python3", "/run/steady_client.py", *self.arguments], stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_):
        self.services.write(STOP, "")
        out, _ = self.process.communicate(timeout=180)
        self.found = json.loads(out)
