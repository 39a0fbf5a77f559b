"""The page of one target holds all that is known of it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from edgekd.records import Report
from edgekd.report.html import render_html
from edgekd.report.pages.target import TargetPart, target_parts
from edgekd.report.tables.phone import STAND_IN_NOTE

from ..phone_sample import phone_report, write_samples
from ..reading import ATTRIBUTES, HTML, SVG, Page


@pytest.fixture(scope="module")
def phones() -> Report:
    """Host, emulated cores, a phone, a stand-in."""
    return phone_report()


@pytest.fixture(scope="module")
def run(phones: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that holds the raw samples."""
    folder = tmp_path_factory.mktemp("run")
    write_samples(phones, folder)
    return folder


@pytest.fixture(scope="module")
def text(phones: Report, run: Path) -> str:
    """The whole page."""
    return render_html(phones, run)


def _part(report: Report, run: Path | None, target: str) -> TargetPart:
    return next(part for part in target_parts(report, run) if part.section.target == target)


def test_latency_over_time_is_drawn_where_its_samples_are(phones: Report, run: Path) -> None:
    part = _part(phones, run, "android-arm64-litert")

    assert [(each.rung, each.valid) for each in part.latencies] == [
        ("teacher-fp32", True),
        ("scratch-fp32", True),
        ("distilled-fp32", True),
        ("distilled-int8", True),
        ("distilled-int8-qat", False),
    ]
    assert _part(phones, run, "phone-a76-litert").latencies == []
    assert _part(phones, None, "android-arm64-litert").latencies == []


def test_every_target_can_be_gone_to(text: str) -> None:
    links = re.findall(r'<a href="#([\w-]+)">', text)
    ids = re.findall(r'\bid="([^"]+)"', text)

    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert [link for link in links if link.startswith("target-")] == [
        f"target-{number}" for number in range(6)
    ]


def test_a_stand_in_is_in_plain_sight(text: str) -> None:
    assert text.count(STAND_IN_NOTE) == 1
    start = text.index('id="target-5"')
    page = text[start : text.index("</section>", start)]
    assert STAND_IN_NOTE in page
    assert page.count('<span class="kind stand-in">device, STAND-IN</span>') > 3
    # Nothing is held against what it said.
    fronts = text[text.index('id="fronts"') : text.index('id="grounds"')]
    assert "STAND-IN" not in fronts


def test_an_invalid_course_is_marked(text: str) -> None:
    start = text.index('<figure class="card void">')

    assert 'distilled-int8-qat <span class="chip bad">invalid</span>' in text[start : start + 200]


def test_functions_of_a_runtime_are_shown_without_a_firmware(text: str) -> None:
    assert "Inside of distilled-int8 on phone-a76-onnx: functions" in text
    assert "qs8_gemm_minmax_neondot" in text
    # What no function was told of is not shared out among the others.
    assert "not told apart" in text
    assert "Flash and RAM as the linker placed them" not in text


def test_the_page_is_made_of_what_every_page_is_made_of(text: str) -> None:
    page = Page(text)

    assert page.tags <= HTML | SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    levels = [level for level, _ in page.headings]
    assert max(levels) == 4
    assert all(below <= above + 1 for above, below in pairwise(levels))
