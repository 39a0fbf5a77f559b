"""Signals that compare features, position by position or sample by sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from edgekd.distill.signals.numeric import full_precision, unit_rows


def hint(
    student: torch.Tensor,
    teacher: torch.Tensor,
    adapter: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Mean of (r(s) - t)^2 over all elements, r being the adapter.

    The mean, and not the paper's half sum, so that a weight means the same for features of any
    size. Where heights or widths differ, the larger is average-pooled to the smaller.

    Args:
        student: ``[N, C, H, W]`` or ``[N, F]``.
        teacher: ``[N, C', H', W']`` or ``[N, F']``.
        adapter: brings the student's channels or features to the teacher's number of them.

    Returns:
        A scalar.

    Source: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", equation 3.
    """
    student, teacher = full_precision(student), full_precision(teacher)
    if student.dim() == 4:
        student, teacher = _same_size(student, teacher)
    return functional.mse_loss(adapter(student), teacher)


def energy_map(features: torch.Tensor) -> torch.Tensor:
    """Mean over the channels of the squared activations: ``[N, C, H, W]`` to ``[N, H, W]``."""
    return full_precision(features).square().mean(dim=1)


def attention_transfer(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean of (Q_S / ||Q_S|| - Q_T / ||Q_T||)^2 over samples and positions, Q an energy map.

    The mean over positions is that of the authors' code. Where heights or widths differ, the
    larger is average-pooled to the smaller.

    Args:
        student: energy map ``[N, H, W]``.
        teacher: energy map ``[N, H', W']``.

    Returns:
        A scalar.

    Source: Zagoruyko and Komodakis 2017, "Paying More Attention to Attention", equation 2.
    """
    student, teacher = _same_size(full_precision(student), full_precision(teacher))
    return functional.mse_loss(unit_rows(student.flatten(1)), unit_rows(teacher.flatten(1)))


def similarity(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """||G_S - G_T||_F^2 / N^2; G is Q Q^T with each row divided by its norm, Q ``[N, F]``.

    Args:
        student: ``[N, ...]``.
        teacher: ``[N, ...]``, of any other shape.

    Returns:
        A scalar.

    Source: Tung and Mori 2019, "Similarity-Preserving Knowledge Distillation".
    """
    return functional.mse_loss(_similarities(student), _similarities(teacher))


def relations(
    student: torch.Tensor, teacher: torch.Tensor, *, distance: float, angle: float
) -> torch.Tensor:
    """Weighted sum of the two relational losses, both with Huber's l of delta 1.

    Distance: mean over pairs of l(d_S / mean d_S, d_T / mean d_T).
    Angle: mean over triplets of l(cos_S, cos_T), cos being that of the angle at the second of
    three samples. Time and memory grow with N^3.

    Samples that cannot be told apart in their number format count as equal: their distance is 0,
    and so is the cosine of an angle that they span.

    Args:
        student: ``[N, ...]``.
        teacher: ``[N, ...]``, of any other shape.
        distance: weight of the distances.
        angle: weight of the angles.

    Returns:
        A scalar; 0 where there are no two (or three) samples to compare.

    Source: Park et al. 2019, "Relational Knowledge Distillation", section 3.2.
    """
    squares = _squared_distances(student), _squared_distances(teacher)
    loss = squares[0].new_zeros(())
    if distance:
        loss = loss + distance * _distance_loss(*squares)
    if angle:
        loss = loss + angle * _angle_loss(*squares)
    return loss


def _same_size(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both at the smaller of their heights and the smaller of their widths."""
    height = min(student.shape[-2], teacher.shape[-2])
    width = min(student.shape[-1], teacher.shape[-1])
    size = height, width
    return _pooled(student, size), _pooled(teacher, size)


def _pooled(features: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if features.shape[-2:] == size:
        return features
    return functional.adaptive_avg_pool2d(features, size)


def _similarities(features: torch.Tensor) -> torch.Tensor:
    rows = full_precision(features).flatten(1)
    return unit_rows(rows @ rows.T)


def _squared_distances(features: torch.Tensor) -> torch.Tensor:
    """``[N, N]``; exactly 0 where rounding is all that tells two samples apart.

    By one product of matrices, much faster than subtraction of every pair; the mean is taken
    off first, because it would cost digits.
    """
    rows = full_precision(features).flatten(1)
    rows = rows - rows.mean(dim=0)
    products = rows @ rows.T
    norms = products.diagonal()
    squares = norms[:, None] + norms - 2 * products
    noise = 16 * torch.finfo(squares.dtype).eps * squares.detach().mean()
    return squares.where(squares > noise, 0)


def _root(squares: torch.Tensor) -> torch.Tensor:
    """Square root whose gradient at 0 is 0."""
    positive = squares > 0
    return squares.where(positive, 1).sqrt().where(positive, 0)


def _distance_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    samples = len(student)
    pairs = max(samples * (samples - 1), 1)
    total = functional.huber_loss(
        _relative(_root(student), pairs), _relative(_root(teacher), pairs), reduction="sum"
    )
    return total / pairs


def _relative(distances: torch.Tensor, pairs: int) -> torch.Tensor:
    """Distances ``[N, N]`` divided by their mean over pairs; all 0 stay 0."""
    mean = distances.sum() / pairs
    return distances / mean.where(mean > 0, 1)


def _angle_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    samples = len(student)
    triplets = max(samples * (samples - 1) * (samples - 2), 1)
    losses = functional.huber_loss(_cosines(student), _cosines(teacher), reduction="none")
    # A triplet with the second sample twice has cosine 0 on both sides; the first and the third
    # may be the same too, which is no angle.
    different = 1 - torch.eye(samples, dtype=losses.dtype, device=losses.device)
    return (losses * different).sum() / triplets


def _cosines(squares: torch.Tensor) -> torch.Tensor:
    """Cosine of the angle at j between i and k, ``[j, i, k]``, by the law of cosines."""
    positive = squares > 0
    # The 2 of the law of cosines goes half to each side: one pass less over N^3 numbers.
    inverse = (2 * squares).where(positive, 1).rsqrt().where(positive, 0)
    sides = squares[:, :, None] + squares[:, None, :] - squares
    return sides * inverse[:, :, None] * inverse[:, None, :]
