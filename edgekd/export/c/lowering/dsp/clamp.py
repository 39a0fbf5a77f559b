"""Activations whose limits lie inside int8, where kernels clamp to int8 only."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator, activation_limits
from edgekd.export.c.step import Flash, Lowering, Step


def clamped(lowering: Lowering) -> Lowering:
    """The same layers with limits inside int8 too, which a second kernel applies in place.

    That is exact, as the clamp to int8 comes first in either order. An output value costs about two
    instructions more, where a plain kernel costs ten and more for each multiply-accumulate.

    Args:
        lowering: of an operator with an activation, for limits that are those of int8.
    """

    def lowered(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
        output = graph.tensors[operator.outputs[0]]
        if output.dtype != "int8" or operator.activation == "NONE":
            return lowering(operator, graph, flash)
        minimum, maximum = activation_limits(operator.activation, output)
        if (minimum, maximum) == (-128, 127):
            return lowering(operator, graph, flash)
        step = lowering(replace(operator, activation="NONE"), graph, flash)
        if step is None:
            return None
        clamp = f"edgekd_dsp_clamp({{output0}}, {output.elements}, {minimum}, {maximum});"
        return replace(
            step,
            operator=operator,
            kernels=(*step.kernels, "dsp/clamp"),
            call=f"{step.call}\n{clamp}",
            variant=f"{step.variant}, then clamped",
        )

    return lowered
