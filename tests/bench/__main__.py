"""make bench: what a converged `state.apply octavia` costs, beside the goals, as one table."""

import argparse
import pathlib
import statistics
import sys

# Called as a directory, Python knows this file only: make the packages beside it importable.
sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import Lab, LabError  # noqa: E402
from lab.progress import step  # noqa: E402

from bench import cloud, measure, subject  # noqa: E402

CPU_GOAL = 1.25  # times the floor
ANSIBLE_GOAL = 0.15
SALTS = ("3008", "3006")


class Table:
    """Rows of what was measured and its goal; counters that miss theirs are remembered."""

    def __init__(self):
        self.rows, self.missed = [], []

    def add(self, what, measured, goal=None, shown="{:.0f}", counter=False):
        over = goal is not None and measured > goal
        if over and counter:
            self.missed.append(what)
        verdict = "" if goal is None else "over" if over else "ok"
        self.rows.append((what, shown.format(measured), "" if goal is None else f"{goal:g}", verdict))

    def show(self):
        rows = [("what", "measured", "goal", ""), *self.rows]
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        for what, measured, goal, verdict in rows:
            print(f"{what:<{wide[0]}}  {measured:>{wide[1]}}  {goal:>{wide[2]}}  {verdict}".rstrip())


def measure_salt(machine, salt, pairs, table):
    """The rows of one Salt: CPU against the floor, counters."""
    with step(f"Salt {salt}: formula and floor in turn, {pairs} pairs"):
        formula, floor = ["salt-call", *subject.FORMULA], ["salt-call", *subject.FLOOR]
        seconds = measure.cpu(machine, pairs, formula=formula, floor=floor)
    with step(f"Salt {salt}: counters"):
        base = measure.counters(machine, subject.FLOOR)
        counted = measure.counters(machine)
    for name in ("formula", "floor"):
        table.add(f"{salt} CPU s, {name}", statistics.median(seconds[name]), shown="{:.2f}")
    table.add(f"{salt} CPU, formula / floor", measure.ratio(seconds, "formula", "floor"), CPU_GOAL, "{:.2f}")
    for what, number in counted.items():
        floor = f" (floor {base[what]})" if base[what] else ""
        table.add(f"{salt} {what}{floor}", number, measure.goals(base)[what], counter=True)


def measure_ansible(machine, salt, pairs, table):
    """The row of the comparison with Ansible."""
    with step("Ansible and its playbook"):
        subject.add_ansible(machine)
    with step(f"Salt {salt}: formula and Ansible in turn, {pairs} pairs"):
        formula = ["salt-call", *subject.FORMULA]
        seconds = measure.cpu(machine, pairs, formula=formula, ansible=subject.ANSIBLE)
    table.add("Ansible CPU s", statistics.median(seconds["ansible"]), shown="{:.2f}")
    ratio = measure.ratio(seconds, "formula", "ansible")
    table.add(f"{salt} CPU, formula / Ansible", ratio, ANSIBLE_GOAL, "{:.3f}")


def run(options):
    """Measure, print the table; the exit code."""
    table = Table()
    with Lab("bench") as lab:
        with step("MariaDB, RabbitMQ, memcached, Keystone answer"):
            lab.services()
        with step("a controller, converged"):
            machine = subject.converge(lab)
        for salt in options.salt:
            with step(f"Salt {salt}: nothing left to change"):
                subject.use_salt(machine, salt)
            measure_salt(machine, salt, options.pairs, table)
            if salt == options.salt[0] and options.ansible_pairs:
                measure_ansible(machine, salt, options.ansible_pairs, table)
        processes, size = measure.api_memory(machine)
        table.add(f"API memory MiB, {processes} uwsgi processes", size)
    with Lab("benchcloud") as lab:
        with step("Nova, Glance and Neutron answer too"):
            lab.cloud()
        with step("what octavia.resources asks, with 1 and with 500 networks and ports of others"):
            cloud.measure(lab, table)
    print()
    table.show()
    return 1 if options.strict and table.missed else 0


def main():
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="of formula and floor (%(default)s)")
    parser.add_argument("--ansible-pairs", type=int, default=2, help="of formula and Ansible (%(default)s); 0: none")
    parser.add_argument("--salt", nargs="+", choices=SALTS, default=SALTS, help="which Salt, default both")
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a counter misses its goal")
    try:
        return run(parser.parse_args())
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
