"""What the online tree accepts; everything is checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.kernels_online_paths import LARGEST, LEAF, LEVEL, NO_TIME, too_large
from stats.online_state import TreeState
from stats.summary import InvalidInput

__all__ = [
    "check_groups",
    "check_index",
    "check_new",
    "check_rows",
    "check_time",
    "check_times",
    "new_state",
    "too_large_error",
    "unknown_agent",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def new_state(
    branching_factor: int,
    max_leaf_size: int,
    feature_dimensions: int,
    *,
    prior_deviation: ArrayLike,
    agent_moments: bool,
    remembered_times: int,
) -> TreeState:
    """Make the state of a tree without nodes; both sizes 0 for a shape to be given."""
    given = branching_factor == max_leaf_size == 0
    least = {
        "branching_factor": (branching_factor, 0 if given else 2),
        "max_leaf_size": (max_leaf_size, 0 if given else 1),
        "feature_dimensions": (feature_dimensions, 1),
        "remembered_times": (remembered_times, 1),
    }
    for name, (found, bound) in least.items():
        if found < bound:
            raise InvalidInput(
                f"HierarchicalStatisticalTree: {name} is {found}. "
                f"Give at least {bound}."
            )
    return TreeState(
        _prior(prior_deviation, feature_dimensions),
        branching=branching_factor,
        leaf_size=max_leaf_size,
        agent_moments=agent_moments,
        remembered_times=remembered_times,
    )


def _prior(prior_deviation: ArrayLike, d: int) -> Floats:
    """Squares of the deviations, shape (d,)."""
    deviation = np.asarray(prior_deviation, np.float64)
    if deviation.ndim > 1 or deviation.size not in (1, d):
        raise InvalidInput(
            f"HierarchicalStatisticalTree: prior_deviation {deviation.shape} for "
            f"{d} features. Give one number, or one per feature."
        )
    if not ((deviation >= 1e-30) & (deviation <= 1e30)).all():
        raise InvalidInput(
            f"HierarchicalStatisticalTree: prior_deviation {deviation} leaves "
            "[1e-30, 1e30]. Give the smallest move that matters, in the unit of the "
            "feature."
        )
    return np.full(d, deviation**2)


def check_new(ids: Sequence[str], known: Mapping[str, int]) -> None:
    """Refuse ids that are no text, empty, twice, or in the tree."""
    for agent_id in ids:
        if not isinstance(agent_id, str) or not agent_id:
            raise InvalidInput(
                f"add_agents: {agent_id!r} is no id. Give text that is not empty."
            )
        if agent_id in known:
            raise InvalidInput(
                f"add_agents: {agent_id!r} is in the tree. Remove it first, or leave "
                "it out."
            )
    if len(ids) > 1 and len(set(ids)) != len(ids):
        raise InvalidInput(
            f"add_agents: {len(ids)} ids, {len(set(ids))} of them different. "
            "Give each agent once."
        )


def check_groups(groups: ArrayLike | None, count: int, state: TreeState) -> Ints | None:
    """Return the leaf of each agent in a tree of groups, None in one that grows."""
    if (groups is None) != (state.leaf_size > 0):
        raise InvalidInput(
            "add_agents: groups are for a tree that was made from a hierarchy, and "
            "only for that. Give the group of every agent, or None."
        )
    if groups is None:
        return None
    found = _integers(groups, count, "add_agents: groups")
    n = int(np.count_nonzero(state.links[: state.n_nodes, LEVEL] == 0))
    if ((found < 0) | (found >= n)).any():
        raise InvalidInput(
            f"add_agents: groups within [{found.min()}, {found.max()}], the tree has "
            f"{n}. Give numbers from 0 to {n - 1}."
        )
    return found


def check_rows(values: ArrayLike, d: int, ndim: int) -> Floats:
    """Return values as contiguous floats of the tree's width."""
    try:
        x = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"update: values are no numbers ({error}). Give floats; NaN is missing."
        ) from error
    if x.ndim != ndim or x.shape[-1] != d:
        wanted = f"({d},)" if ndim == 1 else f"(k, {d})"
        raise InvalidInput(
            f"update: values have shape {x.shape}, the tree has {d} features. "
            f"Give shape {wanted}."
        )
    return x


def refuse_large(x: Floats) -> None:
    """Refuse finite values that float64 cannot square and sum."""
    row = int(too_large(x))
    if row >= 0:
        raise too_large_error(x[row], row)


def too_large_error(x: Floats, row: int = 0) -> InvalidInput:
    """Say which value is too large."""
    worst = float(np.abs(x[np.isfinite(x)]).max())
    return InvalidInput(
        f"update: row {row} holds {worst:g}, beyond {LARGEST:g}. Nothing was taken in. "
        "Give the feature in another unit, or NaN where it is not known."
    )


def check_time(time: int) -> int:
    """Return one time as an integer."""
    return int(_integers([time], 1, "update: times")[0])


def check_times(times: ArrayLike | None, count: int) -> Ints:
    """Return the time of each row; without times, the mark of none."""
    if times is None:
        return np.full(count, NO_TIME, np.int64)
    return _integers(times, count, "update: times")


def check_index(index: NDArray[np.integer], count: int, state: TreeState) -> Ints:
    """Return indices of agents that are there."""
    found = _integers(index, count, "update: agents")
    outside = (found < 0) | (found >= state.n_seats)
    gone = outside | (state.seats[np.where(outside, 0, found), LEAF] < 0)
    if gone.any():
        raise InvalidInput(
            f"update: no agent has the index {found[gone][0]}; {state.n_seats} were "
            "given out. Take indices from add_agents; one ends when its agent leaves."
        )
    return found


def unknown_agent(agent_id: object) -> InvalidInput:
    """Say that an agent is not in the tree."""
    return InvalidInput(
        f"agent {agent_id!r} is not in the tree. Add it first, with add_agent."
    )


def _integers(values: ArrayLike, count: int, where: str) -> Ints:
    found = np.asarray(values)
    if found.shape != (count,) or (found.dtype.kind not in "iu" and found.size):
        raise InvalidInput(
            f"{where} have shape {found.shape} and dtype {found.dtype}, for {count} "
            "rows. Give one integer per row."
        )
    return found.astype(np.int64)
