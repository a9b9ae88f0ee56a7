"""One pass over the array, beside only reading and decoding it."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench.data import CODEC_TEXT
from tests.bench.engine import Pass, exact, five, floating, nothing
from tests.bench.options import Options
from tests.bench.results import Comparison, Goal, Section
from tests.bench.timing import Seconds, interleaved

_EXACT = {"zstd": Goal(most=1.8, stretch=1.5), "lz4": Goal(most=2.5, stretch=2.0)}
_FLOAT = {"zstd": Goal(most=1.4), "lz4": Goal(most=1.9)}


def measure(options: Options) -> Section:
    """Measure every codec."""
    comparisons: list[Comparison] = []
    for codec in CODEC_TEXT:
        options.say(f"passes: {CODEC_TEXT[codec]}")
        comparisons += _of_codec(options, codec)
    return Section(
        "passes",
        "One pass beside decoding alone",
        f"{options.population.size()}; {options.threads} Dask threads. Full 16 × 16 "
        "pairwise-complete covariance, minimum and maximum of teams, sites and all: "
        "the pass ends with the states of all three levels; rounding the 136 pairs of "
        "every group to float64 is a row of its own. Decoding alone is the fastest "
        "reader we know on as many bare threads, a chunk at a time, nothing kept.",
        tuple(comparisons),
    )


def _of_codec(options: Options, codec: str) -> list[Comparison]:
    run = Pass(options.population, options.files.array(codec), options.threads)
    calls: dict[str, Callable[[], object]] = {
        "decode": run.decode,
        "nothing": lambda: run.teams(nothing),
        "exact": lambda: run.levels(exact),
        "rounded": lambda: run.covariances(exact),
        "five": lambda: run.levels(five),
    }
    inexact = floating(run.center())
    if inexact is not None:
        calls["float"] = lambda: run.levels(inexact)
    seconds = interleaved(calls, options.rounds)
    rows = [
        _row(options, codec, seconds, "nothing", "decoding by Dask threads", None),
        _row(options, codec, seconds, "exact", "exact moments", _EXACT[codec]),
        _row(options, codec, seconds, "rounded", "the same with covariances", None),
        _row(options, codec, seconds, "five", "exact, five statistics", None),
    ]
    if inexact is None:
        return rows
    plain = "float moments"
    return [
        *rows,
        _row(options, codec, seconds, "float", plain, _FLOAT[codec]),
        _row(options, codec, seconds, "exact", "exact moments", None, "float", plain),
    ]


def _row(
    options: Options,
    codec: str,
    seconds: Seconds,
    name: str,
    ours: str,
    goal: Goal | None,
    beside: str = "decode",
    peer: str = "decoding alone",
) -> Comparison:
    return Comparison(
        CODEC_TEXT[codec],
        ours,
        peer,
        seconds[name],
        seconds[beside],
        units=options.population.rows,
        goal=goal,
    )
