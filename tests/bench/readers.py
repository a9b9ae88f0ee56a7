"""Readers and codecs: what decoding the benchmark's array costs, and nothing else.

`python -m tests.bench.readers` prints the section alone, with 60,000 agents (246 MB).
`zarrs` is measured where it is installed (`pip install zarrs`); the project does not
use it.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import icechunk
import numcodecs.blosc
import numcodecs.zstd
import numpy as np
import zarr

from storage.chunks import ChunkSource
from tests.bench import page
from tests.bench.data import Population
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Section
from tests.bench.timing import ROOT, commit, interleaved, machine

MOST_AGENTS = 60_000
ORDERS = {"atf": (0, 1, 2), "aft": (0, 2, 1)}
ORDER_TEXT = {"atf": "features side by side", "aft": "times side by side"}


def _blosc(cname: str, shuffle: str) -> dict[str, Any]:
    options = {"cname": cname, "clevel": 5, "shuffle": shuffle}
    return {
        "name": "blosc",
        "configuration": options | {"typesize": 4, "blocksize": 0},
    }


CODECS: dict[str, dict[str, Any]] = {
    "zstd": {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
    "blosc zstd + shuffle": _blosc("zstd", "shuffle"),
    "blosc zstd + bitshuffle": _blosc("zstd", "bitshuffle"),
    "blosc lz4 + bitshuffle": _blosc("lz4", "bitshuffle"),
}


@dataclasses.dataclass(frozen=True)
class Stored:
    """An array in one encoding, as a folder and in Icechunk."""

    folder: Path
    repository: Path
    codec: str
    agents: int
    chunk: int
    chunk_bytes: int


def measure(options: Options) -> Section:
    """Measure every codec and physical order with every reader."""
    population = options.population
    agents = min(MOST_AGENTS, population.agents)
    population = dataclasses.replace(population, agents=agents)
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    for codec in CODECS:
        for order in ORDERS:
            options.say(f"readers: {codec}, {ORDER_TEXT[order]}")
            stored, encoding = _write(options, population, codec, order)
            seconds = interleaved(readers(stored), options.rounds)
            what = f"{codec}, {ORDER_TEXT[order]}"
            comparisons += [
                Comparison(
                    what, "ours", name, seconds["ours"], found,
                    units=population.rows, inverse=True,
                )
                for name, found in seconds.items() if name != "ours"
            ]  # fmt: skip
            size = sum(f.stat().st_size for f in stored.folder.rglob("*"))
            figures.append(Figure(f"stored: {what}", size / 1e6, "MB", note=encoding))
            for path in (stored.folder, stored.repository):
                shutil.rmtree(path)
    installed = importlib.util.find_spec("zarrs") is not None
    return Section(
        "readers",
        "Readers and codecs",
        f"{population.size()}. Every chunk is read from the page cache, decoded and "
        "dropped; only the array read whole is kept to its end. Ours is `ChunkSource`: "
        "one decode of the stored bytes per chunk. One thread; zarr-python and zarrs "
        "bring their own.",
        tuple(comparisons),
        tuple(figures),
        () if installed else ("zarrs: it is not installed",),
    )


def readers(stored: Stored) -> dict[str, Callable[[], object]]:
    """Return what is compared: each reads the whole array once."""
    found: dict[str, Callable[[], object]] = {
        "ours": lambda: _ours(str(stored.folder)),
        "ours, from Icechunk": lambda: _ours(str(stored.repository)),
        "the decoder into one reused buffer": lambda: _reused(stored),
        "zarr-python per chunk": lambda: _zarr_chunks(stored),
        "zarr-python, whole array": lambda: _array(stored)[...],
    }
    if importlib.util.find_spec("zarrs") is not None:
        found["zarrs per chunk"] = lambda: _zarrs(stored)
    return found


def _ours(url: str) -> None:
    source = ChunkSource.open(url)
    for i in range(source.n_chunks):
        source.read(i)


def _reused(stored: Stored) -> None:
    """Do the least there is: open, read, decode, with no array made of it."""
    buffer = np.empty(stored.chunk_bytes, dtype=np.uint8)
    plain = stored.codec == "zstd"
    decode = numcodecs.zstd.decompress if plain else numcodecs.blosc.decompress
    for i in range(-(-stored.agents // stored.chunk)):
        with (stored.folder / "c" / str(i) / "0" / "0").open("rb") as file:
            raw = file.read()
        decode(raw, buffer)


def _array(stored: Stored) -> Any:
    return zarr.open_array(str(stored.folder), mode="r")


def _zarr_chunks(stored: Stored) -> None:
    array = _array(stored)
    for start in range(0, stored.agents, stored.chunk):
        array[start : start + stored.chunk]


def _zarrs(stored: Stored) -> None:
    with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
        _zarr_chunks(stored)


def _write(
    options: Options, population: Population, codec: str, order: str
) -> tuple[Stored, str]:
    """Write the array twice; say what encoding costs."""
    root = options.root / f"readers-{population.key()}"
    name = f"{codec.replace(' ', '').replace('+', '-')}-{order}"
    folder, repository = root / f"{name}.zarr", root / f"{name}.icechunk"
    for path in (folder, repository):
        if path.is_dir():
            shutil.rmtree(path)
    seconds = _fill(str(folder), population, codec, order)
    root.mkdir(parents=True, exist_ok=True)
    place = icechunk.local_filesystem_storage(str(repository))
    session = icechunk.Repository.create(place).writable_session("main")
    _fill(session.store, population, codec, order)
    session.commit("the same array")
    said = f"written at {1e9 * seconds / population.rows:.0f} ns of a processor per row"
    stored = Stored(
        folder,
        repository,
        codec,
        population.agents,
        population.chunk,
        population.chunk_bytes,
    )
    return stored, said


def _fill(store: Any, population: Population, codec: str, order: str) -> float:
    """Write all blocks; return the processor time without making them."""
    filters = [{"name": "transpose", "configuration": {"order": ORDERS[order]}}]
    shape = (population.times, population.features)
    array = zarr.create_array(
        store,
        shape=(population.agents, *shape),
        chunks=(population.chunk, *shape),
        dtype="float32",
        filters=filters if order == "aft" else None,
        compressors=[CODECS[codec]],
        fill_value=float("nan"),
    )
    spent = 0.0
    for number, block in enumerate(population.blocks()):
        first = number * population.chunk
        start = time.process_time()
        array[first : first + len(block)] = block
        spent += time.process_time() - start
    return spent


def main() -> None:
    """Measure this section alone and print it."""
    section = measure(Options(Population(), ROOT / "data" / "bench"))
    lines = [section.title, section.text, f"{machine()}; commit {commit()}"]
    lines += page.plain([*section.comparisons, *section.figures])
    sys.stdout.write("\n".join([*lines, *section.skipped, ""]))


if __name__ == "__main__":
    main()
