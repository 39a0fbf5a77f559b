"""Simplification of operators that only give the same values another shape."""

from __future__ import annotations

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.passes.rewire import bypass, exchange, may_bypass, written


def simplify_reshapes(graph: Graph) -> Graph:
    """The graph with at most one RESHAPE at a place, none without effect.

    SQUEEZE, EXPAND_DIMS and a TRANSPOSE that moves sizes of one become RESHAPE, with its shape in
    ``options["new_shape"]`` and no second input. Of two in a row the first goes.
    """
    for output in written(graph):
        operator = graph.writer(output)
        if operator is None or not _only_reshapes(operator, graph):
            continue
        reshape = Operator(
            "RESHAPE",
            (_origin(operator.inputs[0], graph),),
            operator.outputs,
            operator.place,
            options={"new_shape": graph.tensors[output].shape},
        )
        if may_bypass(graph, reshape):
            graph = bypass(exchange(graph, operator, reshape), reshape)
        elif operator.kind != "RESHAPE" or reshape.inputs[0] != operator.inputs[0]:
            graph = exchange(graph, operator, reshape)
    return graph


def _only_reshapes(operator: Operator, graph: Graph) -> bool:
    if operator.kind in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return True
    if operator.kind != "TRANSPOSE":
        return False
    order = graph.constant(operator.inputs[1])
    shape = graph.tensors[operator.inputs[0]].shape
    if order is None:
        return False
    moved = [axis for axis in order.tolist() if shape[axis] > 1]
    return moved == sorted(moved)


def _origin(index: int, graph: Graph) -> int:
    """The tensor whose values a chain of reshapes ends up with."""
    writer = graph.writer(index)
    while writer is not None and writer.kind == "RESHAPE":
        index = writer.inputs[0]
        writer = graph.writer(index)
    return index
