"""Folds batch normalisation into the layer before it, so that quantizers see its real weights."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING

from edgekd.errors import BadInput
from edgekd.third_party import reason

if TYPE_CHECKING:
    import torch


def fold_batch_norm(model: torch.nn.Module) -> torch.nn.Module:
    """A copy in eval mode whose convolutions and linear layers carry the batch norms after them.

    It computes what the model computes in eval mode. Names do not change, so that its
    ``state_dict`` can be loaded into the folded form of a newly built model. Batch norms that
    follow no convolution or linear layer stay. A model without any comes back as a plain copy.

    Raises:
        BadInput: the model has batch norms and cannot be traced, or calls one of its layers twice.
    """
    from torch.fx import symbolic_trace
    from torch.fx.experimental.optimization import fuse
    from torch.nn.modules.batchnorm import _BatchNorm

    model = copy.deepcopy(model).eval()
    if not any(isinstance(module, _BatchNorm) for module in model.modules()):
        return model
    try:
        traced = symbolic_trace(model)
    # Tracing runs the model's own code on proxies, which may raise anything.
    except Exception as error:
        raise BadInput(
            f"batch norm cannot be folded, the model cannot be traced: {reason(error)}",
            mend="keep control flow that depends on tensors out of forward()",
        ) from error
    _check_called_once(traced)
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    folded: torch.nn.Module = fuse(traced, inplace=True, no_trace=True)
    # A bias that folding adds is frozen, and later training would leave it behind.
    for name, parameter in folded.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return folded


def _check_called_once(traced: torch.fx.GraphModule) -> None:
    # Folding changes a layer's weights: one that is also called elsewhere would be wrong there.
    calls = Counter(str(node.target) for node in traced.graph.nodes if node.op == "call_module")
    with_weights = (
        name
        for name, count in calls.items()
        if count > 1 and any(True for _ in traced.get_submodule(name).parameters())
    )
    name = next(with_weights, None)
    if name is not None:
        raise BadInput(
            f"batch norm cannot be folded, the layer {name!r} is called more than once",
            mend="give each call a layer of its own",
        )
