"""Steps with their times: on a terminal a live line below the finished ones, elsewhere a line per step."""

import contextlib
import sys
import threading
import time

_running = {}  # text -> start; steps may run side by side
_paint_lock = threading.RLock()
_stop = threading.Event()


@contextlib.contextmanager
def step(text):
    """Show `text` while the block runs, and its time when it is done."""
    started = time.monotonic()
    with _paint_lock:
        _running[text] = started
        first = len(_running) == 1
    if first and sys.stderr.isatty():
        _stop.clear()
        threading.Thread(target=_live, daemon=True).start()
    mark = "FAILED"
    try:
        yield
        mark = "ok"
    finally:
        with _paint_lock:
            _running.pop(text, None)
            if not _running:
                _stop.set()
            _erase()
            print(f"{mark:>6}  {text:<60} {time.monotonic() - started:6.1f} s", file=sys.stderr, flush=True)


def _live():
    while not _stop.wait(0.2):
        with _paint_lock:
            if _stop.is_set():
                return
            now = time.monotonic()
            line = ", ".join(f"{text} {now - started:.0f} s" for text, started in _running.items())
            _erase()
            print(f"   …    {line[:100]}", end="", file=sys.stderr, flush=True)


def _erase():
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
