"""The comparison of readers at small size: every reader reads every chunk."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from storage.chunks import ChunkSource
from tests.bench import readers
from tests.bench.data import Population
from tests.bench.options import Options

SMALL = Population(agents=90, times=8, features=4, chunk=40, sites=3, per_team=30)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(SMALL, tmp_path, rounds=1, quiet=True)


@pytest.mark.parametrize("codec", readers.CODECS)
@pytest.mark.parametrize("order", readers.ORDERS)
def test_every_encoding_holds_the_population(
    options: Options, codec: str, order: str
) -> None:
    stored, said = readers._write(options, SMALL, codec, order)
    assert "ns of a processor per row" in said
    for place in (stored.folder, stored.repository):
        source = ChunkSource.open(str(place))
        assert source.direct is not None
        assert source.n_chunks == 3
        for i, block in enumerate(SMALL.blocks()):
            np.testing.assert_array_equal(source.read(i), block)
    for read in readers.readers(stored).values():
        read()


def test_the_section_compares_ours_with_every_reader(options: Options) -> None:
    section = readers.measure(options)
    pairs = len(readers.CODECS) * len(readers.ORDERS)
    peers = {item.peer for item in section.comparisons}
    assert len(peers) == 4 + (importlib.util.find_spec("zarrs") is not None)
    assert len(section.comparisons) == pairs * len(peers)
    assert [figure.value > 0 for figure in section.figures] == [True] * pairs
