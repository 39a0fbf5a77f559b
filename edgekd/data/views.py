"""Augmented views that are a function of (view, sample), so that a teacher's answer can be kept.

Nothing is stored but a small table of parameters: the images are made batch by batch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.padding import without_padding
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


class Mix:
    """Which other sample is mixed into each view, and how much of it.

    Partners are drawn among samples of the same group, so that what trains on labels alone is
    never shown an unlabelled partner. View 0 stays unmixed.

    Args:
        largest: share of the partner at most, 0 to 0.5.
        groups: ``[N]``, samples with equal values may be mixed.
        views: how many views each sample has.
        seed: of the draw.
    """

    def __init__(self, largest: float, groups: npt.NDArray[Any], views: int, seed: int) -> None:
        import torch

        draw = np.random.default_rng([seed, 1])
        partners = np.tile(np.arange(len(groups)), (views, 1))
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group)
            for view in range(1, views):
                partners[view, members] = draw.permutation(members)
        shares = np.asarray(draw.uniform(0, largest, partners.shape), dtype=np.float32)
        shares[0] = 0
        self._partners = torch.from_numpy(partners)
        self._shares = torch.from_numpy(shares)

    def of(self, views: torch.Tensor, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Partner, int64 ``[B]``, and its share, float32 ``[B]``, of (view, sample) pairs."""
        return self._partners[views, samples], self._shares[views, samples]


class Views(ABC):
    """The training inputs, each in several fixed views.

    Args:
        mix: mixes another sample into each view, by the same view of it.
    """

    def __init__(self, mix: Mix | None = None) -> None:
        self.mix = mix

    @property
    @abstractmethod
    def views(self) -> int:
        """How many views each sample has."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def unmixed(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Preprocessed float32 inputs of (view, sample) pairs, int64 ``[B]`` each."""

    def batch(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Preprocessed float32 inputs of (view, sample) pairs as a network sees them."""
        inputs = self.unmixed(views, samples)
        if self.mix is None:
            return inputs
        partners, shares = self.mix.of(views, samples)
        shares = shares.reshape(-1, *[1] * (inputs.ndim - 1))
        return inputs.lerp(self.unmixed(views, partners), shares)


class ImageViews(Views):
    """Views made batch by batch from a table of affine parameters.

    Args:
        inputs: uint8 or float32 ``[N, ...]``, as stored; what is not an image has one view.
        table: from ``view_table``, for the same N.
        scale: from a stored value to [0, 1].
        mean: after scaling, shaped to broadcast over ``inputs``.
        std: likewise.
        mix: see ``Views``.
    """

    def __init__(
        self,
        inputs: npt.NDArray[Any],
        table: npt.NDArray[np.float32],
        scale: float,
        mean: npt.NDArray[np.float32],
        std: npt.NDArray[np.float32],
        mix: Mix | None = None,
    ) -> None:
        import torch

        super().__init__(mix)
        self._inputs = torch.from_numpy(inputs)
        self._table = torch.from_numpy(table)
        self._scale = scale
        self._mean = torch.from_numpy(mean)
        self._std = torch.from_numpy(std)

    @property
    def views(self) -> int:
        """How many views each sample has."""
        return len(self._table)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self._inputs)

    def unmixed(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Preprocessed float32 inputs of (view, sample) pairs, int64 ``[B]`` each."""
        scaled = self._inputs[samples].float() * self._scale
        if scaled.ndim == 4 and self.views > 1:
            scaled = _transform(scaled, self._table[views, samples])
        return (scaled - self._mean) / self._std


class StoredViews(Views):
    """Views that were rendered once, such as the features of changed audio clips.

    Args:
        rendered: float32 ``[views, N, ...]``, may be memory-mapped.
        mean: shaped to broadcast over ``rendered[0]``.
        std: likewise.
        mix: see ``Views``.
    """

    def __init__(
        self,
        rendered: npt.NDArray[np.float32],
        mean: npt.NDArray[np.float32],
        std: npt.NDArray[np.float32],
        mix: Mix | None = None,
    ) -> None:
        import torch

        super().__init__(mix)
        self._rendered = rendered
        self._mean = torch.from_numpy(mean)
        self._std = torch.from_numpy(std)

    @property
    def views(self) -> int:
        """How many views each sample has."""
        return len(self._rendered)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return int(self._rendered.shape[1])

    def unmixed(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Preprocessed float32 inputs of (view, sample) pairs, int64 ``[B]`` each."""
        import torch

        picked = torch.from_numpy(self._rendered[views.numpy(), samples.numpy()])
        return (picked - self._mean) / self._std


class TokenViews(Views):
    """Texts as token numbers, each view cut into tokens once.

    Args:
        tokens: int32 ``[views, N, T]``, 0 where a text has ended; may be memory-mapped.
        shorten: leave out the padding that no text of a batch needs.
    """

    def __init__(self, tokens: npt.NDArray[np.int32], *, shorten: bool) -> None:
        super().__init__()
        self._tokens = tokens
        self._shorten = shorten

    @property
    def views(self) -> int:
        """How many views each sample has."""
        return len(self._tokens)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return int(self._tokens.shape[1])

    def unmixed(self, views: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Token numbers of (view, sample) pairs, int32 ``[B, T]`` or shorter."""
        import torch

        picked = self._tokens[views.numpy(), samples.numpy()]
        return torch.from_numpy(without_padding(picked) if self._shorten else picked)


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
