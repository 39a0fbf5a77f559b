"""Operators that move values and change none, and resizing, by the plain kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Graph, Operator, Tensor
from edgekd.export.c.lowering.rearrangement import axis_sources
from edgekd.export.c.step import Constant, Flash, Parameters, Step

_AXES = 5
Indices = npt.NDArray[np.int64]


def reshape(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """RESHAPE and its like: the same memory under another shape."""
    return Step(
        operator, (), "", reads=operator.inputs[:1], writes=operator.outputs, aliases=0, variant="-"
    )


def rearrange(operator: Operator, graph: Graph, flash: Flash) -> Step | None:
    """PAD, SLICE, TRANSPOSE and others: each axis is read through a table of offsets."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    sources = axis_sources(operator, graph)
    axes = _offsets(source, sources)
    size = source.bytes // source.elements
    run, axes = _with_run(axes, size)
    if len(axes) > _AXES:
        return None
    fill = _fill(operator, graph, output)
    axes = [np.zeros(1, np.int64)] * (_AXES - len(axes)) + axes
    fields: dict[str, int | float | str] = {"run": run, "fill": fill}
    for axis, offsets in enumerate(axes):
        fields[f"size[{axis}]"] = len(offsets)
        fields[f"offset[{axis}]"] = f"offset{axis}"
    return Step(
        operator,
        ("plain/gather",),
        "edgekd_gather({parameters}, {input0}, {output0});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants={
            f"offset{axis}": Constant("table", offsets.astype(np.int32))
            for axis, offsets in enumerate(axes)
        },
        parameters={"parameters": Parameters("edgekd_gather", fields)},
    )


def concatenation(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """CONCATENATION, and PACK, which is one along a new axis."""
    output = graph.tensors[operator.outputs[0]]
    axis = int(operator.options["axis"]) % len(output.shape)
    outer = math.prod(output.shape[:axis])
    stride = output.bytes // outer
    calls: list[str] = []
    constants, reads, start = {}, [], 0
    for position, index in enumerate(operator.inputs):
        tensor = graph.tensors[index]
        bytes_ = tensor.bytes // outer
        if tensor.data is None:
            if index not in reads:
                reads.append(index)
            name = f"{{input{reads.index(index)}}}"
        else:
            constants[f"part{position}"] = Constant("weights", tensor.data.reshape(-1))
            name = f"{{part{position}}}"
        target = f"(uint8_t *){{output0}} + {start}"
        calls.append(f"edgekd_interleave({name}, {target}, {outer}, {bytes_}, {stride});")
        start += bytes_
    return Step(
        operator,
        ("plain/interleave",),
        "\n".join(calls),
        reads=tuple(reads),
        writes=operator.outputs,
        constants=constants,
    )


def split(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """SPLIT, SPLIT_V and UNPACK: each output is a run out of every block of the input."""
    source_at, axis = _split_axis(operator, graph)
    source = graph.tensors[operator.inputs[source_at]]
    outer = math.prod(source.shape[:axis])
    stride = source.bytes // outer
    calls, start = [], 0
    for position, index in enumerate(operator.outputs):
        bytes_ = graph.tensors[index].bytes // outer
        calls.append(
            f"edgekd_extract((const uint8_t *){{input0}} + {start}, {{output{position}}}, "
            f"{outer}, {bytes_}, {stride});"
        )
        start += bytes_
    return Step(
        operator,
        ("plain/extract",),
        "\n".join(calls),
        reads=(operator.inputs[source_at],),
        writes=operator.outputs,
    )


def resize_bilinear(operator: Operator, graph: Graph, flash: Flash) -> Step:
    """RESIZE_BILINEAR in 1/1024 of a pixel, as TensorFlow Lite's integer kernel."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    constants, fields = {}, {}
    for axis, name in ((1, "row"), (2, "column")):
        tables = _interpolation(operator, source.shape[axis], output.shape[axis])
        for part, values in zip(("low", "high", "part"), tables, strict=True):
            constants[f"{name}_{part}"] = Constant("table", values.astype(np.int16))
            fields[f"{name}_{part}"] = f"{name}_{part}"
    sizes = {
        "input_width": source.shape[2],
        "channels": source.shape[3],
        "output_height": output.shape[1],
        "output_width": output.shape[2],
    }
    return Step(
        operator,
        ("plain/resize_bilinear",),
        "edgekd_resize_bilinear({parameters}, {input0}, {output0});",
        reads=operator.inputs[:1],
        writes=operator.outputs,
        constants=constants,
        parameters={"parameters": Parameters("edgekd_resize", {**sizes, **fields})},
    )


def _interpolation(operator: Operator, size: int, wanted: int) -> tuple[Indices, Indices, Indices]:
    """For each output position: the positions around it, and how far it is past the lower."""
    if operator.options["align_corners"] and wanted > 1:
        scale = (1024 * (size - 1) + (wanted - 1) // 2) // (wanted - 1)
    else:
        scale = (1024 * size + wanted // 2) // wanted
    places = np.arange(wanted, dtype=np.int64) * scale
    if operator.options["half_pixel_centers"]:
        places += scale // 2 - 512
    # C divides towards zero, which matters for places before the first pixel.
    low = np.maximum(np.sign(places) * (np.abs(places) // 1024), 0)
    above = places + 1023
    high = np.minimum(np.sign(above) * (np.abs(above) // 1024), size - 1)
    return low, high, places - 1024 * low


def _offsets(source: Tensor, sources: Sequence[tuple[int, Indices]]) -> list[Indices]:
    """Byte offsets for each output axis, from the input axis and its indices; -1 is filled."""
    size = source.bytes // source.elements
    strides = [math.prod(source.shape[axis + 1 :]) * size for axis in range(len(source.shape))]
    return [
        np.where(indices < 0, -1, indices * strides[axis]).astype(np.int64)
        for axis, indices in sources
    ]


def _with_run(axes: list[Indices], size: int) -> tuple[int, list[Indices]]:
    """Take off the last axes that are copied as they are; bytes of the run, and the rest."""
    run = size
    rest = list(axes)
    while rest and np.array_equal(rest[-1], np.arange(len(rest[-1])) * run):
        run *= len(rest.pop())
    # Axes of size 1 that read index 0 change nothing.
    return run, [offsets for offsets in rest if len(offsets) > 1 or offsets[0] != 0]


def _fill(operator: Operator, graph: Graph, output: Tensor) -> int:
    if operator.kind == "PADV2":
        given = graph.constant(operator.inputs[2])
        return 0 if given is None else int(given.reshape(-1)[0]) & 255
    return output.zero_point & 255 if output.quantization is not None else 0


def _split_axis(operator: Operator, graph: Graph) -> tuple[int, int]:
    """Position of the input that is split, and the axis."""
    if operator.kind == "UNPACK":
        source_at, axis = 0, int(operator.options["axis"])
    else:
        source_at, axis_at = (1, 0) if operator.kind == "SPLIT" else (0, 2)
        given = graph.constant(operator.inputs[axis_at])
        assert given is not None
        axis = int(given.reshape(-1)[0])
    return source_at, axis % len(graph.tensors[operator.inputs[source_at]].shape)
