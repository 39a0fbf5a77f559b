"""Which channels of which tensors can only be removed together, and which cannot at all.

A channel is an index along a tensor's last axis. Operators that treat channels apart tie those of
their inputs to those of their outputs; convolutions and fully connected layers cut the ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edgekd.export.c.graph import Array, Graph, Operator
from edgekd.export.c.passes.evaluate import LOOKUPS

# One operand's channel becomes the same channel of the output, and nothing else does.
_CHANNELWISE = LOOKUPS | {
    "ADD",
    "AVERAGE_POOL_2D",
    "DEQUANTIZE",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "MUL",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SUB",
}
_PADS = frozenset(("PAD", "PADV2", "MIRROR_PAD"))
_REDUCERS = frozenset(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"))


class Tie(NamedTuple):
    """Channel ``first_channels[i]`` of one tensor goes where ``second_channels[i]`` goes."""

    first: int
    first_channels: Array
    second: int
    second_channels: Array


@dataclass(frozen=True)
class Coupling:
    """What an operator says about the channels of its activations.

    Attributes:
        ties: between its inputs and its output.
        fixed: tensors of which no channel may go.
    """

    ties: tuple[Tie, ...] = ()
    fixed: tuple[int, ...] = ()


def channels(graph: Graph, index: int) -> int:
    """Size of a tensor's last axis."""
    shape = graph.tensors[index].shape
    return shape[-1] if shape else 1


def mixes_channels(operator: Operator, graph: Graph) -> bool:
    """A convolution or fully connected layer whose input channels can be removed one by one."""
    if operator.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        return False
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    return (
        filters.data is not None
        and source.dtype == "int8"
        and source.quantization is not None
        and filters.dtype in ("int8", "int4")
        and filters.quantization is not None
        and not any(filters.quantization.zero_points)
        and source.shape[-1] == filters.shape[-1]
        and all(graph.tensors[i].data is not None for i in operator.inputs[2:] if i >= 0)
    )


def coupling(operator: Operator, graph: Graph) -> Coupling:
    """The ties that an operator makes; an unknown one holds everything."""
    inputs = list(graph.activations(operator.inputs))
    if mixes_channels(operator, graph):
        return Coupling()
    if operator.kind == "DEPTHWISE_CONV_2D" and inputs == [operator.inputs[0]]:
        return _depthwise(operator, graph)
    [output, *others] = operator.outputs
    if others or not inputs:
        return Coupling(fixed=(*inputs, *operator.outputs))
    if _apart(operator, graph):
        return _same_channels(inputs, output, graph)
    if operator.kind == "CONCATENATION":
        return _concatenation(operator, graph)
    if operator.kind == "RESHAPE":
        return _reshape(inputs[0], output, graph)
    return Coupling(fixed=(*inputs, output))


def _apart(operator: Operator, graph: Graph) -> bool:
    """Whether the output's channel is made of the inputs' same channel alone."""
    if operator.kind in _PADS:
        amounts = graph.constant(operator.inputs[1])
        return amounts is not None and not amounts[-1].any()
    if operator.kind in _REDUCERS:
        axes = graph.constant(operator.inputs[1])
        rank = len(graph.tensors[operator.inputs[0]].shape)
        return axes is not None and rank - 1 not in {int(a) % rank for a in axes.reshape(-1)}
    return operator.kind in _CHANNELWISE


def _same_channels(inputs: list[int], output: int, graph: Graph) -> Coupling:
    count = channels(graph, output)
    every = np.arange(count)
    ties = [Tie(i, every, output, every) for i in inputs if channels(graph, i) == count]
    # One channel that is added to all of them.
    fixed = [index for index in inputs if channels(graph, index) != count]
    return Coupling(tuple(ties), tuple(fixed))


def _depthwise(operator: Operator, graph: Graph) -> Coupling:
    source, output = operator.inputs[0], operator.outputs[0]
    count, results = channels(graph, source), channels(graph, output)
    if count == 1:
        return Coupling(fixed=(source,))
    every = np.arange(results)
    return Coupling((Tie(source, every // (results // count), output, every),))


def _concatenation(operator: Operator, graph: Graph) -> Coupling:
    [output] = operator.outputs
    rank = len(graph.tensors[output].shape)
    if any(graph.tensors[index].data is not None for index in operator.inputs):
        return Coupling(fixed=(*graph.activations(operator.inputs), output))
    if operator.options["axis"] % rank != rank - 1:
        return _same_channels(list(operator.inputs), output, graph)
    ties: list[Tie] = []
    offset = 0
    for index in operator.inputs:
        every = np.arange(channels(graph, index))
        ties.append(Tie(index, every, output, every + offset))
        offset += len(every)
    return Coupling(tuple(ties))


def _reshape(source: int, output: int, graph: Graph) -> Coupling:
    """Where one last axis holds the other a whole number of times, channels stay apart."""
    count, results = channels(graph, source), channels(graph, output)
    if count % results and results % count:
        return Coupling(fixed=(source, output))
    every = np.arange(max(count, results))
    return Coupling((Tie(source, every % count, output, every % results),))
