"""Composition of operators that map each 8-bit value by itself.

LOOKUP is an operator of our own: ``output = options["table"][input]``, the table an array of 256
values of the output's type, by stored value; that of int8 value ``v`` is at ``v + 128``.
"""

from __future__ import annotations

import numpy as np

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.passes.evaluate import is_lookup, lookup_source, lookup_table
from edgekd.export.c.passes.rewire import bypass, exchange, may_bypass, only_reader, written


def compose_lookups(graph: Graph) -> Graph:
    """The graph with one LOOKUP for each row of operators that each are a table.

    One that changes nothing goes altogether.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    for output in written(graph):
        operator = graph.writer(output)
        if operator is None or not is_lookup(operator, graph):
            continue
        after = only_reader(graph, output)
        while after is not None and is_lookup(after, graph):
            composed = _composed(operator, after, graph)
            graph = exchange(graph, after, composed)
            operator, after = composed, only_reader(graph, composed.outputs[0])
        if may_bypass(graph, operator) and _changes_nothing(operator, graph):
            graph = bypass(graph, operator)
    return graph


def _composed(first: Operator, second: Operator, graph: Graph) -> Operator:
    between = graph.tensors[first.outputs[0]]
    inner = lookup_table(first, graph).astype(np.intp) + (128 if between.dtype == "int8" else 0)
    table = lookup_table(second, graph)[inner]
    place = f"{first.place} and {second.place}"
    source = lookup_source(first, graph)
    return Operator("LOOKUP", (source,), second.outputs, place, options={"table": table})


def _changes_nothing(operator: Operator, graph: Graph) -> bool:
    limits = np.iinfo(graph.tensors[operator.outputs[0]].dtype)
    same = np.arange(limits.min, limits.max + 1)
    return bool((lookup_table(operator, graph) == same).all())
