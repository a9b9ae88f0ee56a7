"""Memory of a pass: the prediction bounds what is measured, and refuses in words."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client, LocalCluster
from zarr.codecs import BloscCodec, TransposeCodec

from stats.moments import GroupMoments
from stats.sparse_groups import SparseGroups
from stats.summary import merge_all
from tasks.memory import MemoryLimit, Prediction, allowed_bytes, peak_memory, predict
from tasks.probe import Probe, probe
from tasks.summarize import BUILD
from tests.repository import ROOT

MIB = 2**20
SOURCE = SimpleNamespace(chunk_bytes=8 * MIB, copies=1)
FOUND = Probe(process=100 * MIB, state=10_000, scratch=3 * MIB)
TOUCHED = [[20] * 100, [300] * 7, [2000]]


def at(touched: Any = TOUCHED, n_groups: int = 2000, **options: Any) -> Prediction:
    given = {"threads": 1, "split_every": 16} | options
    source = given.pop("source", SOURCE)
    found = given.pop("found", FOUND)
    return predict(source, touched, n_groups, found, **given)


def test_parts_add_up_and_hold_what_is_known():
    found = at(threads=2)
    assert found.bytes == sum(found.parts.values())
    assert found.parts["process"] == 100 * MIB
    assert found.parts["decoded chunks"] == 16 * MIB
    assert found.parts["stored chunks"] > 16 * MIB
    assert found.parts["result"] == 2 * 2000 * 10_000
    assert at(source=SimpleNamespace(chunk_bytes=8 * MIB, copies=3)).parts[
        "decoded chunks"
    ] == (24 * MIB)


def test_a_prediction_grows_with_what_costs_memory_and_not_with_chunks():
    base = at().bytes
    assert at(threads=2).bytes > base
    assert at(n_groups=4000).bytes > base
    assert at(split_every=4).bytes < base
    all_groups = [[2000] * 100, [2000] * 7, [2000]]
    assert at(all_groups).bytes > base
    assert at(found=Probe(100 * MIB, 20_000, 3 * MIB)).bytes > base
    longer = [[20] * 10_000, [300] * 625, [2000] * 40, [2000] * 3, [2000]]
    assert at(longer).bytes < 4 * base
    assert (
        at([[20] * 10_000, [300] * 17, [2000]]).bytes
        == at([[20] * 20_000, [300] * 34, [2000]]).bytes
    )


def test_one_chunk_has_no_merge():
    found = at([[5]], 5).parts
    assert (found["states"], found["merges"]) == (0, 0)


def test_a_merge_is_weighed_by_what_goes_in_and_comes_out():
    found = Probe(0, 1, 0, merge_in=10, merge_out=1000)
    level = [[20] * 16 + [30] * 4, [300, 100], [350]]
    one, two = (at(level, found=found, threads=n).parts["merges"] for n in (1, 2))
    assert one == max(10 * 320 + 1000 * 300, 10 * 400 + 1000 * 350)
    assert two == 10 * (320 + 120) + 1000 * (300 + 100)


def test_the_probe_of_a_merge_bounds_a_merge():
    shape = (200, 16, 4)
    for statistic in BUILD.values():
        found = probe(statistic, shape, "float32")
        rng = np.random.default_rng(2)
        x = rng.normal(size=shape).astype(np.float32)
        groups = np.arange(200) // 5
        for shift in (0, 40):
            parts = [
                SparseGroups(np.arange(40) + shift * i, statistic(x, groups, 40))
                for i in range(16)
            ]
            merge_all(parts)
            tracemalloc.start()
            whole = merge_all(parts)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            bound = found.merge_in * 16 * 40 + found.merge_out * whole.n_groups
            assert 0 < peak <= bound + 100_000


def test_a_refusal_says_predicted_allowed_parts_and_remedy():
    found = at()
    found.require(found.bytes, "pass")
    with pytest.raises(MemoryLimit) as caught:
        found.require(found.bytes - 1, "pass")
    text = str(caught.value)
    assert caught.value.kind == "out_of_memory_limit"
    assert text.startswith("pass: predicted ")
    for word in [*found.parts, "allowed", "fewer threads", "spread"]:
        assert word in text


def test_a_limit_is_read_from_text_workers_or_the_machine():
    assert allowed_bytes("2GB", None) == 2_000_000_000
    assert allowed_bytes(5, None) == 5
    assert allowed_bytes(None, None) > 100 * MIB
    with pytest.raises(MemoryLimit, match="'much' is no size"):
        allowed_bytes("much", None)
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            memory_limit="1GiB",
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        assert allowed_bytes(None, client) == 1024 * MIB
        assert allowed_bytes("5GiB", client) == 1024 * MIB
        assert allowed_bytes("1MiB", client) == MIB


def test_a_probe_weighs_the_state_of_a_group_and_the_scratch_of_a_chunk():
    shape = (640, 4, 3)
    found = probe(GroupMoments.from_block, shape, "float32")
    spread = probe(
        functools.partial(GroupMoments.from_block, pairs=False), shape, "float32"
    )
    assert 0 < spread.state < found.state
    assert found.process > 50 * MIB

    def greedy(values: Any, groups: Any, n_groups: int) -> GroupMoments:
        held = np.ones((len(values), 10_000))
        return GroupMoments.from_block(values, groups, n_groups + int(held[0, 0] - 1))

    assert probe(greedy, shape, "float32").scratch >= 640 * 80_000


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint32"])
def test_a_probe_makes_up_numbers_of_any_type(dtype: str):
    assert probe(GroupMoments.from_block, (3, 2, 2), dtype).state > 0


def test_the_peak_is_of_this_process_and_not_of_its_parent():
    held = np.ones(64 * MIB // 8)
    assert peak_memory() >= held.nbytes
    code = "from tasks.memory import peak_memory; import psutil; " + (
        "print(peak_memory() / psutil.Process().memory_info().rss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True
    )
    assert 0.99 < float(done.stdout) < 1.5


_RUN = """
import json, sys
import numpy as np
from storage.chunks import ChunkSource
from tasks.array_pass import ArrayPass
from tasks.memory import peak_memory
from tasks.summarize import BUILD

path, order, statistic = sys.argv[1:4]
threads = int(sys.argv[4]) or None
source = ChunkSource.open(path)
groups = np.arange(source.shape[0]) * 400 // source.shape[0]
if order == "shuffled":
    groups = np.random.default_rng(0).permutation(groups)
planned = ArrayPass.plan(source, groups, 400, BUILD[statistic])
found = planned.predict(threads=threads)
planned.run(threads=threads)
print(json.dumps([found.parts["process"], found.bytes, peak_memory()]))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an array of 24 chunks of 4 MB each."""
    path = tmp_path_factory.mktemp("large") / "a"
    shape = (24_000, 64, 16)
    array = zarr.create_array(
        str(path),
        shape=shape,
        chunks=(1000, *shape[1:]),
        dtype="float32",
        filters=[TransposeCodec(order=(0, 2, 1))],
        compressors=[BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=4)],
    )
    rng = np.random.default_rng(9)
    block = rng.standard_normal((1000, *shape[1:]), dtype=np.float32)
    block[rng.random(block.shape) < 0.01] = np.nan
    for start in range(0, shape[0], 1000):
        array[start : start + 1000] = block * (1 + start)
    return path


def measured(
    path: Path, order: str, statistic: str, threads: int
) -> tuple[int, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(path), order, statistic, str(threads)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    process, predicted, peak = json.loads(done.stdout)
    return process, predicted, peak


@pytest.mark.parametrize(
    ("order", "statistic", "threads"),
    [
        ("sorted", "moments", 0),
        ("sorted", "moments", 2),
        ("sorted", "spread", 2),
        ("sorted", "quantiles", 2),
        ("shuffled", "moments", 2),
    ],
)
def test_the_prediction_bounds_what_is_measured(
    large: Path, order: str, statistic: str, threads: int
) -> None:
    process, predicted, peak = measured(large, order, statistic, threads)
    assert process < peak <= predicted
    # A bound of no use would pass as well.
    assert predicted - process < 8 * (peak - process)
