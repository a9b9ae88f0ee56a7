"""The benchmark at small size: what it counts, and that its parts tell the truth.

Seconds are never asserted.  Peers that are not installed are skipped: `make bench`
installs them.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from tests.bench import accuracy, peers, quick
from tests.bench.answers import difference
from tests.bench.data import CODECS, PARQUET, Files, Population, create, repeated
from tests.bench.engine import Pass, exact
from tests.bench.growth import exponent
from tests.bench.options import Options
from tests.bench.timing import interleaved

SMALL = Population(agents=1_200, times=8, features=5, chunk=50, sites=3, per_team=40)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return Options(SMALL, tmp_path_factory.mktemp("bench"), rounds=1, quiet=True)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_pass_reads_every_chunk_once(
    options: Options, codec: str, threads: int
) -> None:
    path = options.files.array(codec)
    work = quick.count(Pass(SMALL, path, threads))
    chunks = quick.stored(path)
    assert len(chunks) == 24
    assert work.reads == dict.fromkeys(chunks, 1)
    assert work.bytes_read == sum(chunks.values())
    assert (work.summaries, work.merge_tasks) == (24, 3)
    assert work.merges == 24 - 1


def test_bits_do_not_depend_on_codec_layout_or_threads(options: Options) -> None:
    digests = {
        quick.count(
            Pass(SMALL, options.files.array(codec, contiguous_times=order), threads)
        ).digest
        for codec in CODECS
        for order in (True, False)
        for threads in (1, 2)
    }
    assert len(digests) == 1


def test_work_grows_with_the_chunks_and_with_nothing_else(options: Options) -> None:
    whole = options.files.array("lz4")
    counted = {}
    for chunks in (16, 32, 64, 128):
        path = repeated(whole, chunks, options.files.folder / f"{chunks}.zarr")
        population = dataclasses.replace(SMALL, agents=chunks * SMALL.chunk)
        counted[chunks] = quick.count(Pass(population, path, 2))
    first = quick.stored(whole)["c/0/0/0"]
    for chunks, work in counted.items():
        assert work.summaries == chunks
        assert work.bytes_read == chunks * first
        assert work.merges == chunks - 1
        assert work.tasks <= 1.07 * chunks + 1


def test_a_block_depends_on_seed_and_number_alone() -> None:
    block, again = next(SMALL.blocks()), next(SMALL.blocks())
    assert np.array_equal(block, again, equal_nan=True)
    other = dataclasses.replace(SMALL, seed=1)
    assert not np.array_equal(block, next(other.blocks()), equal_nan=True)
    assert SMALL.key() != other.key()


def test_the_data_are_what_they_are_said_to_be() -> None:
    population = Population(agents=2_000, per_team=2_000, sites=1)
    (block,) = population.blocks()
    assert block.shape == (2_000, 64, 16)
    assert block.nbytes == population.n_bytes == population.chunk_bytes
    assert np.isnan(block).mean() == pytest.approx(0.01, rel=0.02)
    scaled = (block - np.nanmean(block, (0, 1))) / np.nanstd(block, (0, 1))
    lag = np.nanmean(scaled[:, 1:] * scaled[:, :-1], axis=(0, 1))
    assert lag == pytest.approx(np.full(16, 0.7), abs=0.02)
    sd = np.nanstd(block, (0, 1))
    assert 1e2 < sd.max() / sd.min() < 1e4


def test_teams_are_sorted_and_none_is_empty() -> None:
    teams = SMALL.team_of_agent()
    assert (np.diff(teams) >= 0).all()
    assert np.array_equal(np.unique(teams), np.arange(SMALL.teams))
    assert np.array_equal(np.unique(SMALL.site_of_team()), np.arange(SMALL.sites))
    boundaries = np.flatnonzero(np.diff(teams)) + 1
    assert (boundaries % SMALL.chunk != 0).any(), "no team is cut by a chunk"


def test_zarrs_default_codec_is_the_one_that_is_called_so(tmp_path: Path) -> None:
    ours = create(tmp_path / "ours.zarr", SMALL, "zstd", "atf")
    default = zarr.create_array(
        str(tmp_path / "default.zarr"), shape=(1,), chunks=(1,), dtype="float32"
    )
    assert ours.compressors == default.compressors


@pytest.mark.parametrize("encoding", PARQUET)
def test_tables_hold_the_same_data(options: Options, encoding: str) -> None:
    table = pq.read_table(options.files.table(encoding))
    whole = np.concatenate(list(SMALL.blocks())).reshape(-1, SMALL.features)
    for i in range(SMALL.features):
        column = table[f"f{i}"]
        assert column.null_count == np.isnan(whole[:, i]).sum() > 0
        assert np.array_equal(column.to_numpy(), whole[:, i], equal_nan=True)
    rows = np.repeat(SMALL.team_of_agent(), SMALL.times)
    assert np.array_equal(table["team"].to_numpy(), rows)
    codecs = {
        pq.read_metadata(options.files.table(encoding)).row_group(0).column(i).encodings
        for i in range(1, SMALL.features + 1)
    }
    assert all("RLE_DICTIONARY" not in found for found in codecs)


def test_links_stand_for_chunks(options: Options) -> None:
    whole = options.files.array("zstd")
    folder = options.files.folder
    first = _read(whole)[: SMALL.chunk]
    again = _read(repeated(whole, 3, folder / "three.zarr"))
    assert np.array_equal(again, np.concatenate([first] * 3), equal_nan=True)


def _read(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(str(path), mode="r")[:])


def test_half_written_data_are_not_used(tmp_path: Path) -> None:
    files = Files(SMALL, tmp_path)
    part = files.folder / "zstd-aft.zarr.part"
    part.mkdir(parents=True)
    (part / "zarr.json").write_text("{", encoding="utf-8")
    assert _read(files.array("zstd")).shape == (1_200, 8, 5)
    assert not part.exists()


def test_rounds_alternate_after_one_that_is_not_counted() -> None:
    called: list[str] = []
    ticks = iter(range(100))
    seconds = interleaved(
        {name: partial(called.append, name) for name in "ab"},
        3,
        clocks=dict.fromkeys("ab", lambda: float(next(ticks))),
    )
    assert called == ["a", "b"] * 4
    assert seconds == {"a": (1.0,) * 3, "b": (1.0,) * 3}


def test_exponents_are_slopes() -> None:
    sizes = [1, 10, 100, 1_000]
    assert exponent(sizes, [2 * n**1.5 for n in sizes]) == pytest.approx(1.5)


def test_the_truth_of_the_accuracy_section_is_exact() -> None:
    rows = np.array([[1e8 + 1, 2.5], [1e8 + 2, 3.0], [1e8 + 4, 1.0], [1e8, -7.0]])
    n = len(rows)
    columns = [[Fraction(float(value)) for value in column] for column in rows.T]
    means = [sum(column) / n for column in columns]
    twin = [
        [
            sum((x - s) * (y - t) for x, y in zip(a, b, strict=True)) / (n - 1)
            for b, t in zip(columns, means, strict=True)
        ]
        for a, s in zip(columns, means, strict=True)
    ]
    assert accuracy.exact_covariance(rows) == twin
    assert twin[0][0] == Fraction(35, 12)


@pytest.mark.slow
def test_covariance_far_from_zero_is_exact_by_ours_alone() -> None:
    rows = accuracy.sample(3_200, 1e8)
    truth = accuracy.exact_covariance(rows)
    blocks = np.split(rows, 64)
    errors = {
        name: accuracy.covariance_error(way(blocks), truth)
        for name, way in accuracy.WAYS.items()
    }
    assert errors["ours"] <= 2**-52
    assert errors["Welford, row by row"] > 1e-12
    assert errors["textbook (Σxy − ΣxΣy/n)"] > 1e-2


def test_answers_that_differ_are_told_apart() -> None:
    one = {"covariance": np.array([[[4.0, 1.0], [1.0, 1.0]]])}
    two = {"covariance": np.array([[[4.0, 1.0], [1.5, 1.0]]])}
    assert difference(one, one) == 0
    assert difference(one, two) == 0.25
    holes = {"covariance": np.array([[[4.0, np.nan], [1.0, 1.0]]])}
    assert difference(one, holes) == float("inf")


PEERS = [
    pytest.param(question, peer, id=f"{peer.needs}-{question.what[:10]}-{number}")
    for number, question in enumerate(peers.QUESTIONS)
    for peer in question.peers
]


@pytest.mark.parametrize(("question", "peer"), PEERS)
def test_peers_answer_the_same_question(
    options: Options, question: peers.Question, peer: peers.Peer
) -> None:
    if importlib.util.find_spec(peer.needs) is None:
        pytest.skip(f"{peer.needs} is not installed; `make bench` installs it")
    contender = peer.make(options)
    run = Pass(SMALL, options.files.array("lz4"), options.threads)
    ours = question.ours(run, peer.fills)
    first = next(iter(contender.variants.values()))
    assert difference(ours, first()) <= contender.tolerance


def test_ours_agrees_with_all_rows_at_once(options: Options) -> None:
    whole = np.concatenate(list(SMALL.blocks()))
    teams, sites, everything = Pass(SMALL, options.files.array("zstd"), 2).levels(exact)
    at_once = exact(whole, SMALL.team_of_agent(), SMALL.teams)
    assert teams.digest() == at_once.digest()
    assert sites.n_groups == SMALL.sites
    assert np.array_equal(everything.count[0], np.isfinite(whole).sum(axis=(0, 1)))
