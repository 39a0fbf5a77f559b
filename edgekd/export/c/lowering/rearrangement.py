"""Which input index each output index reads, axis by axis, for operators that only move values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Graph, Operator

Indices = npt.NDArray[np.int64]
# For each output axis: the input axis that it reads, and the indices along it; -1 is filled.
Sources = list[tuple[int, Indices]]
_REFLECT = 0


def axis_sources(operator: Operator, graph: Graph) -> Sources:
    """What each axis of the output reads.

    Args:
        operator: PAD, PADV2, MIRROR_PAD, SLICE, STRIDED_SLICE, TRANSPOSE or
            RESIZE_NEAREST_NEIGHBOR, its operands constant.
        graph: that it belongs to.
    """
    table: dict[str, Callable[[Operator, Graph], Sources]] = {
        "PAD": _pad,
        "PADV2": _pad,
        "MIRROR_PAD": _mirror_pad,
        "SLICE": _slice,
        "STRIDED_SLICE": _strided_slice,
        "TRANSPOSE": _transpose,
        "RESIZE_NEAREST_NEIGHBOR": _nearest,
    }
    return table[operator.kind](operator, graph)


def _shape(operator: Operator, graph: Graph) -> tuple[int, ...]:
    return graph.tensors[operator.inputs[0]].shape


def _integers(operator: Operator, graph: Graph, position: int) -> Indices:
    values = graph.constant(operator.inputs[position])
    assert values is not None
    return values.astype(np.int64)


def _pad(operator: Operator, graph: Graph) -> Sources:
    pairs = _integers(operator, graph, 1).reshape(-1, 2)
    return [
        (axis, np.pad(np.arange(size), tuple(pair), constant_values=-1))
        for axis, (size, pair) in enumerate(zip(_shape(operator, graph), pairs, strict=True))
    ]


def _mirror_pad(operator: Operator, graph: Graph) -> Sources:
    pairs = _integers(operator, graph, 1).reshape(-1, 2)
    reflected = operator.options["mode"] in (_REFLECT, "REFLECT")
    sources: Sources = []
    for axis, (size, (before, after)) in enumerate(
        zip(_shape(operator, graph), pairs, strict=True)
    ):
        own = np.arange(size)
        mirrored = np.pad(own, (before, after), mode="reflect" if reflected else "symmetric")
        sources.append((axis, mirrored))
    return sources


def _slice(operator: Operator, graph: Graph) -> Sources:
    begins = _integers(operator, graph, 1).reshape(-1)
    shape = graph.tensors[operator.outputs[0]].shape
    return [
        (axis, np.arange(begin, begin + size))
        for axis, (begin, size) in enumerate(zip(begins, shape, strict=True))
    ]


def _strided_slice(operator: Operator, graph: Graph) -> Sources:
    """With masks for begin, end and dropped axes; ellipsis and new axes are refused on reading."""
    begins, ends, strides = (_integers(operator, graph, at).reshape(-1) for at in (1, 2, 3))
    options = operator.options
    sources: Sources = []
    for axis, size in enumerate(_shape(operator, graph)):
        if axis >= len(begins):
            sources.append((axis, np.arange(size)))
            continue
        begin, end, stride = int(begins[axis]), int(ends[axis]), int(strides[axis])
        if options.get("shrink_axis_mask", 0) >> axis & 1:
            sources.append((axis, np.array([begin % size])))
            continue
        part = slice(
            None if options.get("begin_mask", 0) >> axis & 1 else begin,
            None if options.get("end_mask", 0) >> axis & 1 else end,
            stride,
        )
        sources.append((axis, np.arange(size)[part]))
    return sources


def _transpose(operator: Operator, graph: Graph) -> Sources:
    shape = _shape(operator, graph)
    order = _integers(operator, graph, 1).reshape(-1)
    return [(int(axis), np.arange(shape[axis])) for axis in order]


def _nearest(operator: Operator, graph: Graph) -> Sources:
    """As TensorFlow Lite's ``GetNearestNeighbor``, in float32."""
    shape = _shape(operator, graph)
    wanted = graph.tensors[operator.outputs[0]].shape
    return [
        (axis, _nearest_indices(operator, shape[axis], wanted[axis]) if axis in (1, 2) else own)
        for axis, own in enumerate(np.arange(size) for size in shape)
    ]


def _nearest_indices(operator: Operator, size: int, wanted: int) -> Indices:
    corners, centres = operator.options["align_corners"], operator.options["half_pixel_centers"]
    if corners and wanted > 1:
        scale = np.float32(size - 1) / np.float32(wanted - 1)
    else:
        scale = np.float32(size) / np.float32(wanted)
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 if centres else 0.0)) * scale
    rounded = [math.floor(float(p) + 0.5) if corners else math.floor(float(p)) for p in places]
    return np.clip(np.array(rounded, np.int64), 0, size - 1)
