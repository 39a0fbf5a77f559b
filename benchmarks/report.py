"""Seconds of rendering a run's report, and its size."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from edgekd.records import Report
from edgekd.report.html import render_html

if __name__ == "__main__":
    report = Report.model_validate_json((Path(sys.argv[1]) / "report.json").read_text())
    began = time.perf_counter()
    page = render_html(report, Path(sys.argv[1]))
    print(f"{time.perf_counter() - began:.1f} s, {len(page.encode()):,} bytes")
