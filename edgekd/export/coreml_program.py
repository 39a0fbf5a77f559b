"""What is in an ML Program, the graph of a Core ML model.

Format: ``Model.proto`` and ``MIL.proto`` of Apple's Core ML model specification, which ship in
coremltools.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.contract import DataType, TensorSpec
from edgekd.third_party import quiet, require

_CONSTANT = "const"
_COMPRESSED = "constexpr_"
_QUANTIZE, _DEQUANTIZE = "quantize", "dequantize"
_WEIGHTED = ("conv", "conv_transpose", "linear", "matmul")
_FUNCTION = "main"
_IMAGE_RANK = 4
# The first systems that read a specification version: iOS, and macOS three below.
_FIRST_VERSION, _FIRST_IOS = 6, 15
_LONGEST_TEXT = 80

NOT_RUN = (
    "exported, not run: Core ML runs on Apple's systems only, and decides there what the CPU, the "
    "GPU and the Neural Engine compute"
)


def systems(ios: int) -> str:
    """An iOS and the macOS of the same year."""
    return f"iOS {ios} or macOS {ios - 3}"


@dataclass(frozen=True)
class MlProgram:
    """An ML Program.

    Attributes:
        operators: by kind, constants and what unpacks them left out.
        float_fallbacks: layers with weights that are not quantized though others are.
        arithmetic: float types that the layers compute in, sorted.
        systems: the oldest that run it.
    """

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    operators: Counter[str]
    float_fallbacks: Counter[str]
    arithmetic: list[str]
    systems: str


def read_ml_program(content: bytes, where: str) -> MlProgram:
    """Read a serialized Core ML model.

    Args:
        content: of ``model.mlmodel``.
        where: name of the file, for messages.

    Raises:
        BadInput: it is damaged, or no ML Program that edgekd can feed.
        MissingPackage: coremltools is not installed.
    """
    require("executorch", "coremltools")
    with quiet():
        from coremltools.proto import MIL_pb2, Model_pb2
        from google.protobuf.message import DecodeError

        model = Model_pb2.Model()
        try:
            model.ParseFromString(content)
        except DecodeError as error:
            raise BadInput("is a damaged Core ML model", where=where) from error
    function = model.mlProgram.functions.get(_FUNCTION)
    if model.WhichOneof("Type") != "mlProgram" or function is None:
        raise BadInput("is a Core ML model of an old kind: not an ML Program", where=where)
    block = function.block_specializations.get(function.opset)
    if block is None:
        raise BadInput("is a Core ML model without operators", where=where)
    return MlProgram(
        [_spec(feature, where) for feature in model.description.input],
        [_spec(feature, where) for feature in model.description.output],
        Counter(_text(one.type) for one in block.operations if not _is_constant(one)),
        _float_fallbacks(block.operations),
        _arithmetic(block.operations, MIL_pb2.DataType),
        systems(_FIRST_IOS + model.specificationVersion - _FIRST_VERSION),
    )


def _text(name: str) -> str:
    """A name of the file's, at most 80 printable characters of it."""
    return "".join(c if c.isprintable() else "?" for c in name[:_LONGEST_TEXT])


def _is_constant(operation: Any) -> bool:
    kind: str = operation.type
    return kind == _CONSTANT or kind.startswith(_COMPRESSED)


def _spec(feature: Any, where: str) -> TensorSpec:
    from coremltools.proto.FeatureTypes_pb2 import ArrayFeatureType

    array, name = feature.type.multiArrayType, _text(feature.name)
    known: dict[int, DataType] = {
        ArrayFeatureType.FLOAT32: "float32",
        ArrayFeatureType.FLOAT16: "float16",
        ArrayFeatureType.INT32: "int32",
    }
    if array.dataType not in known:
        raise BadInput(f"{name} is not a tensor of float32, float16 or int32", where=where)
    layout: Any = "NCHW" if len(array.shape) == _IMAGE_RANK else "NC"
    return TensorSpec(
        name=name, shape=list(array.shape), layout=layout, dtype=known[array.dataType]
    )


def _float_fallbacks(operations: Any) -> Counter[str]:
    """Layers whose weights, or whose input where others' are, come from no quantized tensor."""
    makers = {output.name: one.type for one in operations for output in one.outputs}
    compressed = any(kind.startswith(_COMPRESSED) for kind in makers.values())
    activations = _QUANTIZE in makers.values()
    found: Counter[str] = Counter()
    for one in operations:
        if one.type not in _WEIGHTED or not (compressed or activations):
            continue
        weight = makers.get(_argument(one, "weight", "y"), "")
        value = makers.get(_argument(one, "x"), "")
        is_float = not weight.startswith(_COMPRESSED) and weight != _DEQUANTIZE
        if is_float or (activations and value != _DEQUANTIZE):
            found[one.type] += 1
    return found


def _argument(operation: Any, *names: str) -> str:
    """Name of the tensor that is bound to the first of these parameters that there is."""
    for name in names:
        if name in operation.inputs:
            bindings = operation.inputs[name].arguments
            return str(bindings[0].name) if bindings else ""
    return ""


def _arithmetic(operations: Any, types: Any) -> list[str]:
    names = types.DESCRIPTOR.values_by_number
    found = {
        output.type.tensorType.dataType
        for one in operations
        if one.type in _WEIGHTED
        for output in one.outputs
    }
    # An open enumeration: a file may hold a number that has no name.
    return sorted(names[kind].name.lower() if kind in names else f"type {kind}" for kind in found)
