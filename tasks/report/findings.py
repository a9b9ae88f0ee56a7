"""What a report finds over many nights: changes, drift, weekdays, who moves together.

Frozen values like those of `rows.py`, numbers only.  Whatever was not tested is absent
here and named, with what it would need, by a `NotTested`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.report.rows import FeatureLabel

__all__ = [
    "CHANGE_KINDS",
    "ChangeRow",
    "ChangeSummary",
    "CliqueRow",
    "CliqueSummary",
    "CorrelationMap",
    "DriftRow",
    "NotTested",
    "QuantileRow",
    "SeasonRow",
]

CHANGE_KINDS = (
    "mean shift",
    "variance inflation",
    "correlation break",
    "slow drift",
    "silence",
    "constant feature moved",
)
"""The kinds of change that are told apart, in the order in which they are listed."""


@dataclass(frozen=True, slots=True)
class NotTested:
    """A section without a test tonight: its anchor, and what the test would need.

    `needed` and `available` count `what`, for example nights.
    """

    section: Literal["behaviour", "drift", "season", "collusion"]
    needed: int
    available: int
    what: str = "night"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """An agent whose behaviour changed over several nights.

    `kind` is one of `CHANGE_KINDS`.  `nights` counts those that the agent was seen in;
    `since` is the first night of the change, ISO, None where it has no single start.
    `size` is measured in standard deviations of the agent's own nights (mean shift,
    slow drift), as ratio of standard deviations (variance inflation), as mean evidence
    of a night for independent features in its standard deviations (correlation break),
    in nights (silence), or in the unit of `main_feature` (constant feature moved).
    `contributions` are shares per feature in
    schema order, sum 1, empty for silence.
    """

    entity: str
    agent: str
    team: str
    site: str
    kind: str
    nights: int
    p: float
    q: float
    found: bool
    extrapolated: bool
    main_feature: FeatureLabel | None
    size: float | None
    since: str | None
    contributions: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """The family of agents tested for change: `by_kind` counts those found.

    `level` bounds the false-discovery rate; `null_size` counts the reference scores.
    """

    tested: int
    found: int
    by_kind: tuple[tuple[str, int], ...]
    level: float
    null_size: int


@dataclass(frozen=True, slots=True)
class DriftRow:
    """The baseline of a group in recent nights against the nights before.

    ``what = "mean"``: means in the unit of `feature`; `difference` is now minus before.
    ``"variance"``: `before` and `now` are standard deviations and `difference` is their
    ratio, now over before.  ``"joint"``: all features together, `feature` and figures
    None.  `lower`/`upper` bound the 95 % interval of `difference`.
    """

    level: Literal["agent", "team", "site", "all"]
    group: str
    feature: FeatureLabel | None
    nights_recent: int
    nights_before: int
    before: float | None
    now: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    p: float
    q: float
    found: bool
    what: Literal["mean", "variance", "joint"]


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """How far the mean of each weekday lies from that of the week, over all sites.

    `effects`, `lower` and `upper` hold seven values, Monday first, in the unit of the
    feature; None where a weekday was not seen.  `p` tests all seven at once.
    """

    feature: FeatureLabel
    weeks: int
    effects: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    p: float | None
    found: bool


@dataclass(frozen=True, slots=True)
class CorrelationMap:
    """Mean correlation within (diagonal) and between groups, a symmetric matrix.

    `n` counts the series of each group; `what` says what was correlated, in words.
    `r` is None where too few were seen.  `total` counts the groups before the map was
    cut to the most correlated ones; None if it is whole.
    """

    level: str
    names: tuple[str, ...]
    sites: tuple[str, ...]
    n: tuple[int, ...]
    nights: int
    what: str
    r: tuple[tuple[float | None, ...], ...]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class CliqueRow:
    """A set of `size` agents that move together: its first twelve `members`.

    `mean_r` is the mean correlation over its pairs after the effects of site, team and
    night were removed.
    """

    members: tuple[str, ...]
    size: int
    teams: tuple[str, ...]
    nights: int
    mean_r: float
    p: float
    q: float
    found: bool


@dataclass(frozen=True, slots=True)
class CliqueSummary:
    """The search for agents that move together: how many were searched and tested."""

    agents: int
    nights: int
    tested: int
    found: int
    level: float


@dataclass(frozen=True, slots=True)
class QuantileRow:
    """The spread of a baseline: five quantiles of one group and feature."""

    level: Literal["all", "site", "team"]
    group: str
    feature: FeatureLabel
    n: int
    q05: float | None
    q25: float | None
    q50: float | None
    q75: float | None
    q95: float | None
