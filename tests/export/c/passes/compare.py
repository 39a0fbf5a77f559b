"""Runs a graph before and after a pass, both in LiteRT, on random inputs."""

from __future__ import annotations

import numpy as np

from edgekd.export.c.graph import Array, Graph, Tensor
from edgekd.export.c.passes.writer import write_tflite
from edgekd.export.c.reader import parse_graph
from tests.export.c.models import ROWS, ModelBuilder, builtin_ref


def graph_of(model: ModelBuilder, outputs: list[int]) -> tuple[bytes, Graph]:
    """A built file and what the reader makes of it."""
    content = model.build(outputs)
    return content, parse_graph(content, "test.tflite")


def random_stored(tensor: Tensor, seed: int) -> Array:
    """Any stored values; every third seed gives only the extremes, which saturate sums.

    Those of int32 are numbers of rows.
    """
    draw = np.random.default_rng(seed)
    if tensor.dtype == "float32":
        return draw.normal(size=tensor.shape).astype(np.float32)
    if tensor.dtype == "int32":
        return draw.integers(0, ROWS, tensor.shape, np.int32)
    limits = np.iinfo(tensor.dtype)
    if seed % 3 == 0:
        return draw.choice([limits.min, limits.max], tensor.shape).astype(limits.dtype)
    return draw.integers(limits.min, limits.max, tensor.shape, limits.dtype, endpoint=True)


def assert_same_outputs(content: bytes, graph: Graph, runs: int = 20) -> None:
    """LiteRT computes the same from a file as from the graph that passes made of it."""
    rewritten = write_tflite(graph)
    for seed in range(runs):
        inputs = [
            random_stored(graph.tensors[index], 1000 * position + seed)
            for position, index in enumerate(graph.inputs)
        ]
        expected, given = builtin_ref(content, inputs), builtin_ref(rewritten, inputs)
        for one, other in zip(expected, given, strict=True):
            np.testing.assert_array_equal(one, other)
