"""The terms of the weighted sum: signals as modules, with what they learn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edgekd.distill.signals.comparisons import Comparison
from edgekd.distill.signals.logits import decoupled, regression, soft_targets
from edgekd.distill.signals.numeric import full_precision
from edgekd.distill.signals.transformers import first_tokens, has_tokens
from edgekd.distill.taps import Seen
from edgekd.errors import BadInput
from edgekd.recipe.signals import Decoupled, Regression, SoftTargets

OutputSignal = SoftTargets | Decoupled | Regression


class OutputTerm(nn.Module):
    """A signal that reads nothing but what the networks answer.

    Args:
        name: of the signal, in errors.
        spec: its line of the recipe.
        temperature: where the line names none.
    """

    def __init__(self, name: str, spec: OutputSignal, temperature: float) -> None:
        super().__init__()
        self.name = name
        self.spec = spec
        self.temperature = temperature

    def adapt(self, student: Seen, teacher: Seen) -> None:
        """Check the shapes of one batch.

        Raises:
            BadInput: the outputs cannot be compared.
        """
        ours, theirs = student.logits.shape, teacher.logits.shape
        if ours != theirs or (len(ours) != 2 and not isinstance(self.spec, Regression)):
            raise BadInput(
                f"the student's output is {list(ours)}, the teacher's {list(theirs)}",
                where=self.name,
                mend="both must be of one shape, and logits must be [N, classes]",
            )

    def forward(self, student: Seen, teacher: Seen, labels: torch.Tensor) -> torch.Tensor:
        """A scalar, without the weight; ``labels`` int64 ``[N]``, -1 where there is none."""
        ours, theirs, spec = student.logits, teacher.logits, self.spec
        if isinstance(spec, Regression):
            return regression(ours, theirs)
        temperature = spec.temperature or self.temperature
        if isinstance(spec, SoftTargets):
            return soft_targets(ours, theirs, temperature=temperature, standardize=spec.standardize)
        return decoupled(
            ours,
            theirs,
            labels,
            temperature=temperature,
            target=spec.target,
            others=spec.others,
            standardize=spec.standardize,
        )


class TapTerm(nn.Module):
    """A signal that compares pairs of taps and adds their losses up.

    Args:
        name: of the signal, in errors.
        pairs: taps that are compared: student's, teacher's.
        comparison: of each pair.
    """

    def __init__(self, name: str, pairs: Sequence[tuple[str, str]], comparison: Comparison) -> None:
        super().__init__()
        self.name = name
        self.pairs = tuple(pairs)
        self.comparison = comparison
        self.adapters = nn.ModuleList()

    def adapt(self, student: Seen, teacher: Seen) -> None:
        """Check the shapes of one batch and build what is learned, beside the student's features.

        Raises:
            BadInput: features cannot be compared.
        """
        adapters = nn.ModuleList()
        samples = len(student.logits)
        for ours, theirs in self.pairs:
            features, target = self._compared(student, teacher, ours, theirs)
            if not (
                features.dim() in self.comparison.dimensions
                and len(features) == len(target) == samples
                and self._covers_padding(features, student.padding)
                and self.comparison.fits(features.shape, target.shape)
            ):
                raise BadInput(
                    f"the student's tap {ours!r} gives {list(features.shape)}, the teacher's tap"
                    f" {theirs!r} gives {list(target.shape)}",
                    where=self.name,
                    mend=f"it takes {self.comparison.wanted}; N is {samples}",
                )
            adapter = self.comparison.adapter(features.shape, target.shape)
            adapters.append(adapter.to(features.device, full_precision(features).dtype))
        self.adapters = adapters

    def check_teacher(self, tap: str, features: torch.Tensor) -> None:
        """Check the number of dimensions of a teacher's features, not condensed yet.

        Raises:
            BadInput: the signal does not take them.
        """
        if features.dim() not in self.comparison.dimensions:
            raise BadInput(
                f"the teacher's tap {tap!r} gives {list(features.shape)}",
                where=self.name,
                mend=f"it takes {self.comparison.wanted}",
            )

    def forward(self, student: Seen, teacher: Seen, labels: torch.Tensor) -> torch.Tensor:
        """A scalar, without the weight; the labels are not read."""
        losses = [
            self.comparison.loss(
                *self._compared(student, teacher, ours, theirs), adapter, student.padding
            )
            for (ours, theirs), adapter in zip(self.pairs, self.adapters, strict=True)
        ]
        return torch.stack(losses).sum()

    def _compared(
        self, student: Seen, teacher: Seen, ours: str, theirs: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of both; the teacher's without the padding that the student's batch lacks."""
        features, target = student.taps[ours], teacher.taps[theirs]
        if self.comparison.tokens and student.padding is not None:
            target = first_tokens(target, student.padding.shape[1])
        return features, target

    def _covers_padding(self, features: torch.Tensor, padding: torch.Tensor | None) -> bool:
        if padding is None or not self.comparison.tokens:
            return True
        return has_tokens(features, padding.shape[1])
