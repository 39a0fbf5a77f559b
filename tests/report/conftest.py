"""The sample report, and its page rendered once for all tests."""

from __future__ import annotations

import pytest

from edgekd.records import Report
from edgekd.report.html import render_html

from .sample import sample_report


@pytest.fixture(scope="session")
def report() -> Report:
    """Seven rungs on three targets."""
    return sample_report()


@pytest.fixture(scope="session")
def page(report: Report) -> str:
    """The sample report as HTML."""
    return render_html(report)
