"""The rule against a naive twin, what it must not depend on, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import t as student

from stats.missing_data import (
    ASSUMPTION,
    MissingDataInterval,
    joint_level,
    missing_data_interval,
)
from stats.summary import InvalidInput

S, H, D = 6, 40, 3
MASS = np.array([0.3, 0.1, 0.2, 0.15, 0.15, 0.1])
AGENTS = np.array([40, 30, 25, 60, 10, 12])
AGES = np.array([0, 5, 0, 5, 0, 0])


def population(seed: int = 0, sites: int = S, nights: int = H) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(sites, 1, D)) + np.cumsum(
        rng.normal(0, 0.1, (sites, nights + 1, D)), axis=1
    )


def gap(values: np.ndarray, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    history, current = values[:, :-1].copy(), values[:, -1].copy()
    for s, age in enumerate(ages):
        if age:
            history[s, history.shape[1] - age + 1 :] = np.nan
            current[s] = np.nan
    return history, current


def answer(
    values: np.ndarray, ages: np.ndarray = AGES, **options: Any
) -> MissingDataInterval:
    history, current = gap(values, ages)
    given = {"mass": MASS, "agents": AGENTS, "sigma2": 0.5} | options
    return missing_data_interval(history, current, silent_nights=ages, **given)


def twin(values: np.ndarray, ages: np.ndarray, sigma2: float) -> np.ndarray:
    """Estimate, lower and upper with loops, for a history without other holes."""
    here, away = np.flatnonzero(ages == 0), np.flatnonzero(ages)
    w, n = MASS, AGENTS
    scaled = {o: w[o] / w[here].sum() for o in here}
    oldest, past = ages.max(), H - ages.max() + 1
    out = np.empty((3, D))

    def own(s: int, t: int, k: int, j: int) -> float:
        common = sum(scaled[o] * (values[o, t, j] - values[o, t - k, j]) for o in here)
        return float(values[s, t, j] - values[s, t - k, j] - common)

    def curve(lags: list[int], found: list[float], at: float) -> float:
        k = np.array(lags, float)
        terms, _ = nnls(np.stack([1 / k, k**0, k], 1), np.array(found) / k)
        return float(terms @ [1.0, at, at**2])

    for j in range(D):
        centre = sum(w[s] * values[s, H, j] for s in here)
        for m in away:
            moved = sum(
                scaled[o] * (values[o, H, j] - values[o, H - ages[m], j]) for o in here
            )
            centre += w[m] * (values[m, H - ages[m], j] + moved)
        lags = list(range(1, min(oldest if oldest > 3 else 5, past // 2) + 1))
        pools, blocks = [], []
        for k in lags:
            signal = share = 0.0
            for s in range(S):
                last = H - ages[s] if ages[s] else H - 1
                square = [own(s, t, k, j) ** 2 for t in range(k, last + 1)]
                loads = {o: -scaled[o] for o in here}
                loads[s] = loads.get(s, 0.0) + 1.0
                noise = sum(2 * load**2 * sigma2 / n[o] for o, load in loads.items())
                signal += float(np.mean(square)) - noise
                share += sum(load**2 for load in loads.values())
            pools.append(signal / share)
            steps = {m: max(1, round(ages[m] * k / oldest)) for m in away}
            errors = [
                sum(w[m] * own(m, t, steps[m], j) for m in away)
                for t in range(max(steps.values()), past)
            ]
            blocks.append(float(np.mean(np.square(errors))))
        v = {m: curve(lags, pools, ages[m]) for m in away}
        missing, arrived = w[away].sum(), w[here].sum()
        pool = sum(w[m] ** 2 * (v[m] + 2 * sigma2 / n[m]) for m in away)
        shared = sum(w[m] * np.sqrt(v[m]) for m in away) ** 2
        pool += sum(
            scaled[o] ** 2 * (shared + missing**2 * 2 * sigma2 / n[o]) for o in here
        )
        terms = [w[o] ** 2 * sigma2 / n[o] for o in here]
        noise = (1 + 2 * missing / arrived) * sum(terms)
        moved2 = max(pool, curve(lags, blocks, oldest))
        gaps = float(np.clip(2.5 * past / oldest, 3, 60))
        spare = sum(terms) ** 2 / sum(
            x**2 / (n[o] - 1) for x, o in zip(terms, here, strict=True)
        )
        total = moved2 + noise
        degrees = min(gaps, total**2 / (moved2**2 / gaps + noise**2 / spare))
        half = student.ppf(0.975, degrees) * np.sqrt(total)
        out[:, j] = centre, centre - half, centre + half
    return out


@pytest.mark.parametrize("ages", [AGES, np.array([2, 0, 7, 0, 0, 4])])
@pytest.mark.parametrize("sigma2", [0.0, 0.5])
def test_equals_the_naive_twin(ages: np.ndarray, sigma2: float) -> None:
    values = population()
    found = answer(values, ages, sigma2=sigma2)
    expected = twin(values, ages, sigma2 or 1e-30)
    actual = np.stack([found.estimate, found.lower, found.upper])
    assert actual == pytest.approx(expected, rel=1e-6)
    assert found.assumption == ASSUMPTION
    assert found.pairs.tolist() == [H + 1 - 2 * ages.max()] * D
    assert not found.flagged.any()
    assert found.n == AGENTS[ages == 0].sum()
    assert found.arrived_mass == pytest.approx([MASS[ages == 0].sum()] * D)


def test_nothing_missing_is_the_weighted_mean_with_its_noise() -> None:
    values = population()
    found = answer(values, np.zeros(S, int))
    assert found.estimate == pytest.approx(MASS @ values[:, -1])
    half = (found.upper - found.lower) / 2
    noise = (MASS**2 * 0.5 / AGENTS).sum()
    assert half / np.sqrt(noise) == pytest.approx([1.96] * D, rel=0.02)
    assert found.assumption == "nothing is missing"


def test_nobody_there_is_the_last_value_without_an_interval() -> None:
    values = population()
    ages = np.array([1, 2, 3, 4, 5, 6])
    found = answer(values, ages, valid_range=(-9.0, 9.0))
    last = sum(MASS[s] * values[s, H - age] for s, age in enumerate(ages))
    assert found.estimate == pytest.approx(last)
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper).all()
    assert found.worst_lower.tolist() == pytest.approx([-9.0] * D)
    assert found.worst_upper.tolist() == pytest.approx([9.0] * D)
    assert found.n == 0
    assert found.assumption == "nothing arrived: last known values, no interval"
    assert found.age[:, 0].tolist() == ages.tolist()


def test_no_data_is_no_number() -> None:
    none = np.full((2, 5, 1), np.nan)
    found = missing_data_interval(none, none[:, 0], [1, 1], [1, 1], 0.0, [6, 6])
    for part in (found.estimate, found.lower, found.upper):
        assert np.isnan(part).all()
    assert (found.n, found.assumption) == (0, "no data")
    assert found.age.tolist() == [[-1], [-1]]
    assert (found.worst_lower[0], found.worst_upper[0]) == (-np.inf, np.inf)
    empty = missing_data_interval(np.empty((1, 0, 1)), [[2.0]], [1.0], [5], 1.0, [0])
    assert empty.estimate.tolist() == [2.0]


def test_a_site_that_was_never_seen_leaves_the_worst_case_alone() -> None:
    values = population()
    history, current = gap(values, AGES)
    history[1] = np.nan
    found = missing_data_interval(
        history, current, MASS, AGENTS, 0.0, AGES, valid_range=(-5.0, 5.0)
    )
    assert np.isnan(found.estimate).all()
    assert np.isnan(found.upper).all()
    known = MASS[AGES == 0] @ current[AGES == 0]
    assert found.worst_lower == pytest.approx(known - 5.0 * 0.25)
    assert found.worst_upper == pytest.approx(known + 5.0 * 0.25)


def test_a_largest_change_narrows_the_worst_case_site_by_site() -> None:
    values = population()
    ages = np.array([0, 2, 0, 6, 0, 0])
    step, end = 0.05, 4.0
    found = answer(values, ages, sigma2=0.0, valid_range=(-end, end), max_change=step)
    low = sum(
        MASS[s] * np.maximum(-end, values[s, H - a] - a * step)
        for s, a in enumerate(ages)
    )
    high = sum(
        MASS[s] * np.minimum(end, values[s, H - a] + a * step)
        for s, a in enumerate(ages)
    )
    assert found.worst_lower == pytest.approx(low)
    assert found.worst_upper == pytest.approx(high)


def test_features_do_not_see_each_other_nor_does_the_order_of_sites_matter() -> None:
    values = population()
    history, current = gap(values, AGES)
    current[4, 1] = np.nan  # arrived without the second feature
    history[0, 3:9, 2] = np.nan
    whole = missing_data_interval(history, current, MASS, AGENTS, 0.5, AGES)
    order = np.random.default_rng(3).permutation(S)
    turned = missing_data_interval(
        history[order], current[order], MASS[order], AGENTS[order], 0.5, AGES[order]
    )
    for j in range(D):
        one = missing_data_interval(
            history[..., [j]], current[:, [j]], MASS, AGENTS, 0.5, AGES
        )
        for name in ("estimate", "lower", "upper", "arrived_mass", "pairs"):
            expected = getattr(one, name)[0]
            assert getattr(whole, name)[j] == pytest.approx(expected, rel=1e-9)
            assert getattr(turned, name)[j] == pytest.approx(expected, rel=1e-9)
    assert whole.age[:, 1].tolist() == [0, 5, 0, 5, 1, 0]
    assert whole.arrived_mass == pytest.approx([0.75, 0.6, 0.75])
    assert np.isfinite(whole.upper).all()


def test_wider_when_more_is_missing_and_longer() -> None:
    values = population(nights=90)
    widths = []
    for silent, age in ((1, 1), (1, 7), (3, 7), (3, 14)):
        ages = np.where(np.arange(S) < silent, age, 0)
        found = answer(values, ages, mass=np.full(S, 1 / S))
        widths.append((found.upper - found.lower).mean())
    assert widths == sorted(widths)


def test_a_short_past_is_flagged_and_bounded_as_if_sites_moved_together() -> None:
    values = population(nights=90)
    history, current = gap(values, AGES)
    whole = missing_data_interval(history, current, MASS, AGENTS, 0.5, AGES)
    history[1, :75] = np.nan  # eleven nights of one silent site are left
    short = missing_data_interval(history, current, MASS, AGENTS, 0.5, AGES)
    assert short.flagged.all()
    assert not whole.flagged.any()
    assert short.estimate == pytest.approx(whole.estimate)
    assert (short.upper - short.lower > whole.upper - whole.lower).all()
    history[3, :75] = np.nan
    both = missing_data_interval(history, current, MASS, AGENTS, 0.5, AGES)
    assert both.pairs.tolist() == [0] * D
    assert np.isfinite(both.upper).all()


def test_without_any_past_there_is_no_interval() -> None:
    found = missing_data_interval(
        [[[1.0]], [[2.0]]], [[1.5], [np.nan]], [0.5, 0.5], [9, 9], 0.1, [0, 1]
    )
    assert found.estimate == pytest.approx([2.0])
    assert np.isnan(found.lower).all()
    assert found.flagged.all()


def test_zero_mass_is_nobody_and_joint_levels_add_up() -> None:
    values = population()
    mass = np.where(np.arange(S) == 1, 0.0, MASS)
    found = answer(values, mass=mass)
    kept = np.arange(S) != 1
    history, current = gap(values, AGES)
    alone = missing_data_interval(
        history[kept], current[kept], MASS[kept], AGENTS[kept], 0.5, AGES[kept]
    )
    assert found.upper == pytest.approx(alone.upper)
    assert joint_level(0.95, 1) == pytest.approx(0.95)
    assert joint_level(0.95, 10) == pytest.approx(0.995)
    assert str(found).startswith("MissingDataInterval: n=")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mass": [-1.0] + [1.0] * 5}, "mass"),
        ({"mass": [1.0]}, "one entry for each of 6 sites"),
        ({"agents": [0] + [1] * 5}, "agents goes down to 0"),
        ({"sigma2": np.nan}, "sigma2"),
        ({"sigma2": [1.0, 2.0]}, "sigma2 has shape"),
        ({"current_error2": np.zeros((2, 2))}, "current_error2"),
        ({"level": 1.5}, "level 1.5"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        answer(population(), **change)


def test_ages_that_contradict_the_history_are_refused() -> None:
    history, current = gap(population(), AGES)
    with pytest.raises(InvalidInput, match="site 1 is said to be silent for 9 nights"):
        missing_data_interval(history, current, MASS, AGENTS, 0.5, np.where(AGES, 9, 0))
    with pytest.raises(InvalidInput, match="do not fit"):
        missing_data_interval(history, current[:3], MASS, AGENTS, 0.5, AGES)
    with pytest.raises(InvalidInput, match="silent_nights holds -1"):
        missing_data_interval(history, current, MASS, AGENTS, 0.5, AGES - 1)
