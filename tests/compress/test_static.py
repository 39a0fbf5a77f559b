"""PT2E after training: integers on the right grid, float32 in and out, any batch."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from edgekd.compress.static import quantize_static
from edgekd.errors import BadInput

from .conftest import Digits, accuracy, logits

Calibration = npt.NDArray[np.float32]


def integer_weights(quantized: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Integers and scales of each layer, in order."""
    graph = quantized.graph
    found = []
    for node in graph.graph.nodes:
        if "dequantize_per_channel" in str(node.target):
            found.append(tuple(getattr(graph, argument.target) for argument in node.args[:2]))
    return found


def activation_scales(quantized: Any) -> list[float]:
    """The different scales of activations, sorted."""
    graph = quantized.graph.graph
    nodes = [
        node for node in graph.nodes if str(node.target).endswith("quantize_per_tensor.default")
    ]
    return sorted({node.args[1] for node in nodes})


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_are_symmetric_integers_per_channel(
    student: nn.Module, calibration: Calibration, bits: Literal[4, 8]
) -> None:
    limit = 2 ** (bits - 1) - 1
    weights = [tensor for tensor in student.parameters() if tensor.ndim > 1]
    found = integer_weights(quantize_static(student, calibration, bits))
    assert len(found) == len(weights) == 3
    for (integers, scale), weight in zip(found, weights, strict=True):
        assert integers.dtype == torch.int8
        assert integers.flatten(1).abs().amax(1).eq(limit).all()
        torch.testing.assert_close(scale, weight.detach().flatten(1).abs().amax(1) / limit)


def test_int8_is_as_accurate_as_float(
    student: nn.Module, calibration: Calibration, digits: Digits
) -> None:
    quantized = quantize_static(student, calibration, 8)
    assert accuracy(student, digits) > 0.95
    assert abs(accuracy(quantized, digits) - accuracy(student, digits)) < 0.01
    signal, got = logits(student, digits[0]), logits(quantized, digits[0])
    assert 10 * torch.log10(signal.square().sum() / (signal - got).square().sum()) > 25


def test_batches_of_any_size_give_the_same(student: nn.Module, calibration: Calibration) -> None:
    quantized = quantize_static(student, calibration, 8)
    whole = logits(quantized, calibration[:7])
    assert whole.shape == (7, 10)
    assert whole.dtype == torch.float32
    parts = [logits(quantized, calibration[at : at + 1]) for at in range(7)]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_modes_are_accepted_and_change_nothing(
    student: nn.Module, calibration: Calibration
) -> None:
    quantized = quantize_static(student, calibration, 8)
    before = logits(quantized.eval(), calibration)
    assert torch.equal(logits(quantized.train(), calibration), before)


def test_model_is_not_changed(student: nn.Module, calibration: Calibration) -> None:
    before = copy.deepcopy(student.state_dict())
    quantize_static(student, calibration, 4)
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_channel_of_zeros_is_quantized(student: nn.Module, calibration: Calibration) -> None:
    next(student.parameters()).data[0] = 0
    quantized = quantize_static(student, calibration, 8)
    assert logits(quantized, calibration).isfinite().all()


def test_calibration_without_samples_or_with_nan_is_refused(student: nn.Module) -> None:
    with pytest.raises(BadInput, match="given none"):
        quantize_static(student, np.empty((0, 1, 8, 8), np.float32), 8)
    with pytest.raises(BadInput, match="NaN"):
        quantize_static(student, np.full((2, 1, 8, 8), np.nan, np.float32), 8)


class _Branching(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs if inputs.sum() > 0 else -inputs


def test_model_that_cannot_be_captured_is_refused(calibration: Calibration) -> None:
    with pytest.raises(BadInput, match="cannot be captured") as caught:
        quantize_static(_Branching(), calibration, 8)
    assert "\n" not in str(caught.value)
