"""Losses of the labels, and the classic sum of labels and soft targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def distillation_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    *,
    alpha: float,
    temperature: float,
) -> torch.Tensor:
    """Mean over the batch of alpha CE(y, p) + (1 - alpha) tau^2 KL(p_T^tau || p_S^tau).

    A sample without a label takes the second term alone, with the same weight, so that labels
    never change what the teacher's answer is worth.

    Args:
        student: float logits ``[N, C]``.
        teacher: float logits ``[N, C]``.
        labels: int64 ``[N]``, -1 where there is none.
        alpha: weight of the labels, 0 to 1.
        temperature: tau; the factor tau^2 keeps the gradient's size as tau grows.

    Returns:
        A scalar.

    Source: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network".
    """
    from torch.nn import functional

    divergence = functional.kl_div(
        functional.log_softmax(student / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        log_target=True,
        reduction="batchmean",
    )
    return alpha * label_loss(student, labels) + (1 - alpha) * temperature**2 * divergence


def label_loss(
    student: torch.Tensor,
    labels: torch.Tensor,
    *,
    label_smoothing: float = 0.0,
    shares: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy summed over the labelled samples, divided by the size of the whole batch.

    Args:
        student: float logits ``[N, C]``.
        labels: int64 ``[N]``, -1 where there is none.
        label_smoothing: share of the target spread over all classes.
        shares: float ``[N]``, weight of each sample; 1 by default.

    Returns:
        A scalar; 0 where no sample has a label.
    """
    from torch.nn import functional

    reduction = "sum" if shares is None else "none"
    entropy = functional.cross_entropy(
        student, labels, ignore_index=-1, reduction=reduction, label_smoothing=label_smoothing
    )
    total = entropy if shares is None else (entropy * shares).sum()
    return total / len(labels)


def reconstruction_loss(outputs: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Mean squared error of outputs ``[N, ...]`` that should equal the inputs; a scalar."""
    from torch.nn import functional

    return functional.mse_loss(outputs, inputs)
