"""A session with the cluster where the work runs: started when asked for, then closed.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Worker, WorkerPlugin

from tasks.cluster_config import ClusterConfig, ClusterError
from tasks.cluster_start import SINGLE_THREADED, security, start_cluster
from tasks.environment import differences, environment
from tasks.live_workers import live_workers
from tasks.warm_kernels import warm_kernels

__all__ = ["ClusterSession", "cluster_session"]

_SHOWN = 3


class WarmKernels(WorkerPlugin):
    """Loads the compiled kernels on every worker before its first task.

    Two threads that load them at once can break the interpreter's parser
    (Python 3.11), and the first task of a worker would pay for it.
    """

    name = "consilience-kernels"

    def setup(self, worker: Worker) -> None:
        """Compile the kernels, or load them from the cache on disk."""
        del worker
        warm_kernels()


@dataclass(slots=True)
class ClusterSession:
    """A client that is started when first asked for and replaced when it has died.

    Attributes
    ----------
    config : ClusterConfig
    name : str
        Of the run, shown where others see its jobs or pods.
    """

    config: ClusterConfig
    name: str = "consilience"
    _client: Client | None = None
    _started: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _compared: set[str] = field(default_factory=set)

    def client(self) -> Client:
        """Return a live client, after comparing what its new workers run with this.

        Raises
        ------
        ClusterError
            When no scheduler answers or no worker comes within the configured time, or
            a worker runs other code or other versions of libraries.
        """
        if self._client is None or self._client.status != "running":
            self.close()
            try:
                self._client = self._connect()
            except (OSError, TimeoutError) as error:
                self.close()
                raise ClusterError(self._unanswered(error)) from error
        self._compare(self._client)
        return self._client

    def close(self) -> None:
        """Close the client, and the cluster if this session started it."""
        with contextlib.suppress(OSError, TimeoutError):
            if self._client is not None:
                self._client.close()
        self._client = None
        self._compared.clear()
        with contextlib.suppress(OSError, TimeoutError):
            self._started.close()

    def _connect(self) -> Client:
        config = self.config
        target: Any = config.address
        guard = security(config)
        if config.kind != "address":
            target = self._started.enter_context(start_cluster(config, self.name))
            guard = getattr(target, "security", None)
        client = Client(
            target, security=guard, set_as_default=False, timeout=config.timeout
        )
        # Jobs and pods come one by one: the first is enough to begin.
        all_of_them = config.kind in ("local", "threads")
        client.wait_for_workers(
            config.workers if all_of_them else 1, timeout=config.timeout
        )
        return client

    def _unanswered(self, error: Exception) -> str:
        config = self.config
        where = config.address or config.kind
        if isinstance(error, TimeoutError) and "workers" in str(error):
            return (
                f"cluster: no worker at {where} within {config.timeout:g} s ({error}). "
                "Look at the queue and at the logs of the workers, or raise `timeout`."
            )
        return (
            f"cluster: no scheduler at {where} within {config.timeout:g} s ({error}). "
            "Start it, or name another cluster file."
        )

    def _compare(self, client: Client) -> None:
        """Compare the environment of workers not seen before, then warm them."""
        if self.config.kind in ("local", "threads"):
            unseen = [] if self._compared else ["these are this installation"]
        else:
            unseen = [a for a in live_workers(client) if a not in self._compared]
            if unseen and self.config.same_environment:
                _same_environment(client, unseen)
        if unseen and not self._compared:
            client.register_plugin(WarmKernels())
        self._compared.update(unseen)


def _same_environment(client: Client, workers: list[str]) -> None:
    mine = environment()
    found = client.run(environment, workers=workers, on_error="return")
    wrong = []
    for address, theirs in found.items():
        if isinstance(theirs, OSError):
            continue  # it has gone since; whoever takes its place is asked again
        if not isinstance(theirs, dict):
            wrong.append(f"{address}: {type(theirs).__name__}: {theirs}")
        elif differs := differences(theirs, [mine]):
            wrong.append(f"{address}: {', '.join(differs)}")
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ClusterError(
            f"cluster: {len(wrong)} of {len(workers)} workers run something else than "
            f"this process. {'; '.join(wrong[:_SHOWN])}{more}. Install the same "
            "versions there, or set `same_environment: false` if you know better."
        )


@contextlib.contextmanager
def cluster_session(
    config: ClusterConfig, name: str = "consilience"
) -> Iterator[ClusterSession]:
    """Hold a session for the length of a run and close what it started.

    Parameters
    ----------
    config : ClusterConfig
    name : str
        Of the run; letters, digits and hyphens.
    """
    before = {k: os.environ.get(k) for k in SINGLE_THREADED | config.environment}
    os.environ.update(SINGLE_THREADED | config.environment)
    session = ClusterSession(config, name)
    try:
        yield session
    finally:
        session.close()
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
