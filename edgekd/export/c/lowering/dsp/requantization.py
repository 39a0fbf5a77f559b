"""How the DSP kernels requantize a sum in a few instructions, and when that is exact.

A convolution's sum is rounded twice (see :mod:`edgekd.export.c.fixed_point`), with a right shift
``s``: ``x = floor((sum * multiplier + 2**30) / 2**31)``, then ``floor((x + half) / 2**s)``, where
``half`` is ``2**(s - 1)``, one less where x is negative. For x that is not negative two floors are
one: ``floor((sum * multiplier + 2**30 + 2**(30 + s)) / 2**(31 + s))``. SMMLA with all constants in
its addend and SSAT compute that. Nothing else is needed where the output's least value is its zero
point (ReLU), as every negative x ends there. Otherwise one more instruction takes one away from
negative x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import rescale_twice
from edgekd.export.c.graph import Graph, Operator, activation_limits
from edgekd.export.c.lowering.requantization import bias_of, channel_multipliers

Rounding = Literal["relu", "signed"]
Int64 = npt.NDArray[np.int64]

_STORED = (-128, 127)


@dataclass(frozen=True)
class Requantization:
    """Of one output channel, from a sum that starts at ``bias``.

    relu: ``saturate((((sum << shift) * multiplier >> 32) + addend) >> relu_shift)``.
    signed: ``x = ((2 * sum * multiplier + 2**31) >> 32) + addend``, less one where the sum is
    negative; ``saturate(x >> shift)``.
    """

    bias: int
    multiplier: int
    addend: int
    shift: int


@dataclass(frozen=True)
class Channel:
    """What is known of an output channel when code is generated.

    Attributes:
        bias: with the input's zero point taken out.
        multiplier: Q31.
        shift: to the right.
        least: of all sums, bias included.
        greatest: likewise.
    """

    bias: int
    multiplier: int
    shift: int
    least: int
    greatest: int


def channels_of(operator: Operator, graph: Graph, weights: Int64) -> list[Channel]:
    """Output channels of a convolution with int8 inputs.

    Args:
        operator: CONV_2D or DEPTHWISE_CONV_2D.
        graph: that it is in.
        weights: ``[channels, values of the window]``.
    """
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    multiplier, shift = channel_multipliers(source, filters, output, len(weights))
    bias = bias_of(graph, operator, 2, len(weights)).astype(np.int64)
    folded = bias - source.zero_point * weights.sum(axis=1)
    positive, negative = weights.clip(min=0).sum(axis=1), weights.clip(max=0).sum(axis=1)
    least = folded - 128 * positive + 127 * negative
    greatest = folded + 127 * positive - 128 * negative
    columns = (folded, multiplier, -shift.astype(np.int64), least, greatest)
    return [Channel(*(int(value) for value in row)) for row in zip(*columns, strict=True)]


def requantization(
    operator: Operator, graph: Graph, channels: list[Channel], *, shifts: range, relu_shift: int
) -> tuple[Rounding, list[Requantization]] | None:
    """The shortest exact way for a layer's channels; ``None`` where there is none.

    Args:
        operator: CONV_2D or DEPTHWISE_CONV_2D, with an int8 output.
        graph: that it is in.
        channels: see :func:`channels_of`.
        shifts: left shifts of a sum that the kernel can do for a ReLU layer.
        relu_shift: right shift that all channels of a ReLU layer end in.
    """
    output = graph.tensors[operator.outputs[0]]
    if activation_limits(operator.activation, output) != _STORED:
        return None
    zero_point = output.zero_point
    if zero_point == _STORED[0]:
        relu = [
            relu_requantization(channel, zero_point, shifts, relu_shift) for channel in channels
        ]
        exact = [one for one in relu if one is not None]
        if len(exact) == len(channels):
            return "relu", exact
    signed = signed_requantizations(channels, zero_point)
    return None if signed is None else ("signed", signed)


def signed_requantizations(channels: list[Channel], zero_point: int) -> list[Requantization] | None:
    """Of a whole layer; ``None`` where a channel has none."""
    found = [signed_requantization(channel, zero_point) for channel in channels]
    exact = [one for one in found if one is not None]
    return exact if len(exact) == len(channels) else None


def relu_requantization(
    channel: Channel, zero_point: int, shifts: range, relu_shift: int
) -> Requantization | None:
    """Of a channel whose output is never below its zero point; ``None`` where that is not exact.

    Args:
        channel: what is known of it.
        zero_point: of the output, its least value.
        shifts: left shifts of a sum that the kernel can do.
        relu_shift: right shift at the end.
    """
    constant = _constant(channel, zero_point)
    if constant is not None:
        return Requantization(0, 0, constant << relu_shift, shifts[0])
    left = relu_shift + 1 - channel.shift
    # The first rounding's half must be an integer in the addend.
    if left not in shifts or left < 2 or _magnitude(channel) << left >= 2**31:
        return None
    addend = (zero_point << relu_shift) + (1 << (relu_shift - 1)) + (1 << (left - 2))
    return Requantization(channel.bias, channel.multiplier, addend, left)


def signed_requantization(channel: Channel, zero_point: int) -> Requantization | None:
    """Of a channel with any zero point; ``None`` where that is not exact."""
    constant = _constant(channel, zero_point)
    if constant is not None:
        return Requantization(0, 0, (constant << 8) + 128, 8)
    shift = channel.shift
    if not 1 <= shift <= 22 or _magnitude(channel) >= 2**30:
        return None
    addend = (zero_point << shift) + (1 << (shift - 1))
    return Requantization(channel.bias, channel.multiplier, addend, shift)


def _constant(channel: Channel, zero_point: int) -> int | None:
    """The output of a channel that has only one, as requantization is monotonic."""
    if _magnitude(channel) << max(-channel.shift, 0) >= 2**31:
        return None
    low, high = (
        min(max(rescale_twice(x, channel.multiplier, -channel.shift) + zero_point, -128), 127)
        for x in (channel.least, channel.greatest)
    )
    return low if low == high else None


def reach(channel: Channel, chosen: Requantization) -> int:
    """The largest magnitude of a sum that starts as was chosen."""
    return _magnitude(channel) if chosen.multiplier else channel.greatest - channel.least


def _magnitude(channel: Channel) -> int:
    return max(-channel.least, channel.greatest)
