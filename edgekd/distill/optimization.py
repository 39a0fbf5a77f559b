"""Optimizers and schedules of the learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import lr_scheduler

from edgekd.recipe import Schedule, Training

_MOMENTUM = 0.9


def make_optimizer(
    module: nn.Module, options: Training, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), or SGD with Nesterov momentum."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if options.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, learning_rate, _MOMENTUM, weight_decay=weight_decay, nesterov=True
        )
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)


def make_schedule(
    optimizer: torch.optim.Optimizer, schedule: Schedule, learning_rate: float, steps: int
) -> lr_scheduler.LRScheduler:
    """The learning rate over the steps; to be advanced once a step."""
    if schedule.kind == "one-cycle":
        return lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=steps + 1, pct_start=schedule.warmup or 1e-9
        )
    return lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(schedule, step, steps))


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at a step (0 is the first) of a linear warm-up and
    then a cosine to zero, steps down, or a constant.
    """
    warmup = schedule.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule.kind == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))
    if schedule.kind == "step":
        return float(schedule.factor ** sum(step >= share * steps for share in schedule.milestones))
    return 1.0
