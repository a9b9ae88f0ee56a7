"""What sites announced: their clock, and the gaps in it, read off a ledger."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stats.clock import Gap, VectorClock
from stats.ledger import ShardLedger
from stats.manifest import Manifest
from stats.summary import Incompatible

__all__ = ["clock_of", "gaps_of", "missing_dependencies"]

Place = tuple[str, int]


def clock_of(ledger: ShardLedger) -> VectorClock:
    """Clock of everything known, with the numbers that a manifest says are void.

    Parameters
    ----------
    ledger : ShardLedger
        Of one dataset: every dataset numbers for itself.

    Returns
    -------
    VectorClock
        Grows with the ledger: what merges there merges here.

    Raises
    ------
    Incompatible
        When the ledger holds more than one dataset.
    """
    known = _known(ledger)
    void = VectorClock.from_dots(
        (site, epoch, seq)
        for (site, epoch), manifests in _manifests(ledger).items()
        for manifest in manifests.values()
        for seq in manifest.void
    )
    return known.merge(void)


def gaps_of(ledger: ShardLedger) -> tuple[Gap, ...]:
    """Numbers that sites announced and that are neither known nor void, sorted.

    A site announces a number with every higher one, and by the `seq_high` of its
    manifests.  Once a manifest of a later epoch says where an epoch ended, what is
    missing of that epoch is lost.

    Raises
    ------
    Incompatible
        When the ledger holds more than one dataset.
    """
    clock, manifests = clock_of(ledger), _manifests(ledger)
    announced = {
        place: max(manifest.seq_high for manifest in found.values())
        for place, found in manifests.items()
    }
    closed: dict[str, int] = {}
    for site, epoch in sorted(manifests):
        ends = _end_of_previous(manifests[site, epoch])
        if ends is None:
            continue
        closed[site] = epoch
        earlier = [e for s, e in {*clock.runs, *announced} if s == site and e < epoch]
        place = site, max(earlier, default=max(epoch - 1, 0))
        if place[1] < epoch:
            announced[place] = max(announced.get(place, 0), ends)
    return tuple(
        Gap(g.site, g.epoch, g.first, g.last, g.epoch < closed.get(g.site, 0))
        for g in clock.gaps(announced)
    )


def missing_dependencies(
    ledger: ShardLedger, until: str
) -> tuple[tuple[str, int, int], ...]:
    """Versions from which something that counts was computed, and which are not known.

    Parameters
    ----------
    ledger : ShardLedger
    until : str
        Last night looked at.

    Returns
    -------
    tuple of (site, epoch, seq)
        Sorted; none when what counts is causally closed.

    Raises
    ------
    Incompatible
        When the ledger holds more than one dataset.
    """
    clock = clock_of(ledger)
    return tuple(
        sorted(
            {
                dot
                for entry in ledger.noted(settled=True)
                if entry.night <= until
                for dot in entry.stated.deps
                if dot not in clock
            }
        )
    )


def _end_of_previous(manifests: Mapping[int, Manifest]) -> int | None:
    """What the first manifest of an epoch says about where the one before ended."""
    stated = (manifests[seq].previous_end for seq in sorted(manifests))
    return next((end for end in stated if end is not None), None)


def _manifests(ledger: ShardLedger) -> dict[Place, dict[int, Manifest]]:
    """Every manifest ever announced, by site and epoch, by seq.

    Also superseded and contradicted ones: what a site announced stays announced, so
    that a clock never goes back.
    """
    found: dict[Place, dict[int, Manifest]] = {}
    for entry in ledger.noted():
        manifest = entry.stated.manifest
        if manifest is None:
            continue
        numbers = found.setdefault((entry.site, entry.epoch), {})
        other = numbers.get(entry.seq)
        numbers[entry.seq] = manifest if other is None else _both(other, manifest)
    return found


def _both(one: Manifest, two: Manifest) -> Manifest:
    """All that two contents of one version announce, in whichever order they came."""
    ends = [m.previous_end for m in (one, two) if m.previous_end is not None]
    return Manifest(
        seq_high=max(one.seq_high, two.seq_high),
        void=tuple(sorted({*one.void, *two.void})),
        previous_end=max(ends, default=None),
    )


def _known(ledger: ShardLedger) -> VectorClock:
    columns = ledger.columns
    datasets = np.unique(columns["dataset"])
    if len(datasets) > 1:
        raise Incompatible(
            f"clock_of: a ledger of {len(datasets)} datasets, "
            f"{', '.join(datasets[:3])}: each numbers for itself. Build one ledger of "
            "each."
        )
    sites, codes = np.unique(columns["site"], return_inverse=True)
    rows = np.stack([codes, columns["epoch"], columns["seq"]]).astype(np.int64)
    site, epoch, seq = np.unique(rows, axis=1)
    begins = np.ones(len(seq), dtype=bool)
    begins[1:] = (np.diff(site) != 0) | (np.diff(epoch) != 0) | (np.diff(seq) != 1)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(seq)) - 1 if len(first) else first
    runs: dict[Place, list[tuple[int, int]]] = {}
    for a, b in zip(first.tolist(), last.tolist(), strict=True):
        place = str(sites[site[a]]), int(epoch[a])
        runs.setdefault(place, []).append((int(seq[a]), int(seq[b])))
    return VectorClock({place: tuple(found) for place, found in runs.items()})
