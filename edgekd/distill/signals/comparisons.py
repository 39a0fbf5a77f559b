"""What each signal on taps accepts, learns and costs: one entry for each kind of recipe line."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import torch
from torch import nn

from edgekd.distill.signals.features import (
    attention_transfer,
    energy_map,
    hint,
    relations,
    similarity,
)
from edgekd.distill.signals.transformers import (
    attention_maps,
    attention_relations,
    hidden_states,
    smaller_relations,
)
from edgekd.recipe import signals as recipe

TapSignal = (
    recipe.Hint
    | recipe.AttentionTransfer
    | recipe.Similarity
    | recipe.Relations
    | recipe.HiddenStates
    | recipe.AttentionMaps
    | recipe.AttentionRelations
)

Padding = torch.Tensor | None


def _always(_student: torch.Size, _teacher: torch.Size) -> bool:
    return True


def _nothing_learned(_student: torch.Size, _teacher: torch.Size) -> nn.Module:
    return nn.Identity()


@dataclass(frozen=True)
class Comparison:
    """How a student's features are compared with a teacher's.

    Attributes:
        loss: of the student's features, the teacher's (condensed), the adapter, and where the
            tokens are padding, bool ``[N, T]`` or ``None``; a scalar.
        wanted: the shapes that it takes, in words.
        dimensions: how many dimensions the features of either network may have.
        fits: whether these two shapes, of the right dimensions, can be compared.
        adapter: what is learned to bring the student's features to the teacher's shape.
        condense: what of the teacher's features is enough for the loss; ``None``: all of them.
        tokens: there is a position for each token, and padding is left out.
    """

    loss: Callable[[torch.Tensor, torch.Tensor, nn.Module, Padding], torch.Tensor]
    wanted: str
    dimensions: Container[int]
    fits: Callable[[torch.Size, torch.Size], bool] = _always
    adapter: Callable[[torch.Size, torch.Size], nn.Module] = _nothing_learned
    condense: Callable[[torch.Tensor], torch.Tensor] | None = None
    tokens: bool = False


def comparison(spec: TapSignal) -> Comparison:
    """The comparison that a recipe line asks for."""
    match spec:
        case recipe.Hint():
            return _HINT
        case recipe.AttentionTransfer():
            return _ATTENTION_TRANSFER
        case recipe.Similarity():
            return _SIMILARITY
        case recipe.Relations():
            return _relations(spec)
        case recipe.HiddenStates():
            return _HIDDEN_STATES
        case recipe.AttentionMaps():
            return _ATTENTION_MAPS
        case recipe.AttentionRelations():
            return _attention_relations(spec.heads)


def _hint_adapter(student: torch.Size, teacher: torch.Size) -> nn.Module:
    if len(student) == 2:
        return nn.Linear(student[1], teacher[1])
    # The norm has a bias of its own.
    convolution = nn.Conv2d(student[1], teacher[1], kernel_size=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(teacher[1]))


def _projection(student: torch.Size, teacher: torch.Size) -> nn.Module:
    if student[2] == teacher[2]:
        return nn.Identity()
    return nn.Linear(student[2], teacher[2], bias=False)


def _transfer(
    student: torch.Tensor, teacher: torch.Tensor, _: nn.Module, _padding: Padding
) -> torch.Tensor:
    # The tap of a teacher that another signal reads too is not condensed.
    return attention_transfer(
        energy_map(student), energy_map(teacher) if teacher.dim() == 4 else teacher
    )


def _relations(spec: recipe.Relations) -> Comparison:
    def loss(
        student: torch.Tensor, teacher: torch.Tensor, _: nn.Module, _padding: Padding
    ) -> torch.Tensor:
        return relations(student, teacher, distance=spec.distance, angle=spec.angle)

    return Comparison(loss=loss, wanted="[N, features...]", dimensions=range(2, 8))


def _attention_relations(heads: int) -> Comparison:
    def loss(
        student: torch.Tensor, teacher: torch.Tensor, _: nn.Module, padding: Padding
    ) -> torch.Tensor:
        return attention_relations(student, teacher, heads, padding)

    def fits(student: torch.Size, teacher: torch.Size) -> bool:
        if len(teacher) == 4:
            return student[2] % heads == 0 and teacher[1:] == (heads, student[1], student[1])
        return student[1] == teacher[1] and student[2] % heads == teacher[2] % heads == 0

    return Comparison(
        loss=loss,
        wanted=f"[N, tokens, width] with the same number of tokens, and {heads} heads must divide"
        " both widths",
        dimensions=(3,),
        fits=fits,
        condense=lambda features: smaller_relations(features, heads),
        tokens=True,
    )


_HINT = Comparison(
    loss=lambda student, teacher, adapter, _: hint(student, teacher, adapter),
    wanted="both [N, C, H, W] or both [N, features]",
    dimensions=(2, 4),
    fits=lambda student, teacher: len(student) == len(teacher),
    adapter=_hint_adapter,
)
_ATTENTION_TRANSFER = Comparison(
    loss=_transfer,
    wanted="[N, C, H, W], of which [N, H, W] is kept of the teacher's",
    dimensions=(4,),
    condense=energy_map,
)
_SIMILARITY = Comparison(
    loss=lambda student, teacher, _, _padding: similarity(student, teacher),
    wanted="[N, features...]",
    dimensions=range(2, 8),
)
_HIDDEN_STATES = Comparison(
    loss=hidden_states,
    wanted="[N, tokens, width] with the same number of tokens",
    dimensions=(3,),
    fits=lambda student, teacher: student[1] == teacher[1],
    adapter=_projection,
    tokens=True,
)
_ATTENTION_MAPS = Comparison(
    loss=lambda student, teacher, _, padding: attention_maps(student, teacher, padding),
    wanted="[N, heads, queries, keys] with the same numbers of queries and keys",
    dimensions=(4,),
    fits=lambda student, teacher: student[2:] == teacher[2:],
    tokens=True,
)
