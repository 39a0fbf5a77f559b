"""Embedding tables: their grid, and that training ends on it."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgekd.compress import quantize
from edgekd.compress.grouped import quantize_grouped
from edgekd.compress.qat import finish_qat, prepare_qat
from tests.export.token_networks import CLASSES, text_network, texts

CALIBRATION = texts(64, seed=1)


def _logits(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.from_numpy(texts(40, seed=2)))  # type: ignore[no-any-return]


def _trained(model: nn.Module) -> nn.Module:
    labels = torch.randint(CLASSES, (64,), generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    model.train()
    for _ in range(6):
        loss = functional.cross_entropy(model(torch.from_numpy(CALIBRATION)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


def test_a_static_table_has_one_scale() -> None:
    model = text_network("bag_of_embeddings")
    quantized: Any = quantize(model, "int8", CALIBRATION)
    integers = [value for value in quantized.state_dict().values() if value.dtype == torch.int8]
    weight = model.get_parameter("embedding.weight").detach()
    [table] = [value for value in integers if value.shape == weight.shape]
    scale = weight.abs().max() / 127
    assert torch.equal(table.float(), (weight / scale).round())


@pytest.mark.parametrize(("width", "bits", "group"), [(64, 4, 32), (40, 8, 40)])
def test_a_grouped_table_has_a_scale_for_each_group(width: int, bits: int, group: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(50, width), nn.Flatten(), nn.Linear(32, 4))
    quantized: Any = quantize_grouped(model)
    limit = 2 ** (bits - 1) - 1
    weight = model.get_parameter("0.weight").detach().reshape(-1, group)
    found = quantized[0].weight
    assert found.qdata.abs().max() == limit
    assert found.scale.numel() == 50 * width // group
    # Half a step, and what bfloat16 rounds off the scale of the largest.
    steps = weight.abs().amax(1, keepdim=True) / limit * (0.5 + limit / 256)
    assert ((found.dequantize().reshape(-1, group) - weight).abs() <= steps).all()


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("bag_of_embeddings", "static-int8"),
        ("bag_of_embeddings", "static-int4-weights"),
        ("transformer", "static-int8"),
        ("transformer", "grouped-int4"),
    ],
)
def test_training_ends_on_the_grid_that_is_found_again(
    name: str, scheme: Literal["static-int8", "static-int4-weights", "grouped-int4"]
) -> None:
    model = text_network(name)
    prepared = _trained(prepare_qat(model, scheme, CALIBRATION))
    finished = copy.deepcopy(model)
    finished.load_state_dict(finish_qat(prepared, model), strict=True)
    table = finished.get_parameter("embedding.weight").detach()
    assert not torch.equal(table, model.get_parameter("embedding.weight"))
    assert table[0].eq(0).all()
    rows = table.reshape(-1, 32) if scheme == "grouped-int4" else table.reshape(1, -1)
    limit = 7 if scheme == "grouped-int4" else 127
    integers = rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-30) * limit
    torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-4)
    if scheme == "static-int4-weights":
        return
    again = quantize(finished, "int8" if scheme == "static-int8" else "int4", CALIBRATION)
    noise = (_logits(again) - _logits(prepared)).square().mean().sqrt()
    assert noise < 0.1 * _logits(prepared).square().mean().sqrt()
