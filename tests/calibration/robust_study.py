"""Decisions beside liars, counted: every layout, every attack, many seeded runs.

`python -m tests.calibration.robust_study` prints the tables of
docs/explanation/lying-sources.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from stats.byzantine import ERROR, STATUSES, decide, further_rounds, trimmed_mean
from tests.attacks import ATTACKS, TRUTH, Layout, attacked_runs

CERTIFIED, _, UNDETERMINED, LOST = range(len(STATUSES))
SIZES = (4, 7, 10, 13, 31, 100, 1_000)
SEEING: dict[str, tuple[int, int] | None] = {
    "homogeneous": None,
    "8 of 9 informative": (8, 9),
    "5 of 9 informative": (5, 9),
}
LOOKS = 8
# Floats of one array of runs: what a block of runs may take.
_BLOCK = 400_000


@dataclass(frozen=True)
class Count:
    """What became of the runs of one layout under one attack.

    Attributes
    ----------
    certified, undetermined, lost : runs, by their status after all rounds
    wrong : runs with a certified decision for anything but the truth at any look
    outside : runs whose trimmed mean left the range of the honest sources
    further : median of the further rounds that would settle an undetermined run,
        infinite if time does not help; 0 where none is undetermined
    """

    layout: Layout
    attack: str
    runs: int
    certified: int
    undetermined: int
    lost: int
    wrong: int
    outside: int
    further: float

    @property
    def decided(self) -> float:
        return self.certified / self.runs


def layouts(sizes: Iterable[int] = SIZES) -> Iterator[Layout]:
    """Every layout of the study, f the most that n sources withstand."""
    for name, seeing in SEEING.items():
        for n in sizes:
            for hypotheses in (2, 4):
                yield Layout(name, n, (n - 1) // 3, hypotheses, seeing=seeing)


def usual_runs(layout: Layout) -> int:
    """Seeded runs per attack: fewer of the large ones."""
    return 400 if layout.n <= 31 else 100 if layout.n <= 100 else 20


def count(layout: Layout, attack: str, runs: int, seed: int = 1) -> Count:
    """Play the runs, look at them eight times, and count."""
    rng = np.random.default_rng([seed, layout.n, layout.hypotheses, *attack.encode()])
    block = max(1, _BLOCK // (layout.n * layout.hypotheses))
    parts = [
        _block(layout, attack, min(block, runs - start), rng)
        for start in range(0, runs, block)
    ]
    status = np.concatenate([part[0] for part in parts])
    wrong, outside = (int(sum(part[i].sum() for part in parts)) for i in (1, 2))
    further = np.concatenate([part[3] for part in parts])
    tally = np.bincount(status, minlength=len(STATUSES))
    return Count(
        layout, attack, runs, int(tally[CERTIFIED]), int(tally[UNDETERMINED]),
        int(tally[LOST]), wrong, outside,
        float(np.quantile(further, 0.5, method="higher")) if len(further) else 0.0,
    )  # fmt: skip


def _block(
    layout: Layout, attack: str, runs: int, rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    wrong = np.zeros(runs, np.bool_)
    for sent in attacked_runs(layout, attack, runs, rng, LOOKS):
        found = decide(sent, layout.f)
        wrong |= (found.status == CERTIFIED) & (found.hypothesis != TRUTH)
    honest = sent[:, : layout.n - layout.f]
    slack = 1e-9 * np.abs(honest).max()
    middle = trimmed_mean(sent, layout.f)
    outside = (middle < honest.min(axis=1) - slack) | (
        middle > honest.max(axis=1) + slack
    )
    open_ = np.flatnonzero(found.status == UNDETERMINED)[:50]
    further = further_rounds(
        sent[open_],
        found.leading[open_],
        layout.f,
        rounds=layout.rounds,
        error=ERROR,
    )
    return found.status, wrong, outside.any(axis=1), further


def upper_bound(wrong: int, runs: int, level: float = 0.95) -> float:
    """Clopper and Pearson's one-sided upper bound of a probability."""
    if wrong == runs:
        return 1.0
    return float(stats.beta.ppf(level, wrong + 1, runs - wrong))


def worst(counts: Iterable[Count]) -> Count:
    """The attack under which fewest runs were decided."""
    return min(counts, key=lambda found: found.decided)


def study(
    sizes: Iterable[int] = SIZES, attacks: Iterable[str] = tuple(ATTACKS)
) -> dict[Layout, list[Count]]:
    """Count every layout and attack."""
    names = tuple(attacks)
    return {
        layout: [count(layout, name, usual_runs(layout)) for name in names]
        for layout in layouts(sizes)
    }


def settled_by(found: Count) -> str:
    """What would settle the runs that were left undetermined."""
    if not found.undetermined:
        return ""
    if np.isinf(found.further):
        return "sources that know more"
    return f"{found.further:,.0f} more rounds"


def table(found: dict[Layout, list[Count]]) -> str:
    """One line per layout, as Markdown."""
    lines = [
        "| sources | f | hypotheses | runs | wrong | decided, no attack | decided, "
        "worst attack | which | open ones settled by |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in SEEING:
        lines.append(f"| **{name}** | | | | | | | | |")
        for layout, counts in found.items():
            if layout.name == name:
                lines.append(_line(layout, counts))
    return "\n".join(lines)


def _line(layout: Layout, counts: list[Count]) -> str:
    low = worst(counts)
    plain = next((c for c in counts if c.attack == "none"), low)
    return (
        f"| {layout.n:,} | {layout.f} | {layout.hypotheses} "
        f"| {sum(c.runs for c in counts):,} | {sum(c.wrong for c in counts)} "
        f"| {plain.decided:.1%} | {low.decided:.1%} | {low.attack} "
        f"| {settled_by(low)} |"
    )


def summary(found: dict[Layout, list[Count]]) -> str:
    """Totals over everything, in one sentence."""
    every = [c for counts in found.values() for c in counts]
    runs, decided, wrong, outside = (
        sum(getattr(c, name) for c in every)
        for name in ("runs", "certified", "wrong", "outside")
    )
    return (
        f"{runs:,} runs, {decided:,} certified after all rounds, {wrong} certified "
        f"wrongly at any look: at most {upper_bound(wrong, runs):.2g} of all runs and "
        f"{upper_bound(wrong, decided):.2g} of the decided ones (95 %); trimmed mean "
        f"outside the honest range in {outside}."
    )


def main() -> None:
    """Print the tables."""
    found = study()
    sys.stdout.write(f"{table(found)}\n\n{summary(found)}\n")


if __name__ == "__main__":
    main()
