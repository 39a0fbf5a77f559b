"""3x3 convolutions by Winograd's transform are LiteRT's to the bit, on emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.export.c.graph import Padding, Quantization, Tensor, Window
from edgekd.export.c.lowering.dsp.winograd import tile_overlay, transformed_weights
from edgekd.export.c.step import Flash
from tests.export.c.models import ModelBuilder, conv_2d
from tests.export.c.side_by_side import Add, assert_equals_litert, layers

_INPUTS = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
_OUTPUTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def _pick(random: np.random.Generator, *choices: int) -> int:
    return int(random.choice(choices))


def _layer(model: ModelBuilder, random: np.random.Generator) -> int:
    """A few channels are far off, or constant; some weights are all as large as they can be."""
    height, width = _pick(random, 2, 3, 4, 7, 8), _pick(random, 4, 5, 6, 9, 12)
    inputs, outputs = _pick(random, 8, 16, 24, 32, 40, 64), _pick(random, 16, 18, 32)
    image = model.input((1, height, width, inputs), 0.05, _pick(random, -128, 5, 127))
    weights = random.integers(-128, 128, (outputs, 3, 3, inputs))
    weights[random.random(outputs) < 0.1] = _pick(random, -128, 127)
    scales = random.uniform(0.002, 0.008, outputs)
    scales[random.random(outputs) < 0.02] *= 1e-4
    fused, zero_point = [("RELU", -128), ("NONE", 11), ("NONE", -128)][_pick(random, 0, 1, 2)]
    return conv_2d(
        model,
        image,
        weights.astype(np.int8),
        [float(scale) for scale in scales],
        random.integers(-3000, 3000, outputs),
        padding="VALID" if height > 2 and random.random() < 0.4 else "SAME",
        scale=float(0.025 * np.sqrt(9 * inputs) * random.uniform(0.3, 3.0)),
        zero_point=zero_point,
        fused=fused,
    )


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33"])
def test_layers_equal_litert(core: str, tmp_path: Path) -> None:
    steps = assert_equals_litert(layers(_layer, 40), core, "speed", tmp_path)
    taken = [step.variant for step in steps if "Winograd" in step.variant]
    assert len(taken) >= 24
    for rounding in ("relu", "signed"):
        assert any(rounding in one for one in taken)


def test_small_flash_and_few_channels_take_the_product_of_matrices(tmp_path: Path) -> None:
    def narrow(model: ModelBuilder, random: np.random.Generator) -> int:
        image = model.input((1, 4, 4, 8), 0.05)
        weights = random.integers(-128, 128, (2, 3, 3, 8)).astype(np.int8)
        return conv_2d(model, image, weights, [0.01] * 2, np.zeros(2, np.int64))

    cases: tuple[tuple[Add, Flash], ...] = ((_layer, "size"), (narrow, "speed"))
    for add, flash in cases:
        steps = assert_equals_litert(layers(add, 2), "cortex-m4", flash, tmp_path)
        assert not any("Winograd" in step.variant for step in steps)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 24]), st.booleans())
def test_transformed_weights_give_four_times_the_sums(seed: int, inputs: int, least: bool) -> None:
    random = np.random.default_rng(seed)
    window = random.integers(-128, 128, (4, 4, inputs))
    weights = random.integers(-128, 128, (2, 3, 3, inputs)).astype(np.int8)
    if least:
        window[:], weights[:] = -128, -128
    transformed = np.einsum("iy,yxc,jx->ijc", _INPUTS, window, _INPUTS)
    assert np.abs(transformed).max() < 2**15
    words = transformed.reshape(16, inputs // 4, 4)[..., [0, 2, 1, 3]].reshape(16, -1, 1, 2)
    packed = transformed_weights(weights)
    assert packed.shape == (1, 16, inputs // 2, 2, 2)
    sums = (packed[0].astype(np.int64) * words).sum(axis=(1, 3)).reshape(4, 4, 2)
    found = np.einsum("ai,ijo,bj->abo", _OUTPUTS, sums, _OUTPUTS)
    wanted = [
        (weights[channel].astype(np.int64) * window[y : y + 3, x : x + 3]).sum()
        for y in range(2)
        for x in range(2)
        for channel in range(2)
    ]
    np.testing.assert_array_equal(found.reshape(-1), 4 * np.array(wanted))


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
    st.sampled_from([(8, 16), (16, 16), (24, 8)]),
)
def test_overlay_is_the_least_that_keeps_every_input(
    size: tuple[int, int], padding: tuple[int, int], channels: tuple[int, int]
) -> None:
    """Against the kernel's order, byte by byte."""
    height, width = size
    top, left = padding
    quantization = Quantization((1.0,), (0,))
    source = Tensor("", (1, height + 2 - top, width + 2 - left, channels[0]), "int8", quantization)
    output = Tensor("", (1, height, width, channels[1]), "int8", quantization)
    tiles = [(y, x) for y in range(0, height, 2) for x in range(0, width, 2)]
    least = 0
    highest = 0
    for first in range(0, len(tiles), 3):
        for y, x in tiles[first : first + 3]:
            end = min(y + 1, height - 1) * width + min(x + 1, width - 1) + 1
            highest = max(highest, end * channels[1])
        for y, x in tiles[first + 3 :]:
            pixel = max(0, y - top) * source.shape[2] + max(0, x - left)
            least = max(least, highest - pixel * channels[0])
    window = Window(padding=Padding(top, 0, left, 0))
    assert tile_overlay(source, output, window).distance == least
