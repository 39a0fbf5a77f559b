"""The picture of the arena shows every block where it is, and says what it is."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from edgekd.records import MemoryBlock, MemoryMap
from edgekd.report.charts.memory_map import memory_chart

from ..browsing import BAD_TEXT, CHROMIUM, SMALLEST_TEXT
from ..hostile import hostile_text
from ..reading import ATTRIBUTES, SVG

NAMESPACE = "{http://www.w3.org/2000/svg}"


def _block(
    name: str, first: int, last: int, offset: int, size: int, over: list[str] | None = None
) -> MemoryBlock:
    return MemoryBlock(
        name=name,
        kind="tensor",
        first=first,
        last=last,
        offset=offset,
        bytes=size,
        overlaid_on=over or [],
    )


def sample() -> MemoryMap:
    """A keyword spotter's first layers."""
    blocks = [
        _block("input", -1, 0, 8000, 490),
        _block("conv", 0, 1, 0, 8000),
        _block("depthwise", 1, 2, 0, 8000, ["conv"]),
        _block("pooled", 2, 3, 8000, 64),
        MemoryBlock(
            name="operator 1 (DEPTHWISE_CONV_2D)",
            kind="scratch",
            first=1,
            last=1,
            offset=8000,
            bytes=640,
        ),
    ]
    return MemoryMap(
        steps=["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D"],
        blocks=blocks,
        arena_bytes=8640,
        lower_bound=8640,
        peak_step=1,
    )


def _titles(svg: str) -> list[str]:
    return [str(one.text) for one in ElementTree.fromstring(svg).iter(f"{NAMESPACE}title")][1:]


def test_every_block_says_what_it_is() -> None:
    chart = memory_chart(sample(), "memory")
    for svg in (chart.wide, chart.narrow):
        titles = _titles(svg)
        assert len(titles) == 1 + 5
        assert "8,640 B, set by step 1 (DEPTHWISE_CONV_2D)" in titles
        assert "input: 490 B at 8,000, the inputs to step 0 (CONV_2D)" in titles
        assert (
            "depthwise: 8,000 B at 0, step 1 (DEPTHWISE_CONV_2D) to step 2 (AVERAGE_POOL_2D), "
            "over its own input conv"
        ) in titles
        assert "pooled: 64 B at 8,000, step 2 (AVERAGE_POOL_2D) to the end" in titles
        assert (
            "scratch of operator 1 (DEPTHWISE_CONV_2D): 640 B at 8,000, step 1 (DEPTHWISE_CONV_2D)"
        ) in titles


def test_rectangles_lie_at_their_steps_and_offsets() -> None:
    memory = sample()
    svg = memory_chart(memory, "memory").wide
    boxes = {}
    for group in ElementTree.fromstring(svg).iter(f"{NAMESPACE}g"):
        title, path = group.find(f"{NAMESPACE}title"), group.find(f"{NAMESPACE}path")
        if title is not None and path is not None:
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
            boxes[str(title.text).split(":")[0]] = numbers[0::2], numbers[1::2]

    def size(name: str) -> tuple[float, float]:
        across, down = boxes[name]
        return max(across) - min(across), max(down) - min(down)

    column, high = size("scratch of operator 1 (DEPTHWISE_CONV_2D)")
    assert size("conv")[0] == pytest.approx(2 * column, rel=1e-3)
    assert size("conv")[1] == pytest.approx(high * 8000 / 640, rel=1e-3)
    assert min(boxes["input"][0]) == pytest.approx(min(boxes["conv"][0]) - column, abs=0.01)
    assert max(boxes["input"][1]) == pytest.approx(min(boxes["conv"][1]), abs=0.01)


def test_overlaid_blocks_have_a_frame_of_ink() -> None:
    memory = sample()
    plain = memory.model_copy(
        update={"blocks": [b.model_copy(update={"overlaid_on": []}) for b in memory.blocks]}
    )

    def frames(map_: MemoryMap) -> int:
        return memory_chart(map_, "memory").wide.count("stroke: var(--ink)")

    assert frames(memory) == frames(plain) + 1


def test_an_empty_library_can_be_drawn() -> None:
    empty = MemoryMap(steps=[], blocks=[], arena_bytes=0, lower_bound=0, peak_step=-1)

    assert "0 B, set by the inputs" in memory_chart(empty, "memory").wide


def test_hundreds_of_steps_have_ticks_that_do_not_touch() -> None:
    memory = MemoryMap(
        steps=["ADD"] * 300,
        blocks=[_block(f"t{n}", n, n + 1, n % 2 * 100, 100) for n in range(300)],
        arena_bytes=200,
        lower_bound=200,
        peak_step=0,
    )
    texts = re.findall(r">(\d+)</text>", memory_chart(memory, "memory").narrow)

    assert texts[:4] == ["0", "50", "100", "150"]


@given(hostile_text, hostile_text)
@settings(deadline=None, max_examples=12)
def test_names_cannot_do_anything(text: str, other: str) -> None:
    memory = sample()
    blocks = [b.model_copy(update={"name": text, "overlaid_on": [other]}) for b in memory.blocks]
    hostile = memory.model_copy(update={"blocks": blocks, "steps": [text, other, text]})
    chart = memory_chart(hostile, "memory")
    for svg in (chart.wide, chart.narrow):
        root = ElementTree.fromstring(svg)
        assert {one.tag.removeprefix(NAMESPACE).lower() for one in root.iter()} <= SVG
        assert {key.lower() for one in root.iter() for key in one.attrib} <= ATTRIBUTES
        styles = " ".join(one.get("style", "") for one in root.iter())
        colours = re.findall(r"(?:fill|stroke): ([^; ]+)", styles)
        assert all(colour == "none" or colour.startswith("var(--") for colour in colours)


def test_the_same_map_gives_the_same_picture_with_ids_of_its_own() -> None:
    first, second = memory_chart(sample(), "one"), memory_chart(sample(), "two")
    svgs = [first.wide, first.narrow, second.wide, second.narrow]
    ids = [found for svg in svgs for found in re.findall(r'\bid="([^"]+)"', svg)]

    assert memory_chart(sample(), "one") == first
    assert len(ids) == len(set(ids))


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [900, 350])
def test_text_is_readable_in_a_browser(browser: object, tmp_path: Path, width: int) -> None:
    from playwright.sync_api import Browser

    assert isinstance(browser, Browser)
    chart = memory_chart(sample(), "memory")
    path = tmp_path / "map.html"
    svg = chart.wide if width == 900 else chart.narrow
    path.write_text(f"<!doctype html><body style='font: 12px sans-serif'>{svg}", encoding="utf-8")
    page = browser.new_page(viewport={"width": width + 16, "height": 500})
    page.goto(path.as_uri())

    assert page.evaluate(BAD_TEXT) == []
    assert page.evaluate(SMALLEST_TEXT) >= 10
    page.close()
