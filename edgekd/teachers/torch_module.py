"""A teacher that is a torch module, trained here or loaded from safetensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgekd.data.views import Views
from edgekd.networks import run_network

if TYPE_CHECKING:
    import torch

_BATCH = 1000


def record_outputs(
    teacher: torch.nn.Module, views: Views, progress: Callable[[int, int], None]
) -> npt.NDArray[np.float32]:
    """Ask the teacher once about every view of every sample.

    Args:
        teacher: float inputs ``[N, ...]`` to logits ``[N, classes]``.
        views: the inputs that students will be trained on.
        progress: called with (views done, views in all).

    Returns:
        float32 logits ``[views, N, classes]``.

    Raises:
        RunFailed: an output is NaN or infinite.
    """
    import torch

    samples = torch.arange(views.samples)
    recorded = []
    for view in range(views.views):
        parts = [
            run_network(teacher, views.batch(torch.full_like(part, view), part).numpy())
            for part in torch.split(samples, _BATCH)
        ]
        recorded.append(np.concatenate(parts))
        progress(view + 1, views.views)
    return np.stack(recorded)
