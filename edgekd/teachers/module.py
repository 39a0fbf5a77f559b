"""A teacher that is a torch module: built, shown what it wants to see, asked about its answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.networks import build_network
from edgekd.recipe import Teacher, TeacherInputs
from edgekd.teachers.classes import class_columns
from edgekd.teachers.inputs import teacher_inputs


class AdaptedTeacher(nn.Module):
    """A loaded network between what the student sees and the classes of the data.

    Args:
        network: float inputs as it wants them to logits of its own classes.
        inputs: what it wants to see.
        mean: of the data's preprocessing.
        std: likewise.
        columns: for each class of the data, the network's outputs that mean it; null: as they are.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: TeacherInputs,
        mean: Sequence[float],
        std: Sequence[float],
        columns: list[list[int]] | None,
    ) -> None:
        super().__init__()
        self.network = network
        self._inputs = inputs
        self._mean, self._std = tuple(mean), tuple(std)
        self._columns = columns

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Float32 ``[N, ...]`` as the student sees it to logits ``[N, classes of the data]``."""
        seen = teacher_inputs(inputs, self._inputs, self._mean, self._std)
        logits: torch.Tensor = self.network(seen)
        if self._columns is None:
            return logits
        if all(len(group) == 1 for group in self._columns):
            return logits[:, [group[0] for group in self._columns]]
        return torch.stack([logits[:, group].logsumexp(1) for group in self._columns], dim=1)


def build_teacher(
    spec: Teacher,
    location: str,
    class_names: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Module:
    """The module of a teacher of kind ``torch`` or ``hugging-face``.

    A Hugging Face model comes with its weights, a torch module with fresh ones.

    Args:
        spec: which one.
        location: its Python file, or its Hugging Face folder or id.
        class_names: of the data.
        mean: of the data's preprocessing.
        std: likewise.

    Raises:
        BadInput: it cannot be built, or its classes do not match.
    """
    own_classes: Sequence[str] | None
    if spec.kind == "torch":
        network = build_network(spec.architecture, Path(location))
        own_classes = None
    elif spec.head is not None:
        from edgekd.teachers.hugging_face import load_encoder

        return load_encoder(location, spec.revision, spec.head, len(class_names))
    else:
        from edgekd.teachers.hugging_face import load_module

        network = load_module(location, spec.revision)
        own_classes = network.class_names
    names = spec.classes or own_classes
    if names is None and not spec.class_map and spec.inputs == TeacherInputs():
        return network
    columns = class_columns(names, class_names, spec.class_map) if names else None
    if names is None and spec.class_map:
        raise BadInput("needs teacher.classes beside it", where="teacher.class_map")
    return AdaptedTeacher(network, spec.inputs, mean, std, columns)
