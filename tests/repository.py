"""What this checkout consists of, for the tests that look at the whole of it."""

import importlib
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flows", "tasks", "stats", "storage")
_GENERATED = {"_build", "api", "build", "data", "dist", "node_modules"}


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file that belongs to the project, also those not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(
                part in _GENERATED or (part.startswith(".") and part != ".ci")
                for part in path.relative_to(ROOT).parts
            )
        ]
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def text_files() -> dict[str, str]:
    """Return path and text of every tracked file that is text."""
    texts = {}
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data:
            texts[str(path.relative_to(ROOT))] = data.decode("utf-8")
    return texts


def sources(*folders: str) -> tuple[Path, ...]:
    """Return the Python files below the given folders."""
    return tuple(
        path
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders
    )


def module_names() -> tuple[str, ...]:
    """Return the import names of every module of the four packages."""
    names = []
    for path in sources(*PACKAGES):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return tuple(names)


@cache
def modules() -> tuple[ModuleType, ...]:
    """Import and return every module of the four packages."""
    return tuple(importlib.import_module(name) for name in module_names())


def fenced_blocks(text: str, language: str) -> list[str]:
    """Return the fenced code blocks of a Markdown text in one language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, text, re.MULTILINE | re.DOTALL)


def documents() -> dict[str, str]:
    """Return path and text of every Markdown document for readers."""
    return {name: text for name, text in text_files().items() if name.endswith(".md")}


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of every body row of every Markdown table of a text."""
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and cells:
            rows.append(cells)
    return rows


def source_of(module: str) -> str:
    """Return the text of a module of the four packages, without importing it."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text("utf-8")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in this checkout as a person would, not as a part of another make."""
    ours = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON"}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in ours},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
