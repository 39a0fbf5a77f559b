from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.distill.losses import distillation_loss, label_loss

Floats = npt.NDArray[np.float64]


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def reference(
    student: Floats, teacher: Floats, labels: list[int], alpha: float, temperature: float
) -> float:
    """The definition, sample by sample, in float64."""
    total = 0.0
    log_p = log_softmax(student)
    log_p_t, log_q_t = log_softmax(student / temperature), log_softmax(teacher / temperature)
    for row, label in enumerate(labels):
        if label >= 0:
            total += alpha * -log_p[row, label]
        divergence = (np.exp(log_q_t[row]) * (log_q_t[row] - log_p_t[row])).sum()
        total += (1 - alpha) * temperature**2 * divergence
    return total / len(labels)


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    alpha=st.floats(0, 1),
    temperature=st.floats(0.5, 20),
    labels=st.lists(st.integers(-1, 3), min_size=1, max_size=6),
)
def test_against_the_definition(
    seed: int, alpha: float, temperature: float, labels: list[int]
) -> None:
    draw = np.random.default_rng(seed)
    student, teacher = draw.normal(0, 3, (2, len(labels), 4))
    loss = distillation_loss(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        torch.tensor(labels),
        alpha=alpha,
        temperature=temperature,
    )
    expected = reference(student, teacher, labels, alpha, temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_equal_logits_without_labels_cost_nothing() -> None:
    logits = torch.randn(5, 3, dtype=torch.float64)
    loss = distillation_loss(logits, logits, torch.full((5,), -1), alpha=0.3, temperature=4.0)
    assert loss.item() == pytest.approx(0, abs=1e-12)


def test_temperature_keeps_the_size_of_the_gradient() -> None:
    """Hinton et al. 2015, section 2: at high temperature the gradient does not depend on it."""
    gradients = []
    for temperature in (50.0, 100.0):
        student = torch.tensor([[0.5, -0.2, 0.1]], dtype=torch.float64, requires_grad=True)
        teacher = torch.tensor([[-0.3, 0.4, 0.2]], dtype=torch.float64)
        distillation_loss(
            student, teacher, torch.tensor([-1]), alpha=0.0, temperature=temperature
        ).backward()
        assert student.grad is not None
        gradients.append(student.grad.norm().item())
    assert gradients[0] == pytest.approx(gradients[1], rel=0.02)


def test_label_loss_is_cross_entropy_where_all_are_labelled() -> None:
    logits, labels = torch.randn(8, 4), torch.arange(8) % 4
    torch.testing.assert_close(
        label_loss(logits, labels), torch.nn.functional.cross_entropy(logits, labels)
    )


def test_no_labels_give_zero_and_no_nan() -> None:
    assert label_loss(torch.randn(3, 4), torch.full((3,), -1)).item() == 0
