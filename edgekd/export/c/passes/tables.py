"""Tables whose rows are looked up: what comes behind is done to the whole table now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgekd.export.c.graph import Array, Graph, Operator
from edgekd.export.c.passes.evaluate import LOOKUPS, evaluate
from edgekd.export.c.passes.rewire import exchange, only_reader, written
from edgekd.export.c.table_lookup import TableLookup, table_lookup

# A file of a few bytes can name a table that fills a disk.
_MOST_ELEMENTS = 2**22


def convert_tables(graph: Graph) -> Graph:
    """The graph without the operators that change each value of looked-up rows by itself.

    So a table of floats, or of int8 with a scale for each row, becomes one of stored int8 values
    where a QUANTIZE follows, as converters write it that leave embeddings in float.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    for output in written(graph):
        operator = graph.writer(output)
        if operator is None:
            continue
        after = only_reader(graph, output)
        while after is not None and after.kind in LOOKUPS:
            found = table_lookup(operator, graph)
            if found is None or graph.tensors[found.table].elements > _MOST_ELEMENTS:
                break
            graph, operator = _merged(graph, operator, found, after)
            after = only_reader(graph, operator.outputs[0])
    return graph


def _merged(
    graph: Graph, operator: Operator, found: TableLookup, after: Operator
) -> tuple[Graph, Operator]:
    """The graph with both operators in one, and this one."""
    table, target = graph.tensors[found.table], graph.tensors[after.outputs[0]]
    whole = {
        index: replace(graph.tensors[index], shape=table.shape)
        for index in (operator.outputs[0], after.outputs[0])
    }
    rows = _looked_up(graph.with_tensors(whole), operator, found)
    [values] = evaluate(after, graph.with_tensors(whole), [rows])
    converted = max(graph.tensors) + 1
    new = replace(
        operator,
        inputs=tuple(converted if index == found.table else index for index in operator.inputs),
        outputs=after.outputs,
        place=f"{operator.place} and {after.place}",
    )
    graph = graph.with_tensors(
        {converted: replace(target, name=table.name, shape=table.shape, data=values)}
    )
    return exchange(graph, after, new), new


def _looked_up(graph: Graph, operator: Operator, found: TableLookup) -> Array:
    """Every row as the operator gives it."""
    table, output = graph.tensors[found.table], graph.tensors[operator.outputs[0]]
    assert table.data is not None
    if table.dtype == output.dtype:
        return table.data
    numbers = replace(graph.tensors[found.numbers], shape=table.shape[:1])
    every = np.arange(table.shape[0], dtype=np.int32)
    [rows] = evaluate(operator, graph.with_tensors({found.numbers: numbers}), [every])
    return rows
