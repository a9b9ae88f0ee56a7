"""The frozen values of one investigation: numbers and names, nothing to compute."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = [
    "Correction",
    "FeatureNight",
    "History",
    "HistoryNight",
    "Kind",
    "Member",
    "OwnBaseline",
    "Place",
    "PublishedResult",
    "Reference",
    "State",
    "known",
]

State = Literal["present", "absent", "silent", "refused"]
Kind = Literal["agent", "team", "site"]


def known(value: float | np.floating[Any] | None) -> float | None:
    """Return a plain float; None for NaN and infinities."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)


@dataclass(frozen=True, slots=True)
class FeatureNight:
    """One feature on one night.

    Attributes
    ----------
    n : int
        Rows with a value; 0 when the feature is missing.
    mean, lower, upper : float or None
        Mean of the rows and its 95 % interval: Student's over the rows of an agent,
        with agents as clusters for a team or site.
    around : float or None
        The same night's mean of what it lies in: an agent's team, a team's site.
    residual : float or None
        On the scale of the feature's transform: an agent minus its team's mean of the
        night, a team or site minus its own mean before the range.
    steps : float or None
        The residual in standard deviations of the reference.
    share : float or None
        Its share of the night's distance, in [0, 1].
    outside : bool
        The whole interval lies outside the usual range.
    """

    n: int
    mean: float | None
    lower: float | None
    upper: float | None
    around: float | None
    residual: float | None = None
    steps: float | None = None
    share: float | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """What the newest published revision of a night said.

    `p` is of this place, `q` and `found` of the whole entity, team or site; `change`
    is the kind of change against the agent's own past, since the night `since`.
    """

    revision: int
    p: float | None
    q: float | None
    found: bool
    change: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A shard that came after the night was first published, or replaced another.

    Attributes
    ----------
    what : {"late", "corrected"}
    part, version_now : str
    version_before : str or None
    rows_before, rows_now : int or None, int
        Of the shard.
    moved : bool or None
        Whether the values of this agent differ; None where that was not compared.
    lead_before : float or None
        Mean of the lead feature in the version before, for an agent.
    """

    what: Literal["late", "corrected"]
    part: str
    version_before: str | None
    version_now: str
    rows_before: int | None
    rows_now: int
    moved: bool | None = None
    lead_before: float | None = None


@dataclass(frozen=True, slots=True)
class HistoryNight:
    """One night of one place.

    Attributes
    ----------
    night : str
    state : {"present", "absent", "silent", "refused"}
        Absent: the site delivered, without it.  Silent: the site delivered nothing.
        Refused: two contents claim one version, so neither counts.
    n, agents : int
        Rows, and agents behind them.
    features : tuple of FeatureNight
        In the order of the schema; those of an absent agent hold its team's mean only,
        nights without anything hold none.
    distance : float or None
        Squared distance over all features together.
    log_p : float or None
        Natural logarithm of the law's tail, before calibration.
    p : float or None
        Calibrated on null nights; None where not tested.
    extrapolated : bool
        Further out than every null score: `p` is an upper bound.
    stands_out : bool
        Under the false-discovery rate over the nights of this investigation.
    published : PublishedResult or None
    corrections : tuple of Correction
    """

    night: str
    state: State
    n: int = 0
    agents: int = 0
    features: tuple[FeatureNight, ...] = ()
    distance: float | None = None
    log_p: float | None = None
    p: float | None = None
    extrapolated: bool = False
    stands_out: bool = False
    published: PublishedResult | None = None
    corrections: tuple[Correction, ...] = ()

    @property
    def marked(self) -> bool:
        """Whether it stands out here or in its published report."""
        return self.stands_out or bool(self.published and self.published.found)


@dataclass(frozen=True, slots=True)
class OwnBaseline:
    """One feature before the range.

    Attributes
    ----------
    nights, n : int
        Nights and rows with a value.
    mean, lower, upper : float or None
        Of all rows; the 95 % interval treats nights as clusters.
    sd : float or None
        Standard deviation of the nightly means.
    usual_lower, usual_median, usual_upper : float or None
        Middle 95 % of the nightly means; None below 14 nights.
    """

    nights: int
    n: int
    mean: float | None
    lower: float | None
    upper: float | None
    sd: float | None
    usual_lower: float | None
    usual_median: float | None
    usual_upper: float | None


@dataclass(frozen=True, slots=True)
class Reference:
    """What the distances of a place are measured with.

    Attributes
    ----------
    nights : tuple of str
        Nights that gave the spread.
    null_nights : tuple of str
        Later nights whose scores calibrate p; for teams and sites the same nights.
    null_size : int
        Null scores.
    why_not : str
        Why no night could be tested; empty when some could.
    """

    nights: tuple[str, ...]
    null_nights: tuple[str, ...]
    null_size: int
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One agent in its team, one team, or one site: the nights of the range.

    `agent` and `team` are empty for wider places.
    """

    site: str
    team: str
    agent: str
    entity: str
    nights: tuple[HistoryNight, ...]
    baseline: tuple[OwnBaseline, ...]
    reference: Reference

    @property
    def present(self) -> tuple[HistoryNight, ...]:
        """Nights with rows."""
        return tuple(n for n in self.nights if n.state == "present")

    @property
    def marked(self) -> tuple[HistoryNight, ...]:
        """Nights that stand out, here or in their published reports."""
        return tuple(n for n in self.nights if n.marked)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the investigated team or site, as published reports saw it."""

    name: str
    tested: int
    found: tuple[str, ...]
    lowest_p: float | None
    lowest_night: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything about one subject over a range of nights.

    Attributes
    ----------
    name, kind : str
    since, until : str
        First and last night, both included.
    dataset, lead, noun, row_noun, team_noun : str
    features : tuple of (name, label, unit)
        The unit is empty for a plain number.
    places : tuple of Place
        Most nights first.
    members : tuple of Member
        Of a team or site; those found most often first.
    published_nights : tuple of str
        Nights of the range that were published.
    level : float
        The false-discovery rate.
    provenance : mapping
        Snapshot, ledger digest, parameters, versions, chunks read and in all.
    """

    name: str
    kind: Kind
    since: str
    until: str
    dataset: str
    lead: str
    noun: str
    row_noun: str
    team_noun: str
    features: tuple[tuple[str, str, str], ...]
    places: tuple[Place, ...]
    members: tuple[Member, ...]
    published_nights: tuple[str, ...]
    level: float
    provenance: dict[str, Any]

    @property
    def lead_index(self) -> int:
        """Place of the lead feature on the feature axis."""
        return [name for name, _, _ in self.features].index(self.lead)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for one JSON object."""
        return dataclasses.asdict(self)
