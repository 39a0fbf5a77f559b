"""report.html holds everything, runs nothing, and no string in it becomes markup."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings

from edgekd.errors import MissingPackage
from edgekd.records import Report
from edgekd.report.html import render_html
from edgekd.report.units import clean

from .hostile import MARKUP, hostile_report, hostile_text
from .reading import ATTRIBUTES, HTML, SVG, Page
from .sample import INT4_REASON, INVALID_REASON


@settings(max_examples=8, deadline=None)
@example(" ".join(MARKUP), MARKUP[-2])
@given(hostile_text, hostile_text)
def test_no_string_becomes_markup(text: str, other: str) -> None:
    rendered = render_html(hostile_report(text, other))

    rendered.encode()
    page = Page(rendered)
    assert page.tags <= HTML | SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    assert all(value.startswith("#") for key, value in page.attributes if key == "href")
    assert page.headings[0] == (1, clean(text))
    assert rendered.count("<style>") == rendered.count("</style>") == 1
    assert rendered.count("</html>") == 1


def test_everything_is_said(report: Report, page: str) -> None:
    for said in (
        "Distillation was worth it: +4.00 points (95% interval +2.68 to +5.41)",
        "every seed gained, and the whole interval lies above zero",
        "all 3,500 training labels, where the student saw 300",
        INT4_REASON,
        INVALID_REASON,
        "learning rates: chosen: distilled",
        "packages: executorch",
        *(rung.name for rung in report.rungs),
        *(found.sha256 for found in report.measurements),
        *(found.artifact for found in report.measurements),
    ):
        assert said in page


def test_headings_descend_one_level_at_a_time(page: str) -> None:
    levels = [level for level, _ in Page(page).headings]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_every_table_is_captioned_and_its_headers_are_scoped(page: str) -> None:
    parsed = Page(page)

    assert parsed.tables == parsed.captions > 10
    for _, cells in parsed.rows:
        assert all(attributes.get("scope") for tag, attributes in cells if tag == "th")
        # A row either heads its columns, begins with its own name, or gives one reason.
        assert cells[0][0] == "th" or "colspan" in cells[0][1]


def test_every_row_of_a_table_is_as_wide_as_the_others(page: str) -> None:
    widths: dict[int, set[int]] = {}
    for table, cells in Page(page).rows:
        spanned = {int(attributes.get("rowspan", 1)) for _, attributes in cells}
        if cells[0][1].get("scope") == "col" and spanned == {1}:
            continue
        width = sum(int(attributes.get("colspan", 1)) for _, attributes in cells)
        widths.setdefault(table, set()).add(width)

    assert all(len(found) == 1 for found in widths.values())


def test_the_network_is_forbidden_and_not_asked_for(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert "default-src 'none'" in policy.group(1)
    assert "script" not in policy.group(1)
    assert policy.start() < page.index("<style>")
    addresses = set(re.findall(r"\w+://[^\s\"'<]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert "url(http" not in page
    assert "@import" not in page


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < 1_000_000


def test_another_process_renders_the_same_page(report: Report, page: str, tmp_path: Path) -> None:
    stored = tmp_path / "report.json"
    stored.write_text(report.model_dump_json(by_alias=True))
    program = (
        "import hashlib, sys; from pathlib import Path\n"
        "from edgekd.records import Report; from edgekd.report.html import render_html\n"
        "report = Report.model_validate_json(Path(sys.argv[1]).read_text())\n"
        "print(hashlib.sha256(render_html(report).encode()).hexdigest())"
    )
    search_path = os.pathsep.join(path for path in sys.path if path)

    done = subprocess.run(
        [sys.executable, "-c", program, str(stored)],
        env={**os.environ, "PYTHONPATH": search_path, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == hashlib.sha256(page.encode()).hexdigest()


def test_importing_the_renderers_loads_neither_matplotlib_nor_jinja2() -> None:
    program = (
        "import sys, edgekd.report.html, edgekd.report.markdown\n"
        "print([name for name in ('matplotlib', 'jinja2') if name in sys.modules])"
    )
    search_path = os.pathsep.join(path for path in sys.path if path)

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_an_empty_report_still_renders() -> None:
    empty = Report(recipe="bench", seeds=[], environment={}, rungs=[], measurements=[])

    page = Page(render_html(empty))

    assert [text for level, text in page.headings if level == 1] == ["bench"]
    assert not page.tags & {"table", "svg"}


def test_files_without_a_ladder_still_render(report: Report) -> None:
    """What ``bench`` leaves for files that edgekd never made: no rungs, no accuracy, no losses."""
    measurements = [
        found.model_copy(update={"accuracy": None, "parity": None, "preflight": None})
        for found in report.measurements[:2]
    ]
    bench = Report(recipe="bench", seeds=[], environment={}, rungs=[], measurements=measurements)

    page = Page(render_html(bench))

    assert "table" in page.tags
    assert "svg" not in page.tags


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(
    report: Report, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingPackage, match=rf"{package} .*edgekd\[report\]"):
        render_html(report)


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_meets_wcag_aa(scheme: int) -> None:
    """Text needs 4.5 to 1, marks in charts 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    style = (files("edgekd.report") / "templates" / "style.css").read_text()
    blocks = re.findall(r":root \{([^}]+)\}", style)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))

    for text in ("ink", "muted", "accent", "bad"):
        for ground in ("page", "card"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert _contrast(colours["bad"], colours["bad-tint"]) >= 4.5
    marks = [name for name in colours if name.startswith("series-")] + ["good", "bad"]
    for mark in marks:
        assert _contrast(colours[mark], colours["card"]) >= 3, mark
