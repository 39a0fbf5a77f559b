"""Pixels times a matrix on MVE: weights, channels and the choice of kernel for it.

Four pixels and two output channels at a time. What lies in memory follows from the loop: weights
pair of channels by pair, in chunks of 16 products, a shorter chunk first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Array, Graph, Operator, activation_limits
from edgekd.export.c.lowering.mve.requantization import (
    INT8_LIMITS,
    channel_records,
    possible_sums,
)
from edgekd.export.c.lowering.requantization import bias_of, channel_multipliers, folded_bias
from edgekd.export.c.step import Constant

LANES = 16
GROUP = 4
# In the last channel's shift, of which the kernel's instruction takes the low byte.
_LAST = np.int32(-(2**31))
_TOP_BYTE = 24


@dataclass(frozen=True)
class Matrix:
    """What a step needs to run ``edgekd_mve_pixels``.

    Attributes:
        kernel: file and C function of the group kernel, without ``edgekd_mve_``.
        constants: ``weights`` and ``channels``.
        fields: of ``struct edgekd_mve_pixels`` but for ``step`` and ``jump``.
    """

    kernel: str
    constants: dict[str, Constant]
    fields: dict[str, int | float | str]


def matrix(
    operator: Operator, graph: Graph, weights: Array, block_pairs: int | None = None
) -> Matrix | None:
    """Lower the product of a convolution.

    Args:
        weights: ``[output channels, products]``, products in the order in which the inputs lie in
            memory.
        block_pairs: pairs of channels that a run of the kernel does; by default all. An odd
            number of channels cannot be split.

    Returns:
        ``None`` where there is one output channel only, or the arithmetic would not be exact.
    """
    source, filters = (graph.tensors[index] for index in operator.inputs[:2])
    output = graph.tensors[operator.outputs[0]]
    channels, depth = weights.shape
    limits = activation_limits(operator.activation, output)
    hides_sign = limits == INT8_LIMITS and output.zero_point == INT8_LIMITS[0]
    bias = bias_of(graph, operator, 2, channels)
    records = channel_records(
        folded_bias(bias, weights, source.zero_point),
        *channel_multipliers(source, filters, output, channels),
        output.zero_point,
        possible_sums(weights, bias, source.zero_point),
        hides_sign=hides_sign,
    )
    if channels < 2 or records is None:
        return None
    missing = -depth % LANES
    return Matrix(
        _kernel(channels, missing, limits, hides_sign),
        {
            "weights": Constant("weights", paired_weights(weights)),
            "channels": Constant("bias", _paired_records(records, block_pairs or channels)),
        },
        {
            "weights": "weights",
            "channels": "channels",
            "depth": depth,
            "chunks": (depth - 1) // LANES,
            "missing": missing,
            "active": (0xFFFF << missing) & 0xFFFF,
            "output_channels": channels,
            "minimum": limits[0] * 2**_TOP_BYTE,
            "maximum": limits[1] * 2**_TOP_BYTE,
        },
    )


def paired_weights(weights: Array) -> npt.NDArray[np.int8]:
    """Flat weights, for each pair of channels chunk by chunk, the shorter chunk first."""
    channels, depth = weights.shape
    first = depth - (depth - 1) // LANES * LANES
    starts = [0, *range(first, depth, LANES)]
    ends = [*starts[1:], depth]
    parts = [
        weights[channel, start:end]
        for pair in _pairs(channels)
        for start, end in zip(starts, ends, strict=True)
        for channel in pair
    ]
    return np.asarray(np.concatenate(parts), np.int8)


def _paired_records(records: npt.NDArray[np.int32], block_pairs: int) -> npt.NDArray[np.int32]:
    """Flat records in the order of the pairs, the end of each run of pairs marked."""
    pairs = _pairs(len(records))
    ordered = records[[channel for pair in pairs for channel in pair]].copy()
    ordered[:, 3] &= 0xFF
    ordered[2 * block_pairs - 1 :: 2 * block_pairs, 3] |= _LAST
    ordered[-1, 3] |= _LAST
    if len(records) % 2:
        ordered[1, 3] |= _LAST
    return np.asarray(ordered.reshape(-1), np.int32)


def _pairs(channels: int) -> Sequence[tuple[int, int]]:
    """All channels two by two; of an odd number, channel 1 is in the first two pairs."""
    if channels % 2 == 0:
        return [(channel, channel + 1) for channel in range(0, channels, 2)]
    return [(0, 1), *((channel, channel + 1) for channel in range(1, channels, 2))]


def _kernel(channels: int, missing: int, limits: tuple[int, int], hides_sign: bool) -> str:
    length = "part" if missing else "whole"
    if channels % 2 or limits != INT8_LIMITS:
        return f"group_clamped_{length}"
    return f"group_relu_{length}" if hides_sign else f"group_signed_{length}"
