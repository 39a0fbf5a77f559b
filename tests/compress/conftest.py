"""A small student with batch norms, trained for a moment on scikit-learn's digits."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from edgekd.compress.folding import fold_batch_norm

Digits = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

TRAINING_SAMPLES = 1200
STEPS = 150


def new_student() -> nn.Module:
    """Two convolutions with batch norm, a linear layer; takes ``[N, 1, 8, 8]``."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12 * 4 * 4, 10),
    )


def train(model: nn.Module, digits: Digits, steps: int, learning_rate: float) -> nn.Module:
    """Cross-entropy on the training samples, seeded; the model comes back in eval mode."""
    torch.set_num_threads(1)
    inputs, labels = map(torch.from_numpy, digits)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    draw = torch.Generator().manual_seed(0)
    model.train()
    for _ in range(steps):
        batch = torch.randint(TRAINING_SAMPLES, (64,), generator=draw)
        loss = functional.cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval()


def logits(model: nn.Module, inputs: npt.NDArray[np.float32]) -> torch.Tensor:
    """One forward pass without gradients."""
    with torch.no_grad():
        return model(torch.from_numpy(inputs))  # type: ignore[no-any-return]


def accuracy(model: nn.Module, digits: Digits) -> float:
    """Share of the samples after the training samples that are right."""
    inputs, labels = digits
    right = logits(model, inputs[TRAINING_SAMPLES:]).argmax(1).numpy() == labels[TRAINING_SAMPLES:]
    return float(right.mean())


@pytest.fixture(scope="session")
def digits() -> Digits:
    """Inputs float32 ``[1797, 1, 8, 8]`` and labels, shuffled."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    inputs = (data.data[order].reshape(-1, 1, 8, 8) / 8 - 1).astype(np.float32)
    return inputs, data.target[order].astype(np.int64)


@pytest.fixture(scope="session")
def calibration(digits: Digits) -> npt.NDArray[np.float32]:
    """Training inputs."""
    return digits[0][:256]


@pytest.fixture(scope="session")
def trained(digits: Digits) -> nn.Module:
    """The trained student, with its batch norms. Do not change it."""
    torch.manual_seed(0)
    return train(new_student(), digits, STEPS, 1e-2)


@pytest.fixture
def student(trained: nn.Module) -> nn.Module:
    """A folded copy of the trained student."""
    return fold_batch_norm(copy.deepcopy(trained))
