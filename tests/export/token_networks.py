"""Small networks of texts, with weights that matter, and the texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgekd.networks import build_network
from edgekd.recipe import Network

ROOT = Path(__file__).resolve().parent.parent.parent
VOCABULARY, LENGTH, CLASSES = 3000, 12, 6
Tokens = npt.NDArray[np.int32]


def text_network(name: str, width: int = 32) -> nn.Module:
    """A network of the zoo whose tokens differ as much as trained ones do."""
    torch.manual_seed(0)
    own = {"layers": 1, "heads": 2} if name == "transformer" else {"hidden": 32}
    arguments = {"vocabulary": VOCABULARY, "length": LENGTH, "classes": CLASSES, "width": width}
    file = ROOT / "models" / "zoo" / "text.py"
    spec = Network(network=f"{file.name}:{name}", arguments={**arguments, **own})
    network = build_network(spec, file)
    with torch.no_grad():
        table = network.get_parameter("embedding.weight")
        table.normal_(std=0.5)
        table[0] = 0
    return network.eval()


def texts(count: int, seed: int) -> Tokens:
    """``[count, LENGTH]``, padded with 0."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, VOCABULARY, (count, LENGTH), dtype=np.int32)
    lengths = generator.integers(3, LENGTH + 1, count)
    tokens[np.arange(LENGTH)[None] >= lengths[:, None]] = 0
    return tokens
