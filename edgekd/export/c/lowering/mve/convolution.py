"""CONV_2D on MVE: directly from the input where windows are single pixels, else by strips."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Array, Graph, Operator, Padding, Tensor, Window
from edgekd.export.c.lowering.mve.pixels import GROUP, LANES, Matrix, matrix
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

# Strips are made narrower rather than larger than this.
_STRIP_BYTES = 2048
# Of 4-bit weights in the scratch, at a time.
_UNPACKED_BYTES = 4096


@dataclass(frozen=True)
class _Strip:
    rows: int
    width: int
    block_bytes: int


def pointwise(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """A kernel of 1 by 1 without padding."""
    source, weights, output, window = _parts(operator, graph)
    if not _eligible(source, weights) or weights.shape[1:3] != (1, 1):
        return None
    if window.padding != Padding():
        return None
    assert weights.data is not None
    product = matrix(operator, graph, weights.data.reshape(weights.shape[0], -1))
    if product is None:
        return None
    _, _, input_width, channels = source.shape
    _, height, width, _ = output.shape
    step = window.stride[1] * channels
    jump = window.stride[0] * input_width * channels - (width - 1) * step
    if jump == step:
        height, width = 1, height * width
    starts = [
        y * (jump + (width - 1) * step) + x * step for y in range(height) for x in range(width)
    ]
    return Step(
        operator,
        ("mve/pixels", f"mve/{product.kernel}"),
        f"edgekd_mve_pixels({{parameters}}, {{input0}}, {{output0}}, {height}, {width}, "
        f"edgekd_mve_{product.kernel});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants=product.constants,
        parameters={
            "parameters": Parameters(
                "edgekd_mve_pixels", {**product.fields, "step": step, "jump": jump}
            )
        },
        overlays={0: _pointwise_overlay(starts, output.shape[3])},
        macs=output.elements * channels,
        variant="mve, 4 pixels by 2 channels",
    )


def by_strips(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Any kernel that is not dilated along the width."""
    source, weights, _, window = _parts(operator, graph)
    if not _eligible(source, weights) or not _strips_apply(source, weights, window):
        return None
    product = matrix(operator, graph, _by_column(weights))
    return None if product is None else _strip_step(operator, graph, product)


def by_strips_int4(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """As :func:`by_strips`, with weights of 4 bits: block by block of output channels."""
    source, weights, _, window = _parts(operator, graph)
    if weights.dtype != "int4" or not _eligible(source, replace(weights, dtype="int8")):
        return None
    if not _strips_apply(source, weights, window) or weights.shape[0] % 2:
        return None
    by_column = _by_column(weights)
    pair = 2 * by_column.shape[1]
    # A block is whole vectors of the packed weights.
    unit = math.lcm(pair, 2 * LANES)
    block = min(max(_UNPACKED_BYTES // unit * unit, unit), by_column.size)
    product = matrix(operator, graph, by_column, -(-block // pair))
    return None if product is None else _int4_step(_strip_step(operator, graph, product), block)


def _int4_step(step: Step, block: int) -> Step:
    """The step of 8-bit weights, with ``block`` weights at a time unpacked behind the strip."""
    weights = step.constants["weights"].values
    fields: dict[str, int | float | str] = {
        f"convolution.{name}": 0 if name == "pixels.weights" else value
        for name, value in step.parameters["parameters"].fields.items()
    }
    depth = int(fields["convolution.pixels.depth"])
    fields |= {"packed": "packed", "weights": weights.size}
    fields |= {"block_weights": block, "block_pairs": block // (2 * depth)}
    kept = {name: constant for name, constant in step.constants.items() if name != "weights"}
    return replace(
        step,
        kernels=("mve/convolution_int4", *step.kernels[1:]),
        call=step.call.replace("edgekd_mve_convolution", "edgekd_mve_convolution_int4", 1),
        constants={**kept, "packed": Constant("weights", _packed(weights))},
        parameters={"parameters": Parameters("edgekd_mve_convolution_int4", fields)},
        scratch_bytes=step.scratch_bytes + -(-block // (2 * LANES)) * 2 * LANES,
        # The whole input is read for each block.
        overlays={},
        variant=f"{step.variant}, 4-bit weights unpacked by blocks",
    )


def _strips_apply(source: Tensor, weights: Tensor, window: Window) -> bool:
    channels = source.shape[3]
    # A narrow vector is scattered by offsets of 8 bits.
    far = channels < LANES and _offsets(channels, weights.shape[1] * channels)[-1] > 255
    return window.dilation[1] == 1 and not far


def _by_column(weights: Tensor) -> Array:
    """``[output channels, products]``, products in the order in which strips hold the input."""
    assert weights.data is not None
    return weights.data.transpose(0, 2, 1, 3).reshape(weights.shape[0], -1)


def _packed(weights: Array) -> npt.NDArray[np.uint8]:
    """Two weights a byte: of 32 that follow each other, the first 16 in the lower halves."""
    filled = np.zeros(-(-weights.size // (2 * LANES)) * 2 * LANES, np.uint8)
    filled[: weights.size] = weights.astype(np.int8).view(np.uint8) & 15
    low, high = filled.reshape(-1, 2, LANES).transpose(1, 0, 2)
    return np.asarray(low | high << 4, np.uint8).reshape(-1)


def _strip_step(operator: Operator, graph: Graph, product: Matrix) -> Step:
    source, weights, output, window = _parts(operator, graph)
    channels = source.shape[3]
    column = weights.shape[1] * channels
    strip = _strip(output, window.stride[1], weights.shape[2], column)
    fill = "fill_narrow" if channels < LANES else "fill_wide"
    cells = max(1, LANES // channels)
    step = window.stride[1] * column
    product_fields = {
        **product.fields,
        "step": step,
        "jump": strip.block_bytes - (strip.width - 1) * step,
    }
    fields = {
        **{f"pixels.{name}": value for name, value in product_fields.items()},
        "offsets": "offsets",
        "lanes": cells * channels,
        "skip": cells * column,
        "column_bytes": column,
        "block_bytes": strip.block_bytes,
        **_sizes(source, weights, output, window),
        "rows": strip.rows,
        "width": strip.width,
    }
    offsets = np.array(_offsets(channels, column) if channels < LANES else range(LANES), np.uint8)
    return Step(
        operator,
        ("mve/convolution", f"mve/{fill}", f"mve/{product.kernel}"),
        "edgekd_mve_convolution({parameters}, {input0}, {output0}, {scratch}, "
        f"edgekd_mve_{fill}, edgekd_mve_{product.kernel});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={**product.constants, "offsets": Constant("table", offsets)},
        parameters={"parameters": Parameters("edgekd_mve_convolution", fields)},
        scratch_bytes=strip.rows * strip.block_bytes,
        overlays={0: _strip_overlay(source, output, window, strip)},
        macs=output.elements * weights.shape[1] * weights.shape[2] * channels,
        variant="mve, strips, 4 pixels by 2 channels",
    )


def _sizes(source: Tensor, weights: Tensor, output: Tensor, window: Window) -> dict[str, int]:
    return {
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": source.shape[3],
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        "kernel_height": weights.shape[1],
        "kernel_width": weights.shape[2],
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
        "dilation_height": window.dilation[0],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
        "zero_point": source.zero_point,
    }


def _strip(output: Tensor, stride: int, kernel_width: int, column: int) -> _Strip:
    """Whole rows where they fit, several where they fill groups of pixels better."""
    _, height, width, _ = output.shape

    def block(pixels: int) -> int:
        return ((pixels - 1) * stride + kernel_width) * column

    def groups(rows: int) -> int:
        whole, rest = divmod(height, rows)
        return whole * -(-rows * width // GROUP) + -(-rest * width // GROUP)

    if block(width) > _STRIP_BYTES:
        fitting = (_STRIP_BYTES // column - kernel_width) // stride + 1
        narrow = min(width, max(GROUP, fitting // GROUP * GROUP))
        return _Strip(1, narrow, block(narrow))
    possible = [n for n in range(1, GROUP + 1) if n <= height and n * block(width) <= _STRIP_BYTES]
    return _Strip(min(possible, key=groups), width, block(width))


def _offsets(channels: int, column: int) -> list[int]:
    """Where the bytes of a vector of neighbouring pixels go."""
    return [lane // channels * column + lane % channels for lane in range(LANES)]


def _pointwise_overlay(starts: list[int], output_channels: int) -> Overlay:
    """Four pixels are read until their last channel is written."""
    return Overlay(
        max(
            min(first + GROUP, len(starts)) * output_channels - starts[first]
            for first in range(0, len(starts), GROUP)
        )
    )


def _strip_overlay(source: Tensor, output: Tensor, window: Window, strip: _Strip) -> Overlay:
    """A strip is copied before its first output is written; the strips after it are needed."""
    _, input_height, input_width, channels = source.shape
    _, height, width, output_channels = output.shape
    needed, written = [], []
    for y in range(0, height, strip.rows):
        row = min(input_height, max(0, y * window.stride[0] - window.padding.top))
        for x in range(0, width, strip.width):
            column = max(0, x * window.stride[1] - window.padding.left)
            needed.append((row * input_width + column) * channels)
            rows = min(strip.rows, height - y)
            written.append((y * width + rows * min(width, x + strip.width)) * output_channels)
    # A strip further down may begin further to the left in the same input row.
    for index in range(len(needed) - 2, -1, -1):
        needed[index] = min(needed[index], needed[index + 1])
    distances = [end - first for end, first in zip(written, needed[1:], strict=False)]
    return Overlay(max(distances, default=written[-1] - source.bytes))


def _eligible(source: Tensor, weights: Tensor) -> bool:
    """Int8 with int8, one image, and all input channels for each output."""
    return (
        (source.dtype, weights.dtype) == ("int8", "int8")
        and source.shape[0] == 1
        and source.shape[3] == weights.shape[3]
    )


def _parts(operator: Operator, graph: Graph) -> tuple[Tensor, Tensor, Tensor, Window]:
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    assert operator.window is not None
    return source, weights, graph.tensors[operator.outputs[0]], operator.window
