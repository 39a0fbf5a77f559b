"""Multipliers, biases and weights as kernels want them, and the arithmetic of lowering them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.export.c.fixed_point import quantize_multiplier
from edgekd.export.c.graph import ABSENT, Array, Graph, Operator, Tensor
from edgekd.export.c.step import Constant

_MOST_FACTOR = 2.0**30


def channel_multipliers(
    source: Tensor, weights: Tensor, output: Tensor, channels: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """``[channels]`` Q31 multipliers and left shifts of a layer with weights.

    As ``PopulateConvolutionQuantizationParams``: in double precision.
    """
    assert weights.quantization is not None
    scales = weights.quantization.scales
    each = scales if len(scales) == channels else scales * channels
    return multipliers([source.scale * scale / output.scale for scale in each])


def multipliers(
    factors: Sequence[float],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Q31 multipliers and left shifts of real factors.

    Raises:
        BadInput: a factor is too large for TensorFlow Lite's own arithmetic.
    """
    largest = max(factors, default=0.0)
    if largest > _MOST_FACTOR:
        raise BadInput(
            f"values would be rescaled by {largest:g}, which overflows in every kernel",
            mend="quantize the model again: its scales do not fit together",
        )
    pairs = [quantize_multiplier(factor) for factor in factors]
    return (
        np.array([multiplier for multiplier, _ in pairs], np.int32),
        np.array([shift for _, shift in pairs], np.int8),
    )


def dense_multipliers(
    source: Tensor, weights: Tensor, output: Tensor
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Q31 multipliers and left shifts of a FULLY_CONNECTED layer, one for each of its scales.

    As ``GetQuantizedConvolutionMultipler``, which multiplies two scales in float32, where the
    weights have one scale; per channel as for convolutions.
    """
    assert weights.quantization is not None
    if len(weights.quantization.scales) > 1:
        return channel_multipliers(source, weights, output, weights.shape[0])
    product = float(np.float32(source.scale) * np.float32(weights.scale))
    return multipliers([product / output.scale])


def mean_multiplier(source: Tensor, output: Tensor, count: int) -> tuple[int, int]:
    """Q31 multiplier and left shift that turn a sum of ``count`` values into their mean.

    As ``QuantizedMeanOrSum``: the multiplier is divided by the count in integers, with as many
    bits more as the count has.
    """
    multiplier, shift = quantize_multiplier(source.scale / output.scale)
    more = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << more) // count, shift - more


def bias_of(graph: Graph, operator: Operator, position: int, channels: int) -> Array:
    """``[channels]`` int32; zeros where the operator has no bias."""
    given = operator.inputs[position] if len(operator.inputs) > position else ABSENT
    values = graph.constant(given)
    return np.zeros(channels, np.int32) if values is None else values.reshape(-1).astype(np.int32)


def packed_weights(weights: Tensor) -> Constant:
    """Weights as stored in flash: int8, or int4 two to a byte, the lower half first."""
    assert weights.data is not None
    flat = weights.data.reshape(-1).astype(np.int8)
    if weights.dtype != "int4":
        return Constant("weights", flat)
    even = np.append(flat, np.zeros(len(flat) % 2, np.int8)).astype(np.uint8) & 15
    return Constant("weights", even[0::2] | even[1::2] << 4)


def folded_bias(bias: Array, weights: Array, zero_point: int) -> Array:
    """Bias from which the input's zero point is taken: ``bias - zero_point * sum(weights)``.

    Args:
        bias: ``[outputs]``.
        weights: ``[outputs, ...]``.
        zero_point: of the input.

    The result wraps to 32 bits, as the kernel's sum does.
    """
    sums = weights.reshape(len(bias), -1).astype(np.int64).sum(axis=1)
    exact = bias.astype(np.int64) - zero_point * sums
    return np.asarray(exact.astype(np.uint32).astype(np.int32))
