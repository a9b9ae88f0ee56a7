"""Make sure that a processor rounds as the exact kernels need it to.

Some libraries switch a whole process to flush subnormal numbers to zero when they are
loaded, and compilers may be told to reorder float operations.  Sums would then be wrong
without a sign of it, so every worker checks once.
"""

from __future__ import annotations

from typing import ClassVar

from stats.compiled import compiled
from stats.kernels_vector import bits, fma
from stats.summary import StatsError

__all__ = ["UnsoundArithmetic", "check_arithmetic"]


class UnsoundArithmetic(StatsError):
    """Float arithmetic of this process does not follow IEEE 754; nothing was summed."""

    kind: ClassVar[str] = "unsound_arithmetic"


@compiled
def _found(one, step, least, sigma):  # type: ignore[no-untyped-def]  # compiled
    """What holds; arguments, so that nothing is worked out while compiling."""
    subnormal = least * 0.5 > 0.0 and (least * 0.5) * 2.0 == least
    even = one + step * 0.5 == one and (one + step) + step * 0.5 == one + 2.0 * step
    kept = (sigma + 0.5) - sigma == 0.0 and (sigma + 0.75) - sigma == 1.0
    fused = fma(one + step, one - step, -one) == -step * step
    units = bits(sigma + 3.0) - bits(sigma) == 3
    return subnormal, even, kept, fused, units


_NAMES = (
    "subnormal numbers survive",
    "results are rounded to nearest, ties to even",
    "float operations keep their order",
    "a fused multiply-add rounds once",
    "bit patterns in a binade are consecutive",
)


def check_arithmetic() -> None:
    """Check the arithmetic of this thread.

    Raises
    ------
    UnsoundArithmetic
        Naming what does not hold.
    """
    held = _found(1.0, 2.0**-52, 2.0**-1022, 1.5 * 2.0**52)
    broken = [name for name, holds in zip(_NAMES, held, strict=True) if not holds]
    if broken:
        raise UnsoundArithmetic(
            f"check_arithmetic: not true here: {'; '.join(broken)}. Load no library "
            "that changes the floating-point mode, or run on another machine."
        )
