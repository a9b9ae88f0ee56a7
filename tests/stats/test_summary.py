"""Canonical bytes, digests, n-ary merging and the error tree."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.exact import ExactSum
from stats.moments import GroupMoments
from stats.summary import (
    Incompatible,
    InvalidInput,
    NotEnoughData,
    StatsError,
    Summary,
    digest,
    merge_all,
    pack,
    unpack,
)

DTYPES = ["f4", "f8", ">f8", "i8", ">i4", "u1", "?", "f2"]


@given(
    st.lists(
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3)),
        max_size=4,
    )
)
def test_unpack_restores_what_was_packed(specs):
    arrays = {
        f"a{i}": (np.arange(np.prod(shape, dtype=int)) % 2).astype(dtype).reshape(shape)
        for i, (dtype, shape) in enumerate(specs)
    }
    kind, version, back = unpack(pack(arrays, kind="thing", version=3))
    assert (kind, version, sorted(back)) == ("thing", 3, sorted(arrays))
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(back[name], array)


def test_bytes_depend_on_values_only():
    x = np.arange(6.0).reshape(2, 3)
    one = pack({"a": x, "b": np.array(1)}, kind="k", version=1)
    layouts = (np.asfortranarray(x), x.astype(">f8"), np.repeat(x, 2, axis=1)[:, ::2])
    for layout in layouts:
        assert pack({"b": np.array(1), "a": layout}, kind="k", version=1) == one
    quiet, other = np.array([0x7FF8000000000000, 0xFFF8000000000001], dtype=np.uint64)
    assert pack({"a": quiet.view("f8")}, kind="k", version=1) == pack(
        {"a": other.view("f8")}, kind="k", version=1
    )


def test_bytes_tell_apart_what_differs():
    x = np.zeros(4)
    variants = [
        pack({"a": x}, kind="k", version=1),
        pack({"a": x}, kind="k", version=2),
        pack({"a": x}, kind="l", version=1),
        pack({"b": x}, kind="k", version=1),
        pack({"a": x.reshape(2, 2)}, kind="k", version=1),
        pack({"a": x.astype("i8")}, kind="k", version=1),
        pack({"a": -x}, kind="k", version=1),
    ]
    assert len(set(variants)) == len(variants)


def test_dtypes_without_canonical_bytes_are_refused():
    with pytest.raises(InvalidInput, match=r"k\.a has dtype <U1"):
        pack({"a": np.array(["x"])}, kind="k", version=1)
    with pytest.raises(InvalidInput, match="dtype object"):
        pack({"a": np.array([None])}, kind="k", version=1)


GOOD = pack({"a": np.arange(3.0), "b": np.arange(2)}, kind="k", version=1)


@given(st.integers(0, len(GOOD) - 1))
def test_bytes_that_are_cut_short_are_refused(length):
    with pytest.raises(InvalidInput, match="Compute the summary again"):
        unpack(GOOD[:length])


def _packed(header: object) -> bytes:
    return b"CSUM1\n" + json.dumps(header).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"\0",
        b"CSUM2\n" + GOOD[6:],
        b"",
        b"CSUM1\n[]\n",
        b"CSUM1\n\xff\xfe\n",
        _packed({"arrays": [["a", "f8"]], "kind": "k", "version": 1}),
        _packed({"arrays": [["a", "zz", [0]]], "kind": "k", "version": 1}),
        _packed({"arrays": [["a", "O", [0]]], "kind": "k", "version": 1}),
        _packed({"arrays": [["a", "f8", [-1]]], "kind": "k", "version": 1}),
        _packed({"arrays": 3, "kind": "k", "version": 1}),
        _packed({"arrays": [], "kind": "k"}),
        _packed({"arrays": [], "kind": "k", "version": []}),
    ],
)
def test_bytes_that_are_no_state_are_refused(data):
    with pytest.raises(InvalidInput, match="are not a packed summary"):
        unpack(data)


def test_digest_is_the_hash_of_the_packed_state():
    one = ExactSum.from_block([1.0, 2.0])
    expected = hashlib.sha256(
        pack(one.to_arrays(), kind="ExactSum", version=1)
    ).hexdigest()
    assert digest(one) == one.digest() == expected
    assert one.digest() != ExactSum.from_block([1.0, 2.5]).digest()


class Counter:
    """A summary without an n-ary merge of its own."""

    exact = True
    state_version = 1

    def __init__(self, n: int) -> None:
        self.n = n

    def empty(self) -> "Counter":
        return Counter(0)

    def merge(self, other: "Counter") -> "Counter":
        return Counter(self.n + other.n)

    def to_arrays(self) -> dict[str, np.ndarray]:
        return {"n": np.array(self.n)}

    def digest(self) -> str:
        return digest(self)


def test_merge_all_folds_where_a_class_has_nothing_better():
    assert isinstance(Counter(1), Summary)
    assert merge_all(Counter(n) for n in (1, 2, 4)).n == 7
    only = Counter(3)
    assert merge_all([only]) is only
    with pytest.raises(InvalidInput, match="nothing to merge"):
        merge_all([])


def test_exact_classes_are_summaries():
    rows = GroupMoments.from_block(np.zeros((1, 1)), np.array([0]), 1)
    for one in (ExactSum(), rows):
        assert isinstance(one, Summary)
        assert one.exact


def test_errors_form_a_tree_with_stable_kinds():
    assert {e.__name__: e.kind for e in (StatsError, InvalidInput)} == {
        "StatsError": "stats",
        "InvalidInput": "invalid_input",
    }
    assert (Incompatible.kind, NotEnoughData.kind) == (
        "incompatible",
        "not_enough_data",
    )
    assert Incompatible.__mro__[1:4] == (InvalidInput, StatsError, ValueError)
    assert issubclass(NotEnoughData, StatsError)
    assert not issubclass(NotEnoughData, ValueError)
