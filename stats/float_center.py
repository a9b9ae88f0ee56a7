"""Choose a centre for float sums, and check one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import InvalidInput

__all__ = ["center_of", "check_center"]


def center_of(moments: GroupMoments) -> NDArray[np.float64]:
    """Return the mean of all finite values, rounded to a short number, (d,).

    Parameters
    ----------
    moments : GroupMoments
        Of the first night, say, or of its first block; without pairs will do.

    Returns
    -------
    float64 array, shape (d,)
        A multiple of a power of two, at most an eighth of a standard deviation off the
        mean: x - center then has few bits.  The mean itself for a constant feature, 0
        where nothing is finite.
    """
    one = moments.rollup(np.zeros(moments.n_groups, dtype=np.int64), 1)
    one = replace(one, infinite_signs=np.zeros_like(one.infinite_signs))
    mean = np.nan_to_num(one.mean()[0])
    sd = np.sqrt(np.nan_to_num(one.variance(0)[0]))
    _, exponent = np.frexp(sd)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        unit = np.ldexp(1.0, exponent - 3)
        rounded = np.rint(mean / unit) * unit
    usable = (sd > 0) & np.isfinite(rounded)
    center: NDArray[np.float64] = np.where(usable, rounded, mean) + 0.0
    return center


def check_center(center: NDArray[np.floating], d: int) -> NDArray[np.float64]:
    """Return a copy as float64, or refuse what is not one finite number each."""
    about = np.array(center, dtype=np.float64) + 0.0
    if about.shape != (d,) or not np.isfinite(about).all():
        raise InvalidInput(
            f"FloatMoments.from_block: centre {about} of shape {about.shape} does not "
            f"fit {d} features. Give one finite number each, see center_of."
        )
    return about
