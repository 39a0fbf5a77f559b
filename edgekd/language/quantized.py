"""Language models that are trained as if their weights and activations were integers.

Every linear layer gets int8 activations, one scale for each token, and int4 weights in groups of
inputs or int8 weights per output. Embedding and output layer have int8 rows at either: in a small
model four bits of the output layer cost as much as those of all other layers together. What comes
out are float weights on those grids: the exporters find the same integers.

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (https://arxiv.org/abs/1712.05877).
"""

from __future__ import annotations

import copy
from typing import Any, Literal, cast

import torch
from torch import nn
from torch.nn.utils.parametrize import (
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
)

from edgekd.compress.pt2e import largest_integer, require_quantizers
from edgekd.compress.scheme import GROUP_SIZE
from edgekd.errors import BadInput
from edgekd.language.network import CausalLanguageModel
from edgekd.third_party import quiet

_WEIGHT = "weight"


def check_whole_groups(model: CausalLanguageModel) -> None:
    """Make sure that the inputs of every layer with int4 weights divide into groups.

    Raises:
        BadInput: those of one do not.
    """
    for name, module in model.layers.named_modules(prefix="layers"):
        if isinstance(module, nn.Linear) and module.in_features % GROUP_SIZE:
            raise BadInput(
                f"int4 needs a multiple of {GROUP_SIZE} inputs, and {name} has "
                f"{module.in_features}",
                mend="take int8, or a width, feed-forward and heads * head width that divide",
            )


def prepare_quantized(
    model: CausalLanguageModel, precision: Literal["int8", "int4"]
) -> CausalLanguageModel:
    """A copy of a model that computes as if it were quantized, and can be trained.

    Raises:
        BadInput: int4, and a layer's inputs do not divide into groups.
        MissingPackage: torchao or executorch is not installed.
    """
    require_quantizers()
    from torchao.quantization import quantize_
    from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig

    if precision == "int4":
        check_whole_groups(model)
    prepared = copy.deepcopy(model)
    # Read before torchao puts other modules in the place of the linear ones.
    activations = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
    with quiet():
        quantize_(prepared, QATConfig(activation_config=activations, step="prepare"))
    for module, bits, group_size in weight_grids(prepared, precision):
        register_parametrization(module, _WEIGHT, _Grid(bits, group_size))
    return prepared


def quantized_reference(
    model: CausalLanguageModel, precision: Literal["int8", "int4"]
) -> CausalLanguageModel:
    """A copy that computes as :func:`prepare_quantized`'s, in eval mode, and is not trained.

    Its weights are rounded once, not at every call: with one token a call that is most of the time.

    Raises:
        BadInput, MissingPackage: as there.
    """
    prepared = prepare_quantized(model, precision).eval()
    grids = [module for module in prepared.modules() if is_parametrized(module, _WEIGHT)]
    # All before any is put in place: embedding and output layer may share what they round.
    rounded = [cast(torch.Tensor, module.weight).detach().clone() for module in grids]
    for module, weight in zip(grids, rounded, strict=True):
        remove_parametrizations(module, _WEIGHT, leave_parametrized=False)
        module.weight = nn.Parameter(weight)
    return prepared.requires_grad_(False)


def weight_grids(
    model: nn.Module, precision: Literal["int8", "int4"]
) -> list[tuple[nn.Linear | nn.Embedding, int, int | None]]:
    """Every matrix of a model with the bits and the group size of its grid; ``None``: a row.

    Args:
        model: a :class:`CausalLanguageModel`, or a decoder of its parts.
        precision: of the rung.
    """
    inner = set(model.get_submodule("layers").modules())
    grids: list[tuple[nn.Linear | nn.Embedding, int, int | None]] = []
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            int4 = precision == "int4" and module in inner
            grids.append((module, 4, GROUP_SIZE) if int4 else (module, 8, None))
    return grids


def finish_quantized(prepared: CausalLanguageModel) -> CausalLanguageModel:
    """The trained model in float, its weights on their grids.

    Args:
        prepared: from :func:`prepare_quantized`, on the CPU.

    Returns:
        A model with the same numbers as ``prepared`` but for the rounding of activations.
    """
    with torch.device("meta"):
        model = CausalLanguageModel(prepared.architecture)
    state = {}
    for name in model.state_dict():
        module, _, leaf = name.rpartition(".")
        state[name] = getattr(prepared.get_submodule(module), leaf).detach().clone()
    model.load_state_dict(state, assign=True)
    model.tie()
    return model.requires_grad_(True).eval()


class _Grid(nn.Module):
    """A parametrization: the weight rounded to integers times a scale."""

    def __init__(self, bits: int, group_size: int | None) -> None:
        super().__init__()
        self.bits = bits
        self.group_size = group_size

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """float ``[out, in]`` to the same, on the grid."""
        rounded = cast(Any, _StraightThrough).apply(weight, self.bits, self.group_size)
        return cast(torch.Tensor, rounded)


class _StraightThrough(torch.autograd.Function):
    """Rounds forwards; backwards the gradient passes as if nothing had been rounded."""

    @staticmethod
    def forward(
        context: Any, weight: torch.Tensor, bits: int, group_size: int | None
    ) -> torch.Tensor:
        return on_grid(weight, bits, group_size)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return gradients[0], None, None


def on_grid(weight: torch.Tensor, bits: int, group_size: int | None) -> torch.Tensor:
    """A weight rounded to symmetric integers.

    Args:
        weight: float ``[out, in]``.
        bits: of an integer.
        group_size: inputs that share a scale, which is stored in bfloat16 as XNNPACK does;
            ``None``: a float32 scale for each row.
    """
    rows = weight.reshape(-1, group_size or weight.shape[1])
    limit = largest_integer(bits)
    scale = grid_scale(weight, bits, group_size).reshape(-1, 1)
    return ((rows / scale).round().clamp(-limit, limit) * scale).reshape(weight.shape)


def grid_scale(weight: torch.Tensor, bits: int, group_size: int | None) -> torch.Tensor:
    """What an integer of :func:`on_grid` stands for: float32 ``[out, groups]``."""
    groups = weight.reshape(len(weight), -1, group_size or weight.shape[1])
    # A group of zeros still needs a scale above zero.
    tiny = torch.finfo(torch.bfloat16).tiny
    scale = (groups.abs().amax(dim=2) / largest_integer(bits)).clamp_min(tiny)
    return scale if group_size is None else scale.bfloat16().float()
