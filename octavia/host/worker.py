"""
Run functions of the files beside this one, in the Python that has Octavia and its libraries.

Started by the execution module ``octavia_host``, once per Salt run. A request is one line of JSON on stdin::

    {"module": "db", "function": "schema", "kwargs": {...}}

and its answer one line of JSON on stdout: ``{"return": ...}``, or ``{"error": ..., "missing": ..., "trace":
...}``. End of input ends the process. Nothing here needs Salt.
"""

import gc
import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
_modules = {}


def load(name):
    """
    Return the file ``<name>.py`` of this directory as a module; loaded once, and under a name of ours,
    because a library may well be called ``db`` or ``cloud`` too.
    """
    if name not in _modules:
        # The library that the last attempt missed may have been installed since.
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location(f"octavia_host_{name}", HERE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        module.load = load  # for files that need each other
        spec.loader.exec_module(module)
        _modules[name] = module
    return _modules[name]


def answer(line):
    """Return the answer to one request, as a dict."""
    try:
        request = json.loads(line)
        function = getattr(load(request["module"]), request["function"])
        return {"return": function(**request["kwargs"])}
    # Whatever a library raises must reach the caller; SystemExit too, some call sys.exit().
    except (Exception, SystemExit) as exc:  # noqa: BLE001
        status = getattr(exc, "status", None)
        return {
            "error": f"{type(exc).__name__}: {exc}",
            # of an API that refuses
            "status": status if isinstance(status, int) else None,
            "missing": exc.name if isinstance(exc, ModuleNotFoundError) else None,
            # Source lines only: the message of an inner exception may hold a secret.
            "trace": "".join(traceback.format_tb(exc.__traceback__)),
        }


def main():
    # A worker lives for one Salt run, and its imports make much and throw away little.
    gc.disable()
    # Libraries print, and a child reads what it inherits: only private copies carry the conversation.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for line in iter(requests.readline, b""):
        reply = answer(line)
        try:
            text = json.dumps(reply)
        except (TypeError, ValueError) as exc:
            text = json.dumps({"error": f"{type(exc).__name__}: {exc}", "missing": None, "trace": ""})
        answers.write(text.encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    sys.exit(main())
