"""What a schema says about the scale of its features, as the statistics need it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stats.transforms import Transforms
from storage.schema import Schema

__all__ = ["schema_floors", "schema_origins", "schema_transforms"]


def schema_transforms(schema: Schema) -> Transforms:
    """Return the transforms that a schema declares."""
    kinds = tuple(f.transform for f in schema.features)
    return Transforms(kinds, tuple(f.scale for f in schema.features))


def schema_floors(schema: Schema) -> NDArray[np.float64]:
    """Smallest standard deviation that the resolution of each feature allows, (d,).

    The error of rounding to a step r is uniform with standard deviation r/√12; a
    transformed feature takes the steepest slope of its transform.
    """
    step = np.array([f.resolution for f in schema.features], dtype=np.float64)
    slope = np.array(
        [1.0 if f.transform == "identity" else 1.0 / f.scale for f in schema.features]
    )
    floors: NDArray[np.float64] = step * slope / np.sqrt(12.0)
    return floors


def schema_origins(schema: Schema) -> tuple[float, ...]:
    """Value of each feature from which the error of its quantiles is relative, (d,).

    The declared one; else 0, or the end of the declared range that is nearest to 0
    where the range does not hold 0.  A good origin lies at the typical value of a
    feature whose spread is small against its size.
    """
    found = []
    for f in schema.features:
        low = -math.inf if f.minimum is None else f.minimum
        high = math.inf if f.maximum is None else f.maximum
        nearest = min(max(0.0, low), high)
        found.append(nearest if f.origin is None else f.origin)
    return tuple(found)
