"""Rows that are looked up by number in a constant table: EMBEDDING_LOOKUP, and GATHER of rows."""

from __future__ import annotations

from typing import NamedTuple

from edgekd.export.c.graph import Graph, Operator


class TableLookup(NamedTuple):
    """What an operator looks up.

    Attributes:
        numbers: tensor index of the rows' numbers, int32, computed at run time.
        table: tensor index of the constant table; its first axis counts rows.
    """

    numbers: int
    table: int


def table_lookup(operator: Operator, graph: Graph) -> TableLookup | None:
    """Numbers and table of an operator that only looks rows up; ``None`` for all others."""
    if operator.kind == "EMBEDDING_LOOKUP":
        numbers, table = operator.inputs
    elif operator.kind == "GATHER" and int(operator.options["axis"]) == 0:
        table, numbers = operator.inputs
    else:
        return None
    if graph.constant(table) is None or graph.constant(numbers) is not None:
        return None
    return TableLookup(numbers, table)
