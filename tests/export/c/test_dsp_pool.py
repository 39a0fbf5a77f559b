"""DSP max pooling and clamps inside int8 are LiteRT's to the bit, on an emulated core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.c import model_operators as ops
from tests.export.c.models import ModelBuilder, conv_2d, depthwise_conv_2d, fully_connected
from tests.export.c.side_by_side import Add, assert_equals_litert, layers

# Limits inside int8: above the least value, below the greatest, both.
_LIMITS = [("RELU", -40), ("RELU6", -128), ("RELU6", -60), ("RELU_N1_TO_1", 3)]


def _pick(random: np.random.Generator, *choices: int) -> int:
    return int(random.choice(choices))


def _max_pool(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 2, 5, 8), _pick(random, 2, 3, 9)
    shape = (1, height, width, _pick(random, 4, 5, 7, 8, 16, 19, 36))
    return ops.pool_2d(
        model,
        "MAX_POOL_2D",
        model.input(shape, 0.04, _pick(random, -128, -3, 60)),
        (_pick(random, 1, 2, min(3, height)), _pick(random, 1, 2, min(3, width))),
        stride=(_pick(random, 1, 2, 3), _pick(random, 1, 2)),
        padding=str(random.choice(["SAME", "VALID"])),
        fused=str(random.choice(["NONE", "RELU", "RELU6"])),
    )


def _clamped(model: ModelBuilder, random: np.random.Generator) -> int:
    """A layer of any kind, its scale such that the limits can be stored."""
    fused, zero_point = _LIMITS[_pick(random, 0, 1, 2, 3)]
    output = {"scale": 0.05, "zero_point": zero_point, "fused": fused}
    kind, channels = _pick(random, 0, 1, 2, 3), _pick(random, 2, 3, 8)
    shape = (1, 40) if kind == 2 else (1, _pick(random, 3, 5), _pick(random, 4, 7), channels)
    image, scales = model.input(shape, 0.05, -7), [0.004] * channels
    bias = random.integers(-3000, 3000, channels)
    if kind == 0:
        weights = random.integers(-127, 128, (channels, 3, 3, channels)).astype(np.int8)
        return conv_2d(model, image, weights, scales, bias, **output)  # type: ignore[arg-type]
    if kind == 1:
        weights = random.integers(-127, 128, (1, 3, 3, channels)).astype(np.int8)
        return depthwise_conv_2d(model, image, weights, scales, bias, **output)  # type: ignore[arg-type]
    if kind == 2:
        weights = random.integers(-127, 128, (channels, 40)).astype(np.int8)
        return fully_connected(model, image, weights, 0.004, bias, **output)  # type: ignore[arg-type]
    other = model.input(shape, 0.03, 9)
    return ops.binary(model, "ADD", image, other, **output)  # type: ignore[arg-type]


@pytest.mark.parametrize(("add", "count"), [(_max_pool, 40), (_clamped, 40)])
def test_layers_equal_litert(add: Add, count: int, tmp_path: Path) -> None:
    steps = assert_equals_litert(layers(add, count), "cortex-m4", "size", tmp_path)
    # A fully connected layer of few outputs may take the plain kernel.
    assert sum(step.variant.startswith("dsp") for step in steps) >= 0.9 * count
    if add is _clamped:
        assert sum("clamped" in step.variant for step in steps) >= 0.8 * count
