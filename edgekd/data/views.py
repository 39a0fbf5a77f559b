"""Augmented views that are a function of (view, sample), so that a teacher's answer can be kept.

Nothing is stored but a small table of parameters: the images are made batch by batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.recipe import Augmentation

if TYPE_CHECKING:
    import torch

_COLUMNS = 5  # angle, shift in x, shift in y, size, mirror


def view_table(
    augmentation: Augmentation | None, views: int, samples: int, seed: int
) -> npt.NDArray[np.float32]:
    """Affine parameters of every view: float32 ``[views, samples, 5]``.

    View 0 is the sample itself.
    """
    table = np.zeros((views, samples, _COLUMNS), dtype=np.float32)
    table[..., 3:] = 1.0
    if augmentation is None:
        return table
    draw = np.random.default_rng(seed)
    bounds = np.array(
        [
            math.radians(augmentation.rotation),
            2 * augmentation.translation,  # affine_grid measures the side of an image as 2
            2 * augmentation.translation,
            augmentation.scaling,
        ]
    )
    table[1:, :, :4] += draw.uniform(-bounds, bounds, (views - 1, samples, 4)).astype(np.float32)
    if augmentation.flip:
        table[1:, :, 4] = draw.choice([-1.0, 1.0], (views - 1, samples))
    return table


class Views:
    """The training inputs, seen through a table of views.

    Args:
        inputs: uint8 or float32 ``[N, ...]``, as stored.
        table: from ``view_table``, for the same N.
        scale: from a stored value to [0, 1].
        mean: per channel, after scaling.
        std: per channel, after scaling.
    """

    def __init__(
        self,
        inputs: npt.NDArray[Any],
        table: npt.NDArray[np.float32],
        scale: float,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        import torch

        self._inputs = torch.from_numpy(inputs)
        self._table = torch.from_numpy(table)
        self._scale = scale
        shape = (1, -1, *([1] * (inputs.ndim - 2)))
        self._mean = torch.tensor(mean, dtype=torch.float32).reshape(shape)
        self._std = torch.tensor(std, dtype=torch.float32).reshape(shape)

    @property
    def views(self) -> int:
        """How many views each sample has."""
        return len(self._table)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self._inputs)

    def batch(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Preprocessed float32 inputs of (view, sample) pairs, int64 ``[B]`` each."""
        scaled = self._inputs[samples].float() * self._scale
        if scaled.ndim == 4 and self.views > 1:
            scaled = _transform(scaled, self._table[views, samples])
        return (scaled - self._mean) / self._std


def _transform(images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Rotate, scale, mirror and shift; what comes in from outside is 0."""
    import torch
    from torch.nn import functional

    angle, shift_x, shift_y, size, mirror = parameters.unbind(1)
    cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift_x], dim=1),
            torch.stack([sine * mirror, cosine, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
