"""Depthwise convolutions of a single input channel, which are convolutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekd.export.c.graph import Graph, Operator, Quantization, Tensor
from edgekd.export.c.passes.rewire import exchange, written


def convolve_one_channel(graph: Graph) -> Graph:
    """The graph with DEPTHWISE_CONV_2D of one input channel as CONV_2D.

    Converters write the first layer of a grey image so. The sums are the same, and both operators
    round alike; the kernels of a convolution are far faster than those for many outputs of one
    channel.
    """
    for output in written(graph):
        operator = graph.writer(output)
        if operator is None or operator.kind != "DEPTHWISE_CONV_2D":
            continue
        source, weights = (graph.tensors[index] for index in operator.inputs[:2])
        if source.shape[3] == 1 and weights.data is not None:
            graph = _as_convolution(operator, graph)
    return graph


def _as_convolution(operator: Operator, graph: Graph) -> Graph:
    weights = graph.tensors[operator.inputs[1]]
    assert weights.data is not None
    assert weights.quantization is not None
    index = max(graph.tensors) + 1
    moved = np.ascontiguousarray(np.moveaxis(weights.data[0], 2, 0)[..., np.newaxis])
    turned = replace(
        weights,
        shape=moved.shape,
        data=moved,
        quantization=replace(weights.quantization, axis=0),
    )
    bias, added = _bias(operator, graph, index + 1)
    convolution = replace(
        operator,
        kind="CONV_2D",
        inputs=(operator.inputs[0], index, bias),
        options={name: v for name, v in operator.options.items() if name != "depth_multiplier"},
    )
    return exchange(graph.with_tensors({index: turned, **added}), operator, convolution)


def _bias(operator: Operator, graph: Graph, index: int) -> tuple[int, dict[int, Tensor]]:
    """The bias, or a new one of zeros: LiteRT has no convolution without."""
    given = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if given >= 0:
        return given, {}
    source, weights = (graph.tensors[i] for i in operator.inputs[:2])
    assert weights.quantization is not None
    scales = tuple(source.scale * scale for scale in weights.quantization.scales)
    zeros = np.zeros(weights.shape[3], np.int32)
    quantization = Quantization(scales, (0,) * len(scales))
    return index, {index: Tensor("no bias", zeros.shape, "int32", quantization, zeros)}
