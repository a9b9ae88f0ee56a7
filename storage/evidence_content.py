"""The one form of a shard of evidence, and the hash that gives it its identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.columns import row_numbers
from storage.errors import Rejected
from storage.evidence_records import COLUMNS, EVIDENCE_TYPES, EvidenceData
from storage.identity import Version, check_name

__all__ = [
    "EvidenceDigest",
    "canonical_evidence",
    "evidence_hash",
    "used_names",
]

_TYPES = {
    "seq": "<i8",
    "agent": "<i4",
    "kind": "|u1",
    "hypothesis": "|u1",
    "time": "<i8",
    "log_ratio": "<f8",
    "confidence": "<f8",
}
_SEQ_LIMIT = 2**53


class EvidenceDigest:
    """Hash of a shard whose rows come block by block.

    Notes
    -----
    SHA-256 of canonical JSON: source, epoch, rows, types, hypotheses, and the SHA-256
    of the agents' names and of each column in little-endian bytes.  It does not depend
    on chunks, codecs or the format of a file.

    Examples
    --------
    >>> digest = EvidenceDigest()
    >>> digest.hexdigest()
    Traceback (most recent call last):
    ...
    ValueError: EvidenceDigest: no block was added. Add one, which may be empty.
    """

    def __init__(self) -> None:
        self._columns = {name: hashlib.sha256() for name in COLUMNS}
        self._first: EvidenceData | None = None
        self._n = 0

    def update(self, block: EvidenceData) -> None:
        """Add the next rows."""
        self._first = block if self._first is None else self._first
        self._n += block.n
        for name, kind in _TYPES.items():
            column = np.ascontiguousarray(getattr(block, name), dtype=kind)
            self._columns[name].update(column.data)

    def fields(self) -> dict[str, Any]:
        """Return what is hashed, in plain values.

        Raises
        ------
        ValueError
            When no block was added.
        """
        if self._first is None:
            raise ValueError(
                "EvidenceDigest: no block was added. Add one, which may be empty."
            )
        names = "\0".join(self._first.agent_names.tolist()).encode()
        return {
            "agents": len(self._first.agent_names),
            "agent_names": hashlib.sha256(names).hexdigest(),
            "columns": {name: c.hexdigest() for name, c in self._columns.items()},
            "epoch": self._first.epoch,
            "hypotheses": list(self._first.hypotheses),
            "n": self._n,
            "source": self._first.source,
            "types": list(self._first.kind_names),
            "version": 1,
        }

    def hexdigest(self) -> str:
        """Hash of everything added so far, 64 hexadecimal digits."""
        text = json.dumps(self.fields(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def evidence_hash(blocks: EvidenceData | Iterable[EvidenceData]) -> str:
    """Hash a shard in canonical form, whole or as blocks of consecutive rows."""
    digest = EvidenceDigest()
    for block in [blocks] if isinstance(blocks, EvidenceData) else blocks:
        digest.update(block)
    return digest.hexdigest()


def canonical_evidence(data: EvidenceData, where: str) -> EvidenceData:
    """Check every row and put a shard into its one form.

    Parameters
    ----------
    data : EvidenceData
        Rows in any order, names in any order, also such as are not used.
    where : str
        File, or what the caller calls the data; for errors.

    Returns
    -------
    EvidenceData
        Sorted by seq; agents and types sorted by name, each used; hypotheses sorted.
        A ratio of −0.0 is 0.0.

    Raises
    ------
    Rejected
        ``empty``, ``range``, ``non-finite``, ``duplicate-row``, ``unknown-type``,
        ``dtype`` or ``unsafe-name``, with the column and first rows at fault.
    """
    if data.n == 0:
        raise Rejected(
            "empty",
            source=where,
            value="no row",
            expected="at least one row",
            remedy="A source without evidence sends nothing.",
        )
    _check_names(data, where)
    _check_values(data, where)
    order = _order(data.seq, where)
    if order is not None:
        data = data.take(order)
    agents, agent = used_names(data.agent_names, data.agent)
    ratio = data.log_ratio
    if (np.signbit(ratio) & (ratio == 0)).any():
        ratio = ratio + 0.0
    kinds, kind = used_names(np.array(data.kind_names), data.kind)
    hypotheses = np.array(sorted(data.hypotheses))
    places = np.searchsorted(hypotheses, np.array(data.hypotheses))
    return replace(
        data,
        agent_names=agents,
        agent=agent.astype(np.int32),
        kind_names=tuple(kinds.tolist()),
        kind=kind.astype(np.uint8),
        hypotheses=tuple(hypotheses.tolist()),
        hypothesis=places.astype(np.uint8)[data.hypothesis],
        log_ratio=ratio,
    )


def used_names(
    names: NDArray[np.str_], codes: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.str_], NDArray[np.integer[Any]]]:
    """Sort distinct names, drop those without a row, and renumber.

    Parameters
    ----------
    names : str array, shape (a,)
    codes : integer array, shape (n,)
        Places in `names`.

    Returns
    -------
    names : str array
    codes : integer array, shape (n,)
        The given array when nothing had to change.
    """
    used = np.bincount(codes, minlength=len(names)) > 0
    order = np.argsort(names, kind="stable")
    order = order[used[order]]
    if np.array_equal(order, np.arange(len(names))):
        return names, codes
    place = np.zeros(len(names), dtype=codes.dtype)
    place[order] = np.arange(len(order))
    return names[order], place[codes]


def _check_names(data: EvidenceData, where: str) -> None:
    try:
        check_name(data.source, column="source", source=where)
        Version(data.epoch)
    except Rejected as error:
        raise error.at(where) from None
    unknown = sorted(set(data.kind_names) - set(EVIDENCE_TYPES))
    if unknown:
        raise Rejected(
            "unknown-type",
            source=where,
            column="type",
            rows=row_numbers(data.kind == data.kind_names.index(unknown[0])),
            value=repr(unknown[0]),
            expected=", ".join(EVIDENCE_TYPES),
            remedy="Use the types of evidence that are known.",
        )
    lists: tuple[tuple[str, Sequence[str], int], ...] = (
        ("agent", data.agent_names.tolist(), 2**31),
        ("type", data.kind_names, 256),
        ("hypothesis", data.hypotheses, 256),
    )
    for column, names, limit in lists:
        distinct = len(set(names))
        void = [name for name in names if not name or "\0" in name]
        if void or distinct != len(names) or not 0 < distinct <= limit:
            raise Rejected(
                "dtype",
                source=where,
                column=column,
                value=repr(void[0]) if void else f"{distinct} of {len(names)} distinct",
                expected=f"1 to {limit} distinct names without NUL characters",
                remedy="Give each row its name.",
            )


def _check_values(data: EvidenceData, where: str) -> None:
    for column in ("log_ratio", "confidence"):
        values = getattr(data, column)
        _refuse(
            ~np.isfinite(values), values, "non-finite", column, where,
            "finite numbers",
        )  # fmt: skip
    w, seq = data.confidence, data.seq
    _refuse((w < 0) | (w > 1), w, "range", "confidence", where, "0 to 1")
    _refuse(
        (seq < 0) | (seq >= _SEQ_LIMIT), seq, "range", "seq", where, "0 <= seq < 2^53"
    )
    for column, names in (
        ("agent", data.agent_names),
        ("kind", data.kind_names),
        ("hypothesis", data.hypotheses),
    ):
        codes = getattr(data, column)
        bad = (codes < 0) | (codes >= len(names))
        expected = f"places in {len(names)} names"
        _refuse(bad, codes, "range", column, where, expected)


def _refuse(
    bad: NDArray[np.bool_],
    values: NDArray[Any],
    reason: str,
    column: str,
    where: str,
    expected: str,
) -> None:
    if bad.any():
        raise Rejected(
            reason,
            source=where,
            column=column,
            rows=row_numbers(bad),
            value=", ".join(str(v) for v in values[bad][:5]),
            expected=expected,
            remedy="Correct the rows at the source.",
        )


def _order(seq: NDArray[np.int64], where: str) -> NDArray[np.int64] | None:
    """Order of rows by seq; None when they lie so already."""
    if (seq[1:] > seq[:-1]).all():
        return None
    order = np.argsort(seq, kind="stable")
    again = order[1:][seq[order[1:]] == seq[order[:-1]]]
    if len(again):
        bad = np.zeros(len(seq), dtype=bool)
        bad[again] = True
        _refuse(bad, seq, "duplicate-row", "seq", where, "each seq once in a shard")
    return order
