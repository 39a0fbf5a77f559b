"""Firmwares: every byte and instruction has its row, and sums meet the measurement."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings

from edgekd.records import Report
from edgekd.report.charts.scatter import plane_chart
from edgekd.report.charts.stacked_bytes import bytes_chart
from edgekd.report.html import render_html
from edgekd.report.markdown import render_markdown
from edgekd.report.origin import Origin
from edgekd.report.planes import PLANES, plane_points
from edgekd.report.summary import TargetSection, target_sections
from edgekd.report.tables import firmware
from edgekd.report.units import MISSING

from ..firmware_sample import FLASH, INT8, QAT, RAM, emulated, firmware_report, library
from ..hostile import hostile_text
from ..reading import ATTRIBUTES, HTML, SVG, Page, cells


@pytest.fixture(scope="module")
def boards() -> Report:
    """Host, Cortex-M4, its variant, NPU, not run."""
    return firmware_report()


@pytest.fixture(scope="module")
def section(boards: Report) -> TargetSection:
    """Cortex-M4, emulated: a valid and an invalid measurement."""
    return target_sections(boards)[1]


@pytest.fixture(scope="module")
def text(boards: Report) -> str:
    """Its page."""
    return render_html(boards)


def test_bytes_are_split_by_role_and_sum_up_without_the_harness(section: TargetSection) -> None:
    table = firmware.bytes_table(section)
    row = dict(zip([(c.group, c.heading) for c in table.columns], table.rows[0].cells, strict=True))

    assert row["Flash, bytes", "Weights"] == "22,032"
    assert row["Flash, bytes", "Start-up"] == "216"
    assert row["Flash, bytes", "Sum"] == "37,964"
    assert row["RAM, bytes", "Arena"] == "8,784"
    assert row["RAM, bytes", "Sum"] == "12,880"
    assert not any("Harness" in heading for _, heading in row)
    assert [one.state for one in table.rows] == ["", "invalid"]


def test_roles_that_nobody_listed_come_last() -> None:
    parts = firmware.parts_of([{"odd": 1, "code": 2, "empty": 0}, {"weights": 1}], ["weights"])

    assert parts == ["weights", "code", "odd"]


def test_each_layer_has_its_kernel_and_its_instructions() -> None:
    rows = [row.cells for row in firmware.layers_table(emulated(INT8, "cortex-m4")).rows]

    assert rows == [
        ["0 conv_2d", "dsp, two channels in a halfword", "320,000", "412,976", "1.29", "71.2%"],
        [
            *("1 depthwise_conv_2d", "dsp, two channels in a halfword"),
            *("72,000", "166,673", "2.31", "28.8%"),
        ],
        ["2 reshape", "-", "0", MISSING, MISSING, MISSING],
        ["between layers", MISSING, MISSING, "30", MISSING, "0.0%"],
        ["all", MISSING, "392,000", "579,679", "1.48", MISSING],
    ]


def test_layers_are_listed_where_nothing_was_counted_and_the_other_way_round() -> None:
    found = emulated(INT8, "cortex-m4")
    generated = firmware.layers_table(found.model_copy(update={"profile": None}))
    counted = firmware.layers_table(found.model_copy(update={"library": None}))

    assert [row.cells[0] for row in generated.rows][:2] == ["0 conv_2d", "1 depthwise_conv_2d"]
    assert {row.cells[3] for row in generated.rows} == {MISSING}
    assert [row.cells[3] for row in counted.rows] == ["412,976", "166,673", "30", "579,679"]
    assert {row.cells[2] for row in counted.rows} == {MISSING}


def test_ten_functions_are_named_and_the_others_summed() -> None:
    rows = [row.cells for row in firmware.functions_table(emulated(INT8, "cortex-m4")).rows]

    assert rows[0] == ["dsp_tile", "412,976", "71.2%"]
    assert len(rows) == 11
    assert rows[-1] == ["3 more", "3", "0.0%"]


def test_the_arena_says_what_sets_it() -> None:
    memory = library().memory_map
    tight = memory.model_copy(update={"lower_bound": 8784, "peak_step": -1})

    assert firmware.arena_line(memory) == (
        "8,784 B for 3 tensors and scratches, set by step 1 (depthwise_conv_2d); "
        "no plan can need less than 8,640 B."
    )
    assert firmware.arena_line(tight).endswith("set by the inputs; no plan can need less.")
    assert firmware.shown_map(library()).steps == ["conv_2d", "depthwise_conv_2d", "reshape"]


@pytest.mark.parametrize("name", ["3 conv_2d", "model_layer_3_conv_2d"])
def test_layers_have_one_name_however_they_are_recorded(name: str) -> None:
    assert firmware.layer_name(name) == "3 conv_2d"


def test_a_chart_of_bytes_has_a_piece_for_each_role() -> None:
    drawn = bytes_chart("Flash", [(INT8, FLASH), (QAT, FLASH)], firmware.FLASH_PARTS, "bytes")

    assert list(drawn.key) == list(firmware.FLASH_PARTS)
    assert len(set(drawn.key.values())) == len(drawn.key)
    for svg in (drawn.chart.wide, drawn.chart.narrow):
        assert f"<title>{INT8}, weights: 22,032 B</title>" in svg
        assert svg.count("<title>") == 2 * len(firmware.FLASH_PARTS)
        assert "37.1 KiB" in svg
        assert "harness" not in svg
    assert bytes_chart("RAM", [("tiny", {"arena": 3})], firmware.RAM_PARTS, "tiny").key == {
        "arena": "series-2"
    }
    assert bytes_chart("RAM", [("none", {})], firmware.RAM_PARTS, "none").key == {}


def test_a_bar_of_an_invalid_measurement_says_so() -> None:
    bars = [(INT8, FLASH), (QAT, FLASH)]
    drawn = bytes_chart("Flash", bars, firmware.FLASH_PARTS, "bytes", {QAT})

    for svg in (drawn.chart.wide, drawn.chart.narrow):
        assert "37.1 KiB invalid" in svg
        assert f"{QAT} 37,964 B invalid" in svg
        assert f"{INT8} 37,964 B;" in svg


def test_the_page_shows_everything_of_valid_and_invalid_libraries(text: str) -> None:
    for said in (
        f"Inside of {INT8} on cortex-m4: layers",
        f"Inside of {QAT} on cortex-m4: layers",
        "dead channels: removed 12 of 64 channels",
        "counted by: TCG plugin",
        "set by step 1 (depthwise_conv_2d)",
        firmware.FIRMWARE_NOTE,
    ):
        assert said in text
    assert text.count("Arena: offset in bytes") == 2 * 3


def test_headings_descend_one_level_at_a_time(text: str) -> None:
    levels = [level for level, _ in Page(text).headings]

    assert max(levels) == 4
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_ids_are_unique_in_the_page(text: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', text)
    references = re.findall(r'(?:href="|url\()#([^")]+)', text)

    assert len(ids) == len(set(ids))
    assert set(references) <= set(ids)


def test_the_page_is_made_of_what_every_page_is_made_of(text: str) -> None:
    page = Page(text)

    assert page.tags <= HTML | SVG
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    styles = {value for key, value in page.attributes if key == "style" and value[:5] == "width"}
    assert "width: 71.2%" in styles
    assert all(re.fullmatch(r"width: \d+\.\d%", style) for style in styles)


def test_the_text_shows_the_same(boards: Report) -> None:
    text = render_markdown(boards)
    rows = cells(text)

    assert "- Pass: dead channels: removed 12 of 64 channels" in text
    assert "- Arena: 8,784 B for 3 tensors" in text
    assert sum(row[0] == "0 conv_2d" for row in rows) == 3
    assert sum(row[0] == "dsp_tile" for row in rows) == 3
    (heading,) = {tuple(row) for row in rows if "Instructions: per MAC (emulated)" in row}
    assert heading[-1] == "Instructions: Share (emulated)"


def test_a_host_alone_shows_nothing_of_firmwares(report: Report, page: str) -> None:
    markdown = render_markdown(report)

    for text in (page, markdown):
        assert "Inside of" not in text
        assert "Where flash" not in text
        assert "rest on:" not in text
        assert "does not run on this target" not in text
    assert not any(firmware.firmwares(section) for section in target_sections(report))


@settings(max_examples=15, deadline=None)
@given(hostile_text, hostile_text)
def test_no_role_becomes_markup(text: str, other: str) -> None:
    drawn = bytes_chart("Flash", [(text, {other: 10, "code": 5})], firmware.FLASH_PARTS, "bytes")

    for svg in (drawn.chart.wide, drawn.chart.narrow):
        assert Page(svg).tags <= SVG
        assert {key for key, _ in Page(svg).attributes} <= ATTRIBUTES


def test_ticks_are_readable_where_all_points_are_close(boards: Report) -> None:
    (trade,) = [plane for plane in PLANES if plane.name == "trade"]
    points = plane_points(boards, Origin("emulated"), trade)
    chart = plane_chart(boards, points, trade, "trade")
    for svg in (chart.wide, chart.narrow):
        assert len(re.findall(r">[\d.]+ k</text>", svg)) >= 2
        assert len(re.findall(r">[\d.]+ KiB</text>", svg)) >= 2


def test_all_ram_is_counted() -> None:
    assert firmware.linked_bytes(RAM) == 12_880
