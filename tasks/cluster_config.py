"""The description of a cluster: a small YAML file, validated.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

__all__ = ["ClusterConfig", "ClusterError", "TlsFiles", "shipped"]

Kind = Literal["local", "threads", "address", "slurm", "kubernetes", "gateway"]
_STRICT = ConfigDict(extra="forbid")


class ClusterError(RuntimeError):
    """A cluster description is wrong, or no scheduler answers."""

    kind: ClassVar[str] = "cluster"


@dataclass(frozen=True, config=_STRICT)
class TlsFiles:
    """PEM files for encrypted connections in which both sides show a certificate.

    Attributes
    ----------
    ca, cert, key : Path
        Who signs certificates; the client's own certificate and its private key.
    """

    ca: Path
    cert: Path
    key: Path

    def __post_init__(self) -> None:
        for path in (self.ca, self.cert, self.key):
            if not path.expanduser().is_file():
                raise ClusterError(f"cluster: tls: no such file: {path}.")


@dataclass(frozen=True, config=_STRICT)
class ClusterConfig:
    """A validated cluster description.

    Attributes
    ----------
    kind : {"local", "threads", "address", "slurm", "kubernetes", "gateway"}
        Worker processes here, threads in this process, a running scheduler, jobs of
        SLURM, pods of the Dask operator, or a cluster of a Dask Gateway.
    workers : int
        How many are started; the least number where `maximum` is above it.
    maximum : int, optional
        Adaptive scaling: as many workers as the work keeps busy, up to this.
    threads_per_worker : int
        Tasks that one worker runs at once.
    memory_limit : str or None
        Per worker process, for example "1GiB"; None sets no limit.  Threads have none:
        each would measure the whole process, and all would pause in a large one.  A
        worker spills to disk above .7 of it, pauses above .8, is restarted above .95.
    dashboard : str or None
        ``host:port`` of the Dask dashboard.
    address : str or None
        Of the running scheduler for `address`, of the server for `gateway`.
    timeout : float
        Seconds to wait for the scheduler and the first workers.
    tls : TlsFiles, optional
        For connections to a scheduler of `address`, or of jobs started by `slurm`.
    same_environment : bool
        Refuse workers that run other code, libraries or another Python than this.
    environment : dict of str to str
        Environment variables of the workers; a gateway's administrators set them there.
    scratch : str, optional
        Folder where a worker of `local` or `slurm` spills what memory does not hold;
        the default is below the folder for temporary files.
    lifetime : str, optional
        How long a job or pod works before it hands its results on and ends, to be
        replaced, for example "50m"; below the walltime of a queue.
    options : dict
        Passed on as they are: to dask-jobqueue's ``SLURMCluster``, to the container
        of the operator's pods, or as cluster options of the gateway.
    """

    kind: Kind = "local"
    workers: int = Field(default=2, ge=1)
    maximum: int | None = Field(default=None, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    memory_limit: str | None = "1GiB"
    dashboard: str | None = None
    address: str | None = None
    timeout: float = Field(default=60.0, gt=0)
    tls: TlsFiles | None = None
    same_environment: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    scratch: str | None = None
    lifetime: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind in ("address", "gateway") and not self.address:
            raise ClusterError(
                f"cluster: kind is {self.kind} but no address is given. "
                "Add `address: tcp://host:8786`, for a gateway `https://host`."
            )
        if self.maximum is not None and self.maximum < self.workers:
            raise ClusterError(
                f"cluster: maximum is {self.maximum}, below {self.workers} workers. "
                "Raise it, or leave it out to have no adaptive scaling."
            )

    @property
    def address_is_enough(self) -> bool:
        """Whether others can use what is started here, knowing its address alone."""
        local = self.kind in ("local", "threads")
        jobs = self.kind == "slurm" and self.same_environment
        return (local or jobs) and self.tls is None

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a description.

        Parameters
        ----------
        name : str
            The path of a YAML file, the name of one that is shipped (`shipped`), or
            the address of a scheduler (``tcp://host:port``).

        Raises
        ------
        ClusterError
            When there is no such file, or it holds unknown or wrong entries.
        """
        if "://" in name:
            return cls(kind="address", address=name, timeout=30.0)
        path = Path(name)
        if path.suffix in {".yaml", ".yml"} and path.is_file():
            return cls.parse(path.read_text(encoding="utf-8"), source=name)
        if name not in shipped():
            raise ClusterError(
                f"cluster: neither a file nor a shipped description: {name!r}. "
                f"Give a YAML file, tcp://host:port, or one of {', '.join(shipped())}."
            )
        text = (_folder() / f"{name}.yaml").read_text(encoding="utf-8")
        return cls.parse(text, source=name)

    @classmethod
    def parse(cls, text: str, *, source: str = "cluster") -> Self:
        """Read a description from YAML text.

        Raises
        ------
        ClusterError
            When the text is no mapping, or entries are unknown or out of range.
        """
        try:
            entries = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ClusterError(f"{source}: no YAML: {error}") from error
        if not isinstance(entries, dict):
            raise ClusterError(f"{source}: no entries. Write lines like `kind: local`.")
        try:
            return TypeAdapter(cls).validate_python(entries)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc']))} is {one['input']!r}: {one['msg']}"
                for one in error.errors()
            )
            raise ClusterError(f"{source}: {wrong}.") from error


def shipped() -> tuple[str, ...]:
    """Names of the descriptions that come with the package, in order."""
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in _folder().iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def _folder() -> Any:
    return importlib.resources.files("deploy") / "clusters"
