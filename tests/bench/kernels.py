"""Inner loops of exact co-moments, beside each other and beside a float product."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from stats.kernels_products import Pending, add_products, new_pending
from stats.kernels_tile import ROWS, new_tile
from tests.bench import rivals
from tests.bench.options import Options
from tests.bench.results import Comparison, Section
from tests.bench.timing import interleaved

_SEED = 20130308
_TILES = 100


def measure(options: Options) -> Section:
    """Time every loop on the same tiles, after comparing their integers."""
    comparisons: list[Comparison] = []
    with threadpoolctl.threadpool_limits(1):
        for d in (16, 32):
            options.say(f"kernels: {d} features")
            comparisons += _of_features(d, options.rounds)
    return Section(
        "kernels",
        "Inner loops of exact co-moments",
        f"All pairs of columns of a tile of {ROWS:,} rows in the cache, {_TILES} tiles "
        "a round, one thread; time per row and pair. Every loop gives the exact sum, "
        "which is compared before it is timed. The loop in use takes 43 bits below the "
        "largest value of a column; a column split in two takes 86. Beside float64 "
        "matrix multiplication, which is not exact and computes pairs twice.",
        tuple(comparisons),
    )


def _of_features(d: int, rounds: int) -> list[Comparison]:
    rng = np.random.default_rng(_SEED)
    y = np.zeros((d, ROWS + 8))
    y[:, :ROWS] = np.rint(rng.uniform(-1, 1, (d, ROWS)) * 2**25) * 2.0**-25
    whole = (y * 2**25).astype(np.int32)
    full = np.zeros_like(y)
    full[:, :ROWS] = rng.uniform(-1, 1, (d, ROWS))
    pairs = d * (d + 1) // 2
    out = np.zeros((pairs, 3), dtype=np.int64)
    calls: dict[str, Callable[[], object]] = {
        "two floats per pair, 2 × 2 columns (in use)": _ours(y),
        "two integer levels, 8 lanes": lambda: rivals.two_levels_in_lanes(y, ROWS, out),
        "two integer levels, as the compiler finds it": lambda: rivals.two_levels(
            y, ROWS, out
        ),
        "one integer level (25 bits)": lambda: rivals.one_level(y, ROWS, out),
        "int32 times int32 (25 bits)": lambda: rivals.whole_numbers(whole, ROWS, out),
        "any 53 bits: columns split in two (in use)": _ours(_halves(full)),
        "any 53 bits: product and its error": lambda: rivals.error_free(
            full, ROWS, out
        ),
        "matrix multiplication": lambda: y[:, :ROWS] @ y[:, :ROWS].T,
    }
    _compare(y, whole, d)
    repeated = {name: _times(call) for name, call in calls.items()}
    seconds = interleaved(repeated, rounds)
    peer = "matrix multiplication"
    return [
        Comparison(
            f"{d} features", name, peer, seconds[name], seconds[peer],
            units=_TILES * ROWS * pairs, unit="row and pair",
        )
        for name in calls
        if name != peer
    ]  # fmt: skip


def _times(call: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(_TILES):
            call()

    return run


def _ours(y: NDArray[np.float64]) -> Callable[[], object]:
    """Return the loop in use over tiles whose columns are already scaled."""
    pending, scaled = _columns(y)
    return lambda: add_products(pending, scaled, ROWS, True)


def _columns(y: NDArray[np.float64]) -> tuple[Pending, NDArray[np.float64]]:
    pending, tile = new_pending(len(y)), new_tile(len(y))
    tile.scaled[: len(y)] = y
    pending.used[0] = len(y)
    return pending, tile.scaled


def _halves(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Split columns: 43 bits, and the next 43."""
    high = np.rint(y * 2**43) * 2.0**-43
    return np.concatenate([high, np.rint((y - high) * 2**86) * 2.0**-43])


def _compare(y: NDArray[np.float64], whole: NDArray[np.int32], d: int) -> None:
    """Hold every loop to the exact sum of a pair."""
    pairs = d * (d + 1) // 2
    exact = sum(
        (Fraction(a) * Fraction(b) for a, b in zip(*y[:2].tolist(), strict=True)),
        Fraction(0),
    )
    pending, scaled = _columns(y)
    add_products(pending, scaled, ROWS, True)
    high, low = int(pending.high[0, 1]), int(pending.low[0, 1])
    found = [Fraction(high, 2**43) + Fraction(low, 2**87)]
    for loop, block, units in (
        (rivals.two_levels_in_lanes, y, (43, 87, 0)),
        (rivals.two_levels, y, (51, 103, 0)),
        (rivals.one_level, y, (51, 0, 0)),
        (rivals.whole_numbers, whole, (50, 0, 0)),
        (rivals.error_free, y, (51, 103, 155)),
    ):
        out = np.zeros((pairs, 3), dtype=np.int64)
        loop(block, ROWS, out)
        terms = zip(out[1].tolist(), units, strict=True)
        found.append(sum((Fraction(n, 2**unit) for n, unit in terms), Fraction(0)))
    wrong = [value for value in found if value != exact]
    if wrong:
        raise AssertionError(f"{len(wrong)} loops differ from the exact sum {exact}")
