"""The five contracts of a reader with a ledger: what each returns, what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from stats.announced import clock_of, gaps_of, missing_dependencies
from stats.clock import VectorClock
from stats.ledger import ShardLedger
from stats.progress import SiteProgress, minimum_watermark, progress, watermark
from stats.proven import proven_until
from stats.staleness import (
    ConsistencyModel,
    NotYet,
    PartitionState,
    StalenessExceeded,
    StalenessPolicy,
    TooUncertain,
    Unavailable,
    partition_state,
)
from stats.summary import InvalidInput
from stats.views import LABELS, View, roster_mass

__all__ = ["require_certainty", "view_of"]


def view_of(
    ledger: ShardLedger,
    night: str | None = None,
    model: ConsistencyModel = ConsistencyModel.STATISTICAL,
    policy: StalenessPolicy | None = None,
    *,
    now: int,
    roster: Iterable[str] = (),
    seen: VectorClock | None = None,
    before: Sequence[SiteProgress] | None = None,
    snapshot: str = "",
) -> View:
    """Say what counts under a model, or refuse.

    Parameters
    ----------
    ledger : ShardLedger
        Of one dataset.
    night : str, optional
        None takes the newest that the model can answer.
    model : ConsistencyModel
    policy : StalenessPolicy, optional
        None takes its defaults.
    now : int
        Nanoseconds UTC; for ages only, it orders nothing.
    roster : iterable of str
        Sites to expect although nothing is known of them.
    seen : VectorClock, optional
        Of an earlier view of the same reader; CAUSAL never shows less.
    before : sequence of SiteProgress, optional
        Sites at an earlier look, to tell whether a partition heals.
    snapshot : str
        Where the ledger was read from.

    Returns
    -------
    View

    Raises
    ------
    Unavailable
        STRONG, when the night asked for is not complete everywhere.
    NotYet
        CAUSAL, when something that counts, or that was seen, depends on what is not
        known.
    StalenessExceeded
        BOUNDED_STALENESS, when a site is beyond the nights or seconds of the policy.
    TooUncertain
        STATISTICAL, when less mass arrived than the policy wants.
    InvalidInput, Incompatible
        As `stats.progress.progress`; also without a night, where nothing is known.
    """
    policy = StalenessPolicy() if policy is None else policy
    asked = night or _newest(ledger)
    names = tuple(roster)
    sites = progress(ledger, asked, names)
    if model is ConsistencyModel.STRONG and night is None:
        complete = _newest_proven(ledger, sites)
        if complete is not None:
            asked, sites = complete, progress(ledger, complete, names)
    view = _view(ledger, asked, model, policy, now, sites, snapshot)
    view = replace(view, state=partition_state(sites, policy, now, before))
    contract = _CONTRACTS.get(model)
    if contract is not None:
        contract(view, ledger, seen)
    return view


def require_certainty(view: View, width: float) -> View:
    """Return the view, unless an interval made from it is too wide for its policy.

    Raises
    ------
    TooUncertain
        STATISTICAL, when the width is above `max_width` or not a number.
    """
    limit = view.policy.max_width
    statistical = view.model is ConsistencyModel.STATISTICAL
    if statistical and limit is not None and not width <= limit:
        raise TooUncertain(
            width, view.arrived_mass, limits=(limit, view.policy.min_mass)
        )
    return view


def _newest(ledger: ShardLedger) -> str:
    if not len(ledger):
        raise InvalidInput(
            "view_of: nothing is known, so no night is the newest. Name a night."
        )
    return str(max(ledger.columns["night"].tolist()))


def _view(
    ledger: ShardLedger,
    night: str,
    model: ConsistencyModel,
    policy: StalenessPolicy,
    now: int,
    sites: tuple[SiteProgress, ...],
    snapshot: str,
) -> View:
    mass, unit = roster_mass(sites)
    pairs = list(zip(sites, mass, strict=True))
    arrived = math.fsum(share for site, share in pairs if site.arrived)
    spoilt = {entry.key for entry in ledger.quarantined() if entry.night <= night}
    return View(
        model=model,
        policy=policy,
        night=night,
        snapshot=snapshot,
        ledger_digest=ledger.digest(),
        clock=clock_of(ledger),
        winners=tuple(e for e in ledger.winners() if e.night <= night),
        sites=sites,
        ages={site.site: site.staleness(now) for site in sites if not site.closed},
        mass={site.site: share for site, share in pairs if not site.closed},
        mass_unit=unit,
        arrived_mass=min(arrived, 1.0),
        watermark=minimum_watermark(sites),
        common_watermark=watermark(sites, mass),
        gaps=gaps_of(ledger),
        quarantined=tuple(sorted(spoilt)),
        state=PartitionState.CONNECTED,
        degraded=arrived < policy.degraded_mass,
        label=LABELS[model],
    )


def _newest_proven(ledger: ShardLedger, sites: Sequence[SiteProgress]) -> str | None:
    """Last night up to which every site of the roster is complete by its own word."""
    marks = proven_until(ledger, [site for site in sites if not site.closed])
    known = [mark for mark in marks.values() if mark is not None]
    return min(known) if known and len(known) == len(marks) else None


def _strong(view: View, ledger: ShardLedger, _: VectorClock | None) -> None:
    marks = proven_until(ledger, [site for site in view.sites if not site.closed])
    missing = tuple(site for site, mark in marks.items() if (mark or "") < view.night)
    if missing or not marks:
        newest = _newest_proven(ledger, view.sites)
        raise Unavailable(view.night, newest, missing)


def _causal(view: View, ledger: ShardLedger, seen: VectorClock | None) -> None:
    missing = list(missing_dependencies(ledger, view.night))
    if seen is not None:
        missing += view.clock.lacks(seen)
    if missing:
        raise NotYet(missing[0], len(missing))


def _bounded(view: View, _: ShardLedger, __: VectorClock | None) -> None:
    policy = view.policy
    beyond = {
        site: age
        for site, age in view.ages.items()
        if not age.within(policy.versions, policy.seconds)
    }
    if beyond:
        site = max(beyond, key=lambda s: (beyond[s].seconds, beyond[s].versions, s))
        raise StalenessExceeded(
            site,
            beyond[site].versions,
            beyond[site].seconds,
            limits=(policy.versions, policy.seconds),
            sites=tuple(beyond),
        )


def _statistical(view: View, _: ShardLedger, __: VectorClock | None) -> None:
    policy = view.policy
    if view.arrived_mass < policy.min_mass:
        raise TooUncertain(
            math.nan, view.arrived_mass, limits=(policy.max_width, policy.min_mass)
        )


_CONTRACTS: Mapping[
    ConsistencyModel, Callable[[View, ShardLedger, VectorClock | None], None]
] = {
    ConsistencyModel.STRONG: _strong,
    ConsistencyModel.CAUSAL: _causal,
    ConsistencyModel.BOUNDED_STALENESS: _bounded,
    ConsistencyModel.STATISTICAL: _statistical,
}
