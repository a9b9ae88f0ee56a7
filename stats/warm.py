"""Compile everything that is compiled, once, before the first night needs it."""

from __future__ import annotations

from stats import (
    exact_blocks,
    exact_dot,
    float_block,
    kernels,
    kernels_evidence,
    kernels_online_paths,
    kernels_online_shape,
    kernels_quantiles,
    kernels_series,
    moment_block,
    moment_pairs,
)
from stats.arithmetic import check_arithmetic

__all__ = ["warm"]


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk.

    Processes may do this at the same time: each writes whole files and renames them.

    Raises
    ------
    UnsoundArithmetic
        When float arithmetic of this process is not what exact sums need.
    """
    check_arithmetic()
    kernels.warm()
    kernels_evidence.warm()
    exact_blocks.warm()
    exact_dot.warm()
    moment_block.warm()
    moment_pairs.warm()
    float_block.warm()
    kernels_quantiles.warm()
    kernels_series.warm()
    kernels_online_paths.warm()
    kernels_online_shape.warm()
