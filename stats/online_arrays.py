"""The online tree as named arrays of numbers, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.kernels_online import moments
from stats.kernels_online_paths import BESIDE, FIRST, LEAF, LEVEL, NEXT, PARENT, TIMES
from stats.online_state import TreeState
from stats.summary import InvalidInput

__all__ = ["state_arrays", "state_from_arrays"]

_PARTS: dict[str, type[np.number[Any]]] = {
    "agents": np.float64,
    "id_ends": np.int64,
    "id_text": np.uint8,
    "level_ends": np.int64,
    "level_text": np.uint8,
    "links": np.int64,
    "nodes": np.float64,
    "prior": np.float64,
    "seats": np.int64,
    "settings": np.int64,
}


def state_arrays(
    state: TreeState, names: tuple[str, ...], index: Mapping[str, int]
) -> dict[str, NDArray[Any]]:
    """Copy the state; ids and names of levels become UTF-8 bytes and their ends."""
    ids = [""] * state.n_seats
    for agent_id, agent in index.items():
        ids[agent] = agent_id
    id_text, id_ends = _encoded(ids)
    level_text, level_ends = _encoded(names)
    return {
        "agents": state.agents[: state.n_seats].copy(),
        "id_ends": id_ends,
        "id_text": id_text,
        "level_ends": level_ends,
        "level_text": level_text,
        "links": state.links[: state.n_nodes].copy(),
        "nodes": state.nodes[: state.n_nodes].copy(),
        "prior": state.prior.copy(),
        "seats": state.seats[: state.n_seats].copy(),
        "settings": np.array([state.branching, state.leaf_size], np.int64),
    }


def state_from_arrays(
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[TreeState, tuple[str, ...], dict[str, int]]:
    """Undo `state_arrays`.

    Raises
    ------
    InvalidInput
        When the arrays do not fit each other, or point outside.
    """
    try:
        return _restored(arrays)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"from_arrays: these are no arrays of an online tree ({error}). "
            f"Give what to_arrays returned: {', '.join(_PARTS)}."
        ) from error


def _restored(
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[TreeState, tuple[str, ...], dict[str, int]]:
    part: dict[str, Any] = {
        name: np.array(arrays[name], dtype) for name, dtype in _PARTS.items()
    }
    _check_shapes(part)
    branching, leaf_size = part["settings"].tolist()
    state = TreeState(
        part["prior"],
        branching=branching,
        leaf_size=leaf_size,
        agent_moments=part["agents"].shape[1] > 0,
        remembered_times=part["seats"].shape[1] - TIMES - 1,
    )
    state.nodes, state.links = part["nodes"], part["links"]
    state.agents, state.seats = part["agents"], part["seats"]
    state.n_nodes, state.n_seats = len(state.nodes), len(state.seats)
    _check_links(state)
    state.restore()
    ids = _decoded(part["id_text"], part["id_ends"])
    index = {agent_id: i for i, agent_id in enumerate(ids) if agent_id}
    seated = np.flatnonzero(state.seats[:, LEAF] >= 0)
    if sorted(index.values()) != seated.tolist():
        raise ValueError(f"{len(index)} ids for {len(seated)} agents")
    names = tuple(_decoded(part["level_text"], part["level_ends"]))
    if len(names) not in (0, len(state.spine)):
        raise ValueError(f"{len(names)} names for {len(state.spine)} levels")
    return state, names, index


def _check_shapes(part: Mapping[str, NDArray[Any]]) -> None:
    d = part["prior"].size
    n_nodes, n_seats = len(part["nodes"]), len(part["seats"])
    own = part["agents"].shape[1] and moments(d)
    remembered = max(part["seats"].shape[1], TIMES + 2)
    wanted = {
        "prior": (max(d, 1),),
        "nodes": (max(n_nodes, 1), 1 + 2 * d + d * d),
        "links": (n_nodes, 6),
        "agents": (n_seats, own),
        "seats": (n_seats, remembered),
        "id_ends": (n_seats,),
        "settings": (2,),
    }
    for name, shape in wanted.items():
        if part[name].shape != shape:
            raise ValueError(f"{name} has shape {part[name].shape}, not {shape}")


def _check_links(state: TreeState) -> None:
    """Refuse links that lead outside, or up to another level than the next."""
    links, seats = state.links, state.seats
    nodes, agents = len(links), len(seats)
    level, parent = links[:, LEVEL], links[:, PARENT]
    leaves = level == 0
    first = np.where(leaves, agents, nodes)
    remembered = seats.shape[1] - TIMES - 1
    ranges: dict[str, tuple[Any, int, Any]] = {
        "a parent": (parent, -1, nodes),
        "a sibling": (links[:, NEXT], -1, nodes),
        "a first child": (links[:, FIRST], -1, first),
        "a leaf": (seats[:, LEAF], -1, nodes),
        "a neighbour": (seats[:, BESIDE], -1, agents),
        "times": (seats[:, TIMES], 0, remembered + 1),
    }
    for name, (values, least, end) in ranges.items():
        if ((values < least) | (values >= end)).any():
            raise ValueError(f"{name} outside [{least}, {np.max(end)})")
    below = parent >= 0
    if (~below).sum() != 1 or (level[parent[below]] != level[below] + 1).any():
        raise ValueError("nodes that form no tree with one root")
    if not leaves[seats[seats[:, LEAF] >= 0, LEAF]].all():
        raise ValueError("an agent that is in no leaf")


def _encoded(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    parts = [text.encode("utf-8") for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), ends


def _decoded(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[str]:
    whole = text.tobytes()
    if ends.size and (ends[-1] != len(whole) or (np.diff(ends, prepend=0) < 0).any()):
        raise ValueError(f"ends of text up to {ends[-1]} for {len(whole)} bytes")
    starts = [0, *ends[:-1].tolist()]
    return [
        whole[start:end].decode("utf-8")
        for start, end in zip(starts, ends.tolist(), strict=False)
    ]
