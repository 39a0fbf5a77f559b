from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from edgekd.distill.optimization import make_optimizer, make_schedule, rate_factor
from edgekd.recipe import Schedule, Training

KINDS = ("one-cycle", "cosine", "step", "constant")


def rates(schedule: Schedule, steps: int, rate: float = 0.1) -> list[float]:
    optimizer = make_optimizer(nn.Linear(2, 2), Training(), rate, 0.0)
    scheduler = make_schedule(optimizer, schedule, rate, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_every_schedule_stays_between_zero_and_the_rate(kind: str, warmup: float) -> None:
    found = rates(Schedule(kind=kind, warmup=warmup), 200)
    assert all(0 <= rate <= 0.1 + 1e-9 for rate in found)
    assert max(found) == pytest.approx(0.1, rel=1e-3)
    if warmup:
        assert found[0] < 0.02


@given(steps=st.integers(2, 500), warmup=st.floats(0, 0.9))
def test_cosine_is_the_closed_form(steps: int, warmup: float) -> None:
    schedule = Schedule(kind="cosine", warmup=warmup)
    edge = warmup * steps
    for step in range(steps):
        if step < edge:
            expected = (step + 1) / (edge + 1)
        else:
            expected = (1 + math.cos(math.pi * (step - edge) / max(1.0, steps - edge))) / 2
        assert rate_factor(schedule, step, steps) == pytest.approx(expected)


def test_steps_down_at_the_milestones() -> None:
    schedule = Schedule(kind="step", warmup=0.0, milestones=[0.5, 0.75], factor=0.1)
    factors = [rate_factor(schedule, step, 100) for step in (0, 49, 50, 74, 75, 99)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_frozen_weights_are_left_out() -> None:
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    optimizer = make_optimizer(network, Training(optimizer="sgd"), 0.1, 0.0)
    assert [p.shape for p in optimizer.param_groups[0]["params"]] == [torch.Size([2, 2])]
