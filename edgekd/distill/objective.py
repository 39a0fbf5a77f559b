"""What a network is trained for: its labels, the teacher's signals, or both."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from edgekd.distill.losses import label_loss, reconstruction_loss
from edgekd.distill.signals import SignalSum
from edgekd.distill.taps import Seen
from edgekd.measure.outcomes import Task

TAP = "tap:"


class Batch(NamedTuple):
    """One training batch.

    Attributes:
        inputs: float32 ``[B, ...]``, or token numbers, int32 ``[B, T]``, 0 for padding.
        labels: int64 ``[B]``, -1 where there is none to be seen.
        partner_labels: int64 ``[B]``, of the samples that were mixed in; empty without mixing.
        partner_shares: float32 ``[B]``, how much of them; empty without mixing.
        teacher: what the teacher said, by name: ``logits``, and each tap under ``TAP`` and its
            path; empty without a teacher.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    partner_labels: torch.Tensor
    partner_shares: torch.Tensor
    teacher: dict[str, torch.Tensor]


class Objective(nn.Module):
    """alpha L_labels + (1 - alpha) signals; without signals, L_labels alone.

    L_labels is the cross-entropy with the labels, of mixed samples with both labels by their
    shares; for anomaly detection the mean squared error against the input. Learned adapters of the
    signals are parameters of this module and are trained along.

    Args:
        task: decides what L_labels is.
        label_smoothing: of the cross-entropy.
        alpha: weight of the labels.
        signals: what the teacher tells.
    """

    def __init__(
        self,
        task: Task,
        *,
        label_smoothing: float = 0.0,
        alpha: float = 1.0,
        signals: SignalSum | None = None,
    ) -> None:
        super().__init__()
        self._task = task
        self._label_smoothing = label_smoothing
        self._alpha = alpha
        self.signals = signals

    @property
    def student_taps(self) -> tuple[str, ...]:
        """Modules of the student that the signals look at."""
        return self.signals.student_taps if self.signals else ()

    def adapt(self, student: Seen, teacher: Seen) -> None:
        """Build the learned adapters from what one batch looks like.

        Raises:
            BadInput: features that a signal cannot compare.
        """
        if self.signals is not None:
            self.signals.adapt(student, teacher)

    def forward(self, seen: Seen, batch: Batch) -> torch.Tensor:
        """The loss of one batch, a scalar."""
        seen = replace(seen, logits=seen.logits.float())
        own = self._labels(seen.logits, batch) if self._alpha else seen.logits.new_zeros(())
        if self.signals is None:
            return own
        told = self.signals(seen, teacher_of(batch), batch.labels)
        loss: torch.Tensor = self._alpha * own + (1 - self._alpha) * told
        return loss

    def _labels(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        if self._task == "anomaly-detection":
            return reconstruction_loss(logits, batch.inputs)
        smoothing = self._label_smoothing
        if not len(batch.partner_shares):
            return label_loss(logits, batch.labels, label_smoothing=smoothing)
        return label_loss(
            logits, batch.labels, label_smoothing=smoothing, shares=1 - batch.partner_shares
        ) + label_loss(
            logits, batch.partner_labels, label_smoothing=smoothing, shares=batch.partner_shares
        )


def teacher_of(batch: Batch) -> Seen:
    """What the teacher said about a batch."""
    taps = {
        name.removeprefix(TAP): value
        for name, value in batch.teacher.items()
        if name.startswith(TAP)
    }
    return Seen(batch.teacher["logits"], taps)
