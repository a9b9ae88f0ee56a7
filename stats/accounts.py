"""What became of every version that a site issued, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.ledger import Outcome, ShardLedger

__all__ = ["SiteAccount", "site_accounts"]


@dataclass(frozen=True, slots=True)
class SiteAccount:
    """Versions of one site; the four states add up to `versions`.

    Attributes
    ----------
    site : str
    versions : int
        Known, of every kind; a version with two contents is two.
    applied : int
        Highest of their key, with one content: they count, or are believed.
    superseded : int
        A higher version of their key is known.
    retracted : int
        Retractions that are the highest of their key: it counts for nothing.
    quarantined : int
        Contents that claim the same highest version of their key: none counts.
    repeated : int
        Versions that say what another version of their key said: the site sent the
        same content under several numbers.  A copy under the same number changes
        nothing and leaves no trace.
    contradicted : int
        Contents that share their version with another content, also superseded ones.
    epochs : tuple of int
        Sorted; a new one begins when the site is rebuilt.
    """

    site: str
    versions: int
    applied: int
    superseded: int
    retracted: int
    quarantined: int
    repeated: int
    contradicted: int
    epochs: tuple[int, ...]


def site_accounts(ledger: ShardLedger) -> tuple[SiteAccount, ...]:
    """Count the versions of every site by what became of them.

    Parameters
    ----------
    ledger : ShardLedger

    Returns
    -------
    tuple of SiteAccount
        Sorted by site.

    Notes
    -----
    Everything is derived from what is known, so two ledgers that know the same give
    the same accounts, whatever arrived how often.  Naive twin: loops over entries, in
    tests/stats/test_accounts.py.

    Examples
    --------
    >>> from stats.ledger import LedgerEntry
    >>> one = LedgerEntry("d", "s", "2013-03-08", "0", 0, 1, "0" * 64, "data", 5)
    >>> site_accounts(ShardLedger.from_entries([one, one]))[0].applied
    1
    """
    columns, states = ledger.columns, ledger.states()
    sites, codes = np.unique(columns["site"], return_inverse=True)
    places = {
        "repeated": _repeats(ledger),
        "contradicted": _shared(ledger, ("epoch", "seq")),
    } | {name.value: states == name.value for name in Outcome}
    counts = {
        name: np.bincount(codes[where], minlength=len(sites))
        for name, where in places.items()
    }
    epochs: dict[int, set[int]] = {}
    for code, epoch in zip(codes.tolist(), columns["epoch"].tolist(), strict=True):
        epochs.setdefault(code, set()).add(epoch)
    return tuple(
        SiteAccount(
            site=str(site),
            versions=int(np.count_nonzero(codes == i)),
            applied=int(counts["applied"][i]),
            superseded=int(counts["superseded"][i]),
            retracted=int(counts["retracted"][i]),
            quarantined=int(counts["quarantined"][i]),
            repeated=int(counts["repeated"][i]),
            contradicted=int(counts["contradicted"][i]),
            epochs=tuple(sorted(epochs[i])),
        )
        for i, site in enumerate(sites)
    )


def _repeats(ledger: ShardLedger) -> NDArray[np.bool_]:
    """Rows whose content an earlier version of the same key had."""
    columns, n = ledger.columns, len(ledger)
    words = np.ascontiguousarray(columns["sha256"]).view(">u8").reshape(n, 4)
    # Rows lie sorted by key and version: a stable sort by content keeps that order.
    keys = [_codes(ledger, ("dataset", "site", "night", "part")), *words.T]
    order = np.lexsort(keys[::-1])
    begins = np.ones(n, dtype=bool)
    begins[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    first = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    version = _codes(ledger, ("dataset", "site", "night", "part", "epoch", "seq"))
    again = np.zeros(n, dtype=bool)
    again[order] = version[order] != version[order][first]
    return again


def _shared(ledger: ShardLedger, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Rows whose key and other columns another row has as well."""
    code = _codes(ledger, ("dataset", "site", "night", "part", *names))
    found: NDArray[np.bool_] = np.bincount(code)[code] > 1
    return found


def _codes(ledger: ShardLedger, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Number of the run of equal values that each row, as they lie, belongs to."""
    starts = np.zeros(len(ledger), dtype=np.int64)
    for name in names:
        column: NDArray[Any] = ledger.columns[name]
        starts[1:] |= column[1:] != column[:-1]
    return np.cumsum(starts)
