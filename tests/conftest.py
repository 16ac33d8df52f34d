"""
Fixtures of all layers: our Salt modules loaded as Salt loads them, and minions that render.
"""

import importlib.util
import os
import re

import pytest
from harness import ROOT, Minion

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def pytest_configure(config):
    config.addinivalue_line("markers", "lint: looks at files, not at behaviour; one Salt version is enough")
    config.addinivalue_line("markers", "slow: belongs to `make test-all` only")
    config.addinivalue_line("markers", "once: on one platform in `make test`, on the others in `make test-all`")
    # Salt 3006 imports its modules in a way that Python will drop one day; thousands of lines say so.
    config.addinivalue_line("filterwarnings", "ignore:the load_module:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:'crypt' is deprecated:DeprecationWarning")


def pytest_itemcollected(item):
    if item.get_closest_marker("once") and item.callspec.indices["platform"]:
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What shares fixtures stays in one process of ``pytest -n``: a file, one platform of it, or all of the cloud."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if "/test_cloud_" in nodeid:
                return "cloud"
            platform = re.search(r"\[debian\d+-salt\d+", nodeid)
            return nodeid.split("::")[0] + (platform[0] if platform else "")

    return ByFixtures(config, log)


# --- nothing is skipped silently: in CI a skip is a failure, what is left out is deselected by marker


def _forbid_skip(report):
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"Skipped, and in CI nothing may be: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _forbid_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _forbid_skip((yield))


def pytest_terminal_summary(terminalreporter):
    """The time of each part, above pytest's own closing line."""
    parts = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if not hasattr(report, "when") or report.when == "collect":
                continue
            part = "lint" if "lint" in report.keywords else report.nodeid.removeprefix("tests/").split("/")[0]
            seconds, tests = parts.get(part, (0, 0))
            parts[part] = (seconds + report.duration, tests + (report.when == "call"))
    for part, (seconds, tests) in parts.items():
        terminalreporter.write_line(f"{part}: {tests} tests, {seconds:.1f} s")


# --- modules


@pytest.fixture
def load():
    """
    Load ``_modules/<x>.py`` or ``_states/<x>.py`` with Salt's dunders in place::

        pki = load("_modules/octavia_pki", __opts__={"test": True})
    """

    def _load(path, **dunders):
        spec = importlib.util.spec_from_file_location(path.replace("/", "."), ROOT / f"{path}.py")
        module = importlib.util.module_from_spec(spec)
        defaults = {
            "__salt__": {},
            "__states__": {},
            "__opts__": {"test": False},
            "__context__": {},
            "__grains__": {},
            "__pillar__": {},
        }
        module.__dict__.update(defaults | dunders)
        spec.loader.exec_module(module)
        return module

    return _load


@pytest.fixture(scope="session")
def salt_version():
    """Such as "3008.3"."""
    import salt.version

    return salt.version.__version__


# --- rendering


@pytest.fixture(scope="session")
def minion(tmp_path_factory):
    """
    ``minion(pillar)`` with a pillar file or a dict; one minion per pillar and session, made on first use.
    """
    made = {}

    def _minion(pillar, grains=None):
        key = repr((pillar, grains))
        if key not in made:
            made[key] = Minion(tmp_path_factory.mktemp("minion") / "root", pillar, grains)
        return made[key]

    return _minion


@pytest.fixture(scope="session")
def render(minion):
    """``render(pillar, "octavia.api")``: the low chunks of an SLS; cached, so do not change them."""
    made = {}

    def _render(pillar, sls, grains=None):
        key = repr((pillar, sls, grains))
        if key not in made:
            made[key] = minion(pillar, grains).show_low_sls(sls)
        return made[key]

    return _render
