"""What is known of the sites of a night, checked once; ages feature by feature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.missing_replay import Gap
from stats.summary import InvalidInput

__all__ = ["ENOUGH_PAIRS", "Sites", "checked", "last_known"]

Floats = NDArray[np.float64]

# Past nights of a silent site below which its movement is not replayed but bounded.
ENOUGH_PAIRS = 20


@dataclass(frozen=True)
class Sites:
    """Sites with mass, their past and their tonight.

    Attributes
    ----------
    history : float64 array, shape (S, H, d)
    current : float64 array, shape (S, d)
    mass : float64 array, shape (S,)
        Sum 1, none 0.
    agents : int64 array, shape (S,)
    noise, current_error2 : float64 arrays, shape (S, d)
        Squared standard error of a usual nightly mean, and of tonight's.
    age : int64 array, shape (S, d)
        Nights since the newest value, 0 for tonight, -1 where there is none.
    """

    history: Floats
    current: Floats
    mass: Floats
    agents: NDArray[np.int64]
    noise: Floats
    current_error2: Floats
    age: NDArray[np.int64]

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.current.shape[1])

    @property
    def arrived_mass(self) -> Floats:
        """Share of the whole that is here tonight, per feature."""
        here: Floats = np.where(self.age == 0, self.mass[:, None], 0.0).sum(axis=0)
        return np.minimum(here, 1.0)

    @cached_property
    def last(self) -> Floats:
        """Newest known value of every site, (S, d); NaN where there is none."""
        return np.where(self.age == 0, self.current, last_known(self.history)[0])

    @cached_property
    def gap(self) -> Gap:
        """The gap of features that all have the same one."""
        age = self.age[:, 0]
        known = np.isfinite(self.history).sum(axis=1).max(axis=1, initial=0)
        silent = (age != 0) & (known >= ENOUGH_PAIRS)
        return Gap(age, self.mass, self.noise, silent)

    def of(self, columns: NDArray[np.int64]) -> Sites:
        """Return some of the features; no copy where it is all of them."""
        if len(columns) == self.features:
            return self
        names = ("history", "current", "noise", "current_error2", "age")
        wide = {name: getattr(self, name)[..., columns] for name in names}
        return replace(self, **wide)


def checked(
    history: ArrayLike,
    current: ArrayLike,
    mass: ArrayLike,
    agents: ArrayLike,
    sigma2: ArrayLike,
    silent_nights: ArrayLike,
    current_error2: ArrayLike | None,
) -> Sites:
    """Bring the input of `stats.missing_data.missing_data_interval` into one form.

    Raises
    ------
    InvalidInput
        When shapes do not fit, or a mass, number of agents, variance or age is out of
        range.
    """
    past, tonight = np.asarray(history, np.float64), np.asarray(current, np.float64)
    if past.ndim != 3 or tonight.shape != (past.shape[0], past.shape[2]):
        raise _refused(
            f"history {past.shape} and current {tonight.shape} do not fit",
            "Give shapes (S, H, d) and (S, d)",
        )
    s, _, d = past.shape
    weight, size = np.asarray(mass, np.float64), np.asarray(agents, np.int64)
    silent = np.asarray(silent_nights, np.int64)
    if not weight.shape == size.shape == silent.shape == (s,):
        raise _refused(
            f"mass {weight.shape}, agents {size.shape} and silent_nights "
            f"{silent.shape} are not one entry for each of {s} sites",
            "Give shape (S,)",
        )
    spread = np.asarray(sigma2, np.float64)
    spread = spread if spread.ndim < 2 else spread.reshape(s, -1)
    if spread.shape not in ((), (d,), (s, d)):
        raise _refused(
            f"sigma2 has shape {spread.shape}", f"Give (), ({d},) or ({s}, {d})"
        )
    _in_range(weight, size, spread, silent)
    noise = np.broadcast_to(spread, (s, d)) / size[:, None]
    error2 = noise if current_error2 is None else np.asarray(current_error2, np.float64)
    if error2.shape != (s, d):
        raise _refused(f"current_error2 has shape {error2.shape}", f"Give ({s}, {d})")
    tonight = np.where((silent == 0)[:, None], tonight, np.nan)
    kept = weight > 0
    return Sites(
        past[kept],
        tonight[kept],
        weight[kept] / weight.sum(),
        size[kept],
        noise[kept],
        error2[kept],
        _ages(past, tonight, silent)[kept],
    )


def _in_range(
    mass: Floats, agents: NDArray[np.int64], sigma2: Floats, silent: NDArray[np.int64]
) -> None:
    """Refuse what cannot be.

    Raises
    ------
    InvalidInput
        With the offending value.
    """
    if not (np.isfinite(mass).all() and (mass >= 0).all() and mass.sum() > 0):
        raise _refused(f"mass {mass} is not a share", "Give values >= 0, not all 0")
    if not (agents > 0).all():
        raise _refused(f"agents goes down to {agents.min()}", "Give at least 1 a site")
    if not (sigma2 >= 0).all():
        raise _refused(f"sigma2 holds {sigma2.min()}", "Give variances >= 0, no NaN")
    if not (silent >= 0).all():
        raise _refused(f"silent_nights holds {silent.min()}", "Give nights >= 0")


def _ages(
    history: Floats, current: Floats, silent: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Nights since the newest value, site by site and feature by feature.

    Raises
    ------
    InvalidInput
        When a site has a value in a night in which it is said to have been silent.
    """
    _, newest = last_known(history)
    early = (newest > 0) & (newest < silent[:, None])
    if early.any():
        site = int(np.flatnonzero(early.any(axis=1))[0])
        raise _refused(
            f"site {site} is said to be silent for {silent[site]} nights and has a "
            f"value {newest[site][early[site]][0]} nights ago",
            "Count nights since the newest value",
        )
    return np.where(np.isfinite(current), 0, newest).astype(np.int64)


def last_known(history: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Newest known value, and how many nights from the end of the history it lies.

    Parameters
    ----------
    history : float64 array, shape (S, H, ...)
        Oldest first; NaN is missing.

    Returns
    -------
    last : float64 array, shape (S, ...)
        NaN where there is none.
    age : int64 array, shape (S, ...)
        1 for the last night of the history; -1 where there is none.

    Examples
    --------
    >>> last_known(np.array([[1.0, 2.0, np.nan], [np.nan] * 3]))
    (array([ 2., nan]), array([ 2, -1]))
    """
    shape = (history.shape[0], *history.shape[2:])
    if not history.shape[1]:
        return np.full(shape, np.nan), np.full(shape, -1)
    known = np.isfinite(history)
    age = 1 + known[:, ::-1].argmax(axis=1)
    place = np.expand_dims(history.shape[1] - age, 1)
    last = np.take_along_axis(history, place, axis=1)[:, 0]
    some = known.any(axis=1)
    return np.where(some, last, np.nan), np.where(some, age, -1).astype(np.int64)


def _refused(what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"missing_data_interval: {what}. {remedy}.")
