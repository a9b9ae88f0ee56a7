"""What the documents say exists, exists; what exists and must be documented, is."""

import doctest
import importlib
import re
import shlex
from itertools import chain

import pytest

from tests.repository import (
    ROOT,
    documents,
    fenced_blocks,
    make,
    module_names,
    modules,
    source_of,
    table_rows,
)

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def our_errors() -> dict[str, type[Exception]]:
    """Return every exception class of the four packages by its full name."""
    names = {module.__name__ for module in modules()}
    return {
        f"{thing.__module__}.{thing.__qualname__}": thing
        for module in modules()
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Exception)
        and thing.__module__ in names
    }


def test_every_error_has_its_own_kind() -> None:
    errors = our_errors()
    assert errors
    assert [name for name, error in errors.items() if "kind" not in vars(error)] == []
    kinds = [vars(error)["kind"] for error in errors.values()]
    assert sorted(kinds) == sorted(set(kinds))


def test_errors_page_lists_every_kind() -> None:
    rows = table_rows((ROOT / "docs/errors.md").read_text("utf-8"))
    documented = {row[1].strip("`"): row[0].strip("`") for row in rows}
    assert documented == {name: e.kind for name, e in our_errors().items()}  # type: ignore[attr-defined]
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def test_reasons_of_refusal_are_all_explained() -> None:
    from storage.errors import REASONS

    rows = table_rows((ROOT / "docs/how-to/ingest-your-data.md").read_text("utf-8"))
    explained = [row[0].strip("`") for row in rows if len(row) == 2]
    assert sorted(explained) == sorted(REASONS)


FACADES = {
    "HierarchicalStatisticalTree",
    "BehavioralDistributedProtocol",
    "AgentBehavioralData",
    "StableBayesianConsensus",
    "EvidenceType",
    "BayesianEvidence",
    "StatisticalCAPResolver",
    "StatisticalUpdate",
    "PartitionState",
    "ConsistencyModel",
    "generate_adoption_report",
    "validate_at_million_agent_scale",
    "production_scale_validation",
}


def _seed_rows() -> list[list[str]]:
    return table_rows((ROOT / "docs/seed-map.md").read_text("utf-8"))


def test_seed_map_has_every_name_once() -> None:
    assert sorted(row[0].strip("`") for row in _seed_rows()) == sorted(FACADES)
    assert {row[3] for row in _seed_rows()} <= {"present", "planned"}


@pytest.mark.parametrize("name", sorted(FACADES))
def test_seed_map_tells_the_truth(name: str) -> None:
    (row,) = [row for row in _seed_rows() if row[0].strip("`") == name]
    home = row[1].strip("`")
    present = home in module_names() and hasattr(importlib.import_module(home), name)
    assert row[3] == ("present" if present else "planned")


def _commands() -> list[tuple[str, str]]:
    lines = [
        (name, line.strip())
        for name, text in documents().items()
        for line in chain.from_iterable(
            block.splitlines() for block in fenced_blocks(text, "sh")
        )
    ]
    inline = [
        (name, re.sub(r"\s+", " ", code))
        for name, text in documents().items()
        for code in re.findall(r"`((?:make|consilience)\s[^`]+)`", text)
    ]
    return sorted({(n, c) for n, c in lines + inline if c and not c.startswith("#")})


def test_documented_make_targets_exist() -> None:
    used = {
        (name, word)
        for name, line in _commands()
        if (words := shlex.split(line)) and words[0] == "make"
        for word in words[1:]
        if "=" not in word and not word.startswith("-")
    }
    assert {"setup", "nightly", "test", "check"} <= {word for _, word in used}
    assert {(name, word) for name, word in used if word not in TARGETS} == set()


def test_documented_cli_commands_and_options_exist() -> None:
    import typer.main

    from flows.cli import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    wrong = []
    used = set()
    for name, line in _commands():
        words = shlex.split(line)
        if words[0].rpartition("/")[2] != "consilience" or len(words) < 2:
            continue
        used.add(words[1])
        command = commands.get(words[1])
        if hasattr(command, "commands"):  # a group, such as keys
            command = command.commands.get(words[2]) if len(words) > 2 else command
        known = {"--help"}
        if command is not None:
            known |= {o for p in command.params for o in p.opts}
        options = {word.split("=")[0] for word in words if word.startswith("-")}
        if command is None or options - known:
            wrong.append((name, line))
    assert {"ingest", "nightly", "status"} <= used
    assert wrong == []
    assert {"demo", "ingest", "nightly", "status"} <= set(commands)


def test_help_lists_every_target() -> None:
    shown = make("--no-print-directory").stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)) == TARGETS
    assert {
        "help", "setup", "nightly", "test", "services", "lint", "types", "layers",
        "docs", "check", "check-slow", "peers", "bench", "clean",
    } == TARGETS  # fmt: skip


def test_changelog_says_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in documents().items()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if "://" not in target and not ((ROOT / name).parent / target).exists()
    ]
    assert broken == []


def test_files_that_documents_name_exist() -> None:
    pattern = re.compile(
        r"`((?:flows|tasks|stats|storage|tests|docs|deploy|tools)/[\w./-]+)`"
    )
    generated = {"docs/_build/html", "docs/reference/api/"}
    named = {
        (name, path)
        for name, text in documents().items()
        for path in pattern.findall(text)
        if path not in generated
    }
    planned = {"docs/seed-map.md"}
    assert named
    assert {
        (name, path)
        for name, path in named
        if name not in planned and not (ROOT / path).exists()
    } == set()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        for name, text in documents().items()
        for number in range(len(fenced_blocks(text, "python")))
    ],
)
def test_documented_python_runs(name: str, number: int) -> None:
    block = fenced_blocks(documents()[name], "python")[number]
    exec(compile(block, f"{name}[{number}]", "exec"), {"__name__": name})


def test_verdicts_page_lists_every_check() -> None:
    from tasks.checks import Check

    checks = {
        check.name: check.criterion
        for module in modules()
        if module.__name__.startswith("tasks.")
        for value in vars(module).values()
        if isinstance(value, tuple)
        for check in value
        if isinstance(check, Check)
    }
    rows = table_rows((ROOT / "docs/explanation/verdicts.md").read_text("utf-8"))
    listed = {row[0].strip("`"): row[2] for row in rows}
    assert checks
    assert listed == checks


@pytest.mark.parametrize("module", [m for m in module_names() if ">>>" in source_of(m)])
def test_examples_of_docstrings_run(module: str) -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=flags)
    assert tried > 0
    assert failed == 0
