from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.distill.losses import distillation_loss
from edgekd.distill.signals.logits import decoupled, regression, soft_targets, standardized

Floats = npt.NDArray[np.float64]
CLASSES = 5


def softmax(row: Floats) -> Floats:
    powers = np.exp(row - row.max())
    return np.asarray(powers / powers.sum())


def divergence(teacher: Floats, student: Floats) -> float:
    return float((teacher * np.log(teacher / student)).sum())


def z_score(row: Floats) -> Floats:
    centered = row - row.sum() / len(row)
    return np.asarray(centered / np.sqrt((centered**2).sum() / len(row)))


def reference_decoupled(
    student: Floats,
    teacher: Floats,
    labels: list[int],
    temperature: float,
    alpha: float,
    beta: float,
) -> float:
    """The definition with plain probabilities, sample by sample."""
    total = 0.0
    for own, told, label in zip(student, teacher, labels, strict=True):
        target = label if label >= 0 else int(told.argmax())
        p, q = softmax(own / temperature), softmax(told / temperature)
        rest = [place for place in range(len(p)) if place != target]
        pair_p = np.array([p[target], p[rest].sum()])
        pair_q = np.array([q[target], q[rest].sum()])
        total += alpha * divergence(pair_q, pair_p)
        total += beta * divergence(q[rest] / q[rest].sum(), p[rest] / p[rest].sum())
    return temperature**2 * total / len(labels)


def draws(seed: int, samples: int, scale: float = 3.0) -> tuple[Floats, Floats]:
    student, teacher = np.random.default_rng(seed).normal(0, scale, (2, samples, CLASSES))
    return student, teacher


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    samples=st.integers(1, 6),
    temperature=st.floats(0.5, 20),
    standardize=st.booleans(),
)
def test_soft_targets_against_the_definition(
    seed: int, samples: int, temperature: float, standardize: bool
) -> None:
    student, teacher = draws(seed, samples)
    loss = soft_targets(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        temperature=temperature,
        standardize=standardize,
    )
    expected = 0.0
    for own, told in zip(student, teacher, strict=True):
        if standardize:
            own, told = z_score(own), z_score(told)
        expected += divergence(softmax(told / temperature), softmax(own / temperature))
    assert loss.item() == pytest.approx(temperature**2 * expected / samples, rel=1e-8, abs=1e-10)


def test_soft_targets_are_the_second_term_of_the_classic_loss() -> None:
    student, teacher = torch.randn(2, 7, CLASSES)
    classic = distillation_loss(student, teacher, torch.full((7,), -1), alpha=0.0, temperature=4.0)
    torch.testing.assert_close(soft_targets(student, teacher, temperature=4.0), classic)


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    labels=st.lists(st.integers(-1, CLASSES - 1), min_size=1, max_size=6),
    temperature=st.floats(1, 20),
    alpha=st.floats(0, 4),
    beta=st.floats(0, 8),
)
def test_decoupled_against_the_definition(
    seed: int, labels: list[int], temperature: float, alpha: float, beta: float
) -> None:
    student, teacher = draws(seed, len(labels))
    loss = decoupled(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        torch.tensor(labels),
        temperature=temperature,
        target=alpha,
        others=beta,
    )
    expected = reference_decoupled(student, teacher, labels, temperature, alpha, beta)
    assert loss.item() == pytest.approx(expected, rel=1e-8, abs=1e-10)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_the_parts_of_the_decoupled_loss_make_the_whole(seed: int) -> None:
    """Zhao et al. 2022, equation 5: KD = TCKD + (1 - p_t of the teacher) NCKD."""
    student, teacher = (torch.from_numpy(values) for values in draws(seed, 1))
    label = torch.tensor([2])
    rest = 1 - teacher.softmax(dim=1)[0, 2].item()
    whole = decoupled(student, teacher, label, temperature=1.0, target=1.0, others=rest)
    expected = soft_targets(student, teacher, temperature=1.0)
    assert whole.item() == pytest.approx(expected.item(), rel=1e-8, abs=1e-10)


def test_the_decoupled_loss_of_two_classes_has_no_others() -> None:
    student, teacher = torch.randn(2, 6, 2, dtype=torch.float64)
    labels = torch.tensor([0, 1, -1, 0, 1, -1])
    loss = decoupled(student, teacher, labels, temperature=2.0, target=1.0, others=8.0)
    torch.testing.assert_close(loss, soft_targets(student, teacher, temperature=2.0))


@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), scale=st.floats(0.1, 50))
@settings(deadline=None)
def test_standardized_logits_know_no_shift_and_no_scale(
    seed: int, shift: float, scale: float
) -> None:
    logits = torch.from_numpy(draws(seed, 4, scale=1.0)[0])
    torch.testing.assert_close(
        standardized(scale * logits + shift), standardized(logits), rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(
        standardized(logits).mean(dim=1), torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-9
    )
    torch.testing.assert_close(
        standardized(logits).std(dim=1, correction=0), torch.ones(4, dtype=torch.float64)
    )


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extreme_logits_give_finite_losses_and_gradients(
    dtype: torch.dtype, standardize: bool
) -> None:
    teacher = torch.tensor([[3e4, -3e4, 0.0], [0.0, 0.0, 0.0]], dtype=dtype)
    student = torch.tensor([[-3e4, 3e4, 0.0], [0.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    labels = torch.tensor([-1, 1])
    told = soft_targets(student, teacher, temperature=1.0, standardize=standardize)
    parts = decoupled(
        student, teacher, labels, temperature=1.0, target=1.0, others=8.0, standardize=standardize
    )
    (told + parts).backward()
    assert told.dtype == parts.dtype == torch.float32
    assert told.isfinite()
    assert parts.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() < 5e3


def test_equal_logits_cost_nothing() -> None:
    logits = torch.randn(4, CLASSES, dtype=torch.float64)
    labels = torch.tensor([0, -1, 2, 3])
    assert soft_targets(logits, logits, temperature=4.0).item() == pytest.approx(0, abs=1e-12)
    same = decoupled(logits, logits, labels, temperature=4.0, target=1.0, others=8.0)
    assert same.item() == pytest.approx(0, abs=1e-12)
    assert regression(logits, logits).item() == 0


def test_regression_is_the_mean_square_of_the_difference() -> None:
    student, teacher = np.random.default_rng(0).normal(size=(2, 3, 4, 2))
    loss = regression(torch.from_numpy(student), torch.from_numpy(teacher))
    assert loss.item() == pytest.approx(((student - teacher) ** 2).sum() / 24, rel=1e-12)
