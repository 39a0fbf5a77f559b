"""Signals from inside transformers.

Where texts are padded, only real tokens count: padding changes neither a loss nor a gradient,
whatever the networks made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from edgekd.distill.signals.numeric import full_precision

# Log-probabilities are kept in float16, where anything lower would be minus infinity.
_LOWEST_KEPT = -60_000.0


def hidden_states(
    student: torch.Tensor,
    teacher: torch.Tensor,
    projection: Callable[[torch.Tensor], torch.Tensor],
    padding: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean of (H_S W - H_T)^2 over all elements of real tokens.

    Args:
        student: H_S, ``[N, tokens, width]``.
        teacher: H_T, ``[N, tokens, width']``.
        projection: the product with W; the identity where the widths are equal.
        padding: bool ``[N, tokens]``; ``None``: every token is real.

    Returns:
        A scalar; 0 where no token is real.

    Source: Jiao et al. 2020, "TinyBERT: Distilling BERT for Natural Language Understanding".
    """
    student, teacher = full_precision(student), full_precision(teacher)
    if padding is not None:
        student, teacher = student[~padding], teacher[~padding]
    return _mean((projection(student) - teacher).square())


def attention_maps(
    student: torch.Tensor, teacher: torch.Tensor, padding: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean over heads and real queries of KL(A_T || A_S) over the real keys.

    Where the numbers of heads differ, both maps are averaged over their heads first. What a
    network gave to keys that are padding is shared out among its real keys.

    Args:
        student: A_S, probabilities ``[N, heads, queries, keys]``.
        teacher: A_T, probabilities ``[N, heads', queries, keys]``.
        padding: bool ``[N, T]``, of queries and keys; ``None``: every token is real.

    Returns:
        A scalar; 0 where no token is real. A student's probability of 0 counts as the smallest
        normal number.

    Source: Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation for Task-Agnostic
    Compression of Pre-Trained Transformers", section 3.1.
    """
    student, teacher = full_precision(student), full_precision(teacher)
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(dim=1, keepdim=True), teacher.mean(dim=1, keepdim=True)
    if padding is not None:
        student, teacher = _shared_out(student, padding), _shared_out(teacher, padding)
    logs = student.clamp_min(torch.finfo(student.dtype).tiny).log()
    return _mean(functional.kl_div(logs, teacher, reduction="none").sum(dim=-1))


def attention_relations(
    student: torch.Tensor,
    teacher: torch.Tensor,
    heads: int,
    padding: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean over relation heads and real queries of KL(R_T || R_S) over the real keys.

    R = softmax(X X^T / sqrt(d)) for each relation head, X ``[tokens, d]`` being the head's share
    of queries, keys or values and d = width / heads, which may differ between the networks.

    Args:
        student: X of all heads, ``[N, tokens, width]``.
        teacher: likewise ``[N, tokens, width']``; or what ``smaller_relations`` made of it.
        heads: relation heads; they divide both widths.
        padding: bool ``[N, tokens]``; ``None``: every token is real.

    Returns:
        A scalar; 0 where no token is real.

    Source: Wang et al. 2021, "MiniLMv2: Multi-Head Self-Attention Relation Distillation for
    Compressing Pretrained Transformers", section 3.1.
    """
    ours, theirs = full_precision(student), full_precision(teacher)
    scores = _relation_scores(ours, heads, padding)
    told = theirs if theirs.dim() == 4 else _relation_scores(theirs, heads, padding)
    divergences = functional.kl_div(
        _real_log_probabilities(scores, padding),
        _real_log_probabilities(told, padding),
        log_target=True,
        reduction="none",
    )
    return _mean(divergences.sum(dim=-1))


def smaller_relations(features: torch.Tensor, heads: int) -> torch.Tensor:
    """What attention relations need of a teacher's tap, in the fewest numbers.

    Args:
        features: ``[N, tokens, width]``.
        heads: relation heads.

    Returns:
        Logarithms of R, ``[N, heads, tokens, tokens]``, where texts are shorter than a head is
        wide; else the features. Keys that are padding are still among those of R, so that nobody
        has to know of them here: the loss leaves them out.
    """
    _, tokens, width = features.shape
    if width % heads or heads * tokens >= width:
        return features
    logs = _relation_scores(full_precision(features), heads, None).log_softmax(dim=-1)
    return logs.clamp_min(_LOWEST_KEPT)


def first_tokens(features: torch.Tensor, tokens: int) -> torch.Tensor:
    """``[N, tokens, width]`` or ``[N, heads, queries, keys]`` without later tokens."""
    if features.dim() == 4:
        return features[:, :, :tokens, :tokens]
    return features[:, :tokens]


def has_tokens(features: torch.Tensor, tokens: int) -> bool:
    """Whether ``[N, tokens, width]`` or ``[N, heads, queries, keys]`` has that many."""
    sizes = features.shape[2:] if features.dim() == 4 else features.shape[1:2]
    return all(size == tokens for size in sizes)


def _mean(values: torch.Tensor) -> torch.Tensor:
    """The mean; 0 where there are none."""
    return values.sum() / max(values.numel(), 1)


def _shared_out(maps: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    """Maps ``[N, heads, T, T]`` of the real queries, ``[real, heads, T]``, 0 for padded keys."""
    real = maps.masked_fill(padding[:, None, None], 0).transpose(1, 2)[~padding]
    return real / real.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(real.dtype).tiny)


def _relation_scores(
    features: torch.Tensor, heads: int, padding: torch.Tensor | None
) -> torch.Tensor:
    """X X^T / sqrt(d), ``[N, heads, tokens, tokens]``, 0 for padding."""
    if padding is not None:
        features = features.masked_fill(padding[..., None], 0)
    samples, tokens, width = features.shape
    split = features.reshape(samples, tokens, heads, width // heads).transpose(1, 2)
    return split @ split.transpose(-1, -2) / math.sqrt(width // heads)


def _real_log_probabilities(scores: torch.Tensor, padding: torch.Tensor | None) -> torch.Tensor:
    """Log-softmax over the real keys, of the real queries: ``[..., heads, keys]``."""
    scores = scores.transpose(1, 2)
    if padding is not None:
        # Not minus infinity: 0 times the difference of two of them would not be 0.
        lowest = torch.finfo(scores.dtype).min
        scores = scores.masked_fill(padding[:, None, None], lowest)[~padding]
    return scores.log_softmax(dim=-1)
