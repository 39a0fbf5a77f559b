"""Elementwise operators of two inputs by the plain kernels, either input possibly a constant."""

from __future__ import annotations

import math

import numpy as np

from edgekd.export.c.graph import Graph, Operator, Tensor, activation_limits
from edgekd.export.c.lowering.overlays import IN_PLACE
from edgekd.export.c.lowering.requantization import multipliers
from edgekd.export.c.lowering.sums import sum_scales
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step

_RANK = 6


def add(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """ADD and SUB."""
    left, right, output = _tensors(operator, graph)
    scales = sum_scales(left, right, output)
    minimum, maximum = activation_limits(operator.activation, output)
    fields = {
        "left_multiplier": scales.left[0],
        "right_multiplier": scales.right[0],
        "output_multiplier": scales.output[0],
        "left_shift": scales.left[1],
        "right_shift": scales.right[1],
        "output_shift": scales.output[1],
        "sign": -1 if operator.kind == "SUB" else 1,
        "left_zero_point": left.zero_point,
        "right_zero_point": right.zero_point,
        "output_zero_point": output.zero_point,
        "minimum": minimum,
        "maximum": maximum,
    }
    return _step(operator, graph, "add", fields)


def multiply(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """MUL."""
    left, right, output = _tensors(operator, graph)
    # The kernel computes this factor in float32.
    factor = np.float32(left.scale) * np.float32(right.scale) / np.float32(output.scale)
    [multiplier], [shift] = multipliers([float(factor)])
    minimum, maximum = activation_limits(operator.activation, output)
    fields = {
        "multiplier": int(multiplier),
        "shift": int(shift),
        "left_zero_point": left.zero_point,
        "right_zero_point": right.zero_point,
        "output_zero_point": output.zero_point,
        "minimum": minimum,
        "maximum": maximum,
    }
    return _step(operator, graph, "multiply", fields)


def extremum(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """MAXIMUM and MINIMUM of values that share scale and zero point."""
    return _step(operator, graph, operator.kind.lower(), None)


def prelu(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """PRELU with a slope for each element or repeated along axes."""
    source, slope, output = _tensors(operator, graph)
    positive = np.float32(source.scale) / np.float32(output.scale)
    negative = np.float32(source.scale) * np.float32(slope.scale) / np.float32(output.scale)
    (positive_m, negative_m), (positive_s, negative_s) = multipliers(
        [float(positive), float(negative)]
    )
    fields = {
        "positive_multiplier": int(positive_m),
        "negative_multiplier": int(negative_m),
        "positive_shift": int(positive_s),
        "negative_shift": int(negative_s),
        "input_zero_point": source.zero_point,
        "slope_zero_point": slope.zero_point,
        "output_zero_point": output.zero_point,
    }
    return _step(operator, graph, "prelu", fields)


def _tensors(operator: Operator, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    left, right = (graph.tensors[index] for index in operator.inputs)
    return left, right, graph.tensors[operator.outputs[0]]


def _step(operator: Operator, graph: Graph, kernel: str, fields: dict[str, int] | None) -> Step:
    """A step over two operands; constant ones are put into flash.

    ``fields`` follow the shape in the kernel's struct; ``None``: the shape is all it takes.
    """
    left, right, output = _tensors(operator, graph)
    shape = _broadcast(left, right, output)
    structure = "edgekd_broadcast" if fields is None else f"edgekd_{kernel}"
    members: dict[str, int | float | str] = dict(shape if fields is None else {})
    if fields is not None:
        members = {**{f"shape.{name}": value for name, value in shape.items()}, **fields}
    constants, names, overlays, reads = {}, [], {}, []
    for index, tensor, side in zip(operator.inputs, (left, right), ("left", "right"), strict=True):
        if tensor.data is not None:
            constants[side] = Constant("weights", tensor.data.reshape(-1))
            names.append(f"{{{side}}}")
            continue
        if index not in reads:
            reads.append(index)
        names.append(f"{{input{reads.index(index)}}}")
        overlays[reads.index(index)] = _overlay(tensor, output)
    return Step(
        operator,
        (f"plain/{kernel}",),
        f"edgekd_{kernel}({{parameters}}, {names[0]}, {names[1]}, {{output0}});",
        reads=tuple(reads),
        writes=operator.outputs,
        constants=constants,
        parameters={"parameters": Parameters(structure, members)},
        overlays=overlays,
    )


def _overlay(source: Tensor, output: Tensor) -> Overlay:
    """In place where the shapes agree; a repeated input is needed to the end."""
    return IN_PLACE if source.elements == output.elements else Overlay(output.bytes)


def _broadcast(left: Tensor, right: Tensor, output: Tensor) -> dict[str, int]:
    """Sizes and strides over six axes; an input of size 1 along an axis has stride 0 there."""
    sizes = (1,) * (_RANK - len(output.shape)) + output.shape
    fields = {f"size[{axis}]": size for axis, size in enumerate(sizes)}
    for side, tensor in (("left", left), ("right", right)):
        shape = (1,) * (_RANK - len(tensor.shape)) + tensor.shape
        for axis, size in enumerate(shape):
            stride = 0 if size == 1 else math.prod(shape[axis + 1 :])
            fields[f"{side}[{axis}]"] = stride
    return fields
