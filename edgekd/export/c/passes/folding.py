"""Constant folding: what is the same in every inference is computed now."""

from __future__ import annotations

from dataclasses import replace

from edgekd.errors import BadInput
from edgekd.export.c.graph import ABSENT, Graph, Operator
from edgekd.export.c.passes.evaluate import evaluate
from edgekd.export.c.passes.rewire import written

_MOST_ELEMENTS = 2**22


def fold_constants(graph: Graph) -> Graph:
    """The graph with constants for the operators that read nothing else.

    An operator that writes an output of the graph stays: outputs are computed, never constants.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses such an operator, or its result is too large.
    """
    for output in written(graph):
        operator = graph.writer(output)
        if operator is None:
            continue
        given = [index for index in operator.inputs if index != ABSENT]
        known = bool(given) and all(graph.tensors[index].data is not None for index in given)
        if not known or set(operator.outputs).intersection(graph.outputs):
            continue
        _check_size(operator, graph)
        values = evaluate(operator, graph, [])
        folded = {
            index: replace(graph.tensors[index], data=value)
            for index, value in zip(operator.outputs, values, strict=True)
        }
        kept = tuple(other for other in graph.operators if other is not operator)
        graph = replace(graph.with_tensors(folded), operators=kept).without_unused()
    return graph


def _check_size(operator: Operator, graph: Graph) -> None:
    """A file of a few bytes can name a constant that fills a disk."""
    elements = sum(graph.tensors[index].elements for index in operator.outputs)
    if elements > _MOST_ELEMENTS:
        raise BadInput(
            f"{operator.place} makes a constant of {elements:,} values, more than "
            f"{_MOST_ELEMENTS:,}",
            mend="leave it out of the model",
        )
