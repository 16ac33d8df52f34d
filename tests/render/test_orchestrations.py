"""What the orchestrations would have a Salt master do, whose minions are played by dicts of their pillars."""

import fnmatch
import inspect

import pytest
import yaml
from harness import ROOT

#: Three controllers as most have them; whoever says nothing of its role would migrate.
THREE = {
    "ctl1": {"api": {"enabled": True, "role": "primary"}, "manager": {"enabled": True}},
    "ctl2": {"api": {"enabled": True, "role": "secondary"}, "manager": {"enabled": True}},
    "ctl3": {"api": {"enabled": True, "role": "secondary"}, "manager": {"enabled": True}},
}


class Master:
    """Answers the runner functions that an orchestration calls while it renders, and keeps what it was asked."""

    def __init__(self, minions, down=()):
        self.minions, self.down, self.asked = minions, list(down), []

    def __call__(self, name, arg=(), kwarg=None):
        self.asked.append((name, list(arg), kwarg or {}))
        if name == "manage.status":
            meant = [minion for minion in self.minions if self.matches(minion, kwarg["tgt"])]
            return {"up": [m for m in meant if m not in self.down], "down": [m for m in meant if m in self.down]}
        assert name == "salt.execute" and arg[1] == "match.compound", name
        return {minion: self.matches(minion, arg[2][0]) for minion in arg[0]}

    def matches(self, minion, compound):
        """Salt's compound language as far as it is used here."""
        words = [
            word if word in ("and", "or", "not", "(", ")") else str(self._matches_one(minion, word))
            for word in compound.split()
        ]
        return eval(" ".join(words))  # noqa: S307

    def _matches_one(self, minion, word):
        kind, _, rest = word.rpartition("@")
        if kind == "L":
            return minion in rest.split(",")
        if kind == "":
            return fnmatch.fnmatch(minion, word)
        *path, wanted = rest.split(":")
        node = {"octavia": self.minions[minion]}
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        return str(node) == wanted


@pytest.fixture
def orchestrate(minion, monkeypatch):
    """``orchestrate(sls, minions, down=(), **pillar)``: the states, in their order, and the master that was asked."""

    def _orchestrate(sls, minions, down=(), **pillar):
        one, master = minion({"octavia": pillar}), Master(minions, down)
        state = one._compiler.state
        # a runner renders with the options and functions of its master
        renderer = inspect.unwrap(state.rend["jinja"]).__globals__
        monkeypatch.setitem(renderer, "__opts__", {**one.opts, "__role": "master"})
        monkeypatch.setitem(state.functions, "saltutil.runner", master)
        low = one.show_low_sls(f"octavia.orchestrate.{sls}")
        monkeypatch.undo()
        return sorted(low, key=lambda chunk: chunk["order"]), master

    return _orchestrate


def shown(low):
    """``[(minions, sls), ...]``"""
    return [(chunk["tgt"], chunk["sls"]) for chunk in low]


def refusal(low):
    [chunk] = low
    assert (chunk["state"], chunk["fun"]) == ("test", "fail_without_changes")
    return chunk["name"]


def test_a_deployment_goes_from_one_controller_to_the_next(orchestrate):
    low, _ = orchestrate("deploy", THREE)
    assert shown(low) == [([name], "octavia") for name in THREE]
    assert all(chunk["failhard"] and chunk["pillar"] == {"octavia": {"api": {"drain": True}}} for chunk in low)


def test_a_single_controller_stays_in_its_load_balancer(orchestrate):
    [chunk], _ = orchestrate("deploy", {"ctl1": THREE["ctl1"]})
    assert chunk["pillar"] == {"octavia": {"api": {"drain": False}}}


def test_what_is_made_once_is_made_before_by_the_host_that_makes_it(orchestrate):
    others = {
        "cloud1": {"resources": {"enabled": True}},
        "cloud2": {"resources": {"enabled": True}},
        "db1": {"db": {"create": True}},
        "web1": {},
    }
    low, _ = orchestrate("deploy", {**others, **THREE})
    assert shown(low)[:3] == [
        (["cloud1"], "octavia.resources"),
        (["db1"], "octavia.db.create"),
        (["ctl1"], "octavia"),
    ]
    assert len(low) == 5
    # `octavia` of the first controller makes them by itself
    first = {**THREE["ctl1"], "resources": {"enabled": True}, "db": {"create": True}}
    assert shown(orchestrate("deploy", {**THREE, "ctl1": first})[0])[0] == (["ctl1"], "octavia")


def test_more_than_one_at_a_time_where_the_pillar_says_so(orchestrate):
    low, _ = orchestrate("deploy", {**THREE, "ctl4": THREE["ctl3"]}, orchestrate={"batch": 2})
    assert [minions for minions, _ in shown(low)] == [["ctl1"], ["ctl2", "ctl3"], ["ctl4"]]


@pytest.mark.parametrize(
    ("target", "kind", "meant"),
    [
        ("ctl[12]", None, ["ctl1", "ctl2"]),
        ("ctl1,ctl3", "list", ["ctl1", "ctl3"]),
        (["ctl1", "ctl3"], "list", ["ctl1", "ctl3"]),
        ("octavia:api:role:primary", "pillar", ["ctl1"]),
    ],
)
def test_who_is_meant_may_be_said(orchestrate, target, kind, meant):
    said = {"target": target, **({"target_type": kind} if kind else {})}
    low, _ = orchestrate("deploy", THREE, orchestrate=said)
    assert [name for minions, _ in shown(low) for name in minions] == meant


def test_the_one_that_migrates_goes_first(orchestrate):
    last = {"a": THREE["ctl2"], "b": THREE["ctl3"], "c": THREE["ctl1"]}
    assert [minions for minions, _ in shown(orchestrate("deploy", last)[0])] == [["c"], ["a"], ["b"]]
    # where nobody is named it is the first one of those that would
    unsaid = {"api": {"enabled": True}}
    assert shown(orchestrate("deploy", {"a": THREE["ctl2"], "b": unsaid, "c": unsaid})[0])[0][0] == ["b"]
    # one that is named comes before those
    assert shown(orchestrate("deploy", {"a": unsaid, "b": THREE["ctl1"]})[0])[0][0] == ["b"]
    # and one without an API migrates nothing
    assert shown(orchestrate("deploy", {"a": {"manager": {"enabled": True}}, "b": unsaid})[0])[0][0] == ["b"]


REFUSED = {
    "one does not answer": (
        {"minions": THREE, "down": ["ctl3"]},
        "no answer of ctl3: nothing was done",
    ),
    "nobody is there": ({"minions": {"web1": {}}}, "no minion answers to ( I@octavia:api:enabled:True or"),
    "nobody migrates": (
        {"minions": {"ctl2": THREE["ctl2"], "ctl3": THREE["ctl3"]}},
        "no controller migrates the database: of ctl2, ctl3 none has octavia:api enabled without octavia:api:role:",
    ),
    "nobody has an API": (
        {"minions": {"ctl2": {"manager": {"enabled": True}}}},
        "no controller migrates the database: of ctl2",
    ),
    "two migrate": (
        {"minions": {**THREE, "ctl3": THREE["ctl1"]}},
        "octavia:api:role: is primary on ctl1, ctl3, and has to be on one controller",
    ),
    "no such kind of target": (
        {"minions": THREE, "orchestrate": {"target": "ctl*", "target_type": "range"}},
        "octavia:orchestrate:target_type: is range, and has to be one of compound,",
    ),
}


@pytest.mark.parametrize("sls", ["deploy", "upgrade"])
@pytest.mark.parametrize(("case", "line"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_begin_is_one_line(orchestrate, sls, case, line):
    assert refusal(orchestrate(sls, **case)[0]).startswith(line)


def test_a_minion_says_whose_work_it_is(render):
    for sls in ("octavia.orchestrate.deploy", "octavia.orchestrate.upgrade"):
        assert refusal(render(ROOT / "tests" / "pillar" / "all_in_one.sls", sls)) == (
            f"an orchestration is for the master: salt-run state.orchestrate {sls}"
        )


def test_a_cold_upgrade_never_has_two_releases_side_by_side(orchestrate):
    low, _ = orchestrate("upgrade", THREE)
    everyone, one, others = list(THREE), ["ctl1"], ["ctl2", "ctl3"]
    phase = "octavia.upgrade."
    assert shown(low) == [
        (everyone, [f"{phase}pre"]),
        (one, [f"{phase}upgrade.pre"]),
        (one, [f"{phase}service_stopped"]),
        (one, [f"{phase}pkg_latest", f"{phase}render_config"]),
        (others, [f"{phase}service_stopped"]),
        (one, ["octavia.db.offline_sync", f"{phase}service_running", f"{phase}upgrade.post"]),
        (others, [f"{phase}upgrade"]),
        (everyone, [f"{phase}post"]),
        (everyone, [f"{phase}verify"]),
    ]
    assert all(chunk["failhard"] for chunk in low)
    along = {"mode": "cold", "only_due": True}
    # whoever serves alone does so as soon as it can
    assert [chunk["pillar"]["octavia"]["upgrade"] for chunk in low] == [
        {**along, **({"alone": True} if number == 5 else {})} for number in range(len(low))
    ]


def test_a_rolling_upgrade_goes_from_one_controller_to_the_next(orchestrate):
    low, _ = orchestrate("upgrade", THREE, upgrade={"mode": "rolling"})
    assert [minions for minions, _ in shown(low)[1:-2]] == [["ctl1"], ["ctl2"], ["ctl3"]]
    assert {tuple(sls) for _, sls in shown(low)[1:-2]} == {("octavia.upgrade.upgrade",)}
    assert low[1]["pillar"]["octavia"]["upgrade"]["mode"] == "rolling"


def test_the_mode_may_be_said_by_the_controllers_if_all_say_the_same(orchestrate):
    rolling = {name: {**pillar, "upgrade": {"mode": "rolling"}} for name, pillar in THREE.items()}
    assert len(orchestrate("upgrade", rolling)[0]) == 6
    low, _ = orchestrate("upgrade", {**rolling, "ctl2": THREE["ctl2"]})
    assert refusal(low) == "octavia:upgrade:mode: is rolling on ctl1, ctl3 alone"


def test_the_master_asks_for_no_pillar(orchestrate):
    """What a runner returns, the master keeps in its cache of jobs."""
    for sls in ("deploy", "upgrade"):
        _, master = orchestrate(sls, THREE)
        assert {name if name != "salt.execute" else arg[1] for name, arg, _ in master.asked} == {
            "manage.status",
            "match.compound",
        }


def test_pipelines_find_when_it_is_the_turn_of_octavia():
    """After Neutron and Nova, as in the predecessor's file."""
    meta = yaml.safe_load((ROOT / "octavia" / "meta" / "salt.yml").read_text())
    assert meta["orchestration"]["upgrade"]["applications"]["octavia"]["priority"] == 1180
