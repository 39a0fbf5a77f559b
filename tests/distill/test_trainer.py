from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.data.views import Views, view_table
from edgekd.distill.losses import label_loss
from edgekd.distill.trainer import RandomBatches, TrainingBatches, TrainingPlan, train_network
from edgekd.errors import RunFailed

SAMPLES = 60


def problem() -> tuple[Views, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = (np.arange(SAMPLES) % 3).astype(np.int64)
    inputs = (draw.normal(0, 0.3, (SAMPLES, 4)) + np.eye(3, 4)[labels]).astype(np.float32)
    return Views(inputs, view_table(None, 1, SAMPLES, 0), 1.0, [0.0], [1.0]), labels


def train(plan: TrainingPlan) -> nn.Module:
    views, labels = problem()
    torch.manual_seed(plan.seed)
    steps: list[tuple[int, int]] = []
    network = train_network(
        nn.Linear(4, 3),
        TrainingBatches(views, labels, None),
        RandomBatches(np.arange(SAMPLES), SAMPLES, 1, plan),
        lambda student, _teacher, shown: label_loss(student, shown),
        plan,
        lambda done, total: steps.append((done, total)),
    )
    assert steps[-1] == (plan.steps, plan.steps)
    return network


def test_it_learns_and_repeats_itself() -> None:
    plan = TrainingPlan(steps=120, batch_size=20, learning_rate=0.1, weight_decay=0.0, seed=3)
    first, again = train(plan), train(plan)
    _, labels = problem()
    views, _ = problem()
    inputs = views.batch(torch.zeros(SAMPLES, dtype=torch.int64), torch.arange(SAMPLES))
    assert not first.training
    assert (first(inputs).argmax(1).numpy() == labels).mean() > 0.9
    assert torch.equal(next(first.parameters()), next(again.parameters()))


def test_a_loss_that_is_not_finite_stops_in_one_line() -> None:
    plan = TrainingPlan(steps=60, batch_size=20, learning_rate=0.5, weight_decay=0.0, seed=0)
    views, labels = problem()
    with pytest.raises(
        RunFailed, match=r"the loss is (inf|nan) at step 50 with learning rate 0\.5"
    ):
        train_network(
            nn.Linear(4, 3),
            TrainingBatches(views, labels, None),
            RandomBatches(np.arange(SAMPLES), SAMPLES, 1, plan),
            lambda student, _teacher, shown: label_loss(student, shown) * 1e38 * 1e38 * 1e38,
            plan,
            lambda done, total: None,
        )


def test_batches_cover_every_member_before_any_twice() -> None:
    plan = TrainingPlan(steps=7, batch_size=4, learning_rate=1.0, weight_decay=0.0, seed=0)
    members = np.array([2, 3, 5, 7])
    batches = list(RandomBatches(members, samples=10, views=3, plan=plan))
    assert len(batches) == 7
    for batch in batches:
        assert sorted(code % 10 for code in batch) == [2, 3, 5, 7]
        assert all(0 <= code // 10 < 3 for code in batch)


def test_teacher_logits_come_from_the_same_view() -> None:
    views, labels = problem()
    table = np.zeros((3, SAMPLES, 5), np.float32)
    views = Views(np.zeros((SAMPLES, 4), np.float32), table, 1.0, [0.0], [1.0])
    teacher = np.arange(3 * SAMPLES * 3, dtype=np.float32).reshape(3, SAMPLES, 3)
    batches = TrainingBatches(views, labels, teacher)
    _, logits, seen = batches.__getitems__([2 * SAMPLES + 7, 0, SAMPLES + 59])
    np.testing.assert_array_equal(logits.numpy(), teacher[[2, 0, 1], [7, 0, 59]])
    np.testing.assert_array_equal(seen.numpy(), labels[[7, 0, 59]])
