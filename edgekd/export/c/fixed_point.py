"""TensorFlow Lite's fixed-point arithmetic, in exact integers.

Source: ``tensorflow/lite/kernels/internal/quantization_util.cc`` and ``common.h``, and gemmlowp's
``fixedpoint.h``, which these follow. Rounding is a property of the operator: convolutions round
twice, fully connected layers once.
"""

from __future__ import annotations

import math

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real factor as ``multiplier * 2**(shift - 31)``, the multiplier a 32-bit integer.

    As ``tflite::QuantizeMultiplier``: the mantissa is rounded half away from zero; factors below
    ``2**-32`` become zero, those too large saturate.
    """
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    scaled = mantissa * 2**31
    multiplier = int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return _INT32_MAX, 30
    return multiplier, shift


def rescale_twice(value: int, multiplier: int, shift: int) -> int:
    """``value * multiplier * 2**(shift - 31)``, rounded twice.

    As ``MultiplyByQuantizedMultiplier`` without ``TFLITE_SINGLE_ROUNDING``: first half up at the
    doubled high half of the product, then half away from zero at the right shift.
    """
    left, right = max(shift, 0), max(-shift, 0)
    return rounding_right_shift(doubled_high_product(_wrap(value << left), multiplier), right)


def rescale_once(value: int, multiplier: int, shift: int) -> int:
    """``value * multiplier * 2**(shift - 31)``, rounded once, half up, over 64 bits."""
    total = 31 - shift
    return (value * multiplier + (1 << (total - 1))) >> total


def doubled_high_product(a: int, b: int) -> int:
    """gemmlowp's ``SaturatingRoundingDoublingHighMul``: ``round(a * b / 2**31)``, half up.

    gemmlowp divides towards zero after it has nudged away from it, which is the same as rounding
    half away from zero for negative products but for exact halves; both are followed here.
    """
    if a == b == _INT32_MIN:
        return _INT32_MAX
    product = a * b
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    total = product + nudge
    return total // 2**31 if total >= 0 else -(-total // 2**31)


def rounding_right_shift(value: int, shift: int) -> int:
    """gemmlowp's ``RoundingDivideByPOT``: ``round(value / 2**shift)``, half away from zero."""
    mask = (1 << shift) - 1
    threshold = (mask >> 1) + (1 if value < 0 else 0)
    return (value >> shift) + (1 if value & mask > threshold else 0)


def _wrap(value: int) -> int:
    return (value - _INT32_MIN) % 2**32 + _INT32_MIN
