"""The page in a real browser: desktop and phone, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from edgekd.records import Report
from edgekd.report.html import render_html

from .hostile import MARKUP, hostile_report

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

# Text of a chart that leaves its picture, or lies on other text, in CSS pixels.
_BAD_TEXT = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(node => {
        const box = node.getBoundingClientRect();
        return {text: node.textContent, left: box.left, right: box.right,
                top: box.top + box.height * 0.2, bottom: box.bottom - box.height * 0.2};
    });
    const clipped = texts.filter(t => t.left < frame.left - 1 || t.right > frame.right + 1
        || t.top < frame.top - 1 || t.bottom > frame.bottom + 1);
    const covered = texts.filter((a, i) => texts.slice(i + 1).some(b =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    return frame.width ? [...clipped, ...covered].map(t => t.text) : [];
})"""
_SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('svg')]
    .filter(svg => svg.getBoundingClientRect().width)
    .map(svg => 11 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""


class _Visit:
    """One page as it was opened, and all that it did."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.goto(path.as_uri())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield found
        found.close()


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


@pytest.fixture(params=list(_SIZES))
def visit(
    browser: Browser, stored: Path, scheme: str, request: pytest.FixtureRequest
) -> Iterator[_Visit]:
    """The sample page, opened at one size in one colour scheme."""
    width, height = _SIZES[request.param]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    yield _Visit(page, stored)
    page.close()


def _open_details(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")


def test_the_page_asks_for_nothing_and_complains_about_nothing(visit: _Visit, stored: Path) -> None:
    assert visit.requests == [stored.as_uri()]
    assert visit.complaints == []


def test_the_page_never_scrolls_sideways(visit: _Visit) -> None:
    _open_details(visit.page)

    assert visit.page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_verdict_headings_and_tables_are_seen(visit: _Visit, report: Report) -> None:
    _open_details(visit.page)

    assert visit.page.get_by_role("heading", name="Distillation was worth it").is_visible()
    headings = visit.page.locator("h1, h2, h3").all()
    assert len(headings) > 12
    assert all(heading.is_visible() for heading in headings)
    tables = visit.page.locator("table").all()
    # Rungs, files, losses, three for each target, kinds, facts, environment, artifacts.
    assert len(tables) == 3 + 3 * 3 + 4
    assert all(table.is_visible() for table in tables)
    for rung in report.rungs:
        assert visit.page.get_by_role("rowheader", name=rung.name).first.is_visible()


def test_wide_tables_scroll_in_their_own_box(visit: _Visit) -> None:
    page = visit.page
    _open_details(page)
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


def test_charts_are_seen_and_their_text_is_legible(visit: _Visit) -> None:
    charts = visit.page.get_by_role("img").all()

    # The ladder, fourteen waterfalls, two planes: one variant of each is shown.
    assert len(charts) == 17
    for chart in charts:
        bounds = chart.bounding_box()
        assert bounds
        assert bounds["width"] > 200
        assert bounds["height"] > 80
    assert visit.page.evaluate(_BAD_TEXT) == []
    assert visit.page.evaluate(_SMALLEST_TEXT) >= 9


def test_the_reader_s_colour_scheme_is_followed(visit: _Visit, scheme: str) -> None:
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")

    red = int(background.removeprefix("rgb(").split(",")[0])
    assert red < 40 if scheme == "dark" else red > 220


def test_paper_is_white(visit: _Visit) -> None:
    visit.page.emulate_media(media="print")

    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert colour == "rgb(255, 255, 255)"


@pytest.mark.parametrize("size", list(_SIZES))
def test_hostile_strings_run_nothing_and_break_no_layout(
    browser: Browser, tmp_path: Path, size: str
) -> None:
    path = tmp_path / "hostile.html"
    text = " ".join(MARKUP)
    path.write_text(render_html(hostile_report(text, MARKUP[-2])), encoding="utf-8")
    width, height = _SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})

    visit = _Visit(page, path)
    _open_details(page)

    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert page.evaluate("document.querySelectorAll('[onmouseover], [onerror]').length") == 0
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert page.evaluate(_BAD_TEXT) == []
    page.close()
