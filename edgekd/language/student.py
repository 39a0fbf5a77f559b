"""A student cut out of its teacher: some layers, and in each the parts that matter most.

Weights are copied and the width of the residual stream stays, so a student that keeps everything
says just what its teacher says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.network import Architecture, CausalLanguageModel, DecoderLayer

# How many layers at each end are kept before any in between: they do what no other layer does.
_ENDS = 2


class Importance(NamedTuple):
    """How much each part of each layer adds to the residual stream, on average.

    Attributes:
        feed_forward: float32 ``[layers, feed_forward]``.
        key_value_heads: float32 ``[layers, key_value_heads]``, each with its query heads.
    """

    feed_forward: torch.Tensor
    key_value_heads: torch.Tensor


def spread_layers(count: int, keep: int) -> list[int]:
    """Which layers to keep: the first two, the last two, and others evenly spread between.

    Args:
        count: layers of the teacher.
        keep: layers of the student; fewer than four are taken from the two ends in turn.

    Raises:
        BadInput: more than there are, or none.
    """
    if not 1 <= keep <= count:
        raise BadInput(f"{keep} of {count} layers cannot be kept", where="student.layers")
    first, last = min(_ENDS, (keep + 1) // 2), min(_ENDS, keep // 2)
    between, inner = keep - first - last, count - first - last
    spread = [first + (2 * place + 1) * inner // (2 * between) for place in range(between)]
    return [*range(first), *spread, *range(count - last, count)]


def cut_student(
    teacher: CausalLanguageModel,
    *,
    layers: Sequence[int],
    feed_forward: int,
    key_value_heads: int,
    calibration: Sequence[torch.Tensor],
) -> CausalLanguageModel:
    """Make a student of some layers of a teacher, and of the parts of them that matter most.

    Args:
        teacher: is not changed.
        layers: which of its layers, in order.
        feed_forward: neurons to keep in each.
        key_value_heads: groups of heads to keep in each.
        calibration: int ``[B, T]`` tokens each, for the importance; may be empty where all neurons
            and heads are kept.

    Raises:
        BadInput: more than the teacher has, or nothing to tell the importance from.
    """
    sizes = teacher.architecture
    _check(sizes, layers, feed_forward, key_value_heads)
    narrower = feed_forward < sizes.feed_forward or key_value_heads < sizes.key_value_heads
    if narrower and not calibration:
        raise BadInput("narrower layers need calibration tokens", where="student")
    student = CausalLanguageModel(
        sizes.model_copy(
            update={
                "layers": len(layers),
                "heads": sizes.heads // sizes.key_value_heads * key_value_heads,
                "key_value_heads": key_value_heads,
                "feed_forward": feed_forward,
            }
        )
    )
    with torch.no_grad():
        student.embedding.weight.copy_(teacher.embedding.weight)
        student.output.weight.copy_(teacher.output.weight)
        student.norm.weight.copy_(teacher.norm.weight)
        importance = importance_of(teacher, calibration) if narrower else None
        source, target = teacher.decoder_layers, student.decoder_layers
        for place, number in enumerate(layers):
            neurons = heads = None
            if importance is not None:
                neurons = _largest(importance.feed_forward[number], feed_forward)
                heads = _largest(importance.key_value_heads[number], key_value_heads)
            _copy_layer(source[number], target[place], neurons, heads, sizes)
    return student.eval()


def importance_of(model: CausalLanguageModel, calibration: Sequence[torch.Tensor]) -> Importance:
    """Mean size of what each neuron and each group of heads adds to the residual stream.

    Of a neuron: its mean absolute activation times the norm of its column of ``down``. Of a head:
    the mean norm of its output times the Frobenius norm of its columns of ``output``; summed over
    the heads that share a key and value.

    Args:
        model: looked at through hooks, not changed.
        calibration: int ``[B, T]`` tokens each.
    """
    sizes = model.architecture
    neurons = torch.zeros(sizes.layers, sizes.feed_forward)
    heads = torch.zeros(sizes.layers, sizes.heads)
    hooks = []

    def see(number: int) -> tuple[Callable[..., None], Callable[..., None]]:
        def feed_forward(_: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            neurons[number] += inputs[0].abs().flatten(0, 1).sum(0)

        def attention(_: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            parts = inputs[0].reshape(-1, sizes.heads, sizes.head_width)
            heads[number] += parts.norm(dim=2).sum(0)

        return feed_forward, attention

    for number, layer in enumerate(model.decoder_layers):
        feed_forward, attention = see(number)
        hooks.append(layer.feed_forward.down.register_forward_pre_hook(feed_forward))
        hooks.append(layer.attention.output.register_forward_pre_hook(attention))
    try:
        with torch.no_grad():
            for tokens in calibration:
                model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    seen = sum(tokens.numel() for tokens in calibration)
    for number, layer in enumerate(model.decoder_layers):
        neurons[number] *= layer.feed_forward.down.weight.detach().norm(dim=0) / seen
        columns = layer.attention.output.weight.detach().view(sizes.width, sizes.heads, -1)
        heads[number] *= columns.norm(dim=(0, 2)) / seen
    return Importance(neurons, heads.view(sizes.layers, sizes.key_value_heads, -1).sum(2))


def _copy_layer(
    source: DecoderLayer,
    target: DecoderLayer,
    neurons: torch.Tensor | None,
    groups: torch.Tensor | None,
    sizes: Architecture,
) -> None:
    """Copy the rows and columns of the kept neurons and groups of heads; null: all of them."""
    everything = slice(None)
    neuron_rows = everything if neurons is None else neurons
    shared_rows: torch.Tensor | slice = everything
    query_rows: torch.Tensor | slice = everything
    if groups is not None:
        width, per_group = sizes.head_width, sizes.heads // sizes.key_value_heads
        shared_rows = (groups[:, None] * width + torch.arange(width)).flatten()
        span = width * per_group
        query_rows = (groups[:, None] * span + torch.arange(span)).flatten()
    target.attention_norm.weight.copy_(source.attention_norm.weight)
    target.feed_forward_norm.weight.copy_(source.feed_forward_norm.weight)
    target.attention.query.weight.copy_(source.attention.query.weight[query_rows])
    target.attention.key.weight.copy_(source.attention.key.weight[shared_rows])
    target.attention.value.weight.copy_(source.attention.value.weight[shared_rows])
    target.attention.output.weight.copy_(source.attention.output.weight[:, query_rows])
    target.feed_forward.gate.weight.copy_(source.feed_forward.gate.weight[neuron_rows])
    target.feed_forward.up.weight.copy_(source.feed_forward.up.weight[neuron_rows])
    target.feed_forward.down.weight.copy_(source.feed_forward.down.weight[:, neuron_rows])


def _largest(importance: torch.Tensor, keep: int) -> torch.Tensor:
    """Numbers of the most important parts, in their old order."""
    return importance.argsort(descending=True, stable=True)[:keep].sort().values


def _check(
    sizes: Architecture, layers: Sequence[int], feed_forward: int, key_value_heads: int
) -> None:
    if (
        not layers
        or list(layers) != sorted(set(layers))
        or layers[0] < 0
        or layers[-1] >= sizes.layers
    ):
        raise BadInput(
            f"{list(layers)} are not layers of {sizes.layers}, in order", where="student.layers"
        )
    for name, wanted, given in (
        ("feed_forward", feed_forward, sizes.feed_forward),
        ("key_value_heads", key_value_heads, sizes.key_value_heads),
    ):
        if not 1 <= wanted <= given:
            raise BadInput(f"{wanted} of {given} cannot be kept", where=f"student.{name}")
