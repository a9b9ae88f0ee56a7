"""Which workers a cluster has at this moment."""

from __future__ import annotations

from typing import Any

from distributed import Client

__all__ = ["live_workers"]


def live_workers(client: Client) -> dict[str, dict[str, Any]]:
    """Ask the scheduler for its workers.

    Parameters
    ----------
    client : distributed.Client
        A synchronous one.

    Returns
    -------
    dict of str to dict
        What the scheduler knows of each worker, by address.

    Notes
    -----
    `Client.scheduler_info` returns what the client holds, and the client itself
    replaces that every two seconds by an answer without workers: now and then it names
    none though all of them live.  This takes the answer to its own question.
    """
    scheduler: Any = client.scheduler
    identity = client.sync(scheduler.identity, n_workers=-1)
    return dict(identity["workers"])
