"""Decisions beside liars: how often they are wrong, and how often they are made."""

from __future__ import annotations

from stats.byzantine import ERROR
from tests.attacks import ATTACKS, Layout
from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section
from tests.calibration import robust_study, rules_study
from tests.calibration.robust_study import Count

_QUICK_ATTACKS = ("none", "collude", "silent")
# From so many homogeneous sources on at least nine decisions of ten are made.
_ENOUGH, _DECIDED = 13, 90.0


def measure(options: Options) -> Section:
    """Count every layout and attack, and every rule under its worst attack."""
    sizes = (4, 13) if options.quick else robust_study.SIZES
    attacks = _QUICK_ATTACKS if options.quick else tuple(ATTACKS)
    options.say("liars: decisions")
    found = robust_study.study(sizes, attacks)
    options.say("liars: rules")
    figures = [*_totals(found), *_decided(found), *_rules(attacks, options.quick)]
    return Section(
        "liars",
        "Sources that lie",
        f"f of n sources lie, f the most that n withstand, in {len(attacks)} ways, for "
        f"200 rounds; looked at {robust_study.LOOKS} times on the way. Certified "
        f"decisions may be wrong with a probability of {ERROR:g}. Decided is the share "
        "of certified runs under the attack that leaves fewest. Rules decide for their "
        f"largest value, 13 sources of which 4 lie, four hypotheses, "
        f"{_rule_runs(options.quick)} runs an attack.",
        figures=tuple(figures),
    )


def _totals(found: dict[Layout, list[Count]]) -> list[Figure]:
    every = [count for counts in found.values() for count in counts]
    runs, decided, wrong, outside = (
        sum(getattr(count, name) for count in every)
        for name in ("runs", "certified", "wrong", "outside")
    )
    bound = robust_study.upper_bound(wrong, decided)
    return [
        Figure(
            "certified decisions that are wrong",
            float(wrong),
            "",
            Goal(most=0),
            f"{runs:,} runs, {decided:,} decided; at most {bound:.2g} of decisions "
            "(Clopper and Pearson, 95 %)",
        ),
        Figure(
            "trimmed means outside the honest range", float(outside), "", Goal(most=0)
        ),
    ]


def _decided(found: dict[Layout, list[Count]]) -> list[Figure]:
    return [
        Figure(
            f"decided: {layout.name}, n = {layout.n:,}, f = {layout.f}, "
            f"{layout.hypotheses} hypotheses",
            100 * low.decided,
            "%",
            Goal(least=_DECIDED)
            if layout.seeing is None and layout.n >= _ENOUGH
            else None,
            _note(low),
        )
        for layout, counts in found.items()
        for low in [robust_study.worst(counts)]
    ]


def _note(low: Count) -> str:
    settled = robust_study.settled_by(low)
    more = f"; what is open is settled by {settled}" if settled else ""
    return f"{low.runs} runs, {low.attack}{more}"


def _rules(attacks: tuple[str, ...], quick: bool) -> list[Figure]:
    layouts = rules_study.LAYOUTS[-1:] if quick else rules_study.LAYOUTS
    figures = []
    for layout in layouts:
        shares = rules_study.study(layout, attacks, _rule_runs(quick))
        for rule in (*rules_study.RULES, rules_study.CERTIFIED):
            share, attack = rules_study.worst(shares, rule)
            goal = Goal(most=0) if rule == rules_study.CERTIFIED else None
            what = f"wrong: {rule}, {layout.name}"
            figures.append(
                Figure(what, 100 * share, "%", goal, attack if share else "")
            )
    return figures


def _rule_runs(quick: bool) -> int:
    return 20 if quick else rules_study.RUNS
