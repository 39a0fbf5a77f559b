"""What each test sample says of a network: values whose mean is the task's metric.

Seeds and samples are then treated alike for every task: the interval of a metric is that of a mean.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgekd.errors import RunFailed

Task = Literal["classification", "anomaly-detection"]
Outcomes = npt.NDArray[np.float64]

METRICS: dict[Task, str] = {"classification": "top-1", "anomaly-detection": "auc"}
ANOMALY = 1


def sample_outcomes(
    task: Task, outputs: npt.NDArray[Any], inputs: npt.NDArray[Any], labels: npt.NDArray[np.int64]
) -> Outcomes:
    """Float64 ``[n]``; the mean is the metric.

    Args:
        task: classification: 1 where the largest output is the label's, else 0.
            Anomaly detection: jackknife pseudo-values of the area under the ROC curve of
            :func:`anomaly_scores`.
        outputs: ``[n, classes]`` logits, or ``[n, ...]`` reconstructions.
        inputs: ``[n, ...]`` as the network saw them; read for anomaly detection only.
        labels: int64 ``[n]``.
    """
    if task == "classification":
        return np.asarray(outputs.argmax(axis=1) == labels, dtype=np.float64)
    return auc_pseudo_values(anomaly_scores(outputs, inputs), labels == ANOMALY)


def anomaly_scores(outputs: npt.NDArray[Any], inputs: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Mean squared error of each reconstruction, float64 ``[n]``."""
    count = len(inputs)
    error = outputs.reshape(count, -1).astype(np.float64) - inputs.reshape(count, -1)
    return np.asarray(np.square(error).mean(axis=1))


def outside_auc(inside: npt.NDArray[Any], outside: npt.NDArray[Any]) -> float:
    """How well samples of no class can be told from the others: the area under the ROC curve.

    The score of a sample is 1 minus the probability of its first choice (Hendrycks and Gimpel
    2017, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples").

    Args:
        inside: logits ``[n, classes]`` of samples that belong to a class.
        outside: logits ``[m, classes]`` of samples that belong to none.
    """
    logits = np.concatenate([inside, outside]).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    # The largest probability is one over this sum; the order of the samples is all that counts.
    scores = np.exp(logits).sum(axis=1)
    return float(auc_pseudo_values(scores, np.arange(len(scores)) >= len(inside)).mean())


def auc_pseudo_values(
    scores: npt.NDArray[np.float64], anomalous: npt.NDArray[np.bool_]
) -> Outcomes:
    """Jackknife pseudo-values ``n A - (n - 1) A_without_i`` of the area A under the ROC curve.

    Their mean is A exactly, and their variance over n is DeLong's variance of A but for terms of
    order 1/n, so that A is treated as the mean of independent samples.

    Args:
        scores: float64 ``[n]``; higher is more anomalous; ties count half.
        anomalous: bool ``[n]``, at least two of each kind.

    Raises:
        RunFailed: there are fewer than two samples of a kind.

    Source: J. A. Hanley and K. O. Hajian-Tilaki, "Sampling variability of nonparametric estimates
    of the areas under receiver operating characteristic curves", Academic Radiology 4 (1997).
    """
    above, below = scores[anomalous], scores[~anomalous]
    if min(len(above), len(below)) < 2:
        raise RunFailed("the area under the ROC curve needs two anomalies and two normal samples")
    ordered_below, ordered_above = np.sort(below), np.sort(above)
    won = np.searchsorted(ordered_below, above, "left") + np.searchsorted(
        ordered_below, above, "right"
    )
    lost = np.searchsorted(ordered_above, below, "left") + np.searchsorted(
        ordered_above, below, "right"
    )
    share_of_anomaly = won / (2 * len(below))
    share_of_normal = 1 - lost / (2 * len(above))
    area = share_of_anomaly.mean()
    values = np.empty(len(scores))
    rest = len(scores) - 1
    for members, shares in ((anomalous, share_of_anomaly), (~anomalous, share_of_normal)):
        # Without sample i, the area is (m A - share_i) / (m - 1).
        values[members] = area + rest * (shares - area) / (len(shares) - 1)
    return values
