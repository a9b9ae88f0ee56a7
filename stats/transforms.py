"""Monotone feature transforms, so that heavy-tailed features have a usable scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput

__all__ = ["TransformKind", "Transforms"]

TransformKind = Literal["identity", "asinh", "log1p"]


@dataclass(frozen=True, slots=True)
class Transforms:
    """One monotone transform per feature, declared with the data and never fitted.

    Attributes
    ----------
    kinds : tuple of {"identity", "asinh", "log1p"}, length d
        asinh is ``asinh(x / scale)``, log1p is ``log(1 + x / scale)``.
    scales : tuple of float, length d
        Positive, in the feature's unit.

    Raises
    ------
    InvalidInput
        For an unknown kind, a scale that is not positive, or unequal lengths.

    Examples
    --------
    >>> Transforms(("asinh",), (15.0,)).apply(np.array([[0.0]]))
    array([[0.]])
    """

    kinds: tuple[TransformKind, ...]
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.kinds) != len(self.scales):
            raise InvalidInput(
                f"Transforms: {len(self.kinds)} kinds and {len(self.scales)} scales. "
                "Give one of each per feature."
            )
        for kind, scale in zip(self.kinds, self.scales, strict=True):
            if kind not in ("identity", "asinh", "log1p"):
                raise InvalidInput(
                    f"Transforms: unknown kind {kind!r}. Use identity, asinh or log1p."
                )
            if not scale > 0:
                raise InvalidInput(
                    f"Transforms: scale {scale} of {kind} is not positive. "
                    "Give the size at which the feature turns from linear to log."
                )

    @classmethod
    def identity(cls, d: int) -> Transforms:
        """Leave `d` features as they are."""
        kinds: list[TransformKind] = ["identity"] * d
        return cls(tuple(kinds), (1.0,) * d)

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Transform the last axis; NaN stays NaN.

        Parameters
        ----------
        values : floating array, shape (..., d)

        Returns
        -------
        float64 array, shape (..., d)

        Raises
        ------
        InvalidInput
            When the last axis does not have one entry per transform.
        """
        out = self._copied(values, "apply")
        for j, (kind, scale) in enumerate(zip(self.kinds, self.scales, strict=True)):
            if kind == "asinh":
                out[..., j] = np.arcsinh(out[..., j] / scale)
            elif kind == "log1p":
                out[..., j] = np.log1p(out[..., j] / scale)
        return out

    def invert(self, transformed: NDArray[np.floating]) -> NDArray[np.float64]:
        """Undo `apply` on the last axis, up to rounding; NaN stays NaN.

        Parameters
        ----------
        transformed : floating array, shape (..., d)

        Returns
        -------
        float64 array, shape (..., d)

        Raises
        ------
        InvalidInput
            When the last axis does not have one entry per transform.
        """
        out = self._copied(transformed, "invert")
        for j, (kind, scale) in enumerate(zip(self.kinds, self.scales, strict=True)):
            if kind == "asinh":
                out[..., j] = scale * np.sinh(out[..., j])
            elif kind == "log1p":
                out[..., j] = scale * np.expm1(out[..., j])
        return out

    def _copied(self, values: NDArray[np.floating], verb: str) -> NDArray[np.float64]:
        if values.shape[-1] != len(self.kinds):
            raise InvalidInput(
                f"Transforms.{verb}: {values.shape[-1]} features, "
                f"{len(self.kinds)} transforms. Use the schema of the data."
            )
        return np.array(values, dtype=np.float64)
