"""Charts are small, alike on every run, unique in their ids, and drawn in the page's colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.records import Report
from edgekd.report.charts.ladder import ladder_chart, waterfall_charts
from edgekd.report.charts.scatter import log_ticks, plane_chart
from edgekd.report.losses import waterfalls
from edgekd.report.origin import Origin
from edgekd.report.planes import PLANES, front_order, plane_points

LATENCY = PLANES[0]
SVG = "{http://www.w3.org/2000/svg}"


def _all(report: Report) -> list[str]:
    ladder = ladder_chart(report)
    plane = plane_chart(
        report, plane_points(report, Origin("host"), LATENCY), LATENCY, "latency-host"
    )
    falls = waterfall_charts(waterfalls(report)[:4])
    return [ladder.wide, ladder.narrow, plane.wide, plane.narrow, *falls]


@pytest.fixture(scope="module")
def drawn(report: Report) -> list[str]:
    """One of each kind of chart."""
    return _all(report)


def test_the_same_report_gives_the_same_charts(report: Report, drawn: list[str]) -> None:
    assert _all(report) == drawn


def test_colours_are_the_page_s_own(drawn: list[str]) -> None:
    for svg in drawn:
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg))
        assert colours <= {"none"} | {c for c in colours if c.startswith("var(--")}


def test_nothing_is_fetched_and_nothing_runs(drawn: list[str]) -> None:
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert not {element.tag for element in root.iter()} & {
            f"{SVG}{tag}" for tag in ("script", "style", "image", "foreignObject", "metadata", "a")
        }
        for element in root.iter():
            assert not [key for key in element.attrib if key.startswith("on")]
            assert element.get("href", "#").startswith("#")


def test_ids_are_unique_in_the_page_and_referred_to(drawn: list[str]) -> None:
    ids = [found for svg in drawn for found in re.findall(r'\bid="([^"]+)"', svg)]
    references = re.findall(r'(?:href="|url\()#([^")]+)', "".join(drawn))

    assert len(ids) == len(set(ids))
    assert set(references) <= set(ids)


def test_each_chart_is_named_and_described(drawn: list[str]) -> None:
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert title is not None
        assert title.text
        assert description is not None
        assert description.text
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_every_point_says_what_it_is(report: Report, drawn: list[str]) -> None:
    points = plane_points(report, Origin("host"), LATENCY)
    root = ElementTree.fromstring(drawn[2])
    titles = [title.text for title in root.iter(f"{SVG}title")][1:]

    assert len(titles) == len(points) == 20
    assert "96.70% at 0.00744 ms: distilled-int8 on host-litert" in titles
    assert sum("(invalid)" in str(title) for title in titles) == 1


def test_the_front_is_numbered(report: Report, drawn: list[str]) -> None:
    front = front_order(plane_points(report, Origin("host"), LATENCY))
    for svg in drawn[2:4]:
        texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
        assert [text for text in texts if text in {"1", "2", "3", "4", "5"}][-len(front) :] == [
            str(number) for number in range(1, len(front) + 1)
        ]


def test_panels_share_one_axis(report: Report) -> None:
    panels = waterfall_charts(waterfalls(report))
    ticks = {
        tuple(re.findall(r">([\d.]+%)</text>", svg.split("Teacher</text>")[0])) for svg in panels
    }

    assert len(panels) == 14
    assert len(ticks) == 1


@given(st.floats(1e-4, 1e9), st.floats(1.5, 1e8), st.sampled_from([2.0, 10.0]), st.integers(2, 9))
def test_ticks_lie_inside_and_are_few(low: float, span: float, base: float, most: int) -> None:
    ticks = log_ticks(low, low * span, base, most)

    assert len(ticks) <= most
    assert ticks == sorted(ticks)
    assert all(low * 0.999 <= tick <= low * span * 1.001 for tick in ticks)
