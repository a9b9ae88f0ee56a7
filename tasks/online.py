"""Keep an online tree in the store, and take it up again."""

from __future__ import annotations

from stats.online import HierarchicalStatisticalTree
from stats.summary import Incompatible
from storage.results import Labelled, read_attributes, read_results, write_results
from storage.store import BehaviorStore

__all__ = ["load_tree", "save_tree"]

_FOLDER = "online"


def save_tree(
    store: BehaviorStore, name: str, tree: HierarchicalStatisticalTree
) -> str:
    """Write the whole state of a tree in one commit, in place of what had the name.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    name : str
        The group is ``online/<name>``; earlier states stay in their snapshots.
    tree : HierarchicalStatisticalTree

    Returns
    -------
    str
        Snapshot id.

    Raises
    ------
    StorageError
        When the name is unsafe or the store is read-only.
    """
    arrays: dict[str, Labelled] = {
        key: (tuple(f"{key}_{axis}" for axis in range(array.ndim)), array, {})
        for key, array in tree.to_arrays().items()
    }
    n = tree.get_global_behavioral_baseline().n
    group = f"{_FOLDER}/{name}"
    return write_results(
        store,
        {group: arrays},
        attributes={group: {"state_version": tree.state_version, "n": n}},
        message=f"online tree {name}: {n} rows of {tree.agent_count} agents",
    )


def load_tree(store: BehaviorStore, name: str) -> HierarchicalStatisticalTree:
    """Read a tree that goes on as the one that was saved, bit for bit.

    Raises
    ------
    NotFound
        When there is none of that name in the snapshot.
    Incompatible
        When its state is of another version than this code's.
    InvalidInput
        When its arrays do not fit each other.
    """
    group = f"{_FOLDER}/{name}"
    version = read_attributes(store, group).get("state_version")
    if version != HierarchicalStatisticalTree.state_version:
        raise Incompatible(
            f"load_tree: {name} has state version {version}, this code reads "
            f"{HierarchicalStatisticalTree.state_version}. Build the tree again, or "
            "use the version that wrote it."
        )
    return HierarchicalStatisticalTree.from_arrays(read_results(store, group))
