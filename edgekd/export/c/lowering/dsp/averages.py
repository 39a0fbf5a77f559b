"""Averages over images, axes and rows of tables by the DSP kernels: four channels in two words."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.lowering.plain import dense as plain_dense
from edgekd.export.c.lowering.plain import embeddings as plain_embeddings
from edgekd.export.c.lowering.plain import windows as plain_windows
from edgekd.export.c.step import Flash, Parameters, Step


def average_pool(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """A window that is the whole image, and channels by fours."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    batch, height, width, channels = source.shape
    window = operator.window
    assert window is not None
    whole = window.kernel == (height, width) and output.shape == (1, 1, 1, channels)
    if not whole or batch != 1 or channels % 4 or source.dtype != "int8":
        return None
    plain = plain_windows.pool(operator, graph, flash)
    limits = plain.parameters["parameters"].fields
    fields = {
        "channels": channels,
        "pixels": height * width,
        "minimum": limits["minimum"],
        "maximum": limits["maximum"],
    }
    return replace(
        plain,
        kernels=("dsp/average",),
        call="edgekd_dsp_average({parameters}, {input0}, {output0});",
        parameters={"parameters": Parameters("edgekd_dsp_average", fields)},
        variant="dsp, four channels at a time",
    )


def mean(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """MEAN over neighbouring axes, with fours of values after them."""
    plain = plain_dense.mean(operator, graph, flash)
    if plain is None or graph.tensors[operator.inputs[0]].dtype != "int8":
        return None
    fields = plain.parameters["parameters"].fields
    if int(fields["inner"]) % 4:
        return None
    return replace(
        plain,
        kernels=("dsp/mean",),
        call="edgekd_dsp_mean({parameters}, {input0}, {output0});",
        parameters={"parameters": Parameters("edgekd_dsp_mean", fields)},
        variant="dsp, four values at a time",
    )


def embedding_mean(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """EMBEDDING_MEAN of rows of fours of values."""
    plain = plain_embeddings.embedding_mean(operator, graph, flash)
    fields = plain.parameters["parameters"].fields
    if int(fields["width"]) % 4:
        return None
    return replace(
        plain,
        kernels=("dsp/embedding_mean",),
        call="edgekd_dsp_embedding_mean({parameters}, {table}, {input0}, {output0});",
        parameters={"parameters": Parameters("edgekd_dsp_embedding_mean", fields)},
        variant="dsp, four values at a time",
    )
