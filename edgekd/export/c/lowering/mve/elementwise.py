"""ADD, SUB and MUL of tensors of one shape on MVE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekd.export.c.graph import Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.mve.requantization import INT8_LIMITS, requantized
from edgekd.export.c.lowering.requantization import multipliers
from edgekd.export.c.lowering.sums import Int64, all_sums
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_TOP_BYTE = 24
_REACH = 4
_MOST_SHIFT = 5
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Plane:
    """``(left * left_factor + right * right_factor + addend) >> (24 - shift)``, clamped to int8."""

    left_factor: int
    right_factor: int
    addend: int
    shift: int


def add(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """ADD and SUB, where one plane gives TensorFlow Lite's output for every pair of inputs."""
    tensors = _same_shape(operator, graph)
    if tensors is None:
        return None
    left, right, output = tensors
    limits = activation_limits(operator.activation, output)
    sign = -1 if operator.kind == "SUB" else 1
    wanted = all_sums(left, right, output, sign).clip(*INT8_LIMITS)
    slopes = (left.scale / output.scale, sign * right.scale / output.scale)
    plane = find_plane(wanted, slopes)
    if plane is None:
        return None
    minimum, maximum = limits
    fields = {"count": output.elements, **vars(plane), "minimum": minimum, "maximum": maximum}
    kernel = "add_whole" if limits == INT8_LIMITS else "add_clamped"
    return _step(operator, graph, (kernel, "add"), fields, "mve, a plane")


def multiply(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """MUL."""
    tensors = _same_shape(operator, graph)
    if tensors is None:
        return None
    left, right, output = tensors
    # The kernel computes this factor in float32.
    factor = np.float32(left.scale) * np.float32(right.scale) / np.float32(output.scale)
    [multiplier], [shift] = multipliers([float(factor)])
    ends = [
        (a - left.zero_point) * (b - right.zero_point) for a in INT8_LIMITS for b in INT8_LIMITS
    ]
    record = requantized(
        int(multiplier), -int(shift), output.zero_point, (min(ends), max(ends)), hides_sign=False
    )
    if record is None:
        return None
    minimum, maximum = activation_limits(operator.activation, output)
    fields = {
        "count": output.elements,
        "left_zero_point": left.zero_point,
        "right_zero_point": right.zero_point,
        **dict(zip(("multiplier", "addend", "shift"), record, strict=True)),
        "minimum": minimum,
        "maximum": maximum,
    }
    return _step(operator, graph, ("multiply", "multiply"), fields, "mve")


def find_plane(wanted: Int64, slopes: tuple[float, float]) -> Plane | None:
    """A plane through a staircase of two 8-bit inputs.

    Args:
        wanted: ``[256, 256]`` outputs for inputs from -128 to 127, first input first.
        slopes: about how fast the output rises with each input.
    """
    values = np.arange(-128, 128, dtype=np.int64)
    for shift in range(_MOST_SHIFT + 1):
        unit = 1 << (_TOP_BYTE - shift)
        for left, right in _factors(slopes, unit):
            heights = left * values[:, None] + right * values[None, :]
            low = (wanted * unit - heights)[wanted > INT8_LIMITS[0]]
            high = ((wanted + 1) * unit - 1 - heights)[wanted < INT8_LIMITS[1]]
            if low.size == 0 or high.size == 0:
                return None
            addend = (int(low.max()) + int(high.min())) // 2
            # The parts may wrap, the whole may not.
            if max(-(heights.min() + addend), heights.max() + addend) > _INT32_MAX:
                break
            if low.max() <= high.min():
                return Plane(_wrapped(left), _wrapped(right), _wrapped(addend), shift)
    return None


def _wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def _factors(slopes: tuple[float, float], unit: int) -> Iterator[tuple[int, int]]:
    """Factors near the slopes, the nearest first."""
    near = range(-_REACH, _REACH + 1)
    left, right = (round(slope * unit) for slope in slopes)
    pairs = sorted(((a, b) for a in near for b in near), key=lambda pair: sum(map(abs, pair)))
    return ((left + a, right + b) for a, b in pairs)


def _same_shape(operator: Operator, graph: Graph) -> tuple[Tensor, Tensor, Tensor] | None:
    left, right = (graph.tensors[index] for index in operator.inputs)
    output = graph.tensors[operator.outputs[0]]
    same = left.elements == right.elements == output.elements
    stored = {left.dtype, right.dtype, output.dtype} == {"int8"}
    return (left, right, output) if same and stored else None


def _step(
    operator: Operator,
    graph: Graph,
    names_of: tuple[str, str],
    fields: dict[str, int],
    variant: str,
) -> Step:
    """A step of two operands; ``names_of`` the kernel and its struct."""
    kernel, structure = names_of
    constants: dict[str, Constant] = {}
    names: list[str] = []
    reads: list[int] = []
    for side, index in zip(("left", "right"), operator.inputs, strict=True):
        data = graph.constant(index)
        if data is not None:
            constants[side] = Constant("weights", data.reshape(-1).astype(np.int8))
            names.append(f"{{{side}}}")
            continue
        if index not in reads:
            reads.append(index)
        names.append(f"{{input{reads.index(index)}}}")
    return Step(
        operator,
        (f"mve/{kernel}",),
        f"edgekd_mve_{kernel}({{parameters}}, {names[0]}, {names[1]}, {{output0}});",
        reads=tuple(reads),
        writes=operator.outputs,
        constants=constants,
        parameters={"parameters": Parameters(f"edgekd_mve_{structure}", fields)},
        # Four elements are read before they are written.
        overlays={position: Overlay(0) for position in range(len(reads))},
        variant=variant,
    )
