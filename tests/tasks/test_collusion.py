"""Search for agents that move together: entities, parts, and too few nights."""

import numpy as np

from tasks.collusion import join_cliques, search_cliques


def planted(agents: int, together: list[int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((agents, 60, 3)).astype(np.float32)
    common = rng.standard_normal((60, 3))
    x[together] = 0.3 * x[together] + common
    return x


def test_an_entity_does_not_collude_with_itself():
    entities = np.array([f"e{i // 2}" for i in range(120)])
    same = planted(120, [10, 11], 1)
    found = search_cliques(same, entities, seed=0, q=0.05)
    assert found.agents == 60
    assert not found.found.any()
    two = planted(120, [10, 11, 30, 31], 2)
    found = search_cliques(two, entities, seed=0, q=0.05)
    assert [sorted(found.of(k)) for k in np.flatnonzero(found.found)] == [[10, 30]]


def test_searches_of_parts_are_one_family_in_the_order_of_the_fleet():
    names = np.array([f"e{i}" for i in range(200)])
    sizes = [200, 200]
    parts = [
        search_cliques(planted(200, [3, 4, 5, 6], 3), names, seed=0, q=0.05),
        search_cliques(planted(200, [7, 8, 9, 10], 4), names, seed=0, q=0.05),
    ]
    joined = join_cliques(parts, sizes, q=0.05)
    found = {tuple(joined.of(k)) for k in np.flatnonzero(joined.found)}
    assert {(3, 4, 5, 6), (207, 208, 209, 210)} <= found
    assert joined.agents == 400
    assert (np.diff(joined.p) >= 0).all()
    assert len(joined.size) == sum(len(part.size) for part in parts)
    alone = join_cliques(parts[:1], sizes[:1], q=0.05)
    np.testing.assert_array_equal(alone.members, parts[0].members)
    np.testing.assert_array_equal(alone.q_value, parts[0].q_value)


def test_too_few_nights_are_not_searched():
    x = planted(20, [], 5)[:, :16]
    assert search_cliques(x, np.arange(20).astype(str), seed=0, q=0.05) is None
