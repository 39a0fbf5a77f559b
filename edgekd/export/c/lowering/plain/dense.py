"""Fully connected layers, softmax and reductions by the plain kernels."""

from __future__ import annotations

import math

import numpy as np

from edgekd.export.c.exponential import softmax_exponentials
from edgekd.export.c.graph import Graph, Operator, activation_limits
from edgekd.export.c.lowering.requantization import (
    bias_of,
    dense_multipliers,
    folded_bias,
    mean_multiplier,
    packed_weights,
)
from edgekd.export.c.step import Constant, Flash, Overlay, Parameters, Step


def fully_connected(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """FULLY_CONNECTED; rows of inputs are independent."""
    source, weights = (graph.tensors[i] for i in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    outputs, inputs = weights.shape
    rows = source.elements // inputs
    assert weights.data is not None
    multiplier, shift = dense_multipliers(source, weights, output)
    each = outputs // len(multiplier)
    minimum, maximum = activation_limits(operator.activation, output)
    bias = folded_bias(bias_of(graph, operator, 2, outputs), weights.data, source.zero_point)
    fields = {
        "rows": rows,
        "inputs": inputs,
        "outputs": outputs,
        "packed": int(weights.dtype == "int4"),
        "output_zero_point": output.zero_point,
        "minimum": minimum,
        "maximum": maximum,
        **{name: name for name in ("weights", "bias", "multiplier", "shift")},
    }
    return Step(
        operator,
        ("plain/fully_connected",),
        "edgekd_fully_connected({parameters}, {input0}, {output0});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            "weights": packed_weights(weights),
            "bias": Constant("bias", bias),
            "multiplier": Constant("bias", np.repeat(multiplier, each)),
            "shift": Constant("bias", np.repeat(shift, each)),
        },
        parameters={"parameters": Parameters("edgekd_fully_connected", fields)},
        # The whole of a row is read until its last output is written.
        overlays={0: Overlay(max(outputs, rows * outputs - (rows - 1) * inputs))},
        macs=output.elements * inputs,
    )


def softmax(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """SOFTMAX over the last axis, by a table of exponentials."""
    source = graph.tensors[operator.inputs[0]]
    depth = source.shape[-1]
    table = softmax_exponentials(float(operator.options["beta"]), source.scale)
    rows = source.elements // depth
    return Step(
        operator,
        ("plain/softmax",),
        f"edgekd_softmax({{exponential}}, {{input0}}, {{output0}}, {rows}, {depth});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={"exponential": Constant("table", table)},
        overlays={0: Overlay(0)},
    )


def mean(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """MEAN over neighbouring axes."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    axes = _axes(operator, graph)
    if axes != list(range(axes[0], axes[-1] + 1)):
        return None
    count = math.prod(source.shape[axes[0] : axes[-1] + 1])
    multiplier, shift = mean_multiplier(source, output, count)
    fields = {
        "outer": math.prod(source.shape[: axes[0]]),
        "count": count,
        "inner": math.prod(source.shape[axes[-1] + 1 :]),
        "multiplier": multiplier,
        "offset": -source.zero_point * count,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    return Step(
        operator,
        ("plain/mean",),
        "edgekd_mean({parameters}, {input0}, {output0});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        parameters={"parameters": Parameters("edgekd_mean", fields)},
        # Output j of a block is written when element j of its first row was read.
        overlays={0: Overlay(0)},
    )


def _axes(operator: Operator, graph: Graph) -> list[int]:
    given = graph.constant(operator.inputs[1])
    assert given is not None
    rank = len(graph.tensors[operator.inputs[0]].shape)
    return sorted({int(axis) % rank for axis in given.reshape(-1)})
