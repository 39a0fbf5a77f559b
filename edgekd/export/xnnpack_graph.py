"""Reads the graph that XNNPACK's delegate carries inside a ``.pte`` file.

Format: ``executorch/backends/xnnpack/serialization/schema.fbs``, behind a header that says where
the flatbuffer lies (``runtime/XNNHeader.h``). Slots are the fields in their order in the schema.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgekd.errors import BadInput
from edgekd.export.flatbuffer import FlatBuffer, Table

_MAGIC = b"XH00"
_MAGIC_AT = slice(4, 8)
# Offset and size of the flatbuffer, behind four bytes of zeros, the magic and the header's length.
_HEADER = struct.Struct("<10xII")

_DATATYPES = [
    "invalid",
    "fp32",
    "fp16",
    "qint8",
    "quint8",
    "qint32",
    "qcint8",
    "qcint32",
    "qcint4",
    "qdint8",
    "qbint4",
    "qpint8",
    "int32",
    "pfp32",
    "bf16",
]
_FLOATS = {"fp32", "fp16", "bf16", "pfp32"}
_QUANTIZED_VALUE = 2


@dataclass(frozen=True)
class _Fields:
    """Slots of a node that name values, and the one among them that names its weights."""

    values: tuple[int, ...]
    weights: int | None = None


_ONE_INPUT = _Fields((0, 1))
_TWO_INPUTS = _Fields((0, 1, 2))
_CONVOLUTION = _Fields((15, 16, 17, 18), weights=16)
_POOLING = _Fields((10, 11))
_CONCATENATION = _Fields((1, 2, 3, 4, 5, 7))
# In the order of the union ``XNodeUnion``, whose numbers begin at 1.
_KINDS: tuple[tuple[str, _Fields], ...] = (
    ("XNNAdd", _TWO_INPUTS),
    ("XNNFullyConnected", _Fields((0, 1, 2, 3), weights=1)),
    ("XNNSoftmax", _ONE_INPUT),
    ("XNNSigmoid", _ONE_INPUT),
    ("XNNStaticTranspose", _Fields((2, 3))),
    ("XNNClamp", _ONE_INPUT),
    ("XNNConv2d", _CONVOLUTION),
    ("XNNDiv", _TWO_INPUTS),
    ("XNNStaticResizeBilinear2D", _Fields((2, 3))),
    ("XNNStaticConstantPad", _Fields((3, 4))),
    ("XNNAvgPooling2d", _POOLING),
    ("XNNMinimum", _TWO_INPUTS),
    ("XNNDepthwiseConv2d", _CONVOLUTION),
    ("XNNMaxPooling2d", _POOLING),
    ("XNNMultiply", _TWO_INPUTS),
    ("XNNSubtract", _TWO_INPUTS),
    ("XNNFloor", _ONE_INPUT),
    ("XNNConvert", _ONE_INPUT),
    ("XNNGlobalAvgPooling2d", _ONE_INPUT),
    ("XNNStaticReshape", _Fields((2, 3))),
    ("XNNArgMaxPooling2d", _Fields((6, 7, 8))),
    ("XNNSquareRoot", _ONE_INPUT),
    ("XNNCeiling", _ONE_INPUT),
    ("XNNHardswish", _ONE_INPUT),
    ("XNNLeakyReLU", _Fields((1, 2))),
    ("XNNMaximum", _TWO_INPUTS),
    ("XNNNegate", _ONE_INPUT),
    ("XNNSquare", _ONE_INPUT),
    ("XNNELU", _Fields((1, 2))),
    ("XNNAbs", _ONE_INPUT),
    ("XNNPReLU", _TWO_INPUTS),
    ("XNNConcatenate2", _CONCATENATION),
    ("XNNConcatenate3", _CONCATENATION),
    ("XNNConcatenate4", _CONCATENATION),
    ("XNNStaticSlice", _Fields((3, 4))),
    ("XNNScaledDotProductAttention", _Fields((0, 1, 2, 3, 4, 5))),
    ("XNNBatchMatrixMultiply", _TWO_INPUTS),
    ("XNNConcatenate5", _CONCATENATION),
    ("XNNConvTranspose2d", _CONVOLUTION),
    ("XNNReciprocalSquareRoot", _ONE_INPUT),
    ("XNNLog", _ONE_INPUT),
    ("XNNGelu", _ONE_INPUT),
    ("XNNTanh", _ONE_INPUT),
    ("XNNExp", _ONE_INPUT),
    ("XNNSin", _ONE_INPUT),
    ("XNNCopy", _ONE_INPUT),
    ("XNNCos", _ONE_INPUT),
)
# Nodes that move or convert values and compute nothing.
_MOVES = {
    "XNNConvert",
    "XNNCopy",
    "XNNStaticReshape",
    "XNNStaticTranspose",
    "XNNStaticSlice",
    "XNNStaticConstantPad",
    *(f"XNNConcatenate{inputs}" for inputs in range(2, 6)),
}


@dataclass(frozen=True)
class XnnpackNode:
    """One operator.

    Attributes:
        kind: its name in the schema.
        quantized: one of its values is quantized.
        computes: it is more than a move or a conversion.
        weights: the type of its weights without prefix, such as ``fp32``; ``None`` without any.
    """

    kind: str
    quantized: bool
    computes: bool
    weights: str | None


def read_xnnpack_graph(blob: FlatBuffer) -> list[XnnpackNode]:
    """The operators of a delegate, in order.

    Args:
        blob: what the delegate was handed at export, header included.

    Raises:
        BadInput: the blob is damaged.
    """
    if len(blob.content) < _HEADER.size or blob.content[_MAGIC_AT] != _MAGIC:
        raise BadInput("has a damaged XNNPACK delegate", where=blob.where)
    start, length = _HEADER.unpack_from(blob.content)
    buffer = blob.part(start, length, "XNNPACK delegate")
    graph = buffer.root()
    types = dict(_type_of(buffer, value) for value in graph.tables(2))
    return [_node(buffer, node, types) for node in graph.tables(1)]


def _type_of(buffer: FlatBuffer, value: Table) -> tuple[int, str]:
    """Identifier and type of a value."""
    tensor = value.table(1)
    if tensor is not None and value.integer(0, "B") == _QUANTIZED_VALUE:
        tensor = tensor.table(0)
    if tensor is None:
        raise buffer.damaged("a value is no tensor")
    number = tensor.integer(0, "H")
    if number >= len(_DATATYPES):
        raise buffer.damaged(f"there is no datatype {number}")
    return tensor.integer(6, "I"), _DATATYPES[number]


def _node(buffer: FlatBuffer, entry: Table, types: dict[int, str]) -> XnnpackNode:
    number, node = entry.integer(0, "B"), entry.table(1)
    if node is None or not 1 <= number <= len(_KINDS):
        raise buffer.damaged(f"there is no node of kind {number}")
    kind, fields = _KINDS[number - 1]
    # A node without a bias names a value that is not there.
    used = {types[value] for slot in fields.values if (value := node.integer(slot, "I")) in types}
    weights = None
    if fields.weights is not None:
        weights = types.get(node.integer(fields.weights, "I"))
        if weights is None:
            raise buffer.damaged(f"the weights of a {kind} are not there")
    return XnnpackNode(
        kind=kind,
        quantized=not _FLOATS.issuperset(used),
        computes=kind not in _MOVES,
        weights=weights,
    )
