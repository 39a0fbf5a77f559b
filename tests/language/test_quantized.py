"""Fake quantization of language models, and the weights that come out of it."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from edgekd.errors import BadInput
from edgekd.language.network import CausalLanguageModel
from edgekd.language.quantized import (
    check_whole_groups,
    finish_quantized,
    grid_scale,
    on_grid,
    prepare_quantized,
    quantized_reference,
    weight_grids,
)
from tests.language.models import tiny_model

PRECISIONS = pytest.mark.parametrize("precision", ["int8", "int4"])
Precision = Literal["int8", "int4"]


def model_in_groups() -> CausalLanguageModel:
    return tiny_model(width=32, head_width=16, feed_forward=64)


def loss(model: nn.Module) -> torch.Tensor:
    tokens = torch.arange(1, 41).reshape(2, 20)
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def trained(precision: Precision) -> CausalLanguageModel:
    prepared = prepare_quantized(model_in_groups(), precision)
    optimizer = torch.optim.AdamW(prepared.parameters(), 1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        loss(prepared).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return prepared


@PRECISIONS
def test_it_learns_and_ties_stay_tied(precision: Precision) -> None:
    prepared = trained(precision)
    assert loss(prepared) < 0.8 * loss(prepare_quantized(model_in_groups(), precision))
    originals = [
        getattr(prepared, name).parametrizations.weight.original for name in ("embedding", "output")
    ]
    assert originals[0] is originals[1]


@PRECISIONS
def test_what_comes_out_is_on_the_grid_and_computes_the_same(precision: Precision) -> None:
    prepared = trained(precision)
    finished = finish_quantized(prepared)
    assert finished.output.weight is finished.embedding.weight
    for module, bits, group_size in weight_grids(finished, precision):
        weight = module.weight.detach()
        again = on_grid(weight, bits, group_size)
        torch.testing.assert_close(again, weight, rtol=1e-6, atol=0)
        groups = weight.reshape(len(weight), -1, group_size or weight.shape[1])
        integers = groups / grid_scale(weight, bits, group_size)[:, :, None]
        torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-4)
        assert integers.abs().amax() < 2 ** (bits - 1)
    # Prepared once more, nothing but the activations can round.
    tokens = torch.arange(1, 21)[None]
    torch.testing.assert_close(
        prepare_quantized(finished, precision)(tokens), prepared(tokens), rtol=1e-4, atol=1e-4
    )


def test_int4_leaves_embedding_and_output_layer_at_int8() -> None:
    model = model_in_groups()
    bits = {
        name: found
        for name, module in model.named_modules()
        for other, found, _ in weight_grids(model, "int4")
        if other is module
    }
    assert {name for name, found in bits.items() if found == 8} == {"embedding", "output"}
    assert len(bits) == 2 + 7 * len(model.layers)
    assert {found for _, found, group in weight_grids(model, "int8") if group is None} == {8}


@PRECISIONS
def test_the_reference_computes_the_same_and_rounds_no_weight_again(precision: Precision) -> None:
    model = model_in_groups()
    tokens = torch.arange(1, 21)[None]
    wanted = prepare_quantized(model, precision).eval()
    reference = quantized_reference(model, precision)
    assert torch.equal(reference(tokens), wanted(tokens))
    assert not any(is_parametrized(module) for module in reference.modules())
    assert not any(parameter.requires_grad for parameter in reference.parameters())
    finished, expected = finish_quantized(reference), finish_quantized(wanted)
    for name, weight in expected.state_dict().items():
        assert torch.equal(finished.state_dict()[name], weight)


@torch.no_grad()
def test_scales_of_groups_are_what_xnnpack_stores() -> None:
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    scale = grid_scale(weight, 4, 32)
    assert torch.equal(scale, scale.bfloat16().float())
    assert torch.equal(on_grid(on_grid(weight, 4, 32), 4, 32), on_grid(weight, 4, 32))
    # Half a step of rounding, and what the rounding of the scale to 8 bits moves 7 steps.
    steps = scale.repeat_interleave(32, dim=1)
    assert ((on_grid(weight, 4, 32) - weight).abs() <= steps * (0.5 + 7 / 256)).all()


def test_a_group_of_zeros_stays_zero() -> None:
    weight = torch.zeros(2, 64)
    assert on_grid(weight, 4, 32).eq(0).all()
    assert on_grid(weight, 8, None).eq(0).all()


def test_the_model_is_not_changed() -> None:
    model = model_in_groups()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    prepare_quantized(model, "int4")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_narrow_model_is_refused_in_one_line() -> None:
    with pytest.raises(BadInput, match="multiple of 32 inputs, and layers") as caught:
        check_whole_groups(tiny_model())
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="multiple of 32"):
        prepare_quantized(tiny_model(), "int4")
    prepare_quantized(tiny_model(), "int8")
