"""The shortest canonical bytes of one exact sum, for messages and indexes."""

from __future__ import annotations

from collections.abc import Sequence

from stats.summary import InvalidInput

__all__ = ["pack_sum", "unpack_sum"]

_COUNTERS = 1 << 15
_HEAD, _COUNTER = 2, 8


def pack_sum(value: int, counters: Sequence[int]) -> bytes:
    """Turn a sum into bytes: equal sums give equal bytes, and the reverse.

    Parameters
    ----------
    value : int
        Sum of the finite values, in units of 2^-1074.
    counters : three ints
        How many values were +inf, -inf and NaN.

    Returns
    -------
    bytes
        Little-endian: a word of 16 bits, whose low 15 bits say how many zero bytes the
        value ends in and whose top bit says that counters follow; the counters, 64 bits
        each, only when one is not zero; the rest of the value in two's complement, in
        as few bytes as hold it.  Zero has none.
    """
    zeros = ((value & -value).bit_length() - 1) // 8 if value else 0
    rest = value >> (8 * zeros)
    size = ((rest if rest >= 0 else ~rest).bit_length() + 8) // 8 if value else 0
    head = zeros | (_COUNTERS if any(counters) else 0)
    parts = [head.to_bytes(_HEAD, "little")]
    if any(counters):
        parts += [count.to_bytes(_COUNTER, "little") for count in counters]
    return b"".join([*parts, rest.to_bytes(size, "little", signed=True)])


def unpack_sum(data: bytes) -> tuple[int, list[int]]:
    """Restore what `pack_sum` was given.

    Raises
    ------
    InvalidInput
        For bytes that `pack_sum` does not give: cut short, or not the shortest.
    """
    head = int.from_bytes(data[:_HEAD], "little")
    start = _HEAD + (3 * _COUNTER if head & _COUNTERS else 0)
    counters = [0, 0, 0]
    if head & _COUNTERS:
        counters = [
            int.from_bytes(data[at : at + _COUNTER], "little")
            for at in range(_HEAD, start, _COUNTER)
        ]
    rest = int.from_bytes(data[start:], "little", signed=True)
    value = rest << (8 * (head & (_COUNTERS - 1)))
    if pack_sum(value, counters) != data:
        raise InvalidInput(
            f"ExactSum.from_packed: {len(data)} bytes {data[:32].hex()} are not a "
            "packed sum. Pack the sum again."
        )
    return value, counters
