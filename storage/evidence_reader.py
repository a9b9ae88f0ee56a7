"""Collect the columns of a file of evidence from its batches, none held twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storage.evidence_columns import moments, numbers, text_values, whole_numbers

__all__ = ["ColumnReader"]


class _Rows:
    """A column that grows in place, so that it is never held twice."""

    def __init__(self, dtype: type) -> None:
        self._values: NDArray[Any] = np.empty(0, dtype=dtype)
        self._n = 0

    def add(self, part: NDArray[Any]) -> None:
        n = self._n + len(part)
        if n > len(self._values):
            self._values.resize(max(n, 2 * len(self._values)), refcheck=False)
        self._values[self._n : n] = part
        self._n = n

    def whole(self) -> NDArray[Any]:
        self._values.resize(self._n, refcheck=False)
        return self._values


class _Names:
    """Distinct names, in the order in which they came."""

    def __init__(self) -> None:
        self.values = pa.array([], pa.string())

    def places(self, part: pa.DictionaryArray) -> NDArray[np.int32]:
        """Place of each row in `values`, which takes in what is new."""
        found = pc.index_in(part.dictionary, value_set=self.values)
        if found.null_count:
            new = part.dictionary.filter(pc.is_null(found)).unique()
            self.values = pa.concat_arrays([self.values, new])
            found = pc.index_in(part.dictionary, value_set=self.values)
        place: NDArray[np.int32] = found.to_numpy()[part.indices.to_numpy()]
        return place


class ColumnReader:
    """Columns of a file that come in batches.

    Parameters
    ----------
    source : str
        File name, for errors.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._n = 0
        self._constants: dict[str, dict[str, None]] = {}
        self._names = {name: _Names() for name in _TEXTS}
        self._rows = {name: _Rows(dtype) for name, dtype in _ROWS.items()}

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows.

        Raises
        ------
        Rejected
            Reason ``dtype``, with the rows of the file at fault.
        """
        at, source = self._n, self._source
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name in _CONSTANTS:
                used = _distinct(column, name, at, source)
                self._constants.setdefault(name, {}).update(dict.fromkeys(used))
            elif name in _TEXTS:
                part = text_values(column, name, at, source)
                self._rows[name].add(self._names[name].places(part))
            elif name in _NUMBERS:
                self._rows[name].add(_NUMBERS[name](column, name, at, source))
        self._n += batch.num_rows

    def constant(self, name: str) -> list[str]:
        """Distinct values of a column, in the order of their first rows."""
        return list(self._constants.get(name, {}))

    def texts(
        self, name: str, default: str = ""
    ) -> tuple[NDArray[np.str_], NDArray[np.int32]]:
        """Names of a column and the place of each row in them.

        Without the column every row has the default.
        """
        names = self._names[name].values.to_pylist()
        if not names:
            return np.array([default]), np.zeros(self._n, dtype=np.int32)
        return np.array(names, dtype=np.str_), self._rows[name].whole()

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of numbers, int64 or float64."""
        return self._rows[name].whole()


def _distinct(column: pa.Array, name: str, at: int, source: str) -> list[str]:
    if name == "epoch":
        found = whole_numbers(column, name, at, source)
        ends = found[:1] if (found == found[:1]).all() else np.unique(found)
        return [str(value) for value in ends]
    values = text_values(column, name, at, source)
    return [str(v) for v in values.dictionary.take(values.indices.unique()).to_pylist()]


_CONSTANTS = ("source", "epoch", "night")
_TEXTS = ("agent", "type", "hypothesis")
_ROWS = {
    "agent": np.int32,
    "type": np.int32,
    "hypothesis": np.int32,
    "seq": np.int64,
    "time": np.int64,
    "log_ratio": np.float64,
    "confidence": np.float64,
}
_NUMBERS: dict[str, Callable[[pa.Array, str, int, str], NDArray[Any]]] = {
    "seq": whole_numbers,
    "time": moments,
    "log_ratio": numbers,
    "confidence": numbers,
}
