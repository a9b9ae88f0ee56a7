"""The report's rows on many nights: agents that changed, and groups in step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.changes import CHANGE_KINDS
from stats.season import MIN_NIGHTS as SEASON_NIGHTS
from tasks.agent_changes import AgentChanges
from tasks.baselines import Level
from tasks.collusion import LEAST_NIGHTS
from tasks.drift import RECENT
from tasks.moving_together import GroupCorrelation
from tasks.night import Night, Scores
from tasks.report.collect_groups import number, short_name
from tasks.report.collect_map import collect_map
from tasks.report.findings import (
    ChangeRow,
    ChangeSummary,
    CliqueRow,
    CliqueSummary,
    CorrelationMap,
    NotTested,
)
from tasks.report.rows import FeatureLabel
from tasks.scoring import MIN_NIGHTS

__all__ = [
    "change_rows",
    "change_summary",
    "clique_rows",
    "clique_summary",
    "correlation_map",
    "not_tested",
]

# Agents listed although none of them changed, and most of them in any case; the store
# holds all.
_SHOWN, MOST_ROWS = 50, 1_000
# Candidate cliques listed although none is found, and members named of each.
_CLOSEST, _MEMBERS = 5, 12


def change_rows(
    scores: Scores, labels: tuple[FeatureLabel, ...]
) -> tuple[ChangeRow, ...]:
    """Return the agents found and then the closest ones, by q, p and name."""
    family = scores.changes
    if family is None:
        return ()
    changes = family.changes
    tested = np.flatnonzero(np.isfinite(changes.p) | changes.found)
    keys = (family.agents, family.teams, changes.p, changes.q, ~changes.found)
    order = tested[np.lexsort([key[tested] for key in keys])]
    shown = order[: min(max(_SHOWN, int(changes.found.sum())), MOST_ROWS)]
    return tuple(_change(family, labels, int(i)) for i in shown)


def _change(
    family: AgentChanges, labels: tuple[FeatureLabel, ...], i: int
) -> ChangeRow:
    changes, team = family.changes, str(family.teams[i])
    kind = int(changes.kind[i])
    closest = kind if kind >= 0 else int(np.nanargmin(changes.kind_p[i]))
    name = CHANGE_KINDS[closest]
    parts: NDArray[Any] = changes.contributions[i]
    shares = tuple(float(x) for x in parts) if parts.any() else ()
    since = int(changes.since[i])
    inside = closest < changes.kind_p.shape[1]
    return ChangeRow(
        entity=str(family.entities[i]),
        agent=str(family.agents[i]),
        team=short_name(team),
        site=team.split("/", 1)[0],
        kind=name,
        nights=int(family.nights[i]),
        p=number(changes.p[i]) or 0.0,
        q=number(changes.q[i]) or 0.0,
        found=bool(changes.found[i]),
        extrapolated=bool(inside and changes.extrapolated[i, closest]),
        main_feature=labels[int(parts.argmax())] if shares else None,
        size=number(changes.size[i]),
        since=family.window[since] if since >= 0 else None,
        contributions=shares,
    )


def change_summary(scores: Scores) -> ChangeSummary | None:
    """Count what was tested for change; None when nothing could be."""
    family = scores.changes
    if family is None:
        return None
    changes = family.changes
    kinds = [
        (name, int((changes.kind == k).sum())) for k, name in enumerate(CHANGE_KINDS)
    ]
    return ChangeSummary(
        tested=int(np.isfinite(changes.p).sum()),
        found=int(changes.found.sum()),
        by_kind=tuple((name, count) for name, count in kinds if count),
        level=changes.level,
        null_size=int(changes.null_size.min()),
    )


def correlation_map(
    scores: Scores, labels: tuple[FeatureLabel, ...], lead: str
) -> CorrelationMap | None:
    """Return the map of teams, or of sites where no two teams can be compared."""
    family = scores.changes
    if family is None:
        return None
    levels: tuple[Level, ...] = ("team", "site")
    what = next(x.label for x in labels if x.name == lead)
    for level in levels:
        found = _map(
            level, family.correlations[level], f"{what}, nightly mean of each agent"
        )
        if found is not None:
            return found
    return None


def _map(level: Level, found: GroupCorrelation, what: str) -> CorrelationMap | None:
    """Leave out groups that nothing can be said of; None if fewer than two are left."""
    if found.r is None:
        return None
    off = ~np.eye(len(found.labels), dtype=bool)
    some = np.flatnonzero((np.isfinite(found.r) & off).any(axis=1))
    if len(some) < 2:
        return None
    labels = [found.labels[i] for i in some]
    return collect_map(
        found.r[np.ix_(some, some)],
        level=level,
        names=[short_name(label) for label in labels],
        sites=[label.split("/", 1)[0] for label in labels],
        n=found.n[some].tolist(),
        nights=found.nights,
        what=what,
    )


def clique_rows(scores: Scores) -> tuple[CliqueRow, ...]:
    """Return the suspected cliques by rising p; candidates that were not found too."""
    family = scores.changes
    if family is None or family.cliques is None:
        return ()
    found = family.cliques
    shown = max(_CLOSEST, int(found.found.sum()))
    rows = []
    for k in range(min(shown, len(found.size))):
        who = found.of(k)
        if np.isfinite(found.p[k]):
            teams = sorted({short_name(str(family.teams[i])) for i in who})
            rows.append(
                CliqueRow(
                    members=tuple(str(family.agents[i]) for i in who[:_MEMBERS]),
                    size=len(who),
                    teams=tuple(teams),
                    nights=len(family.window),
                    mean_r=float(found.mean_r[k]),
                    p=float(found.p[k]),
                    q=float(found.q_value[k]),
                    found=bool(found.found[k]),
                )
            )
    return tuple(rows)


def clique_summary(scores: Scores) -> CliqueSummary | None:
    """Count what was searched; None when nothing could be."""
    family = scores.changes
    if family is None or family.cliques is None:
        return None
    return CliqueSummary(
        agents=family.cliques.agents,
        nights=len(family.window),
        tested=int(np.isfinite(family.cliques.p).sum()),
        found=int(family.cliques.found.sum()),
        level=family.changes.level,
    )


def not_tested(night: Night, scores: Scores) -> tuple[NotTested, ...]:
    """Name the tests over nights that could not be made, and what they need."""
    view, level = night.view, night.baselines.all
    arrived = len({when for _, when in view.winners})
    found = []
    if scores.changes is None:
        found.append(NotTested("behaviour", MIN_NIGHTS + 1, arrived))
    if scores.changes is None or scores.changes.cliques is None:
        found.append(NotTested("collusion", LEAST_NIGHTS, arrived))
    if level.drift is None or not np.isfinite(level.drift.week.q).any():
        found.append(NotTested("drift", MIN_NIGHTS + RECENT, arrived))
    if level.drift is None or not np.isfinite(level.drift.season.p).any():
        found.append(NotTested("season", SEASON_NIGHTS, arrived))
    return tuple(found)
