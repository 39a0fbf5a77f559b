"""CONV_2D by Winograd's F(2x2, 3x3) on the DSP extension: fewer products for more flash.

Weights are transformed here, four times too large so that they stay integers: with G of Lavin and
Gray ("Fast algorithms for convolutional neural networks", 2016), ``(2 G) g (2 G)'`` is at most
``9 * 128``. Transformed inputs are at most ``4 * 128``. The kernel's sums may wrap on the way to an
output; four times the output's sum must fit into 32 bits, which is checked.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Array, Graph, Operator, Tensor, Window
from edgekd.export.c.lowering.dsp.convolution import fits, wrapped
from edgekd.export.c.lowering.dsp.requantization import (
    Channel,
    Requantization,
    channels_of,
    reach,
    requantization,
)
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_TILES = 3  # that the kernel computes together
_RELU_SHIFT = 12
_SCALE = 2  # bits by which transformed weights are too large
_SCRATCH = 2**14  # bytes that a layer may take
_WORTH_ITS_FLASH = 0.9  # of the instructions of the product of matrices, which takes half of it
_TWICE_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])


def convolution(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Of 3x3 with stride 1, for ``flash: speed``: 3.6 times the flash of int8 weights.

    ``None`` for other windows, channels that the kernel does not take, where no short
    requantization is exact, and where fewer than a tenth of the instructions would be saved.
    """
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    window = operator.window
    assert window is not None
    if flash != "speed" or not fits(source, weights, output) or not _suits(weights, window):
        return None
    assert weights.data is not None
    channels = channels_of(
        operator, graph, weights.data.reshape(len(weights.data), -1).astype(np.int64)
    )
    found = requantization(
        operator, graph, channels, shifts=range(_SCALE, 9), relu_shift=_RELU_SHIFT
    )
    if found is None or not _sums_fit(channels, found[1]):
        return None
    matrix = _matrix_instructions(weights, output, found[0])
    if _instructions(weights, output, found[0]) > _WORTH_ITS_FLASH * matrix:
        return None
    return _step(operator, graph, *found)


def transformed_weights(weights: Array) -> npt.NDArray[np.int16]:
    """``[channel pairs, positions, words, 2, 2]``, as the kernel reads them.

    A position is a row and a column of the transformed 4x4 window; a word has two input channels
    of one output channel: 0 and 2, then 1 and 3, of each four.

    Args:
        weights: ``[outputs, 3, 3, inputs]``, int8.
    """
    outputs, _, _, inputs = weights.shape
    whole = np.einsum("iy,oyxc,jx->oijc", _TWICE_G, weights.astype(np.int64), _TWICE_G)
    fours = whole.reshape(outputs, 16, inputs // 4, 4)[..., [0, 2, 1, 3]]
    pairs = fours.reshape(outputs // 2, 2, 16, inputs // 2, 2)
    return np.ascontiguousarray(pairs.transpose(0, 2, 3, 1, 4)).astype(np.int16)


def tile_overlay(source: Tensor, output: Tensor, window: Window) -> Overlay:
    """Three tiles are computed after all of their windows have been read."""
    _, _, width, channels = source.shape
    _, output_height, output_width, output_channels = output.shape
    rows, columns = (
        axis.reshape(-1)
        for axis in np.meshgrid(
            np.arange(0, output_height, 2), np.arange(0, output_width, 2), indexing="ij"
        )
    )
    top, left = (rows - window.padding.top).clip(0), (columns - window.padding.left).clip(0)
    needed = np.minimum.accumulate(((top * width + left) * channels)[::-1])[::-1]
    last = (rows + 1).clip(max=output_height - 1) * output_width
    written = (last + (columns + 1).clip(max=output_width - 1) + 1) * output_channels
    done = np.maximum.accumulate(written)
    following = np.arange(_TILES, len(needed), _TILES)
    return Overlay(max(0, int((done[following - 1] - needed[following]).max(initial=0))))


def _suits(weights: Tensor, window: Window) -> bool:
    outputs, height, width, inputs = weights.shape
    return (
        weights.dtype == "int8"
        and (height, width) == (3, 3)
        and window.stride == (1, 1)
        and window.dilation == (1, 1)
        and inputs % 8 == 0
        and outputs % 2 == 0
        and _scratch(inputs) <= _SCRATCH
    )


def _sums_fit(channels: list[Channel], each: list[Requantization]) -> bool:
    """The sum of a channel with a constant output does not matter."""
    limit = 2 ** (31 - _SCALE)
    return all(
        not one.multiplier or reach(channel, one) < limit
        for channel, one in zip(channels, each, strict=True)
    )


def _scratch(channels: int) -> int:
    """Bytes for three transformed windows, counts, and one pixel."""
    return 16 * (4 + 2 * _TILES * channels) + 4 + channels


def _tiles(output: Tensor) -> int:
    return -(-output.shape[1] // 2) * -(-output.shape[2] // 2)


def _instructions(weights: Tensor, output: Tensor, rounding: str) -> int:
    """Counted from the kernel's source; within 2 % of emulated layers."""
    outputs, _, _, inputs = weights.shape
    groups = -(-_tiles(output) // _TILES)
    product = 16 * (4 * inputs + 6 + inputs // 8)
    pixels = 2 * _TILES * (62 if rounding == "relu" else 70)
    return groups * (_TILES * (220 + 50 * inputs) + outputs // 2 * (product + pixels + 12))


def _matrix_instructions(weights: Tensor, output: Tensor, rounding: str) -> int:
    """Of the kernel for 16-bit weights, likewise."""
    outputs, _, _, inputs = weights.shape
    groups = -(-(output.shape[1] * output.shape[2]) // 3)
    pixels = 6 * (3 if rounding == "relu" else 5) + 46
    values = 9 * inputs
    return groups * (110 + values * 10 // 4 + outputs // 2 * (4 * values + values // 16 + pixels))


def _step(operator: Operator, graph: Graph, rounding: str, each: list[Requantization]) -> Step:
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    window = operator.window
    assert window is not None
    assert weights.data is not None
    inputs = source.shape[3]
    fours = inputs // 8
    fields: dict[str, int | float | str] = {
        "weights": "weights",
        "outputs": "outputs",
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": inputs,
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        "output_channels": output.shape[3],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
        "zero_point": source.zero_point,
        "count": fours + 2 * (fours % 2),
        "tiles": _tiles(output),
    }
    shifted = _SCALE if rounding == "relu" else 0
    words = [(one.multiplier, one.addend, one.shift - shifted, one.bias << _SCALE) for one in each]
    return Step(
        operator,
        (f"dsp/winograd_{rounding}", "dsp/winograd"),
        "edgekd_dsp_winograd({parameters}, {input0}, {output0}, {scratch}, "
        f"edgekd_dsp_winograd_{rounding});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", transformed_weights(weights.data).reshape(-1)),
            "outputs": Constant("bias", wrapped(words)),
        },
        parameters={"parameters": Parameters("edgekd_dsp_winograd", fields)},
        scratch_bytes=_scratch(inputs),
        overlays={0: tile_overlay(source, output, window)},
        macs=output.elements * math.prod(weights.shape[1:]),
        variant=f"dsp, Winograd F(2x2, 3x3), {rounding}",
    )
