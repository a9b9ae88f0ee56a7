"""What is counted under a consistency model, and what is missing, as one value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stats.clock import Gap, VectorClock
from stats.ledger import LedgerEntry
from stats.progress import SiteProgress, Staleness
from stats.staleness import ConsistencyModel, PartitionState, StalenessPolicy

__all__ = ["LABELS", "View", "roster_mass"]

LABELS: Mapping[ConsistencyModel, str] = {
    ConsistencyModel.STRONG: "exact: every site of the roster is complete",
    ConsistencyModel.CAUSAL: "nothing counts without what it was computed from",
    ConsistencyModel.BOUNDED_STALENESS: "every site is within the bound",
    ConsistencyModel.STATISTICAL: "all sites; assumes that silent sites drift as in "
    "their history",
    ConsistencyModel.EVENTUAL: "arrived agents only",
}
"""What each model says of its answers."""


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """What counts at one snapshot, and what is missing.

    Attributes
    ----------
    model : ConsistencyModel
    policy : StalenessPolicy
    night : str
        Night that is answered.
    snapshot, ledger_digest : str
    clock : VectorClock
        Of everything known.
    winners : tuple of LedgerEntry
        Versions that count, up to the night, sorted by key.
    sites : tuple of SiteProgress
        Every site that is known or expected, sorted.
    ages : mapping of str to Staleness
        Of the sites on the roster.
    mass : mapping of str to float
        Share of each site on the roster in means over all sites; they sum to 1.
    mass_unit : str
        ``agents`` when every site on the roster declares them, else ``rows``.
    arrived_mass : float
        Share of the sites whose night is complete, in [0, 1].
    watermark, common_watermark : str or None
        Last night up to which all sites are complete, and sites with 95 % of the mass.
    gaps : tuple of Gap
        Numbers that were announced and are not known.
    quarantined : tuple of key
        Of which two contents claim the highest version: nothing of them counts.
    state : PartitionState
    degraded : bool
        Less arrived than the policy wants.
    label : str
        What may be said of the answer.
    """

    model: ConsistencyModel
    policy: StalenessPolicy
    night: str
    snapshot: str
    ledger_digest: str
    clock: VectorClock
    winners: tuple[LedgerEntry, ...]
    sites: tuple[SiteProgress, ...]
    ages: Mapping[str, Staleness]
    mass: Mapping[str, float]
    mass_unit: str
    arrived_mass: float
    watermark: str | None
    common_watermark: str | None
    gaps: tuple[Gap, ...]
    quarantined: tuple[tuple[str, str, str, str], ...]
    state: PartitionState
    degraded: bool
    label: str

    @property
    def n(self) -> int:
        """Rows of the night that count."""
        return sum(entry.n for entry in self.winners if entry.night == self.night)

    @property
    def missing_mass(self) -> float:
        """Share of the sites whose night is not complete."""
        return 1.0 - self.arrived_mass

    def __repr__(self) -> str:
        count = f"n={self.n:_}" if self.n else "n=0 (no data)"
        oldest = max((age.seconds for age in self.ages.values()), default=0.0)
        return (
            f"View: {count} | {self.night} | {self.model.value} | "
            f"arrived={self.arrived_mass:.3f}{' degraded' if self.degraded else ''} | "
            f"oldest={oldest:.0f} s | quarantined={len(self.quarantined)} | "
            f"snapshot={self.snapshot} | ledger={self.ledger_digest[:12]} | "
            f"{self.label}"
        )


def roster_mass(sites: Sequence[SiteProgress]) -> tuple[tuple[float, ...], str]:
    """Share of each site in means over all sites, and what it is counted in.

    Agents as declared, when every site on the roster declares them; otherwise rows of
    its newest night that counts.  A site that left has none; when nothing is known of
    any site, all have the same.
    """
    here = [site for site in sites if not site.closed]
    declared = bool(here) and all(site.agents is not None for site in here)
    raw = [
        0.0 if s.closed else float((s.agents or 0) if declared else s.rows)
        for s in sites
    ]
    if here and not sum(raw):
        raw = [0.0 if site.closed else 1.0 for site in sites]
    whole = math.fsum(raw) or 1.0
    return tuple(one / whole for one in raw), "agents" if declared else "rows"
