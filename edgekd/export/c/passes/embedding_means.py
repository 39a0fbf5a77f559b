"""Fusing of a mean into the lookup of the rows that it is the mean of.

EMBEDDING_MEAN is an operator of our own, of numbers and of an int8 table: the mean of the rows
that the numbers name, as MEAN rounds it.
"""

from __future__ import annotations

import math

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.passes.rewire import exchange, only_reader, written
from edgekd.export.c.table_lookup import TableLookup, table_lookup


def fuse_embedding_means(graph: Graph) -> Graph:
    """The graph without the lookups of which nothing but the mean of all rows is read."""
    for output in written(graph):
        mean = graph.writer(output)
        if mean is None or mean.kind != "MEAN":
            continue
        lookup = _origin(mean, graph)
        found = None if lookup is None else table_lookup(lookup, graph)
        if lookup is None or found is None or not _is_mean_of_rows(mean, found, graph):
            continue
        place = f"{lookup.place} and {mean.place}"
        graph = exchange(graph, mean, Operator("EMBEDDING_MEAN", found, mean.outputs, place))
    return graph


def _origin(mean: Operator, graph: Graph) -> Operator | None:
    """What computes the values, through reshapes that nothing else reads."""
    reader, writer = mean, graph.writer(mean.inputs[0])
    while writer is not None and only_reader(graph, writer.outputs[0]) is reader:
        if writer.kind != "RESHAPE":
            return writer
        reader, writer = writer, graph.writer(writer.inputs[0])
    return None


def _is_mean_of_rows(mean: Operator, found: TableLookup, graph: Graph) -> bool:
    """Whether every number's row is averaged, position by position."""
    source, table = graph.tensors[mean.inputs[0]], graph.tensors[found.table]
    given = graph.constant(mean.inputs[1])
    if given is None or table.dtype != "int8" or source.quantization != table.quantization:
        return False
    rank = len(source.shape)
    axes = sorted({int(axis) % rank for axis in given.reshape(-1)})
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        return False
    before, after = source.shape[: axes[0]], source.shape[axes[-1] + 1 :]
    return math.prod(before) == 1 and math.prod(after) == math.prod(table.shape[1:])
