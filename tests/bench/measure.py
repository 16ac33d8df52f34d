"""Measurements on a converged machine: CPU of commands in turn, counters of one run, memory of the API."""

import json
import re
import statistics
from collections import Counter

from bench import subject

# Above what one test.nop loads, which depends on the Salt: 75 in all on 3008.3.
MODULE_FILES = 38
GOALS = {
    "processes started": 31 + 5 * len(subject.UNITS),
    "octavia-db-manage started": 0,
    "connections to other hosts": 0,
}
# A line of strace: process, call, result; a call that another process interrupts has two lines.
CALL = re.compile(r"(?P<pid>\d+) +(<\.\.\. )?(?P<name>execve|connect)(\(| resumed>)(?P<rest>.*)")
NAME_SERVER = 53


def cpu(machine, pairs, **commands):
    """CPU seconds of commands run in turn, one list for each, as ``{name: [seconds, ...]}``."""
    job = json.dumps({"commands": commands, "turns": pairs})
    return json.loads(machine.run(["python3", f"{subject.BENCH}/inside/pairs.py"], input=job).stdout)


def ratio(seconds, of, to):
    """Median of the ratios pair by pair: what else the host does falls on both of a pair."""
    return statistics.median(a / b for a, b in zip(seconds[of], seconds[to], strict=True))


def counters(machine, arguments=subject.FORMULA):
    """What one salt-call loads, starts and connects to; these figures do not move with the host's load."""
    loads, trace = f"{subject.BENCH}/loads", f"{subject.BENCH}/strace"
    python = machine.run("readlink -f /usr/local/bin/salt-call").stdout.strip().replace("salt-call", "python3")
    strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "200", "-e", "trace=execve,connect", "-e", "signal=none"]
    machine.run([*strace, "-o", trace, python, f"{subject.BENCH}/inside/loads.py", loads, *arguments])
    started, connected = _calls(machine.read(trace))
    return {
        "module files loaded": len(machine.read(loads).splitlines()),
        "processes started": len(started),
        "octavia-db-manage started": sum("octavia-db-manage" in call for call in started),
        "connections to other hosts": len(connected),
    }


def goals(floor):
    """The goals of the counters, beside those of a run of one test.nop."""
    return {"module files loaded": floor["module files loaded"] + MODULE_FILES, **GOALS}


def _calls(trace):
    """Successful execve, and connect to any address that is not this host's or a name server's."""
    begun, started, connected = {}, [], []
    for line in trace.splitlines():
        call = CALL.match(line)
        if not call:
            continue
        text = begun.pop((call["pid"], call["name"]), "") + call["rest"]
        if text.endswith("<unfinished ...>"):
            begun[call["pid"], call["name"]] = text
        elif call["name"] == "execve" and text.endswith(" = 0"):
            started.append(text)
        elif call["name"] == "connect" and _leaves_the_host(text):
            connected.append(text)
    return started, connected


def _leaves_the_host(call):
    port = re.search(r"port=htons\((\d+)\)", call)
    here = re.search(r'"(127\.|::1")', call)
    return bool(port) and int(port[1]) not in (0, NAME_SERVER) and not here


def programs(machine):
    """What the last counted run started, by name, most often first."""
    started, _ = _calls(machine.read(f"{subject.BENCH}/strace"))
    return Counter(re.match(r'"(?:[^"]*/)?([^"]+)"', call)[1] for call in started).most_common()


def api_memory(machine):
    """The API's processes and their memory in MiB, shared pages counted once."""
    script = "for pid in $(pgrep -x uwsgi); do grep ^Pss: /proc/$pid/smaps_rollup; done"
    sizes = [int(line.split()[1]) for line in machine.run(script).stdout.splitlines()]
    return len(sizes), sum(sizes) / 1024
