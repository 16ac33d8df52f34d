"""
salt-call, with a list of the module files that Salt's loader loads. Runs in the machine, by the Python of Salt:
``loads.py LIST ARGUMENT ...`` writes one ``kind.module`` per line to LIST.
"""

import sys

import salt.scripts
from salt.loader.lazy import LazyLoader


def record(path):
    """Have each load of a module file written down."""
    load = LazyLoader._load_module
    log = open(path, "w")  # noqa: SIM115

    def recorded(self, name):
        print(f"{self.tag}.{name}", file=log, flush=True)
        return load(self, name)

    LazyLoader._load_module = recorded


if __name__ == "__main__":
    record(sys.argv[1])
    sys.argv = ["salt-call", *sys.argv[2:]]
    salt.scripts.salt_call()
