"""Networks of the mnist task: 28x28 grey images, NCHW, ten classes.

Padding is symmetric and pooling is exact, so that all three formats compute the same graph.
"""

from __future__ import annotations

from torch import nn


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def dense_student(first: int = 8, second: int = 11, classes: int = 10) -> nn.Module:
    """Two strided convolutions and a linear layer; 1,902 parameters at the default width.

    Dense convolutions, because depthwise ones lose a point or more at this size (a 3x3 kernel
    on 8 channels is already small) and train four times slower on a CPU.
    """
    return nn.Sequential(
        _block(1, first, stride=2),
        _block(first, second, stride=2),
        nn.MaxPool2d(3, stride=2),
        nn.Flatten(),
        nn.Linear(second * 9, classes),
    )


def wide_teacher(width: int = 32, classes: int = 10) -> nn.Module:
    """Four convolutions, the first strided, and a linear layer; 70,954 parameters by default."""
    return nn.Sequential(
        _block(1, width, stride=2),
        _block(width, width),
        nn.MaxPool2d(2),
        _block(width, 2 * width),
        _block(2 * width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(18 * width, classes),
    )
