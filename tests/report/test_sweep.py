"""sweep.md and sweep.html: every setting is there, and drawn only as what it is."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from edgekd.records import Sweep
from edgekd.report.search import heatmap
from edgekd.report.search.dots import key_chart, key_panels
from edgekd.report.search.settings import surface_of
from edgekd.report.search.sweep_tables import cost_ratio
from edgekd.report.sweep import render_sweep_html, render_sweep_markdown
from edgekd.report.units import MISSING, clean

from .browsing import BAD_TEXT, CHROMIUM, SCROLLS_SIDEWAYS, SIZES, SMALLEST_TEXT, Visit
from .hostile import MARKUP, hostile_sweep, hostile_text
from .reading import ATTRIBUTES, HTML, MARKDOWN, SVG, Page, cells, kinds_of_markdown, parse_markdown
from .search_samples import (
    ALPHA,
    RATES,
    STOPPED,
    TEMPERATURE,
    grid_sweep,
    searched,
    single_sweep,
)

_SWEEPS = {"grid": grid_sweep, "single": single_sweep, "search": searched}
_SVG_NAME = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=list(_SWEEPS))
def sweep(request: pytest.FixtureRequest) -> Sweep:
    """A full grid, a single key, a search."""
    return _SWEEPS[request.param]()


def _texts(svg: str, tag: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(_SVG_NAME + tag)]


def _percent(value: float) -> str:
    return f"{value * 100:.2f}%"


def _setting(rows: list[list[str]], *values: str) -> list[str]:
    """The one row of the table of settings that has these values after its rank."""
    [found] = [row for row in rows if row[1 : 1 + len(values)] == list(values) and len(row) > 9]
    return found


def test_every_figure_is_in_the_table(sweep: Sweep) -> None:
    rows = cells(render_sweep_markdown(sweep))
    found = {cell for row in rows for cell in row}

    for accuracy in (sweep.teacher, sweep.control, *(point.accuracy for point in sweep.points)):
        if accuracy:
            low, high = accuracy.ci95
            assert _percent(accuracy.value) in found
            assert f"{low * 100:.2f} to {high * 100:.2f}%" in found
            assert ", ".join(f"{seed * 100:.2f}" for seed in accuracy.per_seed) in found
    for point in sweep.points:
        assert ", ".join(f"{seed * 100:.2f}" for seed in point.validation) in found
    table = next(i for i, row in enumerate(rows) if row[0] == "Rank")
    states = [row[-1] for row in rows[table + 1 : table + 3 + len(sweep.points)]]
    assert states[:3] == ["reference", "reference", "best"]
    for state in ("trial", "stopped"):
        assert states.count(state) == sum(point.state == state for point in sweep.points)


def test_the_page_says_what_the_markdown_says(sweep: Sweep) -> None:
    page = render_sweep_html(sweep)

    parsed = Page(page)
    assert parsed.tags <= HTML | SVG
    assert parsed.headings[0] == (1, "mnist")
    assert (2, sweep.why) in parsed.headings
    for row in cells(render_sweep_markdown(sweep)):
        # Markdown names the groups of columns, and the corner of the surface, in its own way.
        said = [part for cell in row[:-1] for part in re.split(": | by ", cell)]
        assert all(part.removesuffix(" (best)") in page for part in said)
    assert len(page.encode()) < 1_000_000


def test_one_row_in_full() -> None:
    row = _setting(cells(render_sweep_markdown(grid_sweep())), "4", "0.1")

    assert row == [
        *("2", "4", "0.1", "0.03", "96.75%", "96.75, 96.65, 96.85"),
        *("96.55%", "95.45 to 97.65%", "96.25, 96.55, 96.85", "finished"),
    ]


def test_what_was_not_tested_has_no_test_figure() -> None:
    stopped = grid_sweep().points[STOPPED]
    row = _setting(cells(render_sweep_markdown(grid_sweep())), "8", "0.9")

    assert row[0] == MISSING
    assert row[4] == _percent(stopped.validation[0])
    assert row[6:] == [MISSING, MISSING, MISSING, "stopped"]


def test_the_verdict_is_marked_good_only_beyond_the_noise() -> None:
    assert 'class="verdict good"' not in render_sweep_html(single_sweep())
    lead = single_sweep().lead
    assert lead
    won = single_sweep().model_copy(update={"lead": lead.model_copy(update={"beyond_noise": True})})
    assert 'class="verdict good"' in render_sweep_html(won)


def test_the_cost_is_the_teacher_s_share() -> None:
    sweep = grid_sweep().model_copy(update={"teacher_seconds": 50.0, "student_seconds": 1000.0})

    assert cost_ratio(sweep) == 1.05
    ratio = "1.05\N{MULTIPLICATION SIGN}"
    said = f"Cost against the students alone: {ratio} (teacher 50.0 s once, students 1,000 s)"
    assert said in render_sweep_markdown(sweep)


def test_no_control_in_common_is_said() -> None:
    text = render_sweep_markdown(grid_sweep().model_copy(update={"control": None}))

    assert "Control: none that all settings have in common." in text
    assert ["Control"] not in [row[:1] for row in cells(text)]


def test_the_heat_map_has_one_cell_for_each_setting() -> None:
    sweep = grid_sweep()
    surface = surface_of(sweep)
    assert surface
    chart = heatmap.heat_map(sweep, surface)

    for svg in (chart.wide, chart.narrow):
        texts = _texts(svg, "text")
        finished = [point.accuracy for point in sweep.points if point.accuracy]
        shown = sorted(f"{accuracy.value * 100:.2f}" for accuracy in finished)
        assert sorted(text for text in texts if re.fullmatch(r"\d\d\.\d\d", text)) == shown
        assert [texts.count(word) for word in ("stopped", "best", "second")] == [1, 1, 1]
        assert {TEMPERATURE, ALPHA} <= set(texts)
        tips = _texts(svg, "title")[1:]
        assert len(tips) == len(sweep.points)
        assert f"{TEMPERATURE} 8, {ALPHA} 0.9: stopped" in tips
        assert f"{TEMPERATURE} 4, {ALPHA} 0.5: 96.95%, 95.85 to 98.05% (best)" in tips


@pytest.mark.parametrize(
    "change",
    [
        {"points": grid_sweep().points[:-1]},
        {"points": [*grid_sweep().points, grid_sweep().points[0]]},
        {"over": {TEMPERATURE: "1..8:log", ALPHA: [0, 0.1, 0.5, 0.9]}},
        {"over": {**grid_sweep().over, "seeds": [1]}},
    ],
    ids=["a hole", "a point twice", "a range", "three keys"],
)
def test_what_is_no_full_grid_is_drawn_key_by_key(change: dict[str, object]) -> None:
    sweep = grid_sweep().model_copy(update=change)

    assert surface_of(sweep) is None
    page = render_sweep_html(sweep)
    assert '<h2 id="keys">' in page
    assert "The surface" not in page


def test_one_key_has_intervals_and_the_reference_lines() -> None:
    sweep = single_sweep()
    chart = key_chart(sweep)

    for svg in (chart.wide, chart.narrow):
        tips = _texts(svg, "title")[1:]
        assert len(tips) == 4
        assert f"{TEMPERATURE} 4: 96.20%, 95.10 to 97.30% (best)" in tips
        assert {"1", "2", "4", "8", "top-1 on test data"} <= set(_texts(svg, "text"))
        # The teacher's line and the control's: each in a colour of its own.
        assert {"var(--series-0)", "var(--series-1)"} <= set(re.findall(r"var\(--[\w-]+\)", svg))
    page = render_sweep_html(sweep)
    assert "Teacher: 98.90%, 97.80 to 100.00%" in page
    assert "Control: 92.80%, 91.70 to 93.90%" in page


def test_trials_are_drawn_on_validation_data_and_stopped_ones_are_not() -> None:
    sweep = searched()
    drawn = [point for point in sweep.points if point.state != "stopped"]
    panels = key_panels(sweep)

    assert [panel.key for panel in panels] == [RATES, ALPHA, "distill.signal"]
    for panel in panels:
        tips = _texts(panel.chart, "title")[1:]
        assert len(tips) == len(drawn) < len(sweep.points)
        assert sum("(one seed)" in tip for tip in tips) == len(drawn) - 2
        # Known on test data only: they have no place among validation figures.
        assert "var(--series-0)" not in panel.chart
    assert "top-1 on validation data" in _texts(panels[0].chart, "text")
    assert "null" in _texts(panels[2].chart, "text")


def test_nothing_finished_still_renders() -> None:
    none = grid_sweep().model_copy(
        update={"points": [], "best": None, "lead": None, "why": "no setting finished"}
    )

    assert "no setting finished" in render_sweep_markdown(none)
    assert "svg" not in Page(render_sweep_html(none)).tags


def test_equal_accuracies_still_make_a_surface() -> None:
    sweep = grid_sweep()
    same = [
        point.model_copy(update={"accuracy": sweep.teacher, "state": "finished"})
        for point in sweep.points
    ]

    assert "98.90" in render_sweep_html(sweep.model_copy(update={"points": same}))


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=14, unique=True), st.booleans())
@settings(max_examples=15, deadline=None)
def test_any_numbers_can_be_drawn(values: list[float], search: bool) -> None:
    point = single_sweep().points[0]
    points = [point.model_copy(update={"values": {"key": value}}) for value in values]
    over = {"key": "1e-06..1e+06:log" if search else values}
    sweep = single_sweep().model_copy(update={"over": over, "points": points, "best": 0})

    assert len(_texts(key_chart(sweep).narrow, "title")) == 1 + len(values)


@settings(max_examples=12, deadline=None)
@given(hostile_text, hostile_text, st.integers(1, 3))
def test_no_string_becomes_markup(text: str, other: str, keys: int) -> None:
    sweep = hostile_sweep(text, other, keys=keys)
    rendered = render_sweep_html(sweep)

    rendered.encode()
    page = Page(rendered)
    assert page.tags <= HTML | SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    assert all(value.startswith("#") for key, value in page.attributes if key == "href")
    assert page.headings[0] == (1, clean(text))
    assert rendered.count("</style>") == rendered.count("</html>") == 1
    assert kinds_of_markdown(parse_markdown(render_sweep_markdown(sweep))) <= MARKDOWN


def test_the_network_is_forbidden(sweep: Sweep) -> None:
    page = render_sweep_html(sweep)

    assert "default-src 'none'" in page
    assert set(re.findall(r"\w+://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_ids_are_unique_and_colours_the_page_s_own(sweep: Sweep) -> None:
    page = render_sweep_html(sweep)

    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)
    svg = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg))
    assert all(colour == "none" or colour.startswith("var(--") for colour in colours)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_figures_are_legible_on_every_cell(scheme: int) -> None:
    """4.5 to 1 (WCAG 2.2, 1.4.3) for ink on the strongest colour over the card."""
    style = (files("edgekd.report") / "templates" / "style.css").read_text()
    block = re.findall(r":root \{([^}]+)\}", style)[scheme]
    hexes = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6})", block))
    colours = {name: [int(h[i : i + 2], 16) / 255 for i in (0, 2, 4)] for name, h in hexes.items()}
    share = heatmap.STRONGEST
    pairs = zip(colours[heatmap.COLOUR], colours["card"], strict=True)
    cell = [share * over + (1 - share) * under for over, under in pairs]

    low, high = sorted(map(_luminance, (cell, colours["ink"])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def _luminance(channels: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("kind", [*_SWEEPS, "hostile"])
def test_a_browser_shows_it_whole(browser: Browser, tmp_path: Path, size: str, kind: str) -> None:
    hostile = hostile_sweep(" ".join(MARKUP), MARKUP[-2], keys=2)
    found = _SWEEPS[kind]() if kind in _SWEEPS else hostile
    path = tmp_path / "sweep.html"
    path.write_text(render_sweep_html(found), encoding="utf-8")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})

    visit = Visit(page, path)

    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    charts = page.get_by_role("img").all()
    assert len(charts) == (3 if kind == "search" else 1)
    assert page.evaluate(BAD_TEXT) == []
    assert page.evaluate(SMALLEST_TEXT) >= 9
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    page.close()
