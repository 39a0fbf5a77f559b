"""Networks of the keywords task: features [N, 1, 49, 10] (frames, coefficients), ten digits.

The student is ``ds_cnn`` of the zoo.
"""

from __future__ import annotations

from torch import nn


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def wide_teacher(width: int = 48, classes: int = 10) -> nn.Module:
    """Five convolutions, the first two halving time, pooled; 292,138 parameters by default."""
    return nn.Sequential(
        _block(1, width, stride=2),
        _block(width, 2 * width),
        _block(2 * width, 2 * width, stride=2),
        _block(2 * width, 2 * width),
        _block(2 * width, 2 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(2 * width, classes),
    )
