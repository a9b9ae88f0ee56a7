"""Which agents stand out, ours beside others: injected changes whose truth is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from stats.changes import CHANGE_KINDS, Changes, fit_own, plan_nights
from stats.simulate import KINDS, Anomaly, Population, PopulationParams
from tests.bench import anomaly_rivals
from tests.bench.anomaly_rivals import Case
from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section
from tests.residuals import residuals

AGENTS, NIGHTS, SHARE, LEVEL = 20_000, 43, 0.01, 0.05
LAST = NIGHTS - 1
# Kind injected: size, first night, features moved, kind that should be reported.
INJECTED: dict[str, tuple[float, int, tuple[int, ...], str]] = {
    "mean shift": (2.0, LAST - 6, (0, 1), "mean shift"),
    "variance inflation": (6.0, LAST - 6, (), "variance inflation"),
    "correlation break": (0.0, LAST - 6, (), "correlation break"),
    "slow drift": (0.25, LAST - 13, (2, 3), "slow drift"),
    "silence": (0.0, LAST - 3, (), "silence"),
    "constant feature moves": (1.0, LAST - 6, (), "constant feature moved"),
    "weak direction": (5.0, LAST - 6, (), "mean shift"),
}
TOGETHER = "all kinds together"
# What a team moves together on: nobody of it is an anomaly.
STORM = Anomaly("storm", start=LAST - 1, size=5.0, site=3)


def measure(options: Options) -> Section:
    """Score every population by everyone, and count."""
    agents = 2_000 if options.quick else AGENTS
    ranked: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    figures: list[Figure] = []
    for name in (*INJECTED, TOGETHER):
        options.say(f"anomalies: {name}")
        case, truth = population(name, agents)
        score, changes = anomaly_rivals.ours(case)
        ranked["ours"][name] = precision(score, truth > 0)
        figures += _decisions(name, changes, truth, agents)
        for rival, scores in _rivals(case).items():
            ranked[rival][name] = precision(scores, truth > 0)
    return Section(
        "anomalies",
        "Agents that stand out",
        f"{agents:,} agents in teams of 20 and more, {NIGHTS} nights, 8 features, one "
        "of them constant, t8 noise with correlation .6, nights correlated in time; "
        f"{SHARE:.0%} of agents changed per kind, most since 7 nights, drift since 14, "
        "silence since 4; a storm over a site that is nobody's anomaly. Average "
        "precision; in brackets the share of true anomalies among as many agents as "
        "there are anomalies. Others get residuals from the team, as they are or in "
        "the agent's own sd, tonight's or mean and sd of the window, fitted on an "
        "earlier window; shown is the representation that is best for them on the mean "
        "over kinds.",
        figures=(*_ranking(ranked), *figures),
        skipped=() if "PyOD ECOD" in anomaly_rivals.detectors() else ("pyod",),
    )


def population(name: str, agents: int) -> tuple[Case, np.ndarray]:
    """Return a population with one kind of change or all, and each agent's kind."""
    chosen = list(INJECTED) if name == TOGETHER else [name]
    anomalies = [_anomaly(kind) for kind in chosen]
    params = PopulationParams(
        agents=agents, nights=NIGHTS, correlation=0.6, constant=(7,), seed=5,
        sites=20, teams_per_site=max(agents // 400, 1),
    )  # fmt: skip
    data = residuals(Population(params, (*anomalies, STORM)))
    plan = plan_nights(NIGHTS)
    own = fit_own(*data.args, fit=plan.fit)
    return Case(data, plan, own), data.kind[:, -1].astype(np.int64)


def _anomaly(kind: str) -> Anomaly:
    size, start, features, _ = INJECTED[kind]
    return Anomaly(kind, start=start, size=size, features=features, share=SHARE)  # type: ignore[arg-type]


def precision(score: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Average precision, and the share of hits among as many as there are anomalies.

    Ties count at the end of their run: a score that does not tell agents apart gets
    nothing for the order in which they are stored.
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    at = score[order]
    ends = np.append(np.flatnonzero(np.diff(at) != 0), len(at) - 1)
    found = hits[ends]
    gained = np.diff(np.concatenate([[0], found]))
    average = float((gained * found / (ends + 1)).sum() / max(truth.sum(), 1))
    k = int(truth.sum())
    return average, float(hits[k - 1] / k) if k else float("nan")


def _rivals(case: Case) -> dict[str, np.ndarray]:
    """Scores by detector and representation."""
    train = anomaly_rivals.representations(case, case.plan.nulls[0])
    rows = anomaly_rivals.representations(case, case.plan.at)
    return {
        f"{name}: {what}": detector(train[what], rows[what])
        for name, detector in anomaly_rivals.detectors().items()
        for what in rows
    }


def _ranking(
    ranked: dict[str, dict[str, tuple[float, float]]],
) -> Iterable[Figure]:
    """Ours and the best representation of every other, by kind and on the mean."""
    means = {who: np.mean([v[0] for v in by.values()]) for who, by in ranked.items()}
    best: dict[str, str] = {}
    for who in ranked:
        name = who.split(":")[0]
        if name not in best or means[who] > means[best[name]]:
            best[name] = who
    others = max((means[w] for n, w in best.items() if n != "ours"), default=0.0)
    for name, who in best.items():
        note = "; ".join(
            f"{k} {a:.2f} ({top:.2f})" for k, (a, top) in ranked[who].items()
        )
        goal = Goal(least=float(others)) if name == "ours" else None
        yield Figure(f"average precision: {who}", float(means[who]), "", goal, note)


def _decisions(
    name: str, changes: Changes, truth: np.ndarray, agents: int
) -> Iterable[Figure]:
    """What was found at the stated rate, and what it was called."""
    found, real = changes.found, truth > 0
    wrong = float((found & ~real).sum() / max(int(found.sum()), 1))
    storm = (np.arange(agents) * 20 // agents == STORM.site) & ~real
    note = (
        f"{int(found.sum())} found, {int((found & ~real).sum())} of them unchanged; "
        f"in the storm {int((found & storm).sum())} of {int(storm.sum()):,}"
    )
    goal = Goal(most=LEVEL + 0.01)
    yield Figure(f"{name}: false discoveries at q = {LEVEL:g}", wrong, "", goal, note)
    for kind in (k for k in INJECTED if name in (k, TOGETHER)):
        mine = truth == KINDS.index(kind) + 1
        named = changes.kind[mine & found]
        told = np.bincount(named, minlength=len(CHANGE_KINDS))
        words = [f"{CHANGE_KINDS[i]} {n}" for i, n in enumerate(told) if n]
        right = told[CHANGE_KINDS.index(INJECTED[kind][3])]
        share = right / max(len(named), 1)
        text = f"called {', '.join(words) or 'nothing'}; right {share:.0%}"
        label = kind if name == kind else f"{name}, {kind}"
        yield Figure(
            f"{label}: recall at q = {LEVEL:g}", found[mine].mean(), "", None, text
        )
