"""How long a worker lives, and that it ends before its queue would end it."""

from __future__ import annotations

from dask.utils import parse_timedelta

from tasks.cluster_config import ClusterConfig, ClusterError

__all__ = ["lifetime_arguments", "walltime_seconds"]

# Workers that began together end one after the other, over this share of a lifetime.
_STAGGER = 0.1


def lifetime_arguments(config: ClusterConfig) -> list[str]:
    """Arguments of ``dask worker`` that let it hand its results on and end in time.

    Parameters
    ----------
    config : ClusterConfig
        With `lifetime`, and maybe a ``walltime`` among the options.

    Raises
    ------
    ClusterError
        When a lifetime is no duration, or with its stagger not below the walltime.
    """
    if config.lifetime is None:
        return []
    try:
        seconds = float(parse_timedelta(config.lifetime))
    except (KeyError, ValueError) as error:
        raise ClusterError(
            f"cluster: lifetime is {config.lifetime!r}. Write a duration like 50m."
        ) from error
    stagger = _STAGGER * seconds
    walltime = config.options.get("walltime")
    if walltime is not None and seconds + stagger >= walltime_seconds(str(walltime)):
        raise ClusterError(
            f"cluster: lifetime is {config.lifetime}, and up to a tenth more, with a "
            f"walltime of {walltime}. Jobs would be ended with results in their "
            "memory: shorten the one or lengthen the other."
        )
    return ["--lifetime", f"{seconds:g}s", "--lifetime-stagger", f"{stagger:g}s"]


def walltime_seconds(text: str) -> float:
    """Read a time limit as SLURM writes it.

    Parameters
    ----------
    text : str
        ``M``, ``M:S``, ``H:M:S``, ``D-H``, ``D-H:M`` or ``D-H:M:S``, as in sbatch(1).

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ClusterError
        For anything else.

    Examples
    --------
    >>> walltime_seconds("01:30:00"), walltime_seconds("1-12"), walltime_seconds("90")
    (5400.0, 129600.0, 5400.0)
    """
    days, dash, rest = text.rpartition("-")
    parts = rest.split(":")
    # With days the first part is hours; without, a single one or the first of two is
    # minutes.
    first = 3600 if dash or len(parts) == 3 else 60
    try:
        if len(parts) > 3:
            raise _no_walltime(text)
        seconds = sum(int(n) * first // 60**i for i, n in enumerate(parts))
        return float(86_400 * int(days or 0) + seconds)
    except ValueError as error:
        raise _no_walltime(text) from error


def _no_walltime(text: str) -> ClusterError:
    return ClusterError(
        f"cluster: walltime is {text!r}. Write it as SLURM does: 01:00:00 or 1-12."
    )
