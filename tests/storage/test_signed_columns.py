"""One bit of any column of evidence changes what a signature covers, in one pass."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import evidence_content
from storage.errors import Rejected
from storage.evidence_content import evidence_hash
from storage.evidence_records import EvidenceData
from storage.signatures import SignedHeader, sign, verify
from tests.storage.evidence_rows import evidence, shard
from tests.storage.key_rings import DAY, START, first_key, private_key, ring
from tests.storage.test_signatures import flipped

DATA = evidence(5, 20)
ROW = shard(DATA).row
HEADER = SignedHeader.of_row(ROW)
SIGNATURE = sign(private_key("probe"), HEADER, ROW.sha256)
REGISTRY = ring().add(first_key("probe", start=START), at=START)
(KEY,) = REGISTRY.of_source("probe")


def check(data: EvidenceData) -> None:
    verify(REGISTRY, HEADER, evidence_hash(data), SIGNATURE, KEY.id, at=START + DAY)


def with_one_bit(values: Any, bit: int) -> Any:
    """Return a column with one bit of one element changed, whatever its type."""
    if not isinstance(values, np.ndarray):
        return flipped(values, bit)
    out = values.copy()
    if out.dtype.kind == "U":
        texts = out.tolist()
        return np.array([flipped(texts[0], bit), *texts[1:]])
    place = bit % (8 * out.nbytes)
    out.view(np.uint8).reshape(-1)[place // 8] ^= np.uint8(1 << place % 8)
    return out


def test_the_honest_columns_are_accepted() -> None:
    assert evidence_hash(DATA) == ROW.sha256
    check(DATA)


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(EvidenceData)])
@given(bit=st.integers(0, 8 * 8 * DATA.n - 1))
def test_one_bit_of_any_column_is_refused(name: str, bit: int) -> None:
    before = getattr(DATA, name)
    wrong = with_one_bit(before, bit)
    assert np.asarray(wrong).tobytes() != np.asarray(before).tobytes()
    with pytest.raises(Rejected) as caught:
        check(dataclasses.replace(DATA, **{name: wrong}))
    assert caught.value.reason == "signature"


def test_a_hash_without_the_ratio_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted: the signature leaves out the ratio, so a changed one is accepted."""
    wrong = dataclasses.replace(DATA, log_ratio=with_one_bit(DATA.log_ratio, 7))
    assert evidence_hash(wrong) != evidence_hash(DATA)
    monkeypatch.delitem(evidence_content._TYPES, "log_ratio")
    assert evidence_hash(wrong) == evidence_hash(DATA)


def test_values_cannot_change_places_between_columns() -> None:
    swapped = dataclasses.replace(
        DATA, log_ratio=DATA.confidence, confidence=DATA.log_ratio
    )
    with pytest.raises(Rejected, match="did not make for this"):
        check(swapped)


def test_rows_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    real = hashlib.sha256

    class Counting:
        def __init__(self, data: bytes = b"") -> None:
            self._inner = real()
            self.update(data)

        def update(self, data: Any) -> None:
            nonlocal counted
            counted += memoryview(data).nbytes
            self._inner.update(data)

        @property
        def hexdigest(self) -> Callable[[], str]:
            return self._inner.hexdigest

    data = evidence(5, 100_000)
    expected = evidence_hash(data)
    monkeypatch.setattr(evidence_content.hashlib, "sha256", Counting)
    assert evidence_hash(data) == expected
    assert 38 * data.n <= counted < 38 * data.n + 5_000
