"""Rules of the literature beside liars: how often each decides wrongly.

`python -m tests.calibration.rules_study` prints the tables of
docs/explanation/lying-sources.md.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stats.byzantine import (
    bounded_influence,
    centered_clipping,
    coordinate_median,
    decide,
    filtered_min_rule,
    geometric_median,
    krum,
    trimmed_mean,
)
from tests.attacks import ATTACKS, TRUTH, Layout, attacked_runs

Floats = NDArray[np.float64]
Rule = Callable[[Floats, int], Floats]
F = 4
LAYOUTS = (
    Layout("homogeneous", 13, F),
    Layout("8 of 9 informative", 13, F, seeing=(8, 9)),
    Layout("5 of 9 informative", 13, F, seeing=(5, 9)),
)
RUNS = 300
CERTIFIED = "certified"
UNDECIDED = "undetermined"


def _mean(x: Floats, f: int) -> Floats:
    return x.mean(axis=0)


def _clipping(x: Floats, f: int) -> Floats:
    """Radius: the distance that n - f sources are within, from the median."""
    distance = np.linalg.norm(x - np.median(x, axis=0), axis=1)
    return centered_clipping(x, max(float(np.sort(distance)[len(x) - f - 1]), 1e-9))


@cache
def _subsets(n: int, size: int) -> NDArray[np.int64]:
    return np.array(list(itertools.combinations(range(n), size)))


def _apart(x: Floats) -> Floats:
    return np.linalg.norm(x[:, None] - x[None], axis=2)


def _least_diameter(x: Floats, f: int) -> Floats:
    """Mean of the n - f vectors that lie closest together (MDA)."""
    chosen = _subsets(len(x), len(x) - f)
    pairs = _apart(x)[chosen[:, :, None], chosen[:, None, :]]
    return x[chosen[pairs.max(axis=(1, 2)).argmin()]].mean(axis=0)


def _mixed(x: Floats, f: int) -> Floats:
    """Trimmed mean after each vector is the mean of its n - f nearest (NNM)."""
    near = np.argsort(_apart(x), axis=1, kind="stable")[:, : len(x) - f]
    return trimmed_mean(x[near].mean(axis=1), f)


RULES: dict[str, Rule] = {
    "mean": _mean,
    "coordinate median": lambda x, f: coordinate_median(x),
    "trimmed mean": trimmed_mean,
    "geometric median": lambda x, f: geometric_median(x),
    "Krum": krum,
    "multi-Krum": lambda x, f: krum(x, f, keep=len(x) - f),
    "least diameter (MDA)": _least_diameter,
    "nearest neighbour mixing": _mixed,
    "centred clipping": _clipping,
    "bounded influence": lambda x, f: bounded_influence(x).sum(axis=0),
    "filtered minimum": filtered_min_rule,
}


def decides_wrongly(rule: Rule, sent: Floats, f: int) -> bool:
    """Whether the rule prefers a false hypothesis, or nothing, in one run.

    The mean gets what was sent.  Others are spared sources that send no numbers, each
    of which uses up one of the f.
    """
    x = sent
    if rule is not _mean:
        x = sent[np.isfinite(sent).all(axis=1)]
        f -= len(sent) - len(x)
    score = rule(x - x.mean(axis=1, keepdims=True), f)
    others = np.delete(score, TRUTH)
    return not bool((score[TRUTH] > others).all())


def wrong(layout: Layout, attack: str, runs: int = RUNS) -> dict[str, float]:
    """Share of wrong decisions of every rule, and how often nothing is certified."""
    rng = np.random.default_rng([2, layout.n, *attack.encode(), *layout.name.encode()])
    (sent,) = attacked_runs(layout, attack, runs, rng)
    with np.errstate(invalid="ignore"):
        shares = {
            name: float(np.mean([decides_wrongly(rule, x, layout.f) for x in sent]))
            for name, rule in RULES.items()
        }
    found = decide(sent, layout.f)
    certified = found.status == 0
    shares[CERTIFIED] = float((certified & (found.hypothesis != TRUTH)).mean())
    shares[UNDECIDED] = float((~certified).mean())
    return shares


def study(
    layout: Layout, attacks: Iterable[str] = tuple(ATTACKS), runs: int = RUNS
) -> dict[str, dict[str, float]]:
    """Wrong decisions by attack and rule."""
    return {name: wrong(layout, name, runs) for name in attacks}


def table(found: dict[str, dict[str, float]]) -> str:
    """Attacks beside rules, in per cent, as Markdown; harmless attacks left out."""
    names = list(next(iter(found.values())))
    lines = ["| attack | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for attack, shares in found.items():
        if any(shares[name] > 0 for name in RULES):
            row = " | ".join(_per_cent(shares[name]) for name in names)
            lines.append(f"| {attack} | {row} |")
    return "\n".join(lines)


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.01 else f"{100 * share:.0f}"


def worst(found: dict[str, dict[str, float]], rule: str) -> tuple[float, str]:
    """The largest share of wrong decisions, and the first attack that made it."""
    attack = max(found, key=lambda name: found[name][rule])
    return found[attack][rule], attack


def overview(found: dict[Layout, dict[str, dict[str, float]]]) -> str:
    """Every rule under its worst attack, a column per layout, as Markdown."""
    lines = ["| rule | " + " | ".join(layout.name for layout in found) + " |"]
    lines.append("|---" * (len(found) + 1) + "|")
    for rule in (*RULES, CERTIFIED, UNDECIDED):
        cells = []
        for shares in found.values():
            share, attack = worst(shares, rule)
            cells.append(f"{_per_cent(share)} ({attack})" if share else "0")
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    found = {layout: study(layout) for layout in LAYOUTS}
    sys.stdout.write(f"{overview(found)}\n\n{table(found[LAYOUTS[-1]])}\n")


if __name__ == "__main__":
    main()
