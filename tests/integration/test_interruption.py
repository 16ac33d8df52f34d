"""
A run that is killed: the next one finishes it.
"""

import time

import pytest
from control_plane import UNITS, apply, changed, unit_state

#: When to kill: as soon as this is true on the machine.
MOMENTS = {
    "while packages are unpacked": "test -e /etc/octavia",
    "with octavia.conf written": "grep -qs Salt /etc/octavia/octavia.conf",
    "after the first service": "systemctl is-active --quiet octavia-api",
}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=name, marks=pytest.mark.slow if "first" in name else ())
        for name, moment in MOMENTS.items()
    ],
)
def test_a_killed_first_run_is_finished_by_the_next(lab, pillar, moment):
    # an empty Debian where the installation is what is interrupted
    unpacking = moment == MOMENTS["while packages are unpacked"]
    machine = lab.machine("controller1", tree=None if unpacking else "libraries-12")
    machine.put_formula()
    machine.put_pillar(pillar({"database": {"name": "octavia_killed"}}))
    run = machine.popen("salt-call --local state.apply octavia >/dev/null 2>&1")
    deadline = time.monotonic() + 300
    while machine.run(moment, check=False).returncode:
        assert time.monotonic() < deadline and run.poll() is None, "the moment never came"
        time.sleep(0.05)
    # the brackets keep the pattern from matching the shell that runs it
    machine.run("pkill -KILL -f '[s]alt-call'")
    run.wait()

    apply(machine)
    assert {unit_state(machine, unit) for unit in UNITS.values()} == {("active", "enabled")}
    assert machine.run("dpkg --audit").stdout == ""
    assert changed(apply(machine)) == {}
    machine.destroy()
