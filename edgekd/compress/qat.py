"""Quantization-aware training: what a trainer trains, and the weights that come out of it.

The training itself belongs to the distillation trainer. What comes out is a float state dict
whose weights lie on the integer grid already, so that the quantizer of any format, if it takes
``max|w| / 127`` (or ``/ 7``) as the scale, finds the same integers.

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (https://arxiv.org/abs/1712.05877).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from edgekd.compress.pt2e import (
    SMALLEST_ACTIVATION_SCALE,
    calibrate,
    capture,
    largest_integer,
    require_quantizers,
    static_quantizer,
)
from edgekd.compress.scheme import GROUP_SIZE, table_groups
from edgekd.third_party import quiet

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule

_WEIGHT = "weight"


def prepare_qat(
    model: torch.nn.Module,
    scheme: Literal["static-int8", "static-int4-weights", "grouped-int4"],
    calibration: npt.NDArray[np.float32 | np.int32],
) -> torch.nn.Module:
    """A copy of a model that computes as if it were quantized, and can be trained.

    Args:
        model: float32 and trained, batch norms folded.
        scheme: what it will be quantized to.
        calibration: ``[N, *sample_shape]`` in the dtype of the inputs; the ranges of activations
            start from it.

    Returns:
        A module that takes batches of any size. ``train()`` lets the ranges of activations move,
        ``eval()`` holds them.

    Raises:
        BadInput: the model cannot be captured, or the samples are empty or not finite.
        MissingPackage: torchao or executorch is not installed.
    """
    require_quantizers()
    with quiet():
        if scheme == "grouped-int4":
            return _prepare_grouped(model)
        return _prepare_static(model, 4 if scheme == "static-int4-weights" else 8, calibration)


def finish_qat(prepared: torch.nn.Module, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The trained weights as a state dict of the float model, exactly on the grid.

    Args:
        prepared: from ``prepare_qat``, trained and unwrapped, on the CPU.
        model: the model that was given to ``prepare_qat``; it is not changed.

    Returns:
        Tensors under the names of ``model.state_dict()``. Weights of quantized layers are
        ``scale * integer`` with an integer of at most 127 (or 7) and
        ``scale = max|w| / 127`` (or ``/ 7``) per output channel (or group); for embedding tables
        as :func:`edgekd.compress.scheme.scheme_of` says.
    """
    from edgekd.compress.modules import QuantizationAwareGraph

    if isinstance(prepared, QuantizationAwareGraph):
        trained = {**prepared.graph.state_dict(), **dict(_static_weights_on_grid(prepared.graph))}
    else:
        trained = {**prepared.state_dict(), **dict(_grouped_weights_on_grid(prepared))}
    named = model.state_dict(keep_vars=True)
    # By tensor and not by name: capture keeps one name of a weight that two layers share.
    values = {id(named[name]): value for name, value in trained.items() if name in named}
    return {name: values.get(id(tensor), tensor).detach().clone() for name, tensor in named.items()}


def _prepare_static(
    model: torch.nn.Module, weight_bits: int, calibration: npt.NDArray[np.float32 | np.int32]
) -> torch.nn.Module:
    from torchao.quantization.pt2e import FakeQuantize, MinMaxObserver
    from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

    from edgekd.compress.modules import QuantizationAwareGraph

    activation = FakeQuantize.with_args(observer=MinMaxObserver, eps=SMALLEST_ACTIVATION_SCALE)
    quantizer = static_quantizer(weight_bits, activation, _weight_fake_quantizer(), trains=True)
    graph = prepare_qat_pt2e(capture(model, calibration), quantizer)
    calibrate(graph, calibration)
    return QuantizationAwareGraph(graph).train()


def _weight_fake_quantizer(**arguments: Any) -> Any:
    """Constructor of torchao's fake quantizer with the scale of the weights of this very step.

    Not the fused one: its scale for a symmetric range of -7 to 7 is that of -8 to 7.
    """
    from torchao.quantization.pt2e import FakeQuantize, MovingAveragePerChannelMinMaxObserver

    return FakeQuantize.with_args(
        observer=MovingAveragePerChannelMinMaxObserver, averaging_constant=1.0, **arguments
    )


def _prepare_grouped(model: torch.nn.Module) -> torch.nn.Module:
    import torch
    from torch.nn.utils.parametrize import register_parametrization
    from torchao.quantization import quantize_
    from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig

    from edgekd.compress.modules import FakeQuantizedGroups

    model = copy.deepcopy(model)
    activations = IntxFakeQuantizeConfig(torch.int8, "per_token", is_symmetric=False)
    quantize_(model, QATConfig(activation_config=activations, step="prepare"))
    for module in list(model.modules()):
        if isinstance(module, torch.nn.Linear):
            bits, group_size = 4, GROUP_SIZE
        elif isinstance(module, torch.nn.Embedding):
            bits, group_size = table_groups(module.embedding_dim)
        else:
            continue
        groups = FakeQuantizedGroups(_group_fake_quantizer(bits), group_size)
        register_parametrization(module, _WEIGHT, groups)
    return model.train()


def _group_fake_quantizer(bits: int) -> Any:
    """A fake quantizer of a weight ``[groups, group_size]``."""
    import torch

    limit = largest_integer(bits)
    constructor = _weight_fake_quantizer(
        dtype=torch.int8,
        quant_min=-limit,
        quant_max=limit,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
    )
    return constructor()


def _static_weights_on_grid(graph: GraphModule) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and value on the grid of each weight that a fake quantizer per channel reads."""
    from torchao.quantization.pt2e import FakeQuantize

    for node in graph.graph.nodes:
        if node.op != "call_module":
            continue
        fake_quantizer = graph.get_submodule(node.target)
        if isinstance(fake_quantizer, FakeQuantize) and fake_quantizer.is_per_channel:
            name = str(node.args[0].target)
            yield name, _on_grid(graph.state_dict()[name], fake_quantizer)


def _grouped_weights_on_grid(prepared: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    from torch.nn.utils.parametrize import is_parametrized

    for name, module in prepared.named_modules():
        if is_parametrized(module, _WEIGHT):
            [groups] = cast(Any, module).parametrizations[_WEIGHT]
            weight = cast(Any, module).parametrizations[_WEIGHT].original.detach()
            rows = weight.reshape(-1, groups.group_size)
            value = _on_grid(rows, groups.fake_quantizer).reshape(weight.shape)
            yield f"{name}.{_WEIGHT}" if name else _WEIGHT, value


def _on_grid(weight: torch.Tensor, fake_quantizer: Any) -> torch.Tensor:
    """A weight on the grid of its own largest value.

    By an observer that has seen nothing else: the moving average of the trained one can be a
    rounding error away from the largest value.
    """
    import torch
    from torchao.quantization.pt2e import PerChannelMinMaxObserver

    from edgekd.compress.tables import TableObserver

    axis, limit = fake_quantizer.ch_axis, fake_quantizer.quant_max
    is_table = isinstance(fake_quantizer.activation_post_process, TableObserver)
    observer = (TableObserver if is_table else PerChannelMinMaxObserver)(
        ch_axis=axis,
        dtype=torch.int8,
        qscheme=torch.per_channel_symmetric,
        quant_min=-limit,
        quant_max=limit,
    )
    weight = weight.detach()
    observer(weight)
    scale, zero_point = observer.calculate_qparams()
    return torch.fake_quantize_per_channel_affine(
        weight, scale, zero_point.int(), axis, -limit, limit
    )
