"""Says what ONNX Runtime will do with an ONNX file, whoever made the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput
from edgekd.export.contract import DataType, TensorSpec
from edgekd.export.probe import probe
from edgekd.records import Preflight
from edgekd.third_party import reason, require

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

_LARGEST_FILE = 2**31 - 1
_INTEGER_KERNELS = (
    "ConvInteger",
    "DynamicQuantizeMatMul",
    "GatherBlockQuantized",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "QGemm",
)
_SATURATING_KERNELS = ("QLinearConv", "QLinearMatMul", "QGemm")
_LAYOUT = ("Transpose", "ReorderInput", "ReorderOutput")
# Which input is the scale, whose type is that of the output.
_SCALE_INPUT = {"DequantizeLinear": 1, "GatherBlockQuantized": 2}
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast")
_MOVES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
_IO_TYPES: dict[int, DataType] = {
    1: "float32",
    10: "float16",
    3: "int8",
    2: "uint8",
    6: "int32",
    7: "int64",
}
_FLOAT, _FLOAT16 = 1, 10

Node = dict[str, Any]


def inspect_onnx(path: Path) -> tuple[list[TensorSpec], list[TensorSpec], Preflight]:
    """Inputs, outputs and preflight of an ONNX file.

    ``operators`` are those of the file; the rest is read off the graph that ONNX Runtime's CPU
    provider makes of it: fused kernels, layout changes that it puts in, operators that compute in
    float.

    Raises:
        BadInput: it cannot be read, is not an ONNX file, is damaged, keeps weights in other
            files, is refused by ONNX Runtime, or has inputs or outputs that are not float or
            integers of 8, 32 or 64 bits, or of a size that is not fixed.
        MissingPackage: onnx or ONNX Runtime is not installed.
    """
    require("onnx", "onnx", "onnxruntime")
    model = _load(path)
    optimised = probe("edgekd.export.onnx_probe", path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [_tensor_spec(value, path) for value in model.graph.input if value.name not in weights]
    outputs = [_tensor_spec(value, path) for value in model.graph.output]
    return inputs, outputs, _preflight(model, optimised, _is_float16(model))


def preflight_decoder(path: Path) -> Preflight:
    """Preflight of a file whose inputs may have any size, and float16 weights are only stored so.

    Raises:
        BadInput, MissingPackage: see :func:`inspect_onnx`.
    """
    require("onnx", "onnx", "onnxruntime")
    return _preflight(_load(path), probe("edgekd.export.onnx_probe", path), float16=False)


def _load(path: Path) -> ModelProto:
    import onnx
    from onnx import TensorProto

    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise BadInput("more than 2 GiB cannot be one ONNX file", where=str(path))
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        model = onnx.load_from_string(content)
    # protobuf's DecodeError derives from Exception alone.
    except Exception as error:
        raise BadInput(f"is not an ONNX file: {reason(error)}", where=str(path)) from error
    if not model.graph.node:
        raise BadInput("is not an ONNX file: it has no graph", where=str(path))
    if any(item.data_location == TensorProto.EXTERNAL for item in model.graph.initializer):
        raise BadInput("keeps weights in other files", where=str(path), mend="save it as one file")
    return model


def _tensor_spec(value: ValueInfoProto, path: Path) -> TensorSpec:
    tensor = value.type.tensor_type
    if tensor.elem_type not in _IO_TYPES:
        raise BadInput(
            f"the tensor {value.name!r} of ONNX type {tensor.elem_type} cannot be fed",
            where=str(path),
        )
    shape = [dimension.dim_value for dimension in tensor.shape.dim]
    if shape and shape[0] == 0:
        shape[0] = 1  # a batch of any size
    if 0 in shape:
        raise BadInput(
            f"the tensor {value.name!r} has a dimension of no fixed size", where=str(path)
        )
    return TensorSpec(
        name=value.name,
        shape=shape,
        layout="NCHW" if len(shape) == 4 else "NC",
        dtype=_IO_TYPES[tensor.elem_type],
    )


def _preflight(model: ModelProto, optimised: dict[str, Any], float16: bool) -> Preflight:
    nodes: list[Node] = optimised["nodes"]
    names = Counter(node["name"] for node in nodes)
    reduced = _is_quantized(model) or float16
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    in_float = _float_operators(nodes, {**types, **optimised["initializers"]}) if reduced else []
    inner = _inner_conversions(nodes, model)
    outside = in_float + inner if reduced else inner
    layout = sum(names[name] for name in _LAYOUT)
    edges = sum(names[name] for name in _CONVERSIONS) - len(inner)
    return Preflight(
        operators=_counts([{"name": node.op_type} for node in model.graph.node]),
        delegated=len(nodes) - layout - edges - len(outside),
        undelegated=_counts(outside),
        transposes=layout,
        float_fallbacks=_counts(in_float),
        notes=_notes(model, names, len(in_float) if float16 else 0),
    )


def _counts(nodes: Sequence[Node]) -> dict[str, int]:
    return dict(sorted(Counter(node["name"] for node in nodes).items()))


def _is_integer_kernel(node: Node) -> bool:
    return node["name"].startswith("QLinear") or node["name"] in _INTEGER_KERNELS


def _is_quantized(model: ModelProto) -> bool:
    return any(
        node.op_type in ("QuantizeLinear", "DequantizeLinear")
        or _is_integer_kernel({"name": node.op_type})
        for node in model.graph.node
    )


def _is_float16(model: ModelProto) -> bool:
    return any(tensor.data_type == _FLOAT16 for tensor in model.graph.initializer)


def _float_operators(nodes: Sequence[Node], known: dict[str, int]) -> list[Node]:
    """Operators that compute on float32, found by following element types through the graph."""
    types = dict(known)
    found = []
    for node in nodes:
        first = types.get(node["inputs"][0], 0) if node["inputs"] else 0
        given = first
        if node["name"] == "Cast":
            given = node["to"]
        elif node["name"] in _SCALE_INPUT:
            given = types.get(node["inputs"][_SCALE_INPUT[node["name"]]], _FLOAT)
        elif node["name"] == "QuantizeLinear" or node["name"].startswith("QLinear"):
            given = types.get(node["inputs"][-1], 0)
        types.update(dict.fromkeys(node["outputs"], given))
        passive = node["name"] in (*_CONVERSIONS, *_LAYOUT, *_MOVES)
        if first == _FLOAT and not passive and not _is_integer_kernel(node):
            found.append(node)
    return found


def _inner_conversions(nodes: Sequence[Node], model: ModelProto) -> list[Node]:
    """Conversions between the operators; those at the float input and output are no loss."""
    edges = {value.name for value in (*model.graph.input, *model.graph.output)}
    return [
        node
        for node in nodes
        if node["name"] in _CONVERSIONS
        and not edges.intersection(node["inputs"][:1])
        and not edges.intersection(node["outputs"])
    ]


def _notes(model: ModelProto, names: Counter[str], widened: int) -> list[str]:
    notes = []
    if widened:
        notes.append(
            f"ONNX Runtime has no float16 kernels for {widened} operators on this CPU: "
            "it widens them to float32"
        )
    if any(names[kernel] for kernel in _SATURATING_KERNELS):
        notes.append(
            "x86 processors without VNNI may saturate in the int8 kernels: set the session option "
            "session.x64quantprecision to 1 there"
        )
    own = sum(node.op_type in _LAYOUT for node in model.graph.node)
    added = sum(names[name] for name in _LAYOUT) - own
    if added > 0:
        notes.append(f"ONNX Runtime adds {added} layout changes around its convolutions")
    return notes
