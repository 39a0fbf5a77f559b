"""Fusing of activation functions into the operators whose output they clamp."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np

from edgekd.export.c.graph import (
    Activation,
    Array,
    Graph,
    Operator,
    Tensor,
    activation_limits,
)
from edgekd.export.c.passes.evaluate import is_lookup, lookup_table
from edgekd.export.c.passes.rewire import exchange, only_reader, written

# Clamp their output themselves.
_CLAMPING = frozenset(
    (
        "ADD",
        "AVERAGE_POOL_2D",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "MAX_POOL_2D",
        "MUL",
        "SUB",
    )
)


def fuse_activations(graph: Graph) -> Graph:
    """The graph without the activations and requantizations that the operator before can do.

    An operator goes if its table of 256 values is nothing but a clamp that one of TensorFlow
    Lite's fused activations makes too, at the same scale and zero point.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    for output in written(graph):
        before = graph.writer(output)
        if before is None or before.kind not in _CLAMPING:
            continue
        while (after := only_reader(graph, before.outputs[0])) is not None:
            activation = _fused(before, after, graph)
            if activation is None:
                break
            fused = replace(before, outputs=after.outputs, activation=activation)
            graph = exchange(graph, after, fused)
            before = fused
    return graph


def _fused(before: Operator, after: Operator, graph: Graph) -> Activation | None:
    """The activation that does what both operators' clamps do one after the other."""
    between, output = (graph.tensors[o.outputs[0]] for o in (before, after))
    if not is_lookup(after, graph) or between.dtype != "int8" or output.dtype != "int8":
        return None
    if between.quantization is None or between.quantization != output.quantization:
        return None
    every = np.arange(-128, 128)
    both = lookup_table(after, graph)[_clamp(every, before.activation, between) + 128]
    choices: tuple[Activation, ...] = get_args(Activation)
    return next((a for a in choices if (_clamp(every, a, output) == both).all()), None)


def _clamp(values: Array, activation: Activation, output: Tensor) -> Array:
    return values.clip(*activation_limits(activation, output))
