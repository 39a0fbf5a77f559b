"""FULLY_CONNECTED on MVE: one scale for all outputs, rounded once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import rescale_once
from edgekd.export.c.graph import Array, Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.mve_requantization import INT8_LIMITS, Sums, possible_sums
from edgekd.export.c.lowering.requantization import bias_of, folded_bias, multipliers
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_LANES = 16
_WIDE, _NARROW = 8, 4
_TOP_BYTE = 24
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


@dataclass(frozen=True)
class _Scale:
    multiplier: int
    addend: int
    shift: int


def fully_connected(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Eight outputs at a time where all numbers are whole and nothing is clamped, else four."""
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    assert weights.data is not None
    assert weights.quantization is not None
    if (source.dtype, weights.dtype) != ("int8", "int8") or len(weights.quantization.scales) > 1:
        return None
    outputs, inputs = weights.shape
    rows = source.elements // inputs
    bias = bias_of(graph, operator, 2, outputs)
    scale = _scale(source, weights, output, possible_sums(weights.data, bias, source.zero_point))
    if scale is None:
        return None
    minimum, maximum = activation_limits(operator.activation, output)
    whole = outputs % _WIDE == 0 and inputs % _LANES == 0
    wide = whole and (minimum, maximum) == INT8_LIMITS
    folded = np.zeros(-(-outputs // _NARROW) * _NARROW, np.int32)
    folded[:outputs] = folded_bias(bias, weights.data, source.zero_point)
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
    kernel = f"fully_connected_{_WIDE if wide else _NARROW}"
    return Step(
        operator,
        (f"mve/{kernel}",),
        f"edgekd_mve_{kernel}({{parameters}}, {{input0}}, {{output0}});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": Constant("weights", _in_chunks(weights.data) if wide else _flat(weights)),
            "bias": Constant("bias", folded),
        },
        parameters={"parameters": Parameters("edgekd_mve_fully_connected", fields)},
        # The whole of a row is read until its last output is written.
        overlays={0: Overlay(max(outputs, rows * outputs - (rows - 1) * inputs))},
        macs=output.elements * inputs,
        variant=f"mve, {_WIDE if wide else _NARROW} outputs",
    )


def _scale(source: Tensor, weights: Tensor, output: Tensor, sums: Sums) -> _Scale | None:
    """``None`` where the vector instructions would not round as one rounding over 64 bits."""
    # GetQuantizedConvolutionMultipler multiplies the two scales in float32.
    product = float(np.float32(source.scale) * np.float32(weights.scale))
    [multiplier], [shift] = multipliers([product / output.scale])
    right = -int(shift)
    low, high = min(sums.low), max(sums.high)
    if right < 1 or low < _INT32_MIN or high > _INT32_MAX:
        return None
    addend = (output.zero_point << right) + (1 << (right - 1))
    least, largest = (rescale_once(value, int(multiplier), 0) for value in (low, high))
    if least - 1 + addend < _INT32_MIN or largest + 1 + addend > _INT32_MAX:
        return None
    if abs(addend) > _INT32_MAX:
        return None
    return _Scale(int(multiplier), addend, _TOP_BYTE - right)


def _flat(weights: Tensor) -> npt.NDArray[np.int8]:
    assert weights.data is not None
    return weights.data.reshape(-1).astype(np.int8)


def _in_chunks(weights: Array) -> npt.NDArray[np.int8]:
    """``[outputs / 8][inputs / 16][8][16]``."""
    outputs, inputs = weights.shape
    split = weights.reshape(outputs // _WIDE, _WIDE, inputs // _LANES, _LANES)
    return split.transpose(0, 2, 1, 3).reshape(-1).astype(np.int8)
