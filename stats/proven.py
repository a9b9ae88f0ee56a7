"""Up to which night each site is complete by its own word, not by a guess of ours."""

from __future__ import annotations

from collections.abc import Sequence

from stats.announced import gaps_of
from stats.ledger import ShardLedger
from stats.nights import nights_between
from stats.progress import SiteProgress

__all__ = ["proven_until"]


def proven_until(
    ledger: ShardLedger, sites: Sequence[SiteProgress]
) -> dict[str, str | None]:
    """Last night of each site up to which nothing of it can be missing.

    Parameters
    ----------
    ledger : ShardLedger
        Of one dataset.
    sites : sequence of SiteProgress
        From `stats.progress.progress` on the same ledger.

    Returns
    -------
    dict of site to night or None
        Never later than its watermark.

    Notes
    -----
    A watermark goes on without the manifest of a night, with the parts of the one
    before.  That is right for telling progress, and too much for a promise: a site that
    declares its nights may have more parts on the way.  So its nights need a manifest
    here, from its first declared one on; those before as well when some number of it
    is not known, because a manifest may be among them.  A site that declares nothing is
    taken at its watermark: nobody can know better.

    Examples
    --------
    >>> proven_until(ShardLedger.from_entries(), [SiteProgress("a")])
    {'a': None}
    """
    declared: dict[str, set[str]] = {}
    for entry in ledger.noted():
        if entry.kind == "manifest":
            declared.setdefault(entry.site, set())
    for entry in ledger.noted(settled=True):
        if entry.kind == "manifest":
            declared[entry.site].add(entry.night)
    unknown = {gap.site for gap in gaps_of(ledger)}
    return {
        one.site: _proven(one, declared[one.site], from_first=one.site in unknown)
        if one.site in declared
        else one.watermark
        for one in sites
    }


def _proven(site: SiteProgress, declared: set[str], *, from_first: bool) -> str | None:
    if site.first is None or site.watermark is None:
        return None
    start = site.first if from_first else min(declared, default=site.first)
    mark = None
    for night in nights_between(site.first, site.watermark):
        if night >= start and night not in declared:
            break
        mark = night
    return mark
