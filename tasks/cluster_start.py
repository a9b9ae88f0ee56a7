"""Start what a description names: processes, threads, jobs, pods, a gateway's cluster.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
import warnings
from collections.abc import Iterator
from typing import Any

from distributed import LocalCluster, Security

from tasks.cluster_config import ClusterConfig, ClusterError
from tasks.worker_lifetime import lifetime_arguments

__all__ = ["SINGLE_THREADED", "kubernetes_spec", "security", "start_cluster"]

# One thread per BLAS and numba call: Dask already runs one task per core.
SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
# Seconds after which the operator ends a cluster that nobody uses, as when a run died.
_IDLE = 3600


def security(config: ClusterConfig) -> Security | None:
    """Return what `distributed` needs to connect with TLS, None without files."""
    if config.tls is None:
        return None
    ca, cert, key = (
        str(path.expanduser())
        for path in (config.tls.ca, config.tls.cert, config.tls.key)
    )
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        tls_client_cert=cert, tls_client_key=key,
        tls_scheduler_cert=cert, tls_scheduler_key=key,
        tls_worker_cert=cert, tls_worker_key=key,
    )  # fmt: skip


@contextlib.contextmanager
def start_cluster(config: ClusterConfig, name: str) -> Iterator[Any]:
    """Start a cluster and close it at the end.

    Parameters
    ----------
    config : ClusterConfig
        Of any kind but `address`, where there is nothing to start.
    name : str
        Says to people who look at a queue which run this is; letters, digits, hyphens.

    Yields
    ------
    A `distributed` cluster, or one of dask-gateway.

    Raises
    ------
    ClusterError
        When the package for this kind is not installed.
    """
    starters = {
        "local": _local, "threads": _local, "slurm": _slurm,
        "kubernetes": _kubernetes, "gateway": _gateway,
    }  # fmt: skip
    with starters[config.kind](config, name) as cluster:
        if config.kind not in ("local", "threads") or config.maximum is not None:
            _scale(cluster, config)
        yield cluster


def _scale(cluster: Any, config: ClusterConfig) -> None:
    """Keep the number of workers between its bounds, and replace those that are lost.

    A fixed number is adaptive between equal bounds: a job that is cancelled comes back,
    which it does not after plain scaling.
    """
    cluster.adapt(minimum=config.workers, maximum=config.maximum or config.workers)


@contextlib.contextmanager
def _local(config: ClusterConfig, _: str) -> Iterator[Any]:
    processes = config.kind == "local"
    with warnings.catch_warnings():
        # A taken dashboard port is not worth a warning on every night.
        warnings.filterwarnings("ignore", message="Port .* is already in use")
        cluster = LocalCluster(
            n_workers=config.workers,
            threads_per_worker=config.threads_per_worker,
            processes=processes,
            memory_limit=(config.memory_limit if processes else None) or 0,
            dashboard_address=config.dashboard,
            local_directory=config.scratch,
            host="127.0.0.1" if processes else None,
            silence_logs=40,
        )
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def _slurm(config: ClusterConfig, name: str) -> Iterator[Any]:
    jobqueue = _package("dask_jobqueue", config.kind)
    if shutil.which("sbatch") is None:
        raise ClusterError(
            "cluster: kind is slurm but there is no sbatch on this host. "
            "Run where jobs can be submitted."
        )
    variables = " ".join(f"{k}={v}" for k, v in _variables(config).items())
    settings: dict[str, Any] = {
        "cores": config.threads_per_worker,
        "processes": 1,
        "memory": config.memory_limit,
        "job_name": name,
        "death_timeout": max(60, int(config.timeout)),
        "security": security(config),
        "protocol": "tcp://" if config.tls is None else "tls://",
        "scheduler_options": {"dashboard_address": config.dashboard},
        "job_script_prologue": [f"export {variables}"],
        "local_directory": config.scratch,
    }
    settings |= config.options
    settings["worker_extra_args"] = [
        *lifetime_arguments(config), *settings.get("worker_extra_args", ()),
    ]  # fmt: skip
    cluster = jobqueue.SLURMCluster(**settings)
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def _kubernetes(config: ClusterConfig, name: str) -> Iterator[Any]:
    operator = _package("dask_kubernetes.operator", config.kind)
    around = {k: v for k, v in config.options.items() if k == "namespace"}
    cluster = operator.KubeCluster(
        custom_cluster_spec=kubernetes_spec(config, name), quiet=True, **around
    )
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def _gateway(config: ClusterConfig, _: str) -> Iterator[Any]:
    gateway = _package("dask_gateway", config.kind)
    options = dict(config.options)
    around = {k: options.pop(k) for k in ("proxy_address", "auth") if k in options}
    with gateway.Gateway(config.address, **around) as server:
        cluster = server.new_cluster(shutdown_on_close=True, **options)
        try:
            yield cluster
        finally:
            cluster.close()


def kubernetes_spec(config: ClusterConfig, name: str) -> dict[str, Any]:
    """Describe the cluster to the Dask operator, as a ``DaskCluster`` resource.

    Commands are written out: what the operator puts in by default calls scripts that
    `distributed` no longer has.

    Parameters
    ----------
    config : ClusterConfig
        `options` holds ``image`` and may hold ``namespace`` and ``container``, entries
        for the containers of scheduler and workers, such as ``volumeMounts``, and
        ``pod``, entries for the pods, such as ``volumes``.
    name : str

    Raises
    ------
    ClusterError
        Without an image.
    """
    make = _package("dask_kubernetes.operator", config.kind).make_cluster_spec
    image = config.options.get("image")
    if not image:
        raise ClusterError(
            "cluster: kubernetes needs an image with this package. "
            "Add `options: {image: registry/consilience:version}`."
        )
    limits = {"memory": config.memory_limit, "cpu": str(config.threads_per_worker)}
    spec = make(
        name, image=image, n_workers=config.workers, env=_variables(config),
        resources={"limits": {k: v.removesuffix("B") for k, v in limits.items() if v}},
        idle_timeout=_IDLE,
    )  # fmt: skip
    pods = spec["spec"]
    command = {
        "scheduler": ["dask", "scheduler", "--host", "0.0.0.0"],
        "worker": [
            "dask", "worker", "--name", "$(DASK_WORKER_NAME)",
            "--dashboard", "--dashboard-address", "8788",
            "--nthreads", str(config.threads_per_worker),
            "--memory-limit", config.memory_limit or "0",
        ],
    }  # fmt: skip
    for role, words in command.items():
        pod = pods[role]["spec"]
        pod["containers"][0] |= {"args": words, **config.options.get("container", {})}
        pod |= config.options.get("pod", {})
    return dict(spec)


def _variables(config: ClusterConfig) -> dict[str, str]:
    return SINGLE_THREADED | config.environment


def _package(module: str, kind: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"cluster: kind {kind} needs {module.partition('.')[0]}, which is not "
            f"installed. Install it with `pip install 'consilience[{kind}]'`."
        ) from error
