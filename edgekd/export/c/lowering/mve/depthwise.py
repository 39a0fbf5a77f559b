"""DEPTHWISE_CONV_2D on MVE: windows of up to 3 by 3, strides of 1 or 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.mve.requantization import (
    INT8_LIMITS,
    channel_records,
    possible_sums,
)
from edgekd.export.c.lowering.requantization import bias_of, channel_multipliers, folded_bias
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_SIDE = 3
_WORD = 4
# The scratch is kept below this where an image allows it.
_SCRATCH_BYTES = 1056
# Byte offsets of a gathering load are of 16 bits, and it takes eight elements.
_MAX_STEP = 0xFFFF // 7


@dataclass(frozen=True)
class _Lines:
    """Which way the lines of the image run."""

    lines: int
    length: int
    output_lines: int
    output_length: int
    line_step: int
    step: int
    output_line_step: int
    output_step: int
    before_lines: int
    before: int

    def turned(self) -> _Lines:
        """The columns taken as lines."""
        return _Lines(
            self.length,
            self.lines,
            self.output_length,
            self.output_lines,
            self.step,
            self.line_step,
            self.output_step,
            self.output_line_step,
            self.before,
            self.before_lines,
        )

    def cost(self) -> int:
        """About how many instructions a channel's outputs take with stride 1."""
        pairs, odd = divmod(self.output_lines, 2)
        return pairs * (8 + 15 * -(-self.output_length // 2)) + odd * 19 * -(
            -self.output_length // 4
        )


@dataclass(frozen=True)
class _Blocks:
    """How the strips of a channel are split so that the scratch stays small."""

    strips: int
    block_strips: int
    strip_bytes: int
    scratch_bytes: int

    @property
    def whole(self) -> bool:
        """One block is all."""
        return self.strips == self.block_strips


def depthwise(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """One channel after the other, from words of four lines in the scratch."""
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    window = operator.window
    assert window is not None
    if not _eligible(operator, source, weights):
        return None
    channels = source.shape[3]
    if activation_limits(operator.activation, output) != INT8_LIMITS:
        return None
    records = _records(operator, graph)
    if records is None or channels > _MAX_STEP:
        return None
    stride = window.stride[0]
    lines, turned = _direction(_lines(operator, source, output), stride)
    # The kernel takes two columns at a time unless there is one line only.
    if stride == 1 and lines.output_length < 2 and lines.output_lines > 1:
        return None
    blocks = _blocks(lines, stride)
    rounding = "relu" if output.zero_point == INT8_LIMITS[0] else "signed"
    kernel = f"depthwise_{rounding}_{stride}"
    places = _places(lines, blocks, turned)
    fields: dict[str, int | float | str] = {
        **{name: name for name in ("weights", "channels", "spread", "places")},
        "channel_count": channels,
        "zero_point": source.zero_point,
        **_reading(lines, blocks),
        "strips": blocks.strips,
        "block_strips": blocks.block_strips,
        "strip_bytes": blocks.strip_bytes,
        "scratch_bytes": blocks.scratch_bytes,
        **_writing(lines, blocks, stride),
    }
    return Step(
        operator,
        (f"mve/{kernel}",),
        f"edgekd_mve_{kernel}({{parameters}}, {{input0}}, {{output0}}, {{scratch}});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", _by_channel(weights, turned)),
            "channels": Constant("bias", records.reshape(-1)),
            "spread": Constant("table", _spread()),
            "places": Constant("table", places),
        },
        parameters={"parameters": Parameters("edgekd_mve_depthwise", fields)},
        scratch_bytes=blocks.scratch_bytes,
        overlays={0: _overlay(source, lines, blocks, stride)},
        macs=output.elements * weights.shape[1] * weights.shape[2],
        variant="mve, channel by channel" + (", columns" if turned else ""),
    )


def _direction(rows: _Lines, stride: int) -> tuple[_Lines, bool]:
    """Lines, and whether they are the image's columns: only where one block is all."""
    columns = rows.turned()
    turned = stride == 1 and _blocks(columns, stride).whole and columns.cost() < rows.cost()
    return (columns, True) if turned else (rows, False)


def _blocks(lines: _Lines, stride: int) -> _Blocks:
    strips = -(-lines.output_lines // 2) if stride == 1 else lines.output_lines
    columns = max(lines.before + lines.length, (lines.output_length - 1) * stride + _SIDE)
    strip_bytes = _WORD * columns
    # One strip before the block and one after it; a last group of four may read beyond.
    beyond = _WORD * (3 * stride + _WORD)
    fitting = max(1, (_SCRATCH_BYTES - beyond) // strip_bytes - 2)
    # Blocks of one size.
    block = -(-strips // -(-strips // fitting))
    return _Blocks(strips, block, strip_bytes, (block + 2) * strip_bytes + beyond)


def _reading(lines: _Lines, blocks: _Blocks) -> dict[str, int]:
    """Pixels of the first block and of the others, which begin two lines below the padding."""
    per_block = 2 * blocks.block_strips
    first = max(0, per_block + 2 - lines.before_lines) * lines.length
    pixels = lines.lines * lines.length
    return {
        "pixels": pixels,
        "first_pixels": min(first, pixels) if blocks.whole else first,
        "block_pixels": per_block * lines.length,
        "carried": (2 - lines.before_lines) * lines.length,
    }


def _writing(lines: _Lines, blocks: _Blocks, stride: int) -> dict[str, int]:
    """How the outputs are walked over: by squares, the last column again, a line by fours."""
    step, line_step = lines.output_step, lines.output_line_step
    squares, odd = divmod(lines.output_length, 2)
    groups = -(-lines.output_length // 4)
    made_lines = 2 if stride == 1 else 1

    def walk(name: str, count: int, next_: int, times: int, cells: int) -> dict[str, int]:
        values = {
            "count": count,
            "next": next_,
            "cell_skip": blocks.strip_bytes - cells * times,
            "target_skip": made_lines * line_step - next_ * times,
        }
        return {f"{name}.{member}": value for member, value in values.items()}

    return {
        "output_step": step,
        "output_line_step": line_step,
        "output_block_step": made_lines * line_step * blocks.block_strips,
        "odd_lines": lines.output_lines % 2 if stride == 1 else 0,
        "again": (2 * squares - 1) * _WORD if odd else 0,
        "output_again": (2 * squares - 1) * step if odd else 0,
        **walk("squares", squares, 2 * step, squares, 2 * _WORD),
        **walk("last_squares", 1, 2 * step, 1, 2 * _WORD),
        **walk("row", lines.output_length, 4 * step, groups, 4 * stride * _WORD),
    }


def _places(lines: _Lines, blocks: _Blocks, turned: bool) -> npt.NDArray[np.uint16]:
    """Where the input pixels of a block go, in the order in which they lie in memory."""
    reading = _reading(lines, blocks)
    count = max(
        reading["first_pixels"], 0 if blocks.whole else reading["block_pixels"] + reading["carried"]
    )
    pixel = np.arange(count)
    if turned:
        element, line = np.divmod(pixel, lines.lines)
    else:
        line, element = np.divmod(pixel, lines.length)
    line = line + lines.before_lines
    places = line // 2 * blocks.strip_bytes + line % 2 + _WORD * (element + lines.before)
    return np.asarray(places, np.uint16)


def _eligible(operator: Operator, source: Tensor, weights: Tensor) -> bool:
    assert operator.window is not None
    _, height, width, channels = weights.shape
    dilated = any(
        size > 1 and factor > 1
        for size, factor in zip((height, width), operator.window.dilation, strict=True)
    )
    return (
        source.dtype == "int8"
        # Weights of 4 bits are few here: they are stored as 8.
        and weights.dtype in ("int8", "int4")
        and source.shape[0] == 1
        and source.shape[3] == channels
        and height <= _SIDE
        and width <= _SIDE
        and operator.window.stride in ((1, 1), (2, 2))
        and not dilated
        and max(operator.window.padding.top, operator.window.padding.left) < _SIDE
    )


def _records(operator: Operator, graph: Graph) -> npt.NDArray[np.int32] | None:
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    assert filters.data is not None
    channels = source.shape[3]
    weights = filters.data.reshape(-1, channels).T
    bias = bias_of(graph, operator, 2, channels)
    return channel_records(
        folded_bias(bias, weights, source.zero_point),
        *channel_multipliers(source, filters, output, channels),
        output.zero_point,
        possible_sums(weights, bias, source.zero_point),
        hides_sign=output.zero_point == INT8_LIMITS[0],
    )


def _lines(operator: Operator, source: Tensor, output: Tensor) -> _Lines:
    assert operator.window is not None
    _, height, width, channels = source.shape
    _, output_height, output_width, _ = output.shape
    return _Lines(
        lines=height,
        length=width,
        output_lines=output_height,
        output_length=output_width,
        line_step=width * channels,
        step=channels,
        output_line_step=output_width * channels,
        output_step=channels,
        before_lines=operator.window.padding.top,
        before=operator.window.padding.left,
    )


def _by_channel(weights: Tensor, turned: bool) -> npt.NDArray[np.int8]:
    """``[channel][column][line]``, filled up with zeros to 3 by 3."""
    assert weights.data is not None
    channels = weights.shape[3]
    ordered = weights.data[0].transpose((2, 0, 1) if turned else (2, 1, 0))
    full = np.zeros((channels, _SIDE, _SIDE), np.int8)
    full[:, : ordered.shape[1], : ordered.shape[2]] = ordered
    return full.reshape(-1)


def _spread() -> npt.NDArray[np.uint8]:
    """Which weight each byte of a window is multiplied with; the kernel blanks out the others."""
    near = np.zeros(4 * _WORD, np.uint8)
    for column in range(_SIDE):
        near[_WORD * column :][:_SIDE] = np.arange(_SIDE) + _SIDE * column
    return np.concatenate([near, np.roll(near, _WORD)])


def _overlay(source: Tensor, lines: _Lines, blocks: _Blocks, stride: int) -> Overlay:
    """A channel's outputs never meet another channel's inputs if both lie whole pixels apart.

    A block is read before its first output is written; the blocks after it are needed.
    """
    channels = source.shape[3]
    distance = -source.bytes
    made_lines = 2 if stride == 1 else 1
    for strip in range(blocks.block_strips, blocks.strips, blocks.block_strips):
        needed = min(lines.lines, 2 * strip + 2 - lines.before_lines) * lines.length
        distance = max(distance, (made_lines * strip * lines.output_length - needed) * channels)
    return Overlay(distance, channels)
