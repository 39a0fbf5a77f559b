"""MVE kernels on an emulated Cortex-M55 give what LiteRT gives.

One firmware holds many random layers of a kind side by side, each with an input and an output of
its own. Each output lies over its input as near as the kernel says that it may.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.c import model_operators as ops
from tests.export.c.models import (
    Array,
    ModelBuilder,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
)
from tests.export.c.side_by_side import Add, assert_equals_litert, layers

_SCALE = 0.05


def _pick(random: np.random.Generator, *choices: int) -> int:
    return int(random.choice(choices))


def _filters(
    random: np.random.Generator, shape: tuple[int, ...], channels: int, dtype: str = "int8"
) -> tuple[Array, list[float], Array]:
    """Weights, their scales and biases; a few channels are far off, or constant."""
    limit = 8 if dtype == "int4" else 128
    scales = random.uniform(0.002, 0.008, channels) * 128 / limit
    scales[random.random(channels) < 0.05] *= 1e-4
    bias = random.integers(-3000, 3000, channels)
    bias[random.random(channels) < 0.02] = -(2**28)
    weights = random.integers(-limit, limit, shape).astype(np.int8)
    return weights, [float(scale) for scale in scales], bias


def _output(random: np.random.Generator, terms: int) -> dict[str, float | int | str]:
    """A scale with which a few outputs saturate, and how the range lies."""
    scale = float(0.025 * np.sqrt(terms) * random.uniform(0.3, 3.0))
    ranges = [("RELU", -128), ("RELU", -128), ("NONE", 11), ("NONE", -128), ("RELU", -40)]
    fused, zero_point = [*ranges, ("RELU6", -128), ("RELU_N1_TO_1", 3)][int(random.integers(7))]
    return {"scale": scale, "zero_point": zero_point, "fused": fused}


def _convolution(kernels: tuple[int, ...], channels: tuple[int, ...], dtype: str = "int8") -> Add:
    def add(model: ModelBuilder, random: np.random.Generator) -> int:
        height, width = _pick(random, 1, 4, 7, 9), _pick(random, 1, 2, 5, 8, 11, 21)
        inputs, outputs = _pick(random, *channels), _pick(random, 2, 3, 8, 9, 16, 30)
        kernel = (_pick(random, *kernels), _pick(random, *kernels))
        fits = kernel[0] <= height and kernel[1] <= width
        dilation = (2 if kernel[0] * 2 - 1 <= height and random.random() < 0.2 else 1, 1)
        image = model.input((1, height, width, inputs), _SCALE, _pick(random, -128, 5, 127))
        weights, scales, bias = _filters(random, (outputs, *kernel, inputs), outputs, dtype)
        return conv_2d(
            model,
            image,
            weights,
            scales,
            bias,
            stride=(_pick(random, 1, 2), _pick(random, 1, 2, 3)),
            dilation=dilation,
            padding="VALID" if fits and dilation == (1, 1) and random.random() < 0.4 else "SAME",
            dtype=dtype,
            **_output(random, weights[0].size),  # type: ignore[arg-type]
        )

    return add


def _depthwise(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 1, 3, 4, 7, 12, 25), _pick(random, 2, 3, 5, 6, 11, 48)
    kernel = (min(height, _pick(random, 1, 2, 3, 3, 3)), min(width, _pick(random, 1, 2, 3, 3, 3)))
    channels, stride = _pick(random, 1, 2, 3, 8, 17), _pick(random, 1, 1, 2)
    image = model.input((1, height, width, channels), _SCALE, _pick(random, -128, 5, 127))
    weights, scales, bias = _filters(random, (1, *kernel, channels), channels)
    fused, zero_point = [("RELU", -128), ("NONE", 11), ("NONE", -128)][_pick(random, 0, 1, 2)]
    return depthwise_conv_2d(
        model,
        image,
        weights,
        scales,
        bias,
        stride=(stride, stride),
        padding=str(random.choice(["VALID", "SAME"])),
        scale=float(0.075 * random.uniform(0.3, 3.0)),
        zero_point=zero_point,
        fused=fused,
    )


def _fully_connected(model: ModelBuilder, random: np.random.Generator) -> int:
    rows, inputs = _pick(random, 1, 1, 3), _pick(random, 1, 8, 15, 16, 31, 64, 131, 320)
    source = model.input((rows, inputs), _SCALE, _pick(random, -128, 5, 127))
    outputs = _pick(random, 1, 2, 3, 8, 10, 16, 24)
    weights, scales, bias = _filters(random, (outputs, inputs), outputs)
    return fully_connected(
        model,
        source,
        weights,
        scales if random.random() < 0.4 else max(scales),
        bias,
        **_output(random, inputs),  # type: ignore[arg-type]
    )


def _elementwise(model: ModelBuilder, random: np.random.Generator) -> int:
    shape = (1, _pick(random, 1, 3), _pick(random, 5, 8), _pick(random, 1, 3, 4))
    one, other = (
        model.input(shape, float(random.uniform(0.01, 0.2)), _pick(random, -128, 4, 30))
        for _ in range(2)
    )
    kind = str(random.choice(["ADD", "SUB", "MUL"]))
    fused, zero_point = [("RELU", -128), ("NONE", 3), ("RELU", -9)][_pick(random, 0, 1, 2)]
    scale = 0.31 if kind == "MUL" else 0.17
    return ops.binary(model, kind, one, other, scale=scale, zero_point=zero_point, fused=fused)


def _pooling(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 3, 5, 16), _pick(random, 2, 5, 16)
    image = model.input((1, height, width, _pick(random, 1, 4, 12, 17, 40)), _SCALE, -7)
    if random.random() < 0.3:
        return ops.reduction(model, "MEAN", image, [1, 2], keep_dims=bool(random.random() < 0.5))
    whole = random.random() < 0.3
    kernel = (height, width) if whole else (_pick(random, 1, 2, 3), _pick(random, 1, 2))
    kind = str(random.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    padding = "VALID" if whole else str(random.choice(["VALID", "SAME"]))
    stride = (_pick(random, 1, 2), _pick(random, 1, 2))
    return ops.pool_2d(model, kind, image, kernel, stride=stride, padding=padding)


_LAYERS: dict[str, tuple[Add, int, float]] = {
    # How to make one, how many, and the least part of them that vector kernels must take.
    "pointwise": (_convolution((1,), (1, 3, 8, 16, 17, 32, 70)), 40, 0.9),
    "narrow convolution": (_convolution((1, 2, 3, 5), (1, 2, 3, 5, 8)), 40, 0.9),
    "wide convolution": (_convolution((2, 3), (16, 17, 48)), 30, 0.9),
    "4-bit convolution": (_convolution((1, 3), (2, 16, 70), "int4"), 40, 0.6),
    "depthwise": (_depthwise, 50, 0.9),
    "fully connected": (_fully_connected, 40, 0.9),
    "elementwise": (_elementwise, 30, 0.9),
    "pooling": (_pooling, 30, 0.9),
}


@pytest.mark.parametrize("kind", _LAYERS)
def test_kernels_equal_litert(kind: str, tmp_path: Path) -> None:
    add, count, least = _LAYERS[kind]
    steps = assert_equals_litert(layers(add, count, seed=5), "cortex-m55", "size", tmp_path)
    assert np.mean([step.variant.startswith("mve") for step in steps]) >= least
