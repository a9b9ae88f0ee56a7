"""The parts of a night's report: frozen values, one class per thing shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arrival = Literal["arrived", "missing", "corrected", "before"]
Tested = Literal["tested", "not seen", "too few"]
Basis = Literal["complete", "estimated", "arrived only", "no data"]
Outcome = Literal["passed", "failed", "error", "not run"]


@dataclass(frozen=True, slots=True)
class FeatureLabel:
    """How a feature is spoken of: `label` and `unit` for people, `name` in data.

    `above` and `below` complete "<agents> ... on average" for the lead feature, for
    example "arrived {value} late"; empty means the neutral sentence.  `minimum` and
    `maximum` are the declared range, None where the schema declares none.
    """

    name: str
    label: str
    unit: str
    above: str = ""
    below: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval and the range it usually has.

    `lower`/`upper` bound the 95 % interval, `usual_*` the middle 95 % of the nights
    before (None while there are fewer than 14).  `outside` holds when the whole
    interval lies outside the usual range.  `basis` says what was counted: "estimated"
    is of all sites, silent ones carried forward; "arrived only" is of those that came.
    """

    n: int
    value: float | None
    lower: float | None
    upper: float | None
    usual_lower: float | None
    usual_upper: float | None
    usual_median: float | None
    outside: bool
    basis: Basis

    @property
    def partial(self) -> bool:
        """Whether a site is missing from what was counted."""
        return self.basis in ("estimated", "arrived only")


@dataclass(frozen=True, slots=True)
class FeatureNight:
    """One feature tonight at level all; `worst_*` bounds what silent sites could do.

    `worst_lower`/`worst_upper` are None when nothing is missing or the feature has no
    declared range ("unbounded").  `arrived` is of the arrived sites alone, None when
    nothing is missing; `flagged` says that the history is too short for the interval.
    """

    feature: FeatureLabel
    estimate: Estimate
    last_night: float | None
    worst_lower: float | None
    worst_upper: float | None
    arrived: Estimate | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class SiteArrival:
    """What a site delivered: one cell per night, oldest first, tonight last.

    `share` is the site's usual share of all rows, in [0, 1]; `age_seconds` counts from
    the end of its newest complete night, and is None when it never delivered.
    `nights_late` is how late tonight's shard came, None while missing or unknown.
    `silent_nights` is 0 when tonight is here; `last_value` is the newest mean of the
    lead feature, and `window_missing` the nights its baselines lack.
    """

    site: str
    share: float
    nights: tuple[str, ...]
    strip: tuple[Arrival, ...]
    age_seconds: float | None
    late: bool
    rows: int
    expected_rows: int | None
    nights_late: int | None = None
    silent_nights: int = 0
    last_value: float | None = None
    window_missing: int = 0


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """The lead feature on one night, all sites together."""

    night: str
    estimate: Estimate
    arrived_share: float


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One team or site tonight: lead feature, test of the whole feature vector."""

    level: Literal["team", "site"]
    name: str
    site: str
    agents: int
    estimate: Estimate
    tested: Tested
    p: float | None
    q: float | None
    found: bool
    main_feature: FeatureLabel | None


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent tonight.  `value` and `team_value` are of `main_feature`.

    `contributions` are shares of the squared distance per feature, sum 1, in schema
    order; `entity` is the cross-cutting identity (for example the aircraft).  `kind`
    is the kind of change in words, `since` its first night, both None if not told.
    """

    entity: str
    agent: str
    team: str
    site: str
    n: int
    d2: float
    p: float
    q: float
    found: bool
    extrapolated: bool
    main_feature: FeatureLabel
    value: float
    team_value: float
    contributions: tuple[float, ...]
    kind: str | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """The family of agents tonight: how many were tested, the histogram of p."""

    tested: int
    found: int
    untested: int
    found_last_night: int | None
    tested_last_night: int | None
    level: float
    null_size: int
    p_counts: tuple[int, ...]
    misfit_p: float | None


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two groups whose nightly means move together: r with its 95 % interval."""

    a: str
    b: str
    n: int
    r: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """A baseline over the window: mean with interval, sd, of one group and feature."""

    level: Literal["all", "site", "team"]
    group: str
    feature: FeatureLabel
    n: int
    mean: float | None
    lower: float | None
    upper: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A shard that came after its night had been published, was corrected, or went."""

    site: str
    night: str
    what: Literal["corrected", "late", "quarantined", "retracted"]
    version_before: str | None
    version_now: str
    rows_before: int | None
    rows_now: int
    value_before: float | None
    value_now: float | None


@dataclass(frozen=True, slots=True)
class QualityRow:
    """Rows of one site tonight; `incomplete` rows count for presence only."""

    site: str
    rows: int
    complete: int
    incomplete: int
    usual_incomplete_share: float | None
    new_agents: int
    quarantined_files: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check of the run itself; `detail` states what was compared."""

    name: str
    title: str
    outcome: Outcome
    n: int
    detail: str
    criterion: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Identity of the run: enough to reproduce and to compare byte by byte."""

    run: str
    snapshot: str
    ledger_digest: str
    result_digest: str
    parameters: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    window_first: str
    window_last: str
    window_nights: int


@dataclass(frozen=True, slots=True)
class SectionError:
    """A section that could not be computed: its anchor on the page, kind and text."""

    section: str
    kind: str
    message: str
