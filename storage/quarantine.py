"""Where refused files wait, each with the reason beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from storage.errors import Rejected
from storage.sources import sidecar_of

__all__ = ["Quarantined", "quarantine_file", "quarantine_list"]

_REASON = ".reason.json"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refused file.

    Attributes
    ----------
    file : Path
        Where it lies now.
    site : str
        Who sent it, as its header says; ``unknown`` when that is not readable.
    error : Rejected
        Why.
    """

    file: Path
    site: str
    error: Rejected

    @property
    def reason(self) -> str:
        """Reason code."""
        return self.error.reason

    @property
    def message(self) -> str:
        """The whole reason as text."""
        return str(self.error)


def quarantine_file(
    path: Path, error: Rejected, folder: Path, *, site: str = "", keep: bool = False
) -> Path:
    """Move a file and its sidecar to ``folder/<reason>/`` and write the reason.

    Parameters
    ----------
    path : Path
        The landing file; when it does not exist, only the reason is written.
    error : Rejected
    folder : Path
    site : str
        Who sent it; empty when that is not known.
    keep : bool
        Copy instead of moving.

    Returns
    -------
    Path
        The new place; a name that is taken gets a number.
    """
    target = folder / error.reason
    target.mkdir(parents=True, exist_ok=True)
    place = _free(target, path)
    place.with_name(f"{place.name}{_REASON}").write_text(
        json.dumps(
            error.as_dict() | {"site": site or "unknown"}, indent=2, ensure_ascii=False
        )
        + "\n"
    )
    for old, new in ((sidecar_of(path), sidecar_of(place)), (path, place)):
        if old.exists():
            if keep:
                shutil.copy2(old, new)
            else:
                shutil.move(old, new)
    return place


def _free(target: Path, path: Path) -> Path:
    """Return a name not taken; a file copied before keeps its place."""
    number = 1
    place = target / path.name
    while place.with_name(f"{place.name}{_REASON}").exists() and not _same(place, path):
        number += 1
        place = target / f"{path.stem}.{number}{path.suffix}"
    return place


def _same(place: Path, path: Path) -> bool:
    if not (place.exists() and path.exists()):
        return not path.exists()
    return place.read_bytes() == path.read_bytes()


def quarantine_list(folder: Path) -> tuple[Quarantined, ...]:
    """Refused files with their reasons, sorted by path; empty without the folder."""
    found = []
    for file in sorted(folder.rglob(f"*{_REASON}")):
        fields = json.loads(file.read_text())
        path = file.with_name(file.name.removesuffix(_REASON))
        site = str(fields.get("site", "unknown"))
        found.append(Quarantined(path, site, Rejected.from_dict(fields)))
    return tuple(found)
