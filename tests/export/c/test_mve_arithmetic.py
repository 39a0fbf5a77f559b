"""The arithmetic and the layouts behind the MVE kernels are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.fixed_point import rescale_once, rescale_twice
from edgekd.export.c.lowering.mve.elementwise import find_plane
from edgekd.export.c.lowering.mve.fully_connected import rounded_once
from edgekd.export.c.lowering.mve.pixels import LANES, paired_weights
from edgekd.export.c.lowering.mve.requantization import possible_sums, requantized


def _clamped(value: int) -> int:
    return min(max(value, -128), 127)


def _vector(value: int, record: tuple[int, int, int], *, signed: bool) -> int:
    """VQRDMULH, VADD and VQSHL, of whose result the top byte is taken."""
    multiplier, addend, shift = record
    high = (2 * value * multiplier + 2**31) >> 32
    total = high + addend + (high >> 31 if signed else 0)
    assert -(2**31) <= total < 2**31
    shifted = total << shift if shift >= 0 else total >> -shift
    return min(max(shifted, -(2**31)), 2**31 - 1) >> 24


@st.composite
def _cases(draw: st.DrawFn) -> tuple[int, int, int, tuple[int, int]]:
    """A sum, a multiplier, a right shift, and the interval of sums."""
    low = draw(st.integers(-(2**26), 2**26))
    high = draw(st.integers(low, low + 2**24))
    multiplier, right = draw(st.integers(2**30, 2**31 - 1)), draw(st.integers(0, 31))
    # Half-way sums are where roundings differ.
    half = (draw(st.integers(-300, 300)) * 2 + 1) << max(right - 1, 0)
    near = half * 2**31 // multiplier + draw(st.integers(-2, 2))
    value = draw(st.integers(low, high) | st.just(min(max(near, low), high)))
    return value, multiplier, right, (low, high)


@settings(max_examples=3000, deadline=None)
@given(_cases(), st.integers(-128, 127), st.booleans())
def test_requantization_is_exact(
    case: tuple[int, int, int, tuple[int, int]], zero_point: int, relu: bool
) -> None:
    value, multiplier, right, sums = case
    zero_point = -128 if relu else zero_point
    record = requantized(multiplier, right, zero_point, sums, hides_sign=relu)
    if record is not None:
        wanted = _clamped(rescale_twice(value, multiplier, -right) + zero_point)
        assert _vector(value, record, signed=not relu) == wanted


def test_requantization_applies_to_usual_layers() -> None:
    for right in range(1, 15):
        for relu in (False, True):
            assert requantized(2**30 + 12345, right, -128, (-(2**20), 2**20), hides_sign=relu)


def test_a_rounding_that_nothing_hides_is_refused() -> None:
    """Without a right shift there is nothing for the half that is taken away."""
    assert requantized(2**30 + 1, 0, 5, (-100, 100), hides_sign=False) is None


@settings(max_examples=3000, deadline=None)
@given(_cases(), st.integers(-128, 127))
def test_one_rounding_is_exact(
    case: tuple[int, int, int, tuple[int, int]], zero_point: int
) -> None:
    """VQDMULH instead of VQRDMULH."""
    value, multiplier, right, sums = case
    scale = rounded_once(multiplier, right, zero_point, sums)
    if scale is not None:
        total = ((value * scale.multiplier) >> 31) + scale.addend
        assert -(2**31) <= total < 2**31
        shifted = total << scale.shift if scale.shift >= 0 else total >> -scale.shift
        wanted = _clamped(rescale_once(value, multiplier, -right) + zero_point)
        assert min(max(shifted, -(2**31)), 2**31 - 1) >> 24 == wanted


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(-128, 127), st.integers(0, 2**32 - 1))
def test_no_sum_lies_outside_the_interval(products: int, zero_point: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (3, products))
    bias = random.integers(-(2**20), 2**20, 3)
    found = possible_sums(weights, bias, zero_point)
    for row in range(3):
        ends = [np.where(weights[row] * sign > 0, 127, -128) for sign in (1, -1)]
        high, low = (int(weights[row] @ (end - zero_point) + bias[row]) for end in ends)
        assert (found.low[row], found.high[row]) == (low, high)


@pytest.mark.parametrize("channels", [2, 3, 8, 9])
@pytest.mark.parametrize("depth", [1, 15, 16, 17, 40])
def test_weights_lie_as_the_loop_reads_them(channels: int, depth: int) -> None:
    weights = np.arange(channels * depth).reshape(channels, depth) % 251 - 125
    flat = paired_weights(weights)
    first = depth - (depth - 1) // LANES * LANES
    pairs = (channels + 1) // 2
    assert flat.size == pairs * 2 * depth
    for pair, stream in enumerate(flat.reshape(pairs, 2 * depth)):
        start = 2 * pair - (1 if channels % 2 and pair else 0)
        rows = [stream[:first], stream[first : 2 * first]]
        for chunk in stream[2 * first :].reshape(-1, 2, LANES):
            rows = [np.append(row, part) for row, part in zip(rows, chunk, strict=True)]
        np.testing.assert_array_equal(np.stack(rows), weights[start : start + 2])


@pytest.mark.parametrize("slopes", [(0.7732462, 2.0452171), (0.3019, -1.70312), (1.0, 1.0)])
def test_a_plane_gives_every_sum(slopes: tuple[float, float]) -> None:
    values = np.arange(-128, 128)
    real = slopes[0] * values[:, None] + slopes[1] * values[None, :] + 3.3
    wanted = np.floor(real).astype(np.int64).clip(-128, 127)
    plane = find_plane(wanted, slopes)
    assert plane is not None
    total = plane.left_factor * values[:, None] + plane.right_factor * values[None, :]
    wrapped = (total + plane.addend + 2**31) % 2**32 - 2**31
    shifted = (wrapped << plane.shift).clip(-(2**31), 2**31 - 1)
    np.testing.assert_array_equal(shifted >> 24, wanted)


def test_what_is_not_a_plane_is_refused() -> None:
    values = np.arange(-128, 128)
    assert find_plane(values[:, None] * values[None, :] // 128, (0.5, 0.5)) is None
