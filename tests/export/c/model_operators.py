"""Operators without weights for ``models.ModelBuilder``; each adds one and returns its output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.export.c.models import ModelBuilder, Pair, window_size

# Output scale and zero point of operators whose kernel allows only one.
FIXED = {
    "LOGISTIC": (1 / 256, -128),
    "LOG_SOFTMAX": (16 / 256, 127),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
}


def pool_2d(
    model: ModelBuilder,
    kind: str,
    image: int,
    kernel: Pair,
    *,
    stride: Pair = (1, 1),
    padding: str = "VALID",
    fused: str = "NONE",
) -> int:
    """AVERAGE_POOL_2D, MAX_POOL_2D."""
    shape = model.shape(image)
    size = [window_size(shape[1 + i], kernel[i], stride[i], 1, padding) for i in range(2)]
    output = model.like(image, (shape[0], *size, shape[3]))
    model.operator(
        kind,
        [image],
        [output],
        padding=getattr(schema.Padding, padding),
        strideH=stride[0],
        strideW=stride[1],
        filterHeight=kernel[0],
        filterWidth=kernel[1],
        fused=fused,
    )
    return output


def binary(
    model: ModelBuilder,
    kind: str,
    one: int,
    other: int,
    *,
    scale: float = 0.1,
    zero_point: int = 0,
    fused: str = "NONE",
) -> int:
    """ADD, SUB, MUL, with sizes broadcast."""
    shape = np.broadcast_shapes(model.shape(one), model.shape(other))
    output = model.tensor(shape, scale=scale, zero_point=zero_point)
    model.operator(kind, [one, other], [output], fused=fused)
    return output


def extremum(model: ModelBuilder, kind: str, one: int, other: int) -> int:
    """MAXIMUM, MINIMUM of two tensors of one scale."""
    output = model.like(one, np.broadcast_shapes(model.shape(one), model.shape(other)))
    model.operator(kind, [one, other], [output])
    return output


def unary(
    model: ModelBuilder,
    kind: str,
    source: int,
    *,
    scale: float = 0.1,
    zero_point: int = 0,
    dtype: str = "int8",
    **options: Any,
) -> int:
    """An operator from one tensor to another of its shape: activations, QUANTIZE, DEQUANTIZE.

    The scale of those in ``FIXED`` is theirs. LEAKY_RELU: ``alpha``; SOFTMAX: ``beta``;
    GELU: ``approximate``.
    """
    scale, zero_point = FIXED.get(kind, (scale, zero_point))
    dtype = "float32" if kind == "DEQUANTIZE" else dtype
    output = model.tensor(model.shape(source), dtype, scale, zero_point)
    if kind == "SOFTMAX":
        options = {"beta": 1.0, **options}
    model.operator(kind, [source], [output], **options)
    return output


def prelu(
    model: ModelBuilder, source: int, slopes: int, *, scale: float = 0.1, zero_point: int = 0
) -> int:
    """PRELU; slopes are a constant int8 tensor, broadcast."""
    output = model.tensor(model.shape(source), scale=scale, zero_point=zero_point)
    model.operator("PRELU", [source, slopes], [output])
    return output


def reduction(
    model: ModelBuilder,
    kind: str,
    source: int,
    axes: Sequence[int],
    *,
    keep_dims: bool = False,
    scale: float = 0.1,
    zero_point: int = 0,
) -> int:
    """MEAN, SUM."""
    shape = model.shape(source)
    gone = {axis % len(shape) for axis in axes}
    kept = [1 if i in gone else size for i, size in enumerate(shape) if keep_dims or i not in gone]
    output = model.tensor(kept, scale=scale, zero_point=zero_point)
    model.operator(kind, [source, model.constant(list(axes))], [output], keepDims=keep_dims)
    return output


def arg_max(model: ModelBuilder, source: int, axis: int, dtype: str = "int32") -> int:
    """ARG_MAX into int32 or int64."""
    shape = list(model.shape(source))
    del shape[axis]
    output = model.tensor(shape, dtype, None)
    kind = getattr(schema.TensorType, dtype.upper())
    model.operator("ARG_MAX", [source, model.constant(axis)], [output], outputType=kind)
    return output


def resize(
    model: ModelBuilder,
    kind: str,
    image: int,
    size: Pair,
    *,
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> int:
    """RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""
    shape = model.shape(image)
    output = model.like(image, (shape[0], *size, shape[3]))
    options = {"alignCorners": align_corners, "halfPixelCenters": half_pixel_centers}
    model.operator(kind, [image, model.constant(list(size))], [output], **options)
    return output


def concatenation(model: ModelBuilder, sources: Sequence[int], axis: int) -> int:
    """CONCATENATION of tensors of one scale."""
    shape = list(model.shape(sources[0]))
    shape[axis] = sum(model.shape(source)[axis] for source in sources)
    output = model.like(sources[0], shape)
    model.operator("CONCATENATION", sources, [output], axis=axis)
    return output


def pad(model: ModelBuilder, source: int, pairs: Sequence[Pair], value: int | None = None) -> int:
    """PAD, or PADV2 with a stored value."""
    shape = [size + sum(pair) for size, pair in zip(model.shape(source), pairs, strict=True)]
    output = model.like(source, shape)
    operands = [source, model.constant([list(pair) for pair in pairs])]
    if value is not None:
        fill = model.constant(np.array([value], np.int8), "int8")
        model.graph.tensors[fill].quantization = model.graph.tensors[source].quantization
        operands.append(fill)
    model.operator("PAD" if value is None else "PADV2", operands, [output])
    return output


def mirror_pad(model: ModelBuilder, source: int, pairs: Sequence[Pair], mode: str) -> int:
    """MIRROR_PAD, REFLECT or SYMMETRIC."""
    shape = [size + sum(pair) for size, pair in zip(model.shape(source), pairs, strict=True)]
    output = model.like(source, shape)
    operands = [source, model.constant([list(pair) for pair in pairs])]
    model.operator("MIRROR_PAD", operands, [output], mode=getattr(schema.MirrorPadMode, mode))
    return output


def reshape(model: ModelBuilder, source: int, shape: Sequence[int]) -> int:
    """RESHAPE; one size may be -1."""
    known = math.prod(size for size in shape if size != -1)
    rest = math.prod(model.shape(source)) // known
    output = model.like(source, [rest if size == -1 else size for size in shape])
    operand = model.constant(list(shape))
    model.operator("RESHAPE", [source, operand], [output], newShape=list(shape))
    return output


def squeeze(model: ModelBuilder, source: int, axes: Sequence[int] = ()) -> int:
    """SQUEEZE of some dimensions of size 1, or of all."""
    shape = model.shape(source)
    gone = {axis % len(shape) for axis in axes} or {i for i, n in enumerate(shape) if n == 1}
    output = model.like(source, [size for i, size in enumerate(shape) if i not in gone])
    model.operator("SQUEEZE", [source], [output], squeezeDims=list(axes))
    return output


def expand_dims(model: ModelBuilder, source: int, axis: int) -> int:
    """EXPAND_DIMS at an axis that is not negative."""
    shape = model.shape(source)
    output = model.like(source, (*shape[:axis], 1, *shape[axis:]))
    model.operator("EXPAND_DIMS", [source, model.constant(axis)], [output])
    return output


def transpose(model: ModelBuilder, source: int, order: Sequence[int]) -> int:
    """TRANSPOSE."""
    output = model.like(source, [model.shape(source)[axis] for axis in order])
    model.operator("TRANSPOSE", [source, model.constant(list(order))], [output])
    return output


def split(model: ModelBuilder, source: int, axis: int, parts: int) -> list[int]:
    """SPLIT into equal parts."""
    shape = list(model.shape(source))
    shape[axis] //= parts
    outputs = [model.like(source, shape) for _ in range(parts)]
    model.operator("SPLIT", [model.constant(axis), source], outputs, numSplits=parts)
    return outputs


def split_v(model: ModelBuilder, source: int, axis: int, sizes: Sequence[int]) -> list[int]:
    """SPLIT_V into parts of given sizes."""
    outputs = []
    for size in sizes:
        shape = list(model.shape(source))
        shape[axis] = size
        outputs.append(model.like(source, shape))
    operands = [source, model.constant(list(sizes)), model.constant(axis)]
    model.operator("SPLIT_V", operands, outputs, numSplits=len(sizes))
    return outputs


def slice_(model: ModelBuilder, source: int, begin: Sequence[int], size: Sequence[int]) -> int:
    """SLICE; a size of -1 goes to the end."""
    lengths = zip(model.shape(source), begin, size, strict=True)
    output = model.like(source, [n - b if s == -1 else s for n, b, s in lengths])
    operands = [source, model.constant(list(begin)), model.constant(list(size))]
    model.operator("SLICE", operands, [output])
    return output


def strided_slice(
    model: ModelBuilder,
    source: int,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int],
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> int:
    """STRIDED_SLICE."""
    shape = []
    for axis, size in enumerate(model.shape(source)):
        first = None if begin_mask >> axis & 1 else begin[axis]
        last = None if end_mask >> axis & 1 else end[axis]
        if not shrink_axis_mask >> axis & 1:
            shape.append(len(range(*slice(first, last, strides[axis]).indices(size))))
    output = model.like(source, shape)
    operands = [model.constant(list(values)) for values in (begin, end, strides)]
    masks = {"beginMask": begin_mask, "endMask": end_mask, "shrinkAxisMask": shrink_axis_mask}
    model.operator("STRIDED_SLICE", [source, *operands], [output], **masks)
    return output


def pack(model: ModelBuilder, sources: Sequence[int], axis: int) -> int:
    """PACK along a new axis that is not negative."""
    shape = list(model.shape(sources[0]))
    shape.insert(axis, len(sources))
    output = model.like(sources[0], shape)
    model.operator("PACK", sources, [output], valuesCount=len(sources), axis=axis)
    return output


def unpack(model: ModelBuilder, source: int, axis: int) -> list[int]:
    """UNPACK along an axis."""
    shape = list(model.shape(source))
    parts = shape.pop(axis)
    outputs = [model.like(source, shape) for _ in range(parts)]
    model.operator("UNPACK", [source], outputs, num=parts, axis=axis)
    return outputs


def lookup_rows(
    model: ModelBuilder, kind: str, numbers: int, table: int, dtype: str | None = None
) -> int:
    """EMBEDDING_LOOKUP or GATHER of a table's rows, in the table's type or another."""
    shape = (*model.shape(numbers), *model.shape(table)[1:])
    output = model.like(table, shape) if dtype is None else model.tensor(shape, dtype, None)
    inputs = [table, numbers] if kind == "GATHER" else [numbers, table]
    model.operator(kind, inputs, [output], **({"axis": 0} if kind == "GATHER" else {}))
    return output


def gather(model: ModelBuilder, source: int, indices: Any, axis: int) -> int:
    """GATHER of constant indices."""
    shape = model.shape(source)
    taken = np.asarray(indices).shape
    output = model.like(source, (*shape[:axis], *taken, *shape[axis % len(shape) + 1 :]))
    model.operator("GATHER", [source, model.constant(indices)], [output], axis=axis)
    return output
