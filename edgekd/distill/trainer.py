"""The training loop, through Hugging Face accelerate: more devices are a launch command.

``accelerate launch --num_processes 4 -m edgekd run RECIPE`` splits each batch over the processes,
so that the step budget and the batch size stay what the recipe says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from edgekd.distill.batches import RandomBatches, TrainingBatches
from edgekd.distill.objective import Batch, Objective, teacher_of
from edgekd.distill.optimization import make_optimizer, make_schedule
from edgekd.distill.taps import Tapped
from edgekd.errors import RunFailed
from edgekd.recipe import Training

if TYPE_CHECKING:
    from accelerate import Accelerator

Progress = Callable[[int, int], None]
Watch = Callable[[nn.Module, int], None]
LiveTeacher = Callable[[torch.Tensor], dict[str, torch.Tensor]]

_FINITE_CHECK_STEPS = 50


@dataclass(frozen=True)
class TrainingPlan:
    """One training run.

    Attributes:
        watch_every: steps between calls of ``watch``.
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int
    options: Training = field(default_factory=Training)
    watch_every: int = 0


class _Step(nn.Module):
    """Student and objective as one module, so that both are wrapped and trained together."""

    def __init__(self, student: Tapped, objective: Objective) -> None:
        super().__init__()
        self.student = student
        self.objective = objective

    def forward(self, batch: Batch) -> torch.Tensor:
        loss: torch.Tensor = self.objective(self.student(batch.inputs), batch)
        return loss


def train_network(
    network: nn.Module,
    batches: TrainingBatches,
    sampler: RandomBatches,
    objective: Objective,
    plan: TrainingPlan,
    progress: Progress,
    *,
    teacher: LiveTeacher | None = None,
    watch: Watch | None = None,
) -> nn.Module:
    """Train a network and give it back unwrapped, on the CPU, in eval mode.

    Args:
        network: trained in place.
        batches: inputs, labels and kept answers of the teacher.
        sampler: which batches, in which order.
        objective: the loss, with adapters that are trained along.
        plan: budget and options.
        progress: called with (done, total) steps.
        teacher: asked about each batch; null: the answers are in the batches.
        watch: called with the network as it would be given back, and the step; may raise to stop.

    Raises:
        RunFailed: the loss became NaN or infinite; the step and the learning rate are named.
    """
    accelerator = _accelerator(plan)
    if plan.batch_size % accelerator.num_processes:
        raise RunFailed(
            f"a batch of {plan.batch_size} cannot be split over {accelerator.num_processes}"
            " processes",
            mend="choose a batch size that divides",
        )
    # Convolutions are faster so on CPUs (a quarter, for depthwise ones) and on GPUs.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step_module = _Step(Tapped(network, objective.student_taps), objective)
    if objective.signals is not None:
        _adapt(step_module, batches, sampler, teacher)
    optimizer = make_optimizer(step_module, plan.options, plan.learning_rate, plan.weight_decay)
    schedule = make_schedule(optimizer, plan.options.schedule, plan.learning_rate, plan.steps)
    average = _average_of(network, plan.options)
    # __getitems__ gives a whole batch, so there is nothing to collate.
    loader = DataLoader(batches, batch_sampler=sampler, collate_fn=_whole_batch)
    step_module.train()
    wrapped, optimizer, loader = accelerator.prepare(step_module, optimizer, loader)
    for number, batch in enumerate(loader, start=1):
        if teacher is not None:
            batch = batch._replace(teacher=teacher(batch.inputs))
        optimizer.zero_grad()
        loss = wrapped(batch)
        accelerator.backward(loss)
        optimizer.step()
        schedule.step()
        if average is not None:
            average.update_parameters(network)
        if number % _FINITE_CHECK_STEPS == 0 or number == plan.steps:
            _check_finite(float(loss.detach()), number, plan)
            progress(number, plan.steps)
        if watch is not None and plan.watch_every and number % plan.watch_every == 0:
            watch((average.module if average else network).eval(), number)
            network.train()
    if average is not None:
        network.load_state_dict(average.module.state_dict())
    network.cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return network.eval()


def _adapt(
    step: _Step, batches: TrainingBatches, sampler: RandomBatches, teacher: LiveTeacher | None
) -> None:
    """Show the objective one batch, so that it can build its adapters."""
    batch = batches.__getitems__(next(iter(sampler)))
    if teacher is not None:
        batch = batch._replace(teacher=teacher(batch.inputs))
    step.eval()
    with torch.no_grad():
        step.objective.adapt(step.student(batch.inputs), teacher_of(batch))


def _average_of(network: nn.Module, options: Training) -> Any:
    if options.average is None:
        return None
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    return AveragedModel(
        network,
        multi_avg_fn=get_ema_multi_avg_fn(options.average),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )


def _whole_batch(batch: Any) -> Any:
    return batch


def _accelerator(plan: TrainingPlan) -> Accelerator:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DataLoaderConfiguration

    # It is shared by all Accelerators of a process, and holds the number format of the last.
    AcceleratorState._reset_state()
    try:
        return Accelerator(
            cpu=not torch.cuda.is_available(),
            mixed_precision=plan.options.mixed_precision,
            dataloader_config=DataLoaderConfiguration(split_batches=True),
        )
    except ValueError as error:
        raise RunFailed(
            f"{plan.options.mixed_precision} cannot be used here: {error}",
            where="training.mixed_precision",
            mend="use bf16 or no",
        ) from error


def _check_finite(value: float, step: int, plan: TrainingPlan) -> None:
    if not math.isfinite(value):
        raise RunFailed(
            f"the loss is {value} at step {step} with learning rate {plan.learning_rate:g}",
            mend="lower the learning rate",
        )
