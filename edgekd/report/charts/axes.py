"""Axes laid out in pixels: what the charts have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.report.charts.svg import COLOURS, FONT_PIXELS
from edgekd.report.units import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ticks at 1, 2 or 5 times a power of ten.
ROUND_STEPS = (1, 2, 5, 10)
_LONGEST_NAME = 24
# Width of a letter in ems, at most, averaged over a name; DejaVu Sans is the widest in common use.
_LETTER = 0.62


def row_axes(figure: Figure, labels: list[str], values: list[float], right: float) -> Axes:
    """Axes with one labelled row for each string, bottom up, and accuracy along the x axis."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = [short(label) for label in labels]
    left = max((text_width(label, FONT_PIXELS - 1) for label in shown), default=0) + 14
    axes = pixel_axes(figure, left=left, right=right, top=6, bottom=26)
    axes.set_xlim(*padded(values, 0.06))
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_yticks(range(len(labels)), shown, color=COLOURS["ink"])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    room = figure.get_figwidth() * figure.dpi - left - right
    axes.xaxis.set_major_locator(MaxNLocator(max(2, int(room // 60)), steps=ROUND_STEPS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    return axes


def pixel_axes(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes whose margins are given in pixels."""
    width, height = figure.get_size_inches() * figure.dpi
    return figure.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
    )


def beside(axes: Axes, row: int, text: str) -> None:
    """Write a figure to the right of a row."""
    axes.annotate(
        text,
        xy=(1, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center_baseline",
    )


def padded(values: list[float], share: float) -> tuple[float, float]:
    """Axis limits that leave a share of the range free at both ends."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = (high - low) * share or 0.01
    return low - margin, high + margin


def short(name: str) -> str:
    """A name that fits beside a chart."""
    text = clean(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def fitted(text: str, pixels: float, font_pixels: float = FONT_PIXELS - 1) -> str:
    """The text, or as much of its start as fits."""
    shown = clean(text)
    if text_width(shown, font_pixels) <= pixels:
        return shown
    while shown and text_width(f"{shown}…", font_pixels) > pixels:
        shown = shown[:-1]
    return f"{shown}…" if shown else ""


def text_width(text: str, font_pixels: float = FONT_PIXELS) -> float:
    """Pixels that a label needs at most in common fonts; East Asian glyphs are a full em wide."""
    return sum(font_pixels * (_LETTER if character.isascii() else 1.0) for character in text)
