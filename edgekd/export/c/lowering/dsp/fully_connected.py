"""FULLY_CONNECTED by the DSP kernels: eight outputs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Array, Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.dsp.convolution import joint_weights, window_columns, wrapped
from edgekd.export.c.lowering.requantization import (
    bias_of,
    dense_multipliers,
    folded_bias,
)
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_GROUP = 8
_JOINT = 8  # bits by which the second channel of a halfword is shifted
_INT4_SCALE = 4  # bits by which unpacked weights are too large
_WIDENED = 128  # inputs up to which 16-bit copies are worth their scratch
_LARGEST = 2**15 - 1  # of the sizes in the kernel's parameters
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Stored:
    """Weights and initial sums as a kernel wants them.

    Attributes:
        block: halfwords of weights for one output and four inputs.
    """

    kind: str
    block: int
    weights: npt.NDArray[np.int16]
    sums: npt.NDArray[np.int32]
    description: str


def fully_connected(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Two outputs in each halfword of the weights, or wider ones where flash allows.

    Wider ones too for a weight of -128 in a second channel and for sums of 24 bits or more.
    ``None`` for few outputs that would need groups of eight, factors of a quarter or more, and
    limits inside int8.
    """
    source, weights = (graph.tensors[i] for i in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    if not _fits(operator, source, weights, output):
        return None
    assert weights.data is not None
    channels = weights.shape[0]
    bias = folded_bias(bias_of(graph, operator, 2, channels), weights.data, source.zero_point)
    columns = _columns(weights.data)
    stored = _stored(weights.dtype, flash, columns, bias)
    constants = _outputs(source, weights, output)
    if stored is None or constants is None:
        return None
    return _step(operator, graph, stored, constants)


def _stored(dtype: str, flash: Flash, columns: Int64, bias: Array) -> _Stored | None:
    many = len(columns) >= _GROUP
    if dtype == "int4":
        return _int4(columns, bias) if many else None
    joint = None if flash == "speed" and many else _joint(columns, bias)
    return _wide(columns, bias) if joint is None and many else joint


def _fits(operator: Operator, source: Tensor, weights: Tensor, output: Tensor) -> bool:
    return (
        (source.dtype, output.dtype) == ("int8", "int8")
        and weights.dtype in ("int8", "int4")
        and weights.data is not None
        and weights.shape[0] > 1
        and max(*weights.shape, source.elements // weights.shape[1]) <= _LARGEST
        and activation_limits(operator.activation, output) == (-128, 127)
    )


def _columns(weights: Array) -> Int64:
    """``[outputs, inputs]`` in the kernel's order, zeros up to a multiple of four."""
    channels, inputs = weights.shape
    padded = np.pad(weights, ((0, 0), (0, -inputs % 4)))
    return window_columns(padded.reshape(channels, 1, -1, 1))


def _joint(columns: Int64, bias: Array) -> _Stored | None:
    """Whole groups, four inputs of each pair in turn; then the pairs that are left, each whole."""
    channels = len(columns)
    pairs = [(first, first + 1) for first in range(0, channels - 1, 2)]
    if channels % 2:
        # The last goes with the one before it.
        pairs.append((channels - 2, channels - 1))
    packed = joint_weights(columns, pairs)
    reach = np.abs(columns).sum(axis=1) * 128 + np.abs(bias.astype(np.int64))
    if packed is None or reach.max() >= 2**23:
        return None
    fours = packed.reshape(len(pairs), -1, 4)
    grouped = channels // _GROUP * _GROUP // 2
    weights = np.concatenate([_by_fours(fours[:grouped], _GROUP // 2), fours[grouped:].reshape(-1)])
    sums = [(bias[first], (int(bias[second]) << _JOINT) + bias[first]) for first, second in pairs]
    return _Stored("joint", 2, weights, wrapped(sums), "two channels in a halfword")


def _int4(columns: Int64, bias: Array) -> _Stored | None:
    """Groups as of wide weights; two outputs in a byte, sums sixteen times too large."""
    order = _groups(len(columns))
    # The kernel takes bytes 0 and 2 of a word, then 1 and 3.
    fours = columns[order].reshape(len(order) // 2, 2, -1, 4)[..., [0, 2, 1, 3]]
    packed = ((fours[:, 0] & 15) | (fours[:, 1] & 15) << 4).astype(np.uint8, "C").view(np.int16)
    scaled = bias[order].astype(np.int64) << _INT4_SCALE
    reach = np.abs(columns).sum(axis=1) * 128 + np.abs(bias.astype(np.int64))
    if reach.max() << _INT4_SCALE >= 2**31:
        return None
    weights = _by_fours(packed, _GROUP // 2)
    return _Stored("int4", 1, weights, wrapped(scaled), "4-bit weights")


def _groups(channels: int) -> Int64:
    """Outputs in the order of groups of eight, the last one of the last eight outputs."""
    order = np.arange(channels // _GROUP * _GROUP)
    rest = np.arange(channels - _GROUP, channels) if channels % _GROUP else order[:0]
    return np.append(order, rest)


def _wide(columns: Int64, bias: Array) -> _Stored:
    """Groups; each output's weights by themselves."""
    order = _groups(len(columns))
    fours = columns[order].astype(np.int16).reshape(len(order), -1, 4)
    return _Stored("wide", 4, _by_fours(fours, _GROUP), wrapped(bias[order]), "16-bit weights")


def _by_fours(fours: npt.NDArray[np.int16], group: int) -> npt.NDArray[np.int16]:
    """``[rows, blocks, ...]``, of each group of rows the first blocks, then the second ..."""
    return fours.reshape(-1, group, *fours.shape[1:]).swapaxes(1, 2).reshape(-1)


def _outputs(source: Tensor, weights: Tensor, output: Tensor) -> npt.NDArray[np.int32] | None:
    """Multiplier, addend and shift, of each output or of all; ``None`` for large factors.

    Rounding once, half up, is ``floor((sum * multiplier + 2**(30 + s)) / 2**(31 + s))``: the high
    word of the product, an addend, and a shift by s - 1.
    """
    multiplier, shift = dense_multipliers(source, weights, output)
    if shift.max() > -2 or shift.min() < -22:
        return None
    right = -shift.astype(np.int64) + (_INT4_SCALE if weights.dtype == "int4" else 0)
    addend = (output.zero_point << (right - 1)) + (1 << (right - 2))
    return wrapped(np.stack([multiplier.astype(np.int64), addend, right - 1], axis=1))


def _step(
    operator: Operator, graph: Graph, stored: _Stored, constants: npt.NDArray[np.int32]
) -> Step:
    channels, inputs = graph.tensors[operator.inputs[1]].shape
    rows = graph.tensors[operator.inputs[0]].elements // inputs
    blocks = -(-inputs // 4)
    widened = inputs <= _WIDENED and channels >= _GROUP
    kernel = f"group_{stored.kind}_{'halfwords' if widened else 'bytes'}"
    fields: dict[str, int | float | str] = {
        "weights": "weights",
        "sums": "sums",
        "outputs": "outputs",
        "rows": rows,
        "inputs": inputs,
        "channels": channels,
        "blocks": blocks,
        "step": 12 if len(constants) > 3 else 0,
        "widened": int(widened),
        "block": stored.block,
        "joint": int(stored.kind == "joint"),
    }
    return Step(
        operator,
        (f"dsp/{kernel}", "dsp/fully_connected"),
        "edgekd_dsp_fully_connected({parameters}, {input0}, {output0}, {scratch}, "
        f"edgekd_dsp_{kernel});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", stored.weights),
            "sums": Constant("bias", stored.sums),
            "outputs": Constant("bias", constants),
        },
        parameters={"parameters": Parameters("edgekd_dsp_fully_connected", fields)},
        # The kernel takes its address even where it needs none.
        scratch_bytes=max(4, (8 * blocks if widened else 0) + (4 * blocks if inputs % 4 else 0)),
        # The whole of a row is read until its last output is written.
        overlays={0: Overlay(max(channels, rows * channels - (rows - 1) * inputs))},
        macs=rows * channels * inputs,
        variant=f"dsp, {stored.description}",
    )
