"""What a reader may ask for while data are missing, and how old an answer may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stats.progress import SiteProgress
from stats.refusals import (
    NotYet,
    Refused,
    StalenessExceeded,
    TooUncertain,
    Unavailable,
)
from stats.summary import InvalidInput

__all__ = [
    "POLICIES",
    "ConsistencyModel",
    "DataKind",
    "NotYet",
    "PartitionState",
    "Refused",
    "StalenessExceeded",
    "StalenessPolicy",
    "TooUncertain",
    "Unavailable",
    "partition_state",
]


class ConsistencyModel(StrEnum):
    """Contract between a reader and what is known; see `stats.contracts.view_of`.

    Attributes
    ----------
    STRONG
        A night that is complete at every site, exactly; never a part of one.
    CAUSAL
        Nothing counts without what it was computed from, and a reader never sees less
        than before.
    BOUNDED_STALENESS
        Every site is within the nights and seconds of the policy.
    STATISTICAL
        An estimate for all sites, whose interval widens with what is missing.
    EVENTUAL
        Whatever has arrived, and only that.
    """

    STRONG = "strong"
    CAUSAL = "causal"
    BOUNDED_STALENESS = "bounded staleness"
    STATISTICAL = "statistical"
    EVENTUAL = "eventual"


class DataKind(StrEnum):
    """Kinds of data that age differently.

    Attributes
    ----------
    SHARDS
        Nightly shards; baselines, scores and adoption counts made from them.
    EVIDENCE
        Evidence for the consensus of a night.
    ONLINE
        Updates one by one.
    RELATIONS
        Correlations, covariances, quantiles: no rule widens them.
    KNOWLEDGE
        Preserved practices.
    """

    SHARDS = "shards"
    EVIDENCE = "evidence"
    ONLINE = "online"
    RELATIONS = "relations"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class StalenessPolicy:
    """How far behind a site may be, and how uncertain an answer.

    Attributes
    ----------
    versions : int, optional
        Nights of which something may be missing; None is no limit.
    seconds : float
        Since the end of the last complete night.
    max_width : float, optional
        Widest interval that is answered; None is no limit.
    min_mass : float
        Least share of the roster's mass that must have arrived, in [0, 1].
    degraded_mass : float
        Below this share an answer is marked as degraded.

    Raises
    ------
    InvalidInput
        For a limit that is negative, or a share outside [0, 1].
    """

    versions: int | None = 1
    seconds: float = 129_600.0
    max_width: float | None = None
    min_mass: float = 0.0
    degraded_mass: float = 0.8

    def __post_init__(self) -> None:
        limits = (self.versions or 0, self.seconds, self.max_width or 0.0)
        shares = (self.min_mass, self.degraded_mass)
        good = all(limit >= 0 for limit in limits)
        if not (good and all(0.0 <= share <= 1.0 for share in shares)):
            raise InvalidInput(
                f"StalenessPolicy: limits {limits}, shares {shares}. Give limits of 0 "
                "or more, and shares in [0, 1]."
            )


POLICIES: Mapping[DataKind, StalenessPolicy] = {
    DataKind.SHARDS: StalenessPolicy(1, 36 * 3600.0),
    DataKind.EVIDENCE: StalenessPolicy(0, 24 * 3600.0),
    DataKind.ONLINE: StalenessPolicy(None, 60.0),
    DataKind.RELATIONS: StalenessPolicy(1, 36 * 3600.0),
    DataKind.KNOWLEDGE: StalenessPolicy(1, 24 * 3600.0),
}
"""Windows of each kind of data; values of choice, printed with every answer."""


class PartitionState(StrEnum):
    """Whether all sites can be heard.

    Attributes
    ----------
    CONNECTED
        Every site of the roster is within its bound.
    PARTITIONED
        Some are not.
    HEALING
        Some are not, what they still owe is known, and it is becoming less.
    """

    CONNECTED = "connected"
    PARTITIONED = "partitioned"
    HEALING = "healing"


def partition_state(
    sites: Sequence[SiteProgress],
    policy: StalenessPolicy,
    now: int,
    before: Sequence[SiteProgress] | None = None,
) -> PartitionState:
    """Say whether all sites are within bound, and if not, whether that is healing.

    Parameters
    ----------
    sites : sequence of SiteProgress
    policy : StalenessPolicy
    now : int
        Nanoseconds UTC.
    before : sequence of SiteProgress, optional
        The same at an earlier look.
    """
    behind = [
        site
        for site in sites
        if not site.closed
        and not site.staleness(now).within(policy.versions, policy.seconds)
    ]
    if not behind:
        return PartitionState.CONNECTED
    if before is not None and not any(site.silent for site in behind):
        owed = sum(len(site.missing) for site in sites if not site.closed)
        if owed < sum(len(site.missing) for site in before if not site.closed):
            return PartitionState.HEALING
    return PartitionState.PARTITIONED
