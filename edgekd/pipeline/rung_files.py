"""The folder of one rung at one seed: weights, outputs on held-out data, and facts.

``weights.safetensors`` are float32 weights (on the quantizer's grid where the rung was trained for
it), ``outputs.safetensors`` the logits that the rung gave in torch, ``rung.json`` the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json
from edgekd.networks import build_network, load_weights, save_weights
from edgekd.recipe import Network
from edgekd.records import Precision, Record

if TYPE_CHECKING:
    import torch

Logits = npt.NDArray[np.float32]

WEIGHT_BITS: dict[Precision, int] = {"fp32": 32, "fp16": 16, "int8": 8, "int8-qat": 8, "int4": 4}


class RungFacts(Record):
    """``rung.json``.

    Attributes:
        folded: batch normalization is folded into the stored weights.
        parameters: with batch normalization folded, as every artifact has it.
        bytes: of the weights at this precision; biases and scales count four bytes each.
        scheme: the precision in words.
        validation_accuracy: of the rung in torch, 0 to 1.
        learning_rate: it was trained with; null where nothing was trained.
        steps: it was trained for.
    """

    precision: Precision
    folded: bool
    parameters: int
    macs: int
    bytes: int
    scheme: str
    validation_accuracy: float
    learning_rate: float | None
    steps: int | None


@dataclass(frozen=True)
class RungOutputs:
    """Logits ``[n, classes]`` in torch.

    Attributes:
        test: of the rung at its precision, on the test set.
        test_float: of the same weights in float32; equal to ``test`` where nothing is quantized.
    """

    test: Logits
    test_float: Logits


def save_rung(
    folder: Path, network: torch.nn.Module, outputs: RungOutputs, facts: RungFacts
) -> None:
    """Write the three files."""
    from safetensors.numpy import save_file

    save_weights(network, folder / "weights.safetensors")
    save_file(
        {"test": outputs.test, "test_float": outputs.test_float},
        folder / "outputs.safetensors",
    )
    write_json(folder / "rung.json", facts.model_dump(mode="json"))


def load_facts(folder: Path) -> RungFacts:
    """Read ``rung.json``."""
    return RungFacts.model_validate(read_json(folder / "rung.json"))


def load_outputs(folder: Path) -> RungOutputs:
    """Read ``outputs.safetensors``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(folder / "outputs.safetensors")
        return RungOutputs(arrays["test"], arrays["test_float"])
    except (SafetensorError, KeyError, OSError) as error:
        raise RunFailed("the stored outputs are damaged", where=str(folder)) from error


def load_folded_network(folder: Path, spec: Network, file: Path) -> torch.nn.Module:
    """Rebuild a rung's float32 network with its batch normalization folded, in eval mode."""
    from edgekd.compress.folding import fold_batch_norm

    network = build_network(spec, file).eval()
    weights = folder / "weights.safetensors"
    if load_facts(folder).folded:
        folded = fold_batch_norm(network)
        load_weights(folded, weights)
        return folded.eval()
    load_weights(network, weights)
    return fold_batch_norm(network.eval()).eval()


def weight_bytes(network: torch.nn.Module, precision: Precision) -> int:
    """Bytes of a network's parameters: matrices and kernels at the precision, vectors at 4 bytes.

    The bits of int4 weights are packed two to a byte.
    """
    bits = WEIGHT_BITS[precision]
    vector_bits = min(32, max(16, bits)) if precision == "fp16" else 32
    total = sum(p.numel() * (bits if p.ndim > 1 else vector_bits) for p in network.parameters())
    return -(-total // 8)


def accuracy_of(logits: Logits, labels: npt.NDArray[np.int64]) -> float:
    """Share of samples whose largest logit is the label's."""
    return float((logits.argmax(axis=1) == labels).mean())


def calibration_inputs(dataset: Dataset, samples: int) -> npt.NDArray[np.float32]:
    """Preprocessed training inputs ``[n, ...]`` for calibration, spread evenly; never test data."""
    train = dataset.part_inputs("train")
    picks = np.linspace(0, len(train) - 1, min(samples, len(train))).astype(np.int64)
    return train[picks]
