"""report.md says what the page says, and no string in it becomes markup."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings

from edgekd.records import Report
from edgekd.report.markdown import escape, render_markdown
from edgekd.report.tables.phone import STAND_IN_NOTE
from edgekd.report.units import MISSING, clean

from .hostile import hostile_report, hostile_text
from .phone_sample import phone_report
from .reading import MARKDOWN, cells, kinds_of_markdown, parse_markdown, tables_of_markdown, words
from .sample import INT4_REASON, INVALID_REASON


@given(hostile_text)
def test_an_escaped_cell_reads_back_as_it_was(text: str) -> None:
    rows = cells(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |\n")

    assert rows[1] == [clean(text), "end"]


@settings(max_examples=50, deadline=None)
@given(hostile_text, hostile_text)
def test_no_string_becomes_markup(text: str, other: str) -> None:
    tokens = parse_markdown(render_markdown(hostile_report(text, other)))

    assert kinds_of_markdown(tokens) <= MARKDOWN
    (title,) = [
        tokens[i + 1] for i, token in enumerate(tokens) if token.type == token.tag == "h1"
    ] or [tokens[1]]
    assert words(title) == f"edgekd: {clean(text)}".rstrip()


def test_every_record_is_there(report: Report) -> None:
    text = render_markdown(report)

    assert INT4_REASON in text
    assert INVALID_REASON in text
    assert "Labels the teacher saw: all 3,500 training labels" in text
    assert "1. 96.90% at 0.00744 ms: distilled-int8-qat on host-litert" in text
    rows = cells(text)
    for rung in report.rungs:
        assert sum(row[0] == rung.name for row in rows) >= 9
    for found in report.measurements:
        assert any(row[-1] == f"{found.sha256[:12]}…" for row in rows)


def test_each_row_has_as_many_cells_as_its_heading(report: Report) -> None:
    lines = render_markdown(report).splitlines()
    for above, below in pairwise(lines):
        if above.startswith("|") and below.startswith("|"):
            assert above.count(" | ") == below.count(" | ")


def test_the_kind_is_beside_every_measured_figure(report: Report) -> None:
    shown = tables_of_markdown(render_markdown(report))
    tables = [table for table in shown if "Latency, ms: p50" in table[0]]

    assert len(tables) == 3
    for heading, *rows in tables:
        for row in rows:
            figures = dict(zip(heading, row, strict=True))
            for name in set(heading) - {"Rung", "Precision", "State"}:
                assert figures[name].endswith(" (host)") or figures[name] == MISSING


def test_the_kind_is_in_the_heading_where_no_cell_says_it(report: Report) -> None:
    headings = [table[0] for table in tables_of_markdown(render_markdown(report))]

    assert sum("Parity: SQNR dB (host)" in heading for heading in headings) == 3


def test_a_stand_in_is_in_plain_sight() -> None:
    text = render_markdown(phone_report())

    assert f"**{STAND_IN_NOTE}**" in text
    assert "### android-arm64-onnx on edgekd stand-in (device, STAND-IN)" in text
    shown = [
        table
        for table in tables_of_markdown(text)
        if any("android-arm64-onnx:" in heading for heading in table[0])
    ]
    assert shown
    for _, *rows in shown:
        assert all("STAND-IN" in cell for row in rows for cell in row[1:])


def test_an_empty_report_still_reads() -> None:
    empty = Report(recipe="bench", seeds=[], environment={}, rungs=[], measurements=[])

    text = render_markdown(empty)

    assert text.startswith("# edgekd: bench\n")
    assert "No verdict" in text
