"""What the lowerings to DSP kernels work out is exact: requantization, layouts, sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.fixed_point import quantize_multiplier, rescale_twice
from edgekd.export.c.graph import Quantization, Tensor
from edgekd.export.c.lowering.dsp.convolution import channel_pairs, window_columns
from edgekd.export.c.lowering.dsp.elementwise import search_plane
from edgekd.export.c.lowering.dsp.requantization import (
    Channel,
    Requantization,
    relu_requantization,
    signed_requantization,
)
from edgekd.export.c.lowering.sums import all_sums

_RELU_SHIFT = 12


@st.composite
def _channel(draw: st.DrawFn) -> tuple[Channel, int]:
    """A channel, and one of the sums that it can have."""
    least = draw(st.integers(-(2**22), 2**22))
    greatest = draw(st.integers(least, least + 2**22))
    multiplier, shift = draw(st.integers(2**30, 2**31 - 1)), draw(st.integers(-1, 14))
    channel = Channel(0, multiplier, shift, least, greatest)
    # Half-way sums are where roundings differ.
    half = (draw(st.integers(-300, 300)) * 2 + 1) << max(shift - 1, 0)
    near = half * 2**31 // multiplier + draw(st.integers(-2, 2))
    value = draw(st.integers(least, greatest) | st.just(min(max(near, least), greatest)))
    return channel, value


def _saturate(value: int) -> int:
    return int(min(max(value, -128), 127))


def _signed(value: int, bits: int = 32) -> int:
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half


def _relu_result(value: int, one: Requantization) -> int:
    """SMMLA and SSAT."""
    total = value if one.multiplier else 0
    high = (_signed(total << one.shift) * one.multiplier >> 32) + one.addend
    return _saturate(_signed(high) >> _RELU_SHIFT)


def _signed_result(value: int, one: Requantization) -> int:
    """SMMLAR, ADD, ASR and SSAT."""
    high = (2 * value * one.multiplier + 2**31 >> 32) + one.addend
    return _saturate(_signed(high + (value >> 31)) >> one.shift)


@settings(max_examples=1000, deadline=None)
@given(_channel())
def test_relu_requantization_is_exact(case: tuple[Channel, int]) -> None:
    channel, value = case
    found = relu_requantization(channel, -128, range(2, 9), _RELU_SHIFT)
    if found is not None:
        wanted = _saturate(rescale_twice(value, channel.multiplier, -channel.shift) - 128)
        assert _relu_result(value, found) == wanted


@settings(max_examples=1000, deadline=None)
@given(_channel(), st.integers(-128, 127))
def test_signed_requantization_is_exact(case: tuple[Channel, int], zero_point: int) -> None:
    channel, value = case
    found = signed_requantization(channel, zero_point)
    if found is not None:
        wanted = rescale_twice(value, channel.multiplier, -channel.shift) + zero_point
        assert _signed_result(value, found) == _saturate(wanted)


def test_requantizations_apply_to_usual_layers() -> None:
    for shift in range(5, 12):
        channel = Channel(7, 2**30 + 12345, shift, -(2**20), 2**20)
        assert relu_requantization(channel, -128, range(2, 9), _RELU_SHIFT) is not None
        assert signed_requantization(channel, 3) is not None


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_columns_meet_the_weights_that_they_are_read_with(
    height: int, width: int, channels: int, seed: int
) -> None:
    """The kernel reads runs by words, the last one ending where the run ends."""
    random = np.random.default_rng(seed)
    weights = random.integers(-127, 128, (2, height, width, channels))
    image = random.integers(-128, 128, (height, width * channels))
    run = width * channels
    columns = []
    for row in image:
        starts = [*range(0, run - 3, 4)]
        if run % 4:
            starts.append(max(run - 4, 0))
        # Bytes that follow a short run may be anything.
        followed = np.append(row, random.integers(-128, 128, 4))
        columns += [followed[start + i] for start in starts for i in (0, 2, 1, 3)]
    wanted = (weights.reshape(2, -1) * image.reshape(-1)).sum(axis=1)
    np.testing.assert_array_equal(window_columns(weights) @ np.array(columns), wanted)


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_every_channel_has_a_pair(count: int) -> None:
    pairs = channel_pairs(count)
    assert {channel for pair in pairs for channel in pair} == set(range(count))
    assert all(second == first + 1 for first, second in pairs)
    assert len(pairs) == (count + 1) // 2


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 0.3), st.floats(0.01, 0.3), st.floats(0.02, 0.4), st.integers(-128, 127))
def test_sums_are_those_of_the_reference(
    left_scale: float, right_scale: float, scale: float, zero_point: int
) -> None:
    """Against the scalar arithmetic, for a part of the values."""
    left, right, output = (
        Tensor("", (1,), "int8", Quantization((one,), (zero,)))
        for one, zero in ((left_scale, 5), (right_scale, -128), (scale, zero_point))
    )
    larger = 2.0 * max(left_scale, right_scale)
    table = all_sums(left, right, output, 1).clip(-128, 127)
    factor = larger / float(np.float32(2**20) * np.float32(scale))
    for a in range(-128, 128, 17):
        for b in range(-128, 128, 13):
            scaled = rescale_twice((a - 5) << 20, *quantize_multiplier(left_scale / larger))
            scaled += rescale_twice((b + 128) << 20, *quantize_multiplier(right_scale / larger))
            wanted = rescale_twice(scaled, *quantize_multiplier(factor)) + zero_point
            assert table[a + 128, b + 128] == _saturate(wanted)


def test_a_plane_gives_every_sum() -> None:
    left, right, output = (
        Tensor("", (1,), "int8", Quantization((scale,), (zero,)))
        for scale, zero in ((0.031, 5), (0.0417, -128), (0.0533, 9))
    )
    wanted = all_sums(left, right, output, -1).clip(-128, 127)
    plane = search_plane(wanted, 0.031 / 0.0533, -0.0417 / 0.0533)
    assert plane is not None
    stored = np.arange(-128, 128)
    products = stored[:, None] * plane.left + stored[None, :] * plane.right + plane.addend
    assert np.abs(products).max() < 2**31
    np.testing.assert_array_equal((products >> plane.shift).clip(-128, 127), wanted)
