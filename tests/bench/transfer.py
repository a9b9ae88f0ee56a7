"""Errors while a backlog is sent over a narrow line, by the order it is sent in."""

from __future__ import annotations

from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section
from tests.calibration.transfer_study import (
    BEHIND,
    DRIFTS,
    FRACTIONS,
    RULES,
    SILENT,
    SITES,
    WINDOW,
    relative,
    study,
)

_RUNS, _QUICK_RUNS = 200, 3
_OURS = "value, both"
_MEANS = ("newest night", f"{WINDOW} nights")


def measure(options: Options) -> Section:
    """Play backlogs under both kinds of drift and compare every rule with FIFO."""
    runs = _QUICK_RUNS if options.quick else _RUNS
    figures = []
    for drift in DRIFTS:
        options.say(f"transfer: {drift}")
        found = relative(study(runs, drift))
        for place, mean in enumerate(_MEANS):
            figures += [
                Figure(
                    f"{rule}: mean of {mean}, {drift}",
                    found[rule][place],
                    "x FIFO",
                    Goal(most=0.5) if rule == _OURS else None,
                )
                for rule in RULES
            ]
    return Section(
        "transfer",
        "What to send first",
        f"{SILENT} of {SITES} sites were silent for {BEHIND} nights; {runs} backlogs. "
        "Root-mean-square error of the mean over all sites, averaged over "
        f"{', '.join(f'{f:g}' for f in FRACTIONS)} of the bytes sent, relative to "
        "first in, first out. Volatility is estimated from 60 nights. Walk: the drift "
        "the values are derived for. Misspecified: mean reversion, Student t(3) "
        "shocks, a weekly cycle of each site and a trend.",
        figures=tuple(figures),
    )
