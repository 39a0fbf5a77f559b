"""How far a student's residual stream is from its teacher's where the same layer comes next.

A student that kept some of its teacher's layers has the teacher's stream to match: what its layer
gives goes into the next kept one, which in the teacher reads what the layer before it gave. So each
layer learns to do the work of those behind it that were left out. Source: Jiao et al. 2020,
"TinyBERT" (hidden states by a map of layers); the map is that of the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, cast

import torch
from torch import nn

from edgekd.distill.taps import watched

Streams: TypeAlias = Callable[[], list[torch.Tensor]]

# Of the mean square: a stream of zeros stays one.
_EPSILON = 1e-6


@dataclass(frozen=True)
class HiddenStates:
    """What is compared.

    Attributes:
        weight: of the distance.
        student: numbers of the student's layers.
        teacher: as many of the teacher's.
    """

    weight: float
    student: tuple[int, ...]
    teacher: tuple[int, ...]


def matching_layers(kept: Sequence[int], teacher_layers: int) -> list[int]:
    """The teacher's layer whose output each layer of the student must give.

    Args:
        kept: the teacher's layers that the student has, in order.
        teacher_layers: how many the teacher has.
    """
    return [*(following - 1 for _, following in pairwise(kept)), teacher_layers - 1]


@contextmanager
def watched_layers(model: nn.Module, numbers: Sequence[int]) -> Iterator[Streams]:
    """What layers of a language model give while the context lives.

    Args:
        model: with decoder layers in ``layers``, each of which runs once.
        numbers: of the layers.

    Yields:
        Tells the streams, float ``[B, T, width]`` for each number, once the model ran.
    """
    with watched(model, [f"layers.{number}" for number in numbers]) as outputs:
        yield lambda: [cast(torch.Tensor, kept[-1]) for kept in outputs.values()]


def hidden_distance(
    student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Mean squared difference of streams at each token, averaged over layers.

    Each is divided by its root mean square first, as the norm of the layer that reads it does: else
    a few channels, hundreds of times larger than the others, would be all that counts.

    Args:
        student: float ``[B, T, width]`` of each layer.
        teacher: likewise; no gradient flows into it.

    Returns:
        float32 ``[B, T]``, 0 where they point the same way, 4 where opposite.
    """
    distances = [
        (_normalized(own) - _normalized(told.detach())).pow(2).mean(-1)
        for own, told in zip(student, teacher, strict=True)
    ]
    return torch.stack(distances).mean(0)


def _normalized(stream: torch.Tensor) -> torch.Tensor:
    wide = stream.float()
    return wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + _EPSILON)
