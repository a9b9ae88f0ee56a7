"""The benchmark's data: a seeded population, written block by block and kept.

200,000 agents x 64 steps x 16 features of float32 are 819 MB.  Features are AR(1) with
coefficient 0.7, correlated, on scales 10^U(-1, 3) with means of -2 to 20 scales; agents
are sorted by team, teams by site; team and site shift the mean; 1 % is NaN.  A block
depends on the seed and its number alone, so memory is one block whatever the size.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray

CODECS: dict[str, dict[str, Any]] = {
    "zstd": {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
    "lz4": {
        "name": "blosc",
        "configuration": {
            "cname": "lz4",
            "clevel": 5,
            "shuffle": "bitshuffle",
            "typesize": 4,
            "blocksize": 0,
        },
    },
}
CODEC_TEXT = {
    "zstd": "zstd level 0, zarr's default",
    "lz4": "blosc lz4 + bitshuffle",
}
PARQUET: dict[str, dict[str, Any]] = {
    "uncompressed": {"compression": "none"},
    "zstd": {"compression": "zstd"},
    "zstd, byte stream split": {
        "compression": "zstd",
        "use_byte_stream_split": True,
    },
}
_VERSION = 1


@dataclass(frozen=True)
class Population:
    """What the data are made from; equal fields give equal bytes."""

    agents: int = 200_000
    times: int = 64
    features: int = 16
    chunk: int = 2_000
    sites: int = 20
    per_team: int = 100
    seed: int = 20130308

    @property
    def teams(self) -> int:
        return max(self.sites, self.agents // self.per_team)

    @property
    def rows(self) -> int:
        return self.agents * self.times

    @property
    def n_bytes(self) -> int:
        return 4 * self.rows * self.features

    @property
    def chunk_bytes(self) -> int:
        return 4 * self.chunk * self.times * self.features

    def size(self) -> str:
        """Return the size in words."""
        return (
            f"{self.agents:,} agents × {self.times} steps × {self.features} features, "
            f"{self.n_bytes / 1e6:,.0f} MB of float32, {self.teams:,} teams, "
            f"{self.sites} sites, 1 % missing"
        )

    def key(self) -> str:
        text = json.dumps([_VERSION, asdict(self)], sort_keys=True)
        return f"{self.agents}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def team_of_agent(self) -> NDArray[np.int64]:
        """Team of every agent, sorted; team sizes differ, so chunks cut teams."""
        rng = np.random.default_rng([self.seed, 0])
        inner = rng.choice(self.agents - 1, self.teams - 1, replace=False) + 1
        sizes = np.diff(np.concatenate([[0], np.sort(inner), [self.agents]]))
        return np.repeat(np.arange(self.teams), sizes)

    def site_of_team(self) -> NDArray[np.int64]:
        return np.arange(self.teams) * self.sites // self.teams

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the chunks, each of shape (agents, times, features)."""
        shape = _Shape.draw(self)
        teams = self.team_of_agent()
        for number, first in enumerate(range(0, self.agents, self.chunk)):
            yield shape.block(self, number, teams[first : first + self.chunk])


@dataclass(frozen=True)
class _Shape:
    """What all blocks share: scales, offsets, mixing, shifts of teams and sites."""

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    mixing: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def draw(cls, population: Population) -> _Shape:
        d = population.features
        rng = np.random.default_rng([population.seed, 1])
        scale = 10 ** rng.uniform(-1, 3, d)
        loadings = rng.normal(0, 0.6, (d, 3))
        covariance = loadings @ loadings.T + np.eye(d)
        sd = np.sqrt(np.diag(covariance))
        mixing = np.linalg.cholesky(covariance / np.outer(sd, sd))
        site = rng.normal(0, 0.3, (population.sites, d))
        team = rng.normal(0, 0.4, (population.teams, d))
        shift = team + site[population.site_of_team()]
        return cls(scale, scale * rng.uniform(-2, 20, d), mixing, shift)

    def block(
        self, population: Population, number: int, teams: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        rng = np.random.default_rng([population.seed, 2, number])
        shape = (len(teams), population.times, population.features)
        noise = rng.standard_normal(shape, dtype=np.float32)
        for t in range(1, population.times):
            noise[:, t] *= np.float32(np.sqrt(1 - 0.7**2))
            noise[:, t] += np.float32(0.7) * noise[:, t - 1]
        mixed = noise @ self.mixing.T.astype(np.float32)
        mixed += self.shift[teams][:, None].astype(np.float32)
        values = mixed * self.scale.astype(np.float32) + self.offset.astype(np.float32)
        values[rng.random(shape, dtype=np.float32) < 0.01] = np.nan
        return values


@dataclass(frozen=True)
class Files:
    """Where the data of one population lie; made when first asked for."""

    population: Population
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / self.population.key()

    def array(self, codec: str, *, contiguous_times: bool = True) -> Path:
        """Return a zarr v3 array, axes (agent, time, feature).

        Parameters
        ----------
        codec : {"zstd", "lz4"}
        contiguous_times : bool
            The chunks' physical order is (agent, feature, time), not the logical one.
        """
        order = "aft" if contiguous_times else "atf"
        path = self.folder / f"{codec}-{order}.zarr"

        def write(part: Path) -> None:
            target = create(part, self.population, codec, order)
            for number, block in enumerate(self.population.blocks()):
                first = number * self.population.chunk
                target[first : first + len(block)] = block

        return _once(path, write)

    def blank(self) -> Path:
        """Return an array of one chunk with next to nothing in it."""
        small = Population(agents=1, times=1, features=1, chunk=1, sites=1)

        def write(part: Path) -> None:
            create(part, small, "lz4", "aft")[:] = 1.0

        return _once(self.folder / "blank.zarr", write)

    def table(self, encoding: str) -> Path:
        """Return a Parquet file: team, f0, f1, ...; NaN is null, 4 chunks a row group.

        Parameters
        ----------
        encoding : {"uncompressed", "zstd", "zstd, byte stream split"}
        """
        path = self.folder / f"{encoding.replace(', ', '-').replace(' ', '-')}.parquet"
        return _once(path, lambda part: self._write_table(part, encoding))

    def _write_table(self, path: Path, encoding: str) -> None:
        population = self.population
        names = [f"f{i}" for i in range(population.features)]
        schema = pa.schema(
            [("team", pa.int32()), *((name, pa.float32()) for name in names)]
        )
        options = PARQUET[encoding]
        if options.get("use_byte_stream_split"):
            options = options | {"use_byte_stream_split": names}
        teams = population.team_of_agent().astype(np.int32)
        group = 4 * population.chunk * population.times
        held: list[pa.Table] = []
        with pq.ParquetWriter(path, schema, use_dictionary=False, **options) as writer:
            for number, block in enumerate(population.blocks()):
                first = number * population.chunk
                team = np.repeat(teams[first : first + len(block)], population.times)
                columns = block.reshape(-1, population.features).T
                arrays = [pa.array(team)]
                arrays += [pa.array(column, from_pandas=True) for column in columns]
                held.append(pa.Table.from_arrays(arrays, schema=schema))
                if len(held) == 4:
                    writer.write_table(pa.concat_tables(held), row_group_size=group)
                    held = []
            if held:
                writer.write_table(pa.concat_tables(held), row_group_size=group)


def create(
    path: Path, population: Population, codec: str, order: str
) -> zarr.Array[Any]:
    """Create an empty array of a population's shape, without sharding."""
    filters: Any = [{"name": "transpose", "configuration": {"order": [0, 2, 1]}}]
    return zarr.create_array(
        str(path),
        shape=(population.agents, population.times, population.features),
        chunks=(population.chunk, population.times, population.features),
        dtype="float32",
        filters=filters if order == "aft" else None,
        compressors=[CODECS[codec]],
        fill_value=float("nan"),
        dimension_names=("agent", "time", "feature"),
    )


def repeated(path: Path, n_chunks: int, target: Path) -> Path:
    """Return an array of `n_chunks` chunks that all are the first chunk of `path`.

    The chunks are links to one file, so that any number of them needs no disk; a
    reader opens, reads and decodes each like any other.
    """

    def write(part: Path) -> None:
        described = json.loads((path / "zarr.json").read_text("utf-8"))
        chunk = described["chunk_grid"]["configuration"]["chunk_shape"][0]
        described["shape"][0] = n_chunks * chunk
        part.mkdir(parents=True)
        (part / "zarr.json").write_text(json.dumps(described), encoding="utf-8")
        only = (path / "c" / "0" / "0" / "0").resolve()
        for number in range(n_chunks):
            folder = part / "c" / str(number) / "0"
            folder.mkdir(parents=True)
            (folder / "0").symlink_to(only)

    return _once(target, write)


def _once(path: Path, write: Callable[[Path], None]) -> Path:
    """Write to a neighbouring name and rename, so that half a file is never used."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
        write(part)
        part.rename(path)
    return path
