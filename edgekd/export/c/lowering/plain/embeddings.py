"""Rows of a constant table by number, alone or their mean, by the plain kernels."""

from __future__ import annotations

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.lowering.requantization import mean_multiplier
from edgekd.export.c.step import Constant, Flash, Parameters, Step
from edgekd.export.c.table_lookup import table_lookup

_TYPES = ("int8", "uint8", "int16", "int32", "float32")


def lookup_rows(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """EMBEDDING_LOOKUP, and GATHER of rows at run time; the table stays in flash."""
    found = table_lookup(operator, graph)
    if found is None:
        return None
    table, numbers = graph.tensors[found.table], graph.tensors[found.numbers]
    output = graph.tensors[operator.outputs[0]]
    if table.data is None or table.dtype != output.dtype or table.dtype not in _TYPES:
        return None
    rows = table.shape[0]
    return Step(
        operator,
        ("plain/lookup_rows",),
        f"edgekd_lookup_rows({{table}}, {rows}, {table.bytes // rows}, {{input0}}, "
        f"{numbers.elements}, {{output0}});",
        reads=(found.numbers,),
        writes=operator.outputs,
        constants={"table": Constant("weights", table.data.reshape(-1))},
    )


def embedding_mean(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """EMBEDDING_MEAN of ``passes.embedding_means``: no room for the rows themselves is needed."""
    numbers, table = (graph.tensors[index] for index in operator.inputs)
    output = graph.tensors[operator.outputs[0]]
    assert table.data is not None
    count = numbers.elements
    multiplier, shift = mean_multiplier(table, output, count)
    fields = {
        "rows": table.shape[0],
        "width": output.elements,
        "count": count,
        "multiplier": multiplier,
        "offset": -table.zero_point * count,
        "shift": shift,
        "output_zero_point": output.zero_point,
    }
    return Step(
        operator,
        ("plain/embedding_mean",),
        "edgekd_embedding_mean({parameters}, {table}, {input0}, {output0});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={"table": Constant("weights", table.data.reshape(-1))},
        parameters={"parameters": Parameters("edgekd_embedding_mean", fields)},
    )
