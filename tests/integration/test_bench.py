"""
`make bench` as a person runs it, cut short: it ends with its table, and no counter misses its goal.
"""

import subprocess
import sys

import pytest
from harness import ROOT


@pytest.mark.slow
def test_the_bench_runs_to_its_table_and_no_counter_misses_its_goal():
    command = [sys.executable, str(ROOT / "tests" / "bench"), "--strict", "--pairs", "1", "--ansible-pairs", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    for row in ("3008 CPU, formula / floor", "3006 processes started", "requests, 500 unrelated networks and ports"):
        assert row in done.stdout
