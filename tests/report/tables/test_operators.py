"""Operators of a file: their number, their share, and what is left undelegated."""

from __future__ import annotations

from edgekd.records import Measurement, Preflight, Report
from edgekd.report.html import render_html
from edgekd.report.markdown import render_markdown
from edgekd.report.summary import target_sections
from edgekd.report.tables.operators import operators_of
from tests.report.phone_sample import phone_report


def _with(found: Measurement, preflight: Preflight | None) -> Measurement:
    return found.model_copy(update={"preflight": preflight})


def test_files_with_the_same_operators_stand_together(report: Report) -> None:
    for section in target_sections(report):
        shown = operators_of(section)
        rungs = [rung for each in shown for rung in each.rungs]
        assert sorted(rungs) == sorted(found.rung for found in section.measurements)
        assert len({str(each.table.rows) + each.line for each in shown}) == len(shown)
    # ONNX keeps what it dequantizes in the graph.
    assert [len(operators_of(section)) for section in target_sections(report)] == [1, 1, 2]


def test_operators_come_by_share_and_say_what_is_undelegated(report: Report) -> None:
    preflight = Preflight(
        operators={"ADD": 1, "CONV_2D": 5, "SOFTMAX": 2},
        delegated=6,
        undelegated={"SOFTMAX": 2, "Reorder": 1},
    )
    measurements = [_with(report.measurements[0], preflight)]
    (section, *_) = target_sections(report.model_copy(update={"measurements": measurements}))

    (operators,) = operators_of(section)

    assert operators.line == "6 of 9 delegated"
    assert [row.cells for row in operators.table.rows] == [
        ["CONV_2D", "5", "0", "62.5%"],
        ["SOFTMAX", "2", "2", "25.0%"],
        ["ADD", "1", "0", "12.5%"],
        ["Reorder", "\N{EN DASH}", "1", "\N{EN DASH}"],
    ]


def test_what_the_runtime_said_stands_beside_what_the_file_says() -> None:
    report = phone_report()
    sections = [one for one in target_sections(report) if one.made and "emulated" in one.made]
    assert sections
    for section in sections:
        for operators in operators_of(section):
            assert operators.ran == [
                "ran on XNNPACK: 5 CONV_2D",
                "ran on LiteRT's own kernels: 1 SOFTMAX",
            ]
    assert "ran on XNNPACK: 5 CONV_2D" in render_html(report)
    assert "- ran on XNNPACK: 5 CONV\\_2D" in render_markdown(report)


def test_a_file_that_nobody_looked_into_has_none(report: Report) -> None:
    measurements = [
        _with(report.measurements[0], None),
        _with(report.measurements[1], Preflight(operators={}, delegated=0)),
    ]
    (section, *_) = target_sections(report.model_copy(update={"measurements": measurements}))

    assert operators_of(section) == []
