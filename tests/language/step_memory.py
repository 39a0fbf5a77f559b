"""Prints by how many bytes the memory of this process grows at its peak, for training steps."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

from edgekd.language.batches import LanguageBatch
from edgekd.language.network import Architecture, CausalLanguageModel
from edgekd.language.training import LanguageObjective, LanguageTraining, _optimizer

# glibc's M_MMAP_THRESHOLD: what is freed goes back to the system at once.
_MMAP_THRESHOLD = -3


def status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def step(model: CausalLanguageModel, optimizer: torch.optim.Optimizer, batch: int) -> None:
    context = model.architecture.context
    tokens = torch.randint(model.architecture.vocabulary, (batch, context + 1))
    weights = torch.full((batch, context), 1 / (batch * context))
    given = LanguageBatch(tokens[:, :-1], tokens[:, 1:], weights, True, None)
    optimizer.zero_grad()
    loss = LanguageObjective()(model(given.inputs), given)
    torch.autograd.backward(loss)
    optimizer.step()


def main(architecture: str, batch: int) -> None:
    torch.set_num_threads(1)
    ctypes.CDLL("libc.so.6").mallopt(_MMAP_THRESHOLD, 2**16)
    plan = LanguageTraining(steps=2, learning_rate=1e-4)
    small = Architecture.model_validate_json(architecture).model_copy(
        update={"layers": 1, "width": 8, "feed_forward": 8, "vocabulary": 16, "context": 4}
    )
    tiny = CausalLanguageModel(small)
    # Everything that torch makes at its first step.
    step(tiny, _optimizer(tiny, plan), 1)
    before = status("VmRSS")
    model = CausalLanguageModel(Architecture.model_validate_json(architecture))
    optimizer = _optimizer(model, plan)
    for _ in range(2):
        step(model, optimizer, batch)
    sys.stdout.write(f"{status('VmHWM') - before}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
