"""A folder that is written whole or not at all, and says what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage.errors import ExportRefused

__all__ = ["MANIFEST", "Export", "export_folder", "read_manifest"]

MANIFEST = "export.json"
"""Written last: a folder without it is no export."""


@dataclass(slots=True)
class Export:
    """An export that is being written.

    Attributes
    ----------
    root : Path
        Folder to write into; it gets its name when all is there.
    facts : dict
        Plain values for the manifest.
    """

    root: Path
    facts: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def export_folder(target: Path, facts: Mapping[str, Any]) -> Iterator[Export]:
    """Write into ``<target>.partial``; name it `target` once its manifest is written.

    Parameters
    ----------
    target : Path
        Must not exist.
    facts : mapping
        First values of the manifest; files and their SHA-256 are added.

    Raises
    ------
    ExportRefused
        When `target` exists.

    Notes
    -----
    A draft that an earlier export left behind is removed first.
    """
    if target.exists():
        raise ExportRefused(f"export {target}: exists. Choose a new folder.")
    draft = target.with_name(f"{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    export = Export(draft, dict(facts))
    yield export
    files = {
        str(path.relative_to(draft)): _digest(path)
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    sizes = sum((draft / name).stat().st_size for name in files)
    said = {**export.facts, "bytes": sizes, "files": files}
    with (draft / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(json.dumps(said, indent=1, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(target)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of an export, and compare every file with it.

    Raises
    ------
    ExportRefused
        When there is none, or a file is missing or has another hash.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ExportRefused(
            f"export {folder}: no {MANIFEST}, so it is not complete. Export again."
        )
    said: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for name, expected in said["files"].items():
        file = folder / name
        found = _digest(file) if file.is_file() else "no file"
        if found != expected:
            raise ExportRefused(
                f"export {folder}: {name} is {found[:12]}, expected {expected[:12]}. "
                "Export again."
            )
    return said


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
