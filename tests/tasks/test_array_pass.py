"""A pass over an array: any chunks, order, codec and workers give one answer."""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, TransposeCodec, ZstdCodec

from stats.moments import GroupMoments
from stats.summary import InvalidInput
from storage.chunks import ChunkSource
from storage.errors import Corrupt
from tasks.array_pass import ArrayPass, _ChunkGroups, reduce_array
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.memory import MemoryLimit

AGENTS, TIMES, FEATURES, GROUPS = 61, 6, 3, 9
LZ4 = BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=4)


@functools.cache
def numbers() -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(AGENTS, TIMES, FEATURES)) * [1.0, 1e6, 1e-6] + [0, 1e7, 0]
    x[rng.random(x.shape) < 0.1] = np.nan
    return x.astype(np.float32)


def groups(kind: str) -> NDArray[np.int64]:
    rng = np.random.default_rng(5)
    if kind == "sorted":
        return np.sort(rng.integers(0, GROUPS - 1, AGENTS))  # the last one is empty
    if kind == "shuffled":
        return rng.integers(0, GROUPS, AGENTS)
    if kind == "gaps":
        return np.sort(rng.integers(-1, GROUPS, AGENTS))
    return np.full(AGENTS, -1)


def expected(kind: str, *, pairs: bool = True) -> str:
    rows = numbers().reshape(-1, FEATURES).astype(np.float64)
    where = np.repeat(groups(kind), TIMES)
    return GroupMoments.from_block(rows, where, GROUPS, pairs=pairs).digest()


def stored(path: Path, chunk: int = 8, **options: Any) -> ChunkSource:
    array = zarr.create_array(
        str(path),
        shape=numbers().shape,
        chunks=(chunk, TIMES, FEATURES),
        dtype="float32",
        **options,
    )
    array[...] = numbers()
    return ChunkSource.open(str(path))


@pytest.fixture(scope="module")
def client():
    with cluster_session(ClusterConfig.load("threads")) as session:
        yield session.client()


@pytest.mark.parametrize("kind", ["sorted", "shuffled", "gaps", "none"])
@pytest.mark.parametrize("chunk", [1, 7, 30, AGENTS])
def test_any_chunks_and_groups_give_the_digest_of_the_whole(
    kind: str, chunk: int, tmp_path: Path
) -> None:
    source = stored(tmp_path / "a", chunk)
    for split in (2, 16):
        found = reduce_array(
            source, groups(kind), GROUPS, GroupMoments.from_block, split_every=split
        )
        assert found.digest() == expected(kind)


@pytest.mark.parametrize("codec", [ZstdCodec(), LZ4])
@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_codec_physical_order_threads_and_workers_change_no_bit(
    codec: Any, order: tuple[int, ...], tmp_path: Path, client: Any
) -> None:
    source = stored(
        tmp_path / "a", filters=[TransposeCodec(order=order)], compressors=[codec]
    )
    run = functools.partial(
        reduce_array, source, groups("gaps"), GROUPS, GroupMoments.from_block
    )
    for options in ({}, {"threads": 1}, {"threads": 3}, {"client": client}):
        assert run(**options).digest() == expected("gaps")


def test_options_of_the_statistic_travel(tmp_path: Path, client: Any) -> None:
    spread = functools.partial(GroupMoments.from_block, pairs=False)
    found = reduce_array(
        stored(tmp_path / "a"), groups("sorted"), GROUPS, spread, client=client
    )
    assert found.digest() == expected("sorted", pairs=False)


def test_each_chunk_is_read_once_and_summarised_for_its_own_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, where = stored(tmp_path / "a"), groups("sorted")
    read: list[int] = []
    original = ChunkSource.read

    def counted(self: ChunkSource, i: int) -> NDArray[Any]:
        read.append(i)
        return original(self, i)

    monkeypatch.setattr(ChunkSource, "read", counted)
    seen: list[int] = []

    def summarize(values: Any, codes: Any, n_groups: int) -> GroupMoments:
        seen.append(n_groups)
        return GroupMoments.from_block(values, codes, n_groups)

    ArrayPass.plan(source, where, GROUPS, summarize).run()
    assert sorted(read) == list(range(source.n_chunks))
    touched = [len(set(where[source.agents(i)])) for i in read]
    assert seen == touched
    assert max(touched) < GROUPS


def test_progress_ends_with_the_last_chunk(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    reduce_array(
        stored(tmp_path / "a"),
        groups("sorted"),
        GROUPS,
        GroupMoments.from_block,
        threads=2,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize("where", ["here", "threads", "cluster"])
def test_a_damaged_chunk_ends_the_pass(where: str, tmp_path: Path, client: Any) -> None:
    source = stored(tmp_path / "a")
    (tmp_path / "a" / "c" / "3" / "0" / "0").write_bytes(b"no chunk")
    options = {"here": {}, "threads": {"threads": 2}, "cluster": {"client": client}}
    with pytest.raises(Corrupt, match=r"chunk 3 \(agents 24 to 31\)"):
        reduce_array(
            source, groups("sorted"), GROUPS, GroupMoments.from_block, **options[where]
        )


def test_groups_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    source = stored(tmp_path / "a")
    run = functools.partial(reduce_array, source, summarize=GroupMoments.from_block)
    with pytest.raises(InvalidInput, match="do not fit 61 agents"):
        run(groups("sorted")[:-1], GROUPS)
    with pytest.raises(InvalidInput, match="do not fit 61 agents"):
        run(groups("sorted").astype(float), GROUPS)
    with pytest.raises(InvalidInput, match="run from 0 to 7, expected -1 to 2"):
        run(groups("sorted"), 3)
    with pytest.raises(InvalidInput, match="run from -2"):
        run(groups("sorted") - 2, GROUPS)


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_what_cannot_fit_is_refused_before_a_chunk_is_read(
    where: str, tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stored(tmp_path / "a")
    monkeypatch.setattr(ChunkSource, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(MemoryLimit, match=r"predicted .* allowed 20\.00 MiB") as caught:
        reduce_array(
            source,
            groups("sorted"),
            GROUPS,
            GroupMoments.from_block,
            client=client if where == "cluster" else None,
            memory_limit="20MiB",
        )
    for part in ("process", "decoded chunks", "states", "fewer threads", "sort agents"):
        assert part in str(caught.value)


@given(st.lists(st.integers(-1, 400), min_size=1, max_size=80), st.booleans())
def test_groups_of_a_chunk_survive_their_way_to_a_worker(drawn, in_order):
    where = np.array(sorted(drawn) if in_order else drawn, dtype=np.int64)
    sent = pickle.loads(pickle.dumps(_ChunkGroups.of(4, where)))
    assert sent.i == 4
    assert sent.ids.tolist() == sorted({g for g in drawn if g >= 0})
    codes = sent.expand()
    back = np.where(codes < 0, -1, np.append(sent.ids, -1)[codes])
    np.testing.assert_array_equal(back, where)


def test_groups_are_small_on_their_way():
    many = np.repeat(np.arange(20), 100)
    assert len(pickle.dumps(_ChunkGroups.of(0, many))) < 1_200
    mixed = np.random.default_rng(1).permutation(many)
    assert len(pickle.dumps(_ChunkGroups.of(0, mixed))) < 3_000
