"""What ADD and SUB give for every pair of 8-bit values, as TensorFlow Lite's reference has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.graph import Tensor
from edgekd.export.c.lowering.requantization import multipliers

_LEFT_SHIFT = 20
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SumScales:
    """Q31 multipliers and left shifts of both inputs and the output.

    Source: the preparation of ADD and SUB in ``add.cc`` and ``sub.cc``: both inputs are brought to
    twice the larger scale with 20 more bits.
    """

    left: tuple[int, int]
    right: tuple[int, int]
    output: tuple[int, int]


def sum_scales(left: Tensor, right: Tensor, output: Tensor) -> SumScales:
    """Multipliers of an ADD or SUB."""
    larger = 2.0 * max(left.scale, right.scale)
    out_factor = larger / float(np.float32(2**_LEFT_SHIFT) * np.float32(output.scale))
    found, shifts = multipliers([left.scale / larger, right.scale / larger, out_factor])
    return SumScales(*zip(map(int, found), map(int, shifts), strict=True))


def all_sums(left: Tensor, right: Tensor, output: Tensor, sign: int) -> Int64:
    """``[256, 256]``: the stored result of each stored left and right value, from -128 up.

    Args:
        left: int8.
        right: int8.
        output: int8.
        sign: 1 for ADD, -1 for SUB.

    Before the clamp to int8 or to an activation's limits.
    """
    scales = sum_scales(left, right, output)
    stored = np.arange(-128, 128, dtype=np.int64)
    by_left = _rescaled((stored - left.zero_point) << _LEFT_SHIFT, *scales.left)
    by_right = _rescaled((stored - right.zero_point) << _LEFT_SHIFT, *scales.right)
    total = by_left[:, None] + sign * by_right[None, :]
    return _rescaled(total, *scales.output) + output.zero_point


def _rescaled(values: Int64, multiplier: int, shift: int) -> Int64:
    """:func:`edgekd.export.c.fixed_point.rescale_twice` of many values."""
    left, right = max(shift, 0), max(-shift, 0)
    high = ((values << left) * multiplier + (1 << 30)) >> 31
    mask = (1 << right) - 1
    rounded = (high & mask) > (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + rounded, np.int64)
