"""The folder of one rung at one seed: weights, outputs on held-out data, and facts.

``weights.safetensors`` are float32 weights (on the quantizer's grid where the rung was trained for
it), ``outputs.safetensors`` what the rung gave in torch, ``rung.json`` the facts. A pruned rung has
``architecture.json`` beside them: the sizes of its layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json
from edgekd.measure.outcomes import outside_auc
from edgekd.networks import (
    count_macs,
    count_parameters,
    load_weights,
    run_network,
    save_weights,
)
from edgekd.records import Precision, Record

if TYPE_CHECKING:
    import torch

Logits = npt.NDArray[np.float32]

ARCHITECTURE = "architecture.json"
_WEIGHTS = "weights.safetensors"

WEIGHT_BITS: dict[Precision, int] = {"fp32": 32, "fp16": 16, "int8": 8, "int8-qat": 8, "int4": 4}


class RungFacts(Record):
    """``rung.json``.

    Attributes:
        folded: batch normalization is folded into the stored weights.
        parameters: with batch normalization folded, as every artifact has it; null where the
            teacher is only heard of.
        macs: null where they cannot be counted.
        bytes: of the weights at this precision; biases and scales count four bytes each.
        scheme: the precision in words.
        validation_accuracy: the task's metric of the rung in torch on validation data, 0 to 1;
            null where a teacher was not asked about it.
        learning_rate: it was trained with; null where nothing was trained.
        steps: it was trained for.
        outside_auc: how well it tells test samples from samples of no class, in torch; null where
            the data has none of these.
    """

    precision: Precision
    folded: bool
    parameters: int | None
    macs: int | None
    bytes: int | None
    scheme: str
    validation_accuracy: float | None
    learning_rate: float | None
    steps: int | None
    outside_auc: float | None = None


@dataclass(frozen=True)
class RungOutputs:
    """What a rung gave in torch: ``[n, classes]`` logits, or ``[n, ...]`` reconstructions.

    Attributes:
        test: of the rung at its precision, on the test set.
        test_float: of the same weights in float32; equal to ``test`` where nothing is quantized.
    """

    test: Logits
    test_float: Logits


def save_rung(
    folder: Path, network: torch.nn.Module, outputs: RungOutputs, facts: RungFacts
) -> None:
    """Write weights, outputs and facts."""
    save_weights(network, folder / _WEIGHTS)
    save_answers(folder, outputs, facts)


def save_answers(folder: Path, outputs: RungOutputs, facts: RungFacts) -> None:
    """Write outputs and facts; for a teacher whose weights are not here, that is all there is."""
    from safetensors.numpy import save_file

    save_file(
        {"test": outputs.test, "test_float": outputs.test_float},
        folder / "outputs.safetensors",
    )
    write_json(folder / "rung.json", facts.model_dump(mode="json"))


def save_float_rung(
    folder: Path,
    network: torch.nn.Module,
    dataset: Dataset,
    *,
    rate: float | None,
    steps: int | None,
    foldable: bool = True,
) -> None:
    """Run an fp32 network on held-out data and write its rung.

    Args:
        foldable: false: batch normalization is counted as it stands (a loaded teacher that cannot
            be traced).
    """
    from edgekd.compress.folding import fold_batch_norm

    validation = run_network(network, dataset.part_inputs("validation"))
    test = run_network(network, dataset.part_inputs("test"))
    # Counted as it is deployed, so that every rung of the ladder is counted alike.
    deployed = fold_batch_norm(network) if foldable else network
    facts = RungFacts(
        precision="fp32",
        folded=False,
        parameters=count_parameters(deployed),
        macs=count_macs(deployed, dataset.zeros(1)),
        bytes=weight_bytes(deployed, "fp32"),
        scheme="float32",
        validation_accuracy=metric_of(dataset, "validation", validation),
        learning_rate=rate,
        steps=steps,
        outside_auc=outside_auc_of(network, dataset, test),
    )
    save_rung(folder, network, RungOutputs(test, test), facts)


def outside_auc_of(network: torch.nn.Module, dataset: Dataset, test: Logits) -> float | None:
    """How well a network tells test samples, with these logits, from samples of no class."""
    if dataset.outside is None:
        return None
    return outside_auc(test, run_network(network, dataset.preprocess(dataset.outside)))


def metric_of(dataset: Dataset, part: str, outputs: Logits) -> float:
    """The task's metric of a network's outputs on a part of the data, 0 to 1."""
    return float(dataset.outcomes(part, outputs).mean())


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


def load_network(folder: Path, built: torch.nn.Module) -> torch.nn.Module:
    """A rung's own weights in a freshly built network, in eval mode, as it was trained."""
    resized = _resized(folder, built)
    load_weights(resized, folder / _WEIGHTS)
    return resized.eval()


def load_folded_network(folder: Path, built: torch.nn.Module) -> torch.nn.Module:
    """A rung's float32 network with its batch normalization folded, in eval mode.

    Args:
        folder: of the rung.
        built: the network as its function makes it; the weights are the rung's.
    """
    from edgekd.compress.folding import fold_batch_norm

    if not load_facts(folder).folded:
        return fold_batch_norm(load_network(folder, built)).eval()
    folded = fold_batch_norm(_resized(folder, built))
    load_weights(folded, folder / _WEIGHTS)
    return folded.eval()


def _resized(folder: Path, built: torch.nn.Module) -> torch.nn.Module:
    """The network at the widths of a pruned rung; as it is for any other."""
    architecture = folder / ARCHITECTURE
    if architecture.exists():
        from edgekd.compress.architecture import apply_architecture

        apply_architecture(built, read_json(architecture))
    return built.eval()


def weight_bytes(network: torch.nn.Module, precision: Precision) -> int:
    """Bytes of a network's parameters: matrices and kernels at the precision, vectors at 4 bytes.

    The bits of int4 weights are packed two to a byte.
    """
    bits = WEIGHT_BITS[precision]
    vector_bits = min(32, max(16, bits)) if precision == "fp16" else 32
    total = sum(p.numel() * (bits if p.ndim > 1 else vector_bits) for p in network.parameters())
    return -(-total // 8)


def calibration_inputs(dataset: Dataset, samples: int) -> npt.NDArray[Any]:
    """Preprocessed training inputs ``[n, ...]`` for calibration, spread evenly; never test data."""
    train = dataset.part_inputs("train")
    picks = np.linspace(0, len(train) - 1, min(samples, len(train))).astype(np.int64)
    return train[picks]
