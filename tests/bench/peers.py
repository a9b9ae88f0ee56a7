"""What others take for the same answers, and how far their answers are from ours."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.bench import peers_arrays, peers_tables
from tests.bench.answers import Answer, Contender, difference
from tests.bench.engine import Pass, exact, five
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import interleaved, processor_seconds

_OURS_READS = "lz4"


@dataclass(frozen=True)
class Peer:
    """Who is asked, what it needs, and how many times less ours should take."""

    needs: str
    make: Callable[[Options], Contender]
    goal: Goal | None = None
    fills: bool = False


@dataclass(frozen=True)
class Question:
    """One answer that several can give."""

    what: str
    ours: Callable[[Pass, bool], Answer]
    peers: tuple[Peer, ...]


def measure(options: Options) -> Section:
    """Ask every question of everyone who is installed."""
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    skipped: list[str] = []
    with _one_blas_thread():
        for question in QUESTIONS:
            _ask(options, question, comparisons, figures, skipped)
    return Section(
        "peers",
        "Others, on the same data",
        f"{options.population.size()}; {options.threads} threads each, BLAS one. Ours "
        f"reads blosc lz4 + bitshuffle and ends with float64 results, exactly rounded. "
        "Peers on Parquet read it without dictionary, 512,000 rows in a row group, "
        "missing as null; each way a peer has (encoding, engine, layout) was tried and "
        "the cheapest is quoted. Differences: largest over all groups and features, "
        "of covariances relative to both standard deviations. Answers of float32 carry "
        "7 digits.",
        tuple(comparisons),
        tuple(figures),
        tuple(dict.fromkeys(skipped)),
    )


def _ask(
    options: Options,
    question: Question,
    comparisons: list[Comparison],
    figures: list[Figure],
    skipped: list[str],
) -> None:
    run = Pass(options.population, options.files.array(_OURS_READS), options.threads)
    calls: dict[str, Callable[[], object]] = {"ours": lambda: question.ours(run, False)}
    asked: list[tuple[Peer, str]] = []
    for peer in question.peers:
        if importlib.util.find_spec(peer.needs) is None:
            skipped.append(f"{peer.needs} is not installed; `make bench` installs it")
            continue
        contender = peer.make(options)
        options.say(f"peers: {question.what}: {contender.name}")
        variant, call, answer = _cheapest(contender)
        apart = difference(question.ours(run, peer.fills), answer)
        figures.append(
            Figure(
                f"{question.what}: difference from {contender.name}",
                apart,
                goal=Goal(most=contender.tolerance),
                note=variant,
            )
        )
        name = f"{contender.name} ({variant})"
        calls[name] = call
        asked.append((peer, name))
    options.say(f"peers: {question.what}: rounds")
    seconds = interleaved(calls, options.rounds)
    comparisons += [
        Comparison(
            question.what,
            "ours",
            name,
            seconds["ours"],
            seconds[name],
            units=options.population.rows,
            inverse=True,
            goal=peer.goal,
        )
        for peer, name in asked
    ]


def _cheapest(
    contender: Contender,
) -> tuple[str, Callable[[], Answer], Answer]:
    """Run every variant after a warm-up of the first; return what took least."""
    best: tuple[float, str, Answer] | None = None
    next(iter(contender.variants.values()))()
    for variant, call in contender.variants.items():
        start = processor_seconds()
        answer = call()
        took = processor_seconds() - start
        if best is None or took < best[0]:
            best = (took, variant, answer)
    assert best is not None
    return best[1], contender.variants[best[1]], best[2]


def _team_covariance(run: Pass, filled: bool) -> Answer:
    assert not filled
    return {"covariance": run.teams(exact).covariance()}


def _team_five(run: Pass, filled: bool) -> Answer:
    assert not filled
    return _five(run.teams(five))


def _all_covariance(run: Pass, filled: bool) -> Answer:
    return {"covariance": run.everything(_filled if filled else exact).covariance()}


def _all_five(run: Pass, filled: bool) -> Answer:
    assert not filled
    return _five(run.everything(five))


def _filled(values: np.ndarray, groups: np.ndarray, n_groups: int) -> Any:
    return exact(np.nan_to_num(values), groups, n_groups)


def _five(moments: Any) -> Answer:
    return {
        "count": moments.count,
        "mean": moments.mean(),
        "sd": np.sqrt(moments.variance()),
        "minimum": moments.minimum,
        "maximum": moments.maximum,
    }


@contextlib.contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Keep BLAS from starting threads of its own beside ours; needs scikit-learn."""
    if importlib.util.find_spec("threadpoolctl") is None:
        yield
        return
    import threadpoolctl

    with threadpoolctl.threadpool_limits(limits=1):
        yield


QUESTIONS = (
    Question(
        "covariance of every team, 136 pairs, pairwise complete",
        _team_covariance,
        (
            Peer(
                "duckdb",
                partial(peers_tables.duckdb_contender, question="covariance"),
                Goal(least=10),
            ),
            Peer(
                "polars",
                partial(peers_tables.polars_contender, question="covariance"),
                Goal(least=10),
            ),
            Peer("numpy", peers_arrays.numpy_contender),
        ),
    ),
    Question(
        "count, mean, sd, minimum, maximum of every team",
        _team_five,
        (
            Peer(
                "duckdb",
                partial(peers_tables.duckdb_contender, question="five"),
                Goal(least=3),
            ),
            Peer(
                "polars",
                partial(peers_tables.polars_contender, question="five"),
                Goal(least=3),
            ),
            Peer("flox", peers_arrays.flox_contender, Goal(least=8)),
        ),
    ),
    Question(
        "covariance of everything, one group",
        _all_covariance,
        (
            Peer("dask", peers_arrays.dask_contender, fills=True),
            Peer("sklearn", peers_arrays.pca_contender, fills=True),
        ),
    ),
    Question(
        "count, mean, sd, minimum, maximum of everything, one group",
        _all_five,
        (Peer("sklearn", peers_arrays.scaler_contender),),
    ),
)
