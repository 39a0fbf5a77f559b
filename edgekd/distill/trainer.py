"""The training loop, through Hugging Face accelerate: more devices are a launch command.

``accelerate launch --num_processes 4 -m edgekd run RECIPE`` splits each batch over the processes,
so that the step budget and the batch size stay what the recipe says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from edgekd.data.views import Views
from edgekd.errors import RunFailed

if TYPE_CHECKING:
    from accelerate import Accelerator

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Progress = Callable[[int, int], None]

_FINITE_CHECK_STEPS = 50


@dataclass(frozen=True)
class TrainingPlan:
    """One training run: AdamW, one cycle of learning rate (10 % warm-up, then cosine to zero).

    Source of the schedule: Smith and Topin 2018, "Super-Convergence".
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    seed: int


class TrainingBatches(Dataset[Batch]):
    """Whole batches of (input, teacher logits, label), indexed by ``view * samples + sample``.

    Args:
        views: the training inputs.
        labels: int64 ``[N]``, -1 where the label is not to be seen.
        teacher_logits: float32 ``[views, N, C]``, or ``None`` where no teacher is used.
    """

    def __init__(
        self,
        views: Views,
        labels: npt.NDArray[np.int64],
        teacher_logits: npt.NDArray[np.float32] | None,
    ) -> None:
        self._views = views
        self._labels = torch.from_numpy(labels)
        self._teacher = None if teacher_logits is None else torch.from_numpy(teacher_logits)

    def __getitems__(self, indices: list[int]) -> Batch:
        """The batch of these indices; one gather, not one call a sample."""
        codes = torch.tensor(indices)
        views, samples = codes // self._views.samples, codes % self._views.samples
        inputs = self._views.batch(views, samples)
        teacher = inputs.new_zeros(0) if self._teacher is None else self._teacher[views, samples]
        return inputs, teacher, self._labels[samples]


class RandomBatches(Sampler[list[int]]):
    """A fixed number of batches: every sample once before any twice, each time in a random view.

    Args:
        members: samples to draw from.
        samples: how many samples the views have in all.
        views: how many views each has.
        plan: step budget, batch size and seed.
    """

    def __init__(
        self, members: npt.NDArray[np.int64], samples: int, views: int, plan: TrainingPlan
    ) -> None:
        self._members = members
        self._samples = samples
        self._views = views
        self._plan = plan
        # accelerate reads these two to split batches over processes.
        self.batch_size = plan.batch_size
        self.drop_last = True

    def __len__(self) -> int:
        return self._plan.steps

    def __iter__(self) -> Iterator[list[int]]:
        draw = np.random.default_rng(self._plan.seed)
        pool = np.empty(0, dtype=np.int64)
        for _ in range(self._plan.steps):
            while len(pool) < self._plan.batch_size:
                pool = np.concatenate([pool, draw.permutation(self._members)])
            batch, pool = pool[: self._plan.batch_size], pool[self._plan.batch_size :]
            views = draw.integers(self._views, size=len(batch))
            yield cast(list[int], (views * self._samples + batch).tolist())


def train_network(
    network: torch.nn.Module,
    batches: TrainingBatches,
    sampler: RandomBatches,
    loss: Loss,
    plan: TrainingPlan,
    progress: Progress,
) -> torch.nn.Module:
    """Train a network and give it back unwrapped, on the CPU, in eval mode.

    Raises:
        RunFailed: the loss became NaN or infinite; the step and the learning rate are named.
    """
    accelerator = _accelerator()
    if plan.batch_size % accelerator.num_processes:
        raise RunFailed(
            f"a batch of {plan.batch_size} cannot be split over {accelerator.num_processes}"
            " processes",
            mend="choose a batch size that divides",
        )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.steps + 1, pct_start=0.1
    )
    # __getitems__ gives a whole batch, so there is nothing to collate.
    loader = DataLoader(batches, batch_sampler=sampler, collate_fn=_whole_batch)
    network.train()
    network, optimizer, loader = accelerator.prepare(network, optimizer, loader)
    for step, (inputs, teacher, labels) in enumerate(loader, start=1):
        optimizer.zero_grad()
        value = loss(network(inputs), teacher, labels)
        accelerator.backward(value)
        optimizer.step()
        schedule.step()
        if step % _FINITE_CHECK_STEPS == 0 or step == plan.steps:
            _check_finite(float(value.detach()), step, plan)
            progress(step, plan.steps)
    trained = accelerator.unwrap_model(network).cpu().eval()
    return cast(torch.nn.Module, trained)


def _whole_batch(batch: Any) -> Any:
    return batch


def _accelerator() -> Accelerator:
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    return Accelerator(
        cpu=not torch.cuda.is_available(),
        dataloader_config=DataLoaderConfiguration(split_batches=True),
    )


def _check_finite(value: float, step: int, plan: TrainingPlan) -> None:
    if not math.isfinite(value):
        raise RunFailed(
            f"the loss is {value} at step {step} with learning rate {plan.learning_rate:g}",
            mend="lower the learning rate",
        )
