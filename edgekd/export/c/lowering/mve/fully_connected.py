"""FULLY_CONNECTED on MVE, rounded once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import rescale_once
from edgekd.export.c.graph import Array, Graph, Operator, activation_limits
from edgekd.export.c.lowering.mve.requantization import INT8_LIMITS, Sums, possible_sums
from edgekd.export.c.lowering.requantization import (
    bias_of,
    channel_multipliers,
    dense_multipliers,
    folded_bias,
)
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_LANES = 16
_WIDE, _NARROW = 8, 4
_TOP_BYTE = 24
_STILL_SHIFT = 16
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class Scale:
    """``((high + addend) << shift) >> 24``, saturating, of the product's doubled high half."""

    multiplier: int
    addend: int
    shift: int


def fully_connected(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Eight outputs at a time where all numbers are whole and nothing is clamped, else four."""
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    assert weights.data is not None
    assert weights.quantization is not None
    if (source.dtype, weights.dtype) != ("int8", "int8"):
        return None
    outputs, inputs = weights.shape
    bias = bias_of(graph, operator, 2, outputs)
    sums = possible_sums(weights.data, bias, source.zero_point)
    if len(weights.quantization.scales) > 1:
        return _by_channel(operator, graph, sums)
    [multiplier], [shift] = dense_multipliers(source, weights, output)
    ends = (min(sums.low), max(sums.high))
    scale = rounded_once(int(multiplier), -int(shift), output.zero_point, ends)
    if scale is None:
        return None
    whole = outputs % _WIDE == 0 and inputs % _LANES == 0
    if whole and activation_limits(operator.activation, output) == INT8_LIMITS:
        chunks = _in_chunks(weights.data)
        return _step(operator, graph, f"fully_connected_{_WIDE}", scale, chunks)
    return _step(operator, graph, f"fully_connected_{_NARROW}", scale, weights.data)


def rounded_once(
    multiplier: int, right: int, zero_point: int, sums: tuple[int, int]
) -> Scale | None:
    """Scale of sums from the first to the last of ``sums``, ``right`` the right shift.

    ``None`` where the vector instructions would not round as one rounding over 64 bits.
    """
    low, high = sums
    if low < _INT32_MIN or high > _INT32_MAX:
        return None
    first, last = (_stored(value, multiplier, right, zero_point) for value in sums)
    if first == last:
        return Scale(0, first << _STILL_SHIFT, _TOP_BYTE - _STILL_SHIFT)
    if right < 1:
        return None
    addend = (zero_point << right) + (1 << (right - 1))
    least, largest = ((value * multiplier) >> 31 for value in sums)
    if least + addend < _INT32_MIN or largest + addend > _INT32_MAX or abs(addend) > _INT32_MAX:
        return None
    return Scale(multiplier, addend, _TOP_BYTE - right)


def _stored(value: int, multiplier: int, right: int, zero_point: int) -> int:
    rescaled = rescale_once(value, multiplier, -right)
    return min(max(rescaled + zero_point, INT8_LIMITS[0]), INT8_LIMITS[1])


def _by_channel(operator: Operator, graph: Graph, sums: Sums) -> Step | None:
    """Each output has a scale of its own."""
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    outputs = weights.shape[0]
    records = np.zeros((-(-outputs // _NARROW) * _NARROW, 3), np.int32)
    each = zip(
        *channel_multipliers(source, weights, output, outputs), sums.low, sums.high, strict=True
    )
    for index, (multiplier, shift, *ends) in enumerate(each):
        scale = rounded_once(int(multiplier), -int(shift), output.zero_point, (ends[0], ends[1]))
        if scale is None:
            return None
        records[index] = (scale.multiplier, scale.addend, scale.shift)
    assert weights.data is not None
    step = _step(operator, graph, "fully_connected_channels", Scale(0, 0, 0), weights.data)
    by_fours = records.reshape(-1, _NARROW, 3).transpose(0, 2, 1).reshape(-1)
    return replace(
        step,
        call=step.call.replace("{parameters}, ", "{parameters}, {scales}, "),
        constants={**step.constants, "scales": Constant("bias", by_fours)},
    )


def _step(operator: Operator, graph: Graph, kernel: str, scale: Scale, weights: Array) -> Step:
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    assert filters.data is not None
    outputs, inputs = filters.shape
    rows = source.elements // inputs
    bias = np.zeros(-(-outputs // _NARROW) * _NARROW, np.int32)
    bias[:outputs] = folded_bias(
        bias_of(graph, operator, 2, outputs), filters.data, source.zero_point
    )
    minimum, maximum = activation_limits(operator.activation, output)
    fields: dict[str, int | float | str] = {
        "weights": "weights",
        "bias": "bias",
        "rows": rows,
        "inputs": inputs,
        "outputs": outputs,
        **vars(scale),
        "minimum": minimum,
        "maximum": maximum,
    }
    return Step(
        operator,
        (f"mve/{kernel}",),
        f"edgekd_mve_{kernel}({{parameters}}, {{input0}}, {{output0}});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", weights.reshape(-1).astype(np.int8)),
            "bias": Constant("bias", bias),
        },
        parameters={"parameters": Parameters("edgekd_mve_fully_connected", fields)},
        # The whole of a row is read until its last output is written.
        overlays={0: Overlay(max(outputs, rows * outputs - (rows - 1) * inputs))},
        macs=output.elements * inputs,
        variant=f"mve, {_WIDE if kernel.endswith('8') else _NARROW} outputs at a time",
    )


def _in_chunks(weights: Array) -> npt.NDArray[np.int8]:
    """``[outputs / 8][inputs / 16][8][16]``."""
    outputs, inputs = weights.shape
    split = weights.reshape(outputs // _WIDE, _WIDE, inputs // _LANES, _LANES)
    return np.asarray(split.transpose(0, 2, 1, 3), np.int8)
