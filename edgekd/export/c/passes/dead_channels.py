"""Removal of channels that hold one value for every input, or that nothing reads.

Such channels are common where a network was trained with a rectifier and weight decay. What a
constant channel adds to the next layer's sums goes into that layer's bias, so no output changes.
"""

from __future__ import annotations

import numpy as np

from edgekd.export.c.graph import Array, Graph, Operator, Padding
from edgekd.export.c.passes.coupling import channels, coupling, mixes_channels
from edgekd.export.c.passes.intervals import Interval, intervals
from edgekd.export.c.passes.narrow import narrow

_INT32_MAX = 2**31 - 1


def remove_dead_channels(graph: Graph) -> Graph:
    """The graph without its constant and its unread channels; the same object if it has none.

    Every layer keeps at least one channel; inputs and outputs of the graph stay as they are.
    Removal can make further channels dead: repeat until the graph stays the same.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    known = intervals(graph)
    groups = _Groups(graph)
    for operator in graph.operators:
        made = coupling(operator, graph)
        for tie in made.ties:
            groups.tie(*tie)
        for index in made.fixed:
            groups.keep(index, np.ones(channels(graph, index), bool))
    for index in (*graph.inputs, *graph.outputs):
        groups.keep(index, np.ones(channels(graph, index), bool))
    for operator in graph.operators:
        if mixes_channels(operator, graph):
            needed = _needed(operator, graph, known.get(operator.inputs[0]))
            groups.keep(operator.inputs[0], needed)
    kept = groups.kept()
    if all(mask.all() for mask in kept.values()):
        return graph
    values = {index: _constants(graph, index, interval) for index, interval in known.items()}
    return narrow(graph, kept, values)


def _constants(graph: Graph, index: int, interval: Interval) -> Array:
    """What each constant channel holds, less the zero point; 0 for channels that vary."""
    stored = interval.low.reshape(-1, interval.low.shape[-1])[0].astype(np.int64)
    quantization = graph.tensors[index].quantization
    if quantization is None:
        return np.zeros_like(stored)
    return np.where(interval.constant_channels, stored - quantization.zero_point, 0)


def _needed(operator: Operator, graph: Graph, interval: Interval | None) -> Array:
    """Mask of the input channels that a layer cannot do without."""
    weights = graph.constant(operator.inputs[1])
    assert weights is not None
    flat = weights.reshape(-1, weights.shape[-1]).astype(np.int64)
    read: Array = flat.any(0)
    if interval is None:
        return read
    value = _constants(graph, operator.inputs[0], interval)
    foldable: Array = interval.constant_channels
    if operator.window is not None and operator.window.padding != Padding():
        # At the border some of the weights see the zero point instead.
        foldable = foldable & (value == 0)
    totals = np.abs(weights.astype(np.int64)).reshape(weights.shape[0], -1, weights.shape[-1])
    largest = int((totals.sum(1) @ np.abs(value * foldable)).max())
    bias = graph.constant(operator.inputs[2]) if len(operator.inputs) > 2 else None
    largest += 0 if bias is None else int(np.abs(bias.astype(np.int64)).max())
    # The new bias must fit into 32 bits.
    return read & ~foldable if largest <= _INT32_MAX else read


class _Groups:
    """Channels of all activations, in groups that stay or go together."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._base: dict[int, int] = {}
        count = 0
        for index, tensor in graph.tensors.items():
            if tensor.data is None:
                self._base[index] = count
                count += channels(graph, index)
        self._parent = list(range(count))
        self._marked: list[int] = []

    def tie(self, first: int, some: Array, second: int, others: Array) -> None:
        """Let channels of one tensor go only with those of another."""
        for a, b in zip(some.tolist(), others.tolist(), strict=True):
            one, other = self._root(self._base[first] + a), self._root(self._base[second] + b)
            self._parent[one] = other

    def keep(self, index: int, mask: Array) -> None:
        """Channels of a tensor that must stay."""
        if index in self._base:
            self._marked.extend((self._base[index] + np.flatnonzero(mask)).tolist())

    def kept(self) -> dict[int, Array]:
        """Mask of the channels that stay, for each activation; at least one in each."""
        roots = np.array([self._root(node) for node in range(len(self._parent))])
        stays = np.zeros(len(roots), bool)
        stays[roots[self._marked]] = True
        for index, base in self._base.items():
            mine = roots[base : base + channels(self._graph, index)]
            if not stays[mine].any():
                stays[mine[0]] = True
        return {
            index: stays[roots[base : base + channels(self._graph, index)]]
            for index, base in self._base.items()
        }

    def _root(self, node: int) -> int:
        while self._parent[node] != node:
            self._parent[node] = self._parent[self._parent[node]]
            node = self._parent[node]
        return node
