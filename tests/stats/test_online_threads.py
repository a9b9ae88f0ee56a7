"""One tree that many threads write to at once."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from stats.online import HierarchicalStatisticalTree


def test_many_threads_give_what_one_gives() -> None:
    rng = np.random.default_rng(9)
    ids = [str(i) for i in range(40)]
    serial, shared = (
        HierarchicalStatisticalTree(3, 3, 3, remembered_times=300) for _ in range(2)
    )
    for tree in (serial, shared):
        tree.add_agents(ids)
    rows, who = rng.normal(size=(4_000, 3)) + 5.0, rng.integers(0, 40, 4_000)
    times = np.arange(4_000)
    serial.update(who, rows, times)

    def work(part: int) -> None:
        for k in range(part, 4_000, 8):
            if k % 3:
                shared.update_agent_behavior(ids[who[k]], rows[k], k)
            else:
                shared.update(who[k : k + 1], rows[k : k + 1], times[k : k + 1])
            shared.update_agent_behavior(ids[who[k]], rows[k], k)  # a repeat
        shared.add_agent(f"new {part}")

    threads = [threading.Thread(target=work, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.agent_count == 48
    for agent in ids:
        for level in ("leaf", "all"):
            one, many = serial.baseline(agent, level), shared.baseline(agent, level)
            assert one.n == many.n
            assert many.mean == pytest.approx(one.mean, rel=1e-12)
            scale = np.outer(one.standard_deviation, one.standard_deviation)
            assert (np.abs(one.covariance - many.covariance) <= 1e-12 * scale).all()
