from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.distill.signals.features import (
    attention_transfer,
    energy_map,
    hint,
    relations,
    similarity,
)

Floats = npt.NDArray[np.float64]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
SEEDS = st.integers(0, 10_000)


def transfer(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return attention_transfer(energy_map(student), energy_map(teacher))


def both_relations(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return relations(student, teacher, distance=1.0, angle=2.0)


def draw(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 2, shape)


def tensors(*arrays: Floats) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays]


def huber(x: float, y: float) -> float:
    return 0.5 * (x - y) ** 2 if abs(x - y) <= 1 else abs(x - y) - 0.5


def pooled(features: Floats, height: int, width: int) -> Floats:
    """Adaptive average pooling of ``[..., H, W]``, cell by cell."""
    result = np.empty((*features.shape[:-2], height, width))
    rows, columns = features.shape[-2:]
    for y, x in itertools.product(range(height), range(width)):
        top, bottom = y * rows // height, -(-(y + 1) * rows // height)
        left, right = x * columns // width, -(-(x + 1) * columns // width)
        result[..., y, x] = features[..., top:bottom, left:right].mean(axis=(-2, -1))
    return result


def reference_transfer(student: Floats, teacher: Floats) -> float:
    height, width = np.minimum(student.shape[2:], teacher.shape[2:])
    total = 0.0
    for own, told in zip(student, teacher, strict=True):
        q_s = pooled((own**2).sum(axis=0) / len(own), height, width)
        q_t = pooled((told**2).sum(axis=0) / len(told), height, width)
        total += ((q_s / np.sqrt((q_s**2).sum()) - q_t / np.sqrt((q_t**2).sum())) ** 2).sum()
    return float(total / (len(student) * height * width))


def reference_similarity(student: Floats, teacher: Floats) -> float:
    graphs = []
    for features in (student, teacher):
        rows = features.reshape(len(features), -1)
        graph = rows @ rows.T
        graphs.append(np.array([row / np.sqrt((row**2).sum()) for row in graph]))
    return float(((graphs[0] - graphs[1]) ** 2).sum() / len(student) ** 2)


def reference_distance(student: Floats, teacher: Floats) -> float:
    pairs = list(itertools.permutations(range(len(student)), 2))

    def relative(features: Floats) -> list[float]:
        lengths = [np.linalg.norm((features[i] - features[j]).ravel()) for i, j in pairs]
        return [float(length / np.mean(lengths)) for length in lengths]

    losses = map(huber, relative(student), relative(teacher))
    return float(np.mean(list(losses))) if pairs else 0.0


def cosine(features: Floats, i: int, j: int, k: int) -> float:
    a, b = (features[i] - features[j]).ravel(), (features[k] - features[j]).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def reference_angle(student: Floats, teacher: Floats) -> float:
    losses = [
        huber(cosine(student, *triplet), cosine(teacher, *triplet))
        for triplet in itertools.permutations(range(len(student)), 3)
    ]
    return float(np.mean(losses)) if losses else 0.0


@settings(deadline=None)
@given(seed=SEEDS, sizes=st.lists(st.integers(1, 6), min_size=4, max_size=4))
def test_hint_against_the_definition(seed: int, sizes: list[int]) -> None:
    student, teacher = draw(seed, 3, 2, *sizes[:2]), draw(seed + 1, 3, 4, *sizes[2:])
    weights = draw(seed + 2, 4, 2)
    adapter = nn.Conv2d(2, 4, kernel_size=1, bias=False).double()
    adapter.weight = nn.Parameter(torch.from_numpy(weights[:, :, None, None]))
    height, width = min(sizes[0], sizes[2]), min(sizes[1], sizes[3])
    guess = np.einsum("oc,nchw->nohw", weights, pooled(student, height, width))
    expected = ((guess - pooled(teacher, height, width)) ** 2).sum() / guess.size
    own, told = tensors(student, teacher)
    assert hint(own, told, adapter).item() == pytest.approx(expected, rel=1e-9)


def test_hint_of_vectors_against_the_definition() -> None:
    student, teacher, weights = draw(0, 5, 3), draw(1, 5, 4), draw(2, 4, 3)
    own, told, matrix = tensors(student, teacher, weights)
    loss = hint(own, told, lambda values: values @ matrix.T)
    expected = ((student @ weights.T - teacher) ** 2).sum() / 20
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(
    seed=SEEDS,
    samples=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    sizes=st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
def test_attention_transfer_against_the_definition(
    seed: int, samples: int, channels: tuple[int, int], sizes: list[int]
) -> None:
    student = draw(seed, samples, channels[0], *sizes[:2])
    teacher = draw(seed + 1, samples, channels[1], *sizes[2:])
    expected = reference_transfer(student, teacher)
    assert transfer(*tensors(student, teacher)).item() == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


@settings(deadline=None)
@given(seed=SEEDS, samples=st.integers(1, 6))
def test_similarity_against_the_definition(seed: int, samples: int) -> None:
    student, teacher = draw(seed, samples, 2, 3, 2), draw(seed + 1, samples, 7)
    expected = reference_similarity(student, teacher)
    assert similarity(*tensors(student, teacher)).item() == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


@settings(deadline=None)
@given(seed=SEEDS, samples=st.integers(1, 6), width=st.integers(2, 5))
def test_relations_against_the_definition(seed: int, samples: int, width: int) -> None:
    student, teacher = draw(seed, samples, width), draw(seed + 1, samples, 2, 3)
    distance = relations(*tensors(student, teacher), distance=3.0, angle=0.0)
    angle = relations(*tensors(student, teacher), distance=0.0, angle=5.0)
    both = relations(*tensors(student, teacher), distance=3.0, angle=5.0)
    assert distance.item() == pytest.approx(
        3 * reference_distance(student, teacher), rel=1e-6, abs=1e-9
    )
    assert angle.item() == pytest.approx(5 * reference_angle(student, teacher), rel=1e-6, abs=1e-9)
    assert both.item() == pytest.approx(distance.item() + angle.item())


def test_relations_in_single_precision_far_from_the_origin() -> None:
    student, teacher = draw(0, 12, 40) + 300, draw(1, 12, 40) - 300
    loss = relations(
        *(values.float() for values in tensors(student, teacher)), distance=1.0, angle=1.0
    )
    expected = reference_distance(student, teacher) + reference_angle(student, teacher)
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@settings(deadline=None)
@given(seed=SEEDS, scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_relations_know_no_scale_and_no_shift(seed: int, scale: float, shift: float) -> None:
    student, teacher = tensors(draw(seed, 5, 4), draw(seed + 1, 5, 6))
    expected = both_relations(student, teacher)
    torch.testing.assert_close(
        both_relations(student, scale * teacher + shift), expected, rtol=1e-5, atol=1e-8
    )
    torch.testing.assert_close(
        both_relations(scale * student + shift, teacher), expected, rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("loss", [transfer, similarity, both_relations])
def test_the_order_of_the_samples_does_not_matter(loss: Loss) -> None:
    student, teacher = tensors(draw(0, 6, 2, 3, 3), draw(1, 6, 4, 3, 3))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(loss(student[order], teacher[order]), loss(student, teacher))


@pytest.mark.parametrize("loss", [transfer, similarity, both_relations])
def test_a_scaled_teacher_says_the_same(loss: Loss) -> None:
    teacher = torch.from_numpy(draw(1, 6, 4, 3, 3))
    assert loss(teacher, teacher).item() == pytest.approx(0, abs=1e-12)
    assert loss(7 * teacher, teacher).item() == pytest.approx(0, abs=1e-12)
    assert loss(teacher.flip(0), teacher).item() > 1e-6


def test_rotated_features_have_the_same_relations_and_similarities() -> None:
    teacher = torch.from_numpy(draw(1, 6, 4))
    rotation, _ = torch.linalg.qr(torch.from_numpy(draw(2, 4, 4)))
    assert both_relations(teacher @ rotation, teacher).item() == pytest.approx(0, abs=1e-12)
    assert similarity(teacher @ rotation, teacher).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("loss", [transfer, similarity, both_relations])
@pytest.mark.parametrize("case", ["zeros", "one sample dead", "twins", "large", "one sample"])
def test_degenerate_features_give_finite_losses_and_gradients(
    loss: Loss, case: str, dtype: torch.dtype
) -> None:
    teacher = torch.from_numpy(draw(0, 5, 2, 3, 3)).to(dtype)
    values = torch.from_numpy(draw(1, 5, 4, 3, 3)).to(dtype)
    if case == "zeros":
        values = torch.zeros_like(values)
    elif case == "one sample dead":
        values[2] = 0
    elif case == "twins":
        values[3] = values[1]
        teacher[2] = teacher[0]
    elif case == "large":
        # Squares of these are infinite in float16.
        values, teacher = values * 500, teacher * 500
    else:
        values, teacher = values[:1], teacher[:1]
    student = values.requires_grad_()
    result = loss(student, teacher)
    result.backward()
    assert result.dtype == torch.float32
    assert result.isfinite()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() < 1e3


@pytest.mark.parametrize("loss", [transfer, similarity, both_relations])
def test_the_gradient_is_that_of_the_loss(loss: Loss) -> None:
    student, teacher = tensors(draw(0, 5, 2, 3, 2), draw(1, 5, 3, 2, 2))
    assert torch.autograd.gradcheck(lambda values: loss(values, teacher), student.requires_grad_())


def test_equal_samples_span_no_angle() -> None:
    student, teacher = draw(0, 5, 4), draw(1, 5, 6)
    teacher[3] = teacher[1]
    with np.errstate(invalid="ignore"):
        losses = [
            huber(cosine(student, *triplet), np.nan_to_num(cosine(teacher, *triplet)))
            for triplet in itertools.permutations(range(5), 3)
        ]
    loss = relations(*tensors(student, teacher), distance=0.0, angle=1.0)
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_samples_that_only_rounding_tells_apart_are_equal(seed: int) -> None:
    teacher, twins = (values.float() for values in tensors(draw(seed, 6, 4), draw(seed + 1, 6, 4)))
    twins[3] = twins[1]
    nearly = twins.clone()
    nearly[3] += 1e-4
    torch.testing.assert_close(
        both_relations(nearly, teacher), both_relations(twins, teacher), rtol=1e-3, atol=0
    )
