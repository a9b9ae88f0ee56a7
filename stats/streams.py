"""Independent random streams by name: any block regenerates alone."""

from __future__ import annotations

import numpy as np

from stats.summary import InvalidInput

__all__ = [
    "AGENTS",
    "ANOMALIES",
    "ARRIVALS",
    "EVIDENCE",
    "LIARS",
    "SHOCKS",
    "SITES",
    "TEAMS",
    "stream",
]

AGENTS, SITES, TEAMS, SHOCKS, ANOMALIES, EVIDENCE, LIARS, ARRIVALS = range(8)


def stream(seed: int, which: int, block: int) -> np.random.Generator:
    """Counter-based generator keyed by seed, stream and block.

    Parameters
    ----------
    seed : int
        In [0, 2⁶⁴).
    which : int
        One of the streams of this module.
    block : int
        In [0, 2³²).

    Raises
    ------
    InvalidInput
        When seed or block are out of range.

    Notes
    -----
    Source: Salmon, Moraes, Dror, Shaw, SC 2011 (Philox).
    """
    if not (0 <= seed < 2**64 and 0 <= block < 2**32):
        raise InvalidInput(
            f"stream: seed {seed} and block {block}. "
            "Give a seed in [0, 2^64) and a block in [0, 2^32)."
        )
    key = np.array([seed, (which << 32) | block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
