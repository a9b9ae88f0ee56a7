"""Chunks of a zarr array: every codec and layout, and nothing damaged is a number."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import (
    BloscCodec,
    BytesCodec,
    Crc32cCodec,
    GzipCodec,
    TransposeCodec,
    ZstdCodec,
)

from storage import chunk_store
from storage.chunks import ChunkSource
from storage.errors import Corrupt, NotFound, StoreFormat
from storage.store import BehaviorStore

AGENTS, TIMES, FEATURES, CHUNK = 23, 5, 3, 8


def numbers(dtype: str = "float32") -> NDArray[Any]:
    rng = np.random.default_rng(11)
    values = rng.normal(0, 100, (AGENTS, TIMES, FEATURES))
    if np.dtype(dtype).kind == "f":
        values[rng.random(values.shape) < 0.1] = np.nan
    return np.abs(values).astype(dtype) if dtype[0] == "u" else values.astype(dtype)


def write(path: Path, values: NDArray[Any], **options: Any) -> Path:
    given = {"chunks": (CHUNK, *values.shape[1:])} | options
    array = zarr.create_array(
        str(path), shape=values.shape, dtype=values.dtype, fill_value=0, **given
    )
    array[...] = values
    return path


def whole(source: ChunkSource) -> NDArray[Any]:
    return np.concatenate([source.read(i) for i in range(source.n_chunks)])


BYTES = {
    "raw": [],
    "zstd": [ZstdCodec()],
    "zstd checked": [ZstdCodec(level=3, checksum=True)],
    "blosc": [BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=4)],
    "blosc zstd": [BloscCodec(cname="zstd", shuffle="shuffle", typesize=4)],
    "gzip": [GzipCodec()],
    "crc32c": [Crc32cCodec()],
    "blosc, crc32c": [BloscCodec(cname="lz4", typesize=4), Crc32cCodec()],
    "crc32c, zstd": [Crc32cCodec(), ZstdCodec()],
    "crc32c, blosc": [Crc32cCodec(), BloscCodec(cname="lz4", typesize=4)],
}


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("order", [None, (0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_every_codec_and_order_gives_what_was_written(
    name: str, order: tuple[int, ...] | None, tmp_path: Path
) -> None:
    filters = [] if order is None else [TransposeCodec(order=order)]
    values = numbers()
    path = write(tmp_path / "a", values, filters=filters, compressors=BYTES[name])
    source = ChunkSource.open(str(path))
    assert source.direct is not None
    np.testing.assert_array_equal(whole(source), values)
    assert [len(source.read(i)) for i in range(3)] == [8, 8, 7]
    assert (source.shape, source.chunk_shape) == (values.shape, (8, 5, 3))
    assert (source.n_chunks, source.n_bytes) == (3, values.nbytes)


def test_transposes_are_composed_and_time_can_be_the_contiguous_axis(
    tmp_path: Path,
) -> None:
    twice = [TransposeCodec(order=(1, 2, 0)), TransposeCodec(order=(1, 0, 2))]
    path = write(tmp_path / "a", numbers(), filters=twice)
    np.testing.assert_array_equal(whole(ChunkSource.open(str(path))), numbers())
    once = [TransposeCodec(order=(0, 2, 1))]
    path = write(tmp_path / "b", numbers(), filters=once)
    block = ChunkSource.open(str(path)).read(0)
    assert block.transpose(0, 2, 1).flags.c_contiguous


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "int8", "int16", "int64", "uint8", "uint32"]
)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_number_comes_in_native_order(
    dtype: str, endian: Any, tmp_path: Path
) -> None:
    values = numbers(dtype)
    serializer = BytesCodec(endian=endian)
    path = write(tmp_path / "a", values, serializer=serializer)
    source = ChunkSource.open(str(path))
    found = whole(source)
    np.testing.assert_array_equal(found, values)
    assert (found.dtype.str, source.dtype) == (values.dtype.str, dtype)


def test_what_is_not_decoded_here_is_read_by_zarr(tmp_path: Path) -> None:
    values = numbers()
    plans: dict[str, dict[str, Any]] = {
        "format 2": {"zarr_format": 2},
        "sharded": {"chunks": (4, 5, 3), "shards": (8, 5, 3)},
        "sharded over features": {"chunks": (4, 5, 1), "shards": (8, 5, 2)},
        "cut over times": {"chunks": (8, 2, 3)},
    }
    for name, options in plans.items():
        path = write(tmp_path / name, values, **options)
        source = ChunkSource.open(str(path))
        assert source.direct is None, name
        assert source.chunk_shape == (8, TIMES, FEATURES)
        np.testing.assert_array_equal(whole(source), values)


def test_a_source_is_small_and_opens_in_another_process(tmp_path: Path) -> None:
    source = ChunkSource.open(str(write(tmp_path / "a", numbers())))
    data = pickle.dumps(source)
    assert len(data) < 1500
    again = pickle.loads(data)
    assert again == source
    np.testing.assert_array_equal(again.read(2), numbers()[16:])


def test_reads_do_not_share_memory(tmp_path: Path) -> None:
    source = ChunkSource.open(str(write(tmp_path / "a", numbers())))
    assert not np.shares_memory(source.read(0), source.read(0))


def chunk_file(path: Path, i: int) -> Path:
    return path / "c" / str(i) / "0" / "0"


@pytest.mark.parametrize("shards", [None, (8, TIMES, FEATURES)])
def test_a_missing_chunk_is_an_error_unless_the_array_says_otherwise(
    shards: tuple[int, ...] | None, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"chunks": (4, TIMES, FEATURES)} if shards else {}
    path = write(tmp_path / "a", numbers(), shards=shards, **options)
    chunk_file(path, 1).unlink()
    source = ChunkSource.open(str(path))
    np.testing.assert_array_equal(source.read(2), numbers()[16:])
    with pytest.raises(Corrupt, match=r"chunk 1 \(agents 8 to 15\) is missing"):
        source.read(1)
    filled = ChunkSource.open(str(path), missing="fill").read(1)
    np.testing.assert_array_equal(filled, np.zeros_like(filled))
    zarr.open_array(str(path)).attrs["missing_chunks"] = "fill"
    assert ChunkSource.open(str(path)).read(1).tolist() == filled.tolist()
    with pytest.raises(Corrupt, match="missing"):
        ChunkSource.open(str(path), missing="refuse").read(1)


def test_an_inner_chunk_that_a_shard_lacks_is_missing(tmp_path: Path) -> None:
    values = numbers()
    values[8:12] = 0  # the fill value: zarr does not store it
    path = write(
        tmp_path / "a", values, chunks=(4, TIMES, FEATURES), shards=(8, TIMES, FEATURES)
    )
    source = ChunkSource.open(str(path))
    np.testing.assert_array_equal(source.read(0), values[:8])
    np.testing.assert_array_equal(source.read(2), values[16:])
    with pytest.raises(Corrupt, match="1 objects or inner chunks"):
        source.read(1)
    found = ChunkSource.open(str(path), missing="fill").read(1)
    np.testing.assert_array_equal(found, values[8:16])


@pytest.mark.parametrize("name", [name for name in BYTES if name != "raw"])
def test_a_cut_chunk_is_never_a_number(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a", numbers(), compressors=BYTES[name])
    file = chunk_file(path, 1)
    stored = file.read_bytes()
    source = ChunkSource.open(str(path))
    for kept in {0, 1, 3, 15, 16, 17, len(stored) // 2, len(stored) - 1}:
        file.write_bytes(stored[:kept])
        with pytest.raises(Corrupt, match=r"chunk 1 \(agents 8 to 15\) does not"):
            source.read(1)


@pytest.mark.parametrize("name", BYTES)
def test_a_chunk_of_another_size_is_refused(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a", numbers(), compressors=BYTES[name])
    for chunk in (4, 10):
        other = write(
            tmp_path / f"b{chunk}",
            numbers(),
            chunks=(chunk, TIMES, FEATURES),
            compressors=BYTES[name],
        )
        chunk_file(path, 1).write_bytes(chunk_file(other, 0).read_bytes())
        with pytest.raises(Corrupt, match="480"):
            ChunkSource.open(str(path)).read(1)


def test_a_flipped_bit_under_a_checksum_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a", numbers(), compressors=[Crc32cCodec()])
    file = chunk_file(path, 0)
    stored = bytearray(file.read_bytes())
    stored[100] ^= 4
    file.write_bytes(stored)
    with pytest.raises(Corrupt, match="crc32c"):
        ChunkSource.open(str(path)).read(0)


def test_what_cannot_be_summarised_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        ChunkSource.open(str(tmp_path / "nowhere"))
    zarr.create_group(str(tmp_path / "group"))
    write(tmp_path / "group" / "values", numbers())
    with pytest.raises(StoreFormat, match="is a group, expected an array"):
        ChunkSource.open(str(tmp_path / "group"))
    with pytest.raises(NotFound, match="does not exist"):
        ChunkSource.open(str(tmp_path / "group"), "other")
    inside = ChunkSource.open(str(tmp_path / "group"), "values")
    np.testing.assert_array_equal(whole(inside), numbers())
    with pytest.raises(NotFound, match="no chunk 3, there are 3"):
        inside.read(3)
    write(tmp_path / "flat", numbers()[:, 0], chunks=(8, 3))
    with pytest.raises(StoreFormat, match="three axes"):
        ChunkSource.open(str(tmp_path / "flat"))
    flags = numbers() > 0
    write(tmp_path / "flags", flags)
    with pytest.raises(StoreFormat, match="expected numbers"):
        ChunkSource.open(str(tmp_path / "flags"))


def test_metadata_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a", numbers())
    document = json.loads((path / "zarr.json").read_text())
    document["codecs"].append({"name": "nonesuch"})
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(StoreFormat, match="nonesuch"):
        ChunkSource.open(str(path))
    (path / "zarr.json").write_text("{")
    with pytest.raises(Corrupt, match=r"zarr\.json cannot be read"):
        ChunkSource.open(str(path))


def test_icechunk_reads_see_the_snapshot_they_were_opened_at(tmp_path: Path) -> None:
    storage = icechunk.local_filesystem_storage(str(tmp_path / "repo"))
    repository = icechunk.Repository.create(storage)
    session = repository.writable_session("main")
    array = zarr.create_array(
        session.store,
        name="deep/values",
        shape=numbers().shape,
        chunks=(CHUNK, TIMES, FEATURES),
        dtype="float32",
        filters=[TransposeCodec(order=(0, 2, 1))],
    )
    array[...] = numbers()
    session.commit("one")
    old = ChunkSource.open(str(tmp_path / "repo"), "deep/values")
    assert old.direct is not None
    session = repository.writable_session("main")
    zarr.open_array(session.store, path="deep/values", mode="a")[...] = 1
    session.commit("two")
    np.testing.assert_array_equal(whole(old), numbers())
    new = ChunkSource.open(str(tmp_path / "repo"), "deep/values")
    np.testing.assert_array_equal(whole(new), np.ones_like(numbers()))
    again = ChunkSource.open(old.url, old.path, snapshot=old.snapshot)
    assert again == old


def test_a_shard_of_a_store_can_be_read_and_its_seal_holds(
    filled: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = filled.shards(site="south")[0]
    source = ChunkSource.open(filled.url, f"{row.path}/values")
    assert source.direct is not None
    assert source.codec == "bytes + blosc(lz4, bitshuffle) + crc32c"
    np.testing.assert_array_equal(whole(source), filled.read(row).values)
    get = chunk_store._Snapshot.get

    def other(self: chunk_store._Snapshot, key: str) -> memoryview | None:
        found = get(self, key)
        if found is None or not key.endswith("zarr.json"):
            return found
        return memoryview(bytes(found).replace(b'"NaN"', b'"Infinity"'))

    monkeypatch.setattr(chunk_store._Snapshot, "get", other)
    with pytest.raises(Corrupt, match="digest"):
        ChunkSource.open(filled.url, f"{row.path}/values")
