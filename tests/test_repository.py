"""The checkout as a whole: sizes, names, docstrings, and what must not be in it."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from tests.repository import PACKAGES, ROOT, module_names, sources, text_files

LONGEST_FILE = 300
LONGEST_FUNCTION = 40


def test_files_hold_one_idea() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in sources(*PACKAGES, "tools")
    }
    assert len(lengths) > len(PACKAGES)
    assert {k: n for k, n in lengths.items() if n > LONGEST_FILE} == {}


def _functions(path: Path) -> dict[str, int]:
    """Return the lines of every function's body, without its docstring."""
    lengths = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            first = body[0].lineno if body else node.end_lineno
            length = (node.end_lineno or 0) - (first or 0) + 1
            lengths[f"{path.relative_to(ROOT)}:{node.name}"] = length
    return lengths


def test_functions_fit_on_a_screen() -> None:
    lengths: dict[str, int] = {}
    for path in sources(*PACKAGES, "tools"):
        lengths |= _functions(path)
    assert len(lengths) > len(PACKAGES)
    assert {k: n for k, n in lengths.items() if n > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_resolves_inside_the_repository(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == ROOT / package / "__init__.py"
    assert (ROOT / package / "py.typed").is_file()


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES, "tools", "docs")
        if not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()
    ]
    assert silent == []


def test_imports_of_packages_are_absolute() -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []
    assert set(PACKAGES) <= set(module_names())


# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "unfinished work": r"(?:#|<!--|\.\. )[^\n]*\b(?:"
    + "TO"
    + "DO|FIX"
    + r"ME|XX"
    + r"X)\b",
    "a package registry's host": "|".join(
        (
            "py" + r"pi\.org",
            "pythonhos" + "ted",
            "registry" + r"\.npmjs",
            "conda" + r"\.anaconda",
        )
    ),
    "a path of one machine": "|".join(
        (
            "/ro" + "ot/",
            "/ho" + r"me/\w",
            "/wo" + r"rk/(?:main|shared)",
            r"[A-Z]:\\Us" + "ers",
        )
    ),
    "a merge conflict": r"^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_tree_is_free_of(what: str) -> None:
    pattern = re.compile(rf"(?:{FORBIDDEN[what]})", re.MULTILINE)
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(0)}"
        for name, text in text_files().items()
        for match in pattern.finditer(text)
    ]
    assert len(text_files()) > len(PACKAGES)
    assert found == []


def test_every_ignored_type_error_has_a_code() -> None:
    bare = re.compile(r"#\s*type:\s*ig" + r"nore(?!\[)")
    found = [
        f"{name}:{number}"
        for name, text in text_files().items()
        if name.endswith(".py")
        for number, line in enumerate(text.splitlines(), 1)
        if bare.search(line)
    ]
    assert found == []


def test_library_code_does_not_print() -> None:
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("stats", "storage", "tasks")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert calls == []


def test_pins_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pin = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+(?: ?; ?python_version .+)?")
    assert [line for line in lines if not pin.fullmatch(line)] == []
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines]
    assert len(names) == len(set(names)) > 0


def test_tests_are_no_packages() -> None:
    assert [p for p in sources("tests") if p.name == "__init__.py"] == []
