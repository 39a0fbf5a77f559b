"""The sizes of a pruned network's layers, as a JSON file can hold them.

Safetensors hold the weights but not the widths: a network that its own code builds anew is first
brought to these sizes, and then takes the weights.
"""

from __future__ import annotations

import difflib
import reprlib
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput

if TYPE_CHECKING:
    import torch

Architecture = dict[str, dict[str, int]]


def architecture_of(network: torch.nn.Module) -> Architecture:
    """Module path to sizes, for each layer that pruning may narrow.

    Convolutions: ``in_channels``, ``out_channels``, ``groups``. Linear: ``in_features``,
    ``out_features``. Batch and instance norm: ``num_features``. Group norm: ``num_channels``.
    Layer norm: ``features``, of its last dimension. Embedding: ``embedding_dim``. PReLU:
    ``num_parameters``.
    """
    layers = ((path, _sizes(module)) for path, module in network.named_modules())
    return {path: sizes for path, sizes in layers if sizes}


def apply_architecture(network: torch.nn.Module, architecture: object) -> None:
    """Bring a newly built network to the sizes of a pruned one, in place.

    Layers that change get parameters and statistics of zeros: load the weights next.

    Args:
        network: built by the same code as the network that was pruned, at its full width.
        architecture: what ``architecture_of`` gave, read from JSON. It is not trusted.

    Raises:
        BadInput: it is no such table, it is not of this network, or a size is not a whole number
            from 1 to what the network was built with. The network is then as it was.
    """
    built = architecture_of(network)
    wanted = _checked(architecture, built)
    for path, sizes in wanted.items():
        _check_divides(network.get_submodule(path), path, sizes)
    for path, sizes in wanted.items():
        if sizes != built[path]:
            _resize(network.get_submodule(path), sizes)


def _sizes(module: torch.nn.Module) -> dict[str, int]:
    from torch import nn

    if isinstance(module, nn.LayerNorm):
        return {"features": module.normalized_shape[-1]}
    return {name: int(getattr(module, name)) for name in _attributes(module)}


def _attributes(module: torch.nn.Module) -> tuple[str, ...]:
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd

    kinds: list[tuple[type[nn.Module], tuple[str, ...]]] = [
        (_ConvNd, ("in_channels", "out_channels", "groups")),
        (nn.Linear, ("in_features", "out_features")),
        (_NormBase, ("num_features",)),
        (nn.GroupNorm, ("num_channels",)),
        (nn.Embedding, ("embedding_dim",)),
        (nn.PReLU, ("num_parameters",)),
    ]
    return next((names for kind, names in kinds if isinstance(module, kind)), ())


def _checked(architecture: object, built: Architecture) -> Architecture:
    if not isinstance(architecture, dict):
        raise BadInput("the architecture is not a table of layers")
    for path in architecture:
        if path not in built:
            near = difflib.get_close_matches(str(path), built, n=3)
            raise BadInput(
                f"the network has no layer {reprlib.repr(path)} with sizes",
                where="architecture",
                mend=f"near ones: {', '.join(near)}" if near else "it is of another network",
            )
    for path, sizes in built.items():
        if path not in architecture:
            raise BadInput(f"the sizes of layer {path!r} are missing", where="architecture")
        _check_sizes(path, architecture[path], sizes)
    return architecture


def _check_sizes(path: str, wanted: object, built: dict[str, int]) -> None:
    if not isinstance(wanted, dict) or wanted.keys() != built.keys():
        raise BadInput(
            "is not the sizes of this kind of layer",
            where=f"architecture: {path}",
            mend=f"it has {', '.join(built)}",
        )
    for name, largest in built.items():
        size = wanted[name]
        if type(size) is not int or not 1 <= size <= largest:
            raise BadInput(
                f"{reprlib.repr(size)} is not a whole number from 1 to {largest}",
                where=f"architecture: {path}.{name}",
            )


def _check_divides(module: torch.nn.Module, path: str, sizes: dict[str, int]) -> None:
    from torch import nn

    groups = module.num_groups if isinstance(module, nn.GroupNorm) else sizes.get("groups", 1)
    for name, size in sizes.items():
        if name != "groups" and size % groups:
            raise BadInput(
                f"{size} channels do not divide into {groups} groups",
                where=f"architecture: {path}.{name}",
            )


def _resize(module: torch.nn.Module, sizes: dict[str, int]) -> None:
    from torch import nn

    shapes = _shapes(module, sizes)
    if isinstance(module, nn.LayerNorm):
        module.normalized_shape = shapes["weight"]
    else:
        for name, size in sizes.items():
            setattr(module, name, size)
    for name, shape in shapes.items():
        value = getattr(module, name, None)
        if isinstance(value, nn.Parameter):
            setattr(module, name, nn.Parameter(value.new_zeros(shape), value.requires_grad))
        elif value is not None:
            setattr(module, name, value.new_zeros(shape))


def _shapes(module: Any, sizes: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Tensor name to its shape in a layer of these sizes; it may not have all of them."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, _ConvNd):
        inputs, outputs, groups = (sizes[n] for n in ("in_channels", "out_channels", "groups"))
        ends = (inputs, outputs // groups) if module.transposed else (outputs, inputs // groups)
        return {"weight": (*ends, *module.kernel_size), "bias": (outputs,)}
    if isinstance(module, nn.Linear):
        return {
            "weight": (sizes["out_features"], sizes["in_features"]),
            "bias": (sizes["out_features"],),
        }
    (size,) = sizes.values()
    if isinstance(module, nn.Embedding):
        return {"weight": (module.num_embeddings, size)}
    if isinstance(module, nn.LayerNorm):
        shape = (*module.normalized_shape[:-1], size)
        return {"weight": shape, "bias": shape}
    return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (size,))
