"""Where the work runs: a Dask cluster described by a small YAML file.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import yaml
from distributed import Client, LocalCluster, Worker, WorkerPlugin

from tasks.warm_kernels import warm_kernels

__all__ = ["ClusterConfig", "ClusterError", "ClusterSession", "cluster_session"]

# One thread per BLAS and numba call: Dask already runs one task per core.
_SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}


class ClusterError(RuntimeError):
    """A cluster description is wrong, or no scheduler answers."""

    kind: ClassVar[str] = "cluster"


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """A validated cluster description.

    Attributes
    ----------
    kind : {"local", "threads", "address"}
        Worker processes here, threads in this process, or a running scheduler.
    workers, threads_per_worker : int
        For `local` and `threads`.
    memory_limit : str or None
        Per worker process, for example "1GiB"; None sets no limit.  Threads have none:
        each would measure the whole process, and all would pause in a large one.
    dashboard : str or None
        ``host:port`` of the Dask dashboard.
    address : str or None
        Of the running scheduler, for `address`.
    timeout : float
        Seconds to wait for the scheduler and the first worker.
    """

    kind: Literal["local", "threads", "address"] = "local"
    workers: int = 2
    threads_per_worker: int = 1
    memory_limit: str | None = "1GiB"
    dashboard: str | None = None
    address: str | None = None
    timeout: float = 60.0
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in ("local", "threads", "address"):
            raise ClusterError(
                f"cluster: unknown kind {self.kind!r}. Use local, threads or address."
            )
        if self.kind == "address" and not self.address:
            raise ClusterError(
                "cluster: kind is address but no address is given. "
                "Add `address: tcp://host:8786`."
            )
        if self.workers < 1 or self.threads_per_worker < 1:
            raise ClusterError(
                f"cluster: {self.workers} workers with {self.threads_per_worker} "
                "threads. Use at least 1 of each."
            )

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a description.

        Parameters
        ----------
        name : str
            The path of a YAML file, the name of one that is shipped (``local``,
            ``threads``, ``address``), or the address of a scheduler
            (``tcp://host:port``).

        Raises
        ------
        ClusterError
            When there is no such file, or it holds unknown or wrong entries.
        """
        if "://" in name:
            return cls(kind="address", address=name, timeout=30.0)
        path = Path(name)
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            text = path.read_text(encoding="utf-8")
        else:
            shipped = importlib.resources.files("deploy") / "clusters" / f"{name}.yaml"
            if not shipped.is_file():
                raise ClusterError(
                    f"cluster: neither a file nor a shipped description: {name!r}. "
                    "Give a YAML file, local, threads, or tcp://host:port."
                )
            text = shipped.read_text(encoding="utf-8")
        return cls.parse(text, source=name)

    @classmethod
    def parse(cls, text: str, *, source: str = "cluster") -> Self:
        """Read a description from YAML text.

        Raises
        ------
        ClusterError
            When the text is no mapping or holds unknown entries.
        """
        entries: Any = yaml.safe_load(text)
        known = {f.name for f in fields(cls)}
        if not isinstance(entries, dict) or not set(entries) <= known:
            extra = sorted(set(entries) - known) if isinstance(entries, dict) else []
            raise ClusterError(
                f"{source}: unknown entries {extra}. Use {', '.join(sorted(known))}."
            )
        return cls(**entries)


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
    """A client that is started when first asked for and replaced when it has died."""

    config: ClusterConfig
    _client: Client | None = None
    _cluster: LocalCluster | None = None

    def client(self) -> Client:
        """Return a live client.

        Raises
        ------
        ClusterError
            When no scheduler answers within the configured time.
        """
        if self._client is not None and self._alive(self._client):
            return self._client
        self.close()
        try:
            self._client = self._connect()
            self._client.register_plugin(WarmKernels())
        except (OSError, TimeoutError) as error:
            self.close()
            raise ClusterError(
                f"cluster: no scheduler at {self.config.address or self.config.kind} "
                f"within {self.config.timeout:g} s ({error}). "
                "Start it, or name another cluster file."
            ) from error
        return self._client

    def close(self) -> None:
        """Close the client, and the cluster if this session started it."""
        with contextlib.suppress(OSError, TimeoutError):
            if self._client is not None:
                self._client.close()
            if self._cluster is not None:
                self._cluster.close()
        self._client = self._cluster = None

    def _connect(self) -> Client:
        config = self.config
        if config.kind == "address":
            return Client(config.address, set_as_default=False, timeout=config.timeout)
        with warnings.catch_warnings():
            # A taken dashboard port is not worth a warning on every night.
            warnings.filterwarnings("ignore", message="Port .* is already in use")
            limit = config.memory_limit if config.kind == "local" else None
            self._cluster = LocalCluster(
                n_workers=config.workers,
                threads_per_worker=config.threads_per_worker,
                processes=config.kind == "local",
                memory_limit=limit or 0,
                dashboard_address=config.dashboard,
                host="127.0.0.1" if config.kind == "local" else None,
                silence_logs=40,
            )
        client = Client(self._cluster, set_as_default=False, timeout=config.timeout)
        client.wait_for_workers(config.workers, timeout=config.timeout)
        return client

    @staticmethod
    def _alive(client: Client) -> bool:
        return client.status == "running"


@contextlib.contextmanager
def cluster_session(config: ClusterConfig) -> Iterator[ClusterSession]:
    """Hold a session for the length of a run and close what it started."""
    before = {name: os.environ.get(name) for name in _SINGLE_THREADED}
    os.environ.update(_SINGLE_THREADED | config.environment)
    session = ClusterSession(config)
    try:
        yield session
    finally:
        session.close()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
