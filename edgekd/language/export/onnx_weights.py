"""Weights of the linear layers of an ONNX decoder in fewer bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch

from edgekd.compress.pt2e import largest_integer
from edgekd.compress.scheme import GROUP_SIZE
from edgekd.errors import Unavailable
from edgekd.language.quantized import grid_scale

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Bits = Literal[4, 8]

CONTRIB = "com.microsoft"
LOGITS = "logits"
_CONTRIB_VERSION = 1
# The level at which MatMulNBits quantizes its activations to int8 instead of computing in float.
_ACTIVATIONS_TO_INT8 = 4


def float16_weights(model: ModelProto) -> ModelProto:
    """Matrices stored in float16, each behind a Cast that ONNX Runtime folds when it loads.

    It has hardly any float16 kernels for CPUs: a float16 graph would be half as large as well, but
    slower than this, which runs as float32.

    Raises:
        Unavailable: a weight is beyond float16.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name, stored = tensor.name, f"{tensor.name}_float16"
        with np.errstate(over="ignore"):
            half = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(half).all():
            raise Unavailable(f"a weight of {name} is beyond float16")
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    put_first(model, casts)
    return model


def quantize_linear_layers(model: ModelProto, bits: Bits) -> ModelProto:
    """Linear layers as MatMulNBits, which has int4 and int8 weights; int8 in the output layer.

    It quantizes activations to int8 at run time in groups of 32, so an outlier costs its
    neighbours their precision, but no other position: language models have outliers that spoil
    what has one scale for all positions, as DynamicQuantizeLinear has.
    """
    from onnx import helper, numpy_helper

    weights = initializers(model)
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        tensor = weights[node.input[1]]
        matrix = numpy_helper.to_array(tensor).T
        own_bits: Bits = 8 if LOGITS in node.output else bits
        packed, scales = pack(matrix, own_bits)
        quantized, scale = f"{tensor.name}_int{own_bits}", f"{tensor.name}_scale"
        tensor.CopyFrom(numpy_helper.from_array(packed, quantized))
        model.graph.initializer.append(numpy_helper.from_array(scales, scale))
        node.CopyFrom(
            helper.make_node(
                "MatMulNBits",
                [node.input[0], quantized, scale],
                list(node.output),
                name=node.name,
                domain=CONTRIB,
                K=matrix.shape[1],
                N=matrix.shape[0],
                bits=own_bits,
                block_size=GROUP_SIZE,
                accuracy_level=_ACTIVATIONS_TO_INT8,
            )
        )
    model.opset_import.append(helper.make_opsetid(CONTRIB, _CONTRIB_VERSION))
    return model


def pack(
    matrix: npt.NDArray[np.float32], bits: Bits
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A weight as MatMulNBits stores it: ``(stored - 2**(bits - 1)) * scale``.

    The grids are those of :mod:`edgekd.language.quantized`, so what was trained on them keeps its
    integers; ONNX Runtime's own quantizer has others. The one scale that an int8 row has there is
    repeated for each of its groups.

    Args:
        matrix: float32 ``[N, K]``, K inputs of each of N outputs; for int4 a multiple of 32.
        bits: of a weight.

    Returns:
        uint8 ``[N, groups of 32, 4 * bits]``, the first of two int4 values in the low half, the
        last group filled up with zeros; and the scales, float32 ``[N, groups]``.
    """
    weight = torch.tensor(matrix)
    outputs, inputs = weight.shape
    groups = -(-inputs // GROUP_SIZE)
    scale = grid_scale(weight, bits, GROUP_SIZE if bits == 4 else None).expand(outputs, groups)
    limit, offset = largest_integer(bits), 1 << (bits - 1)
    filled = torch.nn.functional.pad(weight, (0, groups * GROUP_SIZE - inputs))
    values = (filled.view(outputs, groups, GROUP_SIZE) / scale[:, :, None]).round()
    stored = (values.clamp(-limit, limit) + offset).to(torch.uint8)
    if bits == 4:
        stored = stored[:, :, 0::2] | (stored[:, :, 1::2] << 4)
    return stored.numpy(), scale.contiguous().numpy()


def initializers(model: ModelProto) -> dict[str, TensorProto]:
    """The model's weights by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def put_first(model: ModelProto, nodes: list[NodeProto]) -> None:
    """Put nodes that read only weights before all others."""
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
