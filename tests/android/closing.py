"""What the closing lines of a test session say of the Android app.

Reports carry it, so that it comes from workers of pytest-xdist too: a test names what it ran by
``record_property("android", ...)``; one that was skipped gives its reason.
"""

from __future__ import annotations

import pytest

NAME = "android-closing-lines"
PROPERTY = "android"
_BELOW = "tests/android/"


def register(config: pytest.Config) -> None:
    """Have the lines said at the end of this session, once."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(ClosingLines(), NAME)


class ClosingLines:
    """Plugin that says them."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reports = [
            report
            for outcome in ("passed", "failed", "skipped")
            for report in terminalreporter.getreports(outcome)
            if isinstance(report, pytest.TestReport) and report.nodeid.startswith(_BELOW)
        ]
        for line in sorted({line for report in reports for line in _recorded(report)}):
            terminalreporter.write_line(f"Android: {line}")
        for reason in sorted({_reason(report) for report in reports if report.skipped}):
            terminalreporter.write_line(f"Android: NOT CHECKED: {reason}", yellow=True, bold=True)


def _recorded(report: pytest.TestReport) -> list[str]:
    return [str(value) for name, value in report.user_properties if name == PROPERTY]


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
