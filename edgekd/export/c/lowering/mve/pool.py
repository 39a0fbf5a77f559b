"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and EMBEDDING_MEAN on MVE: vectors of channels."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator
from edgekd.export.c.lowering.mve.requantization import requantized
from edgekd.export.c.lowering.plain import dense as plain_dense
from edgekd.export.c.lowering.plain import embeddings as plain_embeddings
from edgekd.export.c.lowering.plain import windows as plain_windows
from edgekd.export.c.step import Flash, Parameters, Step

# So that sums of int8 fit into 16 bits.
_MOST_PIXELS = 256
# Fewer neighbouring values than this make a vector useless.
_LEAST_INNER = 3


def average_pool(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Windows of up to 256 pixels."""
    assert operator.window is not None
    height, width = operator.window.kernel
    return _pool(operator, graph, flash) if height * width <= _MOST_PIXELS else None


def max_pool(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Windows of any size."""
    return _pool(operator, graph, flash)


def mean(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Over neighbouring axes, where some values follow them."""
    if graph.tensors[operator.inputs[0]].dtype != "int8":
        return None
    step = plain_dense.mean(operator, graph, flash)
    return None if step is None else _mean(step, "mean", ("outer", "count", "inner"), "inner")


def embedding_mean(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """Of rows of some values."""
    step = plain_embeddings.embedding_mean(operator, graph, flash)
    return _mean(step, "embedding_mean", ("rows", "width", "count"), "width")


def _mean(step: Step, kernel: str, sizes: tuple[str, ...], inner: str) -> Step | None:
    """A plain step that takes means, by the MVE kernel of that name, if it can."""
    fields = {name: int(value) for name, value in step.parameters["parameters"].fields.items()}
    count, offset = fields["count"], fields["offset"]
    record = requantized(
        fields["multiplier"],
        -fields["shift"],
        fields["output_zero_point"],
        (offset - 128 * count, offset + 127 * count),
        hides_sign=False,
    )
    if record is None or fields[inner] < _LEAST_INNER:
        return None
    members: dict[str, int | float | str] = {
        **{name: fields[name] for name in (*sizes, "offset")},
        **dict(zip(("multiplier", "addend", "shift"), record, strict=True)),
    }
    return replace(
        step,
        kernels=(f"mve/{kernel}",),
        call=step.call.replace("edgekd_", "edgekd_mve_"),
        parameters={"parameters": Parameters(f"edgekd_mve_{kernel}", members)},
        variant="mve, vectors of channels",
    )


def _pool(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    if graph.tensors[operator.inputs[0]].dtype != "int8":
        return None
    step = plain_windows.pool(operator, graph, flash)
    [plain] = step.kernels
    kernel = plain.removeprefix("plain/")
    return replace(
        step,
        kernels=(f"mve/{kernel}",),
        call=step.call.replace(f"edgekd_{kernel}", f"edgekd_mve_{kernel}"),
        variant="mve, vectors of channels",
    )
