"""fit.md and fit.html: what was chosen, what was refused and by how much."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from playwright.sync_api import Browser

from edgekd.records import Fit
from edgekd.report.fit import render_fit_html, render_fit_markdown
from edgekd.report.search.fit_chart import fit_chart
from edgekd.report.search.fit_tables import fitting_table, refused_table
from edgekd.report.units import MISSING, clean

from .browsing import BAD_TEXT, CHROMIUM, SCROLLS_SIDEWAYS, SIZES, SMALLEST_TEXT, Visit
from .hostile import MARKUP, hostile_fit, hostile_text
from .reading import ATTRIBUTES, HTML, MARKDOWN, SVG, Page, cells, kinds_of_markdown, parse_markdown
from .search_samples import fitted, unfitted

_FITS = {"fitted": fitted, "unfitted": unfitted}
_SVG_NAME = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=list(_FITS))
def fit(request: pytest.FixtureRequest) -> Fit:
    """One that found a student, and one that did not."""
    return _FITS[request.param]()


def _texts(svg: str, tag: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(_SVG_NAME + tag)]


def test_every_candidate_is_in_a_table(fit: Fit) -> None:
    rows = cells(render_fit_markdown(fit))

    for one in fit.candidates:
        expected = [f"{one.parameters:,}", f"{one.macs:,}"]
        found = [row for row in rows if all(cell in row for cell in expected)]
        assert found, one
        if one.accuracy and one.validation is not None:
            texts = {cell for row in found for cell in row}
            assert f"{one.validation * 100:.2f}%" in texts
            assert f"{one.accuracy.value * 100:.2f}%" in texts


def test_the_page_says_what_the_markdown_says(fit: Fit) -> None:
    page = render_fit_html(fit)

    parsed = Page(page)
    assert parsed.tags <= HTML | SVG
    assert parsed.headings[:2] == [(1, "mnist"), (2, fit.why)]
    for row in cells(render_fit_markdown(fit)):
        assert all(part in page for cell in row[:-1] for part in cell.split(": "))


def test_the_chosen_stands_first_then_the_trained_then_the_others() -> None:
    table = fitting_table(fitted())

    assert [row.state for row in table.rows] == ["chosen", "", "", "", "not trained"]
    assert [row.cells[0] for row in table.rows] == ["1", "2", "3", "4", "5"]
    assert table.rows[1].cells[1:9] == [
        *("24", "2", "25%", "int8", "95.90%", "\N{MINUS SIGN}0.10", "95.70%", "94.60 to 96.80%"),
    ]


def test_the_refused_say_which_budget_and_by_how_much() -> None:
    table = refused_table(fitted())

    # The nearest first: 27.0 of 16.0 KiB before 432 of 16.0 KiB.
    cross = "\N{MULTIPLICATION SIGN}"
    assert [row.cells[5:7] for row in table.rows] == [
        [f"11.0 KiB (1.69{cross} the budget)", MISSING],
        [f"416 KiB (27.0{cross} the budget)", f"132 KiB (3.06{cross} the budget)"],
    ]
    assert [row.note for row in table.rows] == ["", ""]


def test_a_reason_that_no_budget_explains_is_kept() -> None:
    one = (
        fitted()
        .candidates[1]
        .model_copy(
            update={"refused": ["its layer is too wide"], "validation": None, "accuracy": None}
        )
    )
    only = fitted().model_copy(update={"candidates": [one], "chosen": None})

    assert refused_table(only).rows[0].note == "its layer is too wide"
    assert "its layer is too wide" in render_fit_html(only)


def test_flash_and_ram_are_said_to_be_estimates(fit: Fit) -> None:
    for text in (render_fit_markdown(fit), render_fit_html(fit)):
        assert "Flash and RAM are estimates" in text
        assert "and nothing of a runtime" in text
        assert "An estimate is not a measurement" in text


def test_the_binding_constraint_is_named() -> None:
    text = render_fit_markdown(unfitted())

    assert "Answer: **flash is what nothing fits into" in text
    assert "- In the way: flash (the constraint that no candidate meets)" in text
    page = render_fit_html(unfitted())
    assert 'class="verdict open"' in page
    assert "svg" not in Page(page).tags
    assert 'class="verdict good"' in render_fit_html(fitted())


def test_the_chart_has_each_trained_candidate_and_the_budget() -> None:
    chart = fit_chart(fitted())
    assert chart

    for svg in (chart.wide, chart.narrow):
        texts = _texts(svg, "text")
        assert {"at most 16.0 KiB", "≥ 96%", "top-1 on validation data"} <= set(texts)
        assert {"1", "2", "3", "4"} <= set(texts)
        tips = _texts(svg, "title")[1:]
        assert len(tips) == 4
        assert "97.00% at 15.2 KiB: student.channels 24, student.depth 2, int8 (chosen)" in tips


@pytest.mark.parametrize("budget", [{}, {"accuracy": 0.9}, {"ram_bytes": 1e6}])
def test_any_part_of_the_budget_may_be_open(budget: dict[str, float]) -> None:
    fit = fitted().model_copy(update={"budget": budget})

    chart = fit_chart(fit)
    assert chart
    assert ("≥ 90%" in _texts(chart.wide, "text")) == ("accuracy" in budget)
    assert "no limit" in render_fit_markdown(fit)
    assert "no limit" in render_fit_html(fit)


@settings(max_examples=12, deadline=None)
@given(hostile_text, hostile_text)
def test_no_string_becomes_markup(text: str, other: str) -> None:
    fit = hostile_fit(text, other)
    rendered = render_fit_html(fit)

    rendered.encode()
    page = Page(rendered)
    assert page.tags <= HTML | SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    assert page.headings[0] == (1, clean(text))
    assert rendered.count("</style>") == rendered.count("</html>") == 1
    assert kinds_of_markdown(parse_markdown(render_fit_markdown(fit))) <= MARKDOWN


def test_the_network_is_forbidden(fit: Fit) -> None:
    page = render_fit_html(fit)

    assert "default-src 'none'" in page
    assert set(re.findall(r"\w+://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("kind", [*_FITS, "hostile"])
def test_a_browser_shows_it_whole(browser: Browser, tmp_path: Path, size: str, kind: str) -> None:
    hostile = hostile_fit(" ".join(MARKUP), MARKUP[-2])
    path = tmp_path / "fit.html"
    found = _FITS[kind]() if kind in _FITS else hostile
    path.write_text(render_fit_html(found), encoding="utf-8")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})

    visit = Visit(page, path)

    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    assert len(page.get_by_role("img").all()) == (0 if kind == "unfitted" else 1)
    assert page.evaluate(BAD_TEXT) == []
    if kind != "unfitted":
        assert page.evaluate(SMALLEST_TEXT) >= 9
    page.close()
