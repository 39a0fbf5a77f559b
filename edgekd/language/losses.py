"""How far a student is from its teacher at each token.

Every divergence compares two rows of log-probabilities; so it works alike on the whole vocabulary
(:func:`whole_buckets`) and on what a cache keeps of it (:func:`kept_divergence`): the teacher's
most likely tokens one by one, and all the others as one bucket. Lumping never makes a divergence
larger (the data-processing inequality); what the forward one loses by it is the divergence inside
of that bucket times its mass (the chain rule), which samples estimate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from edgekd.language.answers import KeptLogits

Divergence = Literal["forward-kl", "reverse-kl", "jsd"]

# The least mass of the last bucket: what is left of 1 in float32 is no more exact than this.
_LEAST_TAIL = 1e-6


class Buckets(NamedTuple):
    """Log-probabilities of the same things, float ``[..., C]`` each, summing to 1."""

    teacher: torch.Tensor
    student: torch.Tensor


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of each token, in nats.

    Args:
        logits: float ``[..., V]``.
        targets: int64 ``[...]``.

    Returns:
        float ``[...]``.
    """
    flat = functional.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
    return flat.view(targets.shape)


def divergence(
    kind: Divergence, buckets: Buckets, *, beta: float = 0.5, temperature: float = 1.0
) -> torch.Tensor:
    """How far the student is from the teacher, in nats, times the squared temperature.

    - ``forward-kl``: KL(teacher || student) (Hinton et al. 2015): covers all that the teacher says.
    - ``reverse-kl``: KL(student || teacher) (Gu et al. 2024): stays where the teacher is sure.
    - ``jsd``: the generalised Jensen-Shannon divergence of Agarwal et al. 2024 (GKD):
      ``beta KL(teacher || m) + (1 - beta) KL(student || m)`` with
      ``m = beta teacher + (1 - beta) student``.

    Args:
        kind: which one.
        buckets: at ``temperature``.
        beta: of ``jsd``, between 0 and 1, both excluded.
        temperature: its square keeps the size of the gradient as it grows.

    Returns:
        float ``[...]``.
    """
    teacher, student = buckets
    if kind == "forward-kl":
        distance = _kl(teacher, student)
    elif kind == "reverse-kl":
        distance = _kl(student, teacher)
    else:
        weighted = torch.stack((teacher + math.log(beta), student + math.log1p(-beta)))
        middle = weighted.logsumexp(0)
        distance = beta * _kl(teacher, middle) + (1 - beta) * _kl(student, middle)
    return distance * temperature**2


def whole_buckets(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> Buckets:
    """Log-probabilities of every token.

    Args:
        student: float logits ``[..., V]``.
        teacher: likewise; no gradient flows into it.
        temperature: both are divided by it.
    """
    return Buckets(
        (teacher.detach().float() / temperature).log_softmax(-1),
        (student.float() / temperature).log_softmax(-1),
    )


def kept_divergence(
    kind: Divergence,
    student: torch.Tensor,
    kept: KeptLogits,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
) -> torch.Tensor:
    """:func:`divergence` from what a cache knows of the teacher.

    The teacher's most likely tokens count one by one, and all others as one bucket; with samples
    of those, the forward divergence inside of the bucket is added, times its mass. Both together
    are that over the whole vocabulary, but for the chance of the samples: the mean over draws is
    right, a single one may be below 0.

    Args:
        kind: which one; with samples ``forward-kl``.
        student: float logits ``[..., V]``.
        kept: at the temperature; whatever was taken from its values was taken from its log-sum too.
        beta: of ``jsd``.
        temperature: as of :func:`divergence`.

    Returns:
        float ``[...]``.
    """
    told = kept.values.float() - kept.log_sum.float().unsqueeze(-1)
    # Once for both: it is as large as all logits.
    logs = (student.float() / temperature).log_softmax(-1)
    own = logs.gather(-1, kept.indices)
    if kept.indices.shape[-1] == student.shape[-1]:
        buckets = Buckets(told.log_softmax(-1), own)
        return divergence(kind, buckets, beta=beta, temperature=temperature)
    told_rest, own_rest = _log_rest(told), _log_rest(own)
    # Rounding to float16 may bring the kept ones above 1 together.
    lumped = torch.cat((told, told_rest), dim=-1).log_softmax(-1)
    buckets = Buckets(lumped, torch.cat((own, own_rest), dim=-1))
    cost = divergence(kind, buckets, beta=beta, temperature=temperature)
    if kept.sampled is None or kept.sampled_values is None:
        return cost
    drawn = kept.sampled_values.float() - kept.log_sum.float().unsqueeze(-1) - told_rest
    inside = (drawn - (logs.gather(-1, kept.sampled) - own_rest)).mean(-1)
    return cost + told_rest.squeeze(-1).exp() * inside * temperature**2


def _kl(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """KL divergence of rows of log-probabilities."""
    return (first.exp() * (first - second)).sum(-1)


def _log_rest(logs: torch.Tensor) -> torch.Tensor:
    """Log of what is left of 1, ``[..., 1]``."""
    return (1 - logs.exp().sum(-1, keepdim=True)).clamp(min=_LEAST_TAIL).log()
