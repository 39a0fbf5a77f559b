"""The page in a real browser: desktop and phone, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize

from edgekd.records import Report
from edgekd.report.html import render_html

from .browsing import (
    BAD_TEXT,
    CHROMIUM,
    SCROLLS_SIDEWAYS,
    SIZES,
    SMALLEST_TEXT,
    Visit,
    open_details,
)
from .firmware_sample import firmware_report
from .hostile import MARKUP, hostile_report
from .language_sample import language_report
from .phone_sample import phone_report, write_samples

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)


def check_page(visit: Visit, path: Path) -> None:
    """It asked for nothing but itself, complained of nothing, fits, and its charts are legible."""
    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []
    assert not visit.page.evaluate(SCROLLS_SIDEWAYS)
    assert visit.page.evaluate(BAD_TEXT) == []
    assert visit.page.evaluate(SMALLEST_TEXT) >= 9


@pytest.fixture(scope="module")
def stored(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample page as a file."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """What the reader prefers."""
    return str(request.param)


@pytest.fixture(params=list(SIZES))
def visit(
    browser: Browser, stored: Path, scheme: str, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """The sample page, opened at one size in one colour scheme."""
    width, height = SIZES[request.param]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    yield Visit(page, stored)
    page.close()


def test_the_page_asks_for_nothing_and_complains_about_nothing(visit: Visit, stored: Path) -> None:
    assert visit.requests == [stored.as_uri()]
    assert visit.complaints == []


def test_the_page_never_scrolls_sideways(visit: Visit) -> None:
    open_details(visit.page)

    assert visit.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_verdict_headings_and_tables_are_seen(visit: Visit, report: Report) -> None:
    open_details(visit.page)

    assert visit.page.get_by_role("heading", name="Distillation was worth it").is_visible()
    headings = visit.page.locator("h1, h2, h3").all()
    assert len(headings) > 12
    assert all(heading.is_visible() for heading in headings)
    tables = visit.page.locator("table").all()
    # Rungs, files, losses, three for each target, operators, kinds, facts, environment, artifacts.
    assert len(tables) == 3 + 3 * 3 + 4 + 4
    assert all(table.is_visible() for table in tables)
    for rung in report.rungs:
        assert visit.page.get_by_role("rowheader", name=rung.name).first.is_visible()


def test_wide_tables_scroll_in_their_own_box(visit: Visit) -> None:
    page = visit.page
    open_details(page)
    boxes = page.locator(".scroll").all()
    width = page.evaluate("window.innerWidth")

    for box in boxes:
        bounds = box.bounding_box()
        assert bounds
        assert bounds["x"] >= 0
        assert bounds["x"] + bounds["width"] <= width
        # A keyboard reaches what is out of sight.
        assert box.get_attribute("tabindex") == "0"
    if width == 390:
        assert any(box.evaluate("node => node.scrollWidth > node.clientWidth") for box in boxes)


def test_charts_are_seen_and_their_text_is_legible(visit: Visit) -> None:
    charts = visit.page.get_by_role("img").all()

    # The ladder, fourteen waterfalls, two planes: one variant of each is shown.
    assert len(charts) == 17
    for chart in charts:
        bounds = chart.bounding_box()
        assert bounds
        assert bounds["width"] > 200
        assert bounds["height"] > 80
    assert visit.page.evaluate(BAD_TEXT) == []
    assert visit.page.evaluate(SMALLEST_TEXT) >= 9


def test_the_reader_s_colour_scheme_is_followed(visit: Visit, scheme: str) -> None:
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")

    red = int(background.removeprefix("rgb(").split(",")[0])
    assert red < 40 if scheme == "dark" else red > 220


def test_paper_is_white(visit: Visit) -> None:
    visit.page.emulate_media(media="print")

    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert colour == "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report with microcontrollers."""
    path = tmp_path_factory.mktemp("firmware") / "report.html"
    path.write_text(render_html(firmware_report()), encoding="utf-8")
    return path


@pytest.mark.parametrize("size", list(SIZES))
def test_firmwares_fit_and_are_legible(
    browser: Browser, firmware: Path, size: str, scheme: str
) -> None:
    width, height = SIZES[size]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    visit = Visit(page, firmware)
    open_details(page)

    check_page(visit, firmware)
    # Bars are as long as their shares.
    bars = page.locator("tr:has(th:text-is('0 conv_2d')) .measure").first.bounding_box()
    other = page.locator("tr:has(th:text-is('1 depthwise_conv_2d')) .measure").first.bounding_box()
    assert bars
    assert other
    assert bars["width"] > 1.5 * other["width"] > 20
    page.close()


@pytest.mark.parametrize(("size", "preferred"), [("desktop", "light"), ("phone", "dark")])
def test_phones_fit_are_legible_and_can_be_gone_to(
    browser: Browser, tmp_path: Path, size: str, preferred: Literal["light", "dark"]
) -> None:
    report, path = phone_report(), tmp_path / "report.html"
    write_samples(report, tmp_path)
    path.write_text(render_html(report, tmp_path), encoding="utf-8")
    width, height = SIZES[size]
    viewport: ViewportSize = {"width": width, "height": height}
    page = browser.new_page(viewport=viewport, color_scheme=preferred)
    visit = Visit(page, path)
    open_details(page)

    check_page(visit, path)
    # The keyboard reaches the contents, and from there a target.
    link = page.locator("nav a", has_text="android-arm64-litert")
    link.focus()
    # The browser follows the link in its own time.
    page.keyboard.press("Enter")
    page.wait_for_url("**#target-4")
    assert page.locator("#target-4 > h3").bounding_box()["y"] < height  # type: ignore[index]
    page.close()


@pytest.mark.parametrize(("size", "preferred"), [("desktop", "dark"), ("phone", "light")])
def test_a_language_model_fits_and_is_legible(
    browser: Browser, tmp_path: Path, size: str, preferred: Literal["light", "dark"]
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(language_report()), encoding="utf-8")
    width, height = SIZES[size]
    viewport: ViewportSize = {"width": width, "height": height}
    page = browser.new_page(viewport=viewport, color_scheme=preferred)
    visit = Visit(page, path)
    open_details(page)

    check_page(visit, path)
    # The ladder, the trainings, four planes: one variant of each is shown.
    assert len(page.get_by_role("img").all()) == 6
    names = page.get_by_role("img", name="Nats a token on the validation text").locator("text")
    assert set(names.all_text_contents()) >= {"teacher-fp32", "scratch-fp32", "distilled-int4"}
    page.close()


@pytest.mark.parametrize("size", list(SIZES))
def test_hostile_strings_run_nothing_and_break_no_layout(
    browser: Browser, tmp_path: Path, size: str
) -> None:
    path = tmp_path / "hostile.html"
    text = " ".join(MARKUP)
    path.write_text(render_html(hostile_report(text, MARKUP[-2])), encoding="utf-8")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})

    visit = Visit(page, path)
    open_details(page)

    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert page.evaluate("document.querySelectorAll('[onmouseover], [onerror]').length") == 0
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert page.evaluate(BAD_TEXT) == []
    page.close()
