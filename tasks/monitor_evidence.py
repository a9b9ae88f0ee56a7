"""What the nightly run says of agents as a source: its scores as evidence, per site."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stats.evidence import EvidenceType
from stats.score_evidence import night_evidence
from storage.evidence_records import HYPOTHESIS, MONITOR, EvidenceData
from storage.schema import Schema
from tasks.scoring import AgentFamily

__all__ = ["is_monitor", "monitor_of", "site_evidence"]

# Units that make a feature a timing; every other feature is a use of resources.
_TIMES = frozenset({"ns", "us", "µs", "ms", "s", "min", "h", "d"})
_KINDS = (EvidenceType.RESOURCE_USAGE, EvidenceType.TIMING_ANOMALY)
# Rows of a source are numbered over its whole life: the day, then the place in it.
_PER_NIGHT = 2**32
_LONGEST = 64


def monitor_of(site: str) -> str:
    """Name under which the run speaks for a site.

    Examples
    --------
    >>> monitor_of("EWR"), len(monitor_of("x" * 64))
    ('monitor-EWR', 64)
    """
    name = f"{MONITOR}{site}"
    if len(name) <= _LONGEST:
        return name
    tail = hashlib.sha256(site.encode()).hexdigest()[:12]
    return f"{name[: _LONGEST - 13]}-{tail}"


def is_monitor(source: str) -> bool:
    """Whether a source is the run itself."""
    return source.startswith(MONITOR)


def site_evidence(
    family: AgentFamily, schema: Schema, night: str
) -> dict[str, EvidenceData]:
    """Turn the scores of a night into one shard of evidence per site.

    Parameters
    ----------
    family : AgentFamily
        Its p-values are calibrated on nights before.
    schema : Schema
    night : str
        ISO date.

    Returns
    -------
    dict of site to EvidenceData
        At most one row per entity: its ratio comes from all its p-values of the night
        at that site together.  Entities that could not be tested have none, and sites
        without any row are absent: silence is no evidence.

    Notes
    -----
    Only what tonight's behaviour says counts.  Changes over several nights are not
    added: they are seen again on the next night, and would count once for each.  The
    type is that of the feature that is furthest out: a timing anomaly for a time, else
    resource usage.  Equal scores give equal bytes.
    """
    scores = family.scores
    places, place = np.unique(scores.teams, return_inverse=True)
    sites = np.array([str(name).split("/", 1)[0] for name in places], dtype=np.str_)
    site, tested = sites[place], ~np.isnan(family.p)
    timing = np.array([feature.unit in _TIMES for feature in schema.features])
    kind = timing[np.maximum(scores.main, 0)].astype(np.int64)
    log_p = np.log(np.where(tested, family.p, 1.0))
    return {
        str(one): _shard(str(one), night, scores.entities[at], log_p[at], kind[at])
        for one in np.unique(site[tested])
        for at in [np.flatnonzero(tested & (site == one))]
    }


def _shard(
    site: str,
    night: str,
    entities: NDArray[np.str_],
    log_p: NDArray[np.float64],
    kind: NDArray[np.int64],
) -> EvidenceData:
    names, who = np.unique(entities, return_inverse=True)
    order = np.lexsort((kind, log_p, who))
    first = order[np.flatnonzero(np.diff(who[order], prepend=-1))]
    found = night_evidence(log_p, who, kind[first][who])
    n = len(found.agent)
    day = dt.date.fromisoformat(night).toordinal()
    midnight = (day - dt.date(1970, 1, 1).toordinal()) * 86_400 * 10**9
    used, code = np.unique(found.kind, return_inverse=True)
    return EvidenceData(
        source=monitor_of(site),
        epoch=0,
        seq=np.arange(day * _PER_NIGHT, day * _PER_NIGHT + n, dtype=np.int64),
        agent=found.agent.astype(np.int32),
        agent_names=names,
        kind=code.astype(np.uint8),
        kind_names=_names(used),
        hypothesis=np.zeros(n, dtype=np.uint8),
        hypotheses=(HYPOTHESIS,),
        time=np.full(n, midnight, dtype=np.int64),
        log_ratio=found.log_ratio,
        confidence=np.ones(n),
    )


def _names(kinds: Iterable[int]) -> tuple[str, ...]:
    return tuple(str(_KINDS[k]) for k in kinds)
