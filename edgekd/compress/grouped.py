"""Int4 weights in groups, with activations quantized to int8 at run time (8da4w)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal

from edgekd.compress.pt2e import largest_integer, require_quantizers
from edgekd.compress.scheme import GROUP_SIZE, table_groups
from edgekd.third_party import quiet

if TYPE_CHECKING:
    import torch


def quantize_grouped(model: torch.nn.Module, group_size: int = GROUP_SIZE) -> torch.nn.Module:
    """Quantize every linear layer and embedding table of a copy with torchao's 8da4w tensors.

    The scale of a group is ``max|w| / 7`` in bfloat16, which is what XNNPACK stores; torchao's
    own choice, ``max|w| / 7.5`` in float32, would clip and then be rounded once more at export.

    Args:
        model: float32; each linear layer has a multiple of ``group_size`` inputs.
        group_size: of linear layers; a multiple of 32. Tables have those of
            :func:`edgekd.compress.scheme.table_groups`, and activations of their own none.

    Returns:
        A module that takes batches of any size; ``torch.export`` and ExecuTorch take it too.

    Raises:
        MissingPackage: torchao or executorch is not installed.
    """
    require_quantizers()
    import torch

    model = copy.deepcopy(model).eval().requires_grad_(False)
    with quiet():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                weight = _grouped(module.weight, 4, group_size, "int8_asym_per_token")
                module.weight = torch.nn.Parameter(weight, requires_grad=False)
            elif isinstance(module, torch.nn.Embedding):
                weight = _grouped(module.weight, *table_groups(module.embedding_dim), None)
                module.weight = torch.nn.Parameter(weight, requires_grad=False)
    return model


def _grouped(
    weight: torch.Tensor,
    bits: int,
    group_size: int,
    activations: Literal["int8_asym_per_token"] | None,
) -> torch.Tensor:
    import torch
    from torchao.quantization import IntxUnpackedToInt8Tensor

    rows, columns = weight.shape
    largest = weight.reshape(rows, columns // group_size, group_size).abs().amax(dim=2)
    # A group of zeros still needs a scale above zero.
    scale = (largest / largest_integer(bits)).clamp_min(torch.finfo(torch.bfloat16).tiny)
    grouped: torch.Tensor = IntxUnpackedToInt8Tensor.from_hp(
        weight,
        (1, group_size),
        torch.int4 if bits == 4 else torch.int8,  # type: ignore[attr-defined]
        activation_quantization=activations,
        intx_choose_qparams_algorithm=None,
        custom_scale=scale.bfloat16().float(),
        custom_zero_point=torch.zeros_like(scale, dtype=torch.int8),
    )
    return grouped
