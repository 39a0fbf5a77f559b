"""From operators to steps: the first way of lowering that applies is taken."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from edgekd.errors import BadInput, Unavailable
from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.step import Flash, Instructions, Lowering, Step


def lower(graph: Graph, instructions: Instructions, flash: Flash) -> list[Step]:
    """One step for each operator.

    Raises:
        BadInput: an output of the model is a constant.
        Unavailable: an operator has no kernel; the message names it and what to change.
    """
    tables = [_table(name) for name in dict.fromkeys((instructions, "plain"))]
    return [_lowered(operator, graph, flash, tables) for operator in graph.operators]


def supported_kinds() -> frozenset[str]:
    """Operators that have a kernel on every core."""
    return frozenset(_table("plain"))


def _lowered(
    operator: Operator,
    graph: Graph,
    flash: Flash,
    tables: Sequence[dict[str, tuple[Lowering, ...]]],
) -> Step:
    if not list(graph.activations(operator.inputs)):
        raise BadInput(
            f"{operator.place} computes a constant", mend="leave this output out of the model"
        )
    for table in tables:
        for lowering in table.get(operator.kind, ()):
            step = lowering(operator, graph, flash)
            if step is not None:
                return step
    if operator.kind in tables[-1]:
        raise Unavailable(
            f"no kernel takes {operator.place} with these types, axes or scales",
            mend="keep this operator out of the exported part of the model",
        )
    raise Unavailable(
        f"there is no kernel for {operator.place}",
        mend="replace it in the network; docs/own-target.md lists what microcontrollers can run",
    )


def _table(name: str) -> dict[str, tuple[Lowering, ...]]:
    table: dict[str, tuple[Lowering, ...]] = import_module(f"{__name__}.{name}.table").LOWERINGS
    return table
