"""Linear layers that quantization-aware training has left on its own int4 grid.

MatMulNBits computes ``scale * q`` with q from -8 to 7; its quantizer takes ``-w/8`` as the scale, w
being the weight of a group with the largest magnitude. Training takes ``max|w| / 7``: on the other
grid its integers would be rounded once more, to no less error than without training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

GROUP_SIZE = 32
_LIMIT = 7
_ZERO = 8
# Of a step: what float32 leaves of an integer times a scale.
_TOLERANCE = 1e-4


def layer_weights(model: ModelProto) -> dict[str, Any]:
    """Weights ``[inputs, outputs]`` of the MatMul nodes, by the name of the node's output."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    return {
        node.output[0]: numpy_helper.to_array(constants[node.input[1]])
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in constants
    }


def keep_trained_groups(quantized: ModelProto, weights: dict[str, Any]) -> None:
    """Put layers whose weights lie on the grid of training back on it, in place.

    Args:
        quantized: with MatMulNBits nodes in groups of 32.
        weights: of the layers before, from :func:`layer_weights`.
    """
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in quantized.graph.initializer}
    for node in quantized.graph.node:
        values = weights.get(node.output[0])
        if node.op_type != "MatMulNBits" or values is None or len(values) % GROUP_SIZE:
            continue
        groups = values.T.reshape(values.shape[1], -1, GROUP_SIZE)
        largest = np.abs(groups).max(axis=2)
        scales = np.where(largest > 0, largest / np.float32(_LIMIT), np.float32(1))
        steps = groups / scales[:, :, None]
        integers = np.rint(steps)
        if np.abs(steps - integers).max() > _TOLERANCE:
            continue
        codes = (integers + _ZERO).astype(np.uint8)
        # The even one of two is in the low half of a byte.
        packed = codes[:, :, ::2] | codes[:, :, 1::2] << 4
        for name, array in zip(node.input[1:3], (packed, scales), strict=True):
            stored = constants[name]
            shaped = array.reshape(tuple(stored.dims))
            stored.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(shaped), name))
