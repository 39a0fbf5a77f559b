"""How the vector kernels bring sums to the output's scale, and when that is exact.

A channel's sum passes through VQRDMULH (or VQDMULH), an addition and a saturating shift. With ``x``
the doubled high half of the product and ``s`` the right shift, the value that is stored is the top
byte of ``(x + (zero_point << s) + (1 << (s - 1))) << (24 - s)``: rounded half up, moved by the
zero point and clamped to int8 at once. VQRDMULH rounds as gemmlowp's
``SaturatingRoundingDoublingHighMul`` does. Its ``RoundingDivideByPOT`` rounds negative values half
away from zero: either the kernel takes 1 from them first, or the clamp hides the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import doubled_high_product, rescale_twice
from edgekd.export.c.graph import Array

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_TOP_BYTE = 24
# Of a channel whose every sum comes to the same output.
_STILL_SHIFT = 16
INT8_LIMITS = (-128, 127)


@dataclass(frozen=True)
class Sums:
    """The least and the largest sum of each output channel over all inputs, bias included."""

    low: tuple[int, ...]
    high: tuple[int, ...]


def possible_sums(weights: Array, bias: Array, zero_point: int) -> Sums:
    """Interval of each output's sum.

    Args:
        weights: ``[outputs, products]``.
        bias: ``[outputs]``, before the zero point is folded in.
        zero_point: of the int8 input.
    """
    wide = weights.astype(np.int64)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    least, largest = -128 - zero_point, 127 - zero_point
    low = bias.astype(np.int64) + positive * least + negative * largest
    high = bias.astype(np.int64) + positive * largest + negative * least
    return Sums(tuple(low.tolist()), tuple(high.tolist()))


def channel_records(
    bias: Array,
    multiplier: Array,
    shift: Array,
    zero_point: int,
    sums: Sums,
    *,
    hides_sign: bool,
) -> npt.NDArray[np.int32] | None:
    """``[channels, 4]`` bias, multiplier, addend and shift; ``None`` where that is not exact.

    Args:
        bias: with the input's zero point folded in.
        multiplier: Q31.
        shift: to the left, as :func:`edgekd.export.c.fixed_point.quantize_multiplier` gives it.
        zero_point: of the output.
        sums: that the channels can have.
        hides_sign: the clamp cuts off what is below the zero point.
    """
    records = []
    for channel, low in enumerate(sums.low):
        record = requantized(
            int(multiplier[channel]),
            -int(shift[channel]),
            zero_point,
            (low, sums.high[channel]),
            hides_sign=hides_sign,
        )
        if record is None:
            return None
        records.append((int(bias[channel]), *record))
    return np.array(records, np.int64).astype(np.int32)


def requantized(
    multiplier: int, right: int, zero_point: int, sums: tuple[int, int], *, hides_sign: bool
) -> tuple[int, int, int] | None:
    """Multiplier, addend and shift for sums from the first to the last of ``sums``.

    ``right`` is the right shift; for the rest see :func:`channel_records`.
    """
    if right < 0 or sums[0] < _INT32_MIN or sums[1] > _INT32_MAX:
        return None
    # Both roundings are monotonous: between equal ends there is nothing else.
    first, last = (_stored(value, multiplier, right, zero_point) for value in sums)
    if first == last:
        return 0, first << _STILL_SHIFT, _TOP_BYTE - _STILL_SHIFT
    if right == 0 and not hides_sign:
        return None
    low, high = (doubled_high_product(value, multiplier) for value in sums)
    addend = (zero_point << right) + (1 << right >> 1)
    if low - 1 + addend < _INT32_MIN or high + addend > _INT32_MAX or abs(addend) > _INT32_MAX:
        return None
    return multiplier, addend, _TOP_BYTE - right


def _stored(value: int, multiplier: int, right: int, zero_point: int) -> int:
    rescaled = rescale_twice(value, multiplier, -right)
    return min(max(rescaled + zero_point, INT8_LIMITS[0]), INT8_LIMITS[1])
