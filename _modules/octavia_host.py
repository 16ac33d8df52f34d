"""
Code that needs the host's own Python: PyMySQL, openstacksdk, oslo.config, Octavia itself.

Salt's Python has none of them and gets none. The functions live in ``octavia/host/<module>.py`` of the
formula and run in one worker process per Salt run, which is started by the first call. Arguments and answers
travel as JSON over its stdin and stdout, so that no secret shows in a command line, an environment or a file.
"""

import json
import logging
import os
import subprocess
import tempfile
import threading

from salt.exceptions import CommandExecutionError
from salt.utils.args import clean_kwargs

log = logging.getLogger(__name__)

# The Debian package that brings a library, to be named when it is missing.
PACKAGES = {
    "alembic": "python3-alembic",
    "keystoneauth1": "python3-openstacksdk",
    "octavia": "python3-octavia",
    "openstack": "python3-openstacksdk",
    "oslo_config": "python3-oslo.config",
    "oslo_policy": "python3-oslo.policy",
    "pymysql": "python3-pymysql",
}


def call(module, function, timeout=300, saltenv=None, **kwargs):
    """
    Run ``function(**kwargs)`` of ``octavia/host/<module>.py`` in the host's Python, return what it returns.

    module
        File in ``octavia/host``, without ``.py``.

    function
        Function in that file.

    timeout
        Seconds after which the worker is killed. The next call starts another one.

    saltenv
        Environment of the file server that holds the formula; that of the minion by default.

    Raises CommandExecutionError, in one line, when the function raises, a library or the interpreter is
    missing, or the worker dies, hangs or answers nonsense. Its ``status`` is that of the exception raised there: of an
    HTTP API.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_host.call db head
    """
    kwargs = clean_kwargs(**kwargs)
    worker = _worker(saltenv or __opts__.get("saltenv") or "base")
    try:
        answer = worker.ask({"module": module, "function": function, "kwargs": kwargs}, timeout)
    except CommandExecutionError:
        stop()
        raise
    if "error" not in answer:
        return answer["return"]
    log.debug("%s.%s in the host's Python failed:\n%s", module, function, answer["trace"])
    library = (answer["missing"] or "").partition(".")[0]
    if library:
        package = f" (Debian: {PACKAGES[library]})" if library in PACKAGES else ""
        error = CommandExecutionError(f"{worker.python} lacks the Python library {library}{package}")
        # What is missing may be what this run is about to install: a dry run must be able to tell.
        error.library = library
        raise error
    error = CommandExecutionError(" ".join(answer["error"].split()))
    error.status = answer.get("status")
    raise error


def stop():
    """
    End the worker of this Salt run, if there is one. The next call starts another, with fresh libraries.

    CLI Example:

    .. code-block:: bash

        salt-call octavia_host.stop
    """
    worker = __context__.pop(_key(), None)
    if worker:
        worker.stop()


def _key():
    # A forked state (parallel: true) inherits __context__, and must not talk into its parent's conversation.
    return f"octavia_host.{os.getpid()}"


def _worker(saltenv):
    settings = __salt__["octavia_pillar.settings"](saltenv=saltenv)
    # Once the package is upgraded, a worker that has the old Octavia imported would answer for the old one.
    identity = (settings["python"], settings["release"], saltenv)
    worker = __context__.get(_key())
    if worker and worker.identity != identity:
        stop()
        worker = None
    if not worker:
        worker = __context__[_key()] = _Worker(identity, _script(saltenv), settings.get("install_method"))
    return worker


def _script(saltenv):
    for path in __salt__["cp.cache_dir"]("salt://octavia/host", saltenv, include_pat="*.py"):
        if path.endswith("/octavia/host/worker.py"):
            return path
    raise CommandExecutionError(f"salt://octavia/host is not on the file server (saltenv {saltenv})")


class _Worker:
    """The process, and one question and answer at a time."""

    def __init__(self, identity, script, install_method):
        self.identity = identity
        self.python = identity[0]
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the process
        try:
            self.process = subprocess.Popen(
                # -I: Salt's Python variables and site directories are not the host's; -B: no bytecode in
                # Salt's cache
                [self.python, "-IB", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                cwd="/",
            )
        except OSError as exc:
            error = CommandExecutionError(f"Cannot start {self.python}: {exc.strerror} (pillar octavia:host:python)")
            # the virtualenv that this run is about to make
            if isinstance(exc, FileNotFoundError) and install_method == "venv":
                error.library = "octavia"
            raise error from exc

    def ask(self, request, timeout):
        expired = threading.Event()
        timer = threading.Timer(timeout, lambda: (expired.set(), self.process.kill()))
        timer.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = b""
        finally:
            timer.cancel()
        what = f"{request['module']}.{request['function']} in {self.python}"
        if expired.is_set():
            raise CommandExecutionError(f"{what} did not answer within {timeout} s")
        if not line.endswith(b"\n"):
            raise CommandExecutionError(f"{what} died{self._why()}")
        try:
            answer = json.loads(line)
            if not {"return", "error"} & answer.keys():
                raise ValueError(answer)
        except (ValueError, AttributeError):
            # Not chained: the line may hold anything.
            raise CommandExecutionError(f"{what} answered something that is not JSON of ours") from None
        return answer

    def _why(self):
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return ": it closed its output"
        self.stderr.seek(0)
        lines = self.stderr.read().decode(errors="replace").strip().splitlines()
        return f" (exit status {status})" + (f": {lines[-1].strip()}" if lines else "")

    def stop(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.stderr):
            try:
                stream.close()
            except OSError:
                log.debug("A request was still in the pipe of the dead worker")
