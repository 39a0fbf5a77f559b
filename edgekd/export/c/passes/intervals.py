"""Interval analysis: between which stored values each element of each tensor stays.

LiteRT itself computes the bounds. An operator that grows with each of its inputs takes its extremes
where its inputs take theirs, so it is run on these. A convolution is run on the lower and the
upper bounds side by side, positive weights on the one and negative weights on the other: that is
its smallest accumulator, requantized by LiteRT's own rounding, at borders too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from edgekd.export.c.graph import ABSENT, Array, Graph, Operator, Quantization, Tensor
from edgekd.export.c.passes.evaluate import evaluate, is_lookup, lookup_source, lookup_table

_INT32_MAX = 2**31 - 1
_EIGHT_BITS = ("int8", "uint8")
# Never fall in any element where an element of an 8-bit input grows.
_GROWING = frozenset(
    (
        "ADD",
        "AVERAGE_POOL_2D",
        "BATCH_TO_SPACE_ND",
        "BROADCAST_TO",
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "MAXIMUM",
        "MAX_POOL_2D",
        "MEAN",
        "MINIMUM",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "REVERSE_V2",
        "SLICE",
        "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "SUM",
        "TILE",
        "TRANSPOSE",
        "UNPACK",
    )
)
# In each input monotone while the others stand still: extremes lie in the corners.
_CORNERS = frozenset(("MUL", "SUB"))
_WEIGHTED = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))


@dataclass(frozen=True)
class Interval:
    """Smallest and largest stored value, each in the tensor's shape and type."""

    low: Array
    high: Array

    @property
    def constant_channels(self) -> Array:
        """For each index along the last axis, whether one value is all that it ever holds."""
        low = self.low.reshape(-1, self.low.shape[-1])
        high = self.high.reshape(-1, self.high.shape[-1])
        constant: Array = (low == low[0]).all(0) & (high == low[0]).all(0)
        return constant


def intervals(graph: Graph) -> dict[int, Interval]:
    """Bounds of every 8-bit activation, for all inputs that the graph can be given.

    What an unknown operator computes may be anything that its type can hold.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    known = {
        index: _anything(graph.tensors[index])
        for index in graph.inputs
        if graph.tensors[index].dtype in _EIGHT_BITS
    }
    for operator in graph.operators:
        found = _bounds(operator, graph, known)
        for position, index in enumerate(operator.outputs):
            if graph.tensors[index].dtype in _EIGHT_BITS:
                known[index] = found[position] if found else _anything(graph.tensors[index])
    return known


def _anything(tensor: Tensor) -> Interval:
    limits = np.iinfo(tensor.dtype)
    return Interval(
        np.full(tensor.shape, limits.min, limits.dtype),
        np.full(tensor.shape, limits.max, limits.dtype),
    )


def _bounds(operator: Operator, graph: Graph, known: dict[int, Interval]) -> list[Interval] | None:
    """Of each output, or ``None`` where nothing is known."""
    inputs = list(graph.activations(operator.inputs))
    if not all(index in known for index in inputs):
        return None
    if is_lookup(operator, graph):
        source = known[lookup_source(operator, graph)]
        return [_through_table(lookup_table(operator, graph), source)]
    if operator.kind in _WEIGHTED:
        return _weighted_bounds(operator, graph, known)
    if _may_overflow(operator, graph):
        return None
    if operator.kind in _GROWING:
        lows = evaluate(operator, graph, [known[index].low for index in inputs])
        highs = evaluate(operator, graph, [known[index].high for index in inputs])
        return [Interval(low, high) for low, high in zip(lows, highs, strict=True)]
    if operator.kind in _CORNERS and len(set(operator.inputs)) == len(operator.inputs):
        ends = product(*((known[index].low, known[index].high) for index in inputs))
        corners = [evaluate(operator, graph, corner)[0] for corner in ends]
        return [Interval(np.minimum.reduce(corners), np.maximum.reduce(corners))]
    return None


def _may_overflow(operator: Operator, graph: Graph) -> bool:
    """Whether scales lie so far apart that a rescaled sum or product could leave 32 bits.

    Then larger inputs could give smaller outputs.
    """
    named = (*operator.inputs, *operator.outputs)
    tensors = [graph.tensors[index] for index in named if index != ABSENT]
    scales = [max(t.quantization.scales) for t in tensors if t.quantization is not None]
    if len(scales) < 2:
        return False
    *given, written = scales
    factor = (math.prod(given) if operator.kind == "MUL" else max(given)) / written
    summed = max(1.0, tensors[0].elements / graph.tensors[operator.outputs[0]].elements)
    largest = 2.0**16 if operator.kind in _CORNERS else 2.0**8 * summed
    return not factor * largest < 2.0**29


def _through_table(table: Array, source: Interval) -> Interval:
    """Extremes of a table between each lower and upper bound."""
    offset = 128 if source.low.dtype == np.int8 else 0
    rows = np.broadcast_to(table, (256, 256))
    limits = np.iinfo(table.dtype)
    before = np.tri(256, k=-1, dtype=bool)  # Entries below the lower bound, which is the row.
    smallest = np.minimum.accumulate(np.where(before, limits.max, rows), axis=1)
    largest = np.maximum.accumulate(np.where(before, limits.min, rows), axis=1)
    low, high = source.low.astype(np.intp) + offset, source.high.astype(np.intp) + offset
    return Interval(smallest[low, high].astype(table.dtype), largest[low, high].astype(table.dtype))


def _weighted_bounds(
    operator: Operator, graph: Graph, known: dict[int, Interval]
) -> list[Interval] | None:
    source = operator.inputs[0]
    weights = graph.constant(operator.inputs[1])
    bias_known = len(operator.inputs) < 3 or operator.inputs[2] == ABSENT
    bias_known = bias_known or graph.constant(operator.inputs[2]) is not None
    if weights is None or not bias_known or source not in known:
        return None
    if not _trustworthy(operator, graph):
        return None
    twin, twin_graph = _twin(operator, graph)
    groups = _groups(operator, graph)
    shape = twin_graph.tensors[twin.inputs[0]].shape
    output = graph.tensors[operator.outputs[0]].shape
    weights_in = shape[-1] // (2 * groups)

    def extreme(on_positive: Array, on_negative: Array) -> Array:
        halves = [half.reshape(-1, groups, weights_in) for half in (on_positive, on_negative)]
        [result] = evaluate(twin, twin_graph, [np.concatenate(halves, -1).reshape(shape)])
        return result.reshape(output)

    interval = known[source]
    return [Interval(extreme(interval.low, interval.high), extreme(interval.high, interval.low))]


def _groups(operator: Operator, graph: Graph) -> int:
    """Into how many parts a convolution divides its input's channels."""
    channels = graph.tensors[operator.inputs[0]].shape[-1]
    if operator.kind == "DEPTHWISE_CONV_2D":
        return channels
    if operator.kind == "FULLY_CONNECTED":
        return 1
    return channels // graph.tensors[operator.inputs[1]].shape[-1]


def _trustworthy(operator: Operator, graph: Graph) -> bool:
    """Whether no sum and no shift can leave 32 bits, so that larger sums give larger outputs."""
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    if source.dtype != "int8" or output.dtype != "int8" or filters.dtype not in ("int8", "int4"):
        return False
    if source.quantization is None or filters.quantization is None or output.quantization is None:
        return False
    if any(filters.quantization.zero_points) or min(filters.quantization.scales) <= 0:
        return False
    assert filters.data is not None
    outer = filters.shape[-1 if operator.kind == "DEPTHWISE_CONV_2D" else 0]
    rows = _filters_first(operator, filters.data).reshape(outer, -1).astype(np.int64)
    largest = 255 * np.abs(rows).sum(1)
    if len(operator.inputs) > 2 and operator.inputs[2] != ABSENT:
        bias = graph.constant(operator.inputs[2])
        assert bias is not None
        largest = largest + np.abs(bias.astype(np.int64))
    # A factor of one or more is first shifted left, by less than twice the factor.
    factor = source.scale * max(filters.quantization.scales) / output.scale
    return math.isfinite(factor) and float(largest.max()) * max(1.0, 2 * factor) < _INT32_MAX - 256


def _filters_first(operator: Operator, weights: Array) -> Array:
    """Weights with the output channel as first axis; those of a depthwise one as in a grouped."""
    return weights.transpose(3, 1, 2, 0) if operator.kind == "DEPTHWISE_CONV_2D" else weights


def _twin(operator: Operator, graph: Graph) -> tuple[Operator, Graph]:
    """The operator on twice the input channels: for positive weights, and for negative ones."""
    source, filters = operator.inputs[:2]
    tensor, weights = graph.tensors[source], graph.tensors[filters]
    assert weights.data is not None
    assert weights.quantization is not None
    rows = _filters_first(operator, weights.data)
    halves = np.concatenate([np.maximum(rows, 0), np.minimum(rows, 0)], -1).astype(np.int8)
    quantization = Quantization(weights.quantization.scales, weights.quantization.zero_points)
    output = graph.tensors[operator.outputs[0]]
    shape = (*tensor.shape[:-1], 2 * tensor.shape[-1])
    kind = operator.kind
    if kind == "FULLY_CONNECTED":
        shape = (tensor.elements // rows.shape[-1], 2 * rows.shape[-1])
        output = replace(output, shape=(shape[0], rows.shape[0]))
    elif kind == "DEPTHWISE_CONV_2D":
        kind = "CONV_2D"
    changed = {
        source: replace(tensor, shape=shape),
        filters: Tensor(weights.name, halves.shape, "int8", quantization, halves),
        operator.outputs[0]: output,
    }
    return replace(operator, kind=kind), graph.with_tensors(changed)
