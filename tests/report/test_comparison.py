"""A comparison in words: units, signs, and strings from elsewhere."""

from __future__ import annotations

from edgekd.records.comparison import ComparedFigure, Comparison
from edgekd.report.comparison import (
    HEADINGS,
    cell_text,
    figure_rows,
    reason_lines,
    regression_line,
)


def lost_point(**changes: object) -> ComparedFigure:
    figure = ComparedFigure(
        rung="distilled-int8",
        target="phone",
        kind="emulated",
        figure="accuracy",
        before=0.96,
        after=0.95,
        before_ci95=(0.95, 0.97),
        after_ci95=(0.94, 0.96),
        change=-0.01,
        interval=(-0.014, -0.006),
        p_value=1e-6,
        verdict="worse",
        covers="samples, paired",
    )
    return figure.model_copy(update=changes)


def compared(*figures: ComparedFigure) -> Comparison:
    return Comparison(
        baseline="a",
        candidate="b",
        family_confidence=0.95,
        confidence=0.99,
        judged=len(figures),
        figures=list(figures),
        passed=False,
    )


def test_a_regression_is_one_line_with_its_interval() -> None:
    assert regression_line(lost_point()) == (
        "accuracy of distilled-int8 on phone (emulated): 96.00% to 95.00%, −1.00 points"
        " (−1.40 to −0.60; samples, paired)"
    )
    instructions = lost_point(
        figure="instructions", before=700_000, after=707_000, change=0.01, interval=(0.01, 0.01)
    )
    assert "700,000 to 707,000, +1.00% (+1.00 to +1.00;" in regression_line(instructions)


def test_rows_hold_both_sides_and_the_verdict() -> None:
    torch = lost_point(target=None, kind=None, interval=None, verdict="not judged")
    rows = figure_rows(compared(lost_point(), torch))
    assert all(len(row) == len(HEADINGS) for row in rows)
    assert rows[0][1:5] == [
        "phone (emulated)",
        "accuracy",
        "96.00% [95.00%, 97.00%]",
        "95.00% [94.00%, 96.00%]",
    ]
    assert rows[1][1] == "torch"
    assert rows[1][-2:] == ["–", "not judged"]


def test_units_follow_the_figure() -> None:
    sizes = lost_point(figure="flash_bytes", before=1e6, after=2e6, before_ci95=None)
    times = lost_point(figure="p50", before=0.5, after=0.25, before_ci95=None)
    assert figure_rows(compared(sizes))[0][2:4] == ["flash", "1,000,000 B"]
    assert figure_rows(compared(times))[0][2:4] == ["median latency", "0.500 ms"]


def test_one_line_for_each_reason() -> None:
    invalid = lost_point(verdict="not judged", reason="other load")
    shown = lost_point(figure="p90", verdict="not judged", reason="shown only")
    assert reason_lines(compared(invalid, shown, invalid)) == [
        "accuracy of distilled-int8 on phone and 1 more: other load",
        "p90 of distilled-int8 on phone: shown only",
    ]


def test_control_characters_never_reach_a_terminal() -> None:
    assert "\x1b" not in cell_text("a\x1b[2J", "b\u202e")
    assert "\x1b" not in regression_line(lost_point(rung="a\x1b[2J"))
