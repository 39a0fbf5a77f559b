"""Embedding tables in the quantization of an ONNX model: what a Gather looks rows up in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

GROUP_SIZE = 32
_INT4_LIMIT, _INT8_LIMIT = 7, 127
_UINT8_ZERO = 128
_CONTRIBUTED = "com.microsoft"


def static_overrides(model: ModelProto) -> dict[str, list[dict[str, Any]]]:
    """8 bits with one symmetric scale for each table; the quantizer's own are those of activations.

    They are written as those are, in uint8 around 128. What is looked up has the same scale, and
    ONNX Runtime copies bytes; it would widen an int8 table to float on each inference.
    """
    from onnx import numpy_helper
    from onnxruntime.quantization import QuantType

    overrides: dict[str, list[dict[str, Any]]] = {}
    for _, table in _lookups(model):
        largest = np.abs(numpy_helper.to_array(table)).max()
        scale = largest / np.float32(_INT8_LIMIT) if largest > 0 else 1
        overrides[table.name] = [
            {
                "quant_type": QuantType.QUInt8,
                "scale": np.array(scale, dtype=np.float32),
                "zero_point": np.array(_UINT8_ZERO, dtype=np.uint8),
            }
        ]
    return overrides


def group_tables(model: ModelProto) -> None:
    """Store tables as int4 in groups of 32, or int8 a row where rows do not divide, in place.

    Groups are symmetric with ``scale = max|w| / 7`` (or ``/ 127``).
    """
    from onnx import numpy_helper

    found = list(_lookups(model))
    tables = {table.name: numpy_helper.to_array(table) for _, table in found}
    nodes: list[NodeProto] = []
    lookups = {id(node): node.input[0] for node, _ in found}
    for node in model.graph.node:
        if id(node) not in lookups:
            nodes.append(node)
        elif tables[node.input[0]].shape[1] % GROUP_SIZE == 0:
            nodes += _grouped_lookup(node)
        else:
            nodes += _row_lookup(node)
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in tables]
    kept += [tensor for name, values in tables.items() for tensor in _stored(name, values)]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    if tables and all(item.domain != _CONTRIBUTED for item in model.opset_import):
        added = model.opset_import.add()
        added.domain, added.version = _CONTRIBUTED, 1


def _lookups(model: ModelProto) -> list[tuple[NodeProto, TensorProto]]:
    """The nodes that look rows of a float matrix up by numbers from outside, and the matrix."""
    from onnx import TensorProto

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return [
        (node, constants[node.input[0]])
        for node in model.graph.node
        if node.op_type == "Gather"
        and node.input[0] in constants
        and node.input[1] not in constants
        and constants[node.input[0]].data_type == TensorProto.FLOAT
        and len(constants[node.input[0]].dims) == 2
        and not any(item.name == "axis" and item.i != 0 for item in node.attribute)
    ]


def _stored(name: str, values: Any) -> list[TensorProto]:
    """Integers and scales of a table: ``[rows, columns]`` and ``[rows, groups]``."""
    import ml_dtypes
    from onnx import numpy_helper

    rows, columns = values.shape
    divides = columns % GROUP_SIZE == 0
    limit = _INT4_LIMIT if divides else _INT8_LIMIT
    groups = values.reshape(rows, -1, GROUP_SIZE if divides else columns)
    largest = np.abs(groups).max(axis=2)
    scales = np.where(largest > 0, largest / np.float32(limit), np.float32(1)).astype(np.float32)
    integers = np.rint(groups / scales[:, :, None]).reshape(values.shape)
    kind = ml_dtypes.int4 if divides else np.int8
    return [
        numpy_helper.from_array(integers.astype(kind), f"{name}_quantized"),
        numpy_helper.from_array(scales, f"{name}_scale"),
    ]


def _grouped_lookup(node: NodeProto) -> list[NodeProto]:
    from onnx import helper

    table, tokens = node.input
    return [
        helper.make_node(
            "GatherBlockQuantized",
            [f"{table}_quantized", tokens, f"{table}_scale"],
            list(node.output),
            domain=_CONTRIBUTED,
            gather_axis=0,
            quantize_axis=1,
            block_size=GROUP_SIZE,
        )
    ]


def _row_lookup(node: NodeProto) -> list[NodeProto]:
    """Integers times scale, in operators that every runtime has."""
    from onnx import TensorProto, helper

    table, tokens = node.input
    [output] = node.output
    integers, real, scale = (f"{output}_{part}" for part in ("integers", "real", "scale"))
    return [
        helper.make_node("Gather", [f"{table}_quantized", tokens], [integers]),
        helper.make_node("Gather", [f"{table}_scale", tokens], [scale]),
        helper.make_node("Cast", [integers], [real], to=TensorProto.FLOAT),
        helper.make_node("Mul", [real, scale], [output]),
    ]
