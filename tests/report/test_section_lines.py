"""Estimates never stand without what they assume, nor beside what was emulated."""

from __future__ import annotations

import pytest

from edgekd.records import Measurement, Report
from edgekd.report.markdown import render_markdown
from edgekd.report.origin import Origin
from edgekd.report.section_lines import model_lines, samples_line
from edgekd.report.summary import TargetSection, target_sections
from edgekd.report.tables.grounds import artifacts_table
from edgekd.report.tables.ladder import targets_tables
from edgekd.report.tables.target import correctness_table, performance_table

from .firmware_sample import INT8, NO_WAIT_STATES, NOT_RUN_REASON, QAT, TIMING_TABLE
from .firmware_sample import firmware_report as build


@pytest.fixture(scope="module")
def boards() -> Report:
    """Host, Cortex-M4, its variant, NPU, not run."""
    return build()


def _section(report: Report, target: str, kind: str) -> TargetSection:
    return next(s for s in target_sections(report) if (s.target, s.kind) == (target, kind))


def _row(section: TargetSection) -> dict[str, str]:
    table = performance_table(section)
    headings = [f"{column.group}: {column.heading}" for column in table.columns]
    return dict(zip(headings, table.rows[0].cells, strict=True))


def test_an_emulated_and_an_estimated_section_share_no_figure(boards: Report) -> None:
    emulated = _row(_section(boards, "cortex-m4", "emulated"))
    estimate = _row(_section(boards, "cortex-m4", "estimate"))

    assert emulated["Work: Instructions"] == "579,679"
    assert emulated["Memory: RAM"] == "12.6 KiB"
    assert (emulated["Flash: All"], emulated["Flash: Model"], emulated["Flash: Other"]) == (
        *("37.1 KiB", "30.6 KiB"),
        "6.50 KiB",
    )
    assert not {"Work: Cycles", "Work: Time, ms", "Memory: Added", "File: Size"} & set(emulated)
    assert list(estimate) == [
        *(": Rung", ": Precision", "Work: Cycles"),
        *("Work: Time, ms", "Work: at MHz"),
    ]
    assert estimate["Work: at MHz"] == "80"
    assert estimate["Work: Time, ms"] == "10.9"


def test_an_npu_has_cycles_memory_and_flash(boards: Report) -> None:
    row = _row(_section(boards, "ethos-u55-128", "estimate"))

    assert row["Work: Cycles"] == "89,708"
    assert row["Memory: RAM"] == "21.7 KiB"
    assert row["Flash: All"] == "34.9 KiB"
    assert "Work: Time, ms" not in row


def test_assumptions_are_said_once_and_name_the_rung_where_they_differ(boards: Report) -> None:
    lines = model_lines(_section(boards, "cortex-m4", "estimate"))

    assert lines[:2] == [f"model: {TIMING_TABLE}", NO_WAIT_STATES]
    assert len(lines) == 4 - 1
    assert model_lines(_section(boards, "cortex-m4", "emulated")) == []


def test_a_line_about_one_rung_names_it(boards: Report) -> None:
    section = _section(boards, "cortex-m4", "estimate")
    first = section.measurements[0].model_copy(update={"assumptions": ["odd", NO_WAIT_STATES]})
    changed = TargetSection("cortex-m4", Origin("estimate"), [first, section.measurements[1]], [])

    assert model_lines(changed)[1:3] == [NO_WAIT_STATES, f"odd ({INT8})"]


def test_assumptions_stand_in_the_text(boards: Report) -> None:
    text = render_markdown(boards)
    section = text[text.index("### cortex-m4 (estimate)") : text.index("### cortex-m4-speed")]

    assert "These figures rest on:" in section
    assert NO_WAIT_STATES in section
    assert "Latency over" not in section


def test_a_missing_teacher_is_said_in_one_line(boards: Report, report: Report) -> None:
    for section in target_sections(boards):
        alone = section.target in ("cortex-m4", "cortex-m4-speed", "ethos-u55-128")
        assert ("teacher does not run" in samples_line(section)) == alone
    assert not any("teacher" in samples_line(section) for section in target_sections(report))


def test_what_was_not_run_is_neither_valid_nor_an_error(boards: Report) -> None:
    section = _section(boards, "executorch-ethos-u55", "estimate")
    (row,) = performance_table(section).rows

    assert (row.state, row.tone, row.note) == ("not run", "plain", NOT_RUN_REASON)
    assert row.cells == [INT8, "int8", "12.1 KiB"]
    assert "Exported and not run" in samples_line(section)
    assert model_lines(section) == []
    assert correctness_table(section).rows == []


def test_the_tables_of_all_targets_keep_kinds_apart(boards: Report) -> None:
    tables = {table.made: table for table in targets_tables(boards)}
    headings = {
        (made, run[0].group): [column.heading for column in run]
        for made, table in tables.items()
        for run in table.heading_groups()
    }
    rows = {made: {row.cells[0]: row.cells for row in table.rows} for made, table in tables.items()}

    assert headings["host", "host-litert"] == [
        *("Accuracy", "p50 ms", "Speed-up"),
        *("Added memory", "File"),
    ]
    assert headings["emulated", "cortex-m4"] == ["Accuracy", "Instructions", "RAM", "Flash"]
    assert headings["estimate", "cortex-m4"] == ["Cycles", "Estimated ms"]
    assert headings["estimate", "ethos-u55-128"] == ["Cycles", "RAM", "Flash", "File"]
    assert headings["estimate", "executorch-ethos-u55"] == ["File"]
    # Sizes stay what they are where the run is invalid.
    assert rows["emulated"][QAT][1:5] == ["97.00%", "invalid", "12.6 KiB", "37.1 KiB"]
    assert rows["estimate"][QAT][1:3] == ["invalid", "invalid"]
    for table in tables.values():
        assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_a_file_is_listed_once(boards: Report) -> None:
    rows = [tuple(row.cells) for row in artifacts_table(boards).rows]

    assert len(rows) == len(set(rows)) == 7 + 3 + 2


def test_notes_of_passes_are_not_repeated_below_the_preflight(boards: Report) -> None:
    section = _section(boards, "cortex-m4", "emulated")
    measured: Measurement = section.measurements[0]
    assert measured.library
    preflight = {
        "operators": {"CONV_2D": 1},
        "delegated": 1,
        "notes": [*measured.library.passes, "other"],
    }
    noted = Measurement.model_validate({**measured.model_dump(), "preflight": preflight})

    table = correctness_table(TargetSection("cortex-m4", Origin("emulated"), [noted], []))

    assert table.notes == [f"other ({INT8})"]
