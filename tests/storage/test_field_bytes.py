"""Bytes of named values can be read back, so no two lists of values share them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.field_bytes import FieldValue, field_bytes


def read_back(data: bytes) -> tuple[str, dict[str, FieldValue]]:
    """Read what `field_bytes` wrote, by its description alone."""
    place = 0

    def take(n: int) -> bytes:
        nonlocal place
        place += n
        assert place <= len(data)
        return data[place - n : place]

    def number(size: int) -> int:
        return int.from_bytes(take(size), "big")

    form = take(number(4)).decode()
    found: dict[str, FieldValue] = {}
    for _ in range(number(8)):
        name, tag, size = take(number(4)).decode(), take(1), number(8)
        end = place + size
        if tag == b"t":
            found[name] = take(size).decode()
        elif tag == b"i":
            found[name] = int.from_bytes(take(size), "big", signed=True)
        else:
            assert tag == b"l"
            found[name] = tuple(take(number(4)).decode() for _ in range(number(8)))
        assert place == end
    assert place == len(data)
    return form, found


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.one_of(
    TEXTS,
    st.integers(-(2**63), 2**63 - 1),
    st.lists(TEXTS, max_size=3).map(tuple),
)


@given(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_was_written_is_read_back(
    form: str, fields: dict[str, FieldValue]
) -> None:
    assert read_back(field_bytes(form, fields)) == (form, fields)


def test_nothing_moves_between_neighbours() -> None:
    pairs = [
        ({"a": "xy", "b": "z"}, {"a": "x", "b": "yz"}),
        ({"a": ("x", "y")}, {"a": ("xy",)}),
        ({"a": ("",)}, {"a": ()}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": "\0" * 7 + "\1"}, {"a": 1}),
        ({"ab": "c"}, {"a": "bc"}),
    ]
    for one, other in pairs:
        assert field_bytes("f", one) != field_bytes("f", other)  # type: ignore[arg-type]
    assert field_bytes("f", {"a": 1}) != field_bytes("g", {"a": 1})


@pytest.mark.parametrize("value", [True, 1.0, None, ["x"], b"x"])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        field_bytes("f", {"a": value})  # type: ignore[dict-item]


def test_integers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(OverflowError):
        field_bytes("f", {"a": 2**63})
