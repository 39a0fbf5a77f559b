"""Depthwise convolutions of one channel become convolutions, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from edgekd.export.c.passes.one_channel import convolve_one_channel
from tests.export.c.models import ModelBuilder, depthwise_conv_2d
from tests.export.c.passes.compare import assert_same_outputs, graph_of


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("scale", [0.02, [0.01, 0.02, 0.03, 0.04, 0.05]])
def test_one_channel_becomes_a_convolution(bias: bool, scale: float | list[float]) -> None:
    model = ModelBuilder()
    image = model.input((1, 7, 6, 1), 0.1, -5)
    weights = np.random.default_rng(0).integers(-127, 128, (1, 3, 2, 5)).astype(np.int8)
    values = np.arange(-200, 300, 100, dtype=np.int32) if bias else None
    output = depthwise_conv_2d(
        model, image, weights, scale, values, stride=(2, 2), scale=0.3, zero_point=4, fused="RELU"
    )
    content, graph = graph_of(model, [output])
    rewritten = convolve_one_channel(graph)
    [operator] = rewritten.operators
    assert operator.kind == "CONV_2D"
    assert rewritten.tensors[operator.inputs[1]].shape == (5, 3, 2, 1)
    assert_same_outputs(content, rewritten)


def test_more_channels_stay() -> None:
    model = ModelBuilder()
    image = model.input((1, 4, 4, 2))
    weights = np.ones((1, 3, 3, 2), np.int8)
    _, graph = graph_of(model, [depthwise_conv_2d(model, image, weights, 0.1)])
    assert convolve_one_channel(graph) is graph
