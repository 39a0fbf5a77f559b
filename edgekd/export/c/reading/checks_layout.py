"""Rules of the operators that move values and compute none."""

from __future__ import annotations

import math

from edgekd.export.c.graph import Tensor
from edgekd.export.c.reading.node import Node

_MOST_PADDED = 5
_FIXED = "convert the model with fixed shapes"


def check_reshape(node: Node) -> None:
    """RESHAPE: the new shape is an operand or an option; one size may be -1."""
    source, target = node.input(), node.output()
    node.check_same_type(source, target)
    sizes = node.integers(1, "shape") if node.has(1) else node.operator.options["new_shape"]
    known = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or any(size < -1 or size == 0 for size in sizes):
        raise node.refuse(f"has the new shape {list(sizes)}", _FIXED)
    if source.elements % known:
        raise node.refuse(f"cannot give {source.elements} elements the shape {list(sizes)}")
    expected = tuple(source.elements // known if size == -1 else size for size in sizes)
    if math.prod(expected) != source.elements:
        raise node.refuse(f"cannot give {source.elements} elements the shape {list(sizes)}")
    node.check_shape(expected)


def check_squeeze(node: Node) -> None:
    """SQUEEZE: the named dimensions of size 1 go, or all of them."""
    source = node.input()
    node.check_same_type(source, node.output())
    rank = len(source.shape)
    named = {node.axis(axis, rank) for axis in node.operator.options["squeeze_dims"]}
    gone = named or {axis for axis, size in enumerate(source.shape) if size == 1}
    if any(source.shape[axis] != 1 for axis in gone):
        raise node.refuse(f"removes dimensions {sorted(gone)} of {source.shape}")
    node.check_shape(tuple(size for axis, size in enumerate(source.shape) if axis not in gone))


def check_expand_dims(node: Node) -> None:
    """EXPAND_DIMS: one new dimension of size 1."""
    source = node.input()
    node.check_same_type(source, node.output())
    [axis] = _operand(node, 1, "axis", 1)
    axis = node.axis(axis, len(source.shape) + 1)
    node.check_shape((*source.shape[:axis], 1, *source.shape[axis:]))


def check_transpose(node: Node) -> None:
    """TRANSPOSE by a constant permutation."""
    source = node.input()
    node.check_same_type(source, node.output())
    rank = len(source.shape)
    order = [node.axis(axis, rank) for axis in _operand(node, 1, "permutation", rank)]
    if len(set(order)) != rank:
        raise node.refuse(f"has the permutation {order}")
    node.check_shape(tuple(source.shape[axis] for axis in order))


def check_concatenation(node: Node) -> None:
    """CONCATENATION: the same scale everywhere, as the int8 kernel copies."""
    tensors = node.inputs
    node.check_same_type(*tensors, node.output())
    if node.operator.activation != "NONE":
        raise node.refuse("has a fused activation", "use a separate activation")
    first = tensors[0].shape
    axis = node.axis(node.option("axis"), len(first))
    for tensor in tensors:
        if _without(tensor.shape, axis) != _without(first, axis):
            raise node.refuse(f"joins shapes {first} and {tensor.shape} along {axis}")
    total = sum(tensor.shape[axis] for tensor in tensors)
    node.check_shape((*first[:axis], total, *first[axis + 1 :]))


def check_pad(node: Node) -> None:
    """PAD, PADV2: pairs of how many elements come before and behind; PADV2 says their value."""
    source = node.input()
    node.check_same_type(source, node.output())
    if node.operator.kind == "PADV2":
        value = node.input(2)
        node.check_same_type(source, value)
        if value.elements != 1 or value.data is None:
            raise node.refuse("gets what it pads with at run time", "use a constant")
    if len(source.shape) > _MOST_PADDED:
        raise node.refuse(f"pads {len(source.shape)} dimensions", f"LiteRT pads {_MOST_PADDED}")
    pairs = _pairs(node, len(source.shape))
    padded = zip(source.shape, pairs, strict=True)
    node.check_shape(tuple(size + before + behind for size, (before, behind) in padded))


def check_mirror_pad(node: Node) -> None:
    """MIRROR_PAD: REFLECT leaves the edge itself out, SYMMETRIC repeats it."""
    source = node.input()
    node.check_same_type(source, node.output())
    edge = 1 if node.operator.options["mode"] == "REFLECT" else 0
    pairs = _pairs(node, len(source.shape))
    for size, pair in zip(source.shape, pairs, strict=True):
        if max(pair) > size - edge:
            raise node.refuse(f"mirrors {max(pair)} elements of {size}")
    padded = zip(source.shape, pairs, strict=True)
    node.check_shape(tuple(size + before + behind for size, (before, behind) in padded))


def check_split(node: Node) -> None:
    """SPLIT: the axis, then the tensor, which is cut into equal parts."""
    source = node.input(1)
    node.check_same_type(source, *node.outputs)
    [axis] = _operand(node, 0, "axis", 1)
    axis, parts = node.axis(axis, len(source.shape)), len(node.outputs)
    if node.option("num_splits") != parts or source.shape[axis] % parts:
        raise node.refuse(f"cuts {source.shape[axis]} elements into {parts} parts")
    size = source.shape[axis] // parts
    for position in range(parts):
        node.check_shape((*source.shape[:axis], size, *source.shape[axis + 1 :]), position)


def check_split_v(node: Node) -> None:
    """SPLIT_V: the tensor, the parts' sizes (one may be -1), the axis."""
    source = node.input()
    node.check_same_type(source, *node.outputs)
    [axis] = _operand(node, 2, "axis", 1)
    axis = node.axis(axis, len(source.shape))
    sizes = _operand(node, 1, "sizes", len(node.outputs))
    rest = source.shape[axis] - sum(size for size in sizes if size != -1)
    parts = [rest if size == -1 else size for size in sizes]
    if sizes.count(-1) > 1 or min(parts) < 1 or sum(parts) != source.shape[axis]:
        raise node.refuse(f"cuts {source.shape[axis]} elements into {list(sizes)}")
    if node.option("num_splits") != len(parts):
        raise node.refuse(f"says {node.option('num_splits')} parts and has {len(parts)}")
    for position, size in enumerate(parts):
        node.check_shape((*source.shape[:axis], size, *source.shape[axis + 1 :]), position)


def check_slice(node: Node) -> None:
    """SLICE: begin and size for each dimension; a size of -1 goes to the end."""
    source = node.input()
    node.check_same_type(source, node.output())
    rank = len(source.shape)
    begins, sizes = _operand(node, 1, "begin", rank), _operand(node, 2, "size", rank)
    shape = []
    for length, begin, size in zip(source.shape, begins, sizes, strict=True):
        taken = length - begin if size == -1 else size
        if begin < 0 or taken < 1 or begin + taken > length:
            raise node.refuse(f"takes {size} elements from {begin} of {length}")
        shape.append(taken)
    node.check_shape(tuple(shape))


def check_strided_slice(node: Node) -> None:
    """STRIDED_SLICE with begin, end and shrink masks."""
    source = node.input()
    node.check_same_type(source, node.output())
    options = node.operator.options
    if options["ellipsis_mask"] or options["new_axis_mask"] or options["offset"]:
        raise node.refuse("adds dimensions or takes an ellipsis", "use plain slices and a reshape")
    rank = len(source.shape)
    begins, ends, strides = (
        _operand(node, position, name, rank)
        for position, name in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    shape = []
    for axis, (length, begin, end, stride) in enumerate(
        zip(source.shape, begins, ends, strides, strict=True)
    ):
        shrinks = node.option("shrink_axis_mask") >> axis & 1
        if stride == 0 or (shrinks and not (stride > 0 and -length <= begin < length)):
            raise node.refuse(f"takes from {begin} to {end} by {stride} of {length} elements")
        if shrinks:
            continue
        first = None if node.option("begin_mask") >> axis & 1 else begin
        last = None if node.option("end_mask") >> axis & 1 else end
        shape.append(len(range(*slice(first, last, stride).indices(length))))
    node.check_shape(tuple(shape))


def check_pack(node: Node) -> None:
    """PACK: tensors of one shape along a new dimension."""
    tensors = node.inputs
    node.check_same_type(*tensors, node.output())
    shape = tensors[0].shape
    if any(tensor.shape != shape for tensor in tensors):
        raise node.refuse("packs tensors of different shapes")
    if node.option("values_count") != len(tensors):
        raise node.refuse(f"says {node.option('values_count')} inputs and has {len(tensors)}")
    axis = node.axis(node.option("axis"), len(shape) + 1)
    node.check_shape((*shape[:axis], len(tensors), *shape[axis:]))


def check_unpack(node: Node) -> None:
    """UNPACK: one output for each index along a dimension, which goes."""
    source = node.input()
    if node.check_same_type(source, *node.outputs) == "int64":
        raise node.refuse("unpacks int64, which LiteRT does not", "use int32")
    axis = node.axis(node.option("axis"), len(source.shape))
    parts = len(node.outputs)
    if node.option("num") != parts or source.shape[axis] != parts:
        raise node.refuse(f"unpacks {source.shape[axis]} elements into {parts} outputs")
    for position in range(parts):
        node.check_shape(_without(source.shape, axis), position)


def check_gather(node: Node) -> None:
    """GATHER of constant indices along one dimension, or of rows of a constant at run time."""
    source, indices = node.input(), node.input(1)
    node.check_same_type(source, node.output())
    if node.option("batch_dims") != 0:
        raise node.refuse("gathers in batches", "use batch_dims=0")
    axis = node.axis(node.option("axis"), len(source.shape))
    length = source.shape[axis]
    if indices.data is None:
        _check_numbers(node, indices, source)
        if axis != 0:
            raise node.refuse("gathers at run time, but not whole rows", "gather along dimension 0")
    elif any(not 0 <= index < length for index in node.integers(1, "indices")):
        raise node.refuse(f"has an index outside its {length} elements")
    node.check_shape((*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


def check_embedding_lookup(node: Node) -> None:
    """EMBEDDING_LOOKUP: rows of a constant, as they are, or int8 ones as float32.

    Those that become float32 are scaled as a whole or each by itself, around zero.
    """
    numbers, table, output = node.input(0), node.input(1), node.output()
    _check_numbers(node, numbers, table)
    node.check_rank(numbers, 1)
    if len(table.shape) < 2:
        raise node.refuse("has a table without rows")
    if output.dtype == "float32" and table.dtype != "float32":
        quantization = table.quantization
        if table.dtype != "int8" or quantization is None:
            raise node.refuse(f"has a table of type {table.dtype}", "use int8 with scales")
        if quantization.axis != 0 or any(quantization.zero_points):
            raise node.refuse("has a table that is not scaled by rows around zero")
    elif node.check_same_type(table, output) not in ("int8", "float32"):
        raise node.refuse(f"has a table of type {table.dtype}", "use int8")
    node.check_shape((numbers.shape[0], *table.shape[1:]))


def _check_numbers(node: Node, numbers: Tensor, table: Tensor) -> None:
    """Make sure that rows are looked up in a constant, by int32 numbers."""
    if table.data is None:
        raise node.refuse("looks up in a table that is computed at run time", "use a constant")
    if numbers.dtype != "int32":
        raise node.refuse(f"looks up by numbers of type {numbers.dtype}", "use int32")


def _operand(node: Node, position: int, name: str, length: int) -> tuple[int, ...]:
    values = node.integers(position, name)
    if len(values) != length:
        raise node.refuse(f"has {len(values)} values as {name}, not {length}")
    return values


def _pairs(node: Node, rank: int) -> list[tuple[int, int]]:
    values = _operand(node, 1, "paddings", 2 * rank)
    if node.input(1).shape != (rank, 2) or min(values, default=0) < 0:
        raise node.refuse(f"has the paddings {list(values)}")
    return list(zip(values[::2], values[1::2], strict=True))


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]
