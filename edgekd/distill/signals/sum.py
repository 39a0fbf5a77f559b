"""The weighted sum of all signals of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import torch
from torch import nn

from edgekd.distill.signals.comparisons import comparison
from edgekd.distill.signals.terms import OutputSignal, OutputTerm, TapTerm
from edgekd.distill.taps import Seen
from edgekd.recipe.signals import Signal, tap_pairs


class SignalSum(nn.Module):
    """Sum of weight * signal. A signal of weight 0 is left out, with its taps.

    Its parameters are those of the adapters; ``adapt`` makes them. Whatever is said of a teacher's
    taps means what ``condense`` gives of them. Everything is computed in float32 at least, also
    under autocast, and no gradient reaches the teacher.

    Args:
        specs: the recipe's signals.
        temperature: of the signals that name none.
    """

    def __init__(self, specs: Sequence[Signal], temperature: float) -> None:
        super().__init__()
        used = [(place, spec) for place, spec in enumerate(specs) if spec.weight]
        self.weights = [spec.weight for _, spec in used]
        self.terms = nn.ModuleList(_term(place, spec, temperature) for place, spec in used)

    @property
    def student_taps(self) -> tuple[str, ...]:
        """Taps that the student must have, each once, in the recipe's order."""
        return _unique(ours for term in self._tap_terms() for ours, _ in term.pairs)

    @property
    def teacher_taps(self) -> tuple[str, ...]:
        """Taps that the teacher must have, each once, in the recipe's order."""
        return _unique(theirs for term in self._tap_terms() for _, theirs in term.pairs)

    def condense(self, tap: str, features: torch.Tensor) -> torch.Tensor:
        """What must be kept of a teacher's tap: all, or less where every signal can do with less.

        Args:
            tap: one of ``teacher_taps``.
            features: what the tap saw, ``[N, ...]``.

        Returns:
            ``[N, ...]``; of a tap that only attention transfer reads, the energy map ``[N, H, W]``;
            of one that only attention relations read, these, where they are smaller than it.

        Raises:
            BadInput: a signal does not take features of that many dimensions.
        """
        readers = [term for term in self._tap_terms() if tap in (pair[1] for pair in term.pairs)]
        for term in readers:
            term.check_teacher(tap, features)
        ways = {term.comparison.condense for term in readers}
        condense = ways.pop() if len(ways) == 1 else None
        return features if condense is None else condense(features)

    def adapt(self, student: Seen, teacher: Seen) -> None:
        """Check the shapes of one batch and make the adapters, anew at each call.

        They lie on the device of the student's features; torch's global generator seeds them.

        Raises:
            BadInput: a signal cannot compare what it is given; it is named, with both shapes.
        """
        for term in cast(Iterable[OutputTerm | TapTerm], self.terms):
            term.adapt(student, teacher)

    def forward(self, student: Seen, teacher: Seen, labels: torch.Tensor) -> torch.Tensor:
        """The weighted sum.

        Args:
            student: of a batch of N; its padding is left out where signals compare tokens.
            teacher: of the same batch, with as many tokens or with more padding behind them.
            labels: int64 ``[N]``, -1 where there is none.

        Returns:
            A scalar.
        """
        teacher = Seen(
            teacher.logits.detach(), {tap: seen.detach() for tap, seen in teacher.taps.items()}
        )
        with torch.autocast(student.logits.device.type, enabled=False):
            losses = [
                weight * term(student, teacher, labels)
                for weight, term in zip(self.weights, self.terms, strict=True)
            ]
            return torch.stack(losses).sum() if losses else student.logits.new_zeros(())

    def _tap_terms(self) -> Iterator[TapTerm]:
        return (term for term in self.terms if isinstance(term, TapTerm))


def _term(place: int, spec: Signal, temperature: float) -> OutputTerm | TapTerm:
    name = f"distill.signals[{place}] ({spec.kind})"
    if isinstance(spec, OutputSignal):
        return OutputTerm(name, spec, temperature)
    return TapTerm(name, tap_pairs(spec), comparison(spec))


def _unique(taps: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(taps))
