"""Structured pruning: whole channels go, so that the network is smaller for every runtime.

torch-pruning finds which channels hang together and how much they weigh. The ranking is done here,
because its pruners leave a layer whole when all of it is to go, and remove more than was asked
where importances tie. What was removed is checked: its index arithmetic is silently wrong for some
shortcuts, such as one that pads channels.
"""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from edgekd.errors import BadInput
from edgekd.third_party import reason, require

if TYPE_CHECKING:
    import torch

Scope = Literal["global", "per-layer"]

_SEED = 0
_SAMPLES = 2
# Summing in another order moves float32 outputs by about 1e-6 of the largest.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class _Channels:
    """The channels of one layer and of all layers that are coupled with it.

    Attributes:
        path: module path of the layer.
        importance: of each removable unit: a channel, or one channel of each block.
        blocks: blocks that must stay equally wide, as grouped convolutions need it.
    """

    path: str
    importance: list[float]
    blocks: int

    def indices(self, units: Iterable[int]) -> list[int]:
        """The layer's channels that go with these units."""
        size = len(self.importance)
        return sorted(unit + block * size for unit in units for block in range(self.blocks))

    def candidates(self) -> list[tuple[float, str, int]]:
        """All units but the most important one, which always stays."""
        ranked = sorted((value, self.path, unit) for unit, value in enumerate(self.importance))
        return ranked[:-1]


def prune_channels(
    network: torch.nn.Module,
    sample_shape: Sequence[int],
    share: float,
    *,
    scope: Scope,
    keep: Sequence[str],
) -> torch.nn.Module:
    """Remove the least important channels of a network.

    Channels that only work together (through additions, depthwise convolutions, batch norms) are
    one channel and go together. Importance is the mean squared L2 norm of all weights that go
    with a channel, over its mean in the layer: Fang et al., DepGraph, CVPR 2023. Each layer keeps
    at least its most important channel. The layers that give the output stay as wide as they
    are, and so do channels that cannot be taken out cleanly: those of attention, of bare
    parameters, and those that other code mixes (padded shortcuts, channel shuffles).

    Args:
        network: takes ``[N, *sample_shape]``, gives one tensor; left as it is.
        sample_shape: shape of one input without the batch.
        share: of the prunable channels that the network has now, between 0 and 1.
        scope: ``global``: the least important of the whole network; ``per-layer``: the same
            share of every layer, rounded to whole channels.
        keep: paths of modules whose outputs are left whole.

    Returns:
        A float32 copy in eval mode, with the same module paths.

    Raises:
        BadInput: an unknown path in ``keep``, nothing that can be pruned, a share of less than
            one channel, or a network that torch-pruning cannot handle.
        MissingPackage: torch-pruning is not installed.
    """
    require("prune", "torch_pruning")
    whole = copy.deepcopy(network).float().eval()
    frozen = {name for name, value in whole.named_parameters() if not value.requires_grad}
    # torch-pruning reads the graph that autograd records.
    whole.requires_grad_(True)
    inputs = _inputs(whole, sample_shape)
    channels = _prunable(whole, inputs, keep)
    removals = _least_important(channels, share, scope)
    try:
        pruned = _without(whole, inputs, removals)
    except BadInput as error:
        clean = [layer for layer in channels if _goes_cleanly(whole, inputs, layer)]
        if not clean:
            raise BadInput(
                f"no channel can be removed cleanly: {error.what}", where="student.network"
            ) from error
        pruned = _without(whole, inputs, _least_important(clean, share, scope))
    for name, parameter in pruned.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return pruned


def share_of_round(total: float, rounds: int) -> float:
    """Share to remove in each of several rounds, so that they remove ``total`` together.

    Every round removes the same share of what the round before it left.
    """
    return -math.expm1(math.log1p(-total) / rounds)


def _inputs(network: torch.nn.Module, sample_shape: Sequence[int]) -> torch.Tensor:
    import torch

    draw = torch.Generator().manual_seed(_SEED)
    device = next((value.device for value in network.parameters()), torch.device("cpu"))
    return torch.randn(_SAMPLES, *sample_shape, generator=draw).to(device)


def _prunable(
    network: torch.nn.Module, inputs: torch.Tensor, keep: Sequence[str]
) -> list[_Channels]:
    """Every set of coupled channels that may be narrowed, those down to one channel too."""
    from torch_pruning import ops

    paths = {module: path for path, module in network.named_modules()}
    found = []
    with _one_line():
        graph = _trace(network, inputs)
        kept = _kept(network, keep, graph)
        ends = {id(node) for node in graph.module2node.values() if not node.outputs}
        for group in graph.get_all_groups(ignored_layers=kept):
            narrowed = [dep for dep, _ in group if graph.is_out_channel_pruning_fn(dep.handler)]
            if any(id(dep.target) in ends for dep in narrowed):
                continue
            if any(dep.target.type == ops.OPTYPE.PARAMETER for dep, _ in group):
                continue
            blocks = _blocks(graph, group)
            importance = _importance(group, blocks)
            if importance:
                found.append(_Channels(paths[group[0].dep.target.module], importance, blocks))
    if not any(layer.candidates() for layer in found):
        raise BadInput(
            "has no layer that can be pruned",
            where="student.network",
            mend="only layers of two channels or more that do not give the output can be",
        )
    return found


def _importance(group: Any, blocks: int) -> list[float]:
    """Importance of each unit; empty where the layers do not fit together."""
    from torch_pruning.pruner.importance import GroupMagnitudeImportance

    try:
        # The mean of a layer of zeros is zero, and its importance not a number.
        values = GroupMagnitudeImportance()(group).nan_to_num().reshape(blocks, -1)
    # Channel numbers run past the narrower layer where a shortcut is padded.
    except (IndexError, RuntimeError):
        return []
    return [float(value) for value in values.mean(0)]


def _kept(network: torch.nn.Module, keep: Sequence[str], graph: Any) -> list[torch.nn.Module]:
    modules = {path: module for path, module in network.named_modules() if path}
    kept: list[torch.nn.Module] = []
    for path in keep:
        if path not in modules:
            near = difflib.get_close_matches(path, modules, n=3, cutoff=0.4) or list(modules)[:3]
            raise BadInput(
                f"the network has no module {path!r}",
                where="prune.keep",
                mend=f"near ones: {', '.join(near)}",
            )
        inside = list(modules[path].modules())
        if not any(module in graph.module2node for module in inside):
            raise BadInput(
                f"the module {path!r} has no channels of its own",
                where="prune.keep",
                mend="name the convolution or linear layer before it",
            )
        kept += inside
    return kept


def _blocks(graph: Any, group: Any) -> int:
    from torch_pruning import ops

    counts = [1]
    for dep, _ in group:
        pruner = graph.get_pruner_of_module(dep.target.module)
        if dep.target.type == ops.OPTYPE.DEPTHWISE_CONV:
            continue
        narrows = graph.is_out_channel_pruning_fn(dep.handler)
        groups = pruner.get_out_channel_groups if narrows else pruner.get_in_channel_groups
        counts.append(groups(dep.target.module))
    return max(counts)


def _least_important(
    channels: Sequence[_Channels], share: float, scope: Scope
) -> dict[str, list[int]]:
    """Module path to the channels that go."""
    units: dict[str, list[int]] = {layer.path: [] for layer in channels}
    for layers in [channels] if scope == "global" else [[layer] for layer in channels]:
        candidates = sorted(unit for layer in layers for unit in layer.candidates())
        count = round(share * sum(len(layer.importance) for layer in layers))
        for _, path, unit in candidates[:count]:
            units[path].append(unit)
    if not any(units.values()):
        total = sum(len(layer.importance) for layer in channels)
        raise BadInput(
            f"{share:.3g} of {total} channels is less than one channel to remove",
            where="prune.channels",
            mend="remove more, or in fewer rounds",
        )
    return {layer.path: layer.indices(units[layer.path]) for layer in channels if units[layer.path]}


def _goes_cleanly(network: torch.nn.Module, inputs: torch.Tensor, layer: _Channels) -> bool:
    if not layer.candidates():
        return False
    every_second = layer.indices(range(0, len(layer.importance), 2))
    try:
        _without(network, inputs, {layer.path: every_second})
    except BadInput:
        return False
    return True


def _without(
    network: torch.nn.Module, inputs: torch.Tensor, removals: Mapping[str, list[int]]
) -> torch.nn.Module:
    """A copy without these channels.

    It must compute what the network computes when the layers that read those channels see zeros.

    Raises:
        BadInput: it does not; or torch-pruning fails, or the pruned network.
    """
    import torch

    pruned = copy.deepcopy(network)
    paths = {module: path for path, module in pruned.named_modules()}
    unread: dict[str, list[int]] = {}
    with _one_line():
        graph = _trace(pruned, inputs)
        for path, indices in removals.items():
            for dep, dropped in _coupled(graph, pruned.get_submodule(path), indices):
                if _reads(graph, dep):
                    unread.setdefault(paths[dep.target.module], []).extend(dropped)
        for path, indices in removals.items():
            # Asked anew: the layers pruned before have moved the indices behind concatenations.
            _coupled(graph, pruned.get_submodule(path), indices).prune()
        expected = _outputs(network, inputs, unread)
        found = _outputs(pruned, inputs, {})
        tolerance = _TOLERANCE * float(expected.abs().max())
        same = expected.shape == found.shape and torch.allclose(
            found, expected, rtol=0, atol=tolerance
        )
    if not same:
        raise BadInput(
            "the network mixes channels in a way that torch-pruning does not follow",
            where="student.network",
            mend="name the layers around it in prune.keep",
        )
    return pruned


def _trace(network: torch.nn.Module, inputs: torch.Tensor) -> Any:
    import torch
    from torch_pruning import DependencyGraph

    with torch.enable_grad():
        # A bare tensor would first be tried as one argument for each sample.
        return DependencyGraph().build_dependency(network, (inputs,), verbose=False)


def _coupled(graph: Any, module: torch.nn.Module, indices: list[int]) -> Any:
    pruner = graph.get_pruner_of_module(module)
    return graph.get_pruning_group(module, pruner.prune_out_channels, indices)


def _reads(graph: Any, dep: Any) -> bool:
    """Whether a layer reads the channels and gives others: not a batch norm, not depthwise."""
    from torch_pruning import ops

    return dep.target.type in (ops.OPTYPE.CONV, ops.OPTYPE.LINEAR) and (
        not graph.is_out_channel_pruning_fn(dep.handler)
    )


def _outputs(
    network: torch.nn.Module, inputs: torch.Tensor, unread: Mapping[str, list[int]]
) -> torch.Tensor:
    """Outputs where the named layers read zeros in some channels.

    Normalizations over channels are run but passed by: fewer channels have other statistics.
    """
    import torch
    from torch import nn

    hooks = []
    for path, module in network.named_modules():
        if path in unread:
            hook = partial(_with_zeros, channels=unread[path])
            hooks.append(module.register_forward_pre_hook(hook))
        if isinstance(module, nn.LayerNorm | nn.GroupNorm):
            hooks.append(module.register_forward_hook(lambda _, arguments, __: arguments[0]))
    try:
        with torch.no_grad():
            outputs: torch.Tensor = network(inputs)
        return outputs
    finally:
        for handle in hooks:
            handle.remove()


def _with_zeros(
    module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], channels: list[int]
) -> tuple[torch.Tensor, ...]:
    from torch import nn

    values = arguments[0].clone()
    values.movedim(-1 if isinstance(module, nn.Linear) else 1, 0)[channels] = 0
    return (values, *arguments[1:])


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    # torch-pruning runs the network's own code, and what it raises depends on where it is lost.
    except Exception as error:
        raise BadInput(
            f"cannot be pruned by torch-pruning: {reason(error)}", where="student.network"
        ) from error
