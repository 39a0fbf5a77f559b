"""Training with fake quantizers: what comes out lies on the grid that any quantizer finds."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from torchao.quantization.pt2e import FakeQuantize

from edgekd.compress.grouped import quantize_grouped
from edgekd.compress.modules import RANGE_BATCHES
from edgekd.compress.qat import finish_qat, prepare_qat
from edgekd.compress.static import quantize_static

from .conftest import Digits, accuracy, logits, train
from .test_static import activation_scales, integer_weights

Calibration = npt.NDArray[np.float32]
Static = Literal["static-int8", "static-int4-weights"]
STATIC: list[tuple[Static, Literal[4, 8]]] = [("static-int8", 8), ("static-int4-weights", 4)]


def _finished(prepared: nn.Module, model: nn.Module) -> Any:
    finished = copy.deepcopy(model)
    finished.load_state_dict(finish_qat(prepared, model), strict=True)
    return finished


@pytest.mark.parametrize(("scheme", "bits"), STATIC)
def test_a_min_max_quantizer_finds_the_integers_of_training(
    student: nn.Module,
    calibration: Calibration,
    digits: Digits,
    scheme: Static,
    bits: Literal[4, 8],
) -> None:
    prepared = train(prepare_qat(student, scheme, calibration), digits, 20, 5e-3)
    finished = _finished(prepared, student)
    quantized = quantize_static(finished, calibration, bits)
    weights = [tensor.detach() for tensor in finished.parameters() if tensor.ndim > 1]
    trained = [tensor.detach() for tensor in prepared.parameters() if tensor.ndim > 1]
    limit = 2 ** (bits - 1) - 1
    for (integers, scale), weight, latent in zip(
        integer_weights(quantized), weights, trained, strict=True
    ):
        shape = (-1, *[1] * (weight.ndim - 1))
        torch.testing.assert_close(integers * scale.view(shape), weight, rtol=1e-6, atol=0)
        step = latent.flatten(1).abs().amax(1).div(limit).view(shape)
        assert torch.equal(integers.float(), (latent / step).round())


@pytest.mark.parametrize(("scheme", "bits"), STATIC)
def test_deployed_model_computes_what_was_trained(
    student: nn.Module,
    calibration: Calibration,
    digits: Digits,
    scheme: Static,
    bits: Literal[4, 8],
) -> None:
    prepared = train(prepare_qat(student, scheme, calibration), digits, 40, 5e-3)
    deployed = quantize_static(_finished(prepared, student), calibration, bits)
    was, now = logits(prepared, digits[0]), logits(deployed, digits[0])
    assert (was.argmax(1) == now.argmax(1)).float().mean() > 0.98
    assert abs(accuracy(deployed, digits) - accuracy(prepared, digits)) < 0.01


def test_int4_is_as_accurate_as_float_after_training(
    student: nn.Module, calibration: Calibration, digits: Digits
) -> None:
    before = accuracy(quantize_static(student, calibration, 4), digits)
    prepared = train(prepare_qat(student, "static-int4-weights", calibration), digits, 100, 5e-3)
    after = accuracy(quantize_static(_finished(prepared, student), calibration, 4), digits)
    assert after > before
    assert after > accuracy(student, digits) - 0.01


def test_evaluation_holds_the_ranges_and_training_moves_them(
    student: nn.Module, calibration: Calibration
) -> None:
    prepared = prepare_qat(student, "static-int8", calibration)
    wide = calibration * 100
    prepared.eval()
    first = logits(prepared, calibration)
    logits(prepared, wide)
    assert torch.equal(logits(prepared, calibration), first)
    prepared.train()
    logits(prepared, wide)
    assert not torch.equal(logits(prepared.eval(), calibration), first)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_ranges_follow_the_weights_to_what_calibration_finds(
    calibration: Calibration, factor: float
) -> None:
    """Also where a pooling shares its quantizer: its outputs are far smaller than its inputs."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)]
    model = nn.Sequential(*layers).eval()
    prepared: Any = prepare_qat(model, "static-int8", calibration)
    next(prepared.parameters()).data.mul_(factor)
    for _ in range(2 * RANGE_BATCHES):
        logits(prepared, calibration)
    scales = sorted(
        {
            module.scale.item()
            for module in prepared.graph.modules()
            if isinstance(module, FakeQuantize) and not module.is_per_channel
        }
    )
    assert len(scales) == 3
    deployed = quantize_static(_finished(prepared, model), calibration, 8)
    np.testing.assert_allclose(activation_scales(deployed), scales, rtol=0.01)


def test_weights_that_two_layers_share_stay_shared(calibration: Calibration) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    model[3].weight = model[1].weight
    prepared = prepare_qat(model, "static-int8", calibration)
    next(iter(prepared.parameters())).data.mul_(2)
    state = finish_qat(prepared, model)
    assert torch.equal(state["1.weight"], state["3.weight"])
    assert not torch.equal(state["1.weight"], model.state_dict()["1.weight"])


def test_ready_to_evaluate_before_the_first_step(
    student: nn.Module, calibration: Calibration, digits: Digits
) -> None:
    prepared = prepare_qat(student, "static-int8", calibration).eval()
    assert abs(accuracy(prepared, digits) - accuracy(student, digits)) < 0.01


def test_model_is_not_trained_along(
    student: nn.Module, calibration: Calibration, digits: Digits
) -> None:
    before = copy.deepcopy(student.state_dict())
    train(prepare_qat(student, "static-int8", calibration), digits, 3, 1e-2)
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_trains_under_accelerate(student: nn.Module, calibration: Calibration) -> None:
    accelerator = Accelerator(cpu=True)
    prepared: Any = prepare_qat(student, "static-int4-weights", calibration)
    optimizer = torch.optim.SGD(prepared.parameters(), 0.1)
    prepared, optimizer = accelerator.prepare(prepared, optimizer)
    before = copy.deepcopy(finish_qat(accelerator.unwrap_model(prepared), student))
    accelerator.backward(prepared(torch.from_numpy(calibration[:5])).square().mean())
    assert all(parameter.grad is not None for parameter in prepared.parameters())
    optimizer.step()
    after = finish_qat(accelerator.unwrap_model(prepared).cpu().eval(), student)
    assert set(after) == set(student.state_dict())
    assert any(not torch.equal(after[name], before[name]) for name in after)


@given(
    arrays.arrays(
        np.float32,
        (3, 2, 3, 3),
        elements=st.floats(-8, 8, width=32, allow_subnormal=False),
    )
)
@settings(max_examples=15, deadline=None)
def test_the_grid_is_a_fixed_point(weight: npt.NDArray[np.float32]) -> None:
    samples = np.linspace(-1, 1, 2 * 2 * 16, dtype=np.float32).reshape(2, 2, 4, 4)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False))
    model[0].weight.data = torch.from_numpy(weight)
    once = _finished(prepare_qat(model, "static-int4-weights", samples), model)
    twice = _finished(prepare_qat(once, "static-int4-weights", samples), once)
    torch.testing.assert_close(once[0].weight, twice[0].weight, rtol=1e-6, atol=0)
    largest = once[0].weight.detach().flatten(1).abs().amax(1).view(-1, 1, 1, 1)
    integers = once[0].weight.detach() / largest.clamp_min(1e-30) * 7
    torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-5)


@pytest.fixture
def linear() -> nn.Module:
    """A model of linear layers whose inputs divide into groups."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def test_grouped_training_ends_on_the_grid_of_the_groups(
    linear: nn.Module, calibration: Calibration, digits: Digits
) -> None:
    float_model = train(linear, digits, 100, 1e-2)
    prepared = train(prepare_qat(float_model, "grouped-int4", calibration), digits, 40, 3e-3)
    finished = _finished(prepared, float_model)
    quantized: Any = quantize_grouped(finished)
    for layer, exact in ((quantized[1], finished[1]), (quantized[3], finished[3])):
        scale = exact.weight.detach().reshape(-1, 32).abs().amax(1, keepdim=True) / 7
        integers = exact.weight.detach().reshape(-1, 32) / scale
        torch.testing.assert_close(integers, integers.round(), rtol=0, atol=1e-5)
        assert torch.equal(layer.weight.qdata.reshape(-1, 32).float(), integers.round())
    assert abs(accuracy(quantized, digits) - accuracy(prepared, digits)) < 0.01
