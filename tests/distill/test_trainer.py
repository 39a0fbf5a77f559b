from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.data.views import ImageViews, TokenViews, Views, view_table
from edgekd.distill.batches import RandomBatches, TrainingBatches
from edgekd.distill.objective import Objective
from edgekd.distill.signals import SignalSum
from edgekd.distill.taps import Seen
from edgekd.distill.trainer import TrainingPlan, train_network
from edgekd.errors import RunFailed
from edgekd.recipe import Schedule, Training
from edgekd.recipe.signals import HiddenStates, Hint, SoftTargets

SAMPLES = 60


def problem() -> tuple[Views, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = (np.arange(SAMPLES) % 3).astype(np.int64)
    inputs = (draw.normal(0, 0.3, (SAMPLES, 4)) + np.eye(3, 4)[labels]).astype(np.float32)
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    return ImageViews(inputs, view_table(None, 1, SAMPLES, 0), 1.0, zero, one), labels


def sampler_of(plan: TrainingPlan) -> RandomBatches:
    return RandomBatches(
        np.arange(SAMPLES),
        SAMPLES,
        1,
        steps=plan.steps,
        batch_size=plan.batch_size,
        seed=plan.seed,
    )


def accuracy_of(network: nn.Module) -> float:
    views, labels = problem()
    inputs = views.batch(torch.zeros(SAMPLES, dtype=torch.int64), torch.arange(SAMPLES))
    return float((network(inputs).argmax(1).numpy() == labels).mean())


def train(plan: TrainingPlan) -> nn.Module:
    views, labels = problem()
    torch.manual_seed(plan.seed)
    steps: list[tuple[int, int]] = []
    network = train_network(
        nn.Linear(4, 3),
        TrainingBatches(views, labels),
        sampler_of(plan),
        Objective("classification"),
        plan,
        lambda done, total: steps.append((done, total)),
    )
    assert steps[-1] == (plan.steps, plan.steps)
    return network


def test_it_learns_and_repeats_itself() -> None:
    plan = TrainingPlan(steps=120, batch_size=20, learning_rate=0.1, weight_decay=0.0, seed=3)
    first, again = train(plan), train(plan)
    assert not first.training
    assert accuracy_of(first) > 0.9
    assert torch.equal(next(first.parameters()), next(again.parameters()))


class _Exploding(Objective):
    def forward(self, seen: Seen, batch: object) -> torch.Tensor:
        return seen.logits.sum() * 1e38 * 1e38 * 1e38


def test_a_loss_that_is_not_finite_stops_in_one_line() -> None:
    plan = TrainingPlan(steps=60, batch_size=20, learning_rate=0.5, weight_decay=0.0, seed=0)
    views, labels = problem()
    with pytest.raises(
        RunFailed, match=r"the loss is (inf|nan) at step 50 with learning rate 0\.5"
    ):
        train_network(
            nn.Linear(4, 3),
            TrainingBatches(views, labels),
            sampler_of(plan),
            _Exploding("classification"),
            plan,
            lambda done, total: None,
        )


@pytest.mark.parametrize(
    "options",
    [
        Training(schedule=Schedule(kind="cosine")),
        Training(schedule=Schedule(kind="step", milestones=[0.5]), optimizer="sgd"),
        Training(schedule=Schedule(kind="constant", warmup=0.0), average=0.9),
        Training(mixed_precision="bf16"),
    ],
    ids=["cosine", "step-sgd", "average", "bf16"],
)
def test_every_way_of_training_learns(options: Training) -> None:
    plan = TrainingPlan(150, 20, 0.05, 0.0, 1, options)
    network = train(plan)
    assert accuracy_of(network) > 0.9
    assert next(network.parameters()).dtype == torch.float32


def test_the_average_is_what_is_kept() -> None:
    """One step of SGD from known weights: the average lies between the two."""
    options = Training(
        optimizer="sgd", schedule=Schedule(kind="constant", warmup=0.0), average=0.75
    )
    plain = Training(optimizer="sgd", schedule=Schedule(kind="constant", warmup=0.0))
    two, one = (train(TrainingPlan(n, 20, 0.5, 0.0, 2, plain)).weight for n in (2, 1))
    kept = train(TrainingPlan(2, 20, 0.5, 0.0, 2, options)).weight
    # The average begins with the weights after the first step.
    torch.testing.assert_close(kept, 0.75 * one + 0.25 * two)


class _Pair(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Linear(4, width)
        self.head = nn.Linear(width, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(inputs).relu())


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "live"])
def test_adapters_are_trained_along(kept: bool) -> None:
    """The student's features come near the teacher's, whether these are kept or asked for."""
    torch.manual_seed(0)
    views, labels = problem()
    plan = TrainingPlan(300, 20, 0.05, 0.0, 0)
    teacher = train_network(
        _Pair(8),
        TrainingBatches(views, labels),
        sampler_of(plan),
        Objective("classification"),
        plan,
        lambda done, total: None,
    )
    every = views.batch(torch.zeros(SAMPLES, dtype=torch.int64), torch.arange(SAMPLES))

    def ask(inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return {"logits": teacher(inputs), "tap:body": teacher.body(inputs)}

    answers = {name: value.numpy()[None] for name, value in ask(every).items()} if kept else {}
    specs = [
        SoftTargets(kind="soft-targets"),
        Hint(kind="hint", teacher="body", student="body", weight=10.0),
    ]
    objective = Objective("classification", alpha=0.0, signals=SignalSum(specs, temperature=2.0))
    losses: list[float] = []

    def watch(network: nn.Module, _step: int) -> None:
        with torch.no_grad():
            losses.append(float((network(every) - teacher(every)).square().mean()))

    student = train_network(
        _Pair(4),
        TrainingBatches(views, labels, answers),
        sampler_of(plan),
        objective,
        TrainingPlan(**{**plan.__dict__, "watch_every": 100}),
        lambda done, total: None,
        teacher=None if kept else ask,
        watch=watch,
    )
    assert len(losses) == 3
    with torch.no_grad():
        agreement = (student(every).argmax(1) == teacher(every).argmax(1)).float().mean()
    assert agreement > 0.9
    assert sum(p.numel() for p in objective.parameters()) > 0


class _Bag(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, width, padding_idx=0)
        self.head = nn.Linear(width, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(tokens).mean(dim=1))


@pytest.mark.parametrize("options", [Training(), Training(mixed_precision="bf16")])
def test_token_numbers_are_learned_from_labels_and_hidden_states(options: Training) -> None:
    torch.manual_seed(0)
    labels = (np.arange(SAMPLES) % 3).astype(np.int64)
    draw = np.random.default_rng(0)
    tokens = draw.integers(1, 7, (SAMPLES, 6)) + 6 * labels[:, None]
    tokens[np.arange(6) >= draw.integers(2, 7, (SAMPLES, 1))] = 0
    views = TokenViews(tokens.astype(np.int32)[None], shorten=True)
    # Answers are kept about whole texts, while batches are cut to their longest one.
    states = draw.normal(size=(1, SAMPLES, 6, 3)).astype(np.float16)
    answers = {"logits": np.eye(3, dtype=np.float32)[labels][None], "tap:states": states}
    specs = [HiddenStates(kind="hidden-states", layers={"embedding": "states"}, weight=0.1)]
    batches = TrainingBatches(views, labels, answers)
    assert batches.__getitems__([4, 1]).inputs.dtype == torch.int32
    plan = TrainingPlan(100, 20, 0.05, 0.0, 0, options)
    network = train_network(
        _Bag(8),
        batches,
        sampler_of(plan),
        Objective("classification", alpha=0.5, signals=SignalSum(specs, temperature=1.0)),
        plan,
        lambda done, total: None,
    )
    with torch.no_grad():
        answers_now = network(torch.from_numpy(tokens)).argmax(1).numpy()
    assert (answers_now == labels).mean() > 0.9
    assert not network.embedding.weight[0].any()
