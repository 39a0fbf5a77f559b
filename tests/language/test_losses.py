from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.language.answers import KeptLogits
from edgekd.language.losses import (
    Divergence,
    cross_entropy,
    divergence,
    kept_divergence,
    whole_buckets,
)

Floats = npt.NDArray[np.float64]

KINDS = st.sampled_from(["forward-kl", "reverse-kl", "jsd"])
TEMPERATURES = st.floats(0.5, 5)


def probabilities(logits: Floats, temperature: float) -> Floats:
    raised = np.exp((logits - logits.max()) / temperature)
    return raised / raised.sum()


def kl(first: Floats, second: Floats) -> float:
    return sum(p * np.log(p / q) for p, q in zip(first, second, strict=True) if p > 0)


def reference(kind: str, teacher: Floats, student: Floats, beta: float, scale: float) -> float:
    """The definitions, on probabilities of one token."""
    if kind == "forward-kl":
        return kl(teacher, student) * scale
    if kind == "reverse-kl":
        return kl(student, teacher) * scale
    middle = beta * teacher + (1 - beta) * student
    return (beta * kl(teacher, middle) + (1 - beta) * kl(student, middle)) * scale


def lumped(values: Floats, indices: npt.NDArray[np.int64]) -> Floats:
    return np.append(values[indices], 1 - values[indices].sum())


def draw(seed: int, vocabulary: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 2, (2, 3, vocabulary))


def kept(teacher: Floats, k: int, temperature: float) -> KeptLogits:
    """What a cache holds, here without rounding."""
    scaled = torch.from_numpy(teacher) / temperature
    values, indices = scaled.topk(k, dim=-1)
    top = values[..., :1]
    return KeptLogits(values - top, indices, scaled.logsumexp(-1) - top[..., 0])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 999), kind=KINDS, beta=st.floats(0.05, 0.95), temperature=TEMPERATURES)
def test_whole_divergences_against_their_definitions(
    seed: int, kind: Divergence, beta: float, temperature: float
) -> None:
    teacher, student = draw(seed, 7)
    buckets = whole_buckets(torch.from_numpy(student), torch.from_numpy(teacher), temperature)
    got = divergence(kind, buckets, beta=beta, temperature=temperature)
    for row in range(3):
        p, q = (probabilities(logits[row], temperature) for logits in (teacher, student))
        expected = reference(kind, p, q, beta, temperature**2)
        assert got[row].item() == pytest.approx(expected, rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999),
    kind=KINDS,
    beta=st.floats(0.05, 0.95),
    temperature=TEMPERATURES,
    k=st.integers(1, 8),
)
def test_lumped_divergences_against_their_definitions(
    seed: int, kind: Divergence, beta: float, temperature: float, k: int
) -> None:
    teacher, student = draw(seed, 9)
    top = kept(teacher, k, temperature)
    got = kept_divergence(kind, torch.from_numpy(student), top, beta=beta, temperature=temperature)
    whole = whole_buckets(torch.from_numpy(student), torch.from_numpy(teacher), temperature)
    most = divergence(kind, whole, beta=beta, temperature=temperature)
    for row in range(3):
        p, q = (probabilities(logits[row], temperature) for logits in (teacher, student))
        indices = top[1][row].numpy()
        expected = reference(kind, lumped(p, indices), lumped(q, indices), beta, temperature**2)
        assert got[row].item() == pytest.approx(expected, rel=2e-3, abs=2e-4)
    assert (got <= most + 1e-4).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), temperature=TEMPERATURES, k=st.integers(1, 7))
def test_bucket_and_samples_are_the_whole_divergence_in_the_mean(
    seed: int, temperature: float, k: int
) -> None:
    teacher, student = (torch.from_numpy(logits) for logits in draw(seed, 9))
    values, indices, log_sum, *_ = kept(teacher.numpy(), k, temperature)
    tail = (teacher / temperature).softmax(-1).scatter(-1, indices, 0.0).double()
    # Every token as often as in 100,000 draws, so that the mean is all but exact.
    counts = (tail / tail.sum(-1, keepdim=True) * 100_000).round().long()
    for row in range(len(teacher)):
        sampled = torch.arange(9).repeat_interleave(counts[row])
        drawn = (teacher[row] / temperature)[sampled] - (teacher[row] / temperature).max()
        found = KeptLogits(values[row], indices[row], log_sum[row], sampled, drawn)
        both = kept_divergence("forward-kl", student[row], found, temperature=temperature)
        whole = whole_buckets(student[row], teacher[row], temperature)
        expected = divergence("forward-kl", whole, temperature=temperature)
        torch.testing.assert_close(both, expected, rtol=2e-3, atol=2e-3 * temperature**2)


def test_a_teacher_that_is_certain_makes_nothing_of_its_samples() -> None:
    student = torch.tensor([[60.0, -60.0, 0.0, 0.0]], requires_grad=True)
    tail = KeptLogits(
        torch.tensor([[0.0, -40.0]]),
        torch.tensor([[0, 1]]),
        torch.tensor([0.0]),
        torch.tensor([[3, 3]]),
        torch.tensor([[-80.0, -80.0]]),
    )
    loss = kept_divergence("forward-kl", student, tail).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert abs(loss) < 1e-3
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("kind", ["forward-kl", "reverse-kl", "jsd"])
def test_the_whole_vocabulary_kept_is_the_whole_divergence(kind: Divergence) -> None:
    teacher, student = draw(3, 9)
    found = kept_divergence(kind, torch.from_numpy(student), kept(teacher, 9, 2.0), temperature=2.0)
    whole = whole_buckets(torch.from_numpy(student), torch.from_numpy(teacher), 2.0)
    torch.testing.assert_close(found, divergence(kind, whole, temperature=2.0))


@pytest.mark.parametrize("kind", ["forward-kl", "reverse-kl", "jsd"])
def test_a_certain_teacher_rounded_to_float16_gives_finite_gradients(kind: Divergence) -> None:
    teacher = torch.tensor([[40.0, 0.0, -40.0, -40.0]])
    values, indices = teacher.topk(2, dim=-1)
    rounded = (values - values[:, :1]).half().float()
    student = torch.tensor([[60.0, -60.0, 0.0, 0.0]], requires_grad=True)
    log_sum = teacher.logsumexp(-1) - values[:, 0]
    loss = kept_divergence(kind, student, KeptLogits(rounded, indices, log_sum)).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


def test_gradients_do_not_reach_the_teacher_and_vanish_where_both_agree() -> None:
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    student, teacher = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    divergence("forward-kl", whole_buckets(student, teacher, 1.0)).sum().backward()
    assert teacher.grad is None
    assert student.grad.abs().max() < 1e-6


def test_cross_entropy_is_minus_the_log_probability() -> None:
    logits = torch.from_numpy(draw(0, 5)[0])[None]
    targets = torch.tensor([[4, 0, 2]])
    got = cross_entropy(logits, targets)
    for place, target in enumerate([4, 0, 2]):
        p = probabilities(logits[0, place].numpy(), 1.0)[target]
        assert got[0, place].item() == pytest.approx(-np.log(p))
