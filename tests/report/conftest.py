"""The sample report, and its page rendered once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from edgekd.records import Report
from edgekd.report.html import render_html

from .browsing import ARGUMENTS, CHROMIUM
from .sample import sample_report


@pytest.fixture(scope="session")
def report() -> Report:
    """Seven rungs on three targets."""
    return sample_report()


@pytest.fixture(scope="session")
def page(report: Report) -> str:
    """The sample report as HTML."""
    return render_html(report)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()
