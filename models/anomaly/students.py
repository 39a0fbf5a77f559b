"""Autoencoders of the anomaly task: images [N, 1, 28, 28] to images of the same shape."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def image_autoencoder(hidden: int = 32, bottleneck: int = 4, side: int = 28) -> nn.Module:
    """The autoencoder of MLPerf Tiny between a flattened image and an image again."""
    layers: list[nn.Module] = [nn.Flatten()]
    widths = (side * side, hidden, hidden, bottleneck, hidden, hidden)
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    layers += [nn.Linear(hidden, side * side), nn.Unflatten(1, (1, side, side))]
    return nn.Sequential(*layers)
