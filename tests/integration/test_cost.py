"""
What a converged run loads, starts and connects to: counters, which do not move with the host's load.
`make bench` prints them beside CPU times.
"""

import pytest
from bench import measure, subject

# a machine of its own takes a minute and a half
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def counted(lab, pillar):
    """Counters of a run that has nothing to do, on a controller with all roles."""
    address = lab.facts["network"]["machines"]["controller2"]
    own = {
        "database": {"name": "octavia_cost"},
        "api": {"bind": {"address": address}},
        "manager": {"health_manager": {"bind_ip": address}},
    }
    machine = subject.converge(lab, "controller2", pillar(own))
    yield measure.counters(machine)
    machine.destroy()


@pytest.mark.parametrize("what", measure.GOALS)
def test_a_converged_run_stays_within_its_goals(counted, what):
    assert counted[what] <= measure.GOALS[what]
