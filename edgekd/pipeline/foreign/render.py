"""Render a run's report again."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgekd.errors import BadInput
from edgekd.files import read_json, write_text
from edgekd.records import Report


def render_again(folder: Path) -> Report:
    """Write ``report.md`` and ``report.html`` from a run's ``report.json``.

    Raises:
        BadInput: there is no report of this schema.
    """
    from edgekd.report.html import render_html
    from edgekd.report.markdown import render_markdown

    path = folder / "report.json"
    try:
        report = Report.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"is no report of schema 1: {first['msg']}", where=f"{path}: {key}"
        ) from error
    write_text(folder / "report.md", render_markdown(report))
    write_text(folder / "report.html", render_html(report, folder))
    return report
