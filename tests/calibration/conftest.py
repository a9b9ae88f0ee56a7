"""Show the measured figures of a calibration run, not only that they passed."""

from collections.abc import Callable
from typing import Any

import pytest

FIGURES = "figures"


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Keep a figure with its test; it is printed after the run."""

    def keep(name: str, value: Any) -> None:
        request.node.user_properties.append((FIGURES, f"{name} {value}"))

    return keep


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print every figure that was kept, one line a test."""
    lines = [
        f"{report.nodeid.split('::', 1)[1]}: {text}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, text in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section("measured figures")
        terminalreporter.write_line("\n".join(lines))
