"""Online updates through partitions: each counts once, and age never moves a value."""

from __future__ import annotations

import asyncio
import math
import time
from fractions import Fraction

import numpy as np
import pytest
import statistical_cap_resolver as drop_in

from stats.refusals import NotYet, StalenessExceeded, Unavailable
from stats.staleness import ConsistencyModel, PartitionState
from stats.summary import InvalidInput
from tasks import reconcile
from tasks.resolver import StatisticalCAPResolver, StatisticalUpdate

STRONG, CAUSAL, BOUNDED, STATISTICAL, EVENTUAL = ConsistencyModel
START = 1_770_000_000.0


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def run(coroutine):
    return asyncio.run(coroutine)


def resolver(model=STATISTICAL, bound=60.0, sources=(), clock=None):
    made = StatisticalCAPResolver(model, bound, clock=clock or Clock())
    for source in sources:
        made.create_partition(source)
    return made


def update(name, source="east", values=(1.0, 2.0), when=START, clock=None, **more):
    fields = {"agent_id": "agent", "anomaly_score": 0.5} | more
    return StatisticalUpdate(
        str(name), timestamp=when, feature_vector=list(values),
        source_partition=source, vector_clock=clock or {}, **fields,
    )  # fmt: skip


def send(made, *updates):
    async def all_of_them():
        return [await made.handle_update(one) for one in updates]

    return run(all_of_them())


def cut(made, *groups):
    run(made.simulate_network_partition(groups))


def heal(made):
    run(made.heal_network_partition())


def test_the_first_value_is_taken_as_it_is_whatever_its_age():
    """A confidence that multiplied values made 50 into 15."""
    clock = Clock()
    made = resolver(clock=clock)
    cut(made, ["east"], ["west"])
    send(made, *(update(k, "west", [50.0], START - 900 + k) for k in range(200)))
    found = made.get_statistical_view("west")
    assert (found["n"], found["mean_vector"]) == (200, [50.0])
    assert found["variance_vector"] == [0.0]


def test_healing_counts_every_update_once():
    """Joined histories counted 599 of 199, and kept the last 1,000 of 15,000."""
    made = resolver(sources=("a", "b", "c"))
    before = [update(k, "abc"[k % 3], [k, -k]) for k in range(100)]
    send(made, *before)
    cut(made, ["a"], ["b", "c"])
    during = [update(k, "abc"[k % 3], [k, -k]) for k in range(100, 1_300)]
    send(made, *during, *before[:50], *during[:50])
    assert made.get_statistical_view("a")["n"] == 100 + 400
    assert made.get_statistical_view("b")["n"] == 100 + 800
    heal(made)
    send(made, *during)
    found = made.get_statistical_view()
    assert found["n"] == found["sample_count"] == 1_300
    assert found["mean_vector"] == [1299 / 2, -1299 / 2]
    whole = resolver(sources=("a", "b", "c"))
    send(whole, *reversed([*before, *during]))
    assert whole.get_statistical_view()["digest"] == found["digest"]
    assert made.get_cap_metrics()["pending_updates"] == 0


def test_a_stale_side_keeps_its_own_data():
    """A side that was cut off was overwritten with the mean of the others."""
    clock = Clock()
    made = resolver(bound=5.0, clock=clock)
    cut(made, ["lone"], ["x", "y"])
    send(made, *(update(k, "lone", [9.0]) for k in range(5)))
    clock.now += 3_600
    fresh = [update(k, "x", [0.0], clock.now) for k in range(10)]
    send(made, *fresh)
    assert made.get_statistical_view("lone")["mean_vector"] == [9.0]
    heal(made)
    mean = made.get_statistical_view()["mean_vector"][0]
    assert mean == float(Fraction(45, 15))


def test_no_data_is_not_nought_give_or_take():
    for model in (STATISTICAL, EVENTUAL, CAUSAL, STRONG):
        found = resolver(model).get_statistical_view()
        assert (found["n"], found["status"]) == (0, "no data")
        assert found["mean_vector"] is found["confidence_bounds"] is None
    assert resolver().get_cap_metrics()["availability_score"] is None


def test_the_interval_is_that_of_a_mean_and_widens_but_never_shifts():
    """An interval from the standard deviation did not shrink with n."""
    rng, clock = np.random.default_rng(1), Clock()
    made = resolver(clock=clock)
    values = rng.normal(size=(400, 1))
    send(made, *(update(k, "east", v) for k, v in enumerate(values)))
    found = made.get_statistical_view()
    ((low, high),) = found["confidence_bounds"]
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)
    clock.now += 3_600
    old = made.get_statistical_view()
    ((wide_low, wide_high),) = old["confidence_bounds"]
    assert old["mean_vector"] == found["mean_vector"]
    assert (wide_low, wide_high) == (-math.inf, math.inf)
    assert (old["status"], old["staleness_seconds"]) == ("stale", 3_600.0)
    eventual = resolver(EVENTUAL, clock=clock)
    send(eventual, *(update(k, "east", v) for k, v in enumerate(values)))
    assert eventual.get_statistical_view()["confidence_bounds"] == [(low, high)]


def _drift(rng, clock, made, level, windows, each=2):
    """Let the level of every source walk, and send updates of it each window."""
    for _ in range(windows):
        clock.now += 60.0
        level += rng.normal(0, 0.3, size=len(level))
        send(made, *(
            update(f"{clock.now}-{k}", source, [mean + rng.normal(0, 0.1)], clock.now)
            for source, mean in zip("abc", level, strict=True) for k in range(each)
        ))  # fmt: skip


def test_silent_sources_are_estimated_from_how_they_moved_before():
    covered = 0
    for seed in range(8):
        rng, clock, level = np.random.default_rng(seed), Clock(), np.zeros(3)
        made = resolver(clock=clock)
        _drift(rng, clock, made, level, 40)
        cut(made, ["a", "b"], ["c"])
        _drift(rng, clock, made, level, 4)
        found = made.get_statistical_view("a")
        whole, bounds = found["all_sources"], found["confidence_bounds"][0]
        mass = np.array([88, 88, 80]) / 256
        assert whole["arrived_mass"] == [pytest.approx(mass[:2].sum())]
        assert found["confidence_factor"] == pytest.approx(mass[:2].sum())
        assert whole["flagged"] == [False]
        low, high = whole["lower"][0], whole["upper"][0]
        assert bounds[0] <= low < high <= bounds[1]
        covered += low <= float(mass @ level) <= high
    assert covered >= 7  # of 8 at 95 %: fewer have a probability of 0.057


@pytest.mark.parametrize("model", [BOUNDED, STRONG])
def test_what_a_model_forbids_is_refused_and_counted(model):
    """A view of an hour ago was served under a bound of 5 s as a success."""
    clock = Clock()
    made = resolver(model, 5.0, ("east", "west"), clock)
    send(made, update(1), update(2, "west"))
    assert made.get_statistical_view()["status"] == "current"
    cut(made, ["east"], ["west"])
    clock.now += 3_600
    found = send(made, update(3, when=clock.now))[0]
    kind = StalenessExceeded if model is BOUNDED else Unavailable
    with pytest.raises(kind, match="west") as refused:
        made.get_statistical_view("east")
    if model is BOUNDED:
        assert (refused.value.site, refused.value.seconds) == ("west", 3_600.0)
        assert found["status"] == "applied"
    else:
        assert (found["status"], found["applied_to"]) == ("blocked", [])
        assert "west" in found["reason"]
    metrics = made.get_cap_metrics()
    assert metrics["read_availability"] == 0.5
    assert metrics["availability_score"] == (1.0 if model is BOUNDED else 2 / 3)
    low, high = metrics["availability_interval"]
    assert 0 < low < metrics["availability_score"] <= high


def test_half_refused_under_strong_reads_one_half():
    made = resolver(STRONG)
    send(made, *(update(k) for k in range(50)))
    cut(made, ["east"], ["west"])
    found = send(made, *(update(k) for k in range(50, 100)))
    assert {one["status"] for one in found} == {"blocked"}
    assert made.get_cap_metrics()["availability_score"] == 0.5
    assert made.get_cap_metrics()["refusals"] == {"unavailable": 50}
    heal(made)
    assert made.get_statistical_view()["n"] == 50
    assert send(made, update(99))[0]["status"] == "applied"


def test_causal_waits_for_what_an_update_was_made_from_and_never_goes_back():
    made = resolver(CAUSAL, sources=("east", "west"))
    cut(made, ["east"], ["west"])
    send(made, update(1, "west"), update(2, "east", clock={"west": 1}))
    with pytest.raises(NotYet) as waits:
        made.get_statistical_view("east")
    assert waits.value.dependency == ("west", 0, 1)
    seen = made.get_statistical_view("west")["clock"]
    heal(made)
    found = made.get_statistical_view("east", seen=seen)
    assert found["vector_clock"] == {"east": 1, "west": 1}
    fresh = resolver(CAUSAL)
    with pytest.raises(NotYet):
        fresh.get_statistical_view(seen=seen)
    assert made.get_cap_metrics()["concurrent_joins"] == 1


def test_sources_number_their_updates_and_correct_them():
    """Every update carried the clock {source: 1}."""
    made = resolver()
    found = send(made, update("a"), update("b"), update("a"), update("c", "west"))
    numbers = [one["vector_clock"] for one in found]
    assert numbers == [{"east": 1}, {"east": 2}, {"east": 1}, {"west": 1}]
    assert [one["status"] for one in found] == ["applied"] * 2 + [
        "duplicate",
        "applied",
    ]
    with pytest.raises(InvalidInput, match="belongs to update 'a'"):
        send(made, update("z", clock={"east": 1}))
    better = update("a", values=[5.0, 5.0], clock={"east": 3})
    assert send(made, better, better)[0]["status"] == "applied"
    assert made.get_statistical_view()["mean_vector"] == [7 / 3, 3.0]
    assert send(made, update("a", clock={"east": 1}))[0]["status"] == "duplicate"
    only = resolver()
    send(only, better, update("b"), update("c", "west"))
    one, two = (m.get_statistical_view()["digest"] for m in (made, only))
    assert one == two


def test_two_contents_of_one_update_count_for_nothing_until_corrected():
    made = resolver()
    found = send(made, update("a"), update("a", values=[9.0, 9.0]), update("b"))
    assert [one["status"] for one in found] == ["applied", "quarantined", "applied"]
    view = made.get_statistical_view()
    assert (view["n"], view["contradicted"], view["mean_vector"]) == (1, 1, [1.0, 2.0])
    assert made.get_cap_metrics()["conflict_count"] == 1
    send(made, update("a", values=[3.0, 4.0], clock={"east": 7}))
    assert made.get_statistical_view()["mean_vector"] == [2.0, 3.0]


@pytest.mark.parametrize(
    "bad",
    [
        update("x", when=START + 26 * 3600), update("x", when=START - 3e8),
        update("x", when=math.nan), update("x", values=[1.0]),
        update("x", values=[math.inf, 0.0]), update("", values=[1.0, 2.0]),
        update("x", "a/b"), update("x", clock={"east": 0}),
        update("x", clock={"west": 2**60}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_changes(bad):
    """A stamp from the future raised after the update was counted."""
    made = resolver()
    send(made, update(1))
    before = made.get_statistical_view(), made.get_cap_metrics()["total_updates"]
    with pytest.raises(InvalidInput):
        send(made, bad)
    after = made.get_statistical_view(), made.get_cap_metrics()["total_updates"]
    assert str(after) == str(before)  # NaN where one update is too few
    assert send(made, update(2))[0]["vector_clock"] == {"east": 2}


def test_partitions_are_what_they_are_said_to_be():
    made = resolver(sources=("a", "b", "c"))
    assert made.partition_state is PartitionState.CONNECTED
    cut(made, ["a"], ["b"], ["c"])
    assert made.partition_state is PartitionState.PARTITIONED
    send(made, update(1, "a"), update(2, "b"))
    assert made.get_cap_metrics()["consistency_score"] == 0.0
    cut(made, ["a", "b"])  # c stays alone, a and b hear each other again
    assert made.get_statistical_view("b")["n"] == 2
    assert made.get_statistical_view("c")["n"] == 0
    assert made.get_statistical_view("a")["reachable_partitions"] == 2
    states = []

    async def watch():
        task = asyncio.ensure_future(made.heal_network_partition())
        while not task.done():
            states.append(made.partition_state)
            await asyncio.sleep(0)

    cut(made, ["a"], ["b"], ["c"])
    run(watch())
    assert PartitionState.HEALING in states
    assert made.partition_state is PartitionState.CONNECTED
    assert made.get_cap_metrics()["consistency_score"] == 1.0
    for bad in ([["a"], ["a", "b"]], [[]]):
        with pytest.raises(InvalidInput, match="share no source"):
            cut(made, *bad)


def test_old_calls_run_and_the_drop_in_module_has_the_names():
    made = drop_in.StatisticalCAPResolver(
        consistency_model=drop_in.ConsistencyModel.STATISTICAL,
        max_staleness_seconds=5.0,
        confidence_decay_rate=0.1,
    )
    assert drop_in.StatisticalUpdate is StatisticalUpdate
    assert drop_in.PartitionState is PartitionState
    assert reconcile.StatisticalCAPResolver is StatisticalCAPResolver
    made.create_partition("east")
    (found,) = send(made, update(1, when=time.time()))
    assert (found["status"], found["confidence_factor"]) == ("applied", 1.0)
    with pytest.raises(InvalidInput):
        StatisticalCAPResolver(max_staleness_seconds=-1.0)
