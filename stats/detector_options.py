"""What a detector may be asked for, and which of it needs rows."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike

from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput

__all__ = ["Shrinkage", "Tail", "check_options"]

Shrinkage = Literal["oas", "ledoit-wolf"]
Tail = Literal["auto", "normal", "t"]


def check_options(
    data: GroupMoments | ArrayLike,
    shrinkage: str | None,
    tail: str,
    serial_correlation: float,
    *,
    robust: bool,
) -> None:
    """Refuse what is unknown, or cannot be had from moments.

    Raises
    ------
    InvalidInput
        For an unknown option or a correlation outside [0, 1).
    Incompatible
        When moments are given where rows are needed.
    """
    if shrinkage not in ("oas", "ledoit-wolf", None):
        raise InvalidInput(
            f"MahalanobisDetector.fit: unknown shrinkage {shrinkage!r}. "
            "Use 'oas', 'ledoit-wolf' or None."
        )
    if tail not in ("auto", "normal", "t"):
        raise InvalidInput(
            f"MahalanobisDetector.fit: unknown tail {tail!r}. "
            "Use 'auto', 'normal' or 't'."
        )
    if not 0 <= serial_correlation < 1:
        raise InvalidInput(
            f"MahalanobisDetector.fit: serial_correlation {serial_correlation} is not "
            "in [0, 1). Give the correlation of neighbouring rows, 0 for none."
        )
    needs_rows = {
        "robust=True": robust,
        "shrinkage='ledoit-wolf'": shrinkage == "ledoit-wolf",
        "tail='t'": tail == "t",
    }
    wanted = [name for name, asked in needs_rows.items() if asked]
    if isinstance(data, GroupMoments) and wanted:
        raise Incompatible(
            f"MahalanobisDetector.fit: {wanted[0]} needs rows, and got GroupMoments "
            f"of {data.n_groups} groups. Pass the rows, or leave it out."
        )
