"""What a person sees in the terminal: progress, answers, errors with a remedy."""

from __future__ import annotations

import json as json_format
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rich.box
import rich.console
from pydantic import ValidationError
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from flows.demo import DemoOutcome
from flows.investigate import InvestigateOutcome
from flows.nightly import NightOutcome
from flows.summarize import SummarizeOutcome
from storage.ingest import IngestReport
from tasks.keys import Answer
from tasks.plan import VerdictFailed
from tasks.progress import watch_progress

__all__ = ["Console"]

_FAILED_VERDICT = 1
_FAILED_RUN = 2
_ROWS_SHOWN = 40


class Console:
    """Prints for people, or one JSON object for machines; typed errors end in words.

    Used as a context manager.  An error that has a `kind` is printed with its remedy
    and ends the process with a status; anything else is a bug and keeps its traceback.
    """

    def __init__(self, *, json: bool, progress: bool = True) -> None:
        self._json = json
        self._out = rich.console.Console(highlight=False)
        self._stack = ExitStack()
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if progress and not json:
            self._bars = Progress(
                SpinnerColumn(), TextColumn("{task.description:<12}"), BarColumn(),
                MofNCompleteColumn(), TimeElapsedColumn(),
                console=rich.console.Console(stderr=True), transient=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._stack.enter_context(self._bars)
            self._stack.enter_context(watch_progress(self._advance))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            self._refuse("invalid_parameter", f"{place}: {first['msg']}", _FAILED_RUN)
        if isinstance(error, Exception) and hasattr(error, "kind"):
            verdict = isinstance(error, VerdictFailed)
            status = _FAILED_VERDICT if verdict else _FAILED_RUN
            self._refuse(str(error.kind), str(error), status)

    def done(self, outcome: NightOutcome | DemoOutcome) -> None:
        """Print the outcome of a run."""
        if self._json:
            self._print_json(outcome.model_dump(mode="json"))
            return
        if isinstance(outcome, DemoOutcome):
            for line in outcome.lines:
                self._out.print(escape(line))
            if outcome.night is None:
                return
        night = outcome.night if isinstance(outcome, DemoOutcome) else outcome
        if not isinstance(night, NightOutcome):  # pragma: no cover - returned above
            return
        self._out.print(f"\n[bold]{escape(night.title)}[/bold]")
        if night.computed:
            self._out.print(
                f"Night {night.night}, revision {night.revision}, "
                f"{night.arrived_share:.0%} arrived, "
                f"{night.checks_passed} checks passed, "
                f"result {night.result_digest[:12]}"
            )
        else:
            self._out.print(
                f"Night {night.night} stands as revision {night.revision}: "
                "nothing new arrived, nothing was computed."
            )
        self._out.print(f"Report: {night.page}", soft_wrap=True)
        if isinstance(outcome, DemoOutcome) and outcome.next:
            self._out.print(f"\n{escape(outcome.next)}", soft_wrap=True)

    def ingested(self, report: IngestReport, quarantine: Path) -> None:
        """Print what was applied, what was known and what was refused, and why."""
        states = [receipt.state for receipt in report.receipts]
        counts = {
            "applied": states.count("applied"),
            "known": states.count("duplicate"),
            "equivocation": states.count("equivocation"),
            "refused": len(report.rejected),
        }
        if self._json:
            files = [
                {
                    "file": str(r.source),
                    "reason": r.reason,
                    "column": r.column,
                    "what": str(r),
                }
                for r in report.rejected
            ]
            self._print_json(
                {**counts, "snapshot": report.snapshot, "refused_files": files}
            )
            return
        text = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
        self._out.print(f"{text or 'nothing to do'}; snapshot {report.snapshot}")
        for refused in report.rejected:
            self._out.print(f"[red]refused[/red] {escape(str(refused))}")
        if report.rejected:
            self._out.print(f"Reasons are kept in {quarantine}", soft_wrap=True)

    def status(self, found: dict[str, Any]) -> None:
        """Print what a home folder holds."""
        if self._json:
            self._print_json(found)
            return
        self._out.print(
            f"{found['dataset']}: {found['shards']} shards, snapshot "
            f"{found['snapshot']}, store {found['store']}"
        )
        for noun, group in (("site", "sites"), ("source of evidence", "sources")):
            table = Table(noun, "shards", "rows", "first night", "last night")
            for name, row in found[group].items():
                table.add_row(
                    escape(name), f"{row['shards']:,}", f"{row['rows']:,}",
                    row["first"], row["last"],
                )  # fmt: skip
            if group == "sites" or found[group]:
                self._out.print(table)
        nights = Table("night", "revision", "verdict", "report")
        for row in found["nights"][-20:]:
            nights.add_row(
                row["night"], str(row["revision"]), escape(row["title"]), row["page"]
            )
        self._out.print(nights if found["nights"] else "No night was published yet.")
        for entry in found["quarantine"]:
            self._out.print(
                f"[red]quarantine[/red] {escape(entry['file'])}: "
                f"{entry['reason']}: {escape(entry['what'])}"
            )

    def summarized(self, outcome: SummarizeOutcome) -> None:
        """Print the statistics of an array, and what they took."""
        if self._json:
            self._print_json(outcome.model_dump(mode="json"))
            return
        shown = outcome.rows[:_ROWS_SHOWN]
        if shown:
            table = Table(*shown[0], box=rich.box.SIMPLE_HEAD, pad_edge=False)
            for row in shown:
                table.add_row(*(_cell(value) for value in row.values()))
            self._wide().print(table)
        if outcome.rows_in_all > len(shown):
            self._out.print(
                f"{len(shown)} of {outcome.rows_in_all:,} rows; --output keeps all."
            )
        facts = outcome.facts
        self._out.print(
            f"{facts['agents']:,} agents x {facts['times']} times x "
            f"{facts['features']} features in {facts['chunks']:,} chunks, "
            f"{escape(facts['codec'])}; {facts['nanoseconds_per_row']:g} ns of a "
            f"processor per row; memory {facts['memory_peak'] / 1e6:,.0f} MB at most, "
            f"{facts['memory_predicted'] / 1e6:,.0f} MB predicted; "
            f"digest {facts['digest'][:12]}"
        )
        for path in outcome.written:
            self._out.print(f"Written: {path}", soft_wrap=True)

    def answer(self, answer: Answer) -> None:
        """Print what a short command found: lines, and a table if it has one."""
        if self._json:
            self._print_json(dict(answer.found))
            return
        for line in answer.lines:
            self._out.print(escape(line), soft_wrap=True)
        if answer.rows:
            table = Table(*answer.columns, box=rich.box.SIMPLE_HEAD, pad_edge=False)
            for row in answer.rows:
                table.add_row(*(escape(cell) for cell in row))
            self._wide().print(table)

    def investigated(self, outcome: InvestigateOutcome) -> None:
        """Print what an investigation found, its nights and where the page is."""
        if self._json:
            self._print_json(outcome.model_dump(mode="json"))
            return
        self._out.print(f"\n[bold]{escape(outcome.title)}[/bold]")
        self._out.print(escape(outcome.text))
        table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for name in outcome.columns:
            left = name in ("night", "note", outcome.columns[0])
            table.add_column(
                name, justify="left" if left else "right", no_wrap=name == "night"
            )
        for row in outcome.rows:
            style = "bold" if row.marked else "dim" if row.empty else None
            table.add_row(*(escape(cell) for cell in row.cells), style=style)
        self._out.print(table)
        self._out.print(f"Page: {outcome.page}", soft_wrap=True)

    def _wide(self) -> rich.console.Console:
        """Figures are never cut: a narrow terminal wraps the line."""
        return rich.console.Console(highlight=False, width=max(self._out.width, 140))

    def _advance(self, step: str, done: int, total: int) -> None:
        if self._bars is None:  # pragma: no cover - only watched when there are bars
            return
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
        self._bars.update(self._tasks[step], completed=done, total=total)

    def _refuse(self, kind: str, text: str, status: int) -> None:
        if self._json:
            self._print_json({"error": {"kind": kind, "what": text}})
        else:
            shown = rich.console.Console(stderr=True, highlight=False)
            shown.print(f"[red]{kind}[/red] {escape(text)}", soft_wrap=True)
        sys.exit(status)

    def _print_json(self, value: dict[str, Any]) -> None:
        sys.stdout.write(json_format.dumps(value, ensure_ascii=False) + "\n")


def _cell(value: object) -> str:
    """Write one value of a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
