"""DSP kernels on emulated cores give what LiteRT gives, to the bit."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from edgekd.export.c.step import Flash
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
    random: np.random.Generator, shape: tuple[int, ...], channels: int, dtype: str
) -> tuple[Array, list[float], Array]:
    """Weights, their scales and biases; a few channels are far off, or constant."""
    limit = 7 if dtype == "int4" else 127
    weights = random.integers(-limit, limit + 1, shape).astype(np.int8)
    scales = random.uniform(0.002, 0.008, channels) * 127 / limit
    scales[random.random(channels) < 0.02] *= 1e-4
    return weights, [float(scale) for scale in scales], random.integers(-3000, 3000, channels)


def _output(random: np.random.Generator, terms: int) -> dict[str, float | int | str]:
    """A scale with which a few outputs saturate, and how the range lies."""
    scale = float(0.025 * np.sqrt(terms) * random.uniform(0.3, 3.0))
    fused, zero_point = [("RELU", -128), ("NONE", 11), ("NONE", -128), ("RELU6", -128)][
        _pick(random, 0, 0, 1, 2, 3)
    ]
    # A quantizer gives what cannot be above 6 a scale with which 6 can be stored.
    scale = min(scale, 6 / 256) if fused == "RELU6" else scale
    return {"scale": scale, "zero_point": zero_point, "fused": fused}


def _convolution(dtype: str) -> Add:
    def add(model: ModelBuilder, random: np.random.Generator) -> int:
        height, width = _pick(random, 1, 4, 7, 9), _pick(random, 1, 2, 5, 8, 11)
        inputs, outputs = _pick(random, 1, 2, 3, 4, 5, 8, 17), _pick(random, 2, 3, 8, 9)
        kernel = (_pick(random, 1, 2, 3, 5), _pick(random, 1, 2, 3, 4))
        dilation = (_pick(random, 1, 1, 2), _pick(random, 1, 1, 3))
        fits = all(
            (size - 1) * step < whole
            for size, step, whole in zip(kernel, dilation, (height, width), strict=True)
        )
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
            padding="VALID" if fits and random.random() < 0.4 else "SAME",
            dtype=dtype,
            **_output(random, weights[0].size),  # type: ignore[arg-type]
        )

    return add


def _depthwise(model: ModelBuilder, random: np.random.Generator, dtype: str = "int8") -> int:
    height, width = _pick(random, 5, 6, 7, 9, 50), _pick(random, 3, 5, 8, 11, 90)
    channels, stride = _pick(random, 2, 3, 8), _pick(random, 1, 2)
    image = model.input((1, height, width, channels), _SCALE, _pick(random, -128, 5, 127))
    kernel = (3, 3)
    if dtype == "int8" and random.random() < 0.3:
        kernel = (_pick(random, 1, 3, 5, 7), _pick(random, 1, 2, 5, 6))
        stride = _pick(random, 1, 2, 3)
    weights, scales, bias = _filters(random, (1, *kernel, channels), channels, dtype)
    return depthwise_conv_2d(
        model,
        image,
        weights,
        scales,
        bias,
        stride=(stride, stride),
        dilation=(_pick(random, 1, 1, 1, 2), 1),
        padding="VALID" if kernel == (3, 3) and random.random() < 0.4 else "SAME",
        dtype=dtype,
        **_output(random, kernel[0] * kernel[1]),  # type: ignore[arg-type]
    )


def _fully_connected(model: ModelBuilder, random: np.random.Generator, dtype: str = "int8") -> int:
    rows, inputs = _pick(random, 1, 1, 3), _pick(random, 1, 3, 4, 32, 70, 128, 131, 300)
    outputs = _pick(random, 2, 3, 8, 9, 15, 16, 29)
    source = model.input((rows, inputs), _SCALE, _pick(random, -128, 5, 127))
    weights, scales, bias = _filters(random, (outputs, inputs), outputs, dtype)
    scale = scales if random.random() < 0.3 and min(scales) > 1e-5 else max(scales)
    output = _output(random, inputs)
    return fully_connected(model, source, weights, scale, bias, dtype=dtype, **output)  # type: ignore[arg-type]


def _elementwise(model: ModelBuilder, random: np.random.Generator) -> int:
    shape = (1, _pick(random, 1, 3), _pick(random, 5, 8), _pick(random, 1, 3, 4))
    pair = [
        model.input(shape, float(random.uniform(0.01, 0.2)), _pick(random, -128, 4, 30))
        for _ in range(2)
    ]
    kind = str(random.choice(["ADD", "SUB"]))
    fused, zero_point = [("RELU", -128), ("NONE", 3)][_pick(random, 0, 1)]
    return ops.binary(model, kind, *pair, scale=0.17, zero_point=zero_point, fused=fused)


def _average(model: ModelBuilder, random: np.random.Generator) -> int:
    height, width = _pick(random, 1, 3, 20), _pick(random, 2, 5, 19)
    image = model.input((1, height, width, _pick(random, 4, 12)), _SCALE, -7)
    if random.random() < 0.5:
        return ops.reduction(model, "MEAN", image, [1, 2], keep_dims=bool(random.random() < 0.5))
    return ops.pool_2d(model, "AVERAGE_POOL_2D", image, (height, width))


_LAYERS: dict[str, tuple[Add, int, float]] = {
    # How to make one, how many, and the least part of them that DSP kernels must take.
    "convolution": (_convolution("int8"), 60, 0.95),
    "depthwise": (_depthwise, 40, 0.95),
    "fully connected": (_fully_connected, 40, 0.95),
    "convolution int4": (_convolution("int4"), 40, 0.95),
    "depthwise int4": (functools.partial(_depthwise, dtype="int4"), 20, 0.95),
    "fully connected int4": (functools.partial(_fully_connected, dtype="int4"), 40, 0.4),
    "elementwise": (_elementwise, 20, 0.95),
    "average": (_average, 20, 1.0),
}


@functools.cache
def _model(kind: str) -> bytes:
    """Many layers side by side, each with inputs of its own."""
    add, count, _ = _LAYERS[kind]
    return layers(add, count)


@pytest.mark.parametrize("kind", _LAYERS)
@pytest.mark.parametrize(
    ("core", "flash"),
    [("cortex-m4", "size"), ("cortex-m4", "speed"), ("cortex-m7", "size"), ("cortex-m33", "size")],
)
def test_kernels_equal_litert(kind: str, core: str, flash: Flash, tmp_path: Path) -> None:
    steps = assert_equals_litert(_model(kind), core, flash, tmp_path)
    assert np.mean([step.variant.startswith("dsp") for step in steps]) >= _LAYERS[kind][2]
