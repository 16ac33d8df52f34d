"""The verbs of `python3 tests/lab`."""

import argparse
import os
import signal
import sys

from lab import demo, host, laboratory, trees
from lab.progress import step


def prepare(options):
    """install what the host lacks, build the trees"""
    host.check(packages=False)
    if host.missing_packages():
        with step(f"install {' '.join(host.missing_packages())}"):
            host.install()
    host.check()
    trees.prepare(options.trees)


def up(options):
    """a lab that stays up: the services and, if named, more machines"""
    services = "cloud" if options.cloud else "services"
    wanted = [services, *([f"debian-{options.debian}"] if options.machines else ())]
    prepare(argparse.Namespace(trees=wanted))
    with laboratory.Lab(options.name).kept() as lab:
        with step(services):
            lab.services(services)
        for name in options.machines:
            with step(f"{name}, Debian {options.debian}, Salt {options.salt}"):
                lab.machine(name, options.debian, options.salt).put_formula()


def shell(options):
    """a shell, or one command, in a machine of a lab that is up"""
    machines = laboratory.Lab.attach(options.name).machines
    if options.machine not in machines:
        known = " ".join(machines)
        raise host.LabError(f"no machine {options.machine} in the lab {options.name}; there is: {known}")
    return machines[options.machine].popen(options.command or ["bash", "--login"]).wait()


def status(_options):
    """the labs on this host"""
    host.check(packages=False)
    for name in laboratory.names():
        up = (host.STATE / name).is_dir()
        machines = laboratory.Lab.attach(name).machines.values() if up else ()
        for each in machines:
            state = "up" if each.running else "down"
            print(f"{name:<12} {each.name:<12} {each.address:<12} {state:<5} {each.root}")
        if not machines:
            print(f"{name:<12} no machine: a tree that is being built, or leftovers")


def clean(options):
    """remove all labs and whatever is left of any; --all: the prepared trees too"""
    for line in laboratory.clean(options.name, options.all):
        print(line)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python3 tests/lab", description="Throw-away machines to prove the formula in."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(function):
        sub = verbs.add_parser(function.__name__, help=function.__doc__)
        sub.set_defaults(function=function)
        return sub

    verb(prepare).add_argument("trees", nargs="*", help=f"default: {' '.join(trees.TREES)}")
    sub = verb(up)
    sub.add_argument("machines", nargs="*")
    sub.add_argument("--cloud", action="store_true", help="with Placement, Glance, Nova and Neutron's agents")
    sub.add_argument("--name", default="dev")
    sub.add_argument("--debian", default="12")
    sub.add_argument("--salt", default="3008")
    sub = verb(shell)
    sub.add_argument("machine")
    sub.add_argument("-c", dest="command", help="a command instead of a shell")
    sub.add_argument("--name", default="demo")
    verb(status)
    sub = verb(clean)
    sub.add_argument("--name")
    sub.add_argument("--all", action="store_true")
    sub = verb(demo.demo)
    sub.add_argument("--name", default="demo")
    sub.add_argument("--salt", default="3008")
    sub.add_argument("--pillar", default=demo.PILLAR, help="another pillar for controller1, an SLS file")
    return parser


def main():
    options = _parser().parse_args()
    # An end by SIGTERM or a lost terminal tidies up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    try:
        return options.function(options) or 0
    except host.LabError as error:
        print(f"octavia-lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("octavia-lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os._exit(1)
    return 1
