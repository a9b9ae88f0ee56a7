"""Which files of a folder are to be taken in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from storage.sources import SUFFIXES, is_statement

__all__ = ["landing_files"]


def landing_files(paths: Iterable[Path]) -> list[Path]:
    """List the files to take in: each path, or what lies below it if it is a folder."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            below = path.rglob("*")
            found += sorted(p for p in below if _lands(p) and p.is_file())
        else:
            found.append(path)
    return found


def _lands(path: Path) -> bool:
    return path.suffix in SUFFIXES or is_statement(path)
