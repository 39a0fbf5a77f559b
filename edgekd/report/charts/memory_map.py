"""The picture of a planned arena: a rectangle for each block, over steps and offsets in bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgekd.records import MemoryBlock, MemoryMap
from edgekd.report import units
from edgekd.report.charts.axes import ROUND_STEPS, fitted, pixel_axes, text_width
from edgekd.report.charts.chart import NARROW, WIDE, Chart
from edgekd.report.charts.svg import (
    COLOURS,
    FONT_PIXELS,
    SERIES,
    chart_style,
    inline_svg,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDE_HEIGHT, _NARROW_HEIGHT = 340, 280
_TICK_PIXELS = FONT_PIXELS - 1
# Tensors that share bytes must both be seen.
_TENSOR_OPACITY, _SCRATCH_OPACITY, _PEAK_OPACITY = 0.5, 0.18, 0.5
_HEADROOM = 1.04
_STRIDES = (1, 2, 5, 10, 20, 50, 100)


def memory_chart(memory: MemoryMap, name: str) -> Chart:
    """When and where each tensor and each scratch lies in the arena.

    Scratch is paler than tensors and dashed; a tensor that lies over its own input has a frame of
    ink; the column of the step that needs most has a ground of its own.

    Args:
        memory: of one C library.
        name: unique in the page.
    """
    return Chart(
        wide=_draw(memory, WIDE, _WIDE_HEIGHT, f"{name}-wide"),
        narrow=_draw(memory, NARROW, _NARROW_HEIGHT, f"{name}-narrow"),
    )


def _draw(memory: MemoryMap, width: float, height: float, name: str) -> str:
    left = text_width(units.count(memory.arena_bytes), _TICK_PIXELS) + 16
    room = width - left - 4
    peak = f"{units.count(memory.arena_bytes)} B, set by {_step_name(memory, memory.peak_step)}"
    with chart_style():
        figure = new_figure(width, height)
        axes = pixel_axes(figure, left=left, right=4, top=24, bottom=42)
        axes.set_xlim(-1, len(memory.steps) + 1)
        axes.set_ylim(0, max(memory.arena_bytes, 1) * _HEADROOM)
        axes.grid(axis="x", visible=False)
        _ticks(axes, memory, room)
        _peak(axes, memory, fitted(peak, room, FONT_PIXELS))
        tooltips = {"peak": peak}
        for index, block in enumerate(memory.blocks):
            _rectangle(axes, block, index)
            tooltips[f"block-{index}"] = _said(memory, block)
        return inline_svg(
            figure,
            name,
            "Arena: offset in bytes of each tensor and scratch, step by step",
            f"{len(memory.blocks)} blocks in {peak}; no plan can need less than "
            f"{units.count(memory.lower_bound)} B",
            tooltips,
        )


def _ticks(axes: Axes, memory: MemoryMap, room: float) -> None:
    """Steps by their number; what is there before them and stays after them has a column too."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    last = len(memory.steps)
    column = room / (last + 2)
    wanted = math.ceil((text_width(str(last), _TICK_PIXELS) + 8) / column)
    stride = next((stride for stride in _STRIDES if stride >= wanted), last)
    ends = column > text_width("out", _TICK_PIXELS) + 4
    ticks = {step: str(step) for step in range(0, last, max(1, stride))}
    if ends:
        ticks |= {-1: "in", last: "out"}
    axes.set_xticks([step + 0.5 for step in ticks], list(ticks.values()))
    axes.tick_params(length=0)
    axes.set_xlabel("step")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND_STEPS, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _peak(axes: Axes, memory: MemoryMap, text: str) -> None:
    axes.axvspan(
        memory.peak_step,
        memory.peak_step + 1,
        facecolor=COLOURS["line"],
        linewidth=0,
        alpha=_PEAK_OPACITY,
        gid="peak",
    )
    axes.axhline(memory.arena_bytes, color=COLOURS["bad"], linewidth=1.4)
    axes.text(0, 1.03, text, transform=axes.transAxes, color=COLOURS["ink"])


def _rectangle(axes: Axes, block: MemoryBlock, index: int) -> None:
    from matplotlib.patches import Rectangle

    scratch = block.kind == "scratch"
    colour = COLOURS["ink" if scratch else f"series-{index % SERIES}"]
    corner, across = (block.first, block.offset), block.last + 1 - block.first
    ground: dict[str, Any] = {
        "linewidth": 0,
        "alpha": _SCRATCH_OPACITY if scratch else _TENSOR_OPACITY,
    }
    gid = f"block-{index}"
    axes.add_patch(Rectangle(corner, across, block.bytes, facecolor=colour, gid=gid, **ground))
    frame: dict[str, Any] = {"edgecolor": colour, "linewidth": 0.8}
    if scratch:
        frame |= {"edgecolor": COLOURS["muted"], "linestyle": (0, (2, 2))}
    if block.overlaid_on:
        frame |= {"edgecolor": COLOURS["ink"], "linewidth": 1.6}
    axes.add_patch(Rectangle(corner, across, block.bytes, facecolor="none", **frame))


def _said(memory: MemoryMap, block: MemoryBlock) -> str:
    kind = "scratch of " if block.kind == "scratch" else ""
    times = [_step_name(memory, step) for step in dict.fromkeys((block.first, block.last))]
    over = f", over its own input {', '.join(block.overlaid_on)}" if block.overlaid_on else ""
    return (
        f"{kind}{block.name}: {units.count(block.bytes)} B at {units.count(block.offset)}, "
        f"{' to '.join(times)}{over}"
    )


def _step_name(memory: MemoryMap, step: int) -> str:
    if step < 0:
        return "the inputs"
    return f"step {step} ({memory.steps[step]})" if step < len(memory.steps) else "the end"
