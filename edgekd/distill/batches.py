"""Training batches: views of samples with their labels and what the teacher said about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from edgekd.data.views import Views
from edgekd.distill.objective import Batch


class TrainingBatches(Dataset[Batch]):
    """Whole batches, indexed by ``view * samples + sample``.

    Args:
        views: the training inputs.
        labels: int64 ``[N]``, -1 where the label is not to be seen.
        answers: what the teacher said, by name, each ``[views, N, ...]``, or ``[1, N, ...]`` where
            it is the same for every view; may be memory-mapped; read as float32.
    """

    def __init__(
        self,
        views: Views,
        labels: npt.NDArray[np.int64],
        answers: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        self._views = views
        self._labels = torch.from_numpy(labels)
        self._answers = dict(answers or {})
        self._none = torch.zeros(0)

    def __getitems__(self, indices: list[int]) -> Batch:
        """The batch of these indices; one gather, not one call a sample."""
        codes = torch.tensor(indices)
        views, samples = codes // self._views.samples, codes % self._views.samples
        partner_labels, shares = self._none.long(), self._none
        if self._views.mix is not None:
            partners, shares = self._views.mix.of(views, samples)
            partner_labels = self._labels[partners]
        return Batch(
            inputs=self._views.batch(views, samples),
            labels=self._labels[samples],
            partner_labels=partner_labels,
            partner_shares=shares,
            teacher={
                name: _gather(answers, views.numpy(), samples.numpy())
                for name, answers in self._answers.items()
            },
        )


def _gather(
    answers: npt.NDArray[Any], views: npt.NDArray[np.int64], samples: npt.NDArray[np.int64]
) -> torch.Tensor:
    picked = answers[views if len(answers) > 1 else np.zeros_like(views), samples]
    return torch.from_numpy(np.asarray(picked, dtype=np.float32))


class RandomBatches(Sampler[list[int]]):
    """A fixed number of batches: every sample once before any twice, each time in a random view.

    Args:
        members: samples to draw from.
        samples: how many samples the views have in all.
        views: how many views each has.
        steps: number of batches.
        batch_size: samples in each.
        seed: of the draw.
    """

    def __init__(
        self,
        members: npt.NDArray[np.int64],
        samples: int,
        views: int,
        *,
        steps: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self._members = members
        self._samples = samples
        self._views = views
        self._steps = steps
        self._seed = seed
        # accelerate reads these two to split batches over processes.
        self.batch_size = batch_size
        self.drop_last = True

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        draw = np.random.default_rng(self._seed)
        pool = np.empty(0, dtype=np.int64)
        for _ in range(self._steps):
            while len(pool) < self.batch_size:
                pool = np.concatenate([pool, draw.permutation(self._members)])
            batch, pool = pool[: self.batch_size], pool[self.batch_size :]
            views = draw.integers(self._views, size=len(batch))
            yield cast(list[int], (views * self._samples + batch).tolist())
