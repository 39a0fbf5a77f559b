"""CONV_2D by the DSP kernels: a product of matrices over columns of three output pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Array, Graph, Operator, Tensor, Window
from edgekd.export.c.lowering.dsp.requantization import (
    Int64,
    Requantization,
    channels_of,
    reach,
    requantization,
    signed_requantizations,
)
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_PIXELS = 3
_JOINT = 8  # bits by which the second channel of a halfword is shifted
_INT4_SCALE = 4  # bits by which unpacked weights are too large
_RELU_SHIFT = 12
_LARGEST = 2**15 - 1  # of the sizes in the kernel's parameters


@dataclass(frozen=True)
class _Tile:
    """Weights and constants as a kernel of three pixels and two channels wants them.

    Attributes:
        kind: the kernel.
        block: halfwords of weights for four values and two channels.
        outputs: for each two channels initial sums, then multiplier, addend and shift of both.
        description: for the report.
        panel: bytes of scratch for unpacked weights, for each value of a window.
    """

    kind: str
    block: int
    weights: npt.NDArray[np.int16]
    outputs: npt.NDArray[np.int32]
    description: str
    panel: int = 0


def convolution(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Two output channels in each halfword of the weights, or wider ones where flash allows.

    Wider ones too for a weight of -128 in a second channel and for sums of 24 bits or more.
    ``None`` for groups, one output channel, and where no short requantization is exact.
    """
    source, weights, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    if not fits(source, weights, output):
        return None
    assert weights.data is not None
    values = weights.data.reshape(len(weights.data), -1).astype(np.int64)
    channels = channels_of(operator, graph, values)
    found = requantization(
        operator, graph, channels, shifts=range(2, _JOINT + 1), relu_shift=_RELU_SHIFT
    )
    if found is None:
        return None
    rounding, each = found
    columns = window_columns(weights.data)
    if weights.dtype == "int4":
        signed = signed_requantizations(channels, output.zero_point)
        return None if signed is None else _step(operator, graph, _int4_tile(signed, columns))
    tile = None
    if flash == "size" and all(reach(*pair) < 2**23 for pair in zip(channels, each, strict=True)):
        tile = _joint_tile(rounding, each, columns)
    return _step(operator, graph, tile or _wide_tile(rounding, each, columns))


def _joint_tile(rounding: str, each: list[Requantization], columns: Int64) -> _Tile | None:
    packed = joint_weights(columns, channel_pairs(len(each)))
    if packed is None:
        return None
    words = []
    for first, second in channel_pairs(len(each)):
        a, b = each[first], each[second]
        # The second channel's sum lies 8 bits up already.
        shift = _JOINT - b.shift if rounding == "relu" else b.shift
        sums = (a.bias, (b.bias << _JOINT) + a.bias)
        words.append((*sums, a.multiplier, a.addend, a.shift, b.multiplier, b.addend, shift))
    description = f"dsp, two channels in a halfword, {rounding}"
    return _Tile(f"joint_{rounding}", 4, packed, wrapped(words), description)


def _wide_tile(rounding: str, each: list[Requantization], columns: Int64) -> _Tile:
    """Weights and biases already shifted; the doubling of signed rounding is such a shift."""
    left = [one.shift if rounding == "relu" else 1 for one in each]
    pairs = channel_pairs(len(each))
    shifted = (columns << np.array(left)[:, None]).reshape(len(each), -1, 2)
    weights = np.stack([shifted[list(pair)].swapaxes(0, 1) for pair in pairs])
    words = []
    for first, second in pairs:
        a, b = each[first], each[second]
        sums = (a.bias << left[first], b.bias << left[second])
        words.append((*sums, a.multiplier, a.addend, a.shift, b.multiplier, b.addend, b.shift))
    description = f"dsp, 16-bit weights, {rounding}"
    flat = weights.astype(np.int16).reshape(-1)
    return _Tile(f"wide_{rounding}", 8, flat, wrapped(words), description)


def _int4_tile(each: list[Requantization], columns: Int64) -> _Tile:
    """Two channels' values in a byte, which the kernel makes wider, sixteen times too large."""
    # The kernel takes bytes 0 and 2 of a word, then 1 and 3.
    fours = columns.reshape(len(each), -1, 4)[..., [0, 2, 1, 3]].reshape(len(each), -1)
    pairs = channel_pairs(len(each))
    packed = np.stack([(fours[first] & 15) | (fours[second] & 15) << 4 for first, second in pairs])
    words = []
    for first, second in pairs:
        a, b = each[first], each[second]
        sums = (a.bias << _INT4_SCALE, b.bias << _INT4_SCALE)
        words.append((*sums, a.multiplier, a.addend, a.shift, b.multiplier, b.addend, b.shift))
    flat = packed.astype(np.uint8).reshape(-1).view(np.int16)
    return _Tile("int4", 2, flat, wrapped(words), "dsp, 4-bit weights", 4)


def wrapped(words: object) -> npt.NDArray[np.int32]:
    """Flat 32-bit words of numbers that may need more."""
    return np.array(words, np.int64).astype(np.uint32).view(np.int32).reshape(-1)


def fits(source: Tensor, weights: Tensor, output: Tensor) -> bool:
    """Whether types and sizes are what the kernel takes."""
    sizes = (*source.shape, *weights.shape, *output.shape)
    return (
        (source.dtype, output.dtype) == ("int8", "int8")
        and weights.dtype in ("int8", "int4")
        and source.shape[0] == 1
        and source.shape[3] == weights.shape[3]
        and weights.shape[0] > 1
        and max(sizes) <= _LARGEST
    )


def channel_pairs(count: int) -> list[tuple[int, int]]:
    """Channels that share halfwords: 0 and 1, 2 and 3 ...; of an odd count 0 and 1, 1 and 2 ..."""
    pairs = [(first, first + 1) for first in range(count % 2, count, 2)]
    return [(0, 1), *pairs] if count % 2 else pairs


def window_columns(weights: Array) -> Int64:
    """``[outputs, values]`` in the order of the kernel's columns, zeros where these repeat.

    Each row of a window is one run of bytes, read by fours. The last four end where the run ends.

    Args:
        weights: ``[outputs, height, width, channels]``.
    """
    outputs, height = weights.shape[:2]
    rows = weights.reshape(outputs, height, -1).astype(np.int64)
    run = rows.shape[2]
    padding = -run % 4
    whole = run - run % 4
    gap = padding if whole else 0
    # Where a run is shorter than four, nothing is before it to repeat: zeros follow.
    before = np.zeros((outputs, height, gap), np.int64)
    after = np.zeros((outputs, height, padding - gap), np.int64)
    filled = np.concatenate([rows[..., :whole], before, rows[..., whole:], after], axis=2)
    fours = filled.reshape(outputs, -1, 4)
    columns: Int64 = fours[..., [0, 2, 1, 3]].reshape(outputs, -1)
    return columns


def joint_weights(columns: Int64, pairs: list[tuple[int, int]]) -> npt.NDArray[np.int16] | None:
    """``256 * second + first`` of each two channels; ``None`` where that is not 16 bits."""
    joint = np.stack([(columns[second] << _JOINT) + columns[first] for first, second in pairs])
    return None if joint.min() < -(2**15) else joint.astype(np.int16).reshape(-1)


def column_overlay(source: Tensor, output: Tensor, window: Window) -> Overlay:
    """Pixels are computed three at a time, after all of their windows have been read."""
    _, _, width, channels = source.shape
    _, output_height, output_width, output_channels = output.shape
    top = np.arange(output_height) * window.stride[0] - window.padding.top
    left = np.arange(output_width) * window.stride[1] - window.padding.left
    first = (top.clip(min=0)[:, None] * width + left.clip(min=0)[None, :]).reshape(-1)
    needed = np.minimum.accumulate(first[::-1])[::-1] * channels
    done = np.arange(_PIXELS, len(needed), _PIXELS)
    distances = done * output_channels - needed[done]
    return Overlay(max(0, int(distances.max(initial=0))))


def _step(operator: Operator, graph: Graph, tile: _Tile) -> Step:
    source, kernel, output = (graph.tensors[i] for i in (*operator.inputs[:2], *operator.outputs))
    window = operator.window
    assert window is not None
    _, kernel_height, kernel_width, channels = kernel.shape
    run = -(-kernel_width * channels // 4) * 4
    fields: dict[str, int | float | str] = {
        "weights": "weights",
        "outputs": "outputs",
        "input_height": source.shape[1],
        "input_width": source.shape[2],
        "input_channels": channels,
        "output_width": output.shape[2],
        "output_channels": output.shape[3],
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
        "dilation_height": window.dilation[0],
        "dilation_width": window.dilation[1],
        "padding_top": window.padding.top,
        "padding_left": window.padding.left,
        "zero_point": source.zero_point,
        "block": tile.block,
        "run": run,
        "pixels": output.shape[1] * output.shape[2],
    }
    return Step(
        operator,
        (f"dsp/tile_{tile.kind}", "dsp/convolution"),
        "edgekd_dsp_convolution({parameters}, {input0}, {output0}, {scratch}, "
        f"edgekd_dsp_tile_{tile.kind});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", tile.weights),
            "outputs": Constant("bias", tile.outputs),
        },
        parameters={"parameters": Parameters("edgekd_dsp_convolution", fields)},
        scratch_bytes=(4 + 2 * _PIXELS * kernel_height) * run + tile.panel * kernel_height * run,
        overlays={0: column_overlay(source, output, window)},
        macs=output.elements * kernel_height * kernel_width * channels,
        variant=tile.description,
    )
