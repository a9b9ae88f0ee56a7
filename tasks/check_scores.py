"""Checks of the scores: null p-values, planted sentinels, sensitivity to the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stats.changes import TESTED
from stats.shard_moments import ShardMoments
from storage.schema import ShardData, ShardRow
from tasks.blocks import AgentScores, NightReference, score_data
from tasks.checks import Check, CheckContext, CheckFailed
from tasks.schema_scale import schema_transforms
from tasks.scoring import AgentReference, night_reference

__all__ = ["SCORE_CHECKS"]

# Sentinels per kind and shard, how far they move in standard deviations, and how many
# of one shard may stay unseen: one, since a real agent may start far out on the other
# side.
_SENTINELS = 5
_MOVE = 12.0
_UNSEEN = 1
_LEVEL = 0.01
# Held-out p-values below a level may be this many times too many: nights differ, and
# a fault moves the share by far more.
_SLACK = 3.0
# Scores of a kind on held-out nights, and on null nights, below which it is not held.
_LEAST_HELD = 200


def check_null(context: CheckContext) -> tuple[int, str]:
    """Compare p-values of held-out nights with the uniform law they must follow."""
    reference = context.scores.reference
    if reference is None:
        return _too_few(context)
    held = int(reference.held_out.size.sum())
    if held == 0:
        raise CheckFailed("no p-value of a held-out night, although agents were scored")
    null, drawn = reference.null.counts[0], reference.held_out.counts[0]
    beyond = np.cumsum(null[::-1])[::-1]
    p = (1.0 + beyond) / (1.0 + null.sum())
    shares = []
    for alpha in (0.05, 0.01):
        share = float(drawn[p <= alpha].sum() / held)
        low, high = alpha / _SLACK - 3 * np.sqrt(alpha / held), alpha * _SLACK
        if not low <= share <= high + 3 * np.sqrt(alpha / held):
            raise CheckFailed(
                f"{share:.4f} of {held} held-out p-values are <= {alpha}, "
                f"expected {alpha} within a factor of {_SLACK:g}"
            )
        shares.append(f"{share:.3f} <= {alpha}")
    return held, f"{held} held-out p-values: {', '.join(shares)}"


def check_changes(context: CheckContext) -> tuple[int, str]:
    """Hold the scores of change, kind by kind, to nights that calibrated nothing.

    Scores of one agent on neighbouring nights share most of their window, and silence
    takes few values: only too many small p-values are a fault.
    """
    family = context.scores.changes
    if family is None:
        return _too_few(context)
    held, worst = 0, ("", 0.0, 0.0)
    for k, kind in enumerate(TESTED):
        null, drawn = family.null.counts[k], family.held_out.counts[k]
        size = int(drawn.sum())
        if size < _LEAST_HELD or null.sum() < _LEAST_HELD:
            continue
        held += size
        beyond = np.cumsum(null[::-1])[::-1]
        p = (1.0 + beyond) / (1.0 + null.sum())
        for alpha in (0.05, 0.01):
            share = float(drawn[p <= alpha].sum() / size)
            if share > _SLACK * alpha + 3 * np.sqrt(alpha / size):
                raise CheckFailed(
                    f"{kind}: {share:.4f} of {size} held-out p-values are <= {alpha}, "
                    f"expected {alpha} within a factor of {_SLACK:g}"
                )
            if share / alpha > worst[1]:
                worst = kind, share / alpha, alpha
    if not held:
        return 0, "no held-out night of enough agents: nothing to test"
    kind, ratio, alpha = worst
    return held, f"{held} held-out p-values; at most {ratio:.2f} x {alpha} ({kind})"


def check_sentinels(context: CheckContext) -> tuple[int, str]:
    """Move real agents where their team varies least; each shard must find its own."""
    reference = context.scores.reference
    if reference is None:
        return _too_few(context)
    found = planted = gaps = 0
    for hide in (False, True):
        kind = "with a gap" if hide else "complete"
        counts, possible = _plant(context, reference, hide=hide)
        if not possible:
            return 0, "no feature of tonight varies: nothing can be planted"
        if not counts:
            raise CheckFailed(f"no agent of tonight could carry a sentinel ({kind})")
        for shard, (seen, moved) in counts.items():
            if seen < max(moved - _UNSEEN, 1):
                raise CheckFailed(
                    f"{shard}: {seen} of {moved} planted agents ({kind}) have "
                    f"p <= {_LEVEL}"
                )
            found, planted = found + seen, planted + moved
            gaps += moved if hide else 0
    return planted, f"{found} of {planted} planted agents found, {gaps} with a gap"


def check_sensitivity(context: CheckContext) -> tuple[int, str]:
    """Change one stored value in memory: the exact state must change with it."""
    row, data = _tonight(context)[0]
    transforms = schema_transforms(context.store.schema)
    seen = np.argwhere(~np.isnan(data.values))
    if len(seen) == 0:
        raise CheckFailed(f"{row.key}: no observed value to change")
    where = tuple(seen[context.rng("sensitivity").integers(len(seen))])
    changed = np.array(data.values)
    changed[where] = np.nextafter(changed[where], np.inf)

    def digest(values: NDArray[np.floating]) -> str:
        teams = len(data.team_names)
        state = ShardMoments.from_block(values, data.team, teams, transforms=transforms)
        return state.digest()

    if digest(changed) == digest(data.values):
        raise CheckFailed(
            f"{row.key}: the summary stays {digest(changed)[:12]} although "
            "a value changed by one unit in the last place"
        )
    return 1, "one value changed by its last bit changes the digest"


SCORE_CHECKS = (
    Check(
        "null-uniformity",
        "P-values of held-out nights are as frequent as they say",
        "C.1",
        check_null,
    ),
    Check(
        "change-null",
        "Changes are not called rarer than they are on held-out nights",
        "C.1",
        check_changes,
    ),
    Check(
        "sentinels",
        "Planted agents are found, also when one of their features is missing",
        "C.2, C.7",
        check_sentinels,
    ),
    Check(
        "sensitivity",
        "Results follow the data",
        "G.3",
        check_sensitivity,
    ),
)


def _too_few(context: CheckContext) -> tuple[int, str]:
    nights = len({night for _, night in context.night.records})
    return 0, f"{nights} nights arrived, too few to score agents: nothing to test"


def _tonight(context: CheckContext) -> list[tuple[ShardRow, ShardData]]:
    view = context.night.view
    rows = view.rows_of(view.night) or next(
        view.rows_of(night) for night in reversed(view.nights) if view.rows_of(night)
    )
    return [(row, context.store.read(row)) for row in rows]


def _plant(
    context: CheckContext, reference: AgentReference, *, hide: bool
) -> tuple[dict[str, tuple[int, int]], bool]:
    """Count sentinels found and planted in each of tonight's shards.

    Also whether any feature was seen tonight that varies: without, nothing can move.
    """
    transforms = schema_transforms(context.store.schema)
    counts: dict[str, tuple[int, int]] = {}
    possible = False
    for row, data in _tonight(context):
        if row.key.site not in reference.spread:
            continue
        night = night_reference(
            row.key.site, row.key.night, context.night.records,
            reference.spread, transforms,
        )  # fmt: skip
        observed = ~np.isnan(data.values).all(axis=(0, 1))
        variance = np.einsum("gii->gi", night.baseline.covariance)
        usable = observed & (variance > 0).any(axis=0)
        possible |= bool(usable.any())
        before = score_data(data, row.key.site, night)
        rng = context.rng(f"sentinels-{row.key.site}-{hide}")
        able = np.flatnonzero(np.isfinite(before.log_p))
        missing = np.isnan(data.values[able]).all(axis=1)
        complete = ~missing[:, usable].any(axis=1) & usable.any()
        chosen = rng.permutation(able[complete])[:_SENTINELS]
        if len(chosen) == 0:
            continue
        moved = _moved(data, before, chosen, night, usable, hide=hide)
        after = score_data(moved, row.key.site, night)
        pool = np.zeros(len(chosen), dtype=np.int64)
        p = reference.null.calibrate(after.log_p[chosen], pool)
        shard = f"{row.key.site} {row.key.night} part {row.key.part}"
        counts[shard] = (int(np.sum(p <= _LEVEL)), len(chosen))
    return counts, possible


def _moved(
    data: ShardData,
    scores: AgentScores,
    chosen: NDArray[np.int64],
    night: NightReference,
    usable: NDArray[np.bool_],
    *,
    hide: bool,
) -> ShardData:
    """Move the chosen agents along the weakest direction; hide a feature if asked.

    The weakest direction is the one in which a team varies least: where a distance
    that ignores correlations sees nothing.  The move is made after the transform.
    """
    values = np.array(data.values, dtype=np.float64)
    place = {label: i for i, label in enumerate(night.labels)}
    shown = usable.copy()
    if hide and usable.sum() > 1:
        last = np.flatnonzero(usable)[-1:]
        shown[last] = False
        values[np.ix_(chosen, np.arange(values.shape[1]), last)] = np.nan
    for agent in chosen:
        covariance = night.baseline.covariance[place[str(scores.teams[agent])]]
        use = np.flatnonzero(shown & (np.diagonal(covariance) > 0))
        if not use.size:
            continue
        spread, directions = np.linalg.eigh(covariance[np.ix_(use, use)])
        move = np.zeros(values.shape[2])
        move[use] = _MOVE * np.sqrt(spread[0]) * directions[:, 0]
        shifted = night.transforms.apply(values[agent]) + move
        values[agent] = night.transforms.invert(shifted)
    return replace(data, values=values)
