"""Networks of the digits task: 8x8 grey images, NCHW, ten classes."""

from __future__ import annotations

from torch import nn


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def small_student(first: int = 6, second: int = 8, classes: int = 10) -> nn.Module:
    """Two convolutions, each halved by pooling, and a linear layer; 844 parameters."""
    return nn.Sequential(
        _block(1, first),
        nn.MaxPool2d(2),
        _block(first, second),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * 4, classes),
    )


def perceptron(hidden: int = 32, classes: int = 10) -> nn.Module:
    """Linear layers only, their inputs a multiple of 32: int4 can be grouped in every format."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def teacher(width: int = 24, classes: int = 10) -> nn.Module:
    """Two convolutions and two linear layers; 20,482 parameters at the default width."""
    return nn.Sequential(
        _block(1, width),
        nn.MaxPool2d(2),
        _block(width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(8 * width, 2 * width),
        nn.ReLU(),
        nn.Linear(2 * width, classes),
    )
