"""Which layers of a teacher a student keeps, by trying: the least missed one goes, again and again.

Layers do not add up: two that can each be spared may not be spared together. So after each layer
that goes all others are tried anew. Far better than any fixed pattern right after the cut, and it
costs about ``layers² / 4`` passes over a few windows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from edgekd.errors import BadInput
from edgekd.language.losses import cross_entropy
from edgekd.language.network import CausalLanguageModel, DecoderLayer, rotary_angles

Progress = Callable[[int, int], None]


def choose_layers(
    model: CausalLanguageModel, keep: int, calibration: torch.Tensor, progress: Progress
) -> list[int]:
    """Take away layer after layer, each time the one without which the loss is least.

    Args:
        model: not changed.
        keep: how many stay.
        calibration: int64 ``[B, T + 1]`` tokens of training text.
        progress: called with (done, total) layers taken away.

    Raises:
        BadInput: more than there are, or none.
    """
    layers = model.decoder_layers
    if not 1 <= keep <= len(layers):
        raise BadInput(f"{keep} of {len(layers)} layers cannot be kept", where="student.layers")
    left = list(range(len(layers)))
    # Not inference mode: in it, autocast would cast every weight anew each time.
    with torch.no_grad():
        while len(left) > keep:
            losses = _losses_without(model, [layers[number] for number in left], calibration)
            del left[losses.index(min(losses))]
            progress(len(layers) - len(left), len(layers) - keep)
    return left


def _losses_without(
    model: CausalLanguageModel, layers: list[DecoderLayer], calibration: torch.Tensor
) -> list[float]:
    """The loss without each one of some layers; what lies before it is computed once."""
    inputs, targets = calibration[:, :-1], calibration[:, 1:]
    positions = torch.arange(inputs.shape[1], device=inputs.device)
    angles = rotary_angles(model.architecture, positions)
    future = positions[:, None] < positions[None, :]
    before = model.embedding(inputs)
    losses = []
    for place, layer in enumerate(layers):
        hidden = before
        for later in layers[place + 1 :]:
            hidden = later(hidden, *angles, future)
        logits = model.output(model.norm(hidden)).float()
        losses.append(float(cross_entropy(logits, targets).mean()))
        before = layer(before, *angles, future)
    return losses
