"""Rows of evidence checked, and added to the exact sums of their cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.exact_input import readable
from stats.kernels_evidence import add_rows, reach
from stats.limbs import Limbs
from stats.summary import InvalidInput

__all__ = ["WEIGHT_UNIT", "cells_of", "checked_ratio", "quantised", "scatter"]

WEIGHT_UNIT = 1 << 16
"""Confidence 1 as an integer: confidences count in steps of 2⁻¹⁶."""

# Largest ratio in size: beyond it no reading of the word evidence is left.
_LARGEST = 2.0**1000
# What the limbs of the cells worked on at once may take.
_BLOCK_BYTES = 128 * 2**20
# Bits of a mantissa times a weight, and of a limb.
_PRODUCT_BITS, _LIMB = 70, 32

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def quantised(confidence: ArrayLike) -> Ints:
    """Confidences in [0, 1] as whole multiples of 2⁻¹⁶, ties to even.

    Raises
    ------
    InvalidInput
        For a confidence that is not in [0, 1].
    """
    weight = np.asarray(confidence, np.float64)
    good = (weight >= 0.0) & (weight <= 1.0)
    if not good.all():
        raise InvalidInput(
            f"evidence: {int((~good).sum())} of {weight.size} confidences are not in "
            f"[0, 1], the first is {weight[~good].flat[0]}. Give a share of trust."
        )
    found: Ints = np.rint(weight * WEIGHT_UNIT).astype(np.int64)
    return found


def checked_ratio(log_ratio: ArrayLike) -> Floats:
    """Log-likelihood ratios as a vector for compiled code.

    Raises
    ------
    InvalidInput
        When they are not a vector of finite numbers below 2^1000 in size.
    """
    ratio = np.asarray(log_ratio, np.float64)
    good = np.abs(ratio) < _LARGEST  # False for NaN
    if ratio.ndim != 1 or not good.all():
        first = ratio[~good].flat[0] if not good.all() else "fine"
        raise InvalidInput(
            f"evidence: log-likelihood ratios {ratio.shape}, {int((~good).sum())} not "
            f"finite or not below 2^1000 in size, the first {first}. Give one finite "
            "natural logarithm per row."
        )
    return np.asarray(readable(ratio, np.float64))


def cells_of(
    rows: int,
    groups: ArrayLike,
    n_groups: int,
    hypotheses: ArrayLike | None,
    n_hypotheses: int,
) -> Ints:
    """Cell of every row, group * hypotheses + hypothesis; -1 for a row left out.

    Raises
    ------
    InvalidInput
        When lengths differ, or a group or hypothesis is out of range.
    """
    group = np.asarray(groups, np.int64)
    kind = np.asarray(0 if hypotheses is None else hypotheses, np.int64)
    kind = np.broadcast_to(kind, group.shape) if kind.ndim == 0 else kind
    if group.shape != (rows,) or kind.shape != (rows,):
        raise InvalidInput(
            f"evidence: {rows} ratios, groups {group.shape} and hypotheses "
            f"{kind.shape}. Give one of each per row."
        )
    for what, codes, low, high in (
        ("groups", group, -1, n_groups),
        ("hypotheses", kind, 0, n_hypotheses),
    ):
        if rows and not low <= codes.min() <= codes.max() < high:
            raise InvalidInput(
                f"evidence: {what} from {codes.min()} to {codes.max()}, expected "
                f"[{low}, {high}). Number them from 0."
            )
    found: Ints = np.where(group < 0, -1, group * n_hypotheses + kind)
    return found


def scatter(
    counts: Ints, cell: Ints, ratio: Floats, weight: Ints
) -> tuple[Limbs, Limbs]:
    """Add rows to counters in place, and to new sums of w l and w times the size of l.

    Parameters
    ----------
    counts : int64 array, shape (cells, 3)
    cell, weight : int64 arrays, shape (n,)
    ratio : float64 array, shape (n,)

    Notes
    -----
    Limbs of all cells share one window of exponents; where ratios differ by hundreds
    of powers of two the cells are worked on in blocks, so that memory stays bounded.
    """
    cells = len(counts)
    low, high = reach(ratio, weight)
    base = low // _LIMB
    width = (max(high, 0) + _PRODUCT_BITS) // _LIMB - base + 2
    step = max(1, _BLOCK_BYTES // (16 * width))
    parts: list[tuple[Limbs, Limbs]] = []
    for first in range(0, max(cells, 1), step):
        last = min(first + step, cells)
        pair = np.zeros((2, last - first, width), dtype=np.int64)
        add_rows(pair[0], pair[1], counts, cell, ratio, weight, base, first, last)
        parts.append((Limbs.canonical(pair[0], base), Limbs.canonical(pair[1], base)))
    if len(parts) == 1:
        return parts[0]
    place = [
        np.arange(k * step, k * step + part.cells) for k, (part, _) in enumerate(parts)
    ]
    signed = Limbs.join([a for a, _ in parts], place, cells, 1)
    return signed, Limbs.join([b for _, b in parts], place, cells, 1)
