"""No column of figures mixes origins, and each cell says how its figure was made."""

from __future__ import annotations

import re

from hypothesis import given, settings

from edgekd.records import Report
from edgekd.report.html import render_html
from edgekd.report.markdown import render_markdown
from edgekd.report.summary import target_sections
from edgekd.report.tables.ladder import losses_tables, targets_tables
from edgekd.report.tables.table import NO_FIGURE, Table
from edgekd.report.tables.target import performance_table

from ..mixed import ORIGINS, mixed_reports
from ..reading import tables_of_html, tables_of_markdown

MADE = {digit: made for digit, (_, _, made) in ORIGINS.items()}


def _tables(report: Report) -> list[Table]:
    performance = [performance_table(section) for section in target_sections(report)]
    return [*performance, *targets_tables(report), *losses_tables(report)]


def _is_sound(column: list[tuple[str, str]]) -> None:
    """Every figure is of one origin, which stands beside it."""
    figures = [(text, made) for text, made in column if made and text != "invalid"]
    assert len({text[0] for text, _ in figures}) <= 1, figures
    for text, made in figures:
        assert made == MADE[text[0]], (text, made)


@settings(deadline=None)
@given(mixed_reports())
def test_no_column_of_a_table_mixes_origins(report: Report) -> None:
    for table in _tables(report):
        for index, column in enumerate(table.columns):
            cells = [row.cells[index] for row in table.rows if index < len(row.cells)]
            _is_sound([(text, column.made_beside(text)) for text in cells])


@settings(deadline=None)
@given(mixed_reports())
def test_every_figure_of_a_target_says_how_it_was_made(report: Report) -> None:
    performance = [performance_table(section) for section in target_sections(report)]
    for table in [*performance, *targets_tables(report)]:
        for column in table.columns:
            assert (column.role == "figure") == bool(column.made), column
            assert column.made in ("", table.made)


@settings(deadline=None, max_examples=40)
@given(mixed_reports())
def test_counted_instructions_are_never_a_speed_up(report: Report) -> None:
    for section in target_sections(report):
        table = performance_table(section)
        headings = {(column.group, column.heading) for column in table.columns}
        timed = {("Latency, ms", "Speed-up"), ("Latency, ms", "p50")}
        estimated = {("Work", "Speed-up"), ("Work", "Time, ms")}
        counted = {("Work", "Instructions"), ("Work", "Fewer")}
        assert (timed <= headings) == (section.kind in ("device", "host"))
        assert bool(timed & headings) == (section.kind in ("device", "host"))
        assert bool(estimated & headings) == (section.kind == "estimate")
        assert bool(counted & headings) == (section.kind == "emulated")


@settings(deadline=None, max_examples=25)
@given(mixed_reports())
def test_no_column_of_the_text_mixes_origins(report: Report) -> None:
    for table in tables_of_markdown(render_markdown(report)):
        for column in zip(*table[1:], strict=True):
            _is_sound([_split(text) for text in column])


@settings(deadline=None, max_examples=4)
@given(mixed_reports())
def test_no_column_of_the_page_mixes_origins(report: Report) -> None:
    for table in tables_of_html(render_html(report)):
        width = max(len(row) for row in table)
        full = [row for row in table if len(row) == width]
        for column in zip(*full, strict=True):
            _is_sound([cell for cell in column if cell[0] not in NO_FIGURE])


def _split(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\d.*|invalid) \(([^()]+)\)", text)
    return (found[1], found[2]) if found else (text, "")
