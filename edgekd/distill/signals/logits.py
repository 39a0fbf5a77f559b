"""Signals that read nothing but logits."""

from __future__ import annotations

import torch
from torch.nn import functional

from edgekd.distill.signals.numeric import full_precision

# Keeps the gradient finite where all logits of a sample are equal, as those of a zeroed head.
_SMALLEST_DEVIATION = 1e-3


def soft_targets(
    student: torch.Tensor,
    teacher: torch.Tensor,
    *,
    temperature: float,
    standardize: bool = False,
) -> torch.Tensor:
    """Mean over the batch of tau^2 KL(p_T^tau || p_S^tau), with p^tau = softmax(z / tau).

    Args:
        student: logits ``[N, C]``.
        teacher: logits ``[N, C]``.
        temperature: tau.
        standardize: both logits go through ``standardized`` first.

    Returns:
        A scalar.

    Source: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network".
    """
    student, teacher = _tempered(student, teacher, temperature, standardize)
    return temperature**2 * _divergence(
        functional.log_softmax(student, dim=1), functional.log_softmax(teacher, dim=1)
    )


def regression(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean of (z_S - z_T)^2 over all elements.

    Args:
        student: outputs ``[N, ...]``.
        teacher: outputs of the same shape.

    Returns:
        A scalar.

    Source: Ba and Caruana 2014, "Do Deep Nets Really Need to be Deep?", without its factor 1/2.
    """
    return functional.mse_loss(full_precision(student), full_precision(teacher))


def decoupled(
    student: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    *,
    temperature: float,
    target: float,
    others: float,
    standardize: bool = False,
) -> torch.Tensor:
    """Mean over the batch of tau^2 (alpha TCKD + beta NCKD).

    TCKD = KL(b_T || b_S), b = (p_t, 1 - p_t) being the target class against all others;
    NCKD = KL(q_T || q_S), q being the softmax over the other classes alone.

    Args:
        student: logits ``[N, C]``, C at least 2.
        teacher: logits ``[N, C]``.
        labels: int64 ``[N]``, the target class; -1: the teacher's first choice.
        temperature: tau.
        target: alpha.
        others: beta.
        standardize: both logits go through ``standardized`` first.

    Returns:
        A scalar.

    Source: Zhao et al. 2022, "Decoupled Knowledge Distillation", equation 7.
    """
    student, teacher = _tempered(student, teacher, temperature, standardize)
    labels = torch.where(labels < 0, teacher.argmax(dim=1), labels)
    student_binary, student_others = _split(student, labels)
    teacher_binary, teacher_others = _split(teacher, labels)
    return temperature**2 * (
        target * _divergence(student_binary, teacher_binary)
        + others * _divergence(student_others, teacher_others)
    )


def standardized(logits: torch.Tensor) -> torch.Tensor:
    """(z - mean) / deviation over the classes of each sample.

    The deviation is that of the whole population (divided by C, as in the paper's definition). One
    below 1e-3 counts as 1e-3.

    Args:
        logits: ``[N, C]``.

    Returns:
        ``[N, C]``.

    Source: Sun et al. 2024, "Logit Standardization in Knowledge Distillation".
    """
    centered = logits - logits.mean(dim=1, keepdim=True)
    variance = centered.square().mean(dim=1, keepdim=True)
    return centered * variance.clamp_min(_SMALLEST_DEVIATION**2).rsqrt()


def _tempered(
    student: torch.Tensor, teacher: torch.Tensor, temperature: float, standardize: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    student, teacher = full_precision(student), full_precision(teacher)
    if standardize:
        student, teacher = standardized(student), standardized(teacher)
    return student / temperature, teacher / temperature


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of KL(teacher || student) of log-probabilities ``[N, C]``."""
    return functional.kl_div(student, teacher, log_target=True, reduction="batchmean")


def _split(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of target against rest ``[N, 2]``, and of the others ``[N, C - 1]``."""
    columns = torch.arange(logits.shape[1] - 1, device=logits.device)
    rest = logits.gather(1, columns + (columns >= labels[:, None]))
    # p_t / (1 - p_t) is e to this, so that neither side is ever rounded to 0.
    odds = logits.gather(1, labels[:, None]) - rest.logsumexp(dim=1, keepdim=True)
    binary = functional.logsigmoid(torch.cat([odds, -odds], dim=1))
    return binary, functional.log_softmax(rest, dim=1)
