"""What each source says of each agent, and what the others say of it together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence_sums import EvidenceSums
from stats.summary import InvalidInput

__all__ = ["checked_table", "left_out_consensus", "source_table"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Agents handled at once: a few arrays of this many rows fit a cache.
_BLOCK = 16_384
# Beyond it a ratio says nothing more, and sums of it could overflow.
_LARGEST = 1e100


def source_table(sums: EvidenceSums, n_sources: int) -> tuple[Floats, Ints]:
    """Mean ratio of a row, by agent and source.

    Parameters
    ----------
    sums : EvidenceSums
        Of one hypothesis; group = agent * n_sources + source.
    n_sources : int

    Returns
    -------
    table : float64 array, shape (agents, sources)
        Σ w l / n: how a source speaks of an agent, however often.  NaN where it has
        said nothing.
    rows : int64 array, shape (agents, sources)

    Raises
    ------
    InvalidInput
        When groups are no multiple of sources, or there are several hypotheses.

    Examples
    --------
    >>> sums = EvidenceSums.from_block([1.0, 3.0, 5.0], 1.0, [0, 0, 3], 4)
    >>> source_table(sums, 2)[0].tolist()
    [[2.0, nan], [nan, 5.0]]
    """
    if n_sources < 1 or sums.n_groups % n_sources or sums.n_hypotheses != 1:
        raise InvalidInput(
            f"source_table: {sums.n_groups} groups and {sums.n_hypotheses} hypotheses "
            f"for {n_sources} sources. Give groups agent * sources + source of one "
            "hypothesis."
        )
    rows = sums.n.reshape(-1, n_sources)
    total = sums.log_ratio().reshape(-1, n_sources)
    return total / np.where(rows > 0, rows, np.nan), rows


def checked_table(table: ArrayLike, where: str) -> Floats:
    """Table of ratios as float64, shape (agents, sources); infinite is refused.

    Raises
    ------
    InvalidInput
        For another shape, or infinite ratios.
    """
    x = np.asarray(table, np.float64)
    if x.ndim != 2 or np.isinf(x).any():
        raise InvalidInput(
            f"{where}: table {x.shape} with {int(np.isinf(x).sum())} infinite ratios. "
            "Give (agents, sources), NaN where a source has said nothing."
        )
    return np.clip(x, -_LARGEST, _LARGEST)


def left_out_consensus(table: ArrayLike) -> Floats:
    """What the other sources say of an agent, one by one left out.

    Parameters
    ----------
    table : array_like, shape (agents, sources)
        NaN where a source has said nothing.

    Returns
    -------
    float64 array, shape (agents, sources)
        Trimmed mean of the ratios of all sources but the one of the column, whether
        it spoke or not; NaN without any other.

    Raises
    ------
    InvalidInput
        For another shape, or infinite ratios.

    Notes
    -----
    Of m others as many are cut at both ends as leave the mean inside the range of
    honest ones if fewer than a third of all speaking sources lie, (m' - 1) // 3 with
    m' speaking.  Source: Huber, Ronchetti, Robust Statistics (2009), section 3.3.
    Naive twin: tests/stats/test_source_table.py.

    Examples
    --------
    >>> left_out_consensus([[1.0, 2.0, 3.0, 900.0]])
    array([[3., 3., 2., 2.]])
    """
    x = checked_table(table, "left_out_consensus")
    out = np.full(x.shape, np.nan)
    if x.shape[1] > 1:
        for first in range(0, len(x), _BLOCK):
            _block(x[first : first + _BLOCK], out[first : first + _BLOCK])
    return out


def _block(x: Floats, out: Floats) -> None:
    """Fill in the consensus of a block of agents."""
    agents, sources = x.shape
    order = np.argsort(x, axis=1, kind="stable")  # NaN comes last
    ordered = np.nan_to_num(np.take_along_axis(x, order, axis=1))
    speak = (~np.isnan(x)).sum(axis=1)[:, None]
    cut = np.maximum((speak - 1) // 3, 0)
    place = np.arange(sources)[None, :]
    for silent in (False, True):
        others = speak if silent else speak - 1
        last = np.maximum(others - cut, 0)  # places [cut, last) of the others count
        kept = last - cut
        middle = np.where((place > cut) & (place < last), ordered, 0.0)
        base = middle.sum(axis=1, keepdims=True)
        low = np.take_along_axis(ordered, np.minimum(cut, sources - 1), axis=1)
        high = np.take_along_axis(ordered, np.minimum(last, sources - 1), axis=1)
        if silent:
            total = base + np.where(kept > 0, low, 0.0)
        else:
            # Whose own place is before, after or inside the places that count.
            inside = base + low + high - ordered
            total = np.where(place < cut, base + high, inside)
            total = np.where(place >= last, base + low, total)
            total = np.where(place == cut, base + high, total)
        value = np.broadcast_to(
            total / np.where(kept > 0, kept, np.nan), (agents, sources)
        )
        mine = (place >= speak) if silent else (place < speak)
        rows, places = np.nonzero(mine)
        out[rows, order[rows, places]] = value[rows, places]
