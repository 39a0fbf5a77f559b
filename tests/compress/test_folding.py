"""A folded model computes the same without its batch norms, and can be saved and rebuilt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from edgekd.compress.folding import fold_batch_norm
from edgekd.errors import BadInput

from .conftest import Digits, logits, new_student


def _count(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def _with_statistics(model: nn.Module, *shape: int) -> nn.Module:
    """Let the batch norms see some samples, so that folding has something to fold."""
    torch.manual_seed(0)
    model.train()
    for _ in range(3):
        model(torch.randn(16, *shape) * 2 + 1)
    return model.eval()


def test_computes_the_same_without_batch_norms(trained: nn.Module, digits: Digits) -> None:
    folded = fold_batch_norm(trained)
    assert _count(trained) == 2
    assert _count(folded) == 0
    torch.testing.assert_close(
        logits(folded, digits[0]), logits(trained, digits[0]), atol=1e-4, rtol=1e-4
    )


def test_state_loads_into_the_folded_form_of_a_new_model(
    trained: nn.Module, digits: Digits, tmp_path: Path
) -> None:
    folded = fold_batch_norm(trained)
    save_file(folded.state_dict(), tmp_path / "folded.safetensors")
    rebuilt = fold_batch_norm(new_student())
    rebuilt.load_state_dict(load_file(tmp_path / "folded.safetensors"), strict=True)
    assert torch.equal(logits(rebuilt, digits[0]), logits(folded, digits[0]))


def test_model_is_not_changed(trained: nn.Module) -> None:
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded = fold_batch_norm(trained)
    next(folded.parameters()).data.zero_()
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_biases_that_folding_adds_can_be_trained_and_frozen_layers_stay_frozen() -> None:
    model = new_student()
    model.get_submodule("7").requires_grad_(False)
    trainable = {
        name: value.requires_grad for name, value in fold_batch_norm(model).named_parameters()
    }
    assert trainable == {
        "0.weight": True,
        "0.bias": True,
        "3.weight": True,
        "3.bias": True,
        "7.weight": False,
        "7.bias": False,
    }


def test_linear_layers_are_folded_too() -> None:
    model = _with_statistics(nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), 6)
    folded = fold_batch_norm(model)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded.modules())
    inputs = torch.randn(4, 6)
    torch.testing.assert_close(folded(inputs), model(inputs), atol=1e-5, rtol=1e-5)


def test_batch_norm_without_a_layer_before_it_stays() -> None:
    model = _with_statistics(nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 1)), 2, 4, 4)
    folded = fold_batch_norm(model)
    assert _count(folded) == 1
    inputs = torch.randn(4, 2, 4, 4)
    torch.testing.assert_close(folded(inputs), model(inputs))


class _Branching(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        self.norm = norm

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.norm(self.layer(inputs))
        return outputs if outputs.sum() > 0 else -outputs


def test_untraceable_model_is_refused_only_if_it_has_batch_norms() -> None:
    with pytest.raises(BadInput, match="cannot be traced"):
        fold_batch_norm(_Branching(nn.BatchNorm2d(2)))
    assert isinstance(fold_batch_norm(_Branching(nn.Identity())), _Branching)


class _Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 1)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(self.norm(self.layer(inputs)))  # type: ignore[no-any-return]


def test_a_layer_called_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="'layer' is called more than once"):
        fold_batch_norm(_Shared())
