"""Ledger entries, manifests and naive readings of them, for tests of what counts."""

from collections import defaultdict

import numpy as np

from stats.ledger import LedgerEntry
from stats.manifest import Manifest, note_text

DATASET = "d"
FIRST = np.datetime64("2026-03-01")


def night(k):
    """Return the k-th night, from 1."""
    return str(FIRST + (k - 1))


def entry(
    site="a", k=1, seq=1, content=1, *, epoch=0, part="0", kind="data", n=5, **more
):
    """One version of a part of the k-th night."""
    if kind == "retraction":
        n = 0
    return LedgerEntry(
        DATASET, site, night(k), part, epoch, seq, f"{content:064x}", kind, n, **more
    )


def manifest(
    site="a", k=1, seq=2, parts=("0",), *, epoch=0, content=9, deps=(), **said
):
    """Manifest of the k-th night."""
    note = note_text(Manifest(parts=tuple(parts), **{"seq_high": seq} | said), deps)
    return LedgerEntry(
        DATASET, site, night(k), "manifest", epoch, seq, f"{content:064x}",
        "manifest", 0, note=note,
    )  # fmt: skip


def whole_nights(site="a", nights=(1, 2, 3), **said):
    """Part and manifest of each night, numbered from 1 without a gap."""
    out = []
    for i, k in enumerate(nights):
        out.append(entry(site, k, 2 * i + 1, content=100 + k))
        out.append(manifest(site, k, 2 * i + 2, **said))
    return out


def naive_winners(entries):
    """Dict of sets, key -> version -> contents: winners, and what is contradicted."""
    known = defaultdict(lambda: defaultdict(set))
    for one in entries:
        known[one.key][one.version].add(one)
    winners, spoilt = [], []
    for versions in known.values():
        top = versions[max(versions)]
        if len(top) > 1:
            spoilt.extend(top)
        elif next(iter(top)).kind in ("data", "table"):
            winners.extend(top)
    return tuple(sorted(winners)), tuple(sorted(spoilt))
