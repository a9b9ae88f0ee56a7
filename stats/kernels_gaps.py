"""What a tile holds in the rows where another feature is missing."""

from __future__ import annotations

import numpy as np

from stats import lanes
from stats.compiled import compiled
from stats.kernels import add_product, add_single, parts
from stats.kernels_masks import load_across, lowest_bit, shared_bits
from stats.kernels_products import REST, SIGMA

__all__ = ["add_gaps"]

_ONE = np.uint64(1)


@compiled
def add_gaps(pending, tile, g, state, n, kept):  # type: ignore[no-untyped-def]  # compiled
    """Count rows with both features, and sum what is there where one is missing.

    Split columns enter the limbs at once, value by value; the others wait.

    Parameters
    ----------
    n, kept : int
        Rows of the tile, and how many of them were not left out.
    """
    d, words = tile.seen.size, (n + 63) // 64
    if tile.seen.min() == kept:
        pending.both[:] += kept
        return
    tile.there[:, words:] = 0
    _count_both(pending.both, tile.there.ravel(), tile.there.shape[1])
    _sum_gaps(
        pending.gaps.ravel(), pending.places, tile.scaled.ravel(),
        tile.scaled.shape[1], tile.there, tile.counted, words, pending.gaps.shape[2],
    )  # fmt: skip
    for c in range(d, pending.used[0]):
        i = pending.owner[c]
        _add_split(i, tile.raw[0], tile.there, tile.counted, g, state, words)


@compiled
def _count_both(both, there, words):  # type: ignore[no-untyped-def]  # compiled
    for i in range(both.shape[0]):
        for j in range(i, both.shape[0]):
            for w in range(0, words, 8):
                found = shared_bits(there, i * words + w, j * words + w)
                both[i, j] += found
                if i != j:
                    both[j, i] += found


@compiled
def _sum_gaps(gaps, places, scaled, stride, there, counted, words, wide):  # type: ignore[no-untyped-def]  # compiled
    """Add y_i and y_i² of rows that miss j to the sums of (j, i); flat arrays."""
    d = there.shape[0]
    plane = d * wide
    sigma, rest = lanes.splat(np.float64(SIGMA)), lanes.splat(np.float64(REST))
    start, below = lanes.bits(sigma), lanes.bits(rest)
    for w in range(words):
        union = np.uint64(0)
        for j in range(d):
            union |= ~there[j, w]
        union &= counted[w]
        while union:
            bit = lowest_bit(union)
            union &= union - _ONE
            # Where each j that this row misses keeps its sums; no branch to guess.
            n = np.int64(0)
            for j in range(d):
                places[n] = j * wide
                n += np.int64((~there[j, w] >> bit) & _ONE)
            row = 64 * w + np.int64(bit)
            for k in range(0, wide, 8):
                y = load_across(scaled, k * stride + row, stride)
                t = lanes.fused(y, y, sigma)
                left = lanes.fused(y, y, sigma - t)
                single = lanes.bits(sigma + y) - start
                high, low = lanes.bits(t) - start, lanes.bits(rest + left) - below
                for m in range(n):
                    at = places[m] + k
                    lanes.store(gaps, at, lanes.load(gaps, at) + single)
                    at += plane
                    lanes.store(gaps, at, lanes.load(gaps, at) + high)
                    at += plane
                    lanes.store(gaps, at, lanes.load(gaps, at) + low)


@compiled
def _add_split(i, raw, there, counted, g, state, words):  # type: ignore[no-untyped-def]  # compiled
    """Add feature i where another is missing, value by value."""
    base, second = state.base[0], state.base[1]
    for j in range(raw.shape[0]):
        for w in range(words):
            word = there[i, w] & ~there[j, w] & counted[w]
            while word:
                row = 64 * w + np.int64(lowest_bit(word))
                word &= word - _ONE
                m, s, negative = parts(raw[i, row])
                add_single(state.gaps[g, i, j], base, m, s, negative)
                add_product(state.squares[g, i, j], second, m, m, s + s, False)
