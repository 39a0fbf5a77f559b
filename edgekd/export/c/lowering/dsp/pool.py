"""MAX_POOL_2D by the DSP kernels: four channels in a word."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.lowering.plain import windows as plain_windows
from edgekd.export.c.step import Flash, Step

_WORD = 4  # channels


def max_pool(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Windows of any size; ``None`` for fewer than four channels."""
    source = graph.tensors[operator.inputs[0]]
    if source.dtype != "int8" or source.shape[3] < _WORD:
        return None
    return replace(
        plain_windows.pool(operator, graph, flash),
        kernels=("dsp/max_pool",),
        call="edgekd_dsp_max_pool({parameters}, {input0}, {output0});",
        variant="dsp, four channels at a time",
    )
