"""make options: octavia/options.yaml, the option tables of all releases in one."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = yaml.safe_load((ROOT / "tests/options/pins.yaml").read_text())
HEAD = """\
# The options of Octavia and its libraries: what each may be, its default, and which releases have it. Made by
# `make options` from what the registries of those releases say. Do not edit: the next run writes it anew.
#   since, until  first and last Octavia (the number before the first dot) that has the option like this; a list where
#                 releases differ
#   type          string, integer, number, boolean, list, dict, port, host, address, hostport, uri, pattern, any
#   was           old names that still work; deprecated: why it is to go
"""


def python(release):
    """The Python of a virtualenv that has the Octavia of a release, made when its pins are new."""
    home = ROOT / "build/options" / release
    made, pins = home / "pins", PINS[release]
    if not made.exists() or made.read_text() != pins:
        print(f"== {release}: virtualenv", flush=True)
        venv.create(home, clear=True, with_pip=True)
        # old releases import pkg_resources
        command = [home / "bin/pip", "install", "-q", "--no-compile", "--disable-pip-version-check", "setuptools<81"]
        subprocess.run([*command, *pins.split()], check=True)
        made.write_text(pins)
    return home / "bin/python"


def table(release):
    """What a release registers, as ``{section/option: entry}``."""
    command = [python(release), "-W", "ignore", ROOT / "octavia/host/registry.py"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT / "build/options" / release)
    return json.loads(done.stdout)["options"]


def merge(tables):
    """
    Tables of consecutive releases in one, as ``{section/option: [entry, ...]}``.

    tables
        By the number of Octavia, oldest first.
    """
    merged, first, last = {}, min(tables), max(tables)
    for major, options in tables.items():
        for option, entry in options.items():
            spans = merged.setdefault(option, [])
            if spans and spans[-1]["until"] == major - 1 and spans[-1]["entry"] == entry:
                spans[-1]["until"] = major
            else:
                spans.append({"entry": entry, "since": major, "until": major})
    for spans in merged.values():
        spans[:] = [
            span["entry"]
            | ({"since": span["since"]} if span["since"] > first else {})
            | ({"until": span["until"]} if span["until"] < last else {})
            for span in spans
        ]
    return merged


def text(merged):
    """The file: a line for each option and span, in a fixed order."""
    lines = [HEAD]
    for option in sorted(merged, key=lambda name: (not name.startswith("DEFAULT/"), name)):
        spans = [_line(entry) for entry in merged[option]]
        lines.append(f"{option}: {spans[0]}\n" if len(spans) == 1 else f"{option}:\n")
        lines += [f"  - {span}\n" for span in spans if len(spans) > 1]
    return "".join(lines)


def _line(entry):
    entry = {"type": entry["type"], **entry}
    return yaml.safe_dump(
        entry, default_flow_style=True, sort_keys=False, width=sys.maxsize, allow_unicode=True
    ).strip()


def main():
    tables = {int(PINS[release].split()[0].removeprefix("octavia==").split(".")[0]): table(release) for release in PINS}
    path = ROOT / "octavia/options.yaml"
    path.write_text(text(merge(tables)), encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(yaml.safe_load(path.read_text()))} options")


if __name__ == "__main__":
    main()
