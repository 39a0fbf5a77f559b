"""Latency over time: every course can be drawn, and an invalid one looks invalid."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.report.charts.latency import latency_panel

from ..hostile import hostile_text
from ..phone_sample import course
from ..reading import ATTRIBUTES, SVG, Page

INT8 = "distilled-int8"


def test_the_line_holds_what_the_axis_does_not() -> None:
    samples = course(INT8, throttled=False)

    panel = latency_panel(samples, INT8, "series-2", "panel", valid=True)

    assert panel.line == "1,000 inferences, median 0.320 ms, slowest 1.04 ms; 14 above the axis"
    assert panel.line in panel.chart


def test_an_invalid_course_is_hollow_and_says_so() -> None:
    samples = course(INT8, throttled=True)

    valid = latency_panel(samples, INT8, "series-2", "panel", valid=True).chart
    invalid = latency_panel(samples, INT8, "series-2", "panel", valid=False).chart

    assert "invalid; 1,000 inferences" in invalid
    assert "invalid" not in valid
    # A filled band and a filled histogram against edges alone.
    assert _filled(valid) > _filled(invalid)
    assert invalid.count("stroke-dasharray") > valid.count("stroke-dasharray")


def _filled(svg: str) -> int:
    """Areas in the colour of the rung; markers are defined once and used."""
    return len(re.findall(r'<path d="[^"]{200,}" [^>]*style="fill: var\(--series-2\)', svg))


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 500])
@pytest.mark.parametrize("valid", [True, False])
def test_any_number_of_samples_can_be_drawn(count: int, valid: bool) -> None:
    panel = latency_panel(np.full(count, 0.5), "same", "series-0", "panel", valid=valid)

    assert panel.line.startswith(f"{count} inferences, median 0.500 ms")
    assert "above the axis" not in panel.line


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=40),
    hostile_text,
)
def test_no_course_and_no_title_becomes_markup(values: list[float], title: str) -> None:
    panel = latency_panel(np.array(values), title, "series-1", "panel", valid=True)

    page = Page(panel.chart)
    assert page.tags <= SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES


def test_a_long_course_makes_no_large_chart() -> None:
    samples = np.random.default_rng(0).gamma(2, 1.0, 200_000)

    assert len(latency_panel(samples, "long", "series-2", "panel", valid=True).chart) < 40_000
