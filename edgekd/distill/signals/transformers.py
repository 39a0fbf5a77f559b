"""Signals from inside transformers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from edgekd.distill.signals.numeric import full_precision


def hidden_states(
    student: torch.Tensor,
    teacher: torch.Tensor,
    projection: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Mean of (H_S W - H_T)^2 over all elements.

    Args:
        student: H_S, ``[N, tokens, width]``.
        teacher: H_T, ``[N, tokens, width']``.
        projection: the product with W; the identity where the widths are equal.

    Returns:
        A scalar.

    Source: Jiao et al. 2020, "TinyBERT: Distilling BERT for Natural Language Understanding".
    """
    return functional.mse_loss(projection(full_precision(student)), full_precision(teacher))


def attention_maps(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean over samples, heads and queries of KL(A_T || A_S) over the keys.

    Where the numbers of heads differ, both maps are averaged over their heads first.

    Args:
        student: A_S, probabilities ``[N, heads, queries, keys]``.
        teacher: A_T, probabilities ``[N, heads', queries, keys]``.

    Returns:
        A scalar. A student's probability of 0 counts as the smallest normal number.

    Source: Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation for Task-Agnostic
    Compression of Pre-Trained Transformers", section 3.1.
    """
    student, teacher = full_precision(student), full_precision(teacher)
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(dim=1), teacher.mean(dim=1)
    logs = student.clamp_min(torch.finfo(student.dtype).tiny).log()
    divergences = functional.kl_div(logs, teacher, reduction="none").sum(dim=-1)
    return divergences.mean()
