"""A process whose arithmetic is not sound is stopped before it sums anything."""

import pytest

from stats import arithmetic
from stats.arithmetic import UnsoundArithmetic, check_arithmetic


def test_this_machine_is_sound():
    assert arithmetic._found(1.0, 2.0**-52, 2.0**-1022, 1.5 * 2.0**52) == (True,) * 5
    check_arithmetic()


@pytest.mark.parametrize(
    ("at", "given"),
    [
        # What each check would see where it does not hold.
        (0, (1.0, 2.0**-52, 0.0, 1.5 * 2.0**52)),
        (1, (1.0, 2.0**-51, 2.0**-1022, 1.5 * 2.0**52)),
        (2, (1.0, 2.0**-52, 2.0**-1022, 1.5 * 2.0**51)),
        (3, (1.5, 2.0**-52, 2.0**-1022, 1.5 * 2.0**52)),
        (4, (1.0, 2.0**-52, 2.0**-1022, 2.0**53 - 1)),
    ],
)
def test_every_check_can_fail(at, given):
    assert not arithmetic._found(*given)[at]


def test_what_does_not_hold_is_named(monkeypatch):
    monkeypatch.setattr(
        arithmetic, "_found", lambda *_: (False, True, True, False, True)
    )
    with pytest.raises(UnsoundArithmetic, match="subnormal numbers survive; a fused"):
        check_arithmetic()
