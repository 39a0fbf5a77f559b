"""The exponential of TensorFlow Lite's quantized softmax, in exact integers.

Source: gemmlowp's ``fixedpoint.h`` (``exp_on_negative_values``) and TensorFlow Lite's
``PreprocessSoftmaxScaling``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgekd.export.c.fixed_point import (
    doubled_high_product,
    quantize_multiplier,
    rounding_right_shift,
)

_INTEGER_BITS = 5
_FRACTION_BITS = 26
_ONE = 2**31 - 1
_EXP_MINUS_EIGHTH = 1895147668
_THIRD = 715827883
# exp(-2**e) in Q0.31 for e from -2 up.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def softmax_exponentials(beta: float, scale: float) -> npt.NDArray[np.int32]:
    """``[256]`` exponentials in Q0.31: entry ``d`` belongs to a value ``d`` below the largest.

    Args:
        beta: of the operator.
        scale: of the input.
    """
    real = min(beta * scale * 2 ** (31 - _INTEGER_BITS), 2**31 - 1.0)
    multiplier, shift = quantize_multiplier(real)
    # A scale below 2**-26 would be a multiplier below one, which is not what it is made for.
    shift = max(shift, 0)
    radius = math.floor((2**_INTEGER_BITS - 1) * 2.0 ** (31 - _INTEGER_BITS) / 2.0**shift)
    entries = [
        exponential(doubled_high_product(-difference * 2**shift, multiplier))
        if difference <= radius
        else 0
        for difference in range(256)
    ]
    return np.array(entries, np.int32)


def exponential(value: int) -> int:
    """``exp`` of a Q5.26 number that is not above zero, as Q0.31."""
    if value == 0:
        return _ONE
    quarter = 1 << (_FRACTION_BITS - 2)
    within = (value & (quarter - 1)) - quarter
    result = _near_zero(within * 2**_INTEGER_BITS)
    remainder = within - value
    for bit, power in enumerate(_POWERS):
        if remainder & (1 << (_FRACTION_BITS - 2 + bit)):
            result = doubled_high_product(result, power)
    return result


def _near_zero(value: int) -> int:
    """``exp`` of a Q0.31 number from -1/4 to 0: its Taylor series around -1/8."""
    x = value + (1 << 28)
    square = doubled_high_product(x, x)
    cube = doubled_high_product(square, x)
    fourth = rounding_right_shift(doubled_high_product(square, square), 2)
    tail = doubled_high_product(fourth + cube, _THIRD) + square
    return _EXP_MINUS_EIGHTH + doubled_high_product(
        _EXP_MINUS_EIGHTH, x + rounding_right_shift(tail, 1)
    )
