"""Small edits that several passes make: take operators out, and let others read elsewhere."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator


def written(graph: Graph) -> list[int]:
    """The first output of every operator: names them while a pass exchanges them."""
    return [operator.outputs[0] for operator in graph.operators]


def only_reader(graph: Graph, index: int) -> Operator | None:
    """The operator that alone reads a tensor; ``None`` also where the graph puts it out."""
    readers = graph.readers(index)
    return readers[0] if len(readers) == 1 and index not in graph.outputs else None


def exchange(graph: Graph, old: Operator, new: Operator) -> Graph:
    """The graph with one operator in another's place, less what is no longer needed."""
    operators = tuple(new if operator is old else operator for operator in graph.operators)
    return replace(graph, operators=operators).without_unused()


def bypass(graph: Graph, operator: Operator) -> Graph:
    """The graph whose operators read the first input of one operator instead of its output."""
    source, target = operator.inputs[0], operator.outputs[0]
    operators = tuple(
        replace(other, inputs=tuple(source if i == target else i for i in other.inputs))
        if target in other.inputs
        else other
        for other in graph.operators
        if other is not operator
    )
    return replace(graph, operators=operators).without_unused()


def may_bypass(graph: Graph, operator: Operator) -> bool:
    """Whether an operator that keeps every value can go: its readers must not notice."""
    source = graph.tensors[operator.inputs[0]]
    target = graph.tensors[operator.outputs[0]]
    alike = (source.shape, source.dtype, source.quantization) == (
        target.shape,
        target.dtype,
        target.quantization,
    )
    return alike and source.data is None and operator.outputs[0] not in graph.outputs
