"""Probabilities become logits, and neither kind passes for the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekd.errors import BadInput
from edgekd.teachers.probabilities import FLOOR, check_probabilities, to_logits

Rows = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
ROWS = arrays.arrays(np.float32, (4, 5), elements=st.floats(-8, 8, width=32))


def softmax(logits: Rows) -> Rows:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


@given(ROWS)
def test_there_and_back(logits: Rows) -> None:
    shares = softmax(logits)
    np.testing.assert_allclose(softmax(to_logits(shares, "probabilities")), shares, atol=1e-5)


@given(ROWS)
def test_a_softmax_is_not_taken_for_logits(logits: Rows) -> None:
    with pytest.raises(BadInput, match=r"set teacher\.outputs: probabilities"):
        to_logits(softmax(logits), "logits")


def test_logits_pass() -> None:
    logits = np.array([[0.2, 0.8], [0.1, 1.9]], dtype=np.float32)
    assert to_logits(logits, "logits") is logits
    # One row alone may look like a distribution.
    assert to_logits(np.zeros((3, 2), np.float32), "logits").shape == (3, 2)


def test_the_floor() -> None:
    shares = np.array([[1.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(to_logits(shares, "probabilities"), [[0, np.log(FLOOR)]], rtol=1e-6)


def test_quantized_probabilities() -> None:
    """Rounded to 1/256, the ten shares of a flat distribution sum to 260/256."""
    step = 1 / 256
    shares = np.full((3, 10), 26 * step, dtype=np.float32)
    with pytest.raises(BadInput, match="not logits"):
        to_logits(shares, "logits", step=step)
    assert to_logits(shares, "logits") is shares
    shares = np.array([[1 - step, 0]], dtype=np.float32)
    logits = to_logits(shares, "probabilities", step=step)
    np.testing.assert_allclose(logits, np.log([[1 - step, step / 4]]), rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ([1.5, -0.5], "a value lies outside 0 to 1"),
        ([0.9, 0.9], "their sum is above 1"),
        ([0.2, 0.3], "their sum is below 1"),
        ([-3.0, 4.0], "a value lies outside 0 to 1"),
    ],
)
def test_what_are_no_probabilities(row: list[float], what: str) -> None:
    rows = np.array([[0.5, 0.5], row], dtype=np.float32)
    with pytest.raises(BadInput, match=f"row 1 does not hold probabilities: {what}"):
        to_logits(rows, "probabilities")


def test_the_first_of_many_classes_may_leave_mass() -> None:
    rows = np.array([[0.2, 0.1], [0.9, 0.1]], dtype=np.float32)
    check_probabilities(rows, "file", above=1e-3)
    with pytest.raises(BadInput, match=r"file: row 0 .*sum is below 1"):
        check_probabilities(np.zeros((1, 2), np.float32), "file", above=1e-3)
