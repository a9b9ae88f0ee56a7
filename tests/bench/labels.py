"""Labels from annotators that err, copy or lie, beside the textbook's algorithm."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np

from stats.label_posterior import LabelPosterior
from stats.reliability import aggregate_labels
from tests.annotators import Answers, annotate
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import interleaved
from tests.label_rivals import CORRELATED, WORLDS, loss, textbook

_SEEDS, _QUICK_SEEDS = 8, 1
# Of the textbook's log loss, where mistakes are shared.
_CORRELATED = 0.5
_COLLUDING = {"n_tasks": 600, "liars": 0.3}
_PLAIN: dict[str, Any] = {"tempering": 1.0, "detect_copies": False}
_LAYOUTS = [(13, 2), (13, 4), (60, 2), (60, 4)]


def measure(options: Options) -> Section:
    """Compare log loss, accuracy and time."""
    seeds = _QUICK_SEEDS if options.quick else _SEEDS
    worlds = ("independent", "hard tasks") if options.quick else tuple(WORLDS)
    figures: list[Figure] = []
    for name in worlds:
        options.say(f"labels: {name}")
        figures += _world(name, seeds)
    for sources, classes in _LAYOUTS[:1] if options.quick else _LAYOUTS:
        options.say(f"labels: {sources} sources, {classes} classes, some collude")
        figures.append(_colluding(sources, classes, seeds))
    options.say("labels: time")
    return Section(
        "labels",
        "Labels from many annotators",
        f"Simulated annotators of accuracy 0.6 to 0.9, 1,500 tasks, 60 sources, four "
        f"classes, ten answers a task unless said otherwise; means of {seeds} seeds. "
        "The textbook's algorithm is Dawid and Skene's with add-one smoothing, 30 "
        "iterations, on a dense array. Where tasks are hard for everybody, or sources "
        "copy, its probabilities are far too certain.",
        comparisons=tuple(_times(options)),
        figures=tuple(figures),
    )


def aggregate(a: Answers, **options: Any) -> LabelPosterior:
    """Ours, of simulated answers."""
    return aggregate_labels(a.task, a.source, a.label, n_classes=a.n_classes, **options)


def _world(name: str, seeds: int) -> list[Figure]:
    ours, theirs, right, their_right = [], [], [], []
    for seed in range(seeds):
        a = annotate(np.random.default_rng(seed), **WORLDS[name])
        found, q = aggregate(a), textbook(a)
        ours.append(loss(found.probability, a.truth))
        theirs.append(loss(q, a.truth))
        right.append(float(np.mean(found.label == a.truth)))
        their_right.append(float(np.mean(q.argmax(axis=1) == a.truth)))
    mine, rival = statistics.mean(ours), statistics.mean(theirs)
    most = _CORRELATED if name in CORRELATED else 1.0
    return [
        Figure(
            f"log loss over the textbook's: {name}",
            mine / rival,
            "×",
            Goal(most=most),
            f"{mine:.3f} against {rival:.3f}",
        ),
        Figure(
            f"right: {name}",
            100 * statistics.mean(right),
            "%",
            note=f"the textbook's {100 * statistics.mean(their_right):.1f} %",
        ),
    ]


def _colluding(sources: int, classes: int, seeds: int) -> Figure:
    losses, rivals = [], []
    for seed in range(seeds):
        a = annotate(
            np.random.default_rng(seed),
            n_sources=sources,
            n_classes=classes,
            answers=min(sources, 13),
            **_COLLUDING,
        )
        losses.append(loss(aggregate(a).probability, a.truth))
        rivals.append(loss(textbook(a), a.truth))
    return Figure(
        f"log loss, 30 % collude: {sources} sources, {classes} classes",
        statistics.mean(losses),
        "",
        Goal(most=math.log(classes)),
        f"600 tasks; the worst seed {max(losses):.3f}, the textbook's "
        f"{statistics.mean(rivals):.3f}; knowing nothing {math.log(classes):.3f}",
    )


def _times(options: Options) -> list[Comparison]:
    """Time of the algorithm alone, and with copies and tempering looked for."""
    sizes = [(300, 20)] if options.quick else [(1_500, 60), (20_000, 200)]
    found = []
    for tasks, sources in sizes:
        a = annotate(np.random.default_rng(0), n_tasks=tasks, n_sources=sources)
        ways = {
            "Dawid and Skene alone": lambda a=a: aggregate(a, **_PLAIN),
            "with copies and tempering": lambda a=a: aggregate(a),
        }
        rivals = {"textbook": lambda a=a: textbook(a)}
        seconds = interleaved({**ways, **rivals}, min(options.rounds, 3))
        found += [
            Comparison(
                f"{a.task.size:,} answers of {sources} sources to {tasks:,} tasks",
                f"ours, {way}",
                "textbook, dense",
                seconds[way],
                seconds["textbook"],
                a.task.size,
                "answer",
            )
            for way in ways
        ]
    return found
