"""Says what LiteRT will do with a TFLite file, whoever made the file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from edgekd.errors import BadInput
from edgekd.export.contract import DataType, TensorSpec
from edgekd.export.probe import probe
from edgekd.export.tflite_sharing import check_sharing
from edgekd.measure.delegation import Edges, taken_by_delegates
from edgekd.records import Preflight
from edgekd.third_party import reason, require

_IDENTIFIER = b"TFL3"
_LARGEST_FILE = 2**31 - 1
_DELEGATE = "DELEGATE"
_PASSIVE = ("QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE")
_INTEGERS = ("INT2", "INT4", "INT8", "UINT8", "INT16")
_FLOATS = ("FLOAT32", "FLOAT16")
_IO_TYPES = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
}
_BLOCKWISE_NOTE = (
    "int4 weights in groups are computed right by the XNNPACK delegate alone; "
    "LiteRT's built-in kernels give wrong numbers without an error"
)

Node = dict[str, Any]
Inspected = tuple[list[TensorSpec], list[TensorSpec], Preflight]


def inspect_tflite(path: Path) -> Inspected:
    """Inputs, outputs and preflight of a TFLite file.

    The first subgraph is what counts. An operator of a quantized file computes in float if its
    outputs are float and none of its inputs are integer weights (those are dynamically quantized).

    Raises:
        BadInput: it cannot be read, is not a TFLite file, is damaged, uses operators that LiteRT
            does not have, or has inputs or outputs that are not float or integers of 8, 32 or 64
            bits.
        MissingPackage: LiteRT is not installed.
    """
    require("tflite", "ai_edge_litert")
    _check_header(path)
    check_sharing(path.read_bytes(), str(path))
    nodes: list[Node] = probe("edgekd.export.tflite_probe", path)["nodes"]
    try:
        graphs = _parse(path)
    # A damaged table raises whatever the step that reads past it raises.
    except Exception as error:
        raise BadInput(f"is a damaged TFLite file: {reason(error)}", where=str(path)) from error
    tensors = graphs[0].tensors
    inputs = [_tensor_spec(tensors[index], path) for index in graphs[0].inputs]
    outputs = [_tensor_spec(tensors[index], path) for index in graphs[0].outputs]
    return inputs, outputs, _preflight(nodes, tensors, len(graphs))


def _check_header(path: Path) -> None:
    """Refuse what is cheap to refuse, before native code sees it."""
    try:
        with path.open("rb") as stream:
            header = stream.read(8)
        size = path.stat().st_size
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(header) < 8 or header[4:] != _IDENTIFIER:
        raise BadInput("is not a TFLite file (no TFL3 identifier)", where=str(path))
    if int.from_bytes(header[:4], "little") >= size:
        raise BadInput("is a truncated TFLite file", where=str(path))
    if size > _LARGEST_FILE:
        raise BadInput(f"{size} bytes are more than a TFLite file can hold", where=str(path))


def _parse(path: Path) -> Sequence[Any]:
    """The subgraphs, with their tensors."""
    from ai_edge_litert.schema_py_generated import ModelT

    model = ModelT.InitFromPackedBuf(path.read_bytes())
    if not model.subgraphs or not model.subgraphs[0].tensors:
        raise ValueError("it has no graph")
    return cast("Sequence[Any]", model.subgraphs)


def _tensor_spec(tensor: Any, path: Path) -> TensorSpec:
    name = tensor.name.decode(errors="replace")
    kind = _type_name(tensor)
    if kind not in _IO_TYPES:
        raise BadInput(f"the tensor {name!r} of type {kind} cannot be fed", where=str(path))
    # A dynamic dimension is stored as 1 in the shape and as -1 in the signature.
    shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
    scales = _scales(tensor)
    quantized = len(scales) == 1 and kind in _INTEGERS
    if quantized and not (math.isfinite(scales[0]) and scales[0] > 0):
        raise BadInput(f"the tensor {name!r} has the scale {scales[0]}", where=str(path))
    return TensorSpec(
        name=name,
        shape=shape,
        layout="NHWC" if len(shape) == 4 else "NC",
        dtype=cast(DataType, _IO_TYPES[kind]),
        scale=float(scales[0]) if quantized else None,
        zero_point=int(tensor.quantization.zeroPoint[0]) if quantized else None,
    )


def _preflight(nodes: Sequence[Node], tensors: Sequence[Any], graphs: int) -> Preflight:
    operators = [node for node in nodes if node["name"] != _DELEGATE]
    delegates = [node for node in nodes if node["name"] == _DELEGATE]
    taken = taken_by_delegates(_edges(delegates), _edges(operators))
    outside = [node for index, node in enumerate(operators) if index not in taken]
    names = Counter(node["name"] for node in operators)
    return Preflight(
        operators=dict(sorted(names.items())),
        delegated=len(operators) - len(outside),
        undelegated=_counts(outside),
        transposes=names["TRANSPOSE"],
        float_fallbacks=_counts(_float_operators(operators, tensors)),
        notes=_notes(operators, outside, tensors, graphs),
    )


def _counts(nodes: Sequence[Node]) -> dict[str, int]:
    return dict(sorted(Counter(node["name"] for node in nodes).items()))


def _edges(nodes: Sequence[Node]) -> list[Edges]:
    return [(node["inputs"], node["outputs"]) for node in nodes]


def _float_operators(operators: Sequence[Node], tensors: Sequence[Any]) -> list[Node]:
    if not any(_is_quantized(tensor) for tensor in tensors):
        return []
    return [
        node
        for node in operators
        if node["name"] not in _PASSIVE
        and any(_type_name(tensor) in _FLOATS for tensor in _those(node["outputs"], tensors))
        and not any(_is_quantized(tensor) for tensor in _those(node["inputs"], tensors))
    ]


def _notes(
    operators: Sequence[Node], outside: Sequence[Node], tensors: Sequence[Any], graphs: int
) -> list[str]:
    notes = []
    widened = [node for node in operators if node["name"] == "DEQUANTIZE"]
    if any(_has_type(node, "FLOAT16", tensors) for node in widened):
        notes.append("float16 weights are widened to float32; the arithmetic is float32")
    if any(_is_grouped(tensor) for tensor in tensors):
        notes.append(_BLOCKWISE_NOTE)
    int4 = [node for node in outside if _has_type(node, "INT4", tensors)]
    if int4:
        notes.append(
            f"{len(int4)} operators with int4 weights run in LiteRT's built-in kernels: "
            "XNNPACK does not take them"
        )
    if graphs > 1:
        notes.append(f"only the first of {graphs} subgraphs is counted")
    return notes


def grouped_outside_delegate(preflight: Preflight) -> bool:
    """Whether a file with int4 weights in groups has layers that LiteRT would compute wrong."""
    return _BLOCKWISE_NOTE in preflight.notes and "FULLY_CONNECTED" in preflight.undelegated


def _those(indices: Sequence[int], tensors: Sequence[Any]) -> list[Any]:
    return [tensors[index] for index in indices if 0 <= index < len(tensors)]


def _has_type(node: Node, name: str, tensors: Sequence[Any]) -> bool:
    return any(_type_name(tensor) == name for tensor in _those(node["inputs"], tensors))


def _is_quantized(tensor: Any) -> bool:
    has_parameters = len(_scales(tensor)) > 0 or _is_grouped(tensor)
    return has_parameters and _type_name(tensor) in _INTEGERS


def _is_grouped(tensor: Any) -> bool:
    from ai_edge_litert.schema_py_generated import QuantizationDetails

    quantization = tensor.quantization
    grouped = QuantizationDetails.BlockwiseQuantization
    return quantization is not None and quantization.detailsType == grouped


def _scales(tensor: Any) -> Sequence[float]:
    quantization = tensor.quantization
    return () if quantization is None or quantization.scale is None else quantization.scale


def _type_name(tensor: Any) -> str:
    from ai_edge_litert.schema_py_generated import TensorType

    names: dict[int, str] = {v: name for name, v in vars(TensorType).items() if name.isupper()}
    return names.get(tensor.type, f"number {tensor.type}")
