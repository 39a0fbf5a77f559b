"""Rules of the layers with weights."""

from __future__ import annotations

import math

from edgekd.export.c.graph import Tensor
from edgekd.export.c.reading.node import Node
from edgekd.export.c.reading.windows import window_output

# As LiteRT's ``GetQuantizedConvolutionMultipler``: in units of the output's scale.
_BIAS_TOLERANCE = 0.02
# Of products in float32.
_NOISE = 1e-6


def check_convolution(node: Node) -> None:
    """CONV_2D: weights are (output channels, height, width, input channels of a group)."""
    image, weights = node.input(0), node.input(1)
    _check_image(node, image)
    channels, groups = weights.shape[0], image.shape[3] // weights.shape[3]
    if image.shape[3] % weights.shape[3] or channels % groups:
        raise node.refuse(f"has weights of shape {weights.shape} for {image.shape[3]} channels")
    if not node.has(2):
        raise node.refuse("has no bias, without which LiteRT runs no int8 one", "add a zero bias")
    _check_weights(node, weights, channels_axis=0)
    _check_bias(node, 2, channels, image, weights)
    _check_convolved(node, image, weights, channels)


def check_depthwise(node: Node) -> None:
    """DEPTHWISE_CONV_2D: weights are (1, height, width, output channels)."""
    image, weights = node.input(0), node.input(1)
    _check_image(node, image)
    channels = image.shape[3] * node.option("depth_multiplier")
    if weights.shape[0] != 1 or weights.shape[3] != channels:
        raise node.refuse(f"has weights of shape {weights.shape} for {channels} channels")
    _check_weights(node, weights, channels_axis=3)
    _check_bias(node, 2, channels, image, weights)
    _check_convolved(node, image, weights, channels)


def check_transposed_convolution(node: Node) -> None:
    """TRANSPOSE_CONV: the output's shape, weights (output, height, width, input), image, bias."""
    weights, image, output = node.input(1), node.input(2), node.output()
    _check_image(node, image)
    channels = weights.shape[0]
    if weights.shape[3] != image.shape[3]:
        raise node.refuse(f"has weights of shape {weights.shape} for {image.shape[3]} channels")
    _check_weights(node, weights, channels_axis=0)
    _check_bias(node, 3, channels, image, weights)
    node.check_shape(node.integers(0, "output shape"))
    assert node.operator.window is not None
    kernel = weights.shape[1], weights.shape[2]
    size = window_output(node.operator.window, kernel, output.shape[1], output.shape[2])
    if (1, *size, channels) != (1, image.shape[1], image.shape[2], output.shape[3]):
        raise node.refuse(f"cannot compute {output.shape} from {image.shape}")
    node.check_batch(output)


def check_fully_connected(node: Node) -> None:
    """FULLY_CONNECTED: weights are (units, inputs)."""
    vector, weights, output = node.input(0), node.input(1), node.output()
    node.check_int8(vector, output)
    if node.option("weights_format") != 0:
        raise node.refuse("has shuffled weights", "convert the model with the default layout")
    node.check_rank(weights, 2, "weights tensor")
    units, inputs = weights.shape
    _check_weights(node, weights, channels_axis=0)
    _check_bias(node, 2, units, vector, weights)
    if node.option("keep_num_dims"):
        if not vector.shape or vector.shape[-1] != inputs:
            raise node.refuse(f"has weights for {inputs} inputs and gets {vector.shape}")
        node.check_shape((*vector.shape[:-1], units))
        return
    if vector.elements % inputs:
        raise node.refuse(f"has weights for {inputs} inputs and gets {vector.shape}")
    node.check_shape((vector.elements // inputs, units))


def _check_image(node: Node, image: Tensor) -> None:
    node.check_int8(image, node.output())
    node.check_rank(image, 4)
    node.check_batch(image)


def _check_convolved(node: Node, image: Tensor, weights: Tensor, channels: int) -> None:
    assert node.operator.window is not None
    kernel = weights.shape[1], weights.shape[2]
    size = window_output(node.operator.window, kernel, image.shape[1], image.shape[2])
    node.check_shape((1, *size, channels))


def _check_weights(node: Node, weights: Tensor, channels_axis: int) -> None:
    if weights.dtype not in ("int8", "int4") or weights.quantization is None:
        raise node.refuse(f"has weights in {weights.dtype}", "quantize them with int8 or int4")
    if weights.data is None:
        raise node.refuse("gets its weights at run time", "use constant weights")
    if any(weights.quantization.zero_points):
        raise node.refuse("has weights with a zero point", "quantize weights symmetrically")
    if len(weights.quantization.scales) > 1 and weights.quantization.axis != channels_axis:
        raise node.refuse("has scales along a dimension that is not its output channels")


def _check_bias(node: Node, position: int, channels: int, image: Tensor, weights: Tensor) -> None:
    if not node.has(position):
        return
    bias = node.input(position)
    if bias.dtype != "int32" or bias.data is None:
        raise node.refuse(f"has a bias in {bias.dtype} that is not a constant in int32")
    if bias.elements != channels:
        raise node.refuse(f"has {bias.elements} biases for {channels} channels")
    if bias.quantization is None:
        return
    assert weights.quantization is not None
    if any(bias.quantization.zero_points):
        raise node.refuse("has a bias with a zero point", "quantize the model again")
    expected = [image.scale * scale for scale in weights.quantization.scales]
    stored = bias.quantization.scales
    if len(stored) not in (1, len(expected)):
        raise node.refuse(f"has {len(stored)} scales for its bias and {len(expected)} for weights")
    tolerance = _BIAS_TOLERANCE * node.output().scale
    for index, scale in enumerate(expected):
        if not math.isclose(stored[index % len(stored)], scale, rel_tol=_NOISE, abs_tol=tolerance):
            raise node.refuse(
                f"has a bias of scale {stored[index % len(stored)]:g}, "
                f"not {scale:g} (input times weights)",
                "quantize the model again",
            )
