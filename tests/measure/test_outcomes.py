from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import RunFailed
from edgekd.measure.outcomes import anomaly_scores, auc_pseudo_values, sample_outcomes


def area_by_pairs(scores: np.ndarray, anomalous: np.ndarray) -> float:
    """The area under the ROC curve by its meaning: an anomaly is scored above a normal sample."""
    wins = [
        1.0 if above > below else 0.5 if above == below else 0.0
        for above in scores[anomalous]
        for below in scores[~anomalous]
    ]
    return float(np.mean(wins))


@given(
    scores=st.lists(st.integers(0, 6), min_size=6, max_size=25),
    anomalies=st.integers(2, 4),
    seed=st.integers(0, 100),
)
def test_pseudo_values_are_the_jackknife(scores: list[int], anomalies: int, seed: int) -> None:
    values = np.asarray(scores, dtype=np.float64)
    anomalous = np.arange(len(values)) < anomalies
    anomalous = np.random.default_rng(seed).permutation(anomalous)
    found = auc_pseudo_values(values, anomalous)
    area, n = area_by_pairs(values, anomalous), len(values)
    assert found.mean() == pytest.approx(area)
    for i in range(n):
        without = area_by_pairs(np.delete(values, i), np.delete(anomalous, i))
        assert found[i] == pytest.approx(n * area - (n - 1) * without)


def test_a_perfect_detector_has_area_one() -> None:
    inputs = np.zeros((6, 2, 3), np.float32)
    outputs = inputs.copy()
    outputs[3:] += 1.0
    labels = np.array([0, 0, 0, 1, 1, 1])
    np.testing.assert_allclose(anomaly_scores(outputs, inputs), [0, 0, 0, 1, 1, 1])
    found = sample_outcomes("anomaly-detection", outputs, inputs, labels)
    np.testing.assert_allclose(found, 1.0)


def test_classification_counts_the_right_ones() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    found = sample_outcomes("classification", logits, logits[:0], np.array([0, 1, 1]))
    assert found.tolist() == [1.0, 1.0, 0.0]


def test_one_anomaly_is_too_few() -> None:
    with pytest.raises(RunFailed, match="two anomalies"):
        auc_pseudo_values(np.arange(5.0), np.arange(5) == 0)
