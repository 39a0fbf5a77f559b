"""8da4w: int4 in groups of 32 with scales that bfloat16 holds exactly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgekd.compress.grouped import quantize_grouped


@pytest.fixture
def model() -> nn.Sequential:
    """Two linear layers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))


def test_weights_are_int4_in_groups(model: Any) -> None:
    quantized: Any = quantize_grouped(model)
    for before, after in zip((model[0], model[2]), (quantized[0], quantized[2]), strict=True):
        weight = after.weight
        assert weight.qdata.abs().max() == 7
        assert weight.scale.shape == (before.out_features, before.in_features // 32)
        assert torch.equal(weight.scale, weight.scale.bfloat16().float())
        steps = weight.scale.repeat_interleave(32, dim=1)
        # Half a step of rounding, and what the rounding of the scale to 8 bits moves 7 steps.
        assert ((weight.dequantize() - before.weight).abs() <= steps * (0.5 + 7 / 256)).all()


def test_outputs_follow_the_model_for_any_batch(model: Any) -> None:
    quantized: Any = quantize_grouped(model)
    inputs = torch.randn(33, 64)
    with torch.no_grad():
        signal, got = model(inputs), quantized(inputs)
        torch.testing.assert_close(quantized(inputs[:1]), got[:1])
    assert 10 * torch.log10(signal.square().sum() / (signal - got).square().sum()) > 15


def test_a_group_of_zeros_stays_zero(model: Any) -> None:
    model[0].weight.data[0, :32] = 0
    quantized: Any = quantize_grouped(model)
    weight = quantized[0].weight
    assert weight.dequantize()[0, :32].eq(0).all()
    assert weight.dequantize().isfinite().all()


def test_model_is_not_changed(model: Any) -> None:
    before = model[0].weight.detach().clone()
    quantize_grouped(model)
    assert type(model[0].weight) is nn.Parameter
    assert torch.equal(model[0].weight, before)
