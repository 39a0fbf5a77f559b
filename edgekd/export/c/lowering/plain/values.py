"""Operators that change each value by itself, by the plain kernels."""

from __future__ import annotations

import math

import numpy as np

from edgekd.export.c.graph import Array, Graph, Operator
from edgekd.export.c.lowering.overlays import IN_PLACE
from edgekd.export.c.passes.evaluate import lookup_table
from edgekd.export.c.step import Constant, Flash, Overlay, Step


def lookup(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """Any operator from one 8-bit value to one 8-bit value, as a table of 256 results."""
    source = graph.tensors[operator.inputs[0]]
    table = lookup_table(operator, graph).view(np.int8)
    return Step(
        operator,
        ("plain/lookup",),
        "edgekd_lookup({table}, (const int8_t *){input0}, (int8_t *){output0}, "
        f"{source.elements});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={"table": Constant("table", _from_lowest(table, source.dtype == "uint8"))},
        overlays={0: IN_PLACE},
    )


def _from_lowest(table: Array, unsigned: bool) -> Array:
    """In the order of the stored byte read as a signed number."""
    return np.roll(table, 128) if unsigned else table


def quantize(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """QUANTIZE: float32 to 8 bits, or a table from 8 bits to 8 bits."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if source.dtype != "float32":
        return lookup(operator, graph, flash)
    limits = "0, 255" if output.dtype == "uint8" else "-128, 127"
    return Step(
        operator,
        ("plain/quantize",),
        f"edgekd_quantize({{input0}}, (int8_t *){{output0}}, {source.elements}, "
        f"{_float(output.scale)}, {output.zero_point}, {limits});",
        reads=operator.inputs,
        writes=operator.outputs,
        overlays={0: IN_PLACE},
    )


def dequantize(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """DEQUANTIZE: 8 bits to float32."""
    source = graph.tensors[operator.inputs[0]]
    return Step(
        operator,
        ("plain/dequantize",),
        f"edgekd_dequantize({{input0}}, {{output0}}, {source.elements}, "
        f"{_float(source.scale)}, {source.zero_point});",
        reads=operator.inputs,
        writes=operator.outputs,
        # Four bytes are written for each that is read: only the last read is behind them.
        overlays={0: Overlay(3 * source.elements + 1)},
    )


def arg_max(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """ARG_MAX to int32."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    axis_value = graph.constant(operator.inputs[1])
    if axis_value is None or output.dtype != "int32" or source.dtype != "int8":
        return None
    axis = int(axis_value.reshape(-1)[0]) % len(source.shape)
    outer, inner = math.prod(source.shape[:axis]), math.prod(source.shape[axis + 1 :])
    return Step(
        operator,
        ("plain/arg_max",),
        f"edgekd_arg_max({{input0}}, {{output0}}, {outer}, {source.shape[axis]}, {inner});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
    )


def _float(value: float) -> str:
    """A C literal that is exactly this float32."""
    return f"{float(np.float32(value)).hex()}f"
