"""The change of an accuracy, or of another share of test samples, between two reports.

Its variance has two parts.

Samples: another test set of the same size would have given other accuracies. Where both sides
answered the same samples and each answer is known, or a bound of how many can differ, the samples
are paired; else they are taken as independent, which is safe and much wider.

Training: the same recipe with another seed gives another network. Where both sides measured the
same weights there is no such part. Else it is the spread of the seeds of both sides, and where
neither has two seeds, the largest spread seen in edgekd's own recipes (:data:`TRAINING_SPREAD`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekd.measure.comparison import Change, Part

Outcomes = npt.NDArray[np.float64]

# Standard deviation of one training, as a share of sqrt(p (1 - p)) at an accuracy of p: the largest
# of 56 rungs of three seeds each on digits, MNIST, spoken digits and anomalies (pruned digits:
# 3.4 points at 91 %). Half of them are below 0.032.
TRAINING_SPREAD = 0.12


@dataclass(frozen=True)
class Share:
    """A share of ``n`` test samples: an accuracy (mean over seeds) or an agreement.

    Attributes:
        value: 0 to 1.
        n: samples.
        per_seed: of each training of the rung, from which their spread is taken.
        trainings: over which ``value`` is a mean.
        variance: of ``value`` by its samples; null where it is that of a count of right answers.
    """

    value: float
    n: int
    per_seed: Sequence[float]
    trainings: int = 1
    variance: float | None = None


def share_change(
    before: Share, after: Share, *, same_weights: bool, differing: float | None = None
) -> Change:
    """The change of a share.

    Args:
        before: the baseline's.
        after: the candidate's.
        same_weights: both are of the same weights: no training lies between them.
        differing: where both are of the same samples: at most this share of them (0 to 1) went
            from right to wrong or back; null: unknown, the samples are taken as independent.
    """
    alone = _own_variance(before) + _own_variance(after)
    samples, covers = Part(alone), "samples"
    if differing is not None and before.n == after.n:
        estimate = abs(after.value - before.value)
        bounded = _paired_variance(max(differing, estimate) * before.n, estimate, before.n)
        if bounded < alone:
            samples, covers = Part(bounded), "samples, paired"
    return _with_training(before, after, samples, covers, same_weights)


def paired_change(
    before: Share, after: Share, outcomes: tuple[Outcomes, Outcomes], *, same_weights: bool
) -> Change:
    """The change of an accuracy where each answer of both sides is known.

    Args:
        before: the baseline's.
        after: the candidate's.
        outcomes: of both, ``[seeds, n]`` (the number of seeds may differ), the same samples in
            the same order; values whose mean is the accuracy.
        same_weights: as for :func:`share_change`.
    """
    moved = outcomes[1].mean(axis=0) - outcomes[0].mean(axis=0)
    variance = _paired_variance(float(np.square(moved).sum()), float(moved.mean()), moved.size)
    return _with_training(before, after, Part(variance), "samples, paired", same_weights)


def _own_variance(share: Share) -> float:
    """By Agresti and Caffo: one success and one failure are added.

    Source: A. Agresti and B. Caffo, The American Statistician 54 (2000).
    """
    if share.variance is not None:
        return share.variance
    adjusted = (share.value * share.n + 1) / (share.n + 2)
    return adjusted * (1 - adjusted) / (share.n + 2)


def _paired_variance(squares: float, mean: float, n: int) -> float:
    """By Agresti and Min: half a sample is added to each cell of the 2 x 2 table of answers.

    Source: A. Agresti and Y. Min, Statistics in Medicine 24 (2005).
    """
    return ((squares + 1) / (n + 2) - (mean * n / (n + 2)) ** 2) / (n + 2)


def _with_training(
    before: Share, after: Share, samples: Part, covers: str, same_weights: bool
) -> Change:
    estimate = after.value - before.value
    if same_weights:
        return Change(estimate, (samples,), f"{covers}; the weights are the same")
    trainings = 1 / before.trainings + 1 / after.trainings
    freedom = len(before.per_seed) + len(after.per_seed) - 2
    if freedom > 0:
        squares = sum(
            float(np.var(share.per_seed)) * len(share.per_seed) for share in (before, after)
        )
        training = Part(squares / freedom * trainings, freedom)
        return Change(estimate, (samples, training), f"{covers}, and seeds")
    centre = (before.value + after.value) / 2
    assumed = Part(TRAINING_SPREAD**2 * centre * (1 - centre) * trainings)
    return Change(
        estimate, (samples, assumed), f"{covers}; seeds by the largest spread of other recipes"
    )
